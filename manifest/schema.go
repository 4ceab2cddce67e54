package manifest

import (
	"encoding"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/google/jsonschema-go/jsonschema"
)

// Schema is the JSON Schema of ferry.yaml with the blocks of the given providers. It accepts every manifest all of whose
// values can be used; Load refuses more, such as a handler that does not exist.
func Schema(providers map[string]Blocks) ([]byte, error) {
	b := &schemaBuilder{providers: providers, names: slices.Sorted(maps.Keys(providers))}
	root, err := b.document()
	if err != nil {
		return nil, fmt.Errorf("making the schema of the manifest: %w", err)
	}
	data, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing the schema of the manifest: %w", err)
	}
	return append(data, '\n'), nil
}

type schemaBuilder struct {
	providers map[string]Blocks
	names     []string
}

// document composes the whole schema. The four kinds of block are definitions, because stages repeat them.
func (b *schemaBuilder) document() (*jsonschema.Schema, error) {
	function, err := b.function()
	if err != nil {
		return nil, err
	}
	releases, err := b.forType(reflect.TypeFor[Releases]())
	if err != nil {
		return nil, err
	}
	target, overlay, err := b.targets()
	if err != nil {
		return nil, err
	}
	const name = `^[a-z][a-z0-9-]{0,31}$`
	ref := func(def string) *jsonschema.Schema { return &jsonschema.Schema{Ref: "#/$defs/" + def} }
	named := func(description, def string) *jsonschema.Schema {
		return &jsonschema.Schema{
			Types: []string{"object", "null"}, Description: description,
			PropertyNames: &jsonschema.Schema{Pattern: name}, AdditionalProperties: orNull(ref(def)),
		}
	}
	described := func(s *jsonschema.Schema, description string) *jsonschema.Schema {
		s.Description = description
		return s
	}
	stage := object([]string{"defaults", "functions", "targets", "releases"}, map[string]*jsonschema.Schema{
		"defaults":  described(orNull(ref("function")), "Laid over the defaults."),
		"functions": named("Laid over the functions of the same names.", "function"),
		"targets":   named("Laid over the targets of the same names.", "targetOverlay"),
		"releases":  described(orNull(ref("releases")), "Laid over releases."),
	})
	functions := named("The functions by name. At least one, here or in the stage.", "function")
	root := object([]string{"service", "default_target", "defaults", "functions", "targets", "releases", "stages"}, map[string]*jsonschema.Schema{
		"service": described(interpolable(&jsonschema.Schema{Type: "string", Pattern: name}), "The name of the service."),
		"default_target": described(interpolable(&jsonschema.Schema{Type: "string", Pattern: name}),
			"The target that is used unless another one is chosen. Default: local."),
		"defaults":  described(orNull(ref("function")), "Settings of all functions."),
		"functions": functions,
		"targets":   named("Where to deploy to, by name. The target local exists without being named.", "target"),
		"releases":  described(orNull(ref("releases")), "Which releases are kept."),
		"stages":    named("What differs in a stage, by the stage's name.", "stage"),
	})
	root.Required = []string{"service"}
	root.AnyOf = someFunctions()
	root.Schema = "https://json-schema.org/draft/2020-12/schema"
	root.Title = "ferry.yaml"
	root.Description = "The manifest of a ferry service."
	root.Defs = map[string]*jsonschema.Schema{
		"function": function, "target": target, "targetOverlay": overlay, "releases": releases, "stage": stage,
		"text":          {Pattern: interpolationForm},
		"interpolation": {Type: "string", Pattern: `\$\{`, Ref: "#/$defs/text"},
	}
	return root, nil
}

// someFunctions demand functions, or a stage that may add them.
func someFunctions() []*jsonschema.Schema {
	some := &jsonschema.Schema{Type: "object", MinProperties: whole(1)}
	var all []*jsonschema.Schema
	for _, key := range []string{"functions", "stages"} {
		all = append(all, &jsonschema.Schema{Required: []string{key}, Properties: map[string]*jsonschema.Schema{key: some}})
	}
	return all
}

// function is the schema of a function's block. Nothing is required, because defaults and stages complete it.
func (b *schemaBuilder) function() (*jsonschema.Schema, error) {
	s, err := b.forType(reflect.TypeFor[functionBlock]())
	if err != nil {
		return nil, err
	}
	for _, name := range b.names {
		block, err := b.block(b.providers[name].Function)
		if err != nil {
			return nil, err
		}
		block.Description = "Settings for the provider " + name + " alone."
		s.Properties[name] = orNull(block)
		s.PropertyOrder = append(s.PropertyOrder, name)
	}
	return s, nil
}

// targets are the schemas of a target, whose provider decides about the rest, and of a stage's overlay, which need
// not repeat the provider.
func (b *schemaBuilder) targets() (target, overlay *jsonschema.Schema, err error) {
	enum := make([]any, len(b.names))
	for i, name := range b.names {
		enum[i] = name
	}
	provider := func() *jsonschema.Schema {
		return &jsonschema.Schema{Enum: enum, Description: "The provider of the target."}
	}
	target = &jsonschema.Schema{
		Type: "object", Required: []string{"provider"},
		Properties: map[string]*jsonschema.Schema{"provider": interpolable(provider())},
	}
	overlay = &jsonschema.Schema{Type: "object"}
	for _, name := range b.names {
		block, err := b.block(b.providers[name].Target)
		if err != nil {
			return nil, nil, err
		}
		block.Properties["provider"] = provider()
		is := any(name)
		target.AllOf = append(target.AllOf, &jsonschema.Schema{
			If:   &jsonschema.Schema{Properties: map[string]*jsonschema.Schema{"provider": {Const: &is}}},
			Then: block,
		})
		overlay.AnyOf = append(overlay.AnyOf, block.CloneSchemas())
	}
	return target, overlay, nil
}

// block is the schema of a provider's block.
func (b *schemaBuilder) block(prototype any) (*jsonschema.Schema, error) {
	s, err := b.forType(reflect.TypeOf(fresh(prototype)).Elem())
	if err == nil && s.Properties == nil {
		s.Properties = map[string]*jsonschema.Schema{}
	}
	return s, err
}

// forType is the schema of a struct, in which every key may be left out, null, or an interpolation.
func (b *schemaBuilder) forType(t reflect.Type) (*jsonschema.Schema, error) {
	own := ownSchemas()
	collect(t, own, map[reflect.Type]bool{})
	s, err := jsonschema.ForType(t, &jsonschema.ForOptions{TypeSchemas: own})
	if err != nil {
		return nil, err
	}
	constrain(t, s)
	s = loosen(s, orNull)
	complete(t, s)
	return s, nil
}

// ownSchemas are the schemas of types that are not written as their Go kind.
func ownSchemas() map[reflect.Type]*jsonschema.Schema {
	return map[reflect.Type]*jsonschema.Schema{
		reflect.TypeFor[Size]():     {Type: "string", Pattern: `^\d+(B|KB|MB|GB)$`, Examples: []any{"256MB", "1GB"}},
		reflect.TypeFor[Duration](): {Type: "string", Pattern: durationForm, Examples: []any{"30s", "5m"}},
		reflect.TypeFor[Runtime]():  {Type: "string", Pattern: `^(nodejs[1-9]\d|python3\.[1-9]\d?|go|java[1-9]\d?|dotnet[1-9]\d?|custom)$`, Examples: []any{"nodejs22", "python3.13", "go", "java21", "dotnet10", "custom"}},
		reflect.TypeFor[Style]():    {Enum: knownStyles(func(Style) bool { return true })},
		reflect.TypeFor[text]():     {Types: []string{"string", "number", "boolean"}},
		reflect.TypeFor[Node]():     {},
	}
}

// collect finds the types that read themselves: text for UnmarshalText, anything for UnmarshalJSON.
func collect(t reflect.Type, own map[reflect.Type]*jsonschema.Schema, seen map[reflect.Type]bool) {
	if seen[t] || own[t] != nil {
		return
	}
	seen[t] = true
	switch p := reflect.PointerTo(t); {
	case p.Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
		own[t] = &jsonschema.Schema{Types: []string{"string", "number", "boolean"}}
		return
	case p.Implements(reflect.TypeFor[json.Unmarshaler]()):
		own[t] = &jsonschema.Schema{}
		return
	}
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		collect(t.Elem(), own, seen)
	case reflect.Struct:
		for _, f := range reflect.VisibleFields(t) {
			collect(f.Type, own, seen)
		}
	}
}

// loosen lets every key of s and of what is in it be left out or an interpolation, and, unless it is of an item of a
// list, null: layers of the manifest merge, and lists replace.
func loosen(s *jsonschema.Schema, optional func(*jsonschema.Schema) *jsonschema.Schema) *jsonschema.Schema {
	s.Required = nil
	for key, p := range s.Properties {
		s.Properties[key] = optional(loosen(withoutNull(p), optional))
	}
	if s.AdditionalProperties != nil && !reflect.DeepEqual(s.AdditionalProperties, never()) {
		s.AdditionalProperties = optional(loosen(withoutNull(s.AdditionalProperties), optional))
	}
	if s.Items != nil {
		s.Items = loosen(withoutNull(s.Items), asItIs)
	}
	return interpolable(s)
}

func asItIs(s *jsonschema.Schema) *jsonschema.Schema { return s }

// withoutNull takes back the null that the Go type's pointers and lists bring.
func withoutNull(s *jsonschema.Schema) *jsonschema.Schema {
	if i := slices.Index(s.Types, "null"); i >= 0 {
		s.Types = slices.Delete(slices.Clone(s.Types), i, i+1)
	}
	if len(s.Types) == 1 {
		s.Type, s.Types = s.Types[0], nil
	}
	return s
}

// interpolable accepts ${…} in the place of a value that is not any text already.
func interpolable(s *jsonschema.Schema) *jsonschema.Schema {
	plainText := s.Type == "string" && s.Pattern == "" && s.Enum == nil || slices.Contains(s.Types, "string")
	anything := reflect.DeepEqual(s, &jsonschema.Schema{Description: s.Description})
	switch {
	case s.Type == "object" || s.Type == "array" || anything:
		return s
	case plainText:
		s.Ref = "#/$defs/text"
		return s
	}
	description := s.Description
	s.Description = ""
	return &jsonschema.Schema{Description: description, AnyOf: []*jsonschema.Schema{s, {Ref: "#/$defs/interpolation"}}}
}

// orNull also accepts null, which deletes what was inherited.
func orNull(s *jsonschema.Schema) *jsonschema.Schema {
	switch {
	case s.Type != "":
		s.Types, s.Type = []string{s.Type, "null"}, ""
	case len(s.Types) > 0:
		s.Types = append(s.Types, "null")
	case len(s.AnyOf) > 0:
		s.AnyOf = append(s.AnyOf, &jsonschema.Schema{Type: "null"})
	case s.Ref != "":
		return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{s, {Type: "null"}}}
	}
	return s
}

// object is a schema with these properties and no others.
func object(order []string, properties map[string]*jsonschema.Schema) *jsonschema.Schema {
	return &jsonschema.Schema{
		Type: "object", Properties: properties, PropertyOrder: order,
		AdditionalProperties: never(),
	}
}

// never accepts nothing.
func never() *jsonschema.Schema { return &jsonschema.Schema{Not: &jsonschema.Schema{}} }

package manifest

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"
)

// The forms of values, as regular expressions that JSON Schema and Go read alike.
const (
	// interpolationForm is text whose every interpolation is one that there is.
	interpolationForm = `^([^$]|\$+[^{$]|\$+$|\$\$+\{|\$\{(env:[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?|stage|target|service|git:sha)\})*$`
	durationForm      = `^\+?((\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h))+$`
	positiveForm      = `[1-9]` // of a duration
	memoryForm        = `^0*([1-9]\d{6,15}B|[1-9]\d{3,12}KB|[1-9]\d{0,9}MB|[1-9]\d{0,6}GB)$`
	variableForm      = `^[A-Za-z_][A-Za-z0-9_]*$`
	blankForm         = `^\s*$`
	outsideForm       = `^/|^[A-Za-z]:[/\\]|\\|(^|/)\.\.(/|$)|[\x00-\x1f]` // no path below the folder
	healthForm        = `^/([^/ #][^ #]*)?$`
	originForm        = `^(\*|https?://[^/?#\s]+)$`
	headerForm        = "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"
)

// pathForm is that of http.path: plain segments and {parameters}, a {rest...} at the end.
func pathForm() string {
	const name = `[A-Za-z_][A-Za-z0-9_]*`
	return `^(/([A-Za-z0-9._~!$&'()+,;=@-]+|\{` + name + `\}))*(/(\{` + name + `\.\.\.\})?)?$`
}

// cronForm is that of schedule.cron: five fields, each with its own numbers.
func cronForm() string {
	field := func(number string) string {
		item := fmt.Sprintf(`((\*|(%[1]s)-(%[1]s))(/0*[1-9]\d*)?|(%[1]s))`, number)
		return item + `(,` + item + `)*`
	}
	words := func(names ...string) string {
		var forms []string
		for _, name := range names {
			form := ""
			for _, letter := range name {
				form += "[" + string(letter) + strings.ToLower(string(letter)) + "]"
			}
			forms = append(forms, form)
		}
		return strings.Join(forms, "|")
	}
	return `^\s*` + strings.Join([]string{
		field(`0*[1-5]?\d`), field(`0*(1?\d|2[0-3])`), field(`0*([1-9]|[12]\d|3[01])`),
		field(`0*([1-9]|1[0-2])|` + words(monthNames...)), field(`0*[0-7]|` + words(dayNames...)),
	}, `\s+`) + `\s*$`
}

func number(f float64) *float64 { return &f }

func whole(n int) *int { return &n }

func enum(words ...string) []any {
	values := make([]any, len(words))
	for i, w := range words {
		values[i] = w
	}
	return values
}

// matching holds for text alone: a pattern says nothing of null, and what it holds for would be refused by its negation.
func matching(pattern string) *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", Pattern: pattern}
}

// constrain adds to the schema of a manifest's type what Go's types do not say of single values.
func constrain(t reflect.Type, s *jsonschema.Schema) {
	switch t {
	case reflect.TypeFor[Releases]():
		s.Properties["keep"].Minimum, s.Properties["archive"].Minimum = number(1), number(1)
	case reflect.TypeFor[functionBlock]():
		constrainFunction(s.Properties)
		constrainEvents(s.Properties["events"])
	}
}

func constrainFunction(p map[string]*jsonschema.Schema) {
	below := matching(outsideForm)
	for _, k := range []string{"source", "handler"} {
		p[k].MinLength, p[k].Not = whole(1), below
	}
	p["architecture"].Enum = enum("amd64", "arm64")
	p["payload"].Enum = enum("1.0", "2.0")
	p["memory"].Pattern = memoryForm
	positive := []*jsonschema.Schema{{Pattern: positiveForm}}
	p["timeout"].AllOf = positive
	variable := &jsonschema.Schema{Pattern: variableForm, Not: &jsonschema.Schema{Pattern: `^(FERRY_|PORT$)`}}
	for _, k := range []string{"env", "secrets"} {
		p[k].PropertyNames = variable
	}
	blank := matching(blankForm)
	p["secrets"].AdditionalProperties.Not = blank
	for _, k := range []string{"min", "max", "concurrency"} {
		p["scaling"].Properties[k].Minimum = number(0)
	}
	health := p["health"].Properties
	health["path"].Pattern, health["status"].Minimum, health["status"].Maximum = healthForm, number(100), number(599)
	health["timeout"].AllOf = positive
	build := p["build"].Properties
	build["include"].Items.MinLength, build["include"].Items.Not = whole(1), below
	for _, k := range []string{"exclude", "external"} {
		build[k].Items.Not = blank
	}
}

func constrainEvents(events *jsonschema.Schema) {
	events.Contains = &jsonschema.Schema{Required: []string{"http"}}
	events.MinContains, events.MaxContains = whole(0), whole(1)
	event := events.Items
	for _, kind := range event.PropertyOrder {
		event.OneOf = append(event.OneOf, &jsonschema.Schema{Required: []string{kind}})
	}
	for name, kind := range eventKinds() {
		keys := event.Properties[name].Properties
		if kind.constrain != nil {
			kind.constrain(keys)
		}
		if kind.resource {
			keys[kind.needs].Not = matching(blankForm)
		}
	}
}

func constrainHTTP(http map[string]*jsonschema.Schema) {
	http["path"].Pattern, http["path"].Not = pathForm(), matching(`(^|/)\.\.?(/|$)`)
	http["auth"].Enum = enum("public", "private")
	cors := http["cors"].Properties
	for _, methods := range []*jsonschema.Schema{http["methods"], cors["methods"]} {
		for _, m := range knownMethods {
			methods.Items.Enum = append(methods.Items.Enum, m, strings.ToLower(m))
		}
		methods.UniqueItems = true
	}
	cors["origins"].MinItems, cors["origins"].Items.Pattern = whole(1), originForm
	cors["headers"].Items.Pattern = headerForm
	yes, all := any(true), any("*")
	http["cors"].If = &jsonschema.Schema{Required: []string{"credentials"}, Properties: map[string]*jsonschema.Schema{"credentials": {Const: &yes}}}
	http["cors"].Then = &jsonschema.Schema{Properties: map[string]*jsonschema.Schema{
		"origins": {Items: &jsonschema.Schema{Not: &jsonschema.Schema{Const: &all}}},
	}}
}

// complete adds to the schema of a function what its values need together. An event is an item of a list, which
// replaces what it is laid over: it must be whole. All else may be completed by another layer.
func complete(t reflect.Type, s *jsonschema.Schema) {
	if t != reflect.TypeFor[functionBlock]() {
		return
	}
	event := s.Properties["events"].Items
	event.Properties["http"] = orNull(event.Properties["http"]) // "- http:" is every path
	event.Properties["http"].Properties["cors"].Required = []string{"origins"}
	for name, kind := range eventKinds() {
		if kind.needs != "" {
			event.Properties[name].Required = []string{kind.needs}
		}
	}
	http := &jsonschema.Schema{Required: []string{"http"}}
	s.AllOf = append(s.AllOf, styles()...)
	s.AllOf = append(s.AllOf,
		styled(knownStyles(without(ShapeEvent)), "events", &jsonschema.Schema{Items: http}),
		styled(knownStyles(without(ShapeHTTP)), "events", &jsonschema.Schema{Items: &jsonschema.Schema{Not: http}}),
		styled(enum(string(StyleServer)), "events", &jsonschema.Schema{Items: serverEvent()}),
		styled(knownStyles(func(s Style) bool { return s != StyleLambda }), "payload", &jsonschema.Schema{Type: "null"}),
		styled(enum(string(StyleLambda)), "scaling", &jsonschema.Schema{Properties: map[string]*jsonschema.Schema{
			"concurrency": {Maximum: number(1)},
		}}),
		&jsonschema.Schema{
			If: &jsonschema.Schema{
				Required: []string{"health", "events"},
				Properties: map[string]*jsonschema.Schema{
					"health": {Type: "object"}, "events": {Type: "array"},
				},
			},
			Then: &jsonschema.Schema{Properties: map[string]*jsonschema.Schema{"events": {Contains: http}}},
		})
}

// styled demands something of a key of blocks that name one of these styles.
func styled(styles []any, key string, then *jsonschema.Schema) *jsonschema.Schema {
	return &jsonschema.Schema{
		If:   &jsonschema.Schema{Required: []string{"style"}, Properties: map[string]*jsonschema.Schema{"style": {Enum: styles}}},
		Then: &jsonschema.Schema{Properties: map[string]*jsonschema.Schema{key: then}},
	}
}

// serverEvent is an event of a server, which routes its own requests.
func serverEvent() *jsonschema.Schema {
	return &jsonschema.Schema{Properties: map[string]*jsonschema.Schema{"http": {Properties: map[string]*jsonschema.Schema{
		"path": never(), "methods": never(), "cors": never(),
	}}}}
}

// styles demand of a block that names its runtime one of the styles of that language, a handler of its form, and that
// what is for Node is of Node.
func styles() []*jsonschema.Schema {
	var all []*jsonschema.Schema
	for _, l := range languages {
		var offered []string
		for _, s := range l.styles {
			offered = append(offered, string(s))
		}
		then := map[string]*jsonschema.Schema{"style": orNull(interpolable(&jsonschema.Schema{Enum: enum(offered...)}))}
		if l.name != "nodejs" {
			none := &jsonschema.Schema{Type: "null"}
			then["build"] = &jsonschema.Schema{Properties: map[string]*jsonschema.Schema{
				"bundle": none, "source_maps": none, "external": {AnyOf: []*jsonschema.Schema{none, {MaxItems: whole(0)}}},
			}}
		}
		if l.name == "go" {
			then["handler"] = &jsonschema.Schema{Not: matching(`\.go$`)}
		}
		all = append(all, &jsonschema.Schema{
			If:   &jsonschema.Schema{Required: []string{"runtime"}, Properties: map[string]*jsonschema.Schema{"runtime": matching("^" + l.name)}},
			Then: &jsonschema.Schema{Properties: then},
		})
	}
	return append(all, pythonHandler())
}

// pythonHandler demands module:attribute of a block that names a runtime of Python and a style that calls one.
func pythonHandler() *jsonschema.Schema {
	callable := &jsonschema.Schema{Type: "string", Not: matching("^server$|" + `\$\{`)}
	return &jsonschema.Schema{
		If: &jsonschema.Schema{
			Required:   []string{"runtime", "style"},
			Properties: map[string]*jsonschema.Schema{"runtime": matching("^python"), "style": callable},
		},
		Then: &jsonschema.Schema{Properties: map[string]*jsonschema.Schema{
			"handler": orNull(interpolable(matching(moduleAttr.String()))),
		}},
	}
}

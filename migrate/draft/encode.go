package draft

import (
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// encoded is a value as a node: a text, a number, a bool, a list, a map, or a struct with the tags of the library. The library's own
// Encode writes each value as text and reads that again, which for a long manifest takes longer than all else.
func encoded(v reflect.Value) *yaml.Node {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}
		}
		return encoded(v.Elem())
	case reflect.String:
		return scalar(v.String())
	case reflect.Float64:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!float", Value: strconv.FormatFloat(v.Float(), 'f', -1, 64)}
	case reflect.Bool:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: strconv.FormatBool(v.Bool())}
	case reflect.Slice:
		n := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
		for i := range v.Len() {
			n.Content = append(n.Content, encoded(v.Index(i)))
		}
		return n
	case reflect.Map:
		n := mapping()
		for _, key := range slices.Sorted(maps.Keys(keysOf(v))) {
			add(n, key, encoded(v.MapIndex(reflect.ValueOf(key))))
		}
		return n
	case reflect.Struct:
		return encodedStruct(v)
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: strconv.FormatInt(v.Int(), 10)}
}

func keysOf(v reflect.Value) map[string]bool {
	names := map[string]bool{}
	for _, key := range v.MapKeys() {
		names[key.String()] = true
	}
	return names
}

func encodedStruct(v reflect.Value) *yaml.Node {
	n := mapping()
	for i := range v.NumField() {
		tag := v.Type().Field(i).Tag.Get("yaml")
		name, options, _ := strings.Cut(tag, ",")
		if name == "-" || strings.Contains(options, "omitempty") && empty(v.Field(i)) {
			continue
		}
		value := encoded(v.Field(i))
		if strings.Contains(options, "flow") {
			value.Style = yaml.FlowStyle
		}
		add(n, name, value)
	}
	return n
}

func empty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Slice, reflect.Map:
		return v.Len() == 0
	}
	return v.IsZero()
}

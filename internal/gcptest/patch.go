package gcptest

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
)

// patch writes the fields of a mask from one value into another of the same type, and says which they were, as the type has
// them. Whether all may be written is for the caller to say.
func patch[T any](into *T, from T, mask string, refused func(path string) error) ([]string, error) {
	var fields []string
	target, source := reflect.ValueOf(into).Elem(), reflect.ValueOf(from)
	for path := range strings.SplitSeq(mask, ",") {
		name, rest, nested := strings.Cut(camel(strings.TrimSpace(path)), ".")
		i := fieldOf(target.Type(), name)
		if i < 0 {
			return nil, refused(path)
		}
		if !nested {
			target.Field(i).Set(source.Field(i))
		} else if err := patchNested(target.Field(i), source.Field(i), rest); err != nil {
			return nil, refused(path)
		}
		fields = append(fields, name)
	}
	return fields, nil
}

// patchNested writes one field of a structure in a structure.
func patchNested(target, source reflect.Value, path string) error {
	if target.Kind() != reflect.Pointer || target.Type().Elem().Kind() != reflect.Struct {
		return errors.New("no structure")
	}
	name, rest, nested := strings.Cut(path, ".")
	i := fieldOf(target.Type().Elem(), name)
	if i < 0 {
		return errors.New("no such field")
	}
	changed := reflect.New(target.Type().Elem())
	if !target.IsNil() {
		changed.Elem().Set(target.Elem())
	}
	from := reflect.Zero(target.Type().Elem())
	if !source.IsNil() {
		from = source.Elem()
	}
	target.Set(changed)
	if nested {
		return patchNested(changed.Elem().Field(i), from.Field(i), rest)
	}
	changed.Elem().Field(i).Set(from.Field(i))
	return nil
}

// fieldOf finds a field by its name in JSON.
func fieldOf(t reflect.Type, name string) int {
	for i := range t.NumField() {
		if tag, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ","); tag == name && tag != "-" {
			return i
		}
	}
	return -1
}

// copyOf is a value of an API that shares nothing with the first.
func copyOf[T any](v T) T {
	var out T
	data, _ := json.Marshal(v) // types of the APIs always encode
	_ = json.Unmarshal(data, &out)
	return out
}

// merged is a value with a JSON document merged into it: what is null there is taken away (RFC 7396).
func merged[T any](v T, document []byte) (T, error) {
	var base, change, out any
	var next T
	data, _ := json.Marshal(v) // types of the APIs always encode
	_ = json.Unmarshal(data, &base)
	if err := json.Unmarshal(document, &change); err != nil {
		return next, err
	}
	out = merge(base, change)
	data, _ = json.Marshal(out)
	return next, json.Unmarshal(data, &next)
}

func merge(base, change any) any {
	changes, ok := change.(map[string]any)
	if !ok {
		return change
	}
	fields, ok := base.(map[string]any)
	if !ok {
		fields = map[string]any{}
	}
	for name, value := range changes {
		if value == nil {
			delete(fields, name)
		} else {
			fields[name] = merge(fields[name], value)
		}
	}
	return fields
}

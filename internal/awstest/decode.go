package awstest

import (
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// typed makes an operation of a function that takes the SDK's own input type, so that the official model says which
// members there are.
func typed[In any](run func(*Cloud, *In) (any, error)) func(*Cloud, *request) (any, error) {
	return func(c *Cloud, r *request) (any, error) {
		var in In
		if err := r.decode(&in); err != nil {
			return nil, err
		}
		return run(c, &in)
	}
}

// decode fills an input from path, query string and body. What the input has no member for is an error.
func (r *request) decode(in any) error {
	tree, err := r.tree()
	if err != nil {
		return err
	}
	s := r.op.service
	return fill(reflect.ValueOf(in).Elem(), tree, "", s.casing)
}

func (r *request) tree() (map[string]any, error) {
	tree := map[string]any{}
	s := r.op.service
	if s.protocol == query {
		return formTree(r.form)
	}
	maps.Copy(tree, r.members)
	if r.members == nil && len(r.body) > 0 {
		return nil, errors.New("the body is no JSON object")
	}
	if s.protocol != restJSON {
		return tree, nil
	}
	for name, values := range r.form {
		switch {
		case strings.HasSuffix(r.op.route, "?"+name+"="+values[0]):
		case name == "tagKeys":
			tree["TagKeys"] = toAny(values)
		case name == "ScheduleGroup":
			tree["GroupName"] = values[0]
		default:
			tree[strings.ToUpper(name[:1])+name[1:]] = values[0]
		}
	}
	for name, value := range r.vars {
		if _, twice := tree[name]; twice {
			return nil, fmt.Errorf("member %s is in the path and in the body", name)
		}
		tree[name] = value
	}
	return tree, nil
}

func toAny(values []string) []any {
	out := make([]any, len(values))
	for i, v := range values {
		out[i] = v
	}
	return out
}

// formTree unfolds the names of the query protocol: "Tags.member.1.Key", "Attributes.entry.1.key".
func formTree(form url.Values) (map[string]any, error) {
	tree := map[string]any{}
	for name, values := range form {
		if name == "Action" || name == "Version" {
			continue
		}
		node := tree
		parts := strings.Split(name, ".")
		for _, part := range parts[:len(parts)-1] {
			next, ok := node[part].(map[string]any)
			if !ok {
				next = map[string]any{}
				node[part] = next
			}
			node = next
		}
		node[parts[len(parts)-1]] = values[0]
	}
	unfolded, _ := unfold(tree).(map[string]any)
	return unfolded, nil
}

func unfold(v any) any {
	node, ok := v.(map[string]any)
	if !ok {
		return v
	}
	if members, ok := node["member"].(map[string]any); ok {
		list := make([]any, len(members))
		for i := range list {
			list[i] = unfold(members[strconv.Itoa(i+1)])
		}
		return list
	}
	if entries, ok := node["entry"].(map[string]any); ok {
		out := map[string]any{}
		for _, entry := range entries {
			if e, ok := entry.(map[string]any); ok {
				key, _ := e["key"].(string)
				out[key] = e["value"]
			}
		}
		return out
	}
	for name, value := range node {
		node[name] = unfold(value)
	}
	return node
}

// fill puts what came over the wire into a value. The path is for errors.
func fill(v reflect.Value, raw any, path string, as casing) error {
	if raw == nil {
		return nil
	}
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		return fill(v.Elem(), raw, path, as)
	}
	if v.Type() == reflect.TypeFor[time.Time]() {
		seconds, ok := raw.(float64)
		if !ok {
			return fmt.Errorf("%s is no time: %v", path, raw)
		}
		v.Set(reflect.ValueOf(time.UnixMilli(int64(seconds * 1000)).UTC()))
		return nil
	}
	switch v.Kind() {
	case reflect.Struct:
		return fillStruct(v, raw, path, as)
	case reflect.Map:
		return fillMap(v, raw, path, as)
	case reflect.Slice:
		return fillSlice(v, raw, path, as)
	}
	return fillScalar(v, raw, path)
}

func fillStruct(v reflect.Value, raw any, path string, as casing) error {
	members, ok := raw.(map[string]any)
	if !ok {
		return fmt.Errorf("%s is no structure: %v", path, raw)
	}
	for name, value := range members {
		field, ok := v.Type().FieldByName(upper.wire(name))
		if !ok || !field.IsExported() || as.wire(name) != name {
			return fmt.Errorf("there is no member %q in %s", strings.TrimPrefix(path+"."+name, "."), v.Type().Name())
		}
		if err := fill(v.FieldByIndex(field.Index), value, path+"."+name, as); err != nil {
			return err
		}
	}
	return nil
}

func fillMap(v reflect.Value, raw any, path string, as casing) error {
	members, ok := raw.(map[string]any)
	if !ok {
		return fmt.Errorf("%s is no map: %v", path, raw)
	}
	v.Set(reflect.MakeMap(v.Type()))
	for key, value := range members {
		element := reflect.New(v.Type().Elem()).Elem()
		if err := fill(element, value, path+"."+key, as); err != nil {
			return err
		}
		v.SetMapIndex(reflect.ValueOf(key).Convert(v.Type().Key()), element)
	}
	return nil
}

func fillSlice(v reflect.Value, raw any, path string, as casing) error {
	if text, ok := raw.(string); ok && v.Type().Elem().Kind() == reflect.Uint8 {
		data, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		v.SetBytes(data)
		return nil
	}
	items, ok := raw.([]any)
	if !ok {
		return fmt.Errorf("%s is no list: %v", path, raw)
	}
	v.Set(reflect.MakeSlice(v.Type(), len(items), len(items)))
	for i, item := range items {
		if err := fill(v.Index(i), item, fmt.Sprintf("%s[%d]", path, i), as); err != nil {
			return err
		}
	}
	return nil
}

// fillScalar takes text for numbers and booleans too: paths and forms have nothing else.
func fillScalar(v reflect.Value, raw any, path string) error {
	text := fmt.Sprint(raw)
	if n, ok := raw.(float64); ok {
		text = strconv.FormatFloat(n, 'f', -1, 64)
	}
	var err error
	switch v.Kind() {
	case reflect.String:
		if _, ok := raw.(string); !ok {
			err = fmt.Errorf("%v is no string", raw)
		}
		v.SetString(text)
	case reflect.Bool:
		var b bool
		b, err = strconv.ParseBool(text)
		v.SetBool(b)
	case reflect.Int32, reflect.Int64:
		var n int64
		n, err = strconv.ParseInt(text, 10, v.Type().Bits())
		v.SetInt(n)
	case reflect.Float64:
		var f float64
		f, err = strconv.ParseFloat(text, 64)
		v.SetFloat(f)
	default:
		err = fmt.Errorf("a %s cannot be filled", v.Kind())
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// page cuts one page out of a list that is in order. The marker is the number of the first item.
func page[T any](items []T, marker *string, limit int) ([]T, *string) {
	start := 0
	if marker != nil {
		start, _ = strconv.Atoi(*marker)
	}
	start = min(start, len(items))
	end := min(start+limit, len(items))
	part := append([]T{}, items[start:end]...) // an empty list, not none
	if end == len(items) {
		return part, nil
	}
	return part, new(strconv.Itoa(end))
}

// limit is how many items a page has: what was asked for, up to what the service gives.
func limit(asked *int32, most int) int {
	if asked == nil || *asked <= 0 {
		return most
	}
	return min(int(*asked), most)
}

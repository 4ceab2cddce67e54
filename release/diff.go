package release

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/manifest"
)

// hidden stands for a value that is not shown.
const hidden = "•••"

// diff lists the fields in which two functions differ, sorted by path; a nil old is a new function.
func diff(old, now *FunctionRecord) []FieldChange {
	before, after := fields(old), fields(now)
	masked := map[string]bool{}
	for _, f := range []*FunctionRecord{old, now} {
		if f != nil {
			for _, name := range f.Function.Masked {
				masked["env."+name] = true
			}
		}
	}
	all := maps.Clone(before)
	maps.Copy(all, after)
	changes := []FieldChange{}
	for _, path := range slices.Sorted(maps.Keys(all)) {
		from, to := before[path], after[path]
		if reflect.DeepEqual(from, to) {
			continue
		}
		if masked[path] {
			from, to = mask(from), mask(to)
		}
		changes = append(changes, FieldChange{Path: path, From: from, To: to})
	}
	return changes
}

func mask(v any) any {
	if v == nil {
		return nil
	}
	return hidden
}

// fields is a function as a map from path to scalar: "env.LOG_LEVEL", "events[0].http.path", and "code".
func fields(f *FunctionRecord) map[string]any {
	flat := map[string]any{}
	if f == nil {
		return flat
	}
	walk("", settings(f.Function), func(path string, v any) any {
		flat[path] = v
		return v
	})
	for name, ref := range f.Secrets {
		flat["secrets."+name] = ref
	}
	flat["code"] = short(f.Artifact.Digest)
	if f.Base != "" {
		flat["base"] = f.Base
	}
	return flat
}

// settings is all that a function is configured to, as JSON knows it.
func settings(fn manifest.Function) map[string]any {
	data, err := json.Marshal(fn)
	if err != nil {
		panic(fmt.Sprintf("a function always has a JSON form: %v", err))
	}
	var tree map[string]any
	if err := json.Unmarshal(data, &tree); err != nil {
		panic(fmt.Sprintf("a function's JSON form is an object: %v", err))
	}
	delete(tree, "name")
	delete(tree, "masked")
	delete(tree, "varying")
	return tree
}

// walk replaces every scalar by what visit makes of it.
func walk(path string, v any, visit func(path string, v any) any) any {
	switch v := v.(type) {
	case map[string]any:
		for key, child := range v {
			v[key] = walk(strings.TrimPrefix(path+"."+key, "."), child, visit)
		}
		return v
	case []any:
		for i, child := range v {
			v[i] = walk(fmt.Sprintf("%s[%d]", path, i), child, visit)
		}
		return v
	}
	return visit(path, v)
}

// short is a digest for people: twelve hex digits.
func short(digest string) string {
	_, hex, _ := strings.Cut(digest, ":")
	return hex[:min(12, len(hex))]
}

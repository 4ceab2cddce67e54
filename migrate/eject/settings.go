package eject

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
)

// leaf is one value that a manifest sets.
type leaf struct {
	path    string // as the manifest writes it
	setting string // as Said does
}

// unspoken is what is said of a setting of which the adapter says nothing.
const unspoken = "ferry does not say it in the words of this tool"

// ours is what holds for every provider, where the adapter says nothing else.
func ours() []providers.Said {
	const deploys = "it is how ferry makes releases: the tool has a way of its own"
	return []providers.Said{
		{Setting: "name", To: "the names of what belongs to the function"},
		{Setting: "source", To: "the package"},
		{Setting: "build", To: "the package"},
		{Setting: "handler", To: "the package"},
		{Setting: "style", To: "the package"},
		{Setting: "payload", To: "the package"},
		{Setting: "health", Reason: "it is the check that ferry makes after a deploy: make it in your pipeline"},
		{Setting: "releases", Reason: deploys},
	}
}

// account says of every setting of the manifest what became of it.
func account(m *manifest.Manifest, specs []providers.Spec, e providers.Ejection) (Report, error) {
	r := Report{Format: e.Format, Steps: e.Steps, Mapped: []Mapped{}, Unmapped: []Unmapped{}, Files: []string{}}
	all, err := settings(m, specs)
	if err != nil {
		return r, err
	}
	r.Settings = len(all)
	table := append(ours(), e.Said...)
	for _, l := range all {
		switch said := about(table, l.setting); {
		case said.To != "":
			r.Mapped = append(r.Mapped, Mapped{Path: l.path, To: said.To})
		case said.Reason != "":
			r.Unmapped = append(r.Unmapped, Unmapped{Path: l.path, Reason: said.Reason})
		default:
			r.Unmapped = append(r.Unmapped, Unmapped{Path: l.path, Reason: unspoken})
		}
	}
	return r, nil
}

// about is what is said of a setting: of two that are about it the longer one, and of equal ones the later.
func about(table []providers.Said, setting string) providers.Said {
	var found providers.Said
	for _, s := range table {
		rest, ok := strings.CutPrefix(setting, s.Setting)
		if ok && (rest == "" || rest[0] == '.' || rest[0] == '[') && len(s.Setting) >= len(found.Setting) {
			found = s
		}
	}
	return found
}

// settings are all values that are set, those of the target first.
func settings(m *manifest.Manifest, specs []providers.Spec) ([]leaf, error) {
	var all []leaf
	target, err := plain(m.Target.Config)
	if err != nil {
		return nil, err
	}
	shared := map[string]bool{} // keys of the target that are defaults of its functions, where they are listed
	for _, s := range specs {
		fn := s.Function
		fn.Masked, fn.Varying = nil, nil // they tell where values come from
		value, err := plain(fn)
		if err != nil {
			return nil, err
		}
		if block, ok := value.(map[string]any)["config"].(map[string]any); ok {
			for key := range block {
				shared[key] = true
			}
		}
		all = walk(all, "functions."+fn.Name, "", m.Target.Provider, value)
	}
	if block, ok := target.(map[string]any); ok {
		maps.DeleteFunc(block, func(key string, _ any) bool { return shared[key] })
	}
	all = append(walk(nil, "targets."+m.Target.Name, "target", "", target), all...)
	if m.Releases != (manifest.Releases{Keep: 20, Archive: 100}) { // the defaults
		all = append(all, leaf{"releases", "releases"})
	}
	return all, nil
}

// plain is a value as JSON has it.
func plain(v any) (any, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var value any
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	return value, d.Decode(&value)
}

// walk adds the values below one, but for those that say nothing.
func walk(all []leaf, path, setting, provider string, value any) []leaf {
	switch v := value.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			named := key
			if setting == "" && key == "config" {
				named = provider
			}
			all = walk(all, path+"."+named, strings.TrimPrefix(setting+"."+key, "."), provider, v[key])
		}
		return all
	case []any:
		for i, item := range v {
			all = walk(all, fmt.Sprintf("%s[%d]", path, i), setting+"[]", provider, item)
		}
		return all
	case nil:
		return all
	}
	if value == "" || value == json.Number("0") {
		return all
	}
	return append(all, leaf{path, setting})
}

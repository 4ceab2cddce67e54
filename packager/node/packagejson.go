package node

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// packageJSON is what matters of a package.json.
type packageJSON struct {
	Name                 string            `json:"name"`
	Version              string            `json:"version"`
	Type                 string            `json:"type"`
	Main                 json.RawMessage   `json:"main"`
	Exports              json.RawMessage   `json:"exports"`
	Dependencies         map[string]string `json:"dependencies"`
	OptionalDependencies map[string]string `json:"optionalDependencies"`
	PeerDependencies     map[string]string `json:"peerDependencies"`
	PeersMeta            map[string]struct {
		Optional bool `json:"optional"`
	} `json:"peerDependenciesMeta"`
	OS   stringList `json:"os"`
	CPU  stringList `json:"cpu"`
	Libc stringList `json:"libc"`
}

// demand is how much a package needs another one.
type demand int

const (
	noDemand demand = iota // it says nothing of it
	needed                 // it does not work without
	optional               // it may be absent, and for other platforms only
	peer                   // who uses the package has it
	choice                 // who uses the package may have it
)

func (p packageJSON) demand(name string) demand {
	has := func(deps map[string]string) bool { _, ok := deps[name]; return ok }
	switch {
	case has(p.OptionalDependencies): // npm writes these among the dependencies, too
		return optional
	case has(p.Dependencies):
		return needed
	case p.PeersMeta[name].Optional:
		return choice
	case has(p.PeerDependencies):
		return peer
	default:
		return noDemand
	}
}

// needs is whether a package says that it does not work without another one.
func (p packageJSON) needs(name string) bool {
	d := p.demand(name)
	return d == needed || d == peer
}

// names are all that a package says a need of: dependencies, optional ones, peers, each sorted.
func (p packageJSON) names() []string {
	names := slices.Sorted(maps.Keys(p.Dependencies))
	names = append(names, slices.Sorted(maps.Keys(p.OptionalDependencies))...)
	names = append(names, slices.Sorted(maps.Keys(p.PeerDependencies))...)
	names = append(names, slices.Sorted(maps.Keys(p.PeersMeta))...)
	return names
}

// stringList is a list that some packages write as one string.
type stringList []string

func (l *stringList) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*l = stringList{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(l))
}

// requirable is whether require loads the package in every version of Node; else only import may.
func (p packageJSON) requirable() bool {
	exports := string(p.Exports)
	if strings.Contains(exports, `"require"`) || strings.Contains(exports, `.cjs"`) {
		return true
	}
	return p.Type != "module" && !strings.Contains(exports+string(p.Main), `.mjs"`)
}

// PackageName is the package of an import: "@a/b" of "@a/b/c", and ".a/b" of what was generated there.
func PackageName(specifier string) string {
	n := 1
	if strings.HasPrefix(specifier, "@") || dotted(specifier) {
		n = 2
	}
	parts := strings.Split(specifier, "/")
	return strings.Join(parts[:min(n, len(parts))], "/")
}

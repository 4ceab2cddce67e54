package manifest

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Hidden stands for a value that is not shown.
const Hidden = "•••"

// Resolved is the manifest with nothing left to merge, to interpolate or to fill in: of the stage and the target that
// it was loaded for, and of the named functions, which are all when none is named. What ${env:…} gave is Hidden.
func (m *Manifest) Resolved(functions ...string) *Node {
	target := m.Target.Config.visible()
	provider := &Node{kind: kindText, text: m.Target.Provider, size: 1}
	target = newMap(place{}, append([]entry{{key: "provider", value: provider}}, target.entries...))
	var list []entry
	for _, fn := range m.Functions {
		if len(functions) == 0 || slices.Contains(functions, fn.Name) {
			list = append(list, entry{key: fn.Name, value: m.resolvedFunction(fn)})
		}
	}
	text := func(s string) *Node { return &Node{kind: kindText, text: s, size: 1} }
	return newMap(place{}, []entry{
		{key: "service", value: text(m.Service)},
		{key: "default_target", value: text(m.Target.Name)},
		{key: "functions", value: newMap(place{}, list)},
		{key: "targets", value: newMap(place{}, []entry{{key: m.Target.Name, value: target}})},
		{key: "releases", value: plainNode(m.Releases)},
	})
}

// resolvedFunction writes a function as a manifest would, its keys in the order of the type.
func (m *Manifest) resolvedFunction(fn Function) *Node {
	all := plainNode(fn)
	written := m.tree.get("functions").get(fn.Name)
	var kept []entry
	for _, f := range reflect.VisibleFields(reflect.TypeFor[functionBlock]()) {
		if e, ok := all.lookup(jsonName(f)); ok {
			e.value = e.value.hiding(written.get(e.key)).saying()
			kept = append(kept, e)
		}
	}
	return newMap(place{}, append(kept, entry{key: m.Target.Provider, value: fn.Config.visible()})).saying()
}

// plainNode is the node of a value's JSON form.
func plainNode(v any) *Node {
	data, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("what was loaded always has a JSON form: %v", err))
	}
	var n Node
	if err := n.UnmarshalJSON(data); err != nil {
		panic(fmt.Sprintf("JSON that was written can be read: %v", err))
	}
	return &n
}

// empty holds for what says nothing: a zero leaves a bound to the target.
func (n *Node) empty() bool {
	return n.isNull() || n.kind == kindNumber && n.text == "0" || !n.scalar() && len(n.entries)+len(n.items) == 0
}

// saying is a map without the entries that are empty.
func (n *Node) saying() *Node {
	return n.without(func(key string) bool { return n.get(key).empty() })
}

// visible hides what came from the environment.
func (n *Node) visible() *Node { return n.hiding(n) }

// hiding is n with everything hidden that came from the environment where it was written.
func (n *Node) hiding(written *Node) *Node {
	switch {
	case n == nil:
		return newMap(place{}, nil)
	case written != nil && written.secret:
		return &Node{kind: kindText, text: Hidden, size: 1}
	case n.kind == kindMap:
		entries := make([]entry, len(n.entries))
		for i, e := range n.entries {
			entries[i] = entry{key: e.key, value: e.value.hiding(written.get(e.key))}
		}
		return newMap(place{}, entries)
	case n.kind == kindList:
		items := make([]*Node, len(n.items))
		for i, item := range n.items {
			var from *Node
			if written != nil && i < len(written.items) {
				from = written.items[i]
			}
			items[i] = item.hiding(from)
		}
		return newList(place{}, items)
	}
	return n
}

// YAML writes the node so that a manifest that holds it is read as it is.
func (n *Node) YAML() ([]byte, error) {
	data, err := yaml.Dump(n.yaml(), yaml.WithIndent(2))
	if err != nil {
		return nil, fmt.Errorf("writing YAML: %w", err)
	}
	return data, nil
}

func (n *Node) yaml() *yaml.Node {
	text := func(s string) *yaml.Node {
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: strings.ReplaceAll(s, "${", "$${")}
	}
	switch n.kind {
	case kindMap:
		out := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
		for _, e := range n.entries {
			out.Content = append(out.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: e.key}, e.value.yaml())
		}
		return out
	case kindList:
		out := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
		for _, item := range n.items {
			out.Content = append(out.Content, item.yaml())
		}
		return out
	case kindText:
		return text(n.text)
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Value: n.plainText()}
}

// plainText is a scalar that is no text as YAML writes it.
func (n *Node) plainText() string {
	if n.isNull() {
		return "null"
	}
	return n.text
}

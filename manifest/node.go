package manifest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
)

// Node is a raw value of the manifest with the positions of its parts. Its JSON form is the plain value
// with sorted keys, so a node read back from JSON equals the written one but for the positions.
// A node never changes once it is made, so parts of it may be shared.
type Node struct {
	kind    kind
	text    string // of a scalar, as the file has it
	entries []entry
	items   []*Node
	at      place
	size    int // nodes in it, itself included
	// loose marks a scalar whose type cannot be told from the way it is written, because it was
	// interpolated or comes from JSON: it is read as whatever type is asked for.
	loose bool
	// secret marks a scalar into which the environment went.
	secret bool
	// varies marks a scalar into which the environment or the commit went: the same manifest gives other values elsewhere.
	varies bool
	// broken marks a scalar whose interpolation failed: that is reported, and its value means nothing.
	broken bool
	// path and function name the node in problems that Decode finds.
	path, function string
}

type kind uint8

const (
	kindNull kind = iota
	kindBool
	kindNumber
	kindText
	kindList
	kindMap
)

func (k kind) String() string {
	return [...]string{"empty", "true or false", "a number", "text", "a list", "a map"}[k]
}

type entry struct {
	key   string
	at    place // of the key
	value *Node
}

// place is a position that costs nothing until it is shown.
type place struct {
	file         *source
	line, column int
}

func (p place) position() Position {
	if p.file == nil {
		return Position{}
	}
	line, column := p.line, p.column
	if last := len(p.file.lines); line > last { // what is missing at the end is missing on the last line
		line, column = last, 1
	}
	return Position{File: p.file.name, Line: line, Column: column, Source: p.file.line(line)}
}

// lookup returns the entry of a map; ok is false when n is no map or has no such key.
func (n *Node) lookup(key string) (e entry, ok bool) {
	if n == nil {
		return entry{}, false
	}
	for _, e := range n.entries {
		if e.key == key {
			return e, true
		}
	}
	return entry{}, false
}

// get returns the value of a key, nil when there is none.
func (n *Node) get(key string) *Node {
	e, _ := n.lookup(key)
	return e.value
}

// isMap is false for nil.
func (n *Node) isMap() bool { return n != nil && n.kind == kindMap }

func (n *Node) isNull() bool { return n == nil || n.kind == kindNull }

func newMap(at place, entries []entry) *Node {
	n := &Node{kind: kindMap, at: at, entries: entries, size: 1}
	for _, e := range entries {
		n.size += e.value.size
	}
	return n
}

func newList(at place, items []*Node) *Node {
	n := &Node{kind: kindList, at: at, items: items, size: 1}
	for _, item := range items {
		n.size += item.size
	}
	return n
}

// without returns the map without the entries that drop names.
func (n *Node) without(drop func(key string) bool) *Node {
	if !n.isMap() {
		return n
	}
	kept := make([]entry, 0, len(n.entries))
	for _, e := range n.entries {
		if !drop(e.key) {
			kept = append(kept, e)
		}
	}
	return newMap(n.at, kept)
}

// named returns a copy that Decode reports under that path and function.
func (n *Node) named(path, function string) *Node {
	c := *n
	c.path, c.function = path, function
	return &c
}

// Equal says whether two nodes hold the same value, wherever they were read from.
func (n *Node) Equal(m *Node) bool {
	if n == nil || m == nil {
		return n == m
	}
	a, errA := n.MarshalJSON()
	b, errB := m.MarshalJSON()
	return errA == nil && errB == nil && bytes.Equal(a, b)
}

// jsonNumber tells the numbers that JSON writes as YAML does from 0x1F, 010, 1_000 and .inf.
var jsonNumber = regexp.MustCompile(`^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$`)

// MarshalJSON writes the value with sorted keys. A number that JSON cannot write as it stands, such as 0x1F,
// becomes text.
func (n *Node) MarshalJSON() ([]byte, error) {
	return json.Marshal(n.plain())
}

// plain is the value as encoding/json knows it.
func (n *Node) plain() any {
	if n == nil {
		return nil
	}
	switch n.kind {
	case kindBool:
		return n.text == "true"
	case kindNumber:
		if jsonNumber.MatchString(n.text) {
			return json.Number(n.text)
		}
		return n.text
	case kindText:
		return n.text
	case kindList:
		list := make([]any, len(n.items))
		for i, item := range n.items {
			list[i] = item.plain()
		}
		return list
	case kindMap:
		m := make(map[string]any, len(n.entries))
		for _, e := range n.entries {
			m[e.key] = e.value.plain()
		}
		return m
	}
	return nil
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (n *Node) UnmarshalJSON(data []byte) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return fmt.Errorf("reading a manifest node: %w", err)
	}
	*n = *fromPlain(v)
	return nil
}

func fromPlain(v any) *Node {
	scalar := func(k kind, text string) *Node {
		return &Node{kind: k, text: text, size: 1, loose: true}
	}
	switch v := v.(type) {
	case bool:
		return scalar(kindBool, fmt.Sprint(v))
	case json.Number:
		return scalar(kindNumber, v.String())
	case string:
		return scalar(kindText, v)
	case []any:
		items := make([]*Node, len(v))
		for i, item := range v {
			items[i] = fromPlain(item)
		}
		return newList(place{}, items)
	case map[string]any:
		entries := make([]entry, 0, len(v))
		for _, k := range slices.Sorted(maps.Keys(v)) {
			entries = append(entries, entry{key: k, value: fromPlain(v[k])})
		}
		return newMap(place{}, entries)
	}
	return scalar(kindNull, "")
}

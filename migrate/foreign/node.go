package foreign

import (
	"strconv"
	"strings"
)

// Kind is what a node is.
type Kind int

// The kinds of nodes.
const (
	Null Kind = iota
	Scalar
	List
	Map
)

// Node is a value of a foreign file. All methods take a nil node for a value that is not there.
type Node struct {
	kind    Kind
	text    string
	tag     string
	items   []*Node
	entries []Entry
	file    string
	line    int
	verdict *verdict
	// index finds the first entries of a long map, as many as are in it.
	index   map[string]*Node
	indexed int
	// unknown says why the text cannot be told here: it is looked up elsewhere.
	unknown string
}

// Entry is a key of a map with its value.
type Entry struct {
	Key   string
	Value *Node
}

// New is a scalar that is written nowhere.
func New(text string) *Node { return &Node{kind: Scalar, text: text} }

// Nothing is a null that is written nowhere.
func Nothing() *Node { return &Node{} }

// Kind is what the node is; one that is not there is Null.
func (n *Node) Kind() Kind {
	if n == nil {
		return Null
	}
	return n.kind
}

// Is is whether the node is of that kind.
func (n *Node) Is(k Kind) bool { return n != nil && n.kind == k }

// Tag is the YAML tag that the node was written with, such as !Ref; "" is none of its own.
func (n *Node) Tag() string {
	if n == nil || strings.HasPrefix(n.tag, "!!") || strings.HasPrefix(n.tag, "tag:yaml.org") {
		return ""
	}
	return n.tag
}

// Get is the value of a key, nil when there is none.
func (n *Node) Get(key string) *Node {
	if n == nil {
		return nil
	}
	if len(n.entries) > longMap {
		return n.lookUp(key)
	}
	for _, e := range n.entries {
		if e.Key == key {
			return e.Value
		}
	}
	return nil
}

// longMap is the length from which it is worth it to have an index of a map.
const longMap = 16

// lookUp is the value of a key of a long map.
func (n *Node) lookUp(key string) *Node {
	if n.index == nil {
		n.index = make(map[string]*Node, len(n.entries))
	}
	for ; n.indexed < len(n.entries); n.indexed++ {
		e := n.entries[n.indexed]
		if _, twice := n.index[e.Key]; !twice {
			n.index[e.Key] = e.Value
		}
	}
	return n.index[key]
}

// At follows keys.
func (n *Node) At(keys ...string) *Node {
	for _, k := range keys {
		n = n.Get(k)
	}
	return n
}

// Entries are the entries of a map in their order.
func (n *Node) Entries() []Entry {
	if n == nil {
		return nil
	}
	return n.entries
}

// Items are the items of a list, or what stands alone in place of a list of one.
func (n *Node) Items() []*Node {
	switch {
	case n == nil || n.kind == Null:
		return nil
	case n.kind == List:
		return n.items
	}
	return []*Node{n}
}

// Text is the scalar's text. It is false for what is no scalar and for what is looked up elsewhere; that is then lost, with
// the reason.
func (n *Node) Text() (string, bool) {
	switch {
	case n == nil:
		return "", false
	case n.unknown != "":
		n.Lose(n.unknown)
		return "", false
	case n.kind == Null:
		return "", false
	case n.kind != Scalar:
		n.Lose("a plain value is expected here")
		return "", false
	}
	return n.text, true
}

// Raw is the text as it stands, "" for what is no scalar.
func (n *Node) Raw() string {
	if n == nil || n.kind != Scalar {
		return ""
	}
	return n.text
}

// Number is a whole number.
func (n *Node) Number() (int, bool) {
	text, ok := n.Text()
	if !ok {
		return 0, false
	}
	i, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil {
		n.Lose("a whole number is expected here")
	}
	return i, err == nil
}

// True is whether the node says yes.
func (n *Node) True() bool {
	switch strings.ToLower(n.Raw()) {
	case "true", "yes", "on":
		return true
	}
	return false
}

// False is whether the node is there and says no.
func (n *Node) False() bool {
	switch strings.ToLower(n.Raw()) {
	case "false", "no", "off":
		return true
	}
	return false
}

// Unknown marks a scalar whose value is looked up elsewhere, for the reason.
func (n *Node) Unknown(reason string) { n.unknown = reason }

// Unresolved is the reason that Unknown was given, "" for what is known.
func (n *Node) Unresolved() string {
	if n == nil {
		return ""
	}
	return n.unknown
}

// Write gives a scalar another text.
func (n *Node) Write(text string) { n.text = text }

// Become takes over the content of another node, of which it is then a copy that is spoken of apart. It is false when the
// copy is larger than limit allows, which is lowered by what was copied: by its nodes, of which one with a long text counts as several.
func (n *Node) Become(other *Node, limit *int) bool {
	line, file := n.line, n.file
	made, ok := other.clone(limit)
	*n = *made
	n.line, n.file, n.verdict = line, file, nil
	return ok
}

// Weight is what a node with a text counts for where it is copied.
func Weight(text string) int { return 1 + len(text)/64 }

func (n *Node) clone(limit *int) (*Node, bool) {
	if *limit -= Weight(n.text); *limit < 0 {
		return &Node{}, false
	}
	made := *n
	made.verdict, made.items, made.entries, made.index, made.indexed = nil, nil, nil, nil, 0
	for _, item := range n.items {
		c, ok := item.clone(limit)
		if made.items = append(made.items, c); !ok {
			return &made, false
		}
	}
	for _, e := range n.entries {
		c, ok := e.Value.clone(limit)
		if made.entries = append(made.entries, Entry{e.Key, c}); !ok {
			return &made, false
		}
	}
	return &made, true
}

// Put adds an entry to a map that has no such key yet.
func (n *Node) put(key string, value *Node) { n.entries = append(n.entries, Entry{key, value}) }

// Line is where the node stands, from 1; 0 is nowhere.
func (n *Node) Line() int {
	if n == nil {
		return 0
	}
	return n.line
}

// Together is a map of the entries of several; the nodes are theirs.
func Together(maps []*Node) *Node {
	all := &Node{kind: Map}
	for _, m := range maps {
		all.entries = append(all.entries, m.Entries()...)
	}
	return all
}

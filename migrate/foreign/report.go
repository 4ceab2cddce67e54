package foreign

import "strconv"

// verdict is what became of a node and of all below it that has none of its own.
type verdict struct {
	to     string // where it is in the manifest
	reason string // why it is not there
	serves bool
}

// Map says that the node is in the manifest at that path, such as "functions.api.memory".
func (n *Node) Map(to string) {
	if n != nil {
		n.verdict = &verdict{to: to}
	}
}

// Drop says why the node is not in the manifest. Nothing that serves depends on it.
func (n *Node) Drop(reason string) {
	if n != nil {
		n.verdict = &verdict{reason: reason}
	}
}

// Lose says why something that serves cannot be carried.
func (n *Node) Lose(reason string) {
	if n != nil {
		n.verdict = &verdict{reason: reason, serves: true}
	}
}

// Told is whether something was said of the node.
func (n *Node) Told() bool { return n == nil || n.verdict != nil }

// Mapped is what is in the manifest.
type Mapped struct {
	Path string `json:"path"`
	To   string `json:"to"`
	Line int    `json:"line,omitempty"`
	Keys int    `json:"keys"` // how many values it has
}

// Unmapped is what is not in the manifest.
type Unmapped struct {
	Path   string `json:"path"`
	Reason string `json:"reason"`
	Serves bool   `json:"serves"` // whether something that serves is lost
	Line   int    `json:"line,omitempty"`
	Keys   int    `json:"keys"`
}

// Report is what became of every value of a file.
type Report struct {
	Mapped   []Mapped   `json:"mapped"`
	Unmapped []Unmapped `json:"unmapped"`
	Keys     int        `json:"keys"` // all values: those of Mapped and of Unmapped together
}

// Lost is whether something that serves is not carried.
func (r Report) Lost() bool {
	for _, u := range r.Unmapped {
		if u.Serves {
			return true
		}
	}
	return false
}

// Coverage is the share of the values that are in the manifest, from 0 to 1.
func (r Report) Coverage() float64 {
	if r.Keys == 0 {
		return 1
	}
	n := 0
	for _, m := range r.Mapped {
		n += m.Keys
	}
	return float64(n) / float64(r.Keys)
}

// unspoken is what is said of a value of which nobody said anything.
const unspoken = "ferry does not know this key"

// Report tells of every value below the node, in the order of the file. What was said of a node as a whole is told once.
func (n *Node) Report() Report {
	r := Report{Mapped: []Mapped{}, Unmapped: []Unmapped{}}
	n.tell(&r, "", nil)
	return r
}

// tell adds the node's values. add is how one more value is counted where an ancestor has spoken, nil where none has.
func (n *Node) tell(r *Report, path string, add func()) {
	if n.verdict != nil {
		add = n.verdict.tell(r, path, n.line)
	}
	if len(n.items) == 0 && len(n.entries) == 0 {
		r.Keys++
		if add == nil {
			add = (&verdict{reason: unspoken}).tell(r, path, n.line)
		}
		add()
		return
	}
	for i, item := range n.items {
		item.tell(r, path+"["+strconv.Itoa(i)+"]", add)
	}
	for _, e := range n.entries {
		e.Value.tell(r, Join(path, e.Key), add)
	}
}

// tell makes an entry when the first value is counted, so that a verdict under which all others have their own says nothing.
func (v *verdict) tell(r *Report, path string, line int) func() {
	at := -1
	return func() {
		switch {
		case v.to != "" && at < 0:
			at = len(r.Mapped)
			r.Mapped = append(r.Mapped, Mapped{Path: path, To: v.to, Line: line})
		case at < 0:
			at = len(r.Unmapped)
			r.Unmapped = append(r.Unmapped, Unmapped{Path: path, Reason: v.reason, Serves: v.serves, Line: line})
		}
		if v.to != "" {
			r.Mapped[at].Keys++
		} else {
			r.Unmapped[at].Keys++
		}
	}
}

// Join is the path of a key of what is at a path.
func Join(path, key string) string {
	if !plainKey(key) {
		return path + "[" + strconv.Quote(key) + "]"
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

// plainKey is whether a key stands in a path without quotes.
func plainKey(key string) bool {
	for i := range len(key) {
		switch c := key[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '_', c == '$', c == ':', c == '/', c == '-':
		default:
			return false
		}
	}
	return key != ""
}

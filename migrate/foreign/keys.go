package foreign

// Keys says what is read of a map: by its key, what becomes of the value.
type Keys map[string]func(*Node)

// Read hands each value of a map to what reads it. A key that nothing reads is left for the report, which names it.
func (k Keys) Read(n *Node) {
	for _, e := range n.Entries() {
		if read := k[e.Key]; read != nil {
			read(e.Value)
		}
	}
}

// Dropped reads a value that nothing that serves depends on.
func Dropped(reason string) func(*Node) { return func(n *Node) { n.Drop(reason) } }

// Lost reads a value that cannot be carried though something that serves depends on it.
func Lost(reason string) func(*Node) { return func(n *Node) { n.Lose(reason) } }

// Seen reads a setting that is no text. Of a live function it is one where it could not be seen: it is lost, for the reason that
// the text gives.
func Seen(read func(*Node)) func(*Node) {
	return func(n *Node) {
		if !n.Is(Scalar) {
			read(n)
			return
		}
		n.Lose(Plain(n.Raw()))
	}
}

// Of is a map of several files, each under its name.
func Of(files ...Entry) *Node { return &Node{kind: Map, entries: files} }

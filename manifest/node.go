package manifest

// Node is a raw value of the manifest with the positions of its parts. Its JSON form is the plain value
// with sorted keys, so a node read back from JSON equals the written one but for the positions.
type Node struct{}

// Decode fills v, a pointer to a struct with json tags, and reports every unknown key, wrong type and
// bad unit at its position. A nil node leaves v as it is.
func (n *Node) Decode(v any) Problems { panic("being written") }

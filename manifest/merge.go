package manifest

// merge lays over on base: maps merge key by key, everything else replaces, and null deletes. What is
// left keeps its own position. Nulls that deleted nothing vanish too, so the result holds none outside lists.
func merge(base, over *Node) *Node {
	switch {
	case over == nil:
		return base
	case !over.isMap():
		return over
	case !base.isMap():
		base = newMap(over.at, nil)
	}
	entries := make([]entry, 0, len(base.entries)+len(over.entries))
	index := make(map[string]int, len(over.entries))
	for i, e := range over.entries {
		index[e.key] = i
	}
	for _, e := range base.entries {
		i, both := index[e.key]
		switch {
		case !both:
			entries = append(entries, e)
		case over.entries[i].value.isNull():
		default:
			o := over.entries[i]
			entries = append(entries, entry{e.key, o.at, merge(e.value, o.value)})
		}
		delete(index, e.key)
	}
	for _, e := range over.entries {
		if _, left := index[e.key]; left && !e.value.isNull() {
			entries = append(entries, entry{e.key, e.at, merge(nil, e.value)})
		}
	}
	return newMap(over.at, entries)
}

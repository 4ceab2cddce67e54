package manifest

import "slices"

// Choices are the names that a manifest has, sorted, as far as it can be read: for a shell that completes a command line.
type Choices struct{ Functions, Stages, Targets []string }

// Names reads what can be chosen from.
func Names(o Options) (c Choices) {
	file, p := find(o)
	if p != nil {
		return c
	}
	data, p := readFile(file)
	if p != nil {
		return c
	}
	root, _ := parse(file, data)
	stages := root.get("stages")
	c.Stages = set(keys(stages), "dev")
	c.Targets = set(keys(root.get("targets")), implicitTarget)
	c.Functions = set(keys(root.get("functions")))
	for _, stage := range keys(stages) {
		c.Targets = set(c.Targets, keys(stages.get(stage).get("targets"))...)
		c.Functions = set(c.Functions, keys(stages.get(stage).get("functions"))...)
	}
	return c
}

func keys(n *Node) []string {
	var names []string
	if n != nil {
		for _, e := range n.entries {
			names = append(names, e.key)
		}
	}
	return names
}

// set sorts names, each once.
func set(names []string, more ...string) []string {
	names = append(names, more...)
	slices.Sort(names)
	return slices.Compact(names)
}

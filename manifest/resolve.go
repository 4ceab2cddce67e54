package manifest

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// document is the manifest as written. Its parts that other parts overlay stay nodes.
type document struct {
	Service       string `json:"service"`
	DefaultTarget string `json:"default_target"`
	Defaults      *Node  `json:"defaults"`
	Functions     *Node  `json:"functions"`
	Targets       *Node  `json:"targets"`
	Releases      *Node  `json:"releases"`
	Stages        *Node  `json:"stages"`
}

// overlay is one stage as written.
type overlay struct {
	Defaults  *Node `json:"defaults"`
	Functions *Node `json:"functions"`
	Targets   *Node `json:"targets"`
	Releases  *Node `json:"releases"`
}

// isProvider reports whether a function's key is a provider's block.
func (l *loader) isProvider(key string) bool {
	_, ok := l.options.Providers[key]
	return ok
}

func (l *loader) providers() []string {
	return slices.Sorted(maps.Keys(l.options.Providers))
}

// shape decodes everything that the file holds as it is written, also what this stage and target do not use, so that
// a mistyped key is found before the day it matters. Interpolations are not looked into.
func (l *loader) shape() {
	l.decode(l.root, &l.doc, "", decoder{raw: true})
	l.blocks(l.doc.Defaults, l.doc.Functions, l.doc.Targets, l.doc.Releases, "")
	for _, s := range l.entries(l.doc.Stages) {
		path := "stages." + s.key
		l.name(s, path, "stage")
		var o overlay
		if !s.value.isNull() {
			l.decode(s.value, &o, path, decoder{raw: true})
			l.blocks(o.Defaults, o.Functions, o.Targets, o.Releases, path+".")
		}
		l.stages = append(l.stages, s)
	}
}

func (l *loader) blocks(defaults, functions, targets, releases *Node, prefix string) {
	l.function(defaults, prefix+"defaults", "")
	for _, f := range l.entries(functions) {
		l.name(f, prefix+"functions."+f.key, "function")
		l.function(f.value, prefix+"functions."+f.key, f.key)
	}
	for _, t := range l.entries(targets) {
		l.name(t, prefix+"targets."+t.key, "target")
		l.target(t, prefix+"targets."+t.key)
	}
	if !releases.isNull() {
		l.decode(merge(nil, releases), &Releases{}, prefix+"releases", decoder{raw: true})
	}
}

func (l *loader) decode(n *Node, v any, path string, d decoder) {
	d.fields = l.fields
	d.decode(n, v, path)
	l.report.add(d.report.problems...)
	l.report.more = l.report.more || d.report.more
}

// entries returns the entries of a part that must be a map, and reports one that is not. Nothing is no entries.
func (l *loader) entries(n *Node) []entry {
	if n.isNull() {
		return nil
	}
	if !n.isMap() {
		d := decoder{}
		d.wrong(n, n.path, kindMap.String())
		l.report.add(d.report.problems...)
	}
	return n.entries
}

// function decodes a function's block, or one laid under or over functions, as it is written.
func (l *loader) function(n *Node, path, name string) {
	if n.isNull() {
		return
	}
	n = merge(nil, n)
	for _, e := range n.entries {
		if l.isProvider(e.key) {
			l.decode(e.value, fresh(l.options.Providers[e.key].Function), path+"."+e.key, decoder{raw: true, function: name})
		}
	}
	l.decode(n.without(l.isProvider), &functionBlock{}, path, decoder{raw: true, function: name, extra: l.providers()})
}

// target decodes a target's block, or one laid over it, as it is written.
func (l *loader) target(e entry, path string) {
	if !e.value.isMap() {
		if !e.value.isNull() {
			l.decode(e.value, &struct{}{}, path, decoder{})
		}
		return
	}
	n := merge(nil, e.value)
	provider := n.get("provider")
	if provider == nil {
		provider = l.baseTarget(e.key).get("provider")
	}
	if provider == nil {
		l.nameless(e, path)
		return
	}
	if strings.Contains(provider.text, "${") {
		return // known only when it is chosen
	}
	l.decode(n.without(isProviderKey), l.targetPrototype(provider, path), path, decoder{raw: true})
}

// nameless reports what keeps a target without a provider from ever having one. Whatever else is in it is looked at when it is chosen.
func (l *loader) nameless(e entry, path string) {
	if key, ok := mistyped(e.value, "provider"); ok {
		l.fail(key.at, path+"."+key.key, Suggest(key.key, []string{"provider"}), "unknown key %s in %s", quote(key.key), path)
		return
	}
	if l.baseTarget(e.key) != nil {
		return
	}
	hint := ""
	if written := l.doc.Targets; written.isMap() {
		for _, t := range written.entries {
			if nearest(e.key, []string{t.key}) != "" {
				hint = Suggest(e.key, []string{t.key})
			}
		}
	}
	l.providerless(e.at, path, hint, e.key)
}

// providerless reports a target that names no provider.
func (l *loader) providerless(at place, path, hint, name string) {
	l.fail(at, path, cmp.Or(hint, "add provider: and one of "+strings.Join(l.providers(), ", ")), "the target %s names no provider", quote(name))
}

// targetPrototype returns what to decode a target's settings into, and reports a provider that is not known.
func (l *loader) targetPrototype(provider *Node, path string) any {
	blocks, ok := l.options.Providers[provider.text]
	switch {
	case provider.kind != kindText:
		d := decoder{}
		d.wrong(provider, path+".provider", kindText.String())
		l.report.add(d.report.problems...)
		return &map[string]any{}
	case !ok && (provider.text != implicitTarget || provider.at.file != nil):
		l.fail(provider.at, path+".provider", Suggest(provider.text, l.providers()), "the provider %s does not exist", quote(provider.text))
		return &map[string]any{}
	}
	return fresh(blocks.Target)
}

func isProviderKey(key string) bool { return key == "provider" }

// implicitTarget exists in every manifest and is of the provider of the same name, unless it is defined.
const implicitTarget = "local"

// baseTarget is a target before the stage's overlay, nil when there is none.
func (l *loader) baseTarget(name string) *Node {
	if t := l.doc.Targets.get(name); !t.isNull() {
		return t
	}
	if name == implicitTarget {
		return newMap(l.key("targets"), []entry{{key: "provider", value: &Node{kind: kindText, text: implicitTarget, size: 1}}})
	}
	return nil
}

// chooseStage finds the overlay of the chosen stage. dev exists without being written.
func (l *loader) chooseStage() {
	l.m.Stage = l.options.Stage
	if l.m.Stage == "" {
		l.m.Stage = "dev"
	}
	l.interp.values["stage"] = l.m.Stage
	names := []string{"dev"}
	for _, s := range l.stages {
		if s.key == l.m.Stage {
			d := decoder{raw: true} // its problems are reported already
			if s.value.isMap() {
				d.decode(s.value, &l.stage, "stages."+s.key)
			}
			return
		}
		if s.key != "dev" {
			names = append(names, s.key)
		}
	}
	if l.m.Stage != "dev" {
		l.fail(l.key("stages"), "stages", choose("stage", l.m.Stage, names), "the stage %s does not exist", quote(l.m.Stage))
	}
}

// choose is the hint for a name on the command line that does not exist.
func choose(what, name string, names []string) string {
	slices.Sort(names)
	if near := nearest(name, names); near != "" {
		return Suggest(name, names) + " (there are: " + strings.Join(names, ", ") + ")"
	}
	return "choose one with --" + what + ": " + strings.Join(names, ", ") + "; or add it under " + what + "s:"
}

func (l *loader) resolveService() {
	e, ok := l.root.lookup("service")
	if !ok {
		if _, meant := mistyped(l.root, "service"); !meant {
			l.fail(l.root.at, "service", "add service: NAME", "the manifest does not name its service")
		}
		return
	}
	n := l.interp.resolve(e.value, "service", "")
	if n.kind == kindText && !n.broken {
		l.m.Service = n.text
		l.interp.values["service"] = n.text
		l.checkName(n.text, n.at, "service", "service")
	}
}

// chooseTarget finds, merges and resolves the chosen target.
func (l *loader) chooseTarget() {
	name, at := l.options.Target, l.key("targets")
	if written := l.root.get("default_target"); name == "" && written != nil {
		n := l.interp.resolve(written, "default_target", "")
		if n.kind != kindText || n.broken {
			return // reported already
		}
		name, at = n.text, n.at
	} else if name == "" {
		name = implicitTarget
	}
	l.interp.values["target"] = name
	l.m.Target.Name = name
	merged := merge(l.baseTarget(name), l.stage.Targets.get(name))
	if merged.isNull() {
		l.fail(at, "targets", l.undeclared(name), "the target %s does not exist", quote(name))
		return
	}
	if !merged.isMap() {
		return // reported already
	}
	path := "targets." + name
	merged = l.interp.resolve(merge(nil, merged), path, "")
	provider := merged.get("provider")
	if _, reported := mistyped(merged, "provider"); provider == nil && (reported || l.baseTarget(name) == nil) {
		return
	}
	if provider == nil {
		l.providerless(locate(l.root, l.root.at, path), path, "", name)
		return
	}
	if provider.broken {
		return
	}
	config := merged.without(isProviderKey)
	l.decode(config, l.targetPrototype(provider, path), path, decoder{resolved: true})
	l.m.Target.Provider = provider.text
	l.m.Target.Config = config.named(path, "")
}

// undeclared is the hint for a target that does not exist: the block to add, where its name says what it would be.
func (l *loader) undeclared(name string) string {
	names := l.targets()
	blocks, known := l.options.Providers[name]
	if !known || nearest(name, names) != "" {
		return choose("target", name, names)
	}
	block := name + ": " + cmp.Or(blocks.Example, "{provider: "+name+"}")
	others := ", or choose another one with --target: " + strings.Join(names, ", ")
	if l.doc.Targets.isMap() {
		return "add it under targets: " + block + others
	}
	return "add to the manifest: targets: {" + block + "}" + others
}

// targets are the names that may be chosen in this stage.
func (l *loader) targets() []string {
	names := []string{implicitTarget}
	for _, part := range []*Node{l.doc.Targets, l.stage.Targets} {
		if part.isMap() {
			for _, e := range part.entries {
				names = append(names, e.key)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func (l *loader) resolveReleases() *Node {
	merged := merge(nil, l.doc.Releases)
	if over := l.stage.Releases; over != nil {
		merged = merge(merged, over)
	}
	if merged.isNull() {
		merged = newMap(l.key("releases"), nil)
	}
	merged = l.interp.resolve(merged, "releases", "")
	l.m.Releases = Releases{Keep: 20, Archive: 100}
	d := decoder{resolved: true}
	d.decode(merged, &l.m.Releases, "releases")
	l.report.add(d.report.problems...)
	if len(d.report.problems) == 0 && len(d.broken) == 0 {
		l.atLeastOne(merged, "keep", l.m.Releases.Keep)
		l.atLeastOne(merged, "archive", l.m.Releases.Archive)
	}
	return merged
}

func (l *loader) atLeastOne(releases *Node, name string, count int) {
	if count < 1 {
		l.fail(locate(releases, releases.at, name), "releases."+name, "keep at least 1", "%q must be at least 1, not %d", name, count)
	}
}

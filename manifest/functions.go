package manifest

import (
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// resolveFunctions merges, resolves, decodes and validates all functions, and returns their tree.
func (l *loader) resolveFunctions() *Node {
	defaults := mergeBlock(mergeBlock(l.targetDefaults(), l.doc.Defaults), l.stage.Defaults)
	written := l.functions()
	misshapen := !l.doc.Functions.isNull() && !l.doc.Functions.isMap() // which is reported already
	_, has := l.root.lookup("functions")
	if _, meant := mistyped(l.root, "functions"); len(written) == 0 && !misshapen && (has || !meant) {
		l.fail(l.key("functions"), "functions", "add one under functions:", "the manifest has no functions")
	}
	files := newFolders(l.m.Dir)
	budget := 2 * maxNodes
	var tree []entry
	for _, w := range written {
		if l.report.full() {
			break
		}
		n := defaults
		for _, layer := range w.layers {
			n = mergeBlock(n, layer)
		}
		if n == nil {
			n = newMap(w.at, nil)
		}
		e := entry{w.name, w.at, n}
		if budget -= n.size; budget < 0 {
			l.fail(e.at, "functions", "split the service", "the manifest is too large once its defaults are merged")
			break
		}
		fn, n := l.resolveFunction(e, files)
		l.m.Functions = append(l.m.Functions, fn)
		tree = append(tree, entry{e.key, e.at, n})
	}
	return newMap(l.key("functions"), tree)
}

// mistyped is an entry of a map that was probably meant to be key. It is reported as unknown, and what it should be is not missed as well.
func mistyped(n *Node, key string) (e entry, found bool) {
	if !n.isMap() {
		return entry{}, false
	}
	for _, e := range n.entries {
		if e.key != key && distance(strings.ToLower(e.key), key, 2) <= 2 {
			return e, true
		}
	}
	return entry{}, false
}

// mergeBlock lays over on base, and takes an empty or mistyped block as none.
func mergeBlock(base, over *Node) *Node {
	if !over.isMap() {
		return base
	}
	return merge(base, over)
}

// writtenFunction is a function with what is written about it, the strongest last.
type writtenFunction struct {
	name   string
	at     place
	layers []*Node
}

// functions are the functions of the chosen stage, sorted, without the defaults. The stage may add some and take some away.
func (l *loader) functions() []writtenFunction {
	found := map[string]writtenFunction{}
	for i, part := range []*Node{l.doc.Functions, l.stage.Functions} {
		if !part.isMap() {
			continue
		}
		for _, e := range part.entries {
			w, ok := found[e.key]
			if !ok {
				w = writtenFunction{name: e.key, at: e.at}
			}
			w.layers = append(w.layers, e.value)
			found[e.key] = w
			if i > 0 && e.value.isNull() {
				delete(found, e.key)
			}
		}
	}
	written := make([]writtenFunction, 0, len(found))
	for _, name := range slices.Sorted(maps.Keys(found)) {
		written = append(written, found[name])
	}
	return written
}

// resolveFunction makes one function of its merged block, and returns the block as resolved. The blocks of
// providers that are not the target's play no part in it.
func (l *loader) resolveFunction(e entry, files *folders) (Function, *Node) {
	path := "functions." + e.key
	n := e.value.without(func(key string) bool { return l.isProvider(key) && key != l.m.Target.Provider })
	n = l.interp.resolve(n, path, e.key)
	own := n.without(l.isProvider)
	var b functionBlock
	d := decoder{function: e.key, resolved: true, fields: l.fields}
	d.decode(own, &b, path)
	l.report.add(d.report.problems...)
	fn := b.function(e.key)
	if env := own.get("env"); env.isMap() {
		for _, v := range env.entries {
			if v.value.secret {
				fn.Masked = append(fn.Masked, v.key)
			}
		}
		slices.Sort(fn.Masked)
	}
	if config := n.get(l.m.Target.Provider); config != nil && l.isProvider(l.m.Target.Provider) {
		p := path + "." + l.m.Target.Provider
		l.decode(config, fresh(l.options.Providers[l.m.Target.Provider].Function), p, decoder{function: e.key, resolved: true})
		fn.Config = config.named(p, e.key)
	}
	fn.Varying = fn.Config.varying("config", own.varying("", nil))
	slices.Sort(fn.Varying)
	c := checker{report: &l.report, fn: &fn, node: own, at: e.at, path: path, files: files, zones: l.zones}
	for _, p := range d.report.problems {
		d.broken = append(d.broken, p.Field)
	}
	for _, field := range d.broken {
		c.bad = append(c.bad, strings.TrimPrefix(field, path+"."))
	}
	if !l.doc.Functions.isMap() || l.doc.Functions.get(e.key) == nil {
		c.added = l.baseNames()
	}
	c.check()
	return fn, n
}

func (l *loader) baseNames() []string {
	names := []string{}
	if l.doc.Functions.isMap() {
		for _, e := range l.doc.Functions.entries {
			names = append(names, e.key)
		}
	}
	return names
}

// targetDefaults are those settings of the target that a function's block of its provider can hold, too, as such
// a block: what is said once for a target holds for its functions. nil is none.
func (l *loader) targetDefaults() *Node {
	provider := l.m.Target.Provider
	if !l.isProvider(provider) {
		return nil
	}
	known := l.fields.of(reflect.TypeOf(fresh(l.options.Providers[provider].Function)).Elem())
	shared := l.m.Target.Config.without(func(key string) bool { return known.index[key] == nil })
	if !shared.isMap() || len(shared.entries) == 0 {
		return nil
	}
	return newMap(shared.at, []entry{{key: provider, at: shared.at, value: shared}})
}

// nameForm is the form of all names: they become parts of resource names, labels and keys on every cloud.
var nameForm = regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}$`)

// name checks the key that names a function, stage or target.
func (l *loader) name(e entry, path, what string) { l.checkName(e.key, e.at, path, what) }

func (l *loader) checkName(name string, at place, path, what string) {
	if nameForm.MatchString(name) {
		return
	}
	hint := "use a to z, 0 to 9 and -, begin with a letter"
	switch fixed := strings.ToLower(strings.NewReplacer("_", "-", " ", "-", ".", "-").Replace(name)); {
	case len(name) > 32:
		hint = "use at most 32 characters"
	case nameForm.MatchString(fixed):
		hint = "write " + fixed
	}
	l.fail(at, path, hint, "the %s name %s is not valid", what, quote(name))
}

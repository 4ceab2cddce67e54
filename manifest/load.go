package manifest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
)

// Options say which manifest to load and for what.
type Options struct {
	Dir    string // where to look; "" is the working directory
	Here   bool   // look in Dir alone, not in the folders above it
	File   string // the manifest, relative to Dir; "" is ferry.yaml in Dir or in the nearest folder above it
	Stage  string // "" is dev
	Target string // "" is the manifest's default_target, else local
	// Env looks up ${env:NAME}; nil is an empty environment.
	Env func(name string) (string, bool)
	// Git returns the commit for ${git:sha}; it is called only when the manifest asks.
	Git func(dir string) (string, error)
	// Providers are the blocks that may appear, by provider name.
	Providers map[string]Blocks
}

// Blocks are pointers to zero structs that a provider decodes its blocks into: they give the strict
// decoding and the JSON Schema of `targets.<name>` and of `functions.<name>.<provider>`. Nil takes no settings.
// A key that both hold is, in a target, the default of its functions.
type Blocks struct {
	Target   any
	Function any
	// Example is a target's block for a hint, such as "{provider: aws, region: eu-west-1}"; "" is one that names the
	// provider alone.
	Example string
}

// Load reads, resolves and validates the manifest. A failure is of type Problems and holds all errors.
func Load(o Options) (*Manifest, error) { return o.read((*loader).load) }

// LoadPlace reads only where the service is: its name, stage, target and what it keeps of releases. The
// Manifest has no functions. It is for commands about what was deployed: they must work when the functions
// of the manifest are broken, or name variables that are not set here.
func LoadPlace(o Options) (*Manifest, error) { return o.read((*loader).loadPlace) }

func (o Options) read(load func(*loader)) (*Manifest, error) {
	file, p := find(o)
	if p != nil {
		return nil, Problems{*p}
	}
	data, p := readFile(file)
	if p != nil {
		return nil, Problems{*p}
	}
	root, ps := parse(file, data)
	if root == nil {
		return nil, ps
	}
	l := &loader{options: o, root: root, fields: fields{}, zones: map[string]bool{}, m: Manifest{File: file, Dir: filepath.Dir(file)}}
	l.written = ps
	load(l)
	if ps := l.report.done(); len(ps) > 0 {
		return nil, ps
	}
	return &l.m, nil
}

// Locate returns the position of a function's field, named as in "memory" or "events[0].schedule.cron",
// or of the nearest enclosing thing that the file holds. Without a function the field is one of the whole
// document, such as "targets.aws.region".
func (m *Manifest) Locate(function, field string) Position {
	at := place{}
	if m.tree != nil {
		path := field
		if function != "" {
			path = strings.TrimSuffix("functions."+function+"."+field, ".")
		}
		at = locate(m.tree, m.tree.at, path)
	}
	if at.file == nil {
		return Position{File: m.File}
	}
	return at.position()
}

// locate walks path down from n, which begins at at, as far as the file goes along.
func locate(n *Node, at place, path string) place {
	if n == nil || path == "" {
		return at
	}
	if n.kind == kindList && path[0] == '[' {
		var i int
		if _, err := fmt.Sscanf(path, "[%d]", &i); err != nil || i < 0 || i >= len(n.items) {
			return at
		}
		rest := path[strings.IndexByte(path, ']')+1:]
		return locate(n.items[i], n.items[i].at, strings.TrimPrefix(rest, "."))
	}
	var best entry
	for _, e := range n.entries {
		rest, ok := strings.CutPrefix(path, e.key)
		if ok && (rest == "" || rest[0] == '.' || rest[0] == '[') && (best.value == nil || len(e.key) > len(best.key)) {
			best = e
		}
	}
	if best.value == nil {
		return at
	}
	at = best.value.at
	if !best.value.scalar() {
		at = best.at
	}
	return locate(best.value, at, strings.TrimPrefix(path[len(best.key):], "."))
}

// loader holds what is known while one manifest is loaded. It goes on after a problem, to find them all.
type loader struct {
	options Options
	root    *Node
	doc     document
	stage   overlay // of the chosen stage
	stages  []entry
	interp  interpolator
	report  report
	written Problems // found while parsing
	fields  fields
	zones   map[string]bool
	m       Manifest
}

func (l *loader) load() {
	l.report.add(l.written...)
	if !l.root.isMap() {
		l.fail(l.root.at, "", "begin with service: NAME", "the manifest must be a map, not %s", l.root.kind)
		return
	}
	l.shape()
	l.resolvePlace()
	functions := l.resolveFunctions()
	releases := l.resolveReleases()
	if l.report.full() || len(l.report.problems) > 0 {
		return
	}
	l.m.tree = newMap(l.root.at, append(l.top(), entry{"functions", l.key("functions"), functions}, entry{"releases", l.key("releases"), releases}))
	l.m.Digest = l.m.digest()
}

// loadPlace leaves the problems of all other parts to load.
func (l *loader) loadPlace() {
	d := decoder{raw: true}
	d.decode(l.root, &l.doc, "")
	if l.doc.Stages.isMap() {
		l.stages = l.doc.Stages.entries
	}
	l.resolvePlace()
	l.resolveReleases()
}

// resolvePlace finds the stage, the service and the target.
func (l *loader) resolvePlace() {
	l.interp = interpolator{
		env: l.options.Env, git: l.options.Git, dir: l.m.Dir, report: &l.report,
		values: map[string]string{},
	}
	l.chooseStage()
	l.resolveService()
	l.chooseTarget()
}

// top are the resolved entries beside the functions, for Locate.
func (l *loader) top() []entry {
	service, _ := l.root.lookup("service")
	t := l.m.Target
	targets := newMap(l.key("targets"), []entry{{t.Name, t.Config.at, t.Config}})
	return []entry{service, {"targets", l.key("targets"), targets}}
}

// key is where a key of the document stands, or the document's beginning.
func (l *loader) key(name string) place {
	if e, ok := l.root.lookup(name); ok {
		return e.at
	}
	return l.root.at
}

func (l *loader) fail(at place, field, hint, format string, args ...any) {
	l.report.add(Problem{Position: at.position(), Field: field, Message: fmt.Sprintf(format, args...), Hint: hint})
}

// digest identifies the resolved service.
func (m *Manifest) digest() string {
	data, err := json.Marshal(struct {
		Service   string     `json:"service"`
		Stage     string     `json:"stage"`
		Target    string     `json:"target"`
		Provider  string     `json:"provider"`
		Config    *Node      `json:"config"`
		Functions []Function `json:"functions"`
		Releases  Releases   `json:"releases"`
	}{m.Service, m.Stage, m.Target.Name, m.Target.Provider, m.Target.Config, m.Functions, m.Releases})
	if err != nil {
		panic(fmt.Sprintf("a manifest always has a JSON form: %v", err))
	}
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// fresh returns a new zero value of a prototype's type; no prototype takes no settings.
func fresh(prototype any) any {
	if prototype == nil {
		return &struct{}{}
	}
	return reflect.New(reflect.TypeOf(prototype).Elem()).Interface()
}

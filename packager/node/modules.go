package node

import (
	"archive/zip"
	"context"
	"encoding/json"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/internal/regular"
	"github.com/ferryfn/ferry/packager/source"
)

// modules lays installed Node packages out in a package: each one at the top of node_modules, unless another version
// is there already, and then below what asks for it. So npm, pnpm, Yarn and workspaces, which link what they
// installed in their own ways, all give the same flat tree of plain files.
type modules struct {
	job      *job
	ctx      context.Context
	files    []source.File
	known    map[string]*module  // by real folder
	placed   map[string]*module  // by place in the package: "node_modules/a/node_modules/b"
	taken    map[string]*module  // those whose files are taken
	found    map[string]*module  // the same as the user installed them: one for another platform may be placed instead
	queue    []string            // places whose needs are not met yet
	noted    map[string]bool     // folders that are inputs
	shelves  map[string][]string // what was generated, by the folder of its node_modules
	archives archives
	wishes   map[string]bool // what the user's package.json needs to run; nil is not read yet
}

// module is an installed package.
type module struct {
	packageJSON
	dir    string // its real folder
	cached bool   // ferry installed it in its cache, for another platform than this machine's
	native bool   // it holds or loads machine code
}

func newModules(ctx context.Context, j *job) *modules {
	return &modules{
		job: j, ctx: ctx, known: map[string]*module{}, placed: map[string]*module{}, taken: map[string]*module{},
		found: map[string]*module{}, noted: map[string]bool{}, shelves: map[string][]string{},
		archives: archives{known: map[string]*zip.ReadCloser{}},
	}
}

// reset forgets what was placed.
func (m *modules) reset() {
	clear(m.placed)
	clear(m.found)
	m.queue = nil
}

// tops are the packages at the top of node_modules, sorted.
func (m *modules) tops() []string {
	var names []string
	for _, place := range slices.Sorted(maps.Keys(m.placed)) {
		if above(place) == "" {
			names = append(names, strings.TrimPrefix(place, "node_modules/"))
		}
	}
	return names
}

// top is the package of a name at the top of node_modules as the user installed it, or nil.
func (m *modules) top(name string) *module { return m.found[path.Join("node_modules", name)] }

// root takes all production dependencies of the source folder, and the frameworks of the function.
func (m *modules) root() error {
	if err := m.production(); err != nil {
		return err
	}
	all, err := m.job.frameworks()
	if err != nil {
		return err
	}
	for _, f := range all {
		mod, err := m.framework(f)
		if err != nil {
			return err
		}
		if m.top(mod.Name) != nil {
			continue
		}
		if err := m.put("", mod.Name, mod); err != nil {
			return err
		}
	}
	return m.settle()
}

func (m *modules) production() error {
	if err := m.note(m.job.Dir); err != nil {
		return err
	}
	if there, err := source.IsFile(filepath.Join(m.job.Dir, "package.json")); err != nil || !there {
		return err
	}
	if source.Exists(filepath.Join(m.job.Dir, ".pnp.cjs")) && !source.Exists(filepath.Join(m.job.Dir, "node_modules")) {
		return source.Problem(filepath.Join(m.job.Dir, ".pnp.cjs"), "set `nodeLinker: node-modules` in .yarnrc.yml, or let ferry bundle",
			"%s is installed with Yarn Plug'n'Play, which has no node_modules", m.job.Function.Source)
	}
	dir, err := filepath.EvalSymlinks(m.job.Dir)
	if err != nil {
		return source.ReadProblem(m.job.Dir, "the source folder", err)
	}
	mod, err := m.load(dir)
	if err != nil {
		return err
	}
	if err := m.meet("", mod); err != nil {
		return err
	}
	return m.settle()
}

// external takes a package that stays out of the bundle, with what it needs. It is looked for from a folder upward.
func (m *modules) external(pattern, from string) error {
	name := PackageName(pattern)
	if strings.Contains(name, "*") || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "node:") {
		return nil // not a package; the handler's own affair
	}
	mod, err := m.find(name, from)
	if err != nil {
		return err
	}
	if left, err := m.unlisted(name, from); left || err != nil {
		return err
	}
	if mod == nil {
		return m.uninstalled(name, from)
	}
	return m.put("", name, mod)
}

func (m *modules) uninstalled(name, from string) error {
	if m.unfoldered() {
		return m.plugged(name, ".yarn/unplugged/", "it is not bundled")
	}
	return source.Problem(filepath.Join(from, "package.json"), "run `npm install` in the source folder "+m.job.Function.Source,
		"the package %s is not installed in %s", name, m.job.Function.Source)
}

// settle meets the needs of all that was placed.
func (m *modules) settle() error {
	for len(m.queue) > 0 {
		place := m.queue[0]
		m.queue = m.queue[1:]
		if err := m.meet(place, m.placed[place]); err != nil {
			return err
		}
	}
	return nil
}

// collect takes the files of all that was placed.
func (m *modules) collect() error {
	for _, place := range slices.Sorted(maps.Keys(m.placed)) {
		mod := m.placed[place]
		if m.taken[place] == mod {
			continue
		}
		m.taken[place] = mod
		if err := m.copy(mod, mod.dir, place); err != nil {
			return err
		}
		m.job.made.Add("npm", mod.Name, mod.Version)
	}
	return nil
}

// meet places what a package depends on where the package finds it.
func (m *modules) meet(place string, mod *module) error {
	for _, name := range mod.names() {
		demand := mod.demand(name)
		if demand == noDemand || demand == choice && !m.wanted(name) {
			continue
		}
		dep, err := m.find(name, mod.dir)
		if err != nil {
			return err
		}
		switch {
		case dep == nil && demand == needed:
			return m.uninstalled(name, mod.dir)
		case dep == nil, demand == optional && !m.runs(dep):
			continue
		}
		err = m.put(place, name, dep)
		if demand == optional {
			err = m.without(dep, mod, err)
		}
		if err != nil {
			return err
		}
	}
	made, err := m.generated(mod)
	if err != nil {
		return err
	}
	for _, name := range made {
		dep, err := m.find(name, mod.dir)
		if dep == nil || err != nil {
			return err
		}
		if err := m.put(place, name, dep); err != nil {
			return err
		}
	}
	return nil
}

// put makes a package visible to what lies at a place, "" being the root.
func (m *modules) put(place, name string, mod *module) error {
	installed := mod
	mod, err := m.adapted(mod)
	if err != nil {
		return err
	}
	where := path.Join("node_modules", name)
	for at := place; ; at = above(at) {
		seen := m.placed[path.Join(at, "node_modules", name)]
		if seen == mod {
			return nil
		}
		if seen != nil {
			where = path.Join(place, "node_modules", name)
			break
		}
		if at == "" {
			break
		}
	}
	if m.placed[where] != nil || strings.Count(where, "node_modules/") > 20 {
		return source.Problem(mod.dir, "install one version of "+name+" for all that need it",
			"the versions %s and %s of %s cannot both be packaged", m.placed[path.Join("node_modules", name)].Version, mod.Version, name)
	}
	m.placed[where], m.found[where] = mod, installed
	m.queue = append(m.queue, where)
	return nil
}

// above is the package that holds a place, "" for the root.
func above(place string) string {
	i := strings.LastIndex(place, "/node_modules/")
	return place[:max(i, 0)]
}

// find returns an installed package as Node finds it from a real folder, or nil.
func (m *modules) find(name, from string) (*module, error) {
	for dir := from; ; dir = filepath.Dir(dir) {
		if filepath.Base(dir) != "node_modules" {
			candidate := filepath.Join(dir, "node_modules", filepath.FromSlash(name))
			if err := m.note(filepath.Join(dir, "node_modules")); err != nil {
				return nil, err
			}
			if err := m.note(filepath.Dir(candidate)); err != nil { // of a scope, which a package may appear in
				return nil, err
			}
			if source.Exists(filepath.Join(candidate, "package.json")) || bare(candidate) {
				folder, err := filepath.EvalSymlinks(candidate)
				if err != nil {
					return nil, source.ReadProblem(candidate, name, err)
				}
				return m.load(folder)
			}
		}
		if dir == filepath.Dir(dir) {
			return nil, nil
		}
	}
}

// note makes a folder an input, if it is there: a package that appears in it may be found before another one.
func (m *modules) note(dir string) error {
	if m.noted[dir] || m.cached(dir) {
		return nil
	}
	m.noted[dir] = true
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return nil //nolint:nilerr // its parent is an input as well
	}
	if err := m.job.In.Folder(dir); err != nil {
		return source.ReadProblem(dir, dir, err)
	}
	return nil
}

// cached is whether a folder is ferry's own.
func (m *modules) cached(dir string) bool {
	return strings.HasPrefix(dir, m.job.Cache+string(filepath.Separator))
}

// described is whether a folder, which may be in an archive, has a package.json, or is one of generated code without.
func (m *modules) described(dir string) (bool, error) {
	file := filepath.Join(dir, "package.json")
	if _, _, in := archived(file); in {
		return m.archives.exists(file), nil
	}
	there, err := source.IsFile(file)
	return there || err == nil && bare(dir), err
}

// load reads the package in a real folder, once.
func (m *modules) load(dir string) (*module, error) {
	if mod := m.known[dir]; mod != nil {
		return mod, nil
	}
	if bare(dir) {
		mod, err := undescribed(dir)
		if err != nil {
			return nil, err
		}
		m.known[dir] = mod
		return mod, m.note(dir)
	}
	file := filepath.Join(dir, "package.json")
	read := m.job.In.Read
	if _, _, in := archived(file); in {
		read = m.archives.read
	}
	if m.cached(dir) {
		read = regular.Read
	}
	data, err := read(file)
	if err != nil {
		return nil, err
	}
	mod := &module{dir: dir, cached: m.cached(dir), native: isNative(dir, data)}
	if err := json.Unmarshal(data, &mod.packageJSON); err != nil {
		return nil, source.Problem(file, "correct it, or install the package again", "%s is not a valid package.json: %v", file, err)
	}
	m.known[dir] = mod
	return mod, nil
}

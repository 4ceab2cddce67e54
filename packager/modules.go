package packager

import (
	"context"
	"encoding/json"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// modules collects Node packages as npm laid them out.
type modules struct {
	job   *job
	ctx   context.Context
	files []file
	taken map[string]bool // package folders
}

// packageJSON is what the closure needs of a package.json.
type packageJSON struct {
	Dependencies         map[string]string `json:"dependencies"`
	OptionalDependencies map[string]string `json:"optionalDependencies"`
	PeerDependencies     map[string]string `json:"peerDependencies"`
}

// root takes all production dependencies of the source folder.
func (m *modules) root() error {
	if _, err := m.job.in.dir(m.job.dir); err != nil {
		return readProblem(m.job.dir, "the source folder", err)
	}
	if !isFile(filepath.Join(m.job.dir, "package.json")) {
		return nil
	}
	return m.needs(m.job.dir)
}

// external takes a package that stays out of the bundle, and what it needs.
func (m *modules) external(pattern string) error {
	name := packageName(pattern)
	if strings.ContainsAny(name, "*") || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "node:") {
		return nil // not a package; the handler's own affair
	}
	return m.take(name, m.job.dir)
}

// needs takes what a package depends on.
func (m *modules) needs(dir string) error {
	file := filepath.Join(dir, "package.json")
	data, err := os.ReadFile(file)
	if err != nil {
		return readProblem(file, file, err)
	}
	var pkg packageJSON
	if err := json.Unmarshal(data, &pkg); err != nil {
		return problem(file, "correct it", "%s is no valid package.json: %v", file, err)
	}
	if err := m.job.in.file(file); err != nil {
		return err
	}
	for i, deps := range []map[string]string{pkg.Dependencies, pkg.OptionalDependencies, pkg.PeerDependencies} {
		names := make([]string, 0, len(deps))
		for name := range deps {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			_, optional := pkg.OptionalDependencies[name]
			if _, found := m.find(name, dir); !found && (optional || i > 0) {
				continue
			}
			if err := m.take(name, dir); err != nil {
				return err
			}
		}
	}
	return nil
}

// take finds a package as Node does, from a folder upward to the source folder, and takes it with its own.
func (m *modules) take(name, from string) error {
	dir, ok := m.find(name, from)
	if !ok {
		return problem(filepath.Join(from, "package.json"), "run `npm install` in "+m.job.fn.Source,
			"the package %s is not installed in %s", name, m.job.fn.Source)
	}
	if m.taken[dir] {
		return nil
	}
	if m.taken == nil {
		m.taken = map[string]bool{}
	}
	m.taken[dir] = true
	if info, err := os.Lstat(dir); err != nil || info.Mode()&fs.ModeSymlink != 0 {
		return problem(dir, "bundle it, or install without links (for pnpm: `node-linker=hoisted`)",
			"the package %s is a symlink (a workspace, or pnpm), which cannot be packaged unbundled yet", name)
	}
	if err := m.copy(dir); err != nil {
		return err
	}
	return m.needs(dir)
}

func (m *modules) find(name, from string) (string, bool) {
	for dir := from; ; dir = filepath.Dir(dir) {
		if filepath.Base(dir) != "node_modules" {
			candidate := filepath.Join(dir, "node_modules", filepath.FromSlash(name))
			if exists(filepath.Join(candidate, "package.json")) {
				return candidate, true
			}
		}
		if dir == m.job.dir || dir == filepath.Dir(dir) {
			return "", false
		}
	}
}

// copy takes the files of a package; packages inside it are taken when something needs them. Certificates
// that a package brings along are no secrets of the user's.
func (m *modules) copy(dir string) error {
	if err := m.ctx.Err(); err != nil {
		return err
	}
	entries, err := m.job.in.dir(dir)
	if err != nil {
		return readProblem(dir, dir, err)
	}
	for _, e := range entries {
		full := filepath.Join(dir, e.Name())
		rel, err := filepath.Rel(m.job.dir, full)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(rel)
		switch {
		case e.Name() == "node_modules" || never(name, e.IsDir()) || strings.HasPrefix(e.Name(), ".env"):
		case e.IsDir():
			err = m.copy(full)
		default:
			err = m.one(full, name, e)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (m *modules) one(full, name string, e fs.DirEntry) error {
	info, err := e.Info()
	if err != nil {
		return readProblem(full, name, err)
	}
	if !info.Mode().IsRegular() {
		return problem(full, "remove it, or install the package again", "%s is a %s, not a file", name, kindOf(info.Mode()))
	}
	m.files = append(m.files, file{name: name, path: full, info: info, input: true})
	return nil
}

// bundled notes the inputs of a bundle and refuses native packages: some of them bundle without a word and
// fail when they are called.
func (m *modules) bundled(meta string) error {
	var made metafile
	if err := json.Unmarshal([]byte(meta), &made); err != nil {
		return err
	}
	dirs, packages := map[string]bool{}, map[string]bool{}
	names := make([]string, 0, len(made.Inputs))
	for name := range made.Inputs {
		names = append(names, name)
	}
	slices.Sort(names)
	var native Errors
	for _, name := range names {
		if strings.Contains(name, ":") { // another namespace: esbuild's own
			continue
		}
		full := filepath.Join(m.job.dir, filepath.FromSlash(name))
		if err := m.job.in.file(full); err != nil {
			return err
		}
		dirs[filepath.Dir(full)] = true
		dir, pkg, ok := packageOf(full)
		if !ok || packages[dir] {
			continue
		}
		packages[dir] = true
		if isNative(dir) {
			native = append(native, problem(dir, "add it to build.external, or set build.bundle: false",
				"the package %s holds native code, which cannot be bundled", pkg))
		}
	}
	if len(native) > 0 {
		return native.join()
	}
	dirs[m.job.dir] = true
	return m.folders(dirs)
}

// folders notes the folders of a bundle's inputs up to the root, with the files that steer resolution.
func (m *modules) folders(dirs map[string]bool) error {
	seen := map[string]bool{}
	for dir := range dirs {
		for ; !seen[dir]; dir = filepath.Dir(dir) {
			seen[dir] = true
			if _, err := m.job.in.dir(dir); err != nil {
				return readProblem(dir, dir, err)
			}
			for _, name := range []string{"package.json", "tsconfig.json", "jsconfig.json"} {
				if err := m.job.in.optional(filepath.Join(dir, name)); err != nil {
					return err
				}
			}
			if dir == m.job.p.Root || dir == filepath.Dir(dir) {
				break
			}
		}
	}
	for _, in := range m.job.in.items {
		if in.Kind == "d" && changedSince(unixNano(in.MTime), m.job.in.began) {
			m.job.in.unsure = true
		}
	}
	return nil
}

// packageOf is the installed package that a file belongs to.
func packageOf(file string) (dir, name string, ok bool) {
	const marker = "/node_modules/"
	slash := filepath.ToSlash(file)
	i := strings.LastIndex(slash, marker)
	if i < 0 {
		return "", "", false
	}
	name = packageName(slash[i+len(marker):])
	return filepath.FromSlash(path.Join(slash[:i+len(marker)], name)), name, true
}

package node

import (
	"bytes"
	"io"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/evanw/esbuild/pkg/api"

	"github.com/ferryfn/ferry/internal/pattern"
	"github.com/ferryfn/ferry/packager/source"
)

// reading is what a bundle is made from. esbuild gets every source from here, the same one however often it tries: so
// what is noted of a source is what was bundled. What it reads by itself is looked at before, as it would wait for a pipe.
type reading struct {
	modules *modules
	// compiled is a source as it is given to esbuild.
	compiled func(file, text string) (string, error)
	loose    map[string]bool // files that are empty to esbuild

	mu     sync.Mutex // esbuild asks from several goroutines
	known  map[string]*sourceFile
	looked map[string]error // by folder
	there  map[string]bool  // whether there is a node_modules, by its path
}

// sourceFile is one as it was read.
type sourceFile struct {
	info fs.FileInfo
	sum  string
	text string
}

func newReading(m *modules) *reading {
	return &reading{modules: m, known: map[string]*sourceFile{}, looked: map[string]error{}, there: map[string]bool{}}
}

func (r *reading) plugin() api.Plugin {
	return api.Plugin{Name: "reading", Setup: func(build api.PluginBuild) {
		build.OnResolve(api.OnResolveOptions{Filter: ".*"}, func(args api.OnResolveArgs) (api.OnResolveResult, error) {
			return api.OnResolveResult{}, r.resolve(args.Path, args.ResolveDir)
		})
		build.OnLoad(api.OnLoadOptions{Filter: ".*", Namespace: "file"}, func(args api.OnLoadArgs) (api.OnLoadResult, error) {
			file, err := r.read(args.Path)
			if err != nil || file == nil || len(args.With) > 0 { // an attribute is for esbuild to understand
				return api.OnLoadResult{}, err
			}
			if r.loose[args.Path] {
				return api.OnLoadResult{Contents: new(string), Loader: api.LoaderEmpty}, nil
			}
			code, err := r.compiled(args.Path, file.text)
			return api.OnLoadResult{Contents: &code, Loader: api.LoaderDefault}, err
		})
	}}
}

// read returns a source file, or nil for what is in no file.
func (r *reading) read(path string) (*sourceFile, error) {
	if known := r.get(path); known != nil {
		return known, nil
	}
	if _, _, in := archived(path); in {
		return r.unpack(path)
	}
	info, data, sum, err := r.modules.job.In.Hashes.Read(path)
	if err != nil {
		if there, wrong := source.IsFile(path); wrong != nil || !there {
			return nil, wrong
		}
		return nil, source.ReadProblem(path, path, err)
	}
	if err := namedMap(path, data); err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.known[path] = &sourceFile{info: info, sum: sum, text: string(data)}
	return r.known[path], r.folder(filepath.Dir(path))
}

// unpack reads a source in an archive of Yarn's, or returns nil for what is not there. The archive is the input.
func (r *reading) unpack(path string) (*sourceFile, error) {
	f, err := r.modules.archives.open(path)
	if err != nil {
		return nil, nil //nolint:nilerr,nilnil // esbuild says what it lacks
	}
	defer f.Close()
	data, err := io.ReadAll(f)
	if err != nil {
		return nil, source.ReadProblem(path, path, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.known[path] = &sourceFile{text: string(data)}
	return r.known[path], nil
}

func (r *reading) get(path string) *sourceFile {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.known[path]
}

// files are the source files that were read, sorted.
func (r *reading) files() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Sorted(maps.Keys(r.known))
}

// size is that of all source files that were read, in bytes.
func (r *reading) size() (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, file := range r.known {
		n += len(file.text)
	}
	return n
}

// note makes a source file an input, as it was read and bundled: one that was saved a moment ago is no doubt.
func (r *reading) note(path string) error {
	file, in := r.get(path), r.modules.job.In
	if file == nil {
		return in.File(path)
	}
	in.Packed(path, file.info, file.sum)
	return nil
}

var mapped = pattern.Of(`(?m)[#@] ?sourceMappingURL=([^\s'"]+)`)

// namedMap looks at the map that a source names, which esbuild reads.
func namedMap(path string, code []byte) error {
	at := bytes.LastIndex(code, []byte("sourceMappingURL="))
	if at < 0 {
		return nil
	}
	found := mapped().FindSubmatch(code[max(0, at-3):])
	if found == nil {
		return nil
	}
	named, err := url.Parse(string(found[1]))
	if err != nil || named.Scheme != "" && named.Scheme != "file" {
		return nil //nolint:nilerr // esbuild passes it over
	}
	file := filepath.FromSlash(named.Path)
	if !filepath.IsAbs(file) {
		file = filepath.Join(filepath.Dir(path), file)
	}
	_, err = source.IsFile(file)
	return err
}

// resolve looks at the folders in which esbuild finds an import.
func (r *reading) resolve(name, from string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if from == "" || strings.Contains(name, ":") { // of Node, or no file
		return nil
	}
	if isPath(name) {
		target := name
		if !filepath.IsAbs(name) {
			target = filepath.Join(from, filepath.FromSlash(name))
		}
		return r.folder(target)
	}
	for dir := from; ; dir = filepath.Dir(dir) {
		if shelf := filepath.Join(dir, "node_modules"); filepath.Base(dir) != "node_modules" && !r.absent(shelf) {
			for _, part := range []string{PackageName(name), name} {
				if err := r.folder(filepath.Join(shelf, filepath.FromSlash(part))); err != nil {
					return err
				}
			}
		}
		if dir == filepath.Dir(dir) {
			return nil
		}
	}
}

// absent is whether there was nothing at a path when it was first asked for.
func (r *reading) absent(path string) bool {
	there, known := r.there[path]
	if !known {
		there = source.Exists(path)
		r.there[path] = there
	}
	return !there
}

// folder looks at the files that steer esbuild in a folder, where a link leads, and in all that it is in.
func (r *reading) folder(dir string) error {
	if err, known := r.looked[dir]; known {
		return err
	}
	if _, known := r.modules.job.Checked.Load(dir); known {
		return nil
	}
	r.looked[dir] = nil // a link may lead back
	err := r.look(dir)
	if parent := filepath.Dir(dir); err == nil && parent != dir {
		err = r.folder(parent)
	}
	if r.looked[dir] = err; err == nil {
		r.modules.job.Checked.Store(dir, nil)
	}
	return err
}

func (r *reading) look(dir string) error {
	info, err := os.Lstat(dir)
	linked := err == nil && info.Mode()&fs.ModeSymlink != 0
	if linked {
		info, err = os.Stat(dir)
	}
	if err != nil || !info.IsDir() {
		return nil //nolint:nilerr // what is not there steers nothing
	}
	for _, name := range []string{"package.json", ".pnp.data.json", ".pnp.cjs", ".pnp.js"} {
		if _, err := source.IsFile(filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	if err := tsconfigsIn(dir, func(string) error { return nil }); err != nil || !linked {
		return err
	}
	if there, err := filepath.EvalSymlinks(dir); err == nil {
		return r.folder(there)
	}
	return nil
}

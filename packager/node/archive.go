package node

import (
	"archive/zip"
	"io"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/ferryfn/ferry/internal/pattern"
	"github.com/ferryfn/ferry/packager/source"
)

// Yarn's Plug'n'Play leaves packages in the archives that it downloaded. esbuild resolves them; what else ferry asks of
// them is answered here. They can be bundled, and nothing of them can lie in the package as a file.

// archives are those that a bundle reads, opened once.
type archives struct {
	mu    sync.Mutex
	known map[string]*zip.ReadCloser // nil for what cannot be opened
}

// virtual is a package that lies in several places for its peers: "__virtual__/<hash>/<folders above>/".
var virtual = pattern.Of(`/(?:__virtual__|\$\$virtual)/[^/]+/(\d+)/`)

// really is where a path of Plug'n'Play leads.
func really(path string) string {
	slash := filepath.ToSlash(path)
	for {
		at := virtual().FindStringSubmatchIndex(slash)
		if at == nil {
			return filepath.FromSlash(slash)
		}
		base := slash[:at[0]]
		for n, _ := strconv.Atoi(slash[at[2]:at[3]]); n > 0; n-- {
			base = base[:max(strings.LastIndex(base, "/"), 0)]
		}
		slash = base + "/" + slash[at[1]:]
	}
}

// archived is the archive that a path leads into, and the path in it.
func archived(path string) (archive, inside string, ok bool) {
	if !strings.Contains(path, ".zip") {
		return "", "", false
	}
	archive, inside, ok = strings.Cut(filepath.ToSlash(really(path)), ".zip/")
	return filepath.FromSlash(archive + ".zip"), inside, ok
}

// open opens a path in an archive.
func (a *archives) open(path string) (fs.File, error) {
	archive, inside, ok := archived(path)
	if !ok {
		return nil, fs.ErrNotExist
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	r, known := a.known[archive]
	if !known {
		if _, err := source.IsFile(archive); err != nil { // not what would block
			return nil, err
		}
		r, _ = zip.OpenReader(archive)
		a.known[archive] = r
	}
	if r == nil {
		return nil, fs.ErrNotExist
	}
	return r.Open(inside)
}

// read is what a file in an archive holds. The archive is an input of the bundle.
func (a *archives) read(path string) ([]byte, error) {
	f, err := a.open(path)
	if err != nil {
		return nil, source.ReadProblem(path, path, err)
	}
	defer f.Close()
	return io.ReadAll(f)
}

// close closes all.
func (a *archives) close() {
	for _, r := range a.known {
		if r != nil {
			_ = r.Close() // it was read only
		}
	}
}

// exists is whether there is something at a path, in an archive or on the disk.
func (a *archives) exists(path string) bool {
	if f, err := a.open(path); err == nil {
		f.Close()
		return true
	}
	return source.Exists(path)
}

// unfoldered is whether the source folder has no node_modules, since it is installed with Plug'n'Play.
func (m *modules) unfoldered() bool {
	for dir := m.job.Dir; ; dir = filepath.Dir(dir) {
		if source.Exists(filepath.Join(dir, "node_modules")) {
			return false
		}
		if source.Exists(filepath.Join(dir, ".pnp.cjs")) {
			return true
		}
		if dir == filepath.Dir(dir) {
			return false
		}
	}
}

// plugged is the error of a package that must lie in the package as files, and lies where Plug'n'Play has it; nil for others.
func (m *modules) plugged(name, dir, why string) error {
	_, _, in := archived(dir)
	if !in && !strings.Contains("/"+filepath.ToSlash(dir), "/.yarn/unplugged/") {
		return nil
	}
	return source.Problem(filepath.Join(m.job.Dir, "package.json"), "set `nodeLinker: node-modules` in .yarnrc.yml, and run `yarn install`",
		"%s must lie in the package as files, which Yarn Plug'n'Play does not have (%s)", name, why)
}

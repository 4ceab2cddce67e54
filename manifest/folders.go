package manifest

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// errOutside is a path that a link leads out of the manifest's folder.
var errOutside = errors.New("leaves the manifest's folder")

var driveLetter = regexp.MustCompile(`^[A-Za-z]:`)

// localPath says what is wrong with a path that must stay below its folder on every system, "" when nothing is.
func localPath(p string) (message, hint string) {
	switch {
	case p == "":
		return "is empty", "name a path below the manifest's folder, . for that folder"
	case strings.Contains(p, `\`):
		return "holds a backslash", "write / between folders"
	case path.IsAbs(p) || driveLetter.MatchString(p):
		return "is an absolute path", "name it relative to the manifest's folder"
	case slices.Contains(strings.Split(p, "/"), ".."):
		return "leaves its folder with ..", "move what is needed below the manifest's folder"
	case strings.ContainsFunc(p, func(r rune) bool { return r < ' ' }):
		return "holds a control character", "name it in plain text"
	}
	return "", ""
}

// folders looks at files below the manifest's folder, by slash paths.
type folders struct {
	root string // the manifest's folder with its links resolved
}

func newFolders(dir string) *folders {
	resolved, err := filepath.EvalSymlinks(dir)
	if err != nil {
		resolved = dir
	}
	return &folders{root: resolved}
}

// stat follows links, but not out of the folder: that is errOutside.
func (f *folders) stat(name string) (fs.FileInfo, error) {
	full, err := filepath.EvalSymlinks(filepath.Join(f.root, filepath.FromSlash(name)))
	if err != nil {
		return nil, err
	}
	rel, err := filepath.Rel(f.root, full)
	if err != nil || !filepath.IsLocal(rel) {
		return nil, errOutside
	}
	return os.Stat(full)
}

// holdsGo reports whether a folder has a Go file that is no test.
func (f *folders) holdsGo(dir string) bool {
	entries, err := os.ReadDir(filepath.Join(f.root, filepath.FromSlash(dir)))
	return err == nil && slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return !e.IsDir() && isGo(e.Name()) })
}

// maxSearch bounds the files that are looked at for a suggestion.
const maxSearch = 2000

// wantFolder makes nearest look for folders.
func wantFolder(p string) bool { return strings.HasSuffix(p, "/") }

// nearest returns the path below dir, relative to it, that is most like name. Folders are offered to want with a slash
// at their end. What tools make and what is hidden is not looked at.
func (f *folders) nearest(dir, name string, want func(path string) bool) string {
	root := filepath.Join(f.root, filepath.FromSlash(dir))
	best, least, left := "", 0, maxSearch
	_ = filepath.WalkDir(root, func(p string, e fs.DirEntry, err error) error {
		if left--; left < 0 {
			return filepath.SkipAll
		}
		if err != nil || p == root {
			return nil //nolint:nilerr // what cannot be read cannot be suggested
		}
		skip := strings.HasPrefix(e.Name(), ".") || slices.Contains([]string{"node_modules", "__pycache__", "vendor", "venv"}, e.Name())
		if e.IsDir() && skip {
			return filepath.SkipDir
		}
		rel, err := filepath.Rel(root, p)
		if err != nil || skip {
			return nil //nolint:nilerr // as above
		}
		rel = filepath.ToSlash(rel)
		offered := rel
		if e.IsDir() {
			offered += "/"
		}
		if d := unlikeness(name, rel); want(offered) && (best == "" || d < least) {
			best, least = rel, d
		}
		return nil
	})
	return best
}

// unlikeness compares two paths: a file that is only in another folder, or only of another kind, is near.
func unlikeness(a, b string) int {
	d := 3 * distance(strings.ToLower(a), strings.ToLower(b), 1000)
	stem := func(p string) string { return strings.TrimSuffix(path.Base(p), path.Ext(p)) }
	if stem(a) == stem(b) {
		d /= 3
	}
	return d
}

func (f *folders) nearestHint(dir, name string, want func(path string) bool) string {
	if near := f.nearest(dir, name, want); near != "" {
		return "did you mean \"" + near + "\"?"
	}
	return makeIt
}

// makeIt is the hint for what is not there and like nothing that is.
const makeIt = "create it, or name one that is there"

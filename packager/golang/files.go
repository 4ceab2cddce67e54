package golang

import (
	"io/fs"
	"path"
	"path/filepath"
	"strings"

	"github.com/ferryfn/ferry/packager/source"
)

// openable looks at what the go command may open, which waits for a pipe: in the source folder, and the files of modules
// above it.
func (j *job) openable() error {
	for dir := j.Dir; ; dir = filepath.Dir(dir) {
		for _, name := range []string{"go.mod", "go.sum", "go.work", "go.work.sum"} {
			if _, err := source.IsFile(filepath.Join(dir, name)); err != nil {
				return err
			}
		}
		if dir == filepath.Dir(dir) {
			break
		}
	}
	return filepath.WalkDir(j.Dir, func(full string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return nil //nolint:nilerr // who needs it says what is wrong
		case d.IsDir() && full != j.Dir && (strings.HasPrefix(d.Name(), ".") || d.Name() == "node_modules"):
			return fs.SkipDir
		case !d.IsDir() && !d.Type().IsRegular() && (path.Ext(full) == ".go" || strings.HasPrefix(d.Name(), "go.")):
			_, err = source.IsFile(full)
		}
		return err
	})
}

package node

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/ferryfn/ferry/internal/regular"
	"github.com/ferryfn/ferry/packager/source"
)

// copy takes the files of a package but for the packages inside it. Certificates that an installed package brings
// along are no secrets of the user's; a package of the user's workspace is treated like sources.
func (m *modules) copy(mod *module, dir, place string) error {
	if err := m.ctx.Err(); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err == nil && !mod.cached {
		entries, err = m.job.In.Dir(dir)
	}
	if err != nil {
		return source.ReadProblem(dir, dir, err)
	}
	own := !strings.Contains(filepath.ToSlash(mod.dir), "/node_modules/")
	for _, e := range entries {
		full, name := filepath.Join(dir, e.Name()), path.Join(place, e.Name())
		switch {
		case e.Name() == "node_modules" || source.Never(name, e.IsDir()) || strings.HasPrefix(e.Name(), ".env") || own && source.SecretName(name):
		case e.IsDir():
			if path.Base(place) == "prebuilds" && !named(m.job.Platform, e.Name()) {
				continue
			}
			err = m.copy(mod, full, name)
		default:
			err = m.one(mod, full, name, e)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (m *modules) one(mod *module, full, name string, e fs.DirEntry) error {
	info, err := e.Info()
	if err != nil {
		return source.ReadProblem(full, name, err)
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		target, err := filepath.EvalSymlinks(full)
		if rel, relErr := filepath.Rel(mod.dir, target); err == nil && relErr == nil && filepath.IsLocal(rel) {
			full = target
			info, err = os.Stat(target)
			if err != nil {
				return source.ReadProblem(full, name, err)
			}
		}
	}
	if !info.Mode().IsRegular() {
		return source.Problem(full, "remove it, or install the package again", "%s is a %s, not a file", name, regular.Kind(info.Mode()))
	}
	if path.Ext(name) == ".node" {
		if fit := m.job.fitnessOf(full); fit == elsewhere || fit == outdated {
			return nil
		}
	}
	f := source.File{Name: name, Path: full, Info: info}
	if !mod.cached {
		f.In = m.job.In
	}
	m.files = append(m.files, f)
	return nil
}

package python

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/ferryfn/ferry/internal/regular"
	"github.com/ferryfn/ferry/packager/source"
)

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// addFolder adds a folder that holds a package, which has to be built, with the folders that it asks for in turn.
func (j *job) addFolder(w *wishes, dir, rest string) error {
	described := slices.ContainsFunc([]string{"pyproject.toml", "setup.py", "setup.cfg"}, func(name string) bool {
		return source.Exists(filepath.Join(dir, name))
	})
	if !described {
		return source.Problem(w.file, "name a folder that holds a package",
			"%s asks for the folder %s, which has no pyproject.toml and no setup.py", filepath.Base(w.file), j.shown(dir))
	}
	w.lines = append(w.lines, dir+rest)
	w.sum += "folder " + rest + "\n"
	return j.noteFolder(w, dir)
}

// shown is a path as the user may know it.
func (j *job) shown(path string) string {
	if rel, err := filepath.Rel(j.Dir, path); err == nil {
		return filepath.ToSlash(rel)
	}
	return path
}

// noteFolder makes all that a package is built from an input.
func (j *job) noteFolder(w *wishes, dir string) error {
	if slices.Contains(w.folders, dir) {
		return nil
	}
	w.folders = append(w.folders, dir)
	err := j.eachOf(dir, func(full, rel string, isDir bool) error {
		if isDir {
			if err := j.In.Folder(full); err != nil {
				return source.ReadProblem(full, rel, err)
			}
			return nil
		}
		err := j.In.File(full)
		w.held += rel + " " + j.In.Sum(full) + "\n"
		return err
	})
	if err != nil {
		return err
	}
	data, err := regular.Read(filepath.Join(dir, "pyproject.toml"))
	if err != nil { // it has a setup.py
		return nil
	}
	var p pyproject
	if err := toml.Unmarshal(data, &p); err != nil {
		return source.Problem(filepath.Join(dir, "pyproject.toml"), "correct it", "pyproject.toml cannot be read: %v", err)
	}
	for _, path := range p.paths() {
		if next := under(dir, path); isFolder(next) {
			if err := j.noteFolder(w, next); err != nil {
				return err
			}
		}
	}
	return nil
}

// paths are the folders that a project takes packages from.
func (p pyproject) paths() (out []string) {
	for _, table := range []map[string]any{p.Tool.UV.Sources, p.Tool.Poetry.Dependencies} {
		for _, one := range table {
			t, _ := one.(map[string]any)
			if path := text(t["path"]); path != "" {
				out = append(out, path)
			}
		}
	}
	slices.Sort(out)
	return out
}

// eachOf visits what a package may be built from: all but leftovers, environments, installed modules and secrets.
func (j *job) eachOf(dir string, visit func(full, rel string, isDir bool) error) error {
	return filepath.WalkDir(dir, func(full string, d fs.DirEntry, err error) error {
		if err != nil {
			return source.ReadProblem(full, full, err)
		}
		rel, err := filepath.Rel(dir, full)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(rel)
		isDir := d.IsDir()
		left := full != dir && (source.Never(name, isDir) || source.SecretName(name) || leftover(name, isDir)) || full == j.Cache
		switch {
		case left && isDir:
			return fs.SkipDir
		case left:
			return nil
		case isDir, d.Type().IsRegular():
			return visit(full, name, isDir)
		}
		info, err := os.Stat(full) // of what a link leads to
		if err != nil || !info.Mode().IsRegular() {
			return nil //nolint:nilerr // a build that needs it says so
		}
		return visit(full, name, false)
	})
}

// leftover is whether tools make a folder of the name in a project.
func leftover(name string, isDir bool) bool {
	return isDir && (slices.Contains([]string{"build", "dist", ".tox", ".pytest_cache", ".mypy_cache", ".ruff_cache"}, name) ||
		path.Base(name) == "node_modules" || strings.HasSuffix(name, ".egg-info"))
}

// copyFolders copies the folders that packages are built from, for build tools write beside what they build. Below "to" each
// has the path that it has on the disk, so that they find one another.
func (j *job) copyFolders(w *wishes, to string) error {
	for _, dir := range w.folders {
		err := j.eachOf(dir, func(full, rel string, isDir bool) error {
			target := filepath.Join(to, dir, filepath.FromSlash(rel))
			if isDir {
				return os.MkdirAll(target, 0o755)
			}
			data, err := regular.Read(full)
			if err != nil {
				return source.ReadProblem(full, rel, err)
			}
			return os.WriteFile(target, data, 0o600)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

package node

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/internal/regular"
	"github.com/ferryfn/ferry/packager/source"
)

// A tool that generates code for a package lays it in a folder beside the package whose name begins with a dot, such as
// node_modules/.prisma/client. No package.json asks for it: the package's own code does.

// prismaClient is the one that has advice of its own.
const prismaClient = ".prisma/client"

// dotted is whether the name of a package is in such a folder.
func dotted(name string) bool {
	return strings.HasPrefix(name, ".") && !isPath(name) && strings.Contains(name, "/")
}

// bare is whether a folder holds generated code that nothing describes: Node needs no package.json to load it.
func bare(dir string) bool {
	root, name, ok := PackageOf(dir)
	if !ok || root != dir || !dotted(name) || source.Exists(filepath.Join(dir, "package.json")) {
		return false
	}
	found, err := scriptsIn(dir)
	return err == nil && len(found) > 0
}

// scriptsIn are the files that Node loads as code in a folder itself.
func scriptsIn(dir string) (files []string, err error) {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if !e.IsDir() && slices.Contains([]string{".js", ".mjs", ".cjs"}, path.Ext(e.Name())) {
			files = append(files, filepath.Join(dir, e.Name()))
		}
	}
	return files, err
}

// undescribed is such a folder as a package. What its code imports by name is what it needs, as far as it is there.
func undescribed(dir string) (*module, error) {
	_, name, _ := PackageOf(dir)
	mod := &module{packageJSON: packageJSON{Name: name, OptionalDependencies: map[string]string{}}, dir: dir, native: isNative(dir, nil)}
	files, err := scriptsIn(dir)
	if err != nil {
		return nil, source.ReadProblem(dir, name, err)
	}
	for _, file := range files {
		code, err := regular.Read(file)
		if err != nil {
			return nil, source.ReadProblem(file, file, err)
		}
		for _, l := range pathsIn(file, "", string(code)).imports() {
			if other := PackageName(l.name); !isPath(l.name) && !strings.Contains(l.name, ":") && other != name {
				mod.OptionalDependencies[other] = "*"
			}
		}
	}
	return mod, nil
}

// generated are the names of what was generated for a package.
func (m *modules) generated(mod *module) ([]string, error) {
	shelf, _, ok := cutLast(filepath.ToSlash(mod.dir), "/node_modules/")
	if !ok || dotted(mod.Name) {
		return nil, nil
	}
	found, known := m.shelves[shelf]
	if !known {
		dirs, err := filepath.Glob(filepath.Join(globQuote(filepath.FromSlash(shelf)), "node_modules", ".*", "*"))
		if err != nil {
			return nil, err
		}
		for _, dir := range dirs {
			if source.Exists(filepath.Join(dir, "package.json")) || bare(dir) {
				found = append(found, path.Join(filepath.Base(filepath.Dir(dir)), filepath.Base(dir)))
			}
		}
		m.shelves[shelf] = found
	}
	if len(found) == 0 {
		return nil, nil
	}
	return asked(mod.dir, found)
}

// asked are those of the names that the code in a folder holds.
func asked(dir string, names []string) (out []string, err error) {
	left := slices.Clone(names)
	err = filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return source.ReadProblem(file, file, err)
		case d.IsDir() && d.Name() == "node_modules", len(left) == 0:
			return fs.SkipDir
		case !d.Type().IsRegular() || !scripts(file):
			return nil
		}
		code, err := regular.Read(file)
		if err != nil {
			return source.ReadProblem(file, file, err)
		}
		left = slices.DeleteFunc(left, func(name string) bool {
			holds := strings.Contains(string(code), name)
			if holds {
				out = append(out, name)
			}
			return holds
		})
		return nil
	})
	slices.Sort(out)
	return out, err
}

// cutLast is strings.Cut at the last place.
func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

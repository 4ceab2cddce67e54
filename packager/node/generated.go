package node

import (
	"io/fs"
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

// generated are the names of what was generated for a package.
func (m *modules) generated(mod *module) ([]string, error) {
	shelf, _, ok := cutLast(filepath.ToSlash(mod.dir), "/node_modules/")
	if !ok || dotted(mod.Name) {
		return nil, nil
	}
	found, known := m.shelves[shelf]
	if !known {
		files, err := filepath.Glob(filepath.Join(globQuote(filepath.FromSlash(shelf)), "node_modules", ".*", "*", "package.json"))
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			dir := filepath.Dir(file)
			found = append(found, path.Join(filepath.Base(filepath.Dir(dir)), filepath.Base(dir)))
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

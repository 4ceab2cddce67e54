package node

import (
	"path"
	"path/filepath"
	"strings"

	"github.com/ferryfn/ferry/internal/pattern"
	"github.com/ferryfn/ferry/internal/regular"
	"github.com/ferryfn/ferry/packager/source"
)

// bundled notes the inputs of a bundle, with the folders up to the root and the files that steer resolution, and adds the
// packages in it to the content.
func (m *modules) bundled(of *source.Content, inputs []string, sources *reading) error {
	for _, full := range inputs {
		if err := sources.note(full); err != nil {
			return err
		}
	}
	dirs, packages := map[string]bool{m.job.Dir: true}, map[string]bool{}
	for _, full := range inputs {
		dirs[filepath.Dir(full)] = true
		dir, _, ok := PackageOf(full)
		if !ok || packages[dir] {
			continue
		}
		if there, err := m.described(dir); err != nil {
			return err
		} else if !there {
			continue
		}
		packages[dir] = true
		mod, err := m.load(dir)
		if err != nil {
			return err
		}
		of.Add("npm", mod.Name, mod.Version)
	}
	return m.folders(dirs)
}

func (m *modules) folders(dirs map[string]bool) error {
	seen := map[string]bool{}
	for dir := range dirs {
		for ; !seen[dir]; dir = filepath.Dir(dir) {
			seen[dir] = true
			if err := m.job.In.Folder(dir); err != nil {
				return source.ReadProblem(dir, dir, err)
			}
			if err := m.job.In.Optional(filepath.Join(dir, "package.json")); err != nil {
				return err
			}
			if err := tsconfigsIn(dir, m.job.In.File); err != nil {
				return err
			}
			if dir == m.job.Root || dir == filepath.Dir(dir) {
				break
			}
		}
	}
	m.job.In.DoubtFolders()
	return nil
}

// extends finds what a tsconfig.json builds upon; a comment that looks the same costs an input too many.
var (
	extends = pattern.Of(`"extends"\s*:\s*(\[[^\]]*\]|"[^"]*")`)
	strung  = pattern.Of(`"([^"]+)"`)
)

// tsconfigsIn calls eachTSConfig for those that esbuild reads in a folder: none of installed packages.
func tsconfigsIn(dir string, do func(file string) error) error {
	if strings.Contains(filepath.ToSlash(dir)+"/", "/node_modules/") {
		return nil
	}
	for _, name := range []string{"tsconfig.json", "jsconfig.json"} {
		if err := eachTSConfig(filepath.Join(dir, name), 0, do); err != nil {
			return err
		}
	}
	return nil
}

// eachTSConfig is called for a tsconfig.json, if it is there, and for those that it extends.
func eachTSConfig(file string, depth int, do func(file string) error) error {
	if there, err := source.IsFile(file); err != nil || !there || depth > 20 {
		return err // not there, which the folder tells, or in a circle, which esbuild tells
	}
	data, err := regular.Read(file)
	if err != nil {
		return source.ReadProblem(file, file, err)
	}
	if err := do(file); err != nil {
		return err
	}
	for _, list := range extends().FindAllSubmatch(data, -1) {
		for _, name := range strung().FindAllSubmatch(list[1], -1) {
			for _, other := range tsconfigPlaces(filepath.Dir(file), string(name[1])) {
				if err := eachTSConfig(other, depth+1, do); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// tsconfigPlaces are the files that an `extends` may mean.
func tsconfigPlaces(dir, name string) []string {
	forms := func(base string) []string {
		return []string{base, base + ".json", filepath.Join(base, "tsconfig.json")}
	}
	if filepath.IsAbs(name) {
		return forms(name)
	}
	if strings.HasPrefix(name, ".") {
		return forms(filepath.Join(dir, filepath.FromSlash(name)))
	}
	var out []string
	for ; ; dir = filepath.Dir(dir) {
		out = append(out, forms(filepath.Join(dir, "node_modules", filepath.FromSlash(name)))...)
		if dir == filepath.Dir(dir) {
			return out
		}
	}
}

// PackageOf is the installed package that a file belongs to.
func PackageOf(file string) (dir, name string, ok bool) {
	const marker = "/node_modules/"
	slash := filepath.ToSlash(file)
	i := strings.LastIndex(slash, marker)
	if i < 0 {
		return "", "", false
	}
	name = PackageName(slash[i+len(marker):])
	return filepath.FromSlash(path.Join(slash[:i+len(marker)], name)), name, true
}

//go:build unix

package corpus_test

import (
	"debug/buildinfo"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// lists compares what lies in a package for this machine with what the language's own tool takes: for Python what is
// installed beside the sources, for Go the modules in the program, for Node the files of each package that stays out of the
// bundle. What is in a bundle is compared with what Node loads by tests of the packager.
func (d *checkout) lists(dir string) (ok bool) {
	d.Helper()
	var native, packaged map[string]bool
	switch {
	case strings.Contains(d.function, "runtime: go"):
		native, packaged = d.goModules(dir)
	case strings.Contains(d.function, "runtime:"):
		native, packaged = d.nodePackages(dir)
	default:
		native, packaged = d.pythonFiles(dir)
	}
	var but *regexp.Regexp
	if d.differs != "" {
		but = regexp.MustCompile(d.differs)
	}
	differ := func(what string, some, others map[string]bool) (n int) {
		for _, name := range slices.Sorted(maps.Keys(some)) {
			if others[name] || but != nil && but.MatchString(name) {
				continue
			}
			if n++; n <= 10 {
				d.Errorf("%s %s", what, name)
			}
		}
		return n
	}
	return differ("the package lacks", native, packaged)+differ("without ferry there is no", packaged, native) == 0
}

// filesIn are the files below a folder that take and leave decide about, by their paths from there.
func (d *checkout) filesIn(dir string, leave func(name string) bool) map[string]bool {
	d.Helper()
	out := map[string]bool{}
	err := filepath.WalkDir(dir, func(full string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, full)
		switch name := filepath.ToSlash(rel); {
		case err != nil || name == ".":
		case leave(name) && e.IsDir():
			return fs.SkipDir
		case !leave(name) && !e.IsDir():
			out[name] = true
		}
		return err
	})
	if err != nil {
		d.Fatal(err)
	}
	return out
}

// byInstaller are files that installers leave behind for themselves, or for the machine that they ran on.
var byInstaller = regexp.MustCompile(`(^|/)__pycache__$|\.dist-info/(INSTALLER|REQUESTED|direct_url\.json|uv_cache\.json)$|^_virtualenv\.(py|pth)$`)

// pythonFiles are those of site-packages, and those of the package that are not the program's own or ferry's.
func (d *checkout) pythonFiles(dir string) (native, packaged map[string]bool) {
	d.Helper()
	site := d.glob(".venv/lib/*/site-packages")
	if len(site) == 0 {
		return nil, nil
	}
	native = d.filesIn(site[0], byInstaller.MatchString)
	packaged = d.filesIn(dir, func(name string) bool {
		_, err := os.Stat(filepath.Join(d.dir, filepath.FromSlash(name)))
		return err == nil && !strings.Contains(name, ".dist-info") || strings.HasPrefix(name, "ferry_") || name == "ferry-entry"
	})
	return native, packaged
}

// goModules are the modules of which the program without ferry and that of the package were compiled.
func (d *checkout) goModules(dir string) (native, packaged map[string]bool) {
	d.Helper()
	var programs []string
	for _, form := range []string{"serve", "bootstrap", "*/serve"} {
		programs = append(programs, d.glob(form)...)
	}
	if len(programs) == 0 {
		d.Fatal("there is no program to compare with")
	}
	modules := func(program string) map[string]bool {
		info, err := buildinfo.ReadFile(program)
		if err != nil {
			d.Fatal(err)
		}
		out := map[string]bool{}
		for _, m := range info.Deps {
			out[m.Path+"@"+m.Version] = true
		}
		return out
	}
	return modules(programs[0]), modules(filepath.Join(dir, "bootstrap"))
}

// forOthers are files of Node packages that are for other machines, or never packaged.
var forOthers = regexp.MustCompile(`\.node$|(^|/)(prebuilds|node_modules)(/|$)|(^|/)\.(git|npmignore|DS_Store)|(^|/)\.env`)

// nodePackages are the files of the packages that lie in the package as files, as they are installed and as they are there.
func (d *checkout) nodePackages(dir string) (native, packaged map[string]bool) {
	d.Helper()
	native, packaged = map[string]bool{}, map[string]bool{}
	described, err := filepath.Glob(filepath.Join(dir, "node_modules", "*", "package.json"))
	if err != nil {
		d.Fatal(err)
	}
	scoped, err := filepath.Glob(filepath.Join(dir, "node_modules", "@*", "*", "package.json"))
	if err != nil {
		d.Fatal(err)
	}
	for _, file := range append(described, scoped...) {
		name := strings.TrimPrefix(filepath.ToSlash(filepath.Dir(file)), filepath.ToSlash(dir)+"/")
		installed, err := filepath.EvalSymlinks(filepath.Join(d.dir, filepath.FromSlash(name)))
		if err != nil {
			continue // another place of a workspace has it
		}
		for from, into := range map[string]map[string]bool{installed: native, filepath.Dir(file): packaged} {
			for f := range d.filesIn(from, forOthers.MatchString) {
				into[path.Join(name, f)] = true
			}
		}
	}
	return native, packaged
}

package golang

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/ferryfn/ferry/internal/pattern"
	"github.com/ferryfn/ferry/internal/regular"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager/source"
)

var moduleLine = pattern.Of(`(?m)^module\s+"?([^\s"]+)`)

// Foresee says what the module's own files show, as far as the handler imports them: a package of another style, and code
// that takes over a connection where the target has none. It starts no go command, which might fetch what is missing.
func Foresee(dir string, fn manifest.Function, pl source.Platform) ([]source.Warning, error) {
	packages := within(dir, fn.Module())
	if len(packages) == 0 {
		return nil, nil
	}
	target := packages[len(packages)-1]
	known, err := declarations(target)
	if err != nil {
		return nil, err
	}
	imports := func(name string) bool { return slices.Contains(target.Imports, name) }
	switch {
	case fn.Style == manifest.StyleGo && target.Name == "main" && imports(lambdaPackage):
		return nil, source.AnotherStyle(target.Dir, fn, "it is a program for AWS Lambda", manifest.StyleLambda)
	case fn.Style == manifest.StyleGo && known["Handler"] == nil && known["OnEvent"] == nil && len(registrations(target)) > 0:
		return nil, source.AnotherStyle(target.Dir, fn, "the package registers its functions with Google's functions-framework", manifest.StyleGCF)
	case fn.Style == manifest.StyleGCF && known["Handler"] != nil && len(registrations(target)) == 0:
		return nil, source.AnotherStyle(target.Dir, fn, "the package declares a Handler", manifest.StyleGo)
	}
	return upgrades(packages, dir, pl.Shim), nil
}

// Written are the files of a handler's package, without its tests.
func Written(dir string, fn manifest.Function) []string {
	return programFiles(filepath.Join(dir, filepath.FromSlash(fn.Module())))
}

func programFiles(folder string) []string {
	files, _ := filepath.Glob(filepath.Join(folder, "*.go")) // a folder is no pattern of its own
	return slices.DeleteFunc(files, func(file string) bool { return strings.HasSuffix(file, "_test.go") })
}

// within are the packages of the module that the handler's is made of, itself last. Files that a platform leaves out count.
func within(dir, handler string) (all []pkg) {
	root := filepath.Clean(dir)
	mod, err := regular.Read(filepath.Join(root, "go.mod"))
	for ; err != nil && root != filepath.Dir(root); mod, err = regular.Read(filepath.Join(root, "go.mod")) {
		root = filepath.Dir(root)
	}
	name := moduleLine().FindSubmatch(mod)
	if name == nil {
		return nil
	}
	of, seen := &module{Path: string(name[1])}, map[string]bool{}
	var visit func(folder string)
	visit = func(folder string) {
		p, ok := parsedAll(folder, of)
		if seen[folder] = true; !ok {
			return
		}
		for _, path := range p.Imports {
			rest, inside := strings.CutPrefix(path, of.Path+"/")
			if next := filepath.Join(root, filepath.FromSlash(rest)); inside && !seen[next] {
				visit(next)
			}
		}
		all = append(all, p)
	}
	visit(filepath.Join(dir, filepath.FromSlash(handler)))
	return all
}

// parsedAll is the package in a folder, false where there is none.
func parsedAll(folder string, of *module) (pkg, bool) {
	p := pkg{Dir: folder, Module: of}
	for _, file := range programFiles(folder) {
		f := parsed(p, filepath.Base(file))
		if f == nil {
			continue
		}
		p.Name, p.GoFiles = f.Name.Name, append(p.GoFiles, filepath.Base(file))
		for _, i := range f.Imports {
			if path, err := strconv.Unquote(i.Path.Value); err == nil {
				p.Imports = append(p.Imports, path)
			}
		}
	}
	return p, len(p.GoFiles) > 0
}

package node

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

// absent is what installed packages may ask for and is not there, with the folders of those packages. Drivers that a query
// builder loads when they are asked for, the optional parts of a framework, and the places that a file of a package had in
// other versions of it are such.
type absent map[string][]string

// forgive notes what a bundle failed on that would fail in Node at most when it is asked for, and reports whether there
// is anything new.
func (b *bundle) forgive(failed []api.Message) (more bool, err error) {
	for _, m := range failed {
		if file, none := b.noModule(m); none && !b.loose[file] {
			b.loose[file], more = true, true
			continue
		}
		name, ok := unresolved(m)
		dir, pkg, installed := PackageOf(filepath.Join(b.job.Dir, filepath.FromSlash(location(m).File)))
		if installed && composed(name) && b.external[pkg].dir == "" {
			b.leave(pkg, outsider{dir, "it puts together the name of a module that is not there"})
			more = true
			continue
		}
		if !ok || !installed || isPath(name) || dotted(name) || slices.Contains(b.absent[name], dir) {
			continue
		}
		if there, err := b.modules.described(dir); err != nil {
			return false, err
		} else if !there {
			continue
		}
		mod, err := b.modules.load(dir)
		if err != nil {
			return false, err
		}
		there, err := b.modules.find(PackageName(name), dir)
		if err != nil {
			return false, err
		}
		if there != nil && name != PackageName(name) || there == nil && !mod.needs(PackageName(name)) {
			b.absent[name] = append(b.absent[name], dir)
			more = true
		}
	}
	return more, nil
}

// plugin leaves to the run time what is absent: a call of require or import fails when it runs. An import statement
// fails at the start, and is an error here.
func (a absent) plugin() api.Plugin {
	names := make([]string, 0, len(a))
	for name := range a {
		names = append(names, regexp.QuoteMeta(name))
	}
	slices.Sort(names)
	return api.Plugin{Name: "absent", Setup: func(build api.PluginBuild) {
		build.OnResolve(api.OnResolveOptions{Filter: "^(" + strings.Join(names, "|") + ")$"}, func(args api.OnResolveArgs) (api.OnResolveResult, error) {
			dir, _, _ := PackageOf(args.Importer)
			called := args.Kind == api.ResolveJSRequireCall || args.Kind == api.ResolveJSRequireResolve || args.Kind == api.ResolveJSDynamicImport
			if !called || !slices.Contains(a[args.Path], dir) {
				return api.OnResolveResult{}, nil
			}
			return api.OnResolveResult{Path: args.Path, External: true}, nil
		})
	}}
}

// unresolved is the import that an error says cannot be found.
func unresolved(m api.Message) (name string, ok bool) {
	name, ok = strings.CutPrefix(m.Text, "Could not resolve ")
	return strings.Trim(name, `"`), ok
}

// composed is whether an import that cannot be found is put together by the code: require("./build/**/*/binding").
func composed(name string) bool {
	return strings.HasPrefix(name, "require(") || strings.HasPrefix(name, "import(")
}

// isPath is whether an import names a file and not a package.
func isPath(name string) bool {
	return name == "." || name == ".." || strings.HasPrefix(name, "./") || strings.HasPrefix(name, "../") || filepath.IsAbs(name)
}

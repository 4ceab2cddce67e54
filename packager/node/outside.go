package node

import (
	"maps"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/evanw/esbuild/pkg/api"
)

// What stays out of a bundle is laid out in node_modules with all that it needs. What lies there is not bundled as well:
// a package that counts on being loaded once would be there twice.

// layOut lays out what is known to stay out.
func (b *bundle) layOut() error {
	m := b.modules
	m.reset()
	for _, name := range b.job.external() {
		if err := m.external(name, b.real); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(b.external)) {
		o := b.external[name]
		if err := m.plugged(name, o.dir, o.why); err != nil {
			return err
		}
		mod, err := m.load(o.dir)
		if err != nil {
			return err
		}
		if err := m.put("", name, mod); err != nil {
			return err
		}
	}
	return m.settle()
}

const outsideSpace = "outside"

// outside leaves what is laid out to the run time, where the importer means that very version. An import statement
// becomes a call of require, so that it gets what it would get from a bundled package, whatever Node finds to be exported.
func (b *bundle) outside() api.Plugin {
	var names []string
	for _, name := range slices.Concat(b.modules.tops(), slices.Sorted(maps.Keys(b.runtime))) {
		names = append(names, regexp.QuoteMeta(name))
	}
	var mu sync.Mutex // esbuild asks from several goroutines
	stays := func(name, importer string) (bool, error) {
		mu.Lock()
		defer mu.Unlock()
		if _, by := b.external[name]; by {
			return true, nil
		}
		mod, err := b.modules.find(name, filepath.Dir(importer))
		return mod == b.modules.top(name), err // both are nil of what only the runtime has
	}
	return api.Plugin{Name: "outside", Setup: func(build api.PluginBuild) {
		// From folder to folder of node_modules, generated code is imported by its path, too.
		build.OnResolve(api.OnResolveOptions{Filter: `^(\.\./)*(` + strings.Join(names, "|") + ")(/|$)"}, func(args api.OnResolveArgs) (api.OnResolveResult, error) {
			if isPath(args.Path) {
				_, beside, ok := cutLast(path.Join(filepath.ToSlash(filepath.Dir(args.Importer)), args.Path), "/node_modules/")
				if _, from, _ := PackageOf(args.Importer); !ok || PackageName(beside) == from {
					return api.OnResolveResult{}, nil
				}
				args.Path = beside
			}
			name := PackageName(args.Path)
			if args.Namespace != outsideSpace {
				if out, err := stays(name, args.Importer); !out || err != nil {
					return api.OnResolveResult{}, err
				}
				imported := args.Kind == api.ResolveJSImportStatement || args.Kind == api.ResolveJSDynamicImport
				if top := b.modules.top(name); imported && (top == nil || top.requirable()) && path.Ext(args.Path) != ".mjs" {
					return api.OnResolveResult{Path: args.Path, Namespace: outsideSpace}, nil
				}
			}
			return api.OnResolveResult{Path: args.Path, External: true}, nil
		})
		build.OnLoad(api.OnLoadOptions{Filter: ".*", Namespace: outsideSpace}, func(args api.OnLoadArgs) (api.OnLoadResult, error) {
			code := "module.exports = require(" + strconv.Quote(args.Path) + ")"
			return api.OnLoadResult{Contents: &code, Loader: api.LoaderJS, ResolveDir: b.job.Dir}, nil
		})
	}}
}

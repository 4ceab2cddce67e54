package packager

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/evanw/esbuild/pkg/api"

	"github.com/ferryfn/ferry/manifest"
)

// node makes the package of a Node function. The handler keeps its place in the tree, bundled or not, so that
// paths relative to it hold; the shim lies at the root and imports it.
func (j *job) node(ctx context.Context) (content, error) {
	handler := path.Clean(j.fn.Handler)
	if !isFile(filepath.Join(j.dir, filepath.FromSlash(handler))) {
		return content{}, missing(j.dir, j.fn.Handler, "handler", aFile)
	}
	var files []file
	var err error
	entry := handler
	if b := j.fn.Build.Bundle; b != nil && !*b {
		files, err = j.nodeTree(ctx, handler)
	} else {
		files, entry, err = j.nodeBundle(ctx, handler)
	}
	if err != nil {
		return content{}, err
	}
	if j.fn.Style == manifest.StyleServer {
		return content{files: files, entry: entry}, nil
	}
	return content{files: append(files, j.nodeShim(entry)...), entry: j.shim.Entry}, nil
}

// nodeShim is the shim with its two specifiers resolved.
func (j *job) nodeShim(handler string) []file {
	resolve := strings.NewReplacer(
		`"ferry:handler"`, quoted("./"+handler),
		`"ferry:config"`, `"./ferry-config.mjs"`,
	)
	var out []file
	for name, data := range j.shim.Files {
		out = append(out, generated(name, []byte(resolve.Replace(string(data)))))
	}
	return out
}

func quoted(s string) string {
	data, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string always has a JSON form
	}
	return string(data)
}

// nodeTree is the source folder with its production dependencies.
func (j *job) nodeTree(ctx context.Context, handler string) ([]file, error) {
	if ext := path.Ext(handler); slices.Contains([]string{".ts", ".mts", ".cts", ".tsx", ".jsx"}, ext) {
		return nil, problem(filepath.Join(j.dir, handler), "leave `build.bundle` at true, or compile it with build.command and name the result as handler",
			"%s needs bundling: Node does not run %s files", handler, ext)
	}
	files, err := j.tree(ctx)
	if err != nil {
		return nil, err
	}
	m := modules{job: j, ctx: ctx}
	if err := m.root(); err != nil {
		return nil, err
	}
	return append(files, m.files...), nil
}

// nodeBundle bundles the handler into one file of the same name with the suffix .mjs or .cjs.
func (j *job) nodeBundle(ctx context.Context, handler string) ([]file, string, error) {
	format := j.nodeFormat(handler)
	result := api.Build(j.bundleOptions(handler, format))
	if format == api.FormatCommonJS && needsESM(result) {
		format = api.FormatESModule
		result = api.Build(j.bundleOptions(handler, format))
	}
	if err := ctx.Err(); err != nil {
		return nil, "", err
	}
	if len(result.Errors) > 0 {
		return nil, "", j.bundleErrors(result.Errors)
	}
	m := modules{job: j, ctx: ctx}
	if err := m.bundled(result.Metafile); err != nil {
		return nil, "", err
	}
	for _, name := range j.fn.Build.External {
		if err := m.external(name); err != nil {
			return nil, "", err
		}
	}
	files, err := j.included(ctx)
	if err != nil {
		return nil, "", err
	}
	files = slices.DeleteFunc(append(files, m.files...), duplicate())
	for _, out := range result.OutputFiles {
		rel, err := filepath.Rel(outDir(j.dir), out.Path)
		if err != nil {
			return nil, "", err
		}
		files = append(files, generated(filepath.ToSlash(rel), out.Contents))
	}
	return files, stem(handler) + suffix(format), nil
}

// duplicate is true for a file of a name that it was asked about before.
func duplicate() func(file) bool {
	seen := map[string]bool{}
	return func(f file) bool {
		again := seen[f.name]
		seen[f.name] = true
		return again
	}
}

func suffix(f api.Format) string {
	if f == api.FormatESModule {
		return ".mjs"
	}
	return ".cjs"
}

// outDir is where esbuild believes that it writes; nothing does. It lies in the source folder so that source
// maps hold relative paths only.
func outDir(source string) string { return filepath.Join(source, ".ferry", "out") }

// banner gives an ES module what bundled CommonJS code expects. The names differ from those that
// modules declare for themselves; Define maps the undeclared ones to them.
const banner = `import { createRequire as __ferryCreateRequire } from "node:module";
import { fileURLToPath as __ferryFileURLToPath } from "node:url";
const require = __ferryCreateRequire(import.meta.url);
const __ferry_filename = __ferryFileURLToPath(import.meta.url);
const __ferry_dirname = __ferryFileURLToPath(new URL(".", import.meta.url)).slice(0, -1);
`

func (j *job) bundleOptions(handler string, format api.Format) api.BuildOptions {
	o := api.BuildOptions{
		EntryPointsAdvanced: []api.EntryPoint{{InputPath: "./" + handler, OutputPath: stem(handler)}},
		AbsWorkingDir:       j.dir,
		Outdir:              outDir(j.dir),
		OutExtension:        map[string]string{".js": suffix(format)},
		Bundle:              true,
		Platform:            api.PlatformNode,
		Format:              format,
		Engines:             j.engines(),
		MainFields:          []string{"module", "main"},
		TreeShaking:         api.TreeShakingTrue,
		KeepNames:           true,
		Sourcemap:           api.SourceMapLinked,
		SourcesContent:      api.SourcesContentExclude,
		LegalComments:       api.LegalCommentsNone,
		Charset:             api.CharsetUTF8,
		External:            j.fn.Build.External,
		Metafile:            true,
		LogLevel:            api.LogLevelSilent,
		LogLimit:            0,
	}
	if format == api.FormatESModule {
		o.Banner = map[string]string{"js": banner}
		o.Define = map[string]string{"__filename": "__ferry_filename", "__dirname": "__ferry_dirname"}
	}
	return o
}

func (j *job) engines() []api.Engine {
	version := j.platform.Runtime.Version()
	if j.platform.Runtime.Language() != "nodejs" {
		version = j.fn.Runtime.Version()
	}
	if version == "" {
		return nil
	}
	return []api.Engine{{Name: api.EngineNode, Version: version}}
}

// metafile is what esbuild says about a bundle.
type metafile struct {
	Inputs map[string]struct {
		Format string `json:"format"`
	} `json:"inputs"`
}

// nodeFormat is the module system of the handler: by its syntax, else by its suffix and package.json. So the
// package has the one that the code was written for, and `default` and module.exports mean what they did.
func (j *job) nodeFormat(handler string) api.Format {
	o := j.bundleOptions(handler, api.FormatESModule)
	o.Write, o.Sourcemap = false, api.SourceMapNone
	o.Plugins = []api.Plugin{{Name: "alone", Setup: func(b api.PluginBuild) {
		b.OnResolve(api.OnResolveOptions{Filter: ".*"}, func(a api.OnResolveArgs) (api.OnResolveResult, error) {
			return api.OnResolveResult{External: a.Kind != api.ResolveEntryPoint, Path: map[bool]string{true: a.Path}[a.Kind != api.ResolveEntryPoint]}, nil
		})
	}}}
	var meta metafile
	if json.Unmarshal([]byte(api.Build(o).Metafile), &meta) == nil {
		switch meta.Inputs[handler].Format {
		case "esm":
			return api.FormatESModule
		case "cjs":
			return api.FormatCommonJS
		}
	}
	ext := path.Ext(handler)
	if ext == ".mjs" || ext == ".mts" || ext != ".cjs" && ext != ".cts" && j.typeModule(handler) {
		return api.FormatESModule
	}
	return api.FormatCommonJS
}

// typeModule is what the nearest package.json says about .js files.
func (j *job) typeModule(handler string) bool {
	for dir := filepath.Dir(filepath.Join(j.dir, handler)); ; dir = filepath.Dir(dir) {
		if data, err := os.ReadFile(filepath.Join(dir, "package.json")); err == nil {
			var pkg struct{ Type string }
			return json.Unmarshal(data, &pkg) == nil && pkg.Type == "module"
		}
		if dir == j.p.Root || dir == filepath.Dir(dir) {
			return false
		}
	}
}

// needsESM is whether a bundle works as an ES module only.
func needsESM(r api.BuildResult) bool {
	return slices.ContainsFunc(append(slices.Clone(r.Errors), r.Warnings...), func(m api.Message) bool {
		return m.ID == "empty-import-meta" && !strings.Contains(location(m).File, "node_modules") ||
			strings.HasPrefix(m.Text, "Top-level await is currently not supported")
	})
}

func location(m api.Message) api.Location {
	if m.Location == nil {
		return api.Location{}
	}
	return *m.Location
}

// bundleErrors are esbuild's errors with what to do about them.
func (j *job) bundleErrors(messages []api.Message) error {
	var out Errors
	for _, m := range messages {
		at := location(m)
		e := &Error{Line: at.Line, Message: m.Text}
		if at.File != "" {
			e.File = filepath.Join(j.dir, at.File)
			e.Column = at.Column + 1
			e.Message = fmt.Sprintf("%s:%d: %s", at.File, at.Line, m.Text)
			if at.LineText != "" {
				e.Message += "\n  " + strings.TrimSpace(at.LineText)
			}
		}
		e.Hint = j.bundleHint(m)
		out = append(out, e)
	}
	return out.join()
}

func (j *job) bundleHint(m api.Message) string {
	name, unresolved := strings.CutPrefix(m.Text, "Could not resolve ")
	name = strings.Trim(name, `"`)
	switch {
	case strings.Contains(m.Text, `No loader is configured for ".node"`):
		return "add the package to build.external: it holds native code, which cannot be bundled"
	case !unresolved:
		return ""
	case strings.HasPrefix(name, ".") || strings.HasPrefix(name, "/"):
		return "correct the import, or create the file"
	default:
		return "run `npm install` in " + j.fn.Source + ", after `npm install " + packageName(name) + "` if it is not in package.json"
	}
}

// packageName is the package of an import: "@a/b" of "@a/b/c".
func packageName(specifier string) string {
	n := 1
	if strings.HasPrefix(specifier, "@") {
		n = 2
	}
	parts := strings.Split(specifier, "/")
	return strings.Join(parts[:min(n, len(parts))], "/")
}

// isNative is whether a package folder holds or loads machine code.
func isNative(dir string) bool {
	for _, name := range []string{"binding.gyp", "prebuilds", "build/Release"} {
		if exists(filepath.Join(dir, name)) {
			return true
		}
	}
	if found, err := filepath.Glob(filepath.Join(globQuote(dir), "*.node")); err == nil && len(found) > 0 {
		return true
	}
	data, err := os.ReadFile(filepath.Join(dir, "package.json"))
	if err != nil {
		return false
	}
	for _, loader := range []string{`"node-gyp-build"`, `"bindings"`, `"prebuild-install"`, `"node-pre-gyp"`, `"@mapbox/node-pre-gyp"`} {
		if i := bytes.Index(data, []byte(loader+":")); i >= 0 {
			return true
		}
	}
	return false
}

// globQuote makes a path mean itself in a pattern.
func globQuote(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

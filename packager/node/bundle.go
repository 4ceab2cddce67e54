package node

import (
	"context"
	"encoding/json"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
	"golang.org/x/sync/errgroup"

	"github.com/ferryfn/ferry/internal/pattern"
	"github.com/ferryfn/ferry/internal/regular"
	"github.com/ferryfn/ferry/packager/source"
)

// bundled bundles the handler into one file of the same name with the suffix .mjs or .cjs.
func (j *job) bundled(ctx context.Context, handler string) ([]source.File, string, error) {
	m := newModules(ctx, j)
	j.made.Done = m.archives.close
	b, err := j.together.bundle(j, handler)
	if err != nil {
		return nil, "", err
	}
	b.modules, b.sources, b.external, b.askers, b.absent, b.loose = m, newReading(m), map[string]outsider{}, askers{}, absent{}, map[string]bool{}
	b.runtime = map[string]string{}
	b.own = compilation{code: map[string]string{}, asked: map[string]bool{}, calls: map[string]bool{}, configs: map[string]tsconfig{}}
	b.sources.compiled, b.sources.loose = b.compiled, b.loose
	if err := b.frameworks(); err != nil {
		return nil, "", err
	}
	made, err := b.make(ctx)
	if err != nil {
		return nil, "", err
	}
	if err := b.externals(m); err != nil {
		return nil, "", err
	}
	j.made.Noting = func(of *source.Content) error { return m.bundled(of, b.inputs(), b.sources) }
	outputs, err := made()
	if err != nil {
		return nil, "", err
	}
	var files []source.File
	for _, out := range outputs {
		rel, err := filepath.Rel(j.Dir, out.Path)
		if err != nil {
			return nil, "", err
		}
		files = append(files, source.Generated(filepath.ToSlash(rel), out.Contents))
	}
	included, err := j.included(ctx)
	if err != nil {
		return nil, "", err
	}
	files = slices.Concat(files, included, m.files, b.reads.files)
	around, err := b.reads.around(files)
	if err != nil {
		return nil, "", err
	}
	files = slices.DeleteFunc(append(files, around...), source.Duplicate())
	if err := b.reads.done(files); err != nil {
		return nil, "", err
	}
	j.made.Note("esbuild", libraryVersion("github.com/evanw/esbuild"))
	j.made.Metafile, j.made.Unbundled = b.metafile, map[string]string{}
	for name, o := range b.external {
		j.made.Unbundled[name] = o.why
	}
	return files, source.Stem(handler) + suffix(b.format), nil
}

// bundle is esbuild at work on one handler.
type bundle struct {
	job      *job
	real     string // the source folder without symlinks
	modules  *modules
	sources  *reading
	handler  string
	format   api.Format          // the handler's own, so that `default` and module.exports mean what they did
	external map[string]outsider // packages that cannot be bundled, by name
	askers   askers              // of them
	absent   absent
	runtime  map[string]string // packages that only Lambda's runtime has, with a file that imports each
	loose    map[string]bool   // files in folders from which code chooses modules, that are none
	own      compilation
	reads    *reads
	metafile []byte
	meta     metafile // of it
}

// outsider is a package that stays out of a bundle without being told to.
type outsider struct{ dir, why string }

// make bundles, and returns what waits for the files. It finds on the way what cannot be bundled, and that the handler is
// written in the other module system than it seemed, and tries again with that.
func (b *bundle) make(ctx context.Context) (files func() ([]api.OutputFile, error), err error) {
	for certain := false; ; {
		options := b.job.bundleOptions(b.handler, b.format)
		options.Plugins = []api.Plugin{b.sources.plugin()}
		if len(b.absent) > 0 {
			options.Plugins = append(options.Plugins, b.absent.plugin())
		}
		lacks := b.keepOut(&options)
		result := b.job.together.build(ctx, b, options)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if b.format == api.FormatCommonJS && needsESM(result) {
			b.format, certain = api.FormatESModule, true
			continue
		}
		b.metafile, b.meta = []byte(result.Metafile), metafile{}
		files = b.ready(result.OutputFiles)
		if len(result.Errors) == 0 {
			if err := json.Unmarshal(b.metafile, &b.meta); err != nil {
				return nil, err
			}
		}
		if other := b.written(); !certain && other != b.format {
			b.format, certain = other, true
			continue
		}
		found, err := b.sdk(result.Errors)
		if err != nil {
			return nil, err
		}
		forgiven, err := b.forgive(result.Errors)
		if err != nil {
			return nil, err
		}
		excluded, err := b.exclude(ctx, result)
		if err != nil {
			return nil, err
		}
		compiled, err := b.compile(ctx, b.callers(result.Warnings))
		if err != nil {
			return nil, err
		}
		if found || excluded || forgiven || compiled {
			continue
		}
		if len(result.Errors) > 0 {
			return nil, b.job.bundleErrors(result.Errors)
		}
		return files, lacks
	}
}

// ready completes the files of a bundle while others look at what esbuild made, and returns what waits for them.
func (b *bundle) ready(made []api.OutputFile) (wait func() ([]api.OutputFile, error)) {
	files, format := slices.Clone(made), b.format
	var work errgroup.Group
	work.Go(func() (err error) {
		foundByNode(files)
		bannered(files, format)
		files, err = b.job.mapped(files)
		return err
	})
	return func() ([]api.OutputFile, error) {
		err := work.Wait()
		return files, err
	}
}

// keepOut has esbuild leave out what is known to stay out. A cloud that installs packages by itself lays them out itself.
func (b *bundle) keepOut(o *api.BuildOptions) error {
	if b.job.Platform.Source {
		o.External = append(o.External, slices.Sorted(maps.Keys(b.external))...)
		return nil
	}
	if len(b.external)+len(b.runtime)+len(b.job.external()) == 0 {
		return nil
	}
	err := b.layOut()
	if len(b.modules.placed)+len(b.runtime) > 0 {
		o.Plugins = append(o.Plugins, b.outside())
	}
	return err
}

// written is the module system that the handler is written in: TypeScript's is what it compiles to, and of another handler
// what esbuild sees, if it says.
func (b *bundle) written() api.Format {
	if b.compilesToCommonJS() {
		return api.FormatCommonJS
	}
	switch b.meta.Inputs[b.handler].Format {
	case "esm":
		return api.FormatESModule
	case "cjs":
		return api.FormatCommonJS
	default:
		return b.format
	}
}

// exclude notes packages that cannot be bundled, those that failed to and those that would fail when they are
// called, and reports whether there are new ones.
func (b *bundle) exclude(ctx context.Context, result api.BuildResult) (more bool, err error) {
	before := len(b.external)
	for _, m := range result.Errors {
		if strings.Contains(m.Text, ".node") {
			if dir, name, ok := PackageOf(filepath.Join(b.job.Dir, filepath.FromSlash(location(m).File))); ok {
				b.leave(name, outsider{dir, "it holds native code"})
			}
		}
	}
	scanned := make(chan pieces, 1)
	go func() { scanned <- b.pieces(codeIn(result.OutputFiles)) }()
	seen := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(b.meta.Inputs)) {
		dir, pkg, ok := PackageOf(filepath.Join(b.job.Dir, filepath.FromSlash(name)))
		if !ok || seen[dir] {
			continue
		}
		seen[dir] = true
		if unbundled(pkg) {
			b.leave(pkg, outsider{dir, "it is known to fail in a bundle"})
		} else if mod, err := b.modules.load(dir); err == nil && mod.native {
			b.leave(pkg, outsider{dir, "it holds or loads native code"})
		}
	}
	rooted, err := b.rooted(<-scanned)
	if err != nil {
		return false, err
	}
	if b.reads, err = b.follow(ctx); err != nil {
		return false, err
	}
	for name, o := range b.reads.packages {
		b.leave(name, o)
	}
	for name, o := range rooted {
		b.leave(name, o)
	}
	for name, o := range b.traced(codeIn(result.OutputFiles)) {
		b.leave(name, o)
	}
	return len(b.external) > before, nil
}

// codeIn is the code of a bundle, nil when there is none.
func codeIn(files []api.OutputFile) []byte {
	for _, out := range files {
		if path.Ext(out.Path) != ".map" {
			return out.Contents
		}
	}
	return nil
}

// leave notes that a package stays out. Of several versions of it, the first one found serves all.
func (b *bundle) leave(name string, o outsider) {
	if _, known := b.external[name]; !known {
		b.external[name] = o
	}
}

// inputs are the files on disk that the bundle was made from, sorted.
func (b *bundle) inputs() []string {
	var out []string
	for name := range b.meta.Inputs {
		if strings.Contains(name, ":") { // another namespace: esbuild's own
			continue
		}
		full := filepath.Join(b.job.Dir, filepath.FromSlash(name))
		if archive, _, in := archived(full); in {
			full = archive
		}
		for b.sources.get(full) == nil && !source.Exists(full) && full != filepath.Dir(full) { // a file inside an archive of Yarn's
			full = filepath.Dir(full)
		}
		out = append(out, full)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// externals takes what stays out of the bundle.
func (b *bundle) externals(m *modules) error {
	if !b.job.Platform.Source {
		return m.collect()
	}
	return b.listed(m, b.real)
}

func suffix(f api.Format) string {
	if f == api.FormatESModule {
		return ".mjs"
	}
	return ".cjs"
}

func (j *job) bundleOptions(handler string, format api.Format) api.BuildOptions {
	return api.BuildOptions{
		EntryPointsAdvanced: []api.EntryPoint{entryPoint(handler)},
		AbsWorkingDir:       j.Dir,
		// Nothing is written there: it makes a traceback name the source as if it lay in the package.
		Outdir:         j.Dir,
		AllowOverwrite: true,
		OutExtension:   map[string]string{".js": suffix(format)},
		Bundle:         true,
		Platform:       api.PlatformNode,
		Format:         format,
		Engines:        j.engines(),
		MainFields:     []string{"main"}, // what Node loads: a package's "module" is for bundlers, and may have other exports
		// What Node has beside node, import, require and default. With "module-sync" a package gives ES modules to a call of
		// require, which a bundle hands over as Node does not: without it Node loads what it does where require knows none.
		Conditions:     []string{"node-addons"},
		TreeShaking:    api.TreeShakingTrue,
		KeepNames:      true,
		Sourcemap:      j.sourceMaps(),
		SourcesContent: api.SourcesContentExclude,
		LegalComments:  api.LegalCommentsNone,
		Charset:        api.CharsetUTF8,
		External:       j.external(),
		Define:         places(),
		Metafile:       true,
		LogLevel:       api.LogLevelSilent,
		LogLimit:       0,
	}
}

func entryPoint(handler string) api.EntryPoint {
	return api.EntryPoint{InputPath: "./" + handler, OutputPath: source.Stem(handler)}
}

func (j *job) engines() []api.Engine {
	version := j.engineVersion()
	if version == "" {
		return nil
	}
	return []api.Engine{{Name: api.EngineNode, Version: version}}
}

// engineVersion is the version of Node that will run the package, "" when it is not known.
func (j *job) engineVersion() string {
	if j.Platform.Runtime.Language() == "nodejs" {
		return j.Platform.Runtime.Version()
	}
	return j.Function.Runtime.Version()
}

// metafile is what esbuild says about a bundle.
type metafile struct {
	Inputs map[string]struct {
		Format string `json:"format"`
	} `json:"inputs"`
}

// likelyFormat is the module system that the handler seems to be written in, by its syntax or its suffix and
// package.json.
func (j *job) likelyFormat(handler string) api.Format {
	switch path.Ext(handler) {
	case ".mjs", ".mts":
		return api.FormatESModule
	case ".cjs", ".cts":
		return api.FormatCommonJS
	}
	source, err := regular.Read(filepath.Join(j.Dir, filepath.FromSlash(handler)))
	if err == nil && moduleSyntax().Match(source) || j.typeModule(handler) {
		return api.FormatESModule
	}
	return api.FormatCommonJS
}

// moduleSyntax finds a line that looks like one of an ES module. What it takes for one or misses costs a second build.
var moduleSyntax = pattern.Of(`(?m)^(import[\s"'{*]|export[\s{*])`)

// typeModule is what the nearest package.json says about .js files.
func (j *job) typeModule(handler string) bool {
	for dir := filepath.Dir(filepath.Join(j.Dir, handler)); ; dir = filepath.Dir(dir) {
		if data, err := regular.Read(filepath.Join(dir, "package.json")); err == nil {
			var pkg struct{ Type string }
			return json.Unmarshal(data, &pkg) == nil && pkg.Type == "module"
		}
		if dir == j.Root || dir == filepath.Dir(dir) {
			return false
		}
	}
}

// needsESM is whether a bundle works as an ES module only.
func needsESM(r api.BuildResult) bool {
	return slices.ContainsFunc(append(slices.Clone(r.Errors), r.Warnings...), func(m api.Message) bool {
		return strings.HasPrefix(m.Text, "Top-level await is currently not supported")
	})
}

// callers are the files that call what they import as a namespace.
func (b *bundle) callers(warnings []api.Message) (files []string) {
	for _, w := range warnings {
		if w.ID == "call-import-namespace" {
			files = append(files, filepath.Join(b.job.Dir, filepath.FromSlash(location(w).File)))
		}
	}
	return files
}

package packager

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/templates"
)

// format is raised when the same inputs give another package than before.
const format = 3

// job is one function on its way into a package.
type job struct {
	p        *Packager
	fn       manifest.Function
	platform Platform
	dir      string         // the source folder
	shim     templates.Shim // empty for a style that needs none
	build    builder
	in       *recorder
	bill     Bill
	looks    []*look           // what is shared with other functions of the source folder
	listed   map[string]string // Node packages that the cloud installs, with their versions
}

// builder collects what goes into a package of one language.
type builder struct {
	tools []string // programs whose change means that a package is out of date
	make  func(j *job, ctx context.Context) (content, error)
}

// content is what a builder made.
type content struct {
	files []file
	entry string
	done  func() // frees what the files need until they are packed; may be nil
}

// builderOf is the table of languages.
func builderOf(language string) (builder, bool) {
	b, ok := map[string]builder{
		"nodejs": {make: (*job).node},
		"python": {make: (*job).python, tools: []string{"uv", "python3"}},
		"go":     {make: (*job).golang, tools: []string{"go"}},
		"custom": {make: (*job).custom},
	}[language]
	return b, ok
}

func newJob(p *Packager, fn manifest.Function, pl Platform) (*job, error) {
	j := &job{p: p, fn: fn, platform: pl, dir: filepath.Join(p.Root, filepath.FromSlash(fn.Source))}
	language := fn.Runtime.Language()
	build, ok := builderOf(language)
	if !ok {
		return nil, problem("", "use nodejs, python, go or custom", "functions of runtime %s cannot be packaged yet", fn.Runtime)
	}
	j.build = build
	if info, err := os.Stat(j.dir); err != nil || !info.IsDir() {
		return nil, missing(p.Root, fn.Source, "source", aFolder)
	}
	return j, j.render()
}

// render makes the entry shim, for styles that need one.
func (j *job) render() error {
	language := j.fn.Runtime.Language()
	if j.fn.Style == manifest.StyleServer || language == "custom" {
		return nil
	}
	var ok bool
	if j.shim, ok = templates.Render(j.fn, templates.Target{Name: j.platform.Shim, AnswersCORS: j.platform.AnswersCORS}); !ok {
		return problem("", "use "+styleList(j.platform.Styles(language)), "style %s has no shim for %s on %s yet", j.fn.Style, language, j.platform.Shim)
	}
	return nil
}

// Styles are those of a language that ferry has an entry shim for on the platform; other handlers cannot be packaged
// for it, but for programs that need none.
func (p Platform) Styles(language string) []manifest.Style { return templates.Styles(language, p.Shim) }

func styleList(styles []manifest.Style) string {
	names := []string{}
	for _, s := range styles {
		names = append(names, "style: "+string(s))
	}
	return strings.Join(append(names, "style: server"), " or ")
}

// key stands for all that a package depends on but the contents of files.
func (j *job) key() string {
	return digestOf(format, libraries(), j.dir, j.asked(), j.p.identities(j.build.tools))[:40]
}

// asked stands for what the manifest and the platform ask of a package, wherever the sources lie.
func (j *job) asked() string {
	return digestOf(
		manifest.Function{Source: j.fn.Source, Handler: j.fn.Handler, Runtime: j.fn.Runtime, Style: j.fn.Style, Build: j.fn.Build},
		j.platform, j.shim.Entry, j.shimDigest(),
	)
}

func (j *job) shimDigest() string {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(j.shim.Files)) {
		fmt.Fprintf(h, "%q %d\n", name, len(j.shim.Files[name]))
		h.Write(j.shim.Files[name])
	}
	return hex.EncodeToString(h.Sum(nil))
}

func digestOf(parts ...any) string {
	h := sha256.New()
	if err := json.NewEncoder(h).Encode(parts); err != nil {
		panic(fmt.Sprintf("a function always has a JSON form: %v", err))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// libraries are the versions of what decides the bytes of a package.
var libraries = sync.OnceValue(func() []string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return nil
	}
	var out []string
	for _, m := range info.Deps {
		if strings.HasSuffix(m.Path, "/esbuild") || strings.HasSuffix(m.Path, "klauspost/compress") {
			out = append(out, m.Path+"@"+m.Version)
		}
	}
	return out
})

// identities tell one installation of a tool from another without starting it.
func (p *Packager) identities(tools []string) []string {
	var out []string
	for _, name := range tools {
		found, _ := p.shared.tools.get(context.Background(), name, func() (string, error) { return identity(name), nil })
		if found != "" {
			out = append(out, found)
		}
	}
	return out
}

// identity is "" for a tool that is not installed.
func identity(name string) string {
	path, err := exec.LookPath(name)
	if err != nil {
		return ""
	}
	info, err := os.Stat(path)
	if err != nil {
		return ""
	}
	return fmt.Sprint(path, info.Size(), info.ModTime().UnixNano())
}

// pack builds the package, stores it and remembers what it was made from.
func (j *job) pack(ctx context.Context, c cache, key string) (built, error) {
	j.in = newRecorder(c.hashes)
	made, err := j.build.make(j, ctx)
	if made.done != nil {
		defer made.done()
	}
	if err != nil {
		return built{}, err
	}
	if j.fn.Build.Command != "" {
		if err := j.noteSources(ctx); err != nil {
			return built{}, err
		}
	}
	sortFiles(made.files)
	if err := checkNames(made.files); err != nil {
		return built{}, err
	}
	if err := j.checkSize(made.files); err != nil {
		return built{}, err
	}
	a, err := j.zip(ctx, c, made)
	if err != nil {
		return built{}, err
	}
	torn := j.in.settle()
	e, err := j.remember(c, key, a)
	if err != nil {
		return built{}, err
	}
	j.p.shared.evict.Do(func() { c.evict(cacheLimit) })
	e.Artifact.Path = c.artifactPath(a.ZipDigest)
	return built{e, torn}, nil
}

// remember writes into the cache what the package was made from, unless an input changed meanwhile.
func (j *job) remember(c cache, key string, a Artifact) (entry, error) {
	j.bill.sorted()
	bill, err := json.Marshal(j.bill)
	if err != nil {
		return entry{}, err
	}
	e := entry{Artifact: a, Recorded: j.in.began.UnixNano(), Inputs: j.in.list(), Bill: string(bill)}
	unsure := !j.in.sure()
	for _, l := range j.looks {
		k, err := l.keep(c)
		switch {
		case err != nil:
			return entry{}, err
		case k == "": // what changed since is not for the cache, and was packed all the same
			unsure = true
			e.Inputs = append(e.Inputs, l.in.list()...)
		default:
			e.Looks = append(e.Looks, k)
		}
	}
	if unsure {
		return e, nil
	}
	return e, c.update(key, e)
}

// zip writes the package into the cache. The artifact's Path is left empty.
func (j *job) zip(ctx context.Context, c cache, made content) (Artifact, error) {
	spills, err := c.tmp()
	if err != nil {
		return Artifact{}, err
	}
	tmp := newDraft(c)
	defer tmp.drop()
	a := Artifact{Entry: made.entry, Files: len(made.files)}
	var sizes []weighed
	with := &j.p.shared
	z := zipper{spillDir: spills, blocks: &with.blocks, squeezers: with.squeezers, admit: j.platform.admit, noted: func(p *packed) {
		a.Unzipped += int64(p.header.size)
		if j.platform.MaxZip > 0 {
			sizes = append(sizes, weighed{p.file.name, int64(p.header.packed)})
		}
		if p.file.in != nil {
			p.file.in.packed(p.file.path, p.file.info, p.sum)
		}
	}}
	sum := sha256.New()
	out := &counter{w: io.MultiWriter(tmp, sum)}
	if a.Digest, err = z.write(ctx, out, made.files); err != nil {
		var user *Error
		if errors.As(err, &user) || ctx.Err() != nil {
			return Artifact{}, err
		}
		return Artifact{}, writeProblem(c.dir, err)
	}
	a.Size, a.ZipDigest = out.n, "sha256:"+hex.EncodeToString(sum.Sum(nil))
	if j.platform.MaxZip > 0 && a.Size > j.platform.MaxZip {
		return Artifact{}, tooBig("the package", a.Size, j.platform.MaxZip, sizes)
	}
	if err := tmp.install(a); err != nil {
		return Artifact{}, err
	}
	with.blocks.adopt(c.artifactPath(a.ZipDigest), z.placed)
	return a, nil
}

func (j *job) checkSize(files []file) error {
	var total int64
	for _, f := range files {
		total += f.size()
	}
	if len(files) > maxEntries {
		return problem("", "leave files out with .ferryignore or build.exclude", "the package holds %d files, more than %d", len(files), maxEntries)
	}
	if j.platform.MaxUnzipped > 0 && total > j.platform.MaxUnzipped {
		sizes := make([]weighed, len(files))
		for i, f := range files {
			sizes[i] = weighed{f.name, f.size()}
		}
		return tooBig("the unpacked package", total, j.platform.MaxUnzipped, sizes)
	}
	return nil
}

// weighed is a part of a package with its share of the size.
type weighed struct {
	name string
	size int64
}

// tooBig is the error of a package beyond a limit, with a table of its biggest parts.
func tooBig(what string, size, limit int64, parts []weighed) error {
	sums := map[string]int64{}
	for _, p := range parts {
		sums[partOf(p.name)] += p.size
	}
	var table []weighed
	for name, n := range sums {
		table = append(table, weighed{name, n})
	}
	slices.SortFunc(table, func(a, b weighed) int {
		if a.size != b.size {
			return int(min(max(b.size-a.size, -1), 1))
		}
		return strings.Compare(a.name, b.name)
	})
	var text strings.Builder
	fmt.Fprintf(&text, "%s has %s, more than the limit of %s; the biggest parts are", what, megabytes(size), megabytes(limit))
	for _, p := range table[:min(10, len(table))] {
		fmt.Fprintf(&text, "\n  %10s  %s", megabytes(p.size), p.name)
	}
	return problem("", "bundle it, or leave out what is not needed with build.exclude", "%s", text.String())
}

// partOf is what a user thinks of as one thing: a Node package, a file, or a folder at the top.
func partOf(name string) string {
	names := strings.Split(name, "/")
	n := 1
	if names[0] == "node_modules" {
		n = 2
		if len(names) > 1 && strings.HasPrefix(names[1], "@") {
			n = 3
		}
	}
	return strings.Join(names[:min(n, len(names))], "/")
}

func megabytes(n int64) string {
	if n < 1<<20 {
		return fmt.Sprintf("%.1f kB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%.1f MB", float64(n)/(1<<20))
}

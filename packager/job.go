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
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager/source"
	"github.com/ferryfn/ferry/templates"
)

// format is raised when the same inputs give another installation than before.
const format = 4

// job is one function on its way into a package.
type job struct {
	*source.Job
	p    *Packager
	shim templates.Shim // empty for a style that needs none
	in   language
}

func newJob(p *Packager, fn manifest.Function, pl Platform) (*job, error) {
	j := p.job(fn, pl)
	if err := j.render(); err != nil {
		return nil, err
	}
	if info, err := os.Stat(j.Dir); err != nil || !info.IsDir() {
		return nil, source.Missing(p.Root, fn.Source, "source", source.AFolder)
	}
	return j, j.in.readsPayload(j.Dir, fn)
}

// render chooses the language and makes the entry shim, for styles that need one.
func (j *job) render() error {
	if e := Refusal(j.Function, j.Platform); e != nil {
		return e
	}
	j.in, _ = j.p.shared.languageOf(j.Function.Runtime)
	j.shim, _ = templates.Render(j.Function, templates.Target{Name: j.Platform.Shim, AnswersCORS: j.Platform.AnswersCORS})
	return nil
}

// Refusal is why no package of a function can be made for a platform whatever its code is, nil when one can. It looks at
// nothing on the disk.
func Refusal(fn manifest.Function, pl Platform) *Error {
	language := fn.Runtime.Language()
	if _, ok := new(shared).languageOf(fn.Runtime); !ok {
		return source.Problem("", "use nodejs, python, go or custom", "functions of runtime %s cannot be packaged yet", fn.Runtime)
	}
	if language == "custom" && fn.Style == manifest.StyleLambda && !templates.Calls(pl.Shim, fn.Style) {
		return source.Problem("", "use style: server, or deploy it to AWS", "a program that was built for AWS Lambda's runtime API runs there alone: %s has none, and ferry builds one in for Go programs only", pl.Shim)
	}
	if served := Styles(pl, language); fn.Shimmed() && !slices.Contains(served, fn.Style) {
		return source.Problem("", "use "+styleList(served), "style %s has no shim for %s on %s yet", fn.Style, language, pl.Shim)
	}
	return nil
}

// job is a function that may have no source here. What is read of it is noted from when the work begins.
func (p *Packager) job(fn manifest.Function, pl Platform) *job {
	return &job{p: p, Job: &source.Job{
		Function: fn,
		Platform: pl,
		Root:     p.Root,
		Dir:      filepath.Join(p.Root, filepath.FromSlash(fn.Source)),
		Cache:    p.Cache,
		Looks:    &p.shared.looks,
		Checked:  &p.shared.folders,
		Shims:    &p.shared.shims,
		Scratch:  cache{dir: p.Cache}.tmpDir,
		Install:  p.install,
	}}
}

// Styles are those of a language that ferry has an entry shim for on the platform; other handlers cannot be packaged
// for it, but for programs that need none.
func Styles(p Platform, language string) []manifest.Style { return templates.Styles(language, p.Shim) }

func styleList(styles []manifest.Style) string {
	names := []string{}
	for _, s := range styles {
		names = append(names, "style: "+string(s))
	}
	return strings.Join(append(names, "style: server"), " or ")
}

// key stands for all that a package depends on but the contents of files.
func (j *job) key() string {
	return source.DigestOf(builder(), j.Dir, j.asked(), j.p.identities(j.in.tools))[:40]
}

// asked stands for what the manifest and the platform ask of a package, wherever the sources lie.
func (j *job) asked() string {
	return source.DigestOf(
		manifest.Function{Source: j.Function.Source, Handler: j.Function.Handler, Runtime: j.Function.Runtime, Style: j.Function.Style, Build: j.Function.Build},
		j.Platform, j.shim.Entry, j.shimDigest(),
	)
}

func (j *job) shimDigest() string {
	h := sha256.New()
	for _, files := range []map[string][]byte{j.shim.Files, j.shim.Beside} {
		for _, name := range slices.Sorted(maps.Keys(files)) {
			fmt.Fprintf(h, "%q %d\n", name, len(files[name]))
			h.Write(files[name])
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// pack builds the package, stores it and remembers what it was made from.
func (j *job) pack(ctx context.Context, c cache, key string) (built, error) {
	j.In = source.NewRecorder(c.hashes)
	made, err := j.in.content(ctx, j.Job, j.shim)
	if made.Done != nil {
		defer made.Done()
	}
	if err != nil {
		return built{}, err
	}
	if j.Function.Build.Command != "" {
		if err := j.NoteAll(ctx); err != nil {
			return built{}, err
		}
	}
	sortFiles(made.Files)
	if err := checkNames(made.Files); err != nil {
		return built{}, err
	}
	if err := j.checkSize(made.Files); err != nil {
		return built{}, err
	}
	var bill []byte
	var noting errgroup.Group
	noting.Go(func() (err error) {
		bill, err = noted(made)
		return err
	})
	a, err := j.zip(ctx, c, made)
	if broken := noting.Wait(); err == nil {
		err = broken
	}
	if err != nil {
		return built{}, err
	}
	a.Warnings = made.Warnings
	torn := j.In.Settle()
	e, err := j.remember(c, key, a, string(bill))
	if err != nil {
		return built{}, err
	}
	j.p.shared.evict.Do(func() { c.evict(cacheLimit) })
	e.Artifact.Path = c.artifactPath(a.ZipDigest)
	return built{e, torn}, nil
}

// noted is the bill of what was made, as JSON.
func noted(made source.Content) ([]byte, error) {
	if made.Noting != nil {
		if err := made.Noting(&made); err != nil {
			return nil, err
		}
	}
	return json.Marshal(billOf(made))
}

// remember writes into the cache what the package was made from, unless an input changed meanwhile.
func (j *job) remember(c cache, key string, a Artifact, bill string) (entry, error) {
	e := entry{Artifact: a, Recorded: j.In.Began.UnixNano(), Inputs: j.In.List(), Bill: bill}
	unsure := !j.In.Sure()
	for _, l := range j.Seen {
		k, err := l.Keep(c.keep)
		switch {
		case err != nil:
			return entry{}, err
		case k == "": // what changed since is not for the cache, and was packed all the same
			unsure = true
			e.Inputs = append(e.Inputs, l.In.List()...)
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
func (j *job) zip(ctx context.Context, c cache, made source.Content) (Artifact, error) {
	spills, err := c.tmp()
	if err != nil {
		return Artifact{}, err
	}
	tmp := newDraft(c)
	defer tmp.drop()
	a := Artifact{Description: Description{Entry: made.Entry, Files: len(made.Files)}}
	var sizes []weighed
	with := &j.p.shared
	z := zipper{spillDir: spills, blocks: &with.blocks, squeezers: with.squeezers, admit: j.admit, noted: func(p *packed) {
		a.Unzipped += int64(p.header.size)
		if j.Platform.MaxZip > 0 {
			sizes = append(sizes, weighed{p.file.Name, int64(p.header.packed)})
		}
		if p.file.In != nil {
			p.file.In.Packed(p.file.Path, p.file.Info, p.sum)
		}
	}}
	sum := sha256.New()
	out := &counter{w: io.MultiWriter(tmp, sum)}
	if a.Digest, err = z.write(ctx, out, made.Files); err != nil {
		var user *Error
		if errors.As(err, &user) || ctx.Err() != nil {
			return Artifact{}, err
		}
		return Artifact{}, source.WriteProblem(c.dir, err)
	}
	a.Size, a.ZipDigest = out.n, "sha256:"+hex.EncodeToString(sum.Sum(nil))
	if j.Platform.MaxZip > 0 && a.Size > j.Platform.MaxZip {
		return Artifact{}, j.tooBig("the package", a.Size, j.Platform.MaxZip, sizes)
	}
	if err := tmp.install(a); err != nil {
		return Artifact{}, err
	}
	with.blocks.adopt(c.artifactPath(a.ZipDigest), z.placed)
	return a, nil
}

// admit refuses a program for another machine than the platform's: it would fail at the first call.
func (j *job) admit(f *source.File, head []byte) error {
	p := j.Platform
	system, machine := source.Machine(head)
	if system != "linux" || p.OS != "linux" || machine == p.Arch {
		return nil
	}
	if machine == "" {
		machine = "another machine"
	}
	return source.Problem(f.Path, "install or build it for linux/"+p.Arch+", or leave it out with build.exclude",
		"%s is a program for %s, and the platform is linux/%s", f.Name, machine, p.Arch)
}

func (j *job) checkSize(files []source.File) error {
	var total int64
	for _, f := range files {
		total += f.Size()
	}
	if len(files) > source.MaxEntries {
		return source.Problem("", "leave files out with .ferryignore or build.exclude", "the package holds %d files, more than %d", len(files), source.MaxEntries)
	}
	if j.Platform.MaxUnzipped > 0 && total > j.Platform.MaxUnzipped {
		sizes := make([]weighed, len(files))
		for i, f := range files {
			sizes[i] = weighed{f.Name, f.Size()}
		}
		return j.tooBig("the unpacked package", total, j.Platform.MaxUnzipped, sizes)
	}
	return nil
}

// weighed is a part of a package with its share of the size.
type weighed struct {
	name string
	size int64
}

// tooBig is the error of a package beyond a limit, with a table of its biggest parts.
func (j *job) tooBig(what string, size, limit int64, parts []weighed) error {
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
	hint := "leave out what is not needed with build.exclude"
	switch j.Function.Runtime.Language() {
	case "nodejs":
		hint = "bundle it, or " + hint
	case "python":
		hint = "do without a dependency, " + hint + ", or deploy it to a target that takes more"
	}
	return source.Problem("", hint, "%s", text.String())
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

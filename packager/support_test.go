package packager

import (
	"archive/zip"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/manifest"
)

// project writes a source tree, given as name and content in turn, into a new folder. Its time stamps are old, as in a
// tree that nobody is working on.
func project(t testing.TB, files ...string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "tree")
	fill(t, dir, files...)
	return dir
}

func fill(t testing.TB, dir string, files ...string) {
	t.Helper()
	for i := 0; i < len(files); i += 2 {
		write(t, filepath.Join(dir, files[i]), files[i+1])
	}
	age(t, dir)
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// age makes everything below a folder an hour old.
func age(t testing.TB, dir string) {
	t.Helper()
	old := time.Now().Add(-time.Hour)
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.Type()&os.ModeSymlink != 0 {
			return err
		}
		return os.Chtimes(path, old, old)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func newPackager(t testing.TB, root string) *Packager {
	t.Helper()
	return &Packager{Root: root, Cache: filepath.Join(t.TempDir(), "cache")}
}

func local(rt manifest.Runtime) Platform {
	return Platform{Shim: "local", OS: runtime.GOOS, Arch: runtime.GOARCH, Libc: HostLibc(), Runtime: rt, Scripts: true}
}

func nodeFn(handler string) manifest.Function {
	return manifest.Function{Name: "api", Source: ".", Handler: handler, Runtime: "nodejs20", Style: manifest.StyleFetch}
}

func pythonFn(handler string) manifest.Function {
	return manifest.Function{Name: "api", Source: ".", Handler: handler, Runtime: "python3.11", Style: manifest.StyleWSGI}
}

func goFn(handler string) manifest.Function {
	return manifest.Function{Name: "api", Source: ".", Handler: handler, Runtime: "go", Style: manifest.StyleGo}
}

// anew is the packager of another run: it sees what changed.
func anew(p *Packager) *Packager {
	return &Packager{Root: p.Root, Cache: p.Cache, NoCache: p.NoCache, From: p.From}
}

// build packages a function in a run of its own.
func build(t testing.TB, p *Packager, fn manifest.Function) Artifact {
	t.Helper()
	a, err := anew(p).Build(context.Background(), fn, local(fn.Runtime))
	if err != nil {
		t.Fatalf("building: %v", err)
	}
	return a
}

// buildAll packages functions in one run.
func buildAll(t testing.TB, p *Packager, fns []manifest.Function) []Artifact {
	t.Helper()
	out := make([]Artifact, len(fns))
	var group sync.WaitGroup
	for i, fn := range fns {
		group.Go(func() {
			var err error
			if out[i], err = p.Build(context.Background(), fn, local(fn.Runtime)); err != nil {
				t.Errorf("building %s: %v", fn.Handler, err)
			}
		})
	}
	group.Wait()
	return out
}

// failure builds what must not build and returns the first problem.
func failure(t testing.TB, p *Packager, fn manifest.Function) *Error {
	t.Helper()
	_, err := anew(p).Build(context.Background(), fn, local(fn.Runtime))
	return asProblem(t, err)
}

func asProblem(t testing.TB, err error) *Error {
	t.Helper()
	switch e := err.(type) { //nolint:errorlint // the very type is what is promised
	case *Error:
		return e
	case Errors:
		return e[0]
	default:
		t.Fatalf("got %T %v, want a problem of the user's", err, err)
		return nil
	}
}

func contains(t testing.TB, text string, wanted ...string) {
	t.Helper()
	for _, w := range wanted {
		if !strings.Contains(text, w) {
			t.Errorf("%q is not in:\n%s", w, text)
		}
	}
}

// contents are the entries of a package.
func contents(t testing.TB, a Artifact) map[string]string {
	t.Helper()
	r, err := zip.OpenReader(a.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	out := map[string]string{}
	for _, f := range r.File {
		rc, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(rc)
		if err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
		rc.Close()
		out[f.Name] = string(data)
	}
	return out
}

// unpack writes the entries of a package into a new folder, with their modes.
func unpack(t testing.TB, a Artifact) string {
	t.Helper()
	dir := t.TempDir()
	r, err := zip.OpenReader(a.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for _, f := range r.File {
		rc, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(rc)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, f.Name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, f.Mode().Perm()); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func needs(t testing.TB, tools ...string) {
	t.Helper()
	for _, name := range tools {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("%s is not installed", name)
		}
	}
}

// output runs a program and returns what it wrote.
func output(t testing.TB, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

func sorted(s []string) []string {
	slices.Sort(s)
	return s
}

func equal(t testing.TB, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want -, got +:\n%s", diff)
	}
}

func serverFn(handler string) manifest.Function {
	fn := pythonFn(handler)
	fn.Style = manifest.StyleServer
	return fn
}

// poll waits until a condition holds.
func poll(t *testing.T, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	deadline := time.After(30 * time.Second)
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("it did not happen")
		}
	}
}

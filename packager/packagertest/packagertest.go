// Package packagertest has what tests of the packager and of its languages begin with.
package packagertest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager/source"
)

// Project writes a source tree, given as name and content in turn, into a new folder. Its time stamps are old, as in a
// tree that nobody is working on.
func Project(t testing.TB, files ...string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "tree")
	Fill(t, dir, files...)
	return dir
}

// Fill writes files into a folder, which is old then.
func Fill(t testing.TB, dir string, files ...string) {
	t.Helper()
	for i := 0; i < len(files); i += 2 {
		Write(t, filepath.Join(dir, files[i]), files[i+1])
	}
	Age(t, dir)
}

// Write writes a file, with the folders that it is in.
func Write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Age makes everything below a folder an hour old.
func Age(t testing.TB, dir string) {
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

// Local is the platform of this machine.
func Local(rt manifest.Runtime) source.Platform {
	return source.Platform{Shim: "local", Runtime: rt}.OnHost()
}

// Node is a function of a module.
func Node(handler string) manifest.Function {
	return manifest.Function{Name: "api", Source: ".", Handler: handler, Runtime: "nodejs20", Style: manifest.StyleFetch}
}

// Python is a WSGI application.
func Python(handler string) manifest.Function {
	return manifest.Function{Name: "api", Source: ".", Handler: handler, Runtime: "python3.11", Style: manifest.StyleWSGI}
}

// Go is a function in a package.
func Go(handler string) manifest.Function {
	return manifest.Function{Name: "api", Source: ".", Handler: handler, Runtime: "go", Style: manifest.StyleGo}
}

// Problem is an error that is the user's to mend, the first of several.
func Problem(t testing.TB, err error) *source.Error {
	t.Helper()
	switch e := err.(type) { //nolint:errorlint // the very type is what is promised
	case *source.Error:
		return e
	case source.Errors:
		return e[0]
	default:
		t.Fatalf("got %T %v, want a problem of the user's", err, err)
		return nil
	}
}

// Contains wants parts of a text.
func Contains(t testing.TB, text string, wanted ...string) {
	t.Helper()
	for _, w := range wanted {
		if !strings.Contains(text, w) {
			t.Errorf("%q is not in:\n%s", w, text)
		}
	}
}

// Needs skips a test where a program is not installed.
func Needs(t testing.TB, tools ...string) {
	t.Helper()
	for _, name := range tools {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("%s is not installed", name)
		}
	}
}

// Output runs a program and returns what it wrote.
func Output(t testing.TB, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// Sorted is a list in order.
func Sorted(s []string) []string {
	slices.Sort(s)
	return s
}

// Equal wants two values to be the same.
func Equal(t testing.TB, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want -, got +:\n%s", diff)
	}
}

// Server is a Python program that listens.
func Server(handler string) manifest.Function {
	fn := Python(handler)
	fn.Style = manifest.StyleServer
	return fn
}

// Poll waits until a condition holds.
func Poll(t *testing.T, holds func() bool) {
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

// Job is a function below a folder on its way into a package. What is installed for it is not kept.
func Job(t testing.TB, root string, fn manifest.Function) *source.Job {
	t.Helper()
	scratch := func() (string, error) { return t.TempDir(), nil }
	return &source.Job{
		Function: fn, Platform: Local(fn.Runtime), Root: root, Dir: filepath.Join(root, filepath.FromSlash(fn.Source)), Cache: t.TempDir(),
		In: source.NewRecorder(&source.Hashes{}), Looks: &source.Findings[*source.Look]{}, Checked: &sync.Map{}, Shims: &source.Findings[[]byte]{}, Scratch: scratch,
		Install: func(_ context.Context, _ source.Installation, fill func(dir string) error) (string, error) {
			dir := t.TempDir()
			return dir, fill(dir)
		},
	}
}

// OfUser expects an error that a person can act on: it names a file and says what to do.
func OfUser(t testing.TB, err error) *source.Error {
	t.Helper()
	e := Problem(t, err)
	if e.Message == "" || e.Hint == "" || e.File == "" {
		t.Fatalf("an error without a file or a next step: %+v", e)
	}
	return e
}

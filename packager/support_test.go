package packager

import (
	"archive/zip"
	"context"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager/packagertest"
)

func newPackager(t testing.TB, root string) *Packager {
	t.Helper()
	return &Packager{Root: root, Cache: filepath.Join(t.TempDir(), "cache")}
}

// anew is the packager of another run: it sees what changed.
func anew(p *Packager) *Packager {
	return &Packager{Root: p.Root, Cache: p.Cache, NoCache: p.NoCache, From: p.From}
}

// build packages a function in a run of its own.
func build(t testing.TB, p *Packager, fn manifest.Function) Artifact {
	t.Helper()
	a, err := anew(p).Build(context.Background(), fn, packagertest.Local(fn.Runtime))
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
			if out[i], err = p.Build(context.Background(), fn, packagertest.Local(fn.Runtime)); err != nil {
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
	_, err := anew(p).Build(context.Background(), fn, packagertest.Local(fn.Runtime))
	return packagertest.Problem(t, err)
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

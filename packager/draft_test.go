package packager

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/ferryfn/ferry/packager/packagertest"
)

func TestWhatIsInTheCacheAlreadyIsNotWrittenAgain(t *testing.T) {
	t.Parallel()
	p := newPackager(t, packagertest.Project(t, "app.py", "app = 1\n"))
	fn := packagertest.Python("app:app")
	a := build(t, p, fn)
	j, err := newJob(p, fn, packagertest.Local(fn.Runtime))
	if err != nil {
		t.Fatal(err)
	}
	file := cache{dir: p.Cache}.entryPath(j.key())
	state := func(path string) os.FileInfo {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return info
	}
	zip, entry := state(a.Path), state(file)
	p.NoCache = true
	if again := build(t, p, fn); again.Cached || again.ZipDigest != a.ZipDigest {
		t.Errorf("got %+v", again)
	}
	if !os.SameFile(zip, state(a.Path)) {
		t.Error("the package was replaced by an equal one")
	}
	if !os.SameFile(entry, state(file)) {
		t.Error("the entry was replaced by one that says the same")
	}
	for _, e := range readDir(filepath.Join(p.Cache, "tmp")) {
		t.Errorf("tmp/%s is left behind", e.Name())
	}
}

func TestADraftGoesToTheDiskWhenItIsLarge(t *testing.T) {
	t.Parallel()
	c := cache{dir: t.TempDir()}
	d := newDraft(c)
	defer d.drop()
	part := bytes.Repeat([]byte("0123456789abcdef"), draftLimit/64)
	for range 5 {
		if n, err := d.Write(part); n != len(part) || err != nil {
			t.Fatal(n, err)
		}
	}
	if d.file == nil {
		t.Fatal("it is in memory")
	}
	a := Artifact{Description: Description{ZipDigest: "sha256:1", Size: int64(5 * len(part))}}
	if err := d.install(a); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(c.artifactPath(a.ZipDigest)); err != nil || !bytes.Equal(got, bytes.Repeat(part, 5)) {
		t.Errorf("got %d bytes, %v", len(got), err)
	}
}

func TestASpoiledPackageInTheCacheIsReplaced(t *testing.T) {
	t.Parallel()
	for how, spoil := range map[string]func(path string, size int64) error{
		"cut":                func(path string, _ int64) error { return os.Truncate(path, 5) },
		"of the same length": func(path string, size int64) error { return os.WriteFile(path, make([]byte, size), 0o644) },
	} {
		t.Run(how, func(t *testing.T) {
			p := newPackager(t, packagertest.Project(t, "app.py", "app = 1\n"))
			a := build(t, p, packagertest.Python("app:app"))
			if err := spoil(a.Path, a.Size); err != nil {
				t.Fatal(err)
			}
			p.NoCache = true
			if got := contents(t, build(t, p, packagertest.Python("app:app")))["app.py"]; got != "app = 1\n" {
				t.Errorf("got %q", got)
			}
		})
	}
}

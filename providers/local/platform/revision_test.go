//go:build unix

package platform

import (
	"archive/zip"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/providers/local/platform/platformtest"
)

func TestAHostilePackageIsRefusedAndLeavesNothing(t *testing.T) {
	for name, mode := range map[string]fs.FileMode{
		"../evil": 0o644, "/etc/evil": 0o644, "a/../../evil": 0o644, `..\evil`: 0o644, "link": fs.ModeSymlink | 0o777, "": 0o644,
	} {
		home := Home(t.TempDir())
		path := filepath.Join(t.TempDir(), "package.zip")
		file, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		z := zip.NewWriter(file)
		header := &zip.FileHeader{Name: name}
		header.SetMode(mode)
		w, err := z.CreateHeader(header)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte("/etc/passwd")); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
		if err := home.PutRevision(t.Context(), shop, "api", revision("one"), path); err == nil {
			t.Errorf("the entry %q was accepted", name)
		}
		if left, _ := os.ReadDir(home.revisions(shop, "api")); len(left) > 0 {
			t.Errorf("the entry %q left %v", name, left)
		}
	}
}

func TestABrokenPackageIsRefused(t *testing.T) {
	home := Home(t.TempDir())
	path := filepath.Join(t.TempDir(), "package.zip")
	if err := os.WriteFile(path, []byte("no zip"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := home.PutRevision(t.Context(), shop, "api", revision("one"), path); err == nil || !strings.Contains(err.Error(), "unpacking") {
		t.Errorf("got %v", err)
	}
}

func TestStoringTheSameRevisionAgainTouchesNothing(t *testing.T) {
	home := Home(t.TempDir())
	zipFile := platformtest.Zip(t, map[string]string{"version": "one", "bin/run": "x"})
	put := func(r Revision) {
		t.Helper()
		if err := home.PutRevision(t.Context(), shop, "api", r, zipFile); err != nil {
			t.Fatal(err)
		}
	}
	put(revision("one"))
	file := home.revision(shop, "api", "one", "package", "bin", "run")
	before, err := os.Stat(file)
	if err != nil || before.Mode().Perm() != 0o555 {
		t.Fatalf("%v, %v", before, err)
	}
	put(revision("one"))
	moved := revision("one", func(r *Revision) { r.Command = []string{"/elsewhere"} })
	put(moved)
	got, err := home.Revision(shop, "api", "one")
	if diff := cmp.Diff(moved, got); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	if after, err := os.Stat(file); err != nil || !os.SameFile(before, after) {
		t.Errorf("the package was written again, %v", err)
	}
}

func TestNamesThatLeadElsewhereAreRefused(t *testing.T) {
	home := Home(t.TempDir())
	for _, scope := range []Scope{{"..", "dev"}, {"shop", ""}, {"a/b", "dev"}, {".hidden", "dev"}} {
		_, err := home.Table(scope)
		wantCode(t, err, CodeInvalid)
	}
	_, err := home.Revision(shop, "../web", "one")
	wantCode(t, err, CodeInvalid)
}

func TestHalfRevisionsAreSweptUnlessSomebodyMayBeAtThem(t *testing.T) {
	home := Home(t.TempDir())
	long := time.Now().Add(-48 * time.Hour)
	for name, at := range map[string]time.Time{".gone-a": time.Now(), ".new-1": long, ".new-2": time.Now(), "kept": long} {
		dir := home.revision(shop, "api", name, "package")
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(filepath.Dir(dir), at, at); err != nil {
			t.Fatal(err)
		}
	}
	home.sweep()
	left, err := os.ReadDir(home.revisions(shop, "api"))
	if err != nil || len(left) != 2 || left[0].Name() != ".new-2" || left[1].Name() != "kept" {
		t.Errorf("left are %v, %v", left, err)
	}
}

func TestAnEpochIsKeptAndAnEmptyFileAsTheLossOfPowerLeavesItIsNone(t *testing.T) {
	home := Home(t.TempDir())
	if err := mkdirAll(home.own()); err != nil {
		t.Fatal(err)
	}
	all := &epochs{file: home.epochsFile(), shown: map[string]int64{}}
	if err := all.admit(shop, Writer{Ledger: "local", Epoch: 7}); err != nil {
		t.Fatal(err)
	}
	if kept, err := home.Epoch(shop, "local"); kept != 7 || err != nil {
		t.Errorf("got %d, %v", kept, err)
	}
	for content, valid := range map[string]bool{"": true, "\x00\x00\x00": true, "{": false} {
		if err := os.WriteFile(home.epochsFile(), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if kept, err := home.Epoch(shop, "local"); kept != 0 || (err == nil) != valid {
			t.Errorf("%q: got %d, %v", content, kept, err)
		}
	}
}

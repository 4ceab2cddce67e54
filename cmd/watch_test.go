package cmd

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/fsnotify/fsnotify"

	"github.com/ferryfn/ferry/manifest"
)

func TestWhatFerryWritesItselfIsNoChangeAndWhatNoNewsIsKeptOfIsOne(t *testing.T) {
	t.Parallel()
	said, err := os.Create(filepath.Join(t.TempDir(), "dev.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = said.Close() }()
	w, err := newWatch([]io.Writer{said, io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	seen := func(events ...fsnotify.Event) bool {
		for _, e := range append(events, fsnotify.Event{Name: "passing~", Op: fsnotify.Write}) { // which is taken when all before it were looked at
			w.watcher.Events <- e
		}
		select {
		case <-w.news:
			return true
		default:
			return false
		}
	}
	if seen(fsnotify.Event{Name: said.Name(), Op: fsnotify.Write}) {
		t.Error("what ferry says counts as a change")
	}
	if !seen(fsnotify.Event{Name: said.Name() + ".mjs", Op: fsnotify.Write}) {
		t.Error("a change is not seen")
	}
	w.newest.Store(0)
	if w.settle(t.Context()) {
		t.Error("what changed before is a change once more")
	}
	w.news <- struct{}{}
	if !w.settle(t.Context()) {
		t.Error("it is quiet while something changes")
	}
	w.watcher.Errors <- fsnotify.ErrEventOverflow
	if !seen() {
		t.Error("more changes than the system keeps news of are not seen")
	}
}

func TestFoldersThatFerryWritesToAreNotWatchedAlsoWithinAProject(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	home := filepath.Join(root, "kept", "cache")
	for _, folder := range []string{home, filepath.Join(root, "lib"), filepath.Join(root, "node_modules")} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	reached := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(home, reached); err != nil {
		t.Skip("no links here")
	}
	w, err := newWatch(nil, reached, filepath.Join(root, "not there yet"))
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	if err := w.follow(&project{manifest: &manifest.Manifest{Dir: root, File: filepath.Join(root, "ferry.yaml")}}); err != nil {
		t.Fatal(err)
	}
	got := w.watcher.WatchList()
	slices.Sort(got)
	if want := []string{root, filepath.Join(root, "kept"), filepath.Join(root, "lib")}; !slices.Equal(got, want) {
		t.Errorf("watched are %q, want %q", got, want)
	}
}

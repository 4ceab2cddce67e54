package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/fsnotify/fsnotify"
)

// watch learns of changes to the files that functions are made from.
type watch struct {
	watcher *fsnotify.Watcher
	news    chan struct{}
	newest  atomic.Int64  // when something changed last
	written []fs.FileInfo // files that ferry itself writes: a log of what it says would have it say more
	ours    []string      // folders that ferry itself writes to: what it packages would have it package again
}

// quiet is for how long nothing must change until what changed is looked at: an editor writes a file in several steps.
const quiet = 20 * time.Millisecond

// newWatch watches, but for what ferry writes itself: into files among those that are given, and into folders.
func newWatch(written []io.Writer, ours ...string) (*watch, error) {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watching files: %w", err)
	}
	all := &watch{watcher: w, news: make(chan struct{}, 1), ours: ours}
	for _, to := range written {
		if file, ok := to.(*os.File); ok {
			if info, err := file.Stat(); err == nil && info.Mode().IsRegular() {
				all.written = append(all.written, info)
			}
		}
	}
	go all.run()
	return all, nil
}

func (w *watch) close() { _ = w.watcher.Close() }

// changed has a value when something did.
func (w *watch) changed() <-chan struct{} { return w.news }

func (w *watch) run() {
	for {
		select {
		case e, open := <-w.watcher.Events:
			switch {
			case !open:
				return
			case e.Op == fsnotify.Chmod || passing(filepath.Base(e.Name)) || w.writes(e.Name):
				continue
			}
		case _, open := <-w.watcher.Errors: // more changed than the system keeps news of; it says no more until this is taken
			if !open {
				return
			}
		}
		w.newest.Store(time.Now().UnixNano())
		select {
		case w.news <- struct{}{}:
		default:
		}
	}
}

// writes reports whether a file is one that ferry itself writes.
func (w *watch) writes(name string) bool {
	if len(w.written) == 0 {
		return false
	}
	info, err := os.Stat(name)
	return err == nil && slices.ContainsFunc(w.written, func(own fs.FileInfo) bool { return os.SameFile(own, info) })
}

// passing reports whether a name is of what editors and tools write beside the sources.
func passing(name string) bool {
	return strings.HasSuffix(name, "~") || strings.HasSuffix(name, ".swp") || strings.HasSuffix(name, ".pyc") || name == "4913" || strings.HasPrefix(name, ".#")
}

// take forgets that something changed.
func (w *watch) take() {
	select {
	case <-w.news:
	default:
	}
}

// settle waits until nothing has changed for a while, or ctx ends. It is true as soon as something changes meanwhile.
func (w *watch) settle(ctx context.Context) (changed bool) {
	pause := time.NewTimer(time.Until(time.Unix(0, w.newest.Load()).Add(quiet)))
	defer pause.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-w.news:
		return true
	case <-pause.C:
		return len(w.news) > 0
	}
}

// unwatched are folders that hold no sources, or those of others.
func unwatched() []string {
	return []string{".git", ".hg", "node_modules", "__pycache__", ".venv", "venv", ".idea", ".vscode", ".ferry"}
}

// follow watches the manifest and the sources of all functions, also folders that are new.
func (w *watch) follow(p *project) error {
	folders := []string{p.manifest.Dir, filepath.Dir(p.manifest.File)}
	for _, fn := range p.manifest.Functions {
		folders = append(folders, filepath.Join(p.manifest.Dir, filepath.FromSlash(fn.Source)))
	}
	var ours []fs.FileInfo
	for _, folder := range w.ours {
		if info, err := os.Stat(folder); err == nil {
			ours = append(ours, info)
		}
	}
	own := func(e fs.DirEntry) bool {
		info, err := e.Info()
		return err == nil && slices.ContainsFunc(ours, func(one fs.FileInfo) bool { return os.SameFile(one, info) })
	}
	var failures []error
	for _, folder := range slices.Compact(folders) {
		failures = append(failures, filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
			switch {
			case err != nil || !e.IsDir():
				return nil //nolint:nilerr // it went meanwhile, or packaging says what is wrong with it
			case path != folder && (slices.Contains(unwatched(), e.Name()) || own(e)):
				return filepath.SkipDir
			}
			if err := w.watcher.Add(path); err != nil {
				return fmt.Errorf("watching %s: %w", path, err)
			}
			return nil
		}))
	}
	return errors.Join(failures...)
}

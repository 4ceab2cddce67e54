package packager

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ferryfn/ferry/internal/filelock"
	"github.com/ferryfn/ferry/internal/regular"
	"github.com/ferryfn/ferry/packager/source"
)

// cache is the folder of what was built:
//
//	artifacts/<zip digest>.zip   packages, by content
//	entries/<key>                for what was asked: the package, what went in and the inputs it was made from
//	python/<key>/                installed requirements
//	wheels/<key>/                those of them that need not be built, where local folders are built beside them
//	node/<key>/                  Node packages installed for other platforms
//	locks/<first of key>         held while something of that key is made
//	tmp/                         work in progress
//
// Everything appears by a rename, so a kill leaves at most something in tmp, which a later run clears.
// The time stamp of an artifact, an entry and a requirements folder is its last use.
type cache struct {
	dir    string
	hashes *source.Hashes
	// checked is whether entries that others refer to are current; they are looked at once.
	checked *source.Findings[bool]
}

const (
	cacheLimit = 2 << 30          // bytes; what was used longest ago goes first
	inUse      = time.Hour        // what was used so lately may be in use and stays
	touchEvery = 10 * time.Minute // how exactly the last use is known
	maxTmpAge  = 24 * time.Hour
)

func (c cache) entryPath(key string) string { return filepath.Join(c.dir, "entries", key) }

func (c cache) artifactPath(zipDigest string) string {
	return filepath.Join(c.dir, "artifacts", strings.TrimPrefix(zipDigest, "sha256:")+".zip")
}

// lookup returns the package of an unchanged function. Any doubt is a miss.
func (c cache) lookup(ctx context.Context, key string) (entry, bool) {
	e, ok := c.current(key)
	if !ok || slices.ContainsFunc(e.Looks, func(k string) bool { return !c.still(ctx, k) }) {
		return entry{}, false
	}
	e.Artifact.Path, e.Artifact.Cached = c.artifactPath(e.Artifact.ZipDigest), true
	return e, c.has(e.Artifact.Path, e.Artifact.Size)
}

// still is whether an entry that others refer to is current.
func (c cache) still(ctx context.Context, key string) bool {
	ok, err := c.checked.Get(ctx, key, func() (bool, error) {
		_, ok := c.current(key)
		return ok, nil
	})
	return ok && err == nil
}

// current reads an entry whose own inputs are what they were.
func (c cache) current(key string) (entry, bool) {
	e, err := c.read(key)
	if err != nil {
		return entry{}, false
	}
	now := time.Now()
	switch source.Check(e.Inputs, c.hashes, time.Unix(0, e.Recorded), now) {
	case source.Stale:
		return entry{}, false
	case source.Restamped:
		e.Recorded = now.UnixNano()
		_ = c.write(key, e) // the next look reads the files again, no more
	case source.Unchanged:
		path := c.entryPath(key)
		if info, err := os.Stat(path); err == nil {
			touch(path, info)
		}
	}
	return e, true
}

func touch(path string, info fs.FileInfo) {
	if now := time.Now(); now.Sub(info.ModTime()) > touchEvery {
		_ = os.Chtimes(path, now, now) // costs a rebuild at worst
	}
}

// update writes an entry, unless the one that is there differs in nothing but its time.
func (c cache) update(key string, e entry) error {
	path := c.entryPath(key)
	old, err := regular.Read(path)
	switch {
	case err != nil:
	case e.sameAs(old):
		if info, err := os.Stat(path); err == nil {
			touch(path, info)
		}
		return nil
	default:
		_ = os.Remove(path) // to replace it would wait for the disk, and what it says is not so any more
	}
	return c.write(key, e)
}

// write puts an entry in the place of the one that is there, if any: who looks meanwhile finds one of the two.
func (c cache) write(key string, e entry) error {
	data, err := e.encode()
	if err != nil {
		return err
	}
	tmp, err := c.tmpFile()
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(data)
	if err := errors.Join(err, tmp.Close()); err != nil {
		return source.WriteProblem(c.dir, err)
	}
	return c.install(tmp.Name(), c.entryPath(key))
}

// keep writes an entry that others refer to.
func (c cache) keep(key string, began time.Time, inputs []source.Input) error {
	return c.write(key, entry{Recorded: began.UnixNano(), Inputs: inputs})
}

// read returns the entry of a key.
func (c cache) read(key string) (entry, error) {
	data, err := regular.Read(c.entryPath(key))
	if err != nil {
		return entry{}, err
	}
	return decodeEntry(data)
}

// inputs are those of an entry, with those of the entries that it refers to.
func (c cache) inputs(e entry) ([]source.Input, error) {
	all := slices.Clone(e.Inputs)
	for _, k := range e.Looks { // their keys are digests of what they hold
		l, err := c.read(k)
		if err != nil {
			return nil, err
		}
		all = append(all, l.Inputs...)
	}
	return all, nil
}

// has is whether a package is there, by its size. Whether it is whole is found out when it is read.
func (c cache) has(path string, size int64) bool {
	info, err := os.Stat(path)
	if err != nil || info.Size() != size {
		return false
	}
	touch(path, info)
	return true
}

// install gives a finished file its name.
func (c cache) install(tmp, path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return source.WriteProblem(c.dir, err)
	}
	if err := os.Rename(tmp, path); err != nil {
		return source.WriteProblem(c.dir, err)
	}
	return nil
}

// tmp is the folder of work in progress.
func (c cache) tmp() (string, error) {
	dir := filepath.Join(c.dir, "tmp")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", source.WriteProblem(c.dir, err)
	}
	return dir, nil
}

func (c cache) tmpFile() (*os.File, error) {
	dir, err := c.tmp()
	if err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(dir, "")
	if err != nil {
		return nil, source.WriteProblem(c.dir, err)
	}
	return f, nil
}

func (c cache) tmpDir() (string, error) {
	dir, err := c.tmp()
	if err != nil {
		return "", err
	}
	dir, err = os.MkdirTemp(dir, "")
	if err != nil {
		return "", source.WriteProblem(c.dir, err)
	}
	return dir, nil
}

// lock waits until no other build has the key, in this process or another. Keys share a bounded number of
// lock files, and a holder never takes a second one of the
// same folder, but for one of wheels while it installs for Python.
func (c cache) lock(ctx context.Context, key string) (unlock func(), err error) {
	return c.lockIn(ctx, "locks", key[:2])
}

func (c cache) lockIn(ctx context.Context, folder, name string) (unlock func(), err error) {
	dir := filepath.Join(c.dir, folder)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, source.WriteProblem(c.dir, err)
	}
	unlock, err = filelock.Lock(ctx, filepath.Join(dir, name))
	if err != nil && ctx.Err() == nil {
		err = source.WriteProblem(c.dir, err)
	}
	return unlock, err
}

// kept is one thing that can be evicted.
type kept struct {
	path string
	size int64
	used time.Time
}

// evict keeps the cache below a limit. What goes was used longest ago and not within the last hour.
func (c cache) evict(limit int64) {
	now := time.Now()
	for _, e := range readDir(filepath.Join(c.dir, "tmp")) {
		if info, err := e.Info(); err == nil && now.Sub(info.ModTime()) > maxTmpAge {
			_ = os.RemoveAll(filepath.Join(c.dir, "tmp", e.Name()))
		}
	}
	var all []kept
	var total int64
	for _, folder := range []string{"artifacts", "entries", "python", "wheels", "node"} {
		for _, e := range readDir(filepath.Join(c.dir, folder)) {
			k := kept{path: filepath.Join(c.dir, folder, e.Name())}
			info, err := e.Info()
			if err != nil {
				continue
			}
			k.size, k.used = info.Size(), info.ModTime()
			if info.IsDir() {
				k.size = sizeNote(k.path)
			}
			total += k.size
			all = append(all, k)
		}
	}
	if total <= limit {
		return
	}
	slices.SortFunc(all, func(a, b kept) int { return a.used.Compare(b.used) })
	for _, k := range all {
		if total <= limit || now.Sub(k.used) < inUse {
			return
		}
		c.drop(k.path)
		total -= k.size
	}
}

// drop removes at once what others may be looking for, and then takes its time.
func (c cache) drop(path string) {
	gone := filepath.Join(c.dir, "tmp", "gone-"+filepath.Base(path))
	if os.Rename(path, gone) == nil {
		_ = os.RemoveAll(gone)
	}
}

func readDir(dir string) []fs.DirEntry {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	return entries
}

// sizeNote is the size that was written into a folder of the cache when it was made.
func sizeNote(dir string) int64 {
	data, err := regular.Read(filepath.Join(dir, "size"))
	if err != nil {
		return 0
	}
	n, err := strconv.ParseInt(string(data), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

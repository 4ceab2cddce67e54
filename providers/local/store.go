package local

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/ferryfn/ferry/internal/filelock"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/cas"
	"github.com/ferryfn/ferry/providers/local/platform"
)

// store keeps objects as files: `store/<key>`. Writers take turns by a lock file; a new object is written
// beside, in `store.new`, and moved into place, so that a reader, a kill or a full disk never meets half of one.
type store struct {
	home string // for messages
	root string
	work string
	lock string
}

var (
	_ providers.Store    = (*store)(nil)
	_ providers.Disposer = (*store)(nil)
)

func newStore(home string) *store {
	return &store{
		home: home, root: filepath.Join(home, "store"), work: filepath.Join(home, "store.new"),
		lock: filepath.Join(home, "store.lock"),
	}
}

// Get opens an object.
func (s *store) Get(ctx context.Context, key string) (providers.Object, error) {
	const op = "store get"
	if err := s.admit(ctx, key); err != nil {
		return providers.Object{}, s.classify(op, key, err)
	}
	f, err := os.Open(s.file(key))
	if err != nil {
		return providers.Object{}, s.classify(op, key, err)
	}
	o := providers.Object{Body: f}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = fs.ErrNotExist
	}
	if err == nil {
		o.Size = info.Size()
		o.Tag, err = tagOf(f)
	}
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		_ = f.Close()
		return providers.Object{}, s.classify(op, key, err)
	}
	return o, nil
}

// Put writes an object.
func (s *store) Put(ctx context.Context, key string, body io.ReadSeeker, c providers.Condition) (providers.Tag, error) {
	tag, err := s.put(ctx, key, body, c)
	return tag, s.classify("store put", key, err)
}

func (s *store) put(ctx context.Context, key string, body io.ReadSeeker, c providers.Condition) (providers.Tag, error) {
	if err := s.admit(ctx, key); err != nil {
		return "", err
	}
	const tries = 3
	for try := 1; ; try++ {
		tag, err := s.putOnce(ctx, key, body, c)
		if try == tries || !absent(err) {
			return tag, err
		}
	}
}

// putOnce fails with an absent file when a disposal swept the new one away.
func (s *store) putOnce(ctx context.Context, key string, body io.ReadSeeker, c providers.Condition) (_ providers.Tag, err error) {
	if _, err := body.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	temp, tag, err := s.write(body)
	if err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(temp)
		}
	}()
	unlock, err := filelock.Lock(ctx, s.lock)
	if err != nil {
		return "", err
	}
	defer unlock()
	s.sweep(time.Hour)
	if err := errors.Join(ctx.Err(), s.holds(key, c)); err != nil {
		return "", err
	}
	dir := filepath.Dir(s.file(key))
	made, err := s.mkdir(dir)
	if err != nil {
		return "", err
	}
	if err := os.Rename(temp, s.file(key)); err != nil {
		return "", err
	}
	for _, d := range append(made, dir) {
		if err := platform.SyncDir(d); err != nil {
			return "", err
		}
	}
	return tag, nil
}

// Dispose deletes what killed writers left, and the store's folders when they are empty.
func (s *store) Dispose(ctx context.Context) error {
	const op = "store dispose"
	_, work := os.Stat(s.work)
	if _, root := os.Stat(s.root); absent(work) && absent(root) {
		return nil
	}
	unlock, err := filelock.Lock(ctx, s.lock)
	if err != nil {
		return s.classify(op, "", err)
	}
	defer unlock()
	s.sweep(0) // a writer that is at it writes again
	for _, dir := range []string{s.work, s.root} {
		_ = os.Remove(dir) // unless it is in use
	}
	return nil
}

// sweep deletes what killed writers left that long ago. The lock is held.
func (s *store) sweep(ago time.Duration) {
	entries, _ := os.ReadDir(s.work)
	for _, e := range entries {
		if info, err := e.Info(); err == nil && time.Since(info.ModTime()) >= ago {
			_ = os.Remove(filepath.Join(s.work, e.Name()))
		}
	}
}

// write puts the body into a durable file of its own.
func (s *store) write(body io.Reader) (path string, _ providers.Tag, err error) {
	if err := os.MkdirAll(s.work, 0o700); err != nil {
		return "", "", err
	}
	f, err := os.CreateTemp(s.work, "*") // 0600
	if err != nil {
		return "", "", err
	}
	sum := sha256.New()
	_, err = io.Copy(io.MultiWriter(f, sum), body)
	if err == nil {
		err = f.Sync()
	}
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return "", "", err
	}
	return f.Name(), providers.Tag(hex.EncodeToString(sum.Sum(nil))), nil
}

// mkdir makes the folders down to dir, and returns those in which a name is new.
func (s *store) mkdir(dir string) (changed []string, err error) {
	for d := dir; ; d = filepath.Dir(d) {
		if _, err := os.Stat(d); err == nil {
			break
		}
		changed = append(changed, filepath.Dir(d))
		if d == s.root {
			break
		}
	}
	return changed, os.MkdirAll(dir, 0o700)
}

// Delete removes an object, and the folders that it leaves empty.
func (s *store) Delete(ctx context.Context, key string, c providers.Condition) error {
	return s.classify("store delete", key, s.remove(ctx, key, c))
}

func (s *store) remove(ctx context.Context, key string, c providers.Condition) error {
	if err := s.admit(ctx, key); err != nil {
		return err
	}
	if _, err := os.Stat(s.file(key)); absent(err) && c.Tag == "" {
		return nil // deleting nothing makes no lock file
	}
	unlock, err := filelock.Lock(ctx, s.lock)
	if err != nil {
		return err
	}
	defer unlock()
	if err := s.holds(key, c); err != nil {
		return err
	}
	if err := os.Remove(s.file(key)); err != nil {
		if absent(err) {
			return nil
		}
		return err
	}
	dir := filepath.Dir(s.file(key))
	for dir != s.root && os.Remove(dir) == nil {
		dir = filepath.Dir(dir)
	}
	return platform.SyncDir(dir)
}

// List walks the folders below the last one that the prefix names.
func (s *store) List(ctx context.Context, prefix string) ([]string, error) {
	from := s.root
	if at := strings.LastIndexByte(prefix, '/'); at > 0 && providers.ValidKey(prefix[:at]) {
		from = s.file(prefix[:at])
	}
	var keys []string
	err := filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if absent(err) {
			return nil // it was never there, or is gone by now
		}
		if err != nil || e.IsDir() {
			return errors.Join(err, ctx.Err())
		}
		rel, err := filepath.Rel(s.root, path)
		if key := filepath.ToSlash(rel); err == nil && strings.HasPrefix(key, prefix) {
			keys = append(keys, key)
		}
		return err
	})
	slices.Sort(keys)
	return keys, s.classify("store list", prefix, err)
}

func (s *store) file(key string) string { return filepath.Join(s.root, filepath.FromSlash(key)) }

func (s *store) admit(ctx context.Context, key string) error {
	return errors.Join(s.rules().Admit(key), ctx.Err())
}

// holds checks a condition. The lock is held.
func (s *store) holds(key string, c providers.Condition) error {
	if g := c.While; g.Key != "" {
		if err := s.holds(g.Key, providers.IfTag(g.Tag)); err != nil {
			return err
		}
	}
	if !c.Absent && c.Tag == "" {
		return nil // without reading it
	}
	tag, err := s.tag(key)
	if err != nil {
		return err
	}
	return s.rules().Holds(key, tag, c)
}

func (s *store) rules() cas.Rules { return cas.Rules{Provider: name} }

// tag is that of an object, "" of one that is absent.
func (s *store) tag(key string) (providers.Tag, error) {
	f, err := os.Open(s.file(key))
	if absent(err) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	return tagOf(f)
}

// classify gives a failure its kind. Only a key that is absent is NotFound; one that may not be read is Denied.
func (s *store) classify(op, key string, err error) error {
	if err == nil {
		return nil
	}
	e := classify(s.home, op, "", err)
	switch {
	case absent(err):
		e.Kind, e.Err = providers.NotFound, fmt.Errorf("%s does not exist", key)
	case errors.Is(err, fs.ErrPermission):
		e.Kind = providers.Denied
	}
	return e
}

func absent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

func tagOf(r io.Reader) (providers.Tag, error) {
	sum := sha256.New()
	_, err := io.Copy(sum, r)
	return providers.Tag(hex.EncodeToString(sum.Sum(nil))), err
}

// Store is a folder beside the platform's.
func (a *Adapter) Store(context.Context) (providers.Store, error) {
	return newStore(string(a.home)), nil
}

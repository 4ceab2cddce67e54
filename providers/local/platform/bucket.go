package platform

import (
	"context"
	"crypto/md5" //nolint:gosec // what S3 calls an ETag
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/ferryfn/ferry/internal/delivery"
)

// Bucket is the folder whose files are the objects of a bucket.
func (h Home) Bucket(s Scope, name string) string {
	return filepath.Join(h.buckets(s), url.PathEscape(name))
}

// buckets has the folder of each bucket.
func (h Home) buckets(s Scope) string { return h.scope(s, "buckets") }

// object is a file in the folder of a bucket.
type object struct {
	bucket, key string
	Size        int64     `json:"size"`
	Modified    time.Time `json:"modified"`
	ETag        string    `json:"etag"`
}

// folder tells of what happens to the files of a bucket: it compares them with what it noted last, together with the
// messages about that, so that nothing is missed while the platform does not run.
type folder struct {
	engine   *delivery.Engine
	path     string
	bucket   string
	happened func(o object, what string) []delivery.Envelope
	watcher  *fsnotify.Watcher // nil where the system has none to give
	ending   context.CancelFunc
	working  sync.WaitGroup
}

// A file is an object when it has not changed for settled; folders are looked at after each change, and every sweep.
const (
	settled = 150 * time.Millisecond
	sweep   = 2 * time.Second
)

// newFolder watches a folder, which it makes. Files that are there already when it is first watched are none of its business.
func newFolder(engine *delivery.Engine, path, bucket string, happened func(object, string) []delivery.Envelope) (*folder, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, err
	}
	f := &folder{engine: engine, path: path, bucket: bucket, happened: happened}
	noted, err := engine.Notes(f.note(""))
	if err != nil {
		return nil, err
	}
	if _, known := noted[""]; !known {
		if err := f.begin(); err != nil {
			return nil, err
		}
	}
	f.watcher, _ = fsnotify.NewWatcher()
	ctx, ending := context.WithCancel(context.Background())
	f.ending = ending
	f.working.Go(func() { f.run(ctx) })
	return f, nil
}

// note is the name of what is noted about an object; "" is that the folder is known.
func (f *folder) note(key string) string { return "bucket/" + url.PathEscape(f.bucket) + "/" + key }

// begin notes what is there.
func (f *folder) begin() error {
	now, err := f.list()
	if err != nil {
		return err
	}
	notes := map[string][]byte{f.note(""): {}}
	for key, o := range now {
		if notes[f.note(key)], err = f.describe(&o); err != nil {
			return err
		}
	}
	return f.engine.Put(nil, notes)
}

// forget takes the notes away.
func (f *folder) forget() error {
	noted, err := f.engine.Notes(f.note(""))
	for key := range noted {
		noted[f.note(key)] = nil
	}
	maps.DeleteFunc(noted, func(_ string, v []byte) bool { return v != nil })
	return errors.Join(err, f.engine.Put(nil, noted))
}

func (f *folder) stop() {
	f.ending()
	f.working.Wait()
	if f.watcher != nil {
		_ = f.watcher.Close()
	}
}

func (f *folder) run(ctx context.Context) {
	var changes chan fsnotify.Event
	if f.watcher != nil {
		changes = f.watcher.Events
	}
	var before map[string]object // at the look before
	for {
		now, unsettled := f.look(before)
		before = now
		pause := sweep
		if unsettled {
			pause = settled
		}
		next := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			next.Stop()
			return
		case <-next.C:
		case <-changes:
			drain(changes)
		}
		next.Stop()
	}
}

// drain forgets changes that the next look sees anyway.
func drain(changes <-chan fsnotify.Event) {
	for {
		select {
		case _, open := <-changes:
			if !open {
				return
			}
		default:
			return
		}
	}
}

// look tells of what has changed and then stayed as it is. It reports whether something has not.
func (f *folder) look(before map[string]object) (now map[string]object, unsettled bool) {
	now, err := f.list()
	if err != nil {
		return before, true
	}
	noted, err := f.engine.Notes(f.note(""))
	if err != nil {
		return now, true
	}
	delete(noted, "")
	notes, messages := map[string][]byte{}, []delivery.Envelope{}
	for _, key := range slices.Sorted(maps.Keys(now)) {
		o := now[key]
		var was object
		known := noted[key] != nil && json.Unmarshal(noted[key], &was) == nil
		if known && was.Size == o.Size && was.Modified.Equal(o.Modified) {
			continue
		}
		earlier, seen := before[key]
		if !seen || earlier.Size != o.Size || !earlier.Modified.Equal(o.Modified) || time.Since(o.Modified) < settled {
			unsettled = true
			continue
		}
		if notes[f.note(key)], err = f.describe(&o); err != nil {
			delete(notes, f.note(key)) // it went or changed as it was read
			unsettled = true
			continue
		}
		messages = append(messages, f.happened(o, "created")...)
	}
	for _, key := range slices.Sorted(maps.Keys(noted)) {
		if _, there := now[key]; !there {
			notes[f.note(key)] = nil
			messages = append(messages, f.happened(object{bucket: f.bucket, key: key}, "deleted")...)
		}
	}
	if len(notes) > 0 && f.engine.Put(messages, notes) != nil {
		return now, true
	}
	return now, unsettled
}

// list are the files of the folder, by their keys. Names that begin with a dot are none: programs write such ones before
// they give a file its name.
func (f *folder) list() (map[string]object, error) {
	found := map[string]object{}
	err := filepath.WalkDir(f.path, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // it went meanwhile
		}
		if err != nil {
			return err
		}
		if strings.HasPrefix(d.Name(), ".") && path != f.path {
			if d.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		if d.IsDir() && f.watcher != nil {
			_ = f.watcher.Add(path) // else the next sweep finds what changes
		}
		if !d.Type().IsRegular() {
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return nil //nolint:nilerr // it went meanwhile
		}
		key, err := filepath.Rel(f.path, path)
		if err != nil {
			return err
		}
		key = filepath.ToSlash(key)
		found[key] = object{bucket: f.bucket, key: key, Size: info.Size(), Modified: info.ModTime()}
		return nil
	})
	return found, err
}

// describe reads an object's content for its ETag, and is what is noted about it.
func (f *folder) describe(o *object) ([]byte, error) {
	file, err := os.Open(filepath.Join(f.path, filepath.FromSlash(o.key)))
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	sum := md5.New() //nolint:gosec // as above
	if n, err := io.Copy(sum, file); err != nil || n != o.Size {
		return nil, fmt.Errorf("%s changed as it was read: %w", o.key, err)
	}
	o.ETag = hex.EncodeToString(sum.Sum(nil))
	return json.Marshal(o)
}

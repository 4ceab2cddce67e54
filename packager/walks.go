package packager

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"
)

// walks lets functions of one source folder share a look at it: a build takes the look of another one that began
// after the build was asked for, so it never sees an older state than its caller does.
type walks struct {
	mu    sync.Mutex
	known map[string]*walk
}

// walk is a look at a source folder; it is complete when done is closed.
type walk struct {
	began time.Time
	done  chan struct{}
	files []file
	in    *recorder
	err   error
}

// share returns a look at the folder that the key stands for, and notes its inputs. It looks itself if there is no look
// that began after a moment, or if that one failed.
func (w *walks) share(ctx context.Context, key string, after time.Time, in *recorder, look func(*recorder) ([]file, error)) ([]file, error) {
	w.mu.Lock()
	one, ok := w.known[key]
	if ok = ok && one.began.After(after); !ok {
		one = &walk{began: time.Now(), done: make(chan struct{})}
		if w.known == nil {
			w.known = map[string]*walk{}
		}
		w.known[key] = one
	}
	w.mu.Unlock()
	if !ok {
		one.in = newRecorder(in.hashes)
		one.files, one.err = look(one.in)
		close(one.done)
	}
	select {
	case <-one.done:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if one.err != nil {
		if ok {
			return look(in)
		}
		return nil, one.err
	}
	if one.began.Before(in.began) {
		in.began = one.began
	}
	in.unsure = in.unsure || one.in.unsure
	maps.Copy(in.items, one.in.items)
	return slices.Clone(one.files), nil
}

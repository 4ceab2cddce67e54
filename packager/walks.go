package packager

import (
	"context"
	"maps"
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
	items map[string]input
	err   error
}

// share returns a look at the folder that the key stands for, made by look if there is none that began after asked.
func (w *walks) share(ctx context.Context, key string, asked time.Time, in *recorder, look func(*recorder) ([]file, error)) ([]file, error) {
	w.mu.Lock()
	one, ok := w.known[key]
	if !ok || !one.began.After(asked) {
		one = &walk{began: time.Now(), done: make(chan struct{})}
		if w.known == nil {
			w.known = map[string]*walk{}
		}
		w.known[key] = one
		ok = false
	} else {
		ok = true
	}
	w.mu.Unlock()
	if !ok {
		r := newRecorder(in.hashes)
		one.files, one.err = look(r)
		one.items = r.items
		close(one.done)
	}
	select {
	case <-one.done:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if one.began.Before(in.began) {
		in.began = one.began
	}
	maps.Copy(in.items, one.items)
	return append([]file(nil), one.files...), one.err
}

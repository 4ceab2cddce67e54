package source

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sync"
	"time"
)

// Look is a source folder as it was seen at one time: the files that the rules keep, and the inputs that say so.
// Functions of one source folder share it, and the cache keeps its inputs once for all of them.
type Look struct {
	files []File
	In    *Recorder

	mu   sync.Mutex
	key  string // of the cache's entry, "" until there is one
	size int    // inputs in that entry
}

// LookPrefix begins the keys of looks' entries.
const LookPrefix = "look-"

// Keep has the inputs written under a key, which it returns, or "" when what was seen changed meanwhile. All files that a package took from the look must be noted before.
func (l *Look) Keep(write func(key string, began time.Time, inputs []Input) error) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.In.Sure() {
		return "", nil
	}
	if l.key != "" && l.size == l.In.count() {
		return l.key, nil
	}
	inputs := l.In.List()
	h := sha256.New()
	for _, in := range inputs { // without the time stamps: equal folders share an entry
		fmt.Fprintf(h, "%s %s %q\n", in.Kind, in.Sum, in.Path)
	}
	key := LookPrefix + hex.EncodeToString(h.Sum(nil))[:40]
	if err := write(key, l.In.Began, inputs); err != nil {
		return "", err
	}
	l.key, l.size = key, len(inputs)
	return key, nil
}

// Findings lets builds share what one of them found out. The zero value is ready.
type Findings[T any] struct {
	mu    sync.Mutex
	known map[string]*finding[T]
}

// finding is complete when done is closed.
type finding[T any] struct {
	done  chan struct{}
	value T
	err   error
}

// Get returns what find finds for the key. The first caller calls find; where that one fails, the others call theirs.
func (f *Findings[T]) Get(ctx context.Context, key string, find func() (T, error)) (T, error) {
	f.mu.Lock()
	one, shared := f.known[key]
	if !shared {
		one = &finding[T]{done: make(chan struct{})}
		if f.known == nil {
			f.known = map[string]*finding[T]{}
		}
		f.known[key] = one
	}
	f.mu.Unlock()
	if !shared {
		one.value, one.err = find()
		close(one.done)
		return one.value, one.err
	}
	select {
	case <-one.done:
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
	if one.err != nil {
		return find()
	}
	return one.value, nil
}

package packager

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sync"
)

// look is a source folder as it was seen at one time: the files that the rules keep, and the inputs that say so.
// Functions of one source folder share it, and the cache keeps its inputs once for all of them.
type look struct {
	files []file
	in    *recorder

	mu   sync.Mutex
	key  string // of the cache's entry, "" until there is one
	size int    // inputs in that entry
}

// lookPrefix begins the keys of looks' entries.
const lookPrefix = "look-"

// keep writes the inputs into the cache and returns the key of their entry, or "" when what was seen changed meanwhile.
// All files that a package took from the look must be noted before.
func (l *look) keep(c cache) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.in.sure() {
		return "", nil
	}
	if l.key != "" && l.size == l.in.count() {
		return l.key, nil
	}
	inputs := l.in.list()
	h := sha256.New()
	for _, in := range inputs { // without the time stamps: equal folders share an entry
		fmt.Fprintf(h, "%s %s %q\n", in.Kind, in.Sum, in.Path)
	}
	key := lookPrefix + hex.EncodeToString(h.Sum(nil))[:40]
	if err := c.write(key, entry{Recorded: l.in.began.UnixNano(), Inputs: inputs}); err != nil {
		return "", err
	}
	l.key, l.size = key, len(inputs)
	return key, nil
}

// findings lets builds share what one of them found out. The zero value is ready.
type findings[T any] struct {
	mu    sync.Mutex
	known map[string]*finding[T]
}

// finding is complete when done is closed.
type finding[T any] struct {
	done  chan struct{}
	value T
	err   error
}

// get returns what find finds for the key. The first caller calls find; where that one fails, the others call theirs.
func (f *findings[T]) get(ctx context.Context, key string, find func() (T, error)) (T, error) {
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

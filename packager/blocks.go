package packager

import (
	"context"
	"crypto/sha256"
	"os"
	"sync"
	"time"
)

// block is a compressed file. It does not change.
type block struct {
	header header
	sum    string   // of the content, SHA-256 in hex
	data   []byte   // compressed; or
	spill  *os.File // compressed, too big for memory
}

// drop frees what is on disk.
func (b *block) drop() {
	if b.spill != nil {
		b.spill.Close()
		_ = os.Remove(b.spill.Name())
	}
}

// blocks remembers compressed small files, so that functions of one source folder compress a file once. A nil one
// remembers nothing.
type blocks struct {
	mu    sync.Mutex
	known map[string]remembered
	busy  map[string]chan struct{} // closed when the file is compressed
	size  int
}

// remembered is a block with the state that its file was in.
type remembered struct {
	hashed
	*block
}

const (
	blockLimit  = 256 << 10 // a larger file is not remembered
	blocksLimit = 16 << 20  // bytes remembered, at most
)

// key is what a file is remembered under: where it lies, or what generated text it is.
func (f *file) key() string {
	if f.path != "" {
		return f.path
	}
	sum := sha256.Sum256(f.data)
	return string(sum[:])
}

// suits is whether a file is remembered at all.
func (b *blocks) suits(f *file) bool { return b != nil && f.size() <= blockLimit }

// restore returns the block of a file that is as it was when it was compressed, or nil.
func (b *blocks) restore(f *file) *block {
	if !b.suits(f) {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.find(f, f.key())
}

// get returns the block of a file, which squeeze makes if it is not known. It waits for another one that is
// compressing the same file.
func (b *blocks) get(ctx context.Context, f *file, squeeze func(context.Context, *file) (*block, error)) (*block, error) {
	if !b.suits(f) {
		return squeeze(ctx, f)
	}
	key := f.key()
	for {
		b.mu.Lock()
		if found := b.find(f, key); found != nil {
			b.mu.Unlock()
			return found, nil
		}
		other, busy := b.busy[key]
		if !busy {
			break
		}
		b.mu.Unlock()
		select {
		case <-other:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if b.known == nil {
		b.known, b.busy = map[string]remembered{}, map[string]chan struct{}{}
	}
	done := make(chan struct{})
	b.busy[key] = done
	b.mu.Unlock()
	began := time.Now()
	made, err := squeeze(ctx, f)
	b.mu.Lock()
	defer b.mu.Unlock()
	if err == nil && b.size+len(made.data) <= blocksLimit {
		b.keep(f, key, made, began)
	}
	delete(b.busy, key)
	close(done)
	return made, err
}

// find is restore for who holds the lock.
func (b *blocks) find(f *file, key string) *block {
	known, ok := b.known[key]
	if !ok || known.header.name != f.name {
		return nil
	}
	if f.info == nil {
		return known.block
	}
	// What was read since the look at the folder is what all that share the look take.
	seen := f.in != nil && !known.at.Before(f.in.began)
	if !known.same(f.info) || !seen && !f.info.ModTime().Before(known.at.Add(-racy)) {
		return nil
	}
	return known.block
}

// keep remembers what was compressed from a file that was read from a moment on, for who holds the lock.
func (b *blocks) keep(f *file, key string, made *block, at time.Time) {
	one := remembered{block: made}
	one.Kind, one.at = "f", at
	if f.info != nil {
		one.stamp(f.info)
	}
	if old, ok := b.known[key]; ok {
		b.size -= len(old.data)
	}
	b.size += len(made.data)
	b.known[key] = one
}

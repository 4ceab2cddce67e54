package packager

import (
	"context"
	"crypto/sha256"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/ferryfn/ferry/packager/source"
)

// block is a compressed file. It does not change.
type block struct {
	header header
	sum    string    // of the content, SHA-256 in hex
	head   []byte    // the first bytes of the content
	read   time.Time // when reading the file began
	data   []byte    // compressed; or
	spill  *os.File  // compressed, too big for memory; or
	zip    *os.File  // a package that holds it compressed,
	at     int64     // from this offset on
}

// drop frees what is on disk.
func (b *block) drop() {
	if b.spill != nil {
		b.spill.Close()
		_ = os.Remove(b.spill.Name())
	}
}

// blocks remembers compressed files, so that functions that share files compress them once: small ones in memory, all
// others in the packages that hold them. A nil one remembers nothing.
type blocks struct {
	mu    sync.Mutex
	known map[string]remembered
	busy  map[string]chan struct{} // closed when the file is compressed
	size  int                      // of what is in memory
	zips  int                      // packages that are held open
}

// remembered is a block with the state that its file was in.
type remembered struct {
	source.Input
	*block
}

const (
	blockLimit  = 256 << 10 // a larger file is not remembered in memory
	blocksLimit = 16 << 20  // bytes remembered in memory, at most
	zipsLimit   = 32        // packages held open, at most
)

// key is what a file is remembered under: where it lies, or what generated text it is.
func keyOf(f *source.File) string {
	if f.Path != "" {
		return f.Path
	}
	sum := sha256.Sum256(f.Data)
	return string(sum[:])
}

// restore returns the block of a file that is as it was when it was compressed, or nil.
func (b *blocks) restore(f *source.File) *block {
	if b == nil || f.Path == "" && f.Size() > blockLimit { // which nobody remembers
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.find(f, keyOf(f))
}

// get returns the block of a file, which squeeze makes if it is not known. It waits for another one that is
// compressing the same file.
func (b *blocks) get(ctx context.Context, f *source.File, squeeze func(context.Context, *source.File) (*block, error)) (*block, error) {
	if b == nil || f.Size() > blockLimit {
		return squeeze(ctx, f)
	}
	key := keyOf(f)
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
	if b.busy == nil {
		b.busy = map[string]chan struct{}{}
	}
	done := make(chan struct{})
	b.busy[key] = done
	b.mu.Unlock()
	made, err := squeeze(ctx, f)
	b.mu.Lock()
	defer b.mu.Unlock()
	if err == nil && b.size+len(made.data) <= blocksLimit {
		b.size += len(made.data)
		b.keep(f, key, made)
	}
	delete(b.busy, key)
	close(done)
	return made, err
}

// find is restore for who holds the lock.
func (b *blocks) find(f *source.File, key string) *block {
	known, ok := b.known[key]
	if !ok || known.header.name != f.Name {
		return nil
	}
	if f.Info == nil {
		return known.block
	}
	// What was read since the look at the folder is what all that share the look take; what ferry made does not change.
	seen := f.In == nil || !known.read.Before(f.In.Began)
	if !known.Same(f.Info) || !seen && !f.Info.ModTime().Before(known.read.Add(-source.Racy)) {
		return nil
	}
	return known.block
}

// keep remembers what was compressed from a file, for who holds the lock.
func (b *blocks) keep(f *source.File, key string, made *block) {
	one := remembered{block: made}
	one.Kind = "f"
	if f.Info != nil {
		one.Stamp(f.Info)
	}
	if old, ok := b.known[key]; ok {
		b.size -= len(old.data)
	}
	if b.known == nil {
		b.known = map[string]remembered{}
	}
	b.known[key] = one
}

// adopt remembers where the files that are not in memory lie in a finished package.
func (b *blocks) adopt(path string, entries []placed) {
	b.mu.Lock()
	defer b.mu.Unlock()
	entries = slices.DeleteFunc(entries, func(e placed) bool { return b.find(e.file, e.file.Path) != nil })
	if len(entries) == 0 || b.zips == zipsLimit {
		return
	}
	zip, err := os.Open(path)
	if err != nil {
		return // it costs time, no more
	}
	b.zips++
	for _, e := range entries {
		made := e.block
		made.zip = zip
		b.keep(e.file, e.file.Path, &made)
	}
}

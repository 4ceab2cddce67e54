package packager

import (
	"archive/zip"
	"crypto/sha256"
	"sync"
	"time"
)

// blocks remembers compressed small files, so that functions of one source folder compress a file once. It also
// keeps squeezers, whose tables are large, from one package to the next. A nil one remembers nothing.
type blocks struct {
	mu        sync.Mutex
	known     map[string]block
	size      int
	squeezers sync.Pool
}

type block struct {
	hashed
	header zip.FileHeader
	sum    [sha256.Size]byte
	data   []byte
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

func (b *blocks) restore(p *packed) bool {
	if b == nil || p.file.size() > blockLimit {
		return false
	}
	b.mu.Lock()
	known, ok := b.known[p.file.key()]
	b.mu.Unlock()
	if !ok || known.header.Name != p.file.name {
		return false
	}
	if i := p.file.info; i != nil && (!known.same(i) || !i.ModTime().Before(known.at.Add(-racy))) {
		return false
	}
	p.header, p.sum, p.data = known.header, known.sum, known.data
	return true
}

// keep remembers what was compressed from a file that was read from a moment on.
func (b *blocks) keep(p *packed, at time.Time) {
	if b == nil || p.spill != nil || p.file.size() > blockLimit {
		return
	}
	one := block{header: p.header, sum: p.sum, data: p.data}
	one.Kind, one.at = "f", at
	if p.file.info != nil {
		one.stamp(p.file.info)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.size+len(p.data) > blocksLimit {
		return
	}
	if b.known == nil {
		b.known = map[string]block{}
	}
	key := p.file.key()
	b.size += len(p.data) - len(b.known[key].data)
	b.known[key] = one
}

// idle is a squeezer that is free.
func (b *blocks) idle() (*squeezer, bool) {
	if b == nil {
		return nil, false
	}
	s, ok := b.squeezers.Get().(*squeezer)
	return s, ok
}

func (b *blocks) rest(s *squeezer) {
	if b != nil {
		b.squeezers.Put(s)
	}
}

package packager

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"sync"
	"time"
)

// blocks remembers compressed small files, so that functions of one source folder compress a file once.
type blocks struct {
	mu    sync.Mutex
	known map[string]block
	size  int
}

type block struct {
	hashed
	header zip.FileHeader
	sum    [sha256.Size]byte
	data   []byte
}

const (
	blockLimit  = 256 << 10 // a larger file is not remembered
	blocksLimit = 32 << 20  // bytes remembered, at most
)

func (b *blocks) restore(p *packed) bool {
	if b == nil || p.file.info == nil {
		return false
	}
	b.mu.Lock()
	known, ok := b.known[p.file.path]
	b.mu.Unlock()
	if !ok || known.header.Name != p.file.name || !known.same(p.file.info) ||
		!p.file.info.ModTime().Before(known.at.Add(-racy)) {
		return false
	}
	p.header, p.sum, p.data = known.header, known.sum, known.data
	return true
}

// keep remembers what was compressed from a file that was read from a moment on.
func (b *blocks) keep(p *packed, at time.Time) {
	if b == nil || p.file.info == nil || p.spill != nil || len(p.data) > blockLimit {
		return
	}
	one := block{header: p.header, sum: p.sum, data: bytes.Clone(p.data)}
	one.Kind, one.at = "f", at
	one.stamp(p.file.info)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.size+len(p.data) > blocksLimit {
		return
	}
	if b.known == nil {
		b.known = map[string]block{}
	}
	b.size += len(p.data) - len(b.known[p.file.path].data)
	b.known[p.file.path] = one
}

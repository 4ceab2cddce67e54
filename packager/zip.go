package packager

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash/crc32"
	"io"
	"math"
	"os"
	"runtime"
	"strconv"
	"sync"
	"time"

	"github.com/klauspost/compress/flate"
	"golang.org/x/sync/semaphore"

	"github.com/ferryfn/ferry/internal/regular"
	"github.com/ferryfn/ferry/packager/source"
)

const (
	level    = 5        // about twice as fast as zip's own and within a percent or two of its size
	spillAt  = 4 << 20  // a file from this size on is compressed to disk, not to memory
	inFlight = 16 << 20 // bytes of files that wait to be written, at most
)

// packed is an entry on its way into the zip.
type packed struct {
	file *source.File
	*block
	err  error
	done chan struct{} // closed when it is compressed; nil when that was known
}

// line appends the entry's part of the tree digest.
func (b *block) line(to []byte) []byte {
	mode := "file "
	if b.header.mode&0o111 != 0 {
		mode = "exec "
	}
	to = strconv.AppendUint(append(to, mode...), uint64(b.header.size), 10)
	to = append(append(to, ' '), b.sum...)
	to = append(append(to, ' '), b.header.name...)
	return append(to, '\n')
}

// placed is a file that lies in a package at an offset. Its block has no content.
type placed struct {
	file *source.File
	block
}

// zipper writes packages. Equal files give equal bytes.
type zipper struct {
	spillDir  string
	blocks    *blocks
	squeezers squeezers
	admit     func(f *source.File, head []byte) error // refuses a file by its first bytes; may be nil
	noted     func(p *packed)                         // called in order for each entry written; may be nil
	placed    []placed                                // the files of the disk that were compressed
}

// write puts the files, sorted by name, into w and returns the digest of the tree. Entries are compressed in
// parallel and written in order; what is in flight is bounded.
func (z *zipper) write(ctx context.Context, w io.Writer, files []source.File) (digest string, err error) {
	entries := make([]packed, len(files))
	var fresh []*packed
	for i := range entries {
		p := &entries[i]
		p.file = &files[i]
		if p.block = z.blocks.restore(p.file); p.block == nil {
			p.done = make(chan struct{})
			fresh = append(fresh, p)
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	room := semaphore.NewWeighted(inFlight)
	var workers sync.WaitGroup
	if len(fresh) > 0 {
		z.compress(ctx, &workers, room, fresh)
	}
	digest, err = z.assemble(ctx, w, entries, room)
	cancel()
	workers.Wait()
	for _, p := range fresh { // what was under way when it failed
		if p.block != nil {
			p.drop()
		}
	}
	return digest, err
}

// compress fills the entries in, in parallel, as room allows and until ctx ends.
func (z *zipper) compress(ctx context.Context, workers *sync.WaitGroup, room *semaphore.Weighted, entries []*packed) {
	work := make(chan *packed)
	workers.Go(func() {
		defer close(work)
		for _, p := range entries {
			if room.Acquire(ctx, weight(p.file)) != nil {
				return
			}
			select {
			case work <- p:
			case <-ctx.Done():
				return
			}
		}
	})
	for range min(len(entries), runtime.GOMAXPROCS(0)) {
		workers.Go(func() {
			for p := range work {
				p.block, p.err = z.blocks.get(ctx, p.file, z.squeeze)
				close(p.done)
			}
		})
	}
}

// assemble writes the entries as they become ready, in order.
func (z *zipper) assemble(ctx context.Context, w io.Writer, entries []packed, room *semaphore.Weighted) (string, error) {
	tree := sha256.New()
	out := newArchive(w)
	defer out.rest()
	var line []byte
	for i := range entries {
		p := &entries[i]
		if p.done != nil {
			select {
			case <-p.done:
			case <-ctx.Done():
				return "", ctx.Err()
			}
		}
		if p.err != nil {
			return "", p.err
		}
		if z.admit != nil { // here, as a known block may have been made for another platform
			if err := z.admit(p.file, p.head); err != nil {
				return "", err
			}
		}
		at, err := out.add(p.block)
		p.drop()
		if err != nil {
			return "", err
		}
		if p.done != nil && p.file.Path != "" {
			z.placed = append(z.placed, placed{p.file, block{header: p.header, sum: p.sum, head: p.head, read: p.read, at: at}})
		}
		line = p.line(line[:0])
		tree.Write(line)
		if z.noted != nil {
			z.noted(p)
		}
		p.block = nil // no longer needed
		if p.done != nil {
			room.Release(weight(p.file))
		}
	}
	if err := ctx.Err(); err != nil {
		return "", err
	}
	return "sha256:" + hex.EncodeToString(tree.Sum(nil)), out.close()
}

// weight is what a file counts while it is in flight.
func weight(f *source.File) int64 { return min(f.Size(), spillAt) + 1<<10 }

// squeezer is what compressing takes; its tables are large.
type squeezer struct {
	deflate *flate.Writer
	buffer  []byte
	out     bytes.Buffer
}

// squeezers are as many as may be at work at once. The nil ones among them are still to be made.
type squeezers chan *squeezer

func newSqueezers() squeezers {
	all := make(squeezers, runtime.GOMAXPROCS(0))
	for range cap(all) {
		all <- nil
	}
	return all
}

// take waits for one that is free. Whoever takes it gives it back.
func (all squeezers) take() *squeezer {
	if s := <-all; s != nil {
		return s
	}
	deflate, err := flate.NewWriter(io.Discard, level)
	if err != nil {
		panic(err) // the level is a constant that the library knows
	}
	return &squeezer{deflate: deflate, buffer: make([]byte, 128<<10)}
}

// squeeze reads and compresses one file.
func (z *zipper) squeeze(ctx context.Context, f *source.File) (*block, error) {
	if f.Size() > math.MaxUint32 {
		return nil, source.Problem(f.Path, "leave it out with build.exclude", "%s is larger than 4 GiB", f.Name)
	}
	began := time.Now()
	if f.Path == "" {
		return z.stream(ctx, f, began, bytes.NewReader(f.Data))
	}
	src, err := regular.Open(f.Path)
	if err != nil {
		return nil, source.ReadProblem(f.Path, f.Name, err)
	}
	defer src.Close()
	b, err := z.stream(ctx, f, began, src)
	if err != nil {
		return nil, err
	}
	now, err := src.Stat()
	if err != nil {
		b.drop()
		return nil, source.ReadProblem(f.Path, f.Name, err)
	}
	was := source.Input{Kind: "f"}
	was.Stamp(f.Info)
	if !was.Same(now) || int64(b.header.size) != now.Size() {
		b.drop()
		return nil, changed(f)
	}
	return b, nil
}

func changed(f *source.File) error {
	return source.Problem(f.Path, "build again once nothing is writing to it", "%s changed while it was being packaged", f.Name)
}

// stream sends the content through digest, checksum and compression.
func (z *zipper) stream(ctx context.Context, f *source.File, began time.Time, src io.Reader) (_ *block, err error) {
	made := &block{read: began}
	defer func() {
		if err != nil {
			made.drop()
		}
	}()
	s := z.squeezers.take()
	defer func() { z.squeezers <- s }()
	s.out.Reset()
	counted := &counter{w: &s.out}
	if f.Size() >= spillAt {
		if made.spill, err = os.CreateTemp(z.spillDir, "spill"); err != nil {
			return nil, err
		}
		_ = os.Remove(made.spill.Name()) // it lives as long as it is open; where that fails, drop removes it
		counted.w = made.spill
	}
	s.deflate.Reset(counted)
	digest, sum := sha256.New(), crc32.NewIEEE()
	var head []byte
	var size int64
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		n, err := src.Read(s.buffer)
		if head == nil && n > 0 {
			head = bytes.Clone(s.buffer[:min(n, 20)])
		}
		size += int64(n)
		digest.Write(s.buffer[:n])
		sum.Write(s.buffer[:n])
		if _, err := s.deflate.Write(s.buffer[:n]); err != nil {
			return nil, err
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, source.ReadProblem(f.Path, f.Name, err)
		}
	}
	if err := s.deflate.Close(); err != nil {
		return nil, err
	}
	made.head = head
	made.sum = hex.EncodeToString(digest.Sum(nil))
	made.data = bytes.Clone(s.out.Bytes())
	if size > math.MaxUint32 || counted.n > math.MaxUint32 {
		return nil, changed(f) // it was smaller when it was found
	}
	made.header = header{name: f.Name, method: deflated, mode: 0o100644, crc: sum.Sum32(), packed: uint32(counted.n), size: uint32(size)}
	if executable(f.Name, head) {
		made.header.mode = 0o100755
	}
	if !ascii(f.Name) {
		made.header.flags = utf8Name
	}
	if size == 0 {
		made.header.method, made.header.packed, made.data = stored, 0, nil
	}
	return made, nil
}

// executable goes by the content, as the disk's mode bits differ between machines.
func executable(name string, head []byte) bool {
	if name == "bootstrap" || bytes.HasPrefix(head, []byte("#!")) || bytes.HasPrefix(head, []byte("\x7fELF")) {
		return true
	}
	if len(head) < 8 {
		return false
	}
	switch string(head[:4]) {
	case "\xfe\xed\xfa\xce", "\xfe\xed\xfa\xcf", "\xce\xfa\xed\xfe", "\xcf\xfa\xed\xfe":
		return true
	case "\xca\xfe\xba\xbe": // Mach-O for several machines, or a Java class, whose version is at least 45
		return head[4] == 0 && head[5] == 0 && head[6] == 0 && head[7] < 45
	}
	return false
}

type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}

package packager

import (
	"archive/zip"
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
	"strings"
	"syscall"
	"time"

	"github.com/klauspost/compress/flate"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"
)

const (
	level    = 5        // about twice as fast as zip's own and within a percent or two of its size
	spillAt  = 4 << 20  // a file from this size on is compressed to disk, not to memory
	inFlight = 16 << 20 // bytes of files that wait to be written, at most
	dosEpoch = 0x21     // 1980-01-01, the first day a zip can name
)

// packed is an entry on its way into the zip.
type packed struct {
	file   file
	header zip.FileHeader
	sum    [sha256.Size]byte
	data   []byte   // compressed; or
	spill  *os.File // compressed, too big for memory
	weight int64
	err    error
	done   chan struct{}
}

// line is the entry's part of the tree digest.
func (p *packed) line() string {
	mode := "file"
	if p.header.ExternalAttrs>>16&0o111 != 0 {
		mode = "exec"
	}
	return mode + " " + strconv.FormatUint(p.header.UncompressedSize64, 10) + " " + hex.EncodeToString(p.sum[:]) + " " + p.header.Name + "\n"
}

// zipper writes packages. Equal files give equal bytes.
type zipper struct {
	spillDir string
	blocks   *blocks
	admit    func(f file, head []byte) error // refuses a file by its first bytes; may be nil
	noted    func(p *packed)                 // called in order for each entry written; may be nil
}

// write puts the files, sorted by name, into w and returns the digest of the tree. Entries are compressed in
// parallel and written in order; what is in flight is bounded.
func (z *zipper) write(ctx context.Context, w io.Writer, files []file) (digest string, err error) {
	g, ctx := errgroup.WithContext(ctx)
	room := semaphore.NewWeighted(inFlight)
	workers := runtime.GOMAXPROCS(0)
	order := make(chan *packed, 8*workers)
	work := make(chan *packed)
	g.Go(func() error {
		defer close(order)
		defer close(work)
		for _, f := range files {
			p := &packed{file: f, weight: min(f.size(), spillAt) + 1<<10, done: make(chan struct{})}
			if err := room.Acquire(ctx, p.weight); err != nil {
				return err
			}
			to := []chan *packed{order, work}
			if z.blocks.restore(p) {
				close(p.done)
				to = to[:1]
			}
			for _, ch := range to {
				select {
				case ch <- p:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
		}
		return nil
	})
	for range workers {
		g.Go(func() error {
			s := newSqueezer(z)
			defer z.blocks.rest(s)
			for p := range work {
				p.err = s.squeeze(ctx, p)
				close(p.done)
			}
			return nil
		})
	}
	g.Go(func() error {
		var err error
		digest, err = z.assemble(ctx, w, order, room)
		return err
	})
	err = g.Wait()
	for p := range order { // what was under way when it failed
		if p.spill != nil {
			p.spill.Close()
		}
	}
	return digest, err
}

// assemble writes the entries as they become ready, in order.
func (z *zipper) assemble(ctx context.Context, w io.Writer, order <-chan *packed, room *semaphore.Weighted) (string, error) {
	tree := sha256.New()
	out := zip.NewWriter(w)
	for p := range order {
		select {
		case <-p.done:
		case <-ctx.Done():
			return "", ctx.Err()
		}
		if err := p.into(out); err != nil {
			return "", err
		}
		tree.Write([]byte(p.line()))
		if z.noted != nil {
			z.noted(p)
		}
		room.Release(p.weight)
	}
	if err := ctx.Err(); err != nil {
		return "", err
	}
	return "sha256:" + hex.EncodeToString(tree.Sum(nil)), out.Close()
}

func (p *packed) into(out *zip.Writer) error {
	if p.spill != nil {
		defer p.spill.Close()
	}
	if p.err != nil {
		return p.err
	}
	w, err := out.CreateRaw(&p.header)
	if err != nil {
		return err
	}
	if p.spill == nil {
		_, err = w.Write(p.data)
		p.data = nil
		return err
	}
	if _, err := p.spill.Seek(0, io.SeekStart); err != nil {
		return err
	}
	_, err = io.Copy(w, p.spill)
	return err
}

func (f *file) size() int64 {
	if f.info != nil {
		return f.info.Size()
	}
	return int64(len(f.data))
}

// squeezer compresses entries one after another.
type squeezer struct {
	spillDir string
	blocks   *blocks
	admit    func(f file, head []byte) error
	deflate  *flate.Writer
	buffer   []byte
	out      bytes.Buffer
}

func newSqueezer(z *zipper) *squeezer {
	s, ok := z.blocks.idle()
	if !ok {
		deflate, err := flate.NewWriter(io.Discard, level)
		if err != nil {
			panic(err) // the level is a constant that the library knows
		}
		s = &squeezer{deflate: deflate, buffer: make([]byte, 128<<10)}
	}
	s.spillDir, s.blocks, s.admit = z.spillDir, z.blocks, z.admit
	return s
}

// squeeze reads and compresses one file and fills in its header.
func (s *squeezer) squeeze(ctx context.Context, p *packed) error {
	if p.file.size() > math.MaxUint32 {
		return problem(p.file.path, "leave it out with build.exclude", "%s is larger than 4 GiB", p.file.name)
	}
	began := time.Now()
	src := io.NopCloser(bytes.NewReader(p.file.data))
	if p.file.path != "" {
		f, err := openRegular(p.file)
		if err != nil {
			return err
		}
		src = f
	}
	defer src.Close()
	if err := s.stream(ctx, p, src); err != nil {
		return err
	}
	if f, ok := src.(*os.File); ok {
		now, err := f.Stat()
		if err != nil {
			return readProblem(p.file.path, p.file.name, err)
		}
		was := input{Kind: "f"}
		was.stamp(p.file.info)
		if !was.same(now) || int64(p.header.UncompressedSize64) != now.Size() {
			return changed(p.file)
		}
	}
	s.blocks.keep(p, began)
	return nil
}

func changed(f file) error {
	return problem(f.path, "build again when nothing writes to it", "%s changed while it was packaged", f.name)
}

// openRegular opens a file that was found regular, without waiting should it have become a pipe.
func openRegular(f file) (*os.File, error) {
	src, err := os.OpenFile(f.path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, readProblem(f.path, f.name, err)
	}
	if info, err := src.Stat(); err != nil || !info.Mode().IsRegular() {
		src.Close()
		return nil, changed(f)
	}
	return src, nil
}

// stream sends the content through digest, checksum and compression.
func (s *squeezer) stream(ctx context.Context, p *packed, src io.Reader) error {
	s.out.Reset()
	counted := &counter{w: &s.out}
	if p.file.size() >= spillAt {
		spill, err := os.CreateTemp(s.spillDir, "spill")
		if err != nil {
			return err
		}
		_ = os.Remove(spill.Name()) // it lives as long as it is open; where that fails, as long as its folder
		p.spill, counted.w = spill, spill
	}
	s.deflate.Reset(counted)
	digest, sum := sha256.New(), crc32.NewIEEE()
	var head []byte
	var size int64
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := src.Read(s.buffer)
		if head == nil && n > 0 {
			head = bytes.Clone(s.buffer[:min(n, 20)])
			if s.admit != nil {
				if err := s.admit(p.file, head); err != nil {
					return err
				}
			}
		}
		size += int64(n)
		digest.Write(s.buffer[:n])
		sum.Write(s.buffer[:n])
		if _, err := s.deflate.Write(s.buffer[:n]); err != nil {
			return err
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return readProblem(p.file.path, p.file.name, err)
		}
	}
	if err := s.deflate.Close(); err != nil {
		return err
	}
	digest.Sum(p.sum[:0])
	p.data = bytes.Clone(s.out.Bytes())
	p.header = header(p.file.name, head, uint64(size), uint64(counted.n), sum.Sum32())
	if size == 0 {
		p.header.Method, p.header.CompressedSize64, p.data = zip.Store, 0, nil
	}
	return nil
}

func header(name string, head []byte, size, compressed uint64, crc uint32) zip.FileHeader {
	h := zip.FileHeader{
		Name: name, Method: zip.Deflate,
		ModifiedDate: dosEpoch, //nolint:staticcheck // Modified would add an extra field
		CRC32:        crc, UncompressedSize64: size, CompressedSize64: compressed,
		CreatorVersion: 3<<8 | 20, ReaderVersion: 20, // unix, zip 2.0
		ExternalAttrs: 0o100644 << 16,
	}
	if executable(name, head) {
		h.ExternalAttrs = 0o100755 << 16
	}
	if strings.ContainsFunc(name, func(r rune) bool { return r >= 0x80 }) {
		h.Flags = 0x800 // the name is UTF-8
	}
	return h
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

package packager

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
	"sync"

	"github.com/ferryfn/ferry/packager/source"
)

// The records of a zip, as PKWARE's APPNOTE.TXT has them in 4.3.7, 4.3.12 and 4.3.16. The 64-bit forms are left out:
// not every cloud reads them.
const (
	localMark     = 0x04034b50
	directoryMark = 0x02014b50
	endMark       = 0x06054b50

	zipVersion = 20     // 2.0, which knows deflate and folders
	madeOnUnix = 3 << 8 // whose modes the external attributes hold
	utf8Name   = 0x800  // flag
	stored     = 0
	deflated   = 8    // deflate
	dosEpoch   = 0x21 // 1980-01-01, the first day a zip can name
)

// header is what the zip says of an entry.
type header struct {
	name   string
	flags  uint16
	method uint16
	crc    uint32
	packed uint32 // size in the zip, in bytes
	size   uint32 // of the content, in bytes
	mode   uint32 // as Unix has it
}

// both appends the fields that are in both records of an entry.
func (h *header) both(to []byte) []byte {
	order := binary.LittleEndian
	to = order.AppendUint16(to, zipVersion)
	to = order.AppendUint16(to, h.flags)
	to = order.AppendUint16(to, h.method)
	to = order.AppendUint16(to, 0) // midnight
	to = order.AppendUint16(to, dosEpoch)
	to = order.AppendUint32(to, h.crc)
	to = order.AppendUint32(to, h.packed)
	to = order.AppendUint32(to, h.size)
	to = order.AppendUint16(to, uint16(len(h.name)))
	return order.AppendUint16(to, 0) // no extra fields
}

// local appends the record before the content.
func (h *header) local(to []byte) []byte {
	to = binary.LittleEndian.AppendUint32(to, localMark)
	return append(h.both(to), h.name...)
}

// central appends the record in the directory, of an entry that begins at an offset.
func (h *header) central(to []byte, offset uint32) []byte {
	order := binary.LittleEndian
	to = order.AppendUint32(to, directoryMark)
	to = order.AppendUint16(to, madeOnUnix|zipVersion)
	to = h.both(to)
	to = order.AppendUint16(to, 0) // no comment
	to = order.AppendUint16(to, 0) // the first disk
	to = order.AppendUint16(to, 0) // no internal attributes
	to = order.AppendUint32(to, h.mode<<16)
	to = order.AppendUint32(to, offset)
	return append(to, h.name...)
}

// archive writes a zip of entries that are compressed already. archive/zip does the same, but makes some garbage for
// each entry, which shows where a hundred functions share a tree.
type archive struct {
	w         *bufio.Writer
	at        int64 // bytes written
	entries   int
	directory []byte
	record    []byte // reused
}

// archives are those that are not in use; their buffers are large.
var archives = sync.Pool{New: func() any { return &archive{w: bufio.NewWriterSize(nil, 32<<10)} }}

// newArchive begins a zip; rest gives the archive back.
func newArchive(w io.Writer) *archive {
	a := archives.Get().(*archive)
	a.w.Reset(w)
	a.at, a.entries, a.directory = 0, 0, a.directory[:0]
	return a
}

func (a *archive) rest() {
	a.w.Reset(nil)
	archives.Put(a)
}

// add writes an entry and returns where its content begins.
func (a *archive) add(b *block) (at int64, err error) {
	if a.at > math.MaxUint32 {
		return 0, source.Problem("", "leave files out with .ferryignore or build.exclude", "the package is larger than 4 GiB")
	}
	a.directory = b.header.central(a.directory, uint32(a.at))
	a.entries++
	a.record = b.header.local(a.record[:0])
	if err := a.write(a.record); err != nil {
		return 0, err
	}
	at = a.at
	switch {
	case b.spill != nil:
		err = a.copy(b.spill, 0, b.header.packed)
	case b.zip != nil:
		err = a.copy(b.zip, b.at, b.header.packed)
	default:
		err = a.write(b.data)
	}
	return at, err
}

// copy writes a part of a file.
func (a *archive) copy(from *os.File, at int64, size uint32) error {
	n, err := io.Copy(a.w, io.NewSectionReader(from, at, int64(size)))
	a.at += n
	if err == nil && n != int64(size) {
		return fmt.Errorf("%s: %w", from.Name(), io.ErrUnexpectedEOF)
	}
	return err
}

func (a *archive) write(data []byte) error {
	n, err := a.w.Write(data)
	a.at += int64(n)
	return err
}

// close writes the directory.
func (a *archive) close() error {
	began, size := a.at, len(a.directory)
	if began > math.MaxUint32 {
		return source.Problem("", "leave files out with .ferryignore or build.exclude", "the package is larger than 4 GiB")
	}
	if err := a.write(a.directory); err != nil {
		return err
	}
	order := binary.LittleEndian
	end := order.AppendUint32(nil, endMark)
	end = order.AppendUint16(end, 0) // this disk
	end = order.AppendUint16(end, 0) // the directory's disk
	end = order.AppendUint16(end, uint16(a.entries))
	end = order.AppendUint16(end, uint16(a.entries))
	end = order.AppendUint32(end, uint32(size))
	end = order.AppendUint32(end, uint32(began))
	end = order.AppendUint16(end, 0) // no comment
	if err := a.write(end); err != nil {
		return err
	}
	return a.w.Flush()
}

package packager

import (
	"bytes"
	"os"
	"sync"

	"github.com/ferryfn/ferry/packager/source"
)

// draft is a package that is being written. It lies in memory as long as it is small, since a package that turns out to
// be in the cache already need not go to the disk.
type draft struct {
	cache  cache
	memory *bytes.Buffer
	file   *os.File // all of it, once it is too large for memory
}

const draftLimit = 1 << 20 // bytes in memory, at most

var memories = sync.Pool{New: func() any { return new(bytes.Buffer) }}

func newDraft(c cache) *draft {
	d := &draft{cache: c, memory: memories.Get().(*bytes.Buffer)}
	d.memory.Reset()
	return d
}

func (d *draft) Write(data []byte) (int, error) {
	if d.file == nil && d.memory.Len()+len(data) > draftLimit {
		if err := d.spill(); err != nil {
			return 0, err
		}
	}
	if d.file != nil {
		return d.file.Write(data)
	}
	return d.memory.Write(data)
}

// spill moves what is in memory to the disk.
func (d *draft) spill() (err error) {
	if d.file, err = d.cache.tmpFile(); err == nil {
		_, err = d.file.Write(d.memory.Bytes())
	}
	return err
}

// install gives a finished package its place, unless it is there already, whole: to replace it would wait for the disk.
func (d *draft) install(a Artifact) error {
	path := d.cache.artifactPath(a.ZipDigest)
	there := a
	if there.Path = path; d.cache.has(path, a.Size) && there.whole() == nil {
		return nil
	}
	if d.file == nil {
		if err := d.spill(); err != nil {
			return source.WriteProblem(d.cache.dir, err)
		}
	}
	if err := d.file.Close(); err != nil {
		return source.WriteProblem(d.cache.dir, err)
	}
	return d.cache.install(d.file.Name(), path)
}

// drop frees what the draft takes; an installed package stays.
func (d *draft) drop() {
	memories.Put(d.memory)
	if d.file != nil {
		d.file.Close()
		_ = os.Remove(d.file.Name())
	}
}

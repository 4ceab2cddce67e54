package platform

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/ferryfn/ferry/internal/masking"
)

// Line is one line of a function's log.
type Line struct {
	Time     time.Time `json:"time"`
	Revision string    `json:"revision"`
	Instance string    `json:"instance"`
	Stream   string    `json:"stream"` // stdout, stderr, or platform
	Text     string    `json:"text"`
}

// The streams of a Line.
const (
	streamStdout   = "stdout"
	streamStderr   = "stderr"
	streamPlatform = "platform"
)

// maxLine is where a longer line is cut into several, in bytes.
const maxLine = 32 << 10

// older is the name of the file that a full log is moved to.
func older(path string) string { return path + ".1" }

// journal is a function's log. A write that fails loses the line, and no other one: a full disk stops no function.
type journal struct {
	path    string
	limit   int64        // bytes, before the file moves aside
	secrets masking.Mask // of all that write to it

	mu   sync.Mutex
	file *os.File
	size int64
	gone bool // it was removed: an instance that ends late writes no new one
}

func (j *journal) write(l Line) {
	data, err := json.Marshal(l)
	if err != nil {
		return
	}
	data = append(data, '\n')
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.gone && j.open(int64(len(data))) == nil {
		n, err := j.file.Write(data)
		if err != nil && n > 0 {
			err = j.file.Truncate(j.size) // what follows begins a line of its own
		}
		if err == nil {
			j.size += int64(n)
		}
	}
}

// open makes room for so many bytes. The lock is held.
func (j *journal) open(need int64) error {
	if j.file != nil && j.size+need > j.limit {
		_ = j.file.Close()
		j.file = nil
		if err := os.Rename(j.path, older(j.path)); err != nil {
			return err
		}
	}
	if j.file != nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(j.path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(j.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		_ = f.Close()
		return err
	}
	j.file, j.size = f, info.Size()
	return nil
}

// remove deletes the log, for good.
func (j *journal) remove() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.gone = true
	if j.file != nil {
		_ = j.file.Close()
		j.file = nil
	}
	return errors.Join(ignoreAbsent(os.Remove(j.path)), ignoreAbsent(os.Remove(older(j.path))))
}

func (j *journal) close() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.file != nil {
		_ = j.file.Close()
		j.file = nil
	}
}

func ignoreAbsent(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// eachLine hands the lines of r to emit until it ends, without the secrets that the mask hides; longer ones come in
// pieces, and a secret is hidden also where the pieces meet.
func eachLine(r io.Reader, m *masking.Mask, emit func(string)) {
	var held []byte // of a line whose end is to come
	chunk := make([]byte, maxLine)
	for {
		n, err := r.Read(chunk)
		held = append(held, chunk[:n]...)
		for {
			line, rest, whole := bytes.Cut(held, []byte("\n"))
			if !whole {
				break
			}
			emitLine(m, line, emit)
			held = rest
		}
		if ready := len(held) - m.Reach(); ready > maxLine {
			hidden, used := m.HideUpTo(string(held), ready)
			pieces(hidden, emit)
			held = held[used:]
		}
		if err != nil {
			if len(held) > 0 {
				emitLine(m, held, emit)
			}
			return
		}
	}
}

// emitLine hands on one whole line.
func emitLine(m *masking.Mask, line []byte, emit func(string)) {
	pieces(m.Hide(string(bytes.TrimRight(line, "\r"))), emit)
}

// pieces hands on a line, cut where it is too long.
func pieces(line string, emit func(string)) {
	for len(line) > maxLine {
		emit(line[:maxLine])
		line = line[maxLine:]
	}
	emit(line)
}

// recent keeps the last lines that an instance wrote.
type recent struct {
	mu    sync.Mutex
	lines []string
}

const recentLines = 50

func (t *recent) add(line string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.lines) == recentLines {
		t.lines = append(t.lines[:0], t.lines[1:]...)
	}
	t.lines = append(t.lines, line)
}

func (t *recent) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var b bytes.Buffer
	for _, l := range t.lines {
		b.WriteString(l)
		b.WriteByte('\n')
	}
	return b.String()
}

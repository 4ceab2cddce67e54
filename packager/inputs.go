package packager

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ferryfn/ferry/internal/regular"
)

// racy is how far clocks and time stamps of a file system may be apart: what changed within this time
// before it was recorded may change again without a new time stamp.
const racy = 2 * time.Second

// input is one thing on disk that a package was made from.
type input struct {
	Path  string
	Kind  string // f: file, d: folder, l: symlink, b: the bill of a package that was saved there
	Size  int64
	MTime int64 // nanoseconds
	Inode uint64
	Sum   string // digest of the content, of the names, or of the target
}

func (in input) same(info fs.FileInfo) bool {
	return in.MTime == info.ModTime().UnixNano() && in.Inode == inode(info) && (in.Kind == "d" || in.Size == info.Size())
}

func (in *input) stamp(info fs.FileInfo) {
	in.MTime, in.Inode = info.ModTime().UnixNano(), inode(info)
	if in.Kind == "f" {
		in.Size = info.Size()
	}
}

// recorder notes the inputs of a build, or of a look that several builds share, as they are met.
type recorder struct {
	began  time.Time
	hashes *hashes
	mu     sync.Mutex
	items  map[string]input
	// unsure is set when an input changed while the build ran: what was built cannot be told from it.
	unsure bool
	torn   bool // a file was seen with two contents
}

func newRecorder(h *hashes) *recorder {
	return &recorder{began: time.Now(), hashes: h, items: map[string]input{}}
}

// file notes a file that a tool reads, or one that decides what is read.
func (r *recorder) file(path string) error {
	if r.has(path) {
		return nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return readProblem(path, path, err)
	}
	sum, err := r.hashes.sum(path, info, r.began)
	if err != nil {
		return readProblem(path, path, err)
	}
	r.seen(path, info, sum)
	return nil
}

// read returns what a file holds and notes it, as it was read.
func (r *recorder) read(path string) ([]byte, error) {
	info, data, sum, err := r.hashes.read(path)
	if err != nil {
		return nil, readProblem(path, path, err)
	}
	r.seen(path, info, sum)
	return data, nil
}

// seen notes a file that a tool reads too, with its state from before it was read here.
func (r *recorder) seen(path string, info fs.FileInfo, sum string) {
	if changedSince(info.ModTime(), r.began) {
		r.doubt()
	}
	r.packed(path, info, sum)
}

// optional notes a file if it is there; the folder that it would be in must be noted too.
func (r *recorder) optional(path string) error {
	if there, err := isFile(path); err != nil || !there {
		return err
	}
	return r.file(path)
}

// sum is the digest of a file that was noted.
func (r *recorder) sum(path string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.items[path].Sum
}

// packed notes a file whose content is known, with its state from before it was read.
func (r *recorder) packed(path string, info fs.FileInfo, sum string) {
	in := input{Path: path, Kind: "f", Sum: sum}
	in.stamp(info)
	r.note(in)
}

// dir notes a folder and returns what is in it, sorted.
func (r *recorder) dir(path string) ([]fs.DirEntry, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	in := input{Path: path, Kind: "d", Sum: sumOfNames(entries)}
	in.stamp(info)
	r.note(in)
	return entries, nil
}

func (r *recorder) link(path string) error {
	target, err := os.Readlink(path)
	if err != nil {
		return err
	}
	r.note(input{Path: path, Kind: "l", Sum: sumOf(target)})
	return nil
}

// bill notes that a file is the bill of a saved package, whatever that is.
func (r *recorder) bill(path string) { r.note(input{Path: path, Kind: "b", Sum: "saved"}) }

// note adds an input. What was noted before in another state changed meanwhile.
func (r *recorder) note(in input) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if was, ok := r.items[in.Path]; ok && was != in {
		r.unsure = true
		r.torn = r.torn || in.Kind == "f" && was.Sum != in.Sum
	}
	r.items[in.Path] = in
}

func (r *recorder) has(path string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, ok := r.items[path]
	return ok
}

func (r *recorder) doubt() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unsure = true
}

// sure is whether what was noted is what was packaged.
func (r *recorder) sure() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.unsure
}

// settle looks at the files once more when a package is made, and reports whether one changed: a tool may have read it
// before or after. Then what was noted cannot be told from what was built.
func (r *recorder) settle() (torn bool) {
	now := time.Now()
	for _, in := range r.list() {
		if in.Kind != "f" {
			continue
		}
		info, err := os.Stat(in.Path)
		if err == nil && in.same(info) && !changedSince(info.ModTime(), r.began) {
			continue
		}
		if err != nil || in.current(r.hashes, info, now) != in.Sum {
			torn = true
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unsure = r.unsure || torn
	return torn || r.torn
}

func (r *recorder) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.items)
}

// list is what was noted, sorted by path.
func (r *recorder) list() []input {
	r.mu.Lock()
	defer r.mu.Unlock()
	inputs := slices.Collect(maps.Values(r.items))
	slices.SortFunc(inputs, func(a, b input) int { return strings.Compare(a.Path, b.Path) })
	return inputs
}

// changedSince is whether a time stamp may be of a change after a moment. Kernels stamp with a clock that
// ticks every few milliseconds, some file systems in whole seconds.
func changedSince(mtime, moment time.Time) bool {
	tick := 20 * time.Millisecond
	if mtime.Nanosecond() == 0 {
		tick = racy
	}
	return mtime.After(moment.Add(-tick))
}

func sumOfNames(entries []fs.DirEntry) string {
	h := sha256.New()
	for _, e := range entries {
		fmt.Fprintf(h, "%s\x00%s\n", e.Name(), e.Type())
	}
	return hex.EncodeToString(h.Sum(nil))
}

func sumOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// verdict is what a look at an input finds.
type verdict int

const (
	stale     verdict = iota
	unchanged         // by its time stamp
	restamped         // by its content; the stamp is new
)

// check looks at an input that was recorded at a moment, and updates its stamp.
func (in *input) check(h *hashes, recorded, now time.Time) verdict {
	if in.Kind == "l" {
		if target, err := os.Readlink(in.Path); err != nil || sumOf(target) != in.Sum {
			return stale
		}
		return unchanged
	}
	if in.Kind == "b" {
		return map[bool]verdict{true: unchanged, false: stale}[isSaved(in.Path)]
	}
	info, err := os.Stat(in.Path)
	if err != nil || info.IsDir() != (in.Kind == "d") {
		return stale
	}
	if in.same(info) && info.ModTime().Before(recorded.Add(-racy)) {
		return unchanged
	}
	if in.Kind == "f" && in.Size != info.Size() {
		return stale
	}
	if in.current(h, info, now) != in.Sum {
		return stale
	}
	in.stamp(info)
	return restamped
}

func (in *input) current(h *hashes, info fs.FileInfo, now time.Time) string {
	if in.Kind == "d" {
		entries, err := os.ReadDir(in.Path)
		if err != nil {
			return ""
		}
		return sumOfNames(entries)
	}
	sum, err := h.sum(in.Path, info, now)
	if err != nil {
		return ""
	}
	return sum
}

// hashes remembers digests of files, so that functions of one source folder read a file once.
type hashes struct {
	mu    sync.Mutex
	known map[string]hashed
}

type hashed struct {
	input
	at time.Time
}

// buffers are for reading files; a file's own way to copy itself makes one each time.
var buffers = sync.Pool{New: func() any { return new([64 << 10]byte) }}

// sum is the digest of a file in the given state. What was read before `since` counts only when the file
// was at rest then.
func (h *hashes) sum(path string, info fs.FileInfo, since time.Time) (string, error) {
	h.mu.Lock()
	known, ok := h.known[path]
	h.mu.Unlock()
	if ok && known.same(info) && (!known.at.Before(since) || info.ModTime().Before(known.at.Add(-racy))) {
		return known.Sum, nil
	}
	at := time.Now()
	f, err := regular.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	digest := sha256.New()
	buffer := buffers.Get().(*[64 << 10]byte)
	defer buffers.Put(buffer)
	if _, err := io.CopyBuffer(digest, struct{ io.Reader }{f}, buffer[:]); err != nil {
		return "", err
	}
	return h.remember(path, info, at, digest.Sum(nil)), nil
}

// read returns a file with its digest, and the state that it was in before.
func (h *hashes) read(path string) (info fs.FileInfo, data []byte, sum string, err error) {
	at := time.Now()
	if info, err = os.Stat(path); err != nil {
		return nil, nil, "", err
	}
	if data, err = regular.Read(path); err != nil {
		return nil, nil, "", err
	}
	digest := sha256.Sum256(data)
	return info, data, h.remember(path, info, at, digest[:]), nil
}

func (h *hashes) remember(path string, info fs.FileInfo, at time.Time, digest []byte) string {
	fresh := hashed{input: input{Path: path, Kind: "f", Sum: hex.EncodeToString(digest)}, at: at}
	fresh.stamp(info)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.known == nil {
		h.known = map[string]hashed{}
	}
	h.known[path] = fresh
	return fresh.Sum
}

func unixNano(n int64) time.Time { return time.Unix(0, n) }

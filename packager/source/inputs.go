package source

import (
	"crypto/sha256"
	"encoding/hex"
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

// Racy is how far clocks and time stamps of a file system may be apart: what changed within this time
// before it was recorded may change again without a new time stamp.
const Racy = 2 * time.Second

// Input is one thing on disk that a package was made from.
type Input struct {
	Path  string
	Kind  string // f: file, d: folder, l: symlink, b: the bill of a package that was saved there
	Size  int64
	MTime int64 // nanoseconds
	Inode uint64
	Sum   string // digest of the content, of the names, or of the target
}

// Same is whether an input has the stamp of a file or folder.
func (in Input) Same(info fs.FileInfo) bool {
	return in.MTime == info.ModTime().UnixNano() && in.Inode == inode(info) && (in.Kind == "d" || in.Size == info.Size())
}

// Stamp takes over the stamp of a file or folder.
func (in *Input) Stamp(info fs.FileInfo) {
	in.MTime, in.Inode = info.ModTime().UnixNano(), inode(info)
	if in.Kind == "f" {
		in.Size = info.Size()
	}
}

// Recorder notes the inputs of a build, or of a look that several builds share, as they are met.
type Recorder struct {
	Began  time.Time
	Hashes *Hashes
	mu     sync.Mutex
	items  map[string]Input
	// unsure is set when an input changed while the build ran: what was built cannot be told from it.
	unsure bool
	torn   bool // a file was seen with two contents
}

// NewRecorder begins to note.
func NewRecorder(h *Hashes) *Recorder {
	return &Recorder{Began: time.Now(), Hashes: h, items: map[string]Input{}}
}

// Since says that what will be noted may have been read from a moment on.
func (r *Recorder) Since(moment time.Time) {
	if moment.Before(r.Began) {
		r.Began = moment
	}
}

// File notes a file that a tool reads, or one that decides what is read.
func (r *Recorder) File(path string) error {
	if r.has(path) {
		return nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return ReadProblem(path, path, err)
	}
	sum, err := r.Hashes.sum(path, info, r.Began, contentOf)
	if err != nil {
		return ReadProblem(path, path, err)
	}
	r.Seen(path, info, sum)
	return nil
}

// Read returns what a file holds and notes it, as it was read.
func (r *Recorder) Read(path string) ([]byte, error) {
	info, data, sum, err := r.Hashes.Read(path)
	if err != nil {
		return nil, ReadProblem(path, path, err)
	}
	r.Seen(path, info, sum)
	return data, nil
}

// Seen notes a file that a tool reads too, with its state from before it was read here.
func (r *Recorder) Seen(path string, info fs.FileInfo, sum string) {
	if changedSince(info.ModTime(), r.Began) {
		r.doubt()
	}
	r.Packed(path, info, sum)
}

// Optional notes a file if it is there; the folder that it would be in must be noted too.
func (r *Recorder) Optional(path string) error {
	if there, err := IsFile(path); err != nil || !there {
		return err
	}
	return r.File(path)
}

// Sum is the digest of a file that was noted.
func (r *Recorder) Sum(path string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.items[path].Sum
}

// Packed notes a file whose content is known, with its state from before it was read.
func (r *Recorder) Packed(path string, info fs.FileInfo, sum string) {
	in := Input{Path: path, Kind: "f", Sum: sum}
	in.Stamp(info)
	r.note(in)
}

// Dir notes a folder and returns what is in it, sorted.
func (r *Recorder) Dir(path string) ([]fs.DirEntry, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	in := Input{Path: path, Kind: "d", Sum: sumOfNames(entries)}
	in.Stamp(info)
	r.note(in)
	return entries, nil
}

// Folder notes a folder, whose names decide what is read.
func (r *Recorder) Folder(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	sum, err := r.Hashes.sum(path, info, r.Began, namesIn)
	if err != nil {
		return err
	}
	in := Input{Path: path, Kind: "d", Sum: sum}
	in.Stamp(info)
	r.note(in)
	return nil
}

func (r *Recorder) link(path string) error {
	target, err := os.Readlink(path)
	if err != nil {
		return err
	}
	r.note(Input{Path: path, Kind: "l", Sum: sumOf(target)})
	return nil
}

// bill notes that a file is the bill of a saved package, whatever that is.
func (r *Recorder) bill(path string) { r.note(Input{Path: path, Kind: "b", Sum: "saved"}) }

// note adds an input. What was noted before in another state changed meanwhile.
func (r *Recorder) note(in Input) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if was, ok := r.items[in.Path]; ok && was != in {
		r.unsure = true
		r.torn = r.torn || in.Kind == "f" && was.Sum != in.Sum
	}
	r.items[in.Path] = in
}

func (r *Recorder) has(path string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, ok := r.items[path]
	return ok
}

// DoubtFolders says that the build may not have seen what changed in a folder since it began.
func (r *Recorder) DoubtFolders() {
	for _, in := range r.List() {
		if in.Kind == "d" && changedSince(time.Unix(0, in.MTime), r.Began) {
			r.doubt()
		}
	}
}

func (r *Recorder) doubt() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unsure = true
}

// Sure is whether what was noted is what was packaged.
func (r *Recorder) Sure() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.unsure
}

// Settle looks at the files once more when a package is made, and reports whether one changed: a tool may have read it
// before or after. Then what was noted cannot be told from what was built.
func (r *Recorder) Settle() (torn bool) {
	now := time.Now()
	for _, in := range r.List() {
		if in.Kind != "f" {
			continue
		}
		info, err := os.Stat(in.Path)
		if err == nil && in.Same(info) && !changedSince(info.ModTime(), r.Began) {
			continue
		}
		if err != nil || in.current(r.Hashes, info, now) != in.Sum {
			torn = true
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unsure = r.unsure || torn
	return torn || r.torn
}

func (r *Recorder) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.items)
}

// List is what was noted, sorted by path.
func (r *Recorder) List() []Input {
	r.mu.Lock()
	defer r.mu.Unlock()
	inputs := slices.Collect(maps.Values(r.items))
	slices.SortFunc(inputs, func(a, b Input) int { return strings.Compare(a.Path, b.Path) })
	return inputs
}

// changedSince is whether a time stamp may be of a change after a moment. Kernels stamp with a clock that
// ticks every few milliseconds, some file systems in whole seconds.
func changedSince(mtime, moment time.Time) bool {
	tick := 20 * time.Millisecond
	if mtime.Nanosecond() == 0 {
		tick = Racy
	}
	return mtime.After(moment.Add(-tick))
}

func sumOfNames(entries []fs.DirEntry) string {
	var text []byte
	for _, e := range entries {
		text = append(append(append(append(text, e.Name()...), 0), e.Type().String()...), '\n')
	}
	return Sum(text)
}

func sumOf(text string) string { return Sum([]byte(text)) }

// Sum is the digest of a content, as inputs have it.
func Sum(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// Hashes remembers digests of files and of the names in folders, so that functions of one source folder read each once.
type Hashes struct {
	mu    sync.Mutex
	known map[string]hashed
}

type hashed struct {
	Input
	at time.Time
}

// buffers are for reading files; a file's own way to copy itself makes one each time.
var buffers = sync.Pool{New: func() any { return new([64 << 10]byte) }}

// sum is the digest of a file or folder in the given state, which is taken where none is known.
func (h *Hashes) sum(path string, info fs.FileInfo, since time.Time, take func(path string) (string, error)) (string, error) {
	if known, ok := h.find(path, info, since); ok {
		return known, nil
	}
	at := time.Now()
	sum, err := take(path)
	if err != nil {
		return "", err
	}
	return h.remember(path, info, at, sum), nil
}

func contentOf(path string) (sum string, err error) {
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
	return hex.EncodeToString(digest.Sum(nil)), nil
}

func namesIn(path string) (sum string, err error) {
	entries, err := os.ReadDir(path)
	if err != nil {
		return "", err
	}
	return sumOfNames(entries), nil
}

// Read returns a file with its digest, and the state that it was in before.
func (h *Hashes) Read(path string) (info fs.FileInfo, data []byte, sum string, err error) {
	at := time.Now()
	if data, info, err = regular.ReadWith(path); err != nil {
		return nil, nil, "", err
	}
	return info, data, h.remember(path, info, at, Sum(data)), nil
}

// find is a digest that is known of a file or folder in the given state. What was read before `since` counts only when it
// was at rest then.
func (h *Hashes) find(path string, info fs.FileInfo, since time.Time) (string, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	known, ok := h.known[path]
	return known.Sum, ok && known.Same(info) && (!known.at.Before(since) || info.ModTime().Before(known.at.Add(-Racy)))
}

func (h *Hashes) remember(path string, info fs.FileInfo, at time.Time, sum string) string {
	fresh := hashed{Input: Input{Path: path, Kind: "f", Sum: sum}, at: at}
	if info.IsDir() {
		fresh.Kind = "d"
	}
	fresh.Stamp(info)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.known == nil {
		h.known = map[string]hashed{}
	}
	h.known[path] = fresh
	return sum
}

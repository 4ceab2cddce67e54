package memory

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/providers"
)

// World is an account at a provider. It is an http.Handler: a function answers below its name with the
// JSON of its Answer. Code decides how: "broken" at the beginning does not start, "unhealthy" answers 500.
type World struct {
	// URL is where the world is served, without a slash at the end.
	URL string
	// Pace is how the world takes its time; the zero value is at once.
	Pace Pace
	// Tagged means that a look shows what was written down last, and not what serves.
	Tagged bool
	// Memory are the sizes of memory that the world offers, ascending; nil is any.
	Memory []manifest.Size
	// Before is called at each call, before anything is done; its error fails the call.
	Before func(ctx context.Context, op, function string) error
	// After is called when the work is done; its error loses the reply.
	After func(op, function string) error

	mu        sync.Mutex
	functions map[string]*function
	objects   map[string]object
	epoch     providers.Epoch // the highest that was shown
}

// Answer is what a function says of itself.
type Answer struct {
	Code string            `json:"code"`
	Env  map[string]string `json:"env"`
}

type function struct {
	revisions []revision
	published int
	live      string
	tag       string // what the adapter wrote down as live
	canary    string // "" unless the requests are split
	percent   int    // of the requests that the canary gets
	asked     int    // requests so far
	bindings  providers.Mode
	builds    map[string]time.Time // when the build of a digest is done
	begun     int                  // builds
	was       string               // what the address answers as until then
	until     time.Time
	mixed     time.Time // until then that one has the environment of what is live
}

type revision struct {
	providers.Revision
	function manifest.Function
	code     string
	lost     bool // its image is gone: it cannot be started
}

type object struct {
	data []byte
	tag  providers.Tag
}

func (r revision) broken() bool { return r.lost || strings.HasPrefix(r.code, "broken") }

// NewWorld returns an empty world.
func NewWorld() *World {
	return &World{functions: map[string]*function{}, objects: map[string]object{}}
}

// do runs one call: the hooks outside of the lock, the work inside.
func (w *World) do(ctx context.Context, op, function string, work func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if w.Before != nil {
		if err := w.Before(ctx, op, function); err != nil {
			return err
		}
	}
	if err := w.locked(work); err != nil {
		return err
	}
	if w.After != nil {
		return w.After(op, function)
	}
	return nil
}

// write runs one call that changes something, unless a higher epoch was shown.
func (w *World) write(ctx context.Context, op, function string, e providers.Epoch, work func() error) error {
	return w.do(ctx, op, function, func() error {
		if e < w.epoch {
			return failed(providers.Conflict, op, function, fmt.Errorf("epoch %d was shown, and this is of epoch %d", w.epoch, e))
		}
		w.epoch = e
		return work()
	})
}

func (w *World) locked(work func() error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return work()
}

// function returns the function of that name, made when it does not exist. The lock is held.
func (w *World) function(name string) *function {
	f, ok := w.functions[name]
	if !ok {
		f = &function{bindings: providers.BindNone, builds: map[string]time.Time{}}
		w.functions[name] = f
	}
	return f
}

func (f *function) find(id string) *revision {
	for i := range f.revisions {
		if f.revisions[i].ID == id {
			return &f.revisions[i]
		}
	}
	return nil
}

// has reports whether a revision is there that can be started.
func (f *function) has(id string) bool {
	r := f.find(id)
	return r != nil && !r.lost
}

// state is what is live. The lock is held.
func (w *World) state(name string) providers.State {
	st := providers.State{Function: name, Bindings: providers.BindNone}
	f, ok := w.functions[name]
	if !ok {
		return st
	}
	st.Bindings = f.bindings
	live := f.live
	if w.Tagged {
		live = f.tag
	}
	if r := f.find(live); r != nil {
		serves := r.Revision
		st.Revision, st.URL, st.AsWritten = &serves, w.URL+"/"+name, w.Tagged
	}
	if r := f.find(f.canary); r != nil {
		st.Canary = &providers.Canary{Revision: r.Revision, Percent: f.percent}
	}
	return st
}

// Lose takes away the image of a revision, as clouds do with one that served nothing for long.
func (w *World) Lose(name, id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if f, ok := w.functions[name]; ok {
		if r := f.find(id); r != nil {
			r.lost = true
			delete(f.builds, r.Digest)
		}
	}
}

// Overwrite makes a stored revision live as somebody does who knows nothing of ferry.
func (w *World) Overwrite(name, id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.function(name).live = id
}

// Live is what a function is configured to that is live, as it was published; the zero value is nothing.
func (w *World) Live(name string) manifest.Function {
	w.mu.Lock()
	defer w.mu.Unlock()
	if f, ok := w.functions[name]; ok {
		if r := f.find(f.live); r != nil {
			return r.function
		}
	}
	return manifest.Function{}
}

func (w *World) observe(name string) providers.State {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.state(name)
}

// choose is the revision that answers the next request: of a hundred that follow one another, the canary
// gets exactly its share. The lock is held.
func (f *function) choose() *revision {
	f.asked++
	if f.asked*f.percent/100 > (f.asked-1)*f.percent/100 {
		return f.find(f.canary)
	}
	return f.find(f.shown())
}

// answer is what the function says. The lock is held.
func (w *World) answer(name, path string) (int, []byte) {
	f, ok := w.functions[name]
	if !ok || f.find(f.shown()) == nil {
		return http.StatusNotFound, []byte("no such function")
	}
	r := f.choose()
	if r.broken() || strings.HasPrefix(r.code, "unhealthy") {
		return http.StatusInternalServerError, []byte(fmt.Sprintf("%s at %s", r.code, path))
	}
	data, err := json.Marshal(Answer{Code: r.code, Env: f.environment(r)})
	if err != nil {
		panic(err) // strings always have a JSON form
	}
	return http.StatusOK, data
}

// ServeHTTP answers as the functions do.
func (w *World) ServeHTTP(rw http.ResponseWriter, req *http.Request) {
	name, path, _ := strings.Cut(strings.TrimPrefix(req.URL.Path, "/"), "/")
	w.mu.Lock()
	status, body := w.answer(name, "/"+path)
	w.mu.Unlock()
	rw.WriteHeader(status)
	_, _ = rw.Write(body)
}

// entryOf reads the code of a package: the text of the file that would be started.
func entryOf(a packager.Artifact) (string, error) {
	zipped, err := a.Bytes()
	if err != nil {
		return "", err
	}
	z, err := zip.NewReader(bytes.NewReader(zipped), int64(len(zipped)))
	if err != nil {
		return "", err
	}
	file, err := z.Open(a.Entry)
	if err != nil {
		return "", err
	}
	data, err := io.ReadAll(file)
	code := strings.TrimPrefix(string(data), "#!/bin/sh\n")
	return strings.TrimPrefix(strings.TrimSpace(code), "# "), err
}

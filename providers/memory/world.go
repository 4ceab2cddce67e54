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
// JSON of its Answer. Code decides how: "broken" at the beginning does not start, "unhealthy" answers 500, "impostor"
// answers a probe with the digest of something else.
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
	functions map[key]*function
	objects   map[string]object
	epochs    map[Place]providers.Epoch // the highest that each ledger has shown
}

// Place is what an adapter deploys: functions are of a service and stage, epochs of a target's ledger, too.
type Place struct{ Service, Stage, Target string }

// key is a function of a service and stage, written as in "shop.dev"; "" is the place of New.
type key struct{ scope, function string }

func (p Place) key(function string) key {
	if p.Service == "" && p.Stage == "" {
		return key{"", function}
	}
	return key{p.Service + "." + p.Stage, function}
}

// path is where a function is served: no name has a dot.
func (k key) path() string {
	if k.scope == "" {
		return k.function
	}
	return k.scope + "." + k.function
}

// keyOf is the function that is served there.
func keyOf(path string) key {
	if dot := strings.LastIndex(path, "."); dot >= 0 {
		return key{path[:dot], path[dot+1:]}
	}
	return key{"", path}
}

// Answer is what a function says of itself.
type Answer struct {
	Code     string            `json:"code"`
	Env      map[string]string `json:"env"`
	Function manifest.Function `json:"function"` // as it runs
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
	foreign   bool                 // ferry did not make it
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

// digest is what the revision says when it is probed.
func (r revision) digest() string {
	if strings.HasPrefix(r.code, "impostor") {
		return "sha256:impostor"
	}
	return r.Digest
}

// NewWorld returns an empty world.
func NewWorld() *World {
	return &World{functions: map[key]*function{}, objects: map[string]object{}, epochs: map[Place]providers.Epoch{}}
}

// Occupy puts a live function there that ferry did not make.
func (w *World) Occupy(p Place, name, code string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	theirs := revision{Revision: providers.Revision{ID: name + "-theirs"}, code: code}
	w.functions[p.key(name)] = &function{
		foreign: true, live: theirs.ID, revisions: []revision{theirs}, bindings: providers.BindNone, builds: map[string]time.Time{},
	}
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

func (w *World) locked(work func() error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return work()
}

// find is the revision of that name; nil is none.
func (f *function) find(id string) *revision {
	if f == nil {
		return nil
	}
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
func (w *World) state(k key) providers.State {
	st := providers.State{Function: k.function, Bindings: providers.BindNone}
	f, ok := w.functions[k]
	if !ok {
		return st
	}
	if f.foreign {
		st.Foreign = true
		return st
	}
	st.Bindings = f.bindings
	live := f.live
	if w.Tagged {
		live = f.tag
	}
	if r := f.find(live); r != nil {
		serves := r.Revision
		st.Revision, st.URL, st.AsWritten = &serves, w.URL+"/"+k.path(), w.Tagged
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
	if f, ok := w.functions[keyOf(name)]; ok {
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
	if f, ok := w.functions[keyOf(name)]; ok {
		f.live = id
	}
}

// Live is what a function is configured to that is live, as it was published; the zero value is nothing.
func (w *World) Live(name string) manifest.Function {
	w.mu.Lock()
	defer w.mu.Unlock()
	if f, ok := w.functions[keyOf(name)]; ok {
		if r := f.find(f.live); r != nil {
			return r.function
		}
	}
	return manifest.Function{}
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
func (w *World) answer(k key, path string) (int, []byte) {
	f, ok := w.functions[k]
	if !ok || f.find(f.shown()) == nil {
		return http.StatusNotFound, []byte("no such function")
	}
	r := f.choose()
	if r.broken() || strings.HasPrefix(r.code, "unhealthy") {
		return http.StatusInternalServerError, []byte(fmt.Sprintf("%s at %s", r.code, path))
	}
	data, err := json.Marshal(Answer{Code: r.code, Env: f.environment(r), Function: r.function})
	if err != nil {
		panic(err) // strings always have a JSON form
	}
	return http.StatusOK, data
}

// ServeHTTP answers as the functions do.
func (w *World) ServeHTTP(rw http.ResponseWriter, req *http.Request) {
	name, path, _ := strings.Cut(strings.TrimPrefix(req.URL.Path, "/"), "/")
	w.mu.Lock()
	status, body := w.answer(keyOf(name), "/"+path)
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

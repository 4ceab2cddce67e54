package memory_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/memory"
	"github.com/ferryfn/ferry/providers/providertest"
)

func TestMemoryKeepsTheContract(t *testing.T) {
	built := newPackages(t)
	for name, pace := range map[string]memory.Pace{
		"at once": {}, "slowly": {Build: 20 * time.Millisecond, Apart: 20 * time.Millisecond, Spread: 20 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			providertest.Run(t, func(t *testing.T) providertest.Place {
				p := newPlace(t, built, asItIs)
				p.world.Pace, p.world.Tagged = pace, pace.Build > 0
				p.world.Memory = []manifest.Size{256 * manifest.MB, 2 * manifest.GB}
				return p.place("shop", "dev")
			})
		})
	}
}

func TestMemoryKeepsTheStoreContract(t *testing.T) {
	providertest.RunStore(t, func(t *testing.T) providertest.StorePlace { return storePlace(t, sound) })
}

// place is a world as the suite sees it. What it is deployed to with may be a mutant.
type place struct {
	world    *memory.World
	packages *packages
	mutate   mutation
}

// mutation is the adapter of a new process, perhaps with a defect.
type mutation func(a *memory.Adapter, at memory.Place) providers.Adapter

func asItIs(a *memory.Adapter, _ memory.Place) providers.Adapter { return a }

func newPlace(t testing.TB, built *packages, mutate mutation) *place {
	w := memory.NewWorld()
	server := httptest.NewServer(w)
	t.Cleanup(server.Close)
	w.URL = server.URL
	return &place{world: w, packages: built, mutate: mutate}
}

// place is one service and stage.
func (p *place) place(service, stage string) providertest.Place {
	at := memory.Place{Service: service, Stage: stage, Target: "here"}
	path := func(function string) string { return service + "." + stage + "." + function }
	seen := providertest.Place{
		Adapter: p.mutate(memory.New(p.world).At(at), at), Service: service, Stage: stage, Spec: p.packages.spec,
		Broken: func(t testing.TB, function string) providers.Spec {
			return p.packages.spec(t, function, "broken: no such module", "")
		},
		Impostor: func(t testing.TB, function string) providers.Spec {
			return p.packages.spec(t, function, "impostor", "")
		},
		Call: func(t testing.TB, function string) (string, string) {
			a := p.answer(t, path(function))
			return a.Code, a.Env["WORD"]
		},
		Observe: func(t testing.TB, function string) manifest.Function {
			return p.answer(t, path(function)).Function
		},
		Neighbour: func(_ testing.TB, service, stage string) providertest.Place { return p.place(service, stage) },
		Occupy:    func(_ testing.TB, function string) { p.world.Occupy(at, function, "theirs") },
		Hold:      func(testing.TB) (<-chan struct{}, func()) { return hold(p.world, "activate") },
		Overwrite: func(_ testing.TB, function string, r providers.Revision) { p.world.Overwrite(path(function), r.ID) },
		Lose:      func(_ testing.TB, function string, r providers.Revision) { p.world.Lose(path(function), r.ID) },
	}
	if p.world.Pace.Build > 0 {
		seen.Begun = func(_ testing.TB, function string) int { return p.world.Builds(path(function)) }
	}
	return seen
}

// answer is what a function says; nothing when there is none.
func (p *place) answer(t testing.TB, path string) memory.Answer {
	t.Helper()
	res, err := http.Get(p.world.URL + "/" + path)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var a memory.Answer
	if res.StatusCode != http.StatusOK {
		return a
	}
	if err := json.NewDecoder(res.Body).Decode(&a); err != nil {
		t.Fatal(err)
	}
	return a
}

// hold has the next call of a kind wait on its way to the world.
func hold(w *memory.World, kind string) (held <-chan struct{}, goOn func()) {
	waits, goes := make(chan struct{}), make(chan struct{})
	var met atomic.Bool
	w.Before = func(ctx context.Context, op, _ string) error {
		if op != kind || met.Swap(true) {
			return nil
		}
		close(waits)
		select {
		case <-goes:
		case <-ctx.Done():
		}
		return ctx.Err()
	}
	return waits, func() { close(goes) }
}

// packages are what was built, by version: many cases deploy the same.
type packages struct {
	*testing.T
	mu    sync.Mutex
	built map[string]packager.Artifact
}

func newPackages(t *testing.T) *packages {
	return &packages{T: t, built: map[string]packager.Artifact{}}
}

func (p *packages) spec(_ testing.TB, function, version, word string) providers.Spec {
	p.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	fn := providertest.Function(function, word)
	fn.Runtime, fn.Style, fn.Handler = "custom", manifest.StyleServer, "run.sh"
	if _, ok := p.built[version]; !ok {
		files := map[string]string{"run.sh": "#!/bin/sh\n# " + version + "\n"}
		p.built[version] = providertest.Package(p.T, memory.New(memory.NewWorld()), fn, files).Artifact
	}
	return providertest.Digested(providers.Spec{Function: fn, Artifact: p.built[version]})
}

// storePlace is the store of a world, which may be a mutant.
func storePlace(t testing.TB, mutate func(providers.Store) providers.Store) providertest.StorePlace {
	w := memory.NewWorld()
	open := func(t testing.TB) providers.Store {
		s, err := memory.New(w).Store(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return mutate(s)
	}
	return providertest.StorePlace{
		Store: open(t), Again: open, Lose: func() { lose(w) },
		Hold: func() (<-chan struct{}, func()) { return hold(w, "store put") },
	}
}

// lose loses the reply of the next write of an object.
func lose(w *memory.World) {
	var lost atomic.Bool
	w.After = func(op, _ string) error {
		if op != "store put" && op != "store delete" || lost.Swap(true) {
			return nil
		}
		return errors.New("the reply was lost")
	}
}

func sound(s providers.Store) providers.Store { return s }

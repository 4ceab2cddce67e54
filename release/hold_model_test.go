package release_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/memory"
	"github.com/ferryfn/ferry/release"
)

var heldHistories = flag.Int("histories", 150, "how many random histories of holds to try")

// oracle is the rule of what is held in other words than the engine's: functions are text, "" is absent.
type oracle struct {
	live map[string]string
	held map[int]map[string]string // by the release that was rolled away from
}

func within(h, all map[string]string) bool {
	return !slices.ContainsFunc(slices.Collect(maps.Keys(h)), func(name string) bool { return all[name] != h[name] })
}

func (o *oracle) refuses(want map[string]string, again int) bool {
	return slices.ContainsFunc(slices.Collect(maps.Keys(o.held)), func(n int) bool {
		return n != again && within(o.held[n], want) && !within(o.held[n], o.live)
	})
}

func (o *oracle) serve(now map[string]string) {
	o.live = now
	maps.DeleteFunc(o.held, func(_ int, h map[string]string) bool { return within(h, now) })
}

func (o *oracle) takeBack(number int, left, restored map[string]string) {
	h := map[string]string{}
	for _, name := range holdable {
		if left[name] != restored[name] {
			h[name] = left[name]
		}
	}
	maps.DeleteFunc(o.held, func(_ int, old map[string]string) bool { return maps.Equal(old, h) })
	if len(h) > 0 {
		o.held[number] = h
	}
}

var holdable = []string{"api", "jobs", "web"}

// holding is one random history of four people who deploy, repeat, roll back, promote and remove.
type holding struct {
	*testing.T
	seed      uint64
	random    *rand.Rand
	s         *service
	oracle    oracle
	checkouts [4]map[string]string      // what each has: "code word" by function
	canary    map[string]string         // nil is none
	released  map[int]map[string]string // content by number
	newest    int
	tally     map[string]int
}

// What was rolled away from is never deployed unasked, and nothing else is ever refused for it.
func TestOnlyWhatWasRolledAwayFromIsHeld(t *testing.T) {
	dir, cache := t.TempDir(), t.TempDir()
	for _, code := range []string{"one", "two", "three"} {
		if err := os.Mkdir(filepath.Join(dir, code), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, code, "run.sh"), []byte("#!/bin/sh\n# "+code+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	tally := map[string]int{}
	n := 0
	for ; n < *heldHistories && !t.Failed(); n++ {
		newHolding(t, dir, cache, uint64(n), tally).run()
	}
	t.Logf("%d histories", n)
	for _, what := range slices.Sorted(maps.Keys(tally)) {
		t.Logf("%s: %d", what, tally[what])
	}
	if tally["deploy refused"] == 0 || tally["deploy refused"] > tally["deploy done"] {
		t.Error("the histories try too little")
	}
}

func newHolding(t *testing.T, dir, cache string, seed uint64, tally map[string]int) *holding {
	h := &holding{
		T: t, seed: seed, random: rand.New(rand.NewPCG(seed, 9)), tally: tally,
		s:      &service{T: t, world: memory.NewWorld(), dir: dir, cache: cache, keep: 20},
		oracle: oracle{live: map[string]string{}, held: map[int]map[string]string{}}, released: map[int]map[string]string{},
	}
	h.s.adapter = func(a *memory.Adapter) providers.Adapter { return a }
	first := map[string]string{"api": "one a", "jobs": "one a", "web": "one a"}
	for i := range h.checkouts {
		h.checkouts[i] = maps.Clone(first)
	}
	return h
}

func (h *holding) run() {
	h.deploy(0)
	for range 12 + h.random.IntN(12) {
		h.step()
		if diff := cmp.Diff(h.oracle.live, h.serving()); diff != "" && h.canary == nil && !h.Failed() {
			h.Errorf("seed %d: what serves (-want +got):\n%s", h.seed, diff)
		}
		if h.Failed() {
			return
		}
	}
}

func (h *holding) step() {
	who := h.random.IntN(len(h.checkouts))
	switch h.random.IntN(16) {
	case 0, 1, 2, 3:
		h.edit(who)
		h.deploy(who)
	case 4, 5, 6, 7: // a repeated job
		h.deploy(who)
	case 8: // somebody pulls
		h.checkouts[who] = maps.Clone(h.checkouts[h.random.IntN(len(h.checkouts))])
	case 9, 10, 11:
		h.rollback(0)
	case 12:
		h.rollback(1 + h.random.IntN(h.newest+1))
	case 13:
		h.promote()
	case 14:
		h.allow(1 + h.random.IntN(h.newest+1))
	case 15:
		if h.random.IntN(3) == 0 {
			h.remove()
		}
	}
}

// edit changes, adds or removes a function or two.
func (h *holding) edit(who int) {
	for range 1 + h.random.IntN(2) {
		name := holdable[h.random.IntN(len(holdable))]
		switch code, word, is := strings.Cut(h.checkouts[who][name], " "); {
		case !is:
			h.checkouts[who][name] = "one a"
		case h.random.IntN(4) == 0 && len(h.checkouts[who]) > 1:
			delete(h.checkouts[who], name)
		case h.random.IntN(2) == 0:
			h.checkouts[who][name] = []string{"one", "two", "three"}[h.random.IntN(3)] + " " + word
		default:
			h.checkouts[who][name] = code + " " + []string{"a", "b"}[h.random.IntN(2)]
		}
	}
}

// engine is that of a checkout: each has a commit of its own, which its functions are told.
func (h *holding) engine(checkout map[string]string) *release.Engine {
	s := *h.s
	s.code = checkout
	commit := fmt.Sprint(h.random.IntN(3))
	s.adjust = func(fn *manifest.Function) {
		code, word, _ := strings.Cut(checkout[fn.Name], " ")
		fn.Source, fn.Health, fn.Varying = code, nil, []string{"env.COMMIT"}
		fn.Env = map[string]string{"WORD": word, "COMMIT": commit}
	}
	return s.engine()
}

func (h *holding) deploy(who int) {
	want := maps.Clone(h.checkouts[who])
	o := release.DeployOptions{}
	switch h.random.IntN(8) {
	case 0:
		o.Traffic = 10
	case 1:
		o.Again = []int{1 + h.random.IntN(h.newest+1)}
	case 2:
		o.Force = true
	case 3:
		if names := slices.Sorted(maps.Keys(want)); len(h.oracle.live) > 0 {
			o.Functions = names[:1]
			want = maps.Clone(h.oracle.live)
			want[names[0]] = h.checkouts[who][names[0]]
		}
	}
	again := 0
	if len(o.Again) > 0 {
		again = o.Again[0]
	}
	refuses := h.oracle.refuses(want, again)
	r, err := h.engine(h.checkouts[who]).Deploy(h.Context(), o)
	shifted := err == nil && h.canary != nil && r.State == release.StateCanary
	switch held := errors.Is(err, providers.Held); {
	case held && !refuses:
		h.Errorf("seed %d: refused %v while %v serves and %v is held: %v", h.seed, want, h.oracle.live, h.oracle.held, err)
	case !held && refuses && !shifted:
		h.Errorf("seed %d: unasked %v (%v) while %v serves and %v is held", h.seed, want, err, h.oracle.live, h.oracle.held)
	}
	h.did("deploy", err, providers.Held, providers.Conflict, providers.Invalid)
	switch {
	case err != nil:
	case r.State == release.StateCanary:
		h.canary = want
		h.keep(r.Attempt, want)
	case r.Outcome == release.OutcomeDone:
		h.keep(r.Release, want)
		h.oracle.serve(want)
	}
}

func (h *holding) rollback(to int) {
	before, err := h.engine(h.checkouts[0]).Status(h.Context())
	if err != nil {
		h.Fatal(err)
	}
	r, err := h.engine(h.checkouts[0]).Rollback(h.Context(), release.RollbackOptions{To: to})
	h.did("rollback", err, providers.NotFound, providers.Conflict)
	switch {
	case err != nil || r.Outcome == release.OutcomeUnchanged:
	case h.canary != nil:
		h.oracle.takeBack(r.Attempt, h.canary, h.oracle.live)
		h.canary = nil
	default:
		left, restored := h.oracle.live, h.released[r.Source]
		h.keep(r.Release, restored)
		h.oracle.serve(restored)
		if before.Release > 0 {
			h.oracle.takeBack(before.Source, left, restored)
		}
	}
}

func (h *holding) promote() {
	r, err := h.engine(h.checkouts[0]).Promote(h.Context(), release.PromoteOptions{})
	h.did("promote", err, providers.NotFound)
	if err == nil {
		h.oracle.serve(h.released[r.Release])
		h.canary = nil
	}
}

func (h *holding) allow(number int) {
	_, err := h.engine(h.checkouts[0]).Allow(h.Context(), number)
	h.did("allow", err, providers.NotFound)
	if _, held := h.oracle.held[number]; held != (err == nil) {
		h.Errorf("seed %d: allowing release %d while %v is held: %v", h.seed, number, h.oracle.held, err)
	}
	delete(h.oracle.held, number)
}

func (h *holding) remove() {
	_, err := h.engine(h.checkouts[0]).Remove(h.Context(), release.RemoveOptions{})
	h.did("remove", err)
	h.oracle.live, h.canary = map[string]string{}, nil
}

func (h *holding) keep(number int, content map[string]string) {
	h.released[number] = content
	h.newest = max(h.newest, number)
}

// did counts what a command came to, which is done or an error of one of the kinds.
func (h *holding) did(what string, err error, kinds ...error) {
	h.Helper()
	came := "done"
	if err != nil {
		came = "refused"
		if !slices.ContainsFunc(kinds, func(k error) bool { return errors.Is(err, k) }) {
			h.Errorf("seed %d: %s: %v", h.seed, what, err)
		}
		if !errors.Is(err, providers.Held) {
			came = "impossible"
		}
	}
	h.tally[what+" "+came]++
}

// serving asks every function what it is.
func (h *holding) serving() map[string]string {
	got := map[string]string{}
	for _, name := range holdable {
		answer := httptest.NewRecorder()
		h.s.world.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/"+name, nil))
		var said memory.Answer
		if answer.Code == http.StatusOK && json.Unmarshal(answer.Body.Bytes(), &said) == nil {
			got[name] = said.Code + " " + said.Env["WORD"]
		}
	}
	return got
}

package release_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/ferryfn/ferry/internal/sample"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/memory"
	"github.com/ferryfn/ferry/release"
	"github.com/ferryfn/ferry/release/faults"
)

// The ledger under concurrent deploys, rollbacks and resumes, with processes that are slow, stopped, dead or
// overtaken, must look to everybody as if one command had run after another. A bubble's clock makes the waiting
// instant, so that thousands of random histories fit into a minute.
func TestTheLedgerIsLinearizable(t *testing.T) {
	const shards, histories = 4, 3000
	v := newVersions(t)
	var tally sync.Map
	t.Run("histories", func(t *testing.T) {
		for shard := range shards {
			t.Run(fmt.Sprint(shard), func(t *testing.T) {
				t.Parallel()
				seeds := sample.Of(t, 15)
				for seed := shard; seed < histories && !t.Failed(); seed += shards {
					if !seeds.Takes() {
						continue
					}
					synctest.Test(t, func(t *testing.T) { newHistory(t, v, uint64(seed), &tally).run() })
				}
			})
		}
	})
	tally.Range(func(what, count any) bool {
		t.Logf("%s: %d", what, count.(*atomic.Int64).Load())
		return true
	})
}

// history is one run of several machines with one account.
type history struct {
	*testing.T
	v     versions
	seed  uint64
	world *memory.World
	tally *sync.Map
	clock atomic.Int64
	calm  bool // nobody hangs for longer than a lock lives, and nobody forces

	mu  sync.Mutex
	ops []*operation
}

// operation is one command that a machine ran, and what came of it.
type operation struct {
	client     int
	kind       string
	message    string // unique: the record of the command has it, as its message or its actor
	began, end int64
	err        error
	dead       bool
	live       int // what the command says is live
	attempt    int
	// number and source are of the command's commit, told by the ledger at the end; 0 is none.
	number, source int
}

func newHistory(t *testing.T, v versions, seed uint64, tally *sync.Map) *history {
	return &history{T: t, v: v, seed: seed, calm: seed%2 == 0, world: memory.NewWorld(), tally: tally}
}

func (h *history) run() {
	random := rand.New(rand.NewPCG(h.seed, 0))
	var machines sync.WaitGroup
	for client := range 2 + random.IntN(3) {
		own := rand.New(rand.NewPCG(h.seed, uint64(client)+1))
		machines.Go(func() {
			for n := range 2 + own.IntN(3) {
				pause(time.Duration(own.Int64N(int64(40 * time.Second))))
				h.command(client, n, own)
			}
		})
	}
	machines.Wait()
	h.check()
	h.recovers()
	if h.Failed() {
		for _, o := range h.ops {
			h.Logf("seed %d: machine %d [%d,%d] %s %q: live %d, commit %d of %d, dead %t, %v",
				h.seed, o.client, o.began, o.end, o.kind, o.message, o.live, o.number, o.source, o.dead, o.err)
		}
	}
}

func pause(d time.Duration) {
	timer := time.NewTimer(d)
	<-timer.C
}

// engine is a machine's engine, its adapter wrapped by p.
func (h *history) engine(version string, p *faults.Process) *release.Engine {
	s := &service{
		T: h.T, world: h.world, keep: 20,
		adapter: func(a *memory.Adapter) providers.Adapter { return p.Wrap(a) },
		adjust:  func(fn *manifest.Function) { fn.Health = nil }, // a bubble has no network
	}
	return h.v.of(s, version).engine()
}

// process is slow at every call, now and then slower than a lock lives, and may die. While a call hangs, the
// lock is not renewed. Calls about the lock never wait: the holder has a mutex then, which stops a bubble's clock.
func (h *history) process(random *rand.Rand) *faults.Process {
	var mu sync.Mutex
	hangs := time.Time{}
	dies := 1 << 30
	if random.IntN(4) == 0 {
		dies = 1 + random.IntN(50)
	}
	before := func(c faults.Call) error {
		mu.Lock()
		lock := strings.HasSuffix(c.About, "/lock.json")
		slow := time.Duration(random.Int64N(int64(50 * time.Millisecond)))
		switch kind := random.IntN(100); {
		case kind < 2 && !h.calm:
			slow += time.Duration(random.Int64N(int64(90 * time.Second)))
		case kind < 5:
			slow += time.Duration(random.Int64N(int64(3 * time.Second)))
		}
		if until := time.Now().Add(slow); !lock && until.After(hangs) {
			hangs = until
		}
		lost := lock && c.Op == "store put" && time.Until(hangs) > time.Second
		mu.Unlock()
		switch {
		case c.Number >= dies:
			return faults.Dead
		case lost:
			return &providers.Error{Kind: providers.Unavailable, Op: c.Op, Provider: "faults", Err: errors.New("the process hangs")}
		case !lock:
			pause(slow)
		}
		return nil
	}
	return &faults.Process{At: faults.Number(1), Fault: faults.Fault{Lasting: true, Before: before}}
}

// command runs one random command and keeps what it said.
func (h *history) command(client, n int, random *rand.Rand) {
	o := &operation{client: client, message: fmt.Sprintf("%d-%d", client, n)}
	e := h.engine([]string{"one", "two", "three", "four", "five"}[random.IntN(5)], h.process(random))
	force := random.IntN(6) == 0 && !h.calm
	var do func(ctx context.Context) (*release.Result, error)
	switch random.IntN(11) {
	case 10:
		o.kind = "remove"
		e.Origin.Actor = o.message // a removal has none
		do = func(ctx context.Context) (*release.Result, error) {
			r, err := e.Remove(ctx, release.RemoveOptions{Force: force})
			if err != nil {
				return nil, err
			}
			return &release.Result{Attempt: r.Attempt}, nil
		}
	case 0, 1, 2, 3, 4:
		o.kind = "deploy"
		do = func(ctx context.Context) (*release.Result, error) {
			return e.Deploy(ctx, release.DeployOptions{Message: o.message, Force: force})
		}
	case 5, 6:
		o.kind = "rollback"
		do = func(ctx context.Context) (*release.Result, error) {
			return e.Rollback(ctx, release.RollbackOptions{Message: o.message, Force: force})
		}
	case 7:
		o.kind = "resume"
		do = func(ctx context.Context) (*release.Result, error) { return e.Resume(ctx, force) }
	default:
		o.kind = "observe"
		do = func(ctx context.Context) (*release.Result, error) {
			st, err := e.Status(ctx)
			if err != nil {
				return nil, err
			}
			return &release.Result{Release: st.Release}, nil
		}
	}
	o.began = h.clock.Add(1)
	r, err := do(h.Context())
	o.end, o.err, o.dead = h.clock.Add(1), err, errors.Is(err, faults.Dead)
	if r != nil {
		o.live, o.attempt = r.Release, r.Attempt
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ops = append(h.ops, o)
}

// check reads the ledger, gives every command its commit, and asks whether one order explains all.
func (h *history) check() {
	l := h.ledger()
	for _, o := range h.ops {
		for _, r := range l.Records {
			if r.Message != o.message && r.Actor != o.message || !slices.ContainsFunc(l.Live.History, func(c struct{ Number, Source int }) bool { return c.Number == r.Number }) {
				continue
			}
			o.number, o.source = r.Number, r.Source
		}
		h.truthful(o, l)
	}
	if h.Failed() {
		return
	}
	var events []porcupine.Operation
	for _, o := range h.ops {
		e := porcupine.Operation{ClientId: o.client, Input: o, Call: o.began, Return: o.end, Output: o}
		if o.err != nil && o.number != 0 {
			// It died or was overtaken: the commit is its own, or a resume's at any later time.
			e.Return = h.clock.Load() + 1
			e.ClientId = len(h.ops) + len(events)
		}
		if o.err == nil || o.number != 0 {
			events = append(events, e)
		}
	}
	if !porcupine.CheckOperations(ledgerModel(l), events) {
		h.Errorf("seed %d: no order of the commands explains what they saw", h.seed)
	}
}

// truthful expects that what a command said is what the ledger says.
func (h *history) truthful(o *operation, l *faults.Ledger) {
	h.Helper()
	var failed *release.Error
	said := "was refused"
	switch {
	case o.dead:
		said = "died"
	case errors.As(o.err, &failed):
		said = "failed, " + string(failed.Outcome)
	case o.err == nil:
		said = "was done"
	}
	h.count(o.kind + " " + said)
	switch {
	case o.err == nil && o.attempt != 0 && o.attempt == o.live && l.Records[o.live] == nil:
		h.Errorf("seed %d: %s %s says that release %d is live, and it has no record", h.seed, o.kind, o.message, o.live)
	case o.number == 0 || o.err == nil || o.dead || errors.Is(o.err, providers.Conflict):
	case failed == nil || failed.Outcome != release.OutcomePartial:
		h.Errorf("seed %d: %s %s committed release %d and said %v", h.seed, o.kind, o.message, o.number, o.err)
	}
	if o.kind == "deploy" && o.err == nil && o.attempt != 0 && o.number != o.live {
		h.Errorf("seed %d: deploy %s says that release %d is live, its commit is %d", h.seed, o.message, o.live, o.number)
	}
}

func (h *history) count(what string) {
	n, _ := h.tally.LoadOrStore(what, new(atomic.Int64))
	n.(*atomic.Int64).Add(1)
}

func (h *history) ledger() *faults.Ledger {
	h.Helper()
	s, err := memory.New(h.world).Store(h.Context())
	if err != nil {
		h.Fatal(err)
	}
	l, err := faults.ReadLedger(h.Context(), s, "shop/dev/here/")
	if err != nil {
		h.Fatal(err)
	}
	for _, problem := range l.Problems() {
		h.Errorf("seed %d: %s", h.seed, problem)
	}
	return l
}

// recovers expects that whatever happened, a person gets to a whole release: undo what is unfinished, deploy.
// It needs force only where a holder was overtaken between its last look at the lock and a write.
func (h *history) recovers() {
	e := h.engine("five", &faults.Process{})
	if h.ledger().Pending() != nil {
		if _, err := e.Rollback(h.Context(), release.RollbackOptions{}); err != nil {
			h.Errorf("seed %d: undoing what is unfinished: %v", h.seed, err)
		}
	}
	o := release.DeployOptions{Message: "last"}
	r, err := e.Deploy(h.Context(), o)
	if held := new(release.HeldError); errors.As(err, &held) {
		h.count("held at the end")
		for _, hold := range held.Holds {
			o.Again = append(o.Again, hold.Release)
		}
		r, err = e.Deploy(h.Context(), o)
	}
	if errors.Is(err, providers.Conflict) && !h.calm {
		h.count("drift at the end")
		o.Force = true
		r, err = e.Deploy(h.Context(), o)
	}
	if err != nil {
		h.Errorf("seed %d: the last deploy: %v", h.seed, err)
		return
	}
	for name, want := range h.v.code("five") {
		answer := httptest.NewRecorder()
		h.world.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/"+name, nil))
		var said memory.Answer
		if err := json.Unmarshal(answer.Body.Bytes(), &said); err != nil || said.Code != want {
			h.Errorf("seed %d: %s answers %s", h.seed, name, answer.Body)
		}
	}
	if l := h.ledger(); r.Outcome == release.OutcomeDone && (l.Lock.Holder != nil || l.Lock.Unfinished != 0) {
		h.Errorf("seed %d: the lock is left: %+v", h.seed, l.Lock)
	}
}

// model is the ledger as one thing that answers one command after another.
type model struct {
	Number, Source int
	Newest         int   // the newest commit
	Removed        int   // the source of what was live when nothing is since
	Good           []int // were live, and nobody rolled away from them since; ascending
}

// ledgerModel is the sequential specification. A command without a commit says only what is live.
func ledgerModel(l *faults.Ledger) porcupine.Model {
	return porcupine.Model{
		Init:  func() any { return model{} },
		Equal: reflect.DeepEqual,
		Step: func(state, input, _ any) (bool, any) {
			m, o := state.(model), input.(*operation)
			if o.number == 0 {
				return o.live == m.Number, m
			}
			r := l.Records[o.number]
			rollback := r.Kind == release.KindRollback
			switch {
			case o.number <= m.Newest, rollback && o.source != m.restores(r):
				return false, m
			case r.Kind == release.KindRemove:
				return true, m.remove(o.number)
			}
			return true, m.commit(o.number, o.source, rollback)
		},
	}
}

// restores is the release that a rollback goes back to: what is live when it undoes a removal.
func (m model) restores(r *release.Record) int {
	if r.Interrupted > 0 {
		return m.Source
	}
	return m.lastGood()
}

// remove makes nothing live.
func (m model) remove(number int) model {
	removed := m.Source
	if m.Number == 0 {
		removed = m.Removed
	}
	return model{Newest: number, Removed: removed, Good: m.Good}
}

// lastGood is the greatest good release below what is live, or what was live before a removal.
func (m model) lastGood() int {
	if m.Number == 0 && m.Removed > 0 {
		return m.Removed
	}
	for _, n := range slices.Backward(m.Good) {
		if n < m.Source {
			return n
		}
	}
	return 0
}

func (m model) commit(number, source int, rollback bool) model {
	good := slices.Clone(m.Good)
	if rollback {
		good = slices.DeleteFunc(good, func(n int) bool { return n == m.Source })
	}
	good = append(slices.DeleteFunc(good, func(n int) bool { return n == source }), source)
	slices.Sort(good)
	return model{Number: number, Source: source, Newest: number, Good: good}
}

package release_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/memory"
	"github.com/ferryfn/ferry/release"
	"github.com/ferryfn/ferry/release/faults"
)

// disposable is a world whose store can be taken away.
type disposable struct {
	*memory.Adapter
	disposed int   // how often
	left     int   // how many keys were left in it then
	failure  error // of disposing
}

func (d *disposable) Store(ctx context.Context) (providers.Store, error) {
	s, err := d.Adapter.Store(ctx)
	return &disposableStore{s, d}, err
}

type disposableStore struct {
	providers.Store
	of *disposable
}

func (s *disposableStore) Dispose(ctx context.Context) error {
	keys, err := s.List(ctx, "")
	s.of.disposed, s.of.left = s.of.disposed+1, len(keys)
	return errors.Join(err, s.of.failure)
}

func TestAPurgeTakesAwayTheStoreLast(t *testing.T) {
	s := newService(t).all("one")
	d := &disposable{}
	s.adapter = func(a *memory.Adapter) providers.Adapter {
		d.Adapter = a
		return d
	}
	s.deploy()
	if _, err := s.engine().Remove(t.Context(), release.RemoveOptions{}); err != nil || d.disposed != 0 {
		t.Fatalf("without a purge the store is disposed of %d times, %v", d.disposed, err)
	}
	d.failure = errors.New("cut off")
	if _, err := s.engine().Remove(t.Context(), release.RemoveOptions{Purge: true}); !errors.Is(err, d.failure) {
		t.Fatalf("that the store is left is no error: %v", err)
	}
	if d.disposed != 1 || d.left != 0 {
		t.Errorf("the store was disposed of %d times, with %d keys left", d.disposed, d.left)
	}
	d.failure = nil
	r, err := s.engine().Remove(t.Context(), release.RemoveOptions{Purge: true})
	if err != nil || !r.Purged || d.disposed != 2 {
		t.Errorf("purging again disposes of the store %d times, %v", d.disposed, err)
	}
}

// broken is the service as a process sees it whose calls are broken.
func (s *service) broken(p *faults.Process) *service {
	at := *s
	at.adapter = func(a *memory.Adapter) providers.Adapter { return p.Wrap(s.adapter(a)) }
	return &at
}

// removing is a service whose removal failed half way: of api, jobs and web those are gone.
func removing(t *testing.T, gone ...string) *service {
	s := newService(t).all("one")
	s.deploy()
	s.all("two").deploy()
	s.world.Before = func(_ context.Context, op, function string) error {
		if op == "remove" && !slices.Contains(gone, function) {
			return &providers.Error{Kind: providers.Unavailable, Op: op, Provider: "memory", Function: function}
		}
		return nil
	}
	_, err := s.engine().Remove(t.Context(), release.RemoveOptions{})
	s.world.Before = nil
	s.failure(err, release.OutcomePartial)
	left := map[string]string{"api": "two", "jobs": "two", "web": "two"}
	for _, name := range gone {
		delete(left, name)
	}
	s.serves(left)
	return s
}

func TestAnInterruptedRemovalIsNoDriftAndMustBeDecidedOn(t *testing.T) {
	s := removing(t, "jobs")
	st, err := s.engine().Status(t.Context())
	if err != nil || st.Unfinished != 3 || !st.Removing || st.Release != 2 {
		t.Errorf("got %+v, %v", st, err)
	}
	for name, f := range st.Functions {
		if f.Drift != "" {
			t.Errorf("%s: %s", name, f.Drift)
		}
	}
	p, err := s.engine().Plan(t.Context(), nil)
	if err != nil || len(p.Drift) > 0 || p.Unfinished != 3 || !p.Removing {
		t.Errorf("got %+v, %v", p, err)
	}
	s.all("three")
	for _, o := range []release.DeployOptions{{}, {Force: true}} {
		_, err = s.engine().Deploy(t.Context(), o)
		if !errors.Is(err, providers.Conflict) || !strings.Contains(err.Error(), "the removal of the service (number 3) was interrupted") {
			t.Errorf("got %v", err)
		}
	}
	if _, err := s.engine().Rollback(t.Context(), release.RollbackOptions{To: 1}); !errors.Is(err, providers.Conflict) {
		t.Errorf("got %v", err)
	}
	s.serves(map[string]string{"api": "two", "web": "two"})
}

func TestResumeFinishesAnInterruptedRemoval(t *testing.T) {
	s := removing(t, "jobs")
	r, err := s.engine().Resume(t.Context(), false)
	if err != nil || r.State != release.StateRemoved || r.Release != 0 {
		t.Fatalf("got %+v, %v", r, err)
	}
	if diff := cmp.Diff([]string{"api", "jobs", "web"}, r.Removed); diff != "" {
		t.Error(diff)
	}
	s.serves(map[string]string{})
	s.rollback(0)
	s.servesAll("two")
}

func TestARollbackBringsBackWhatAnInterruptedRemovalTookAway(t *testing.T) {
	for _, gone := range [][]string{nil, {"jobs"}, {"api", "web"}} {
		s := removing(t, gone...)
		if r := s.rollback(0); r.Release != 4 || r.Source != 2 {
			t.Errorf("got %+v", r)
		}
		s.servesAll("two")
		st, err := memory.New(s.world).Status(t.Context(), "jobs")
		if err != nil || st.Bindings != providers.BindEnabled {
			t.Errorf("after %v was gone the bindings of jobs are %q, %v", gone, st.Bindings, err)
		}
		want := []release.State{release.StateLive, release.StateLive, release.StateRestored, release.StateLive}
		if diff := cmp.Diff(want, s.states()); diff != "" {
			t.Error(diff)
		}
		if p, err := s.engine().Plan(t.Context(), nil); err != nil || !p.Empty {
			t.Errorf("got %+v, %v", p, err)
		}
		s.rollback(0)
		s.servesAll("one")
	}
}

func TestWhoMayNotRemoveCanStillRollBack(t *testing.T) {
	s := newService(t).all("one")
	s.deploy()
	s.world.Before = func(_ context.Context, op, function string) error {
		if op == "remove" {
			return &providers.Error{Kind: providers.Denied, Op: op, Provider: "memory", Function: function}
		}
		return nil
	}
	_, err := s.engine().Remove(t.Context(), release.RemoveOptions{})
	e := s.failure(err, release.OutcomePartial)
	if !errors.Is(e, providers.Denied) || e.Kind != release.KindRemove || e.Attempt != 2 || e.Release != 1 || len(e.Partial) != 3 {
		t.Errorf("got %+v", e)
	}
	s.rollback(0)
	s.servesAll("one")
}

func TestARemovalTakesNoPlaceAmongTheReleasesThatAreKept(t *testing.T) {
	s := newService(t)
	s.keep = 2
	s.all("one").deploy()
	s.all("two").deploy()
	for range 3 {
		if _, err := s.engine().Remove(t.Context(), release.RemoveOptions{}); err != nil {
			t.Fatal(err)
		}
		s.rollback(0)
		s.servesAll("two")
	}
	s.rollback(0)
	s.servesAll("one")
}

func TestARollbackAfterARemovalGoesBackToWhatWasLive(t *testing.T) {
	s := newService(t)
	for _, code := range []string{"one", "two", "three"} {
		s.all(code).deploy()
	}
	s.rollback(1)
	if _, err := s.engine().Remove(t.Context(), release.RemoveOptions{}); err != nil {
		t.Fatal(err)
	}
	s.rollback(0)
	s.servesAll("one")
}

func TestRemovingTwiceWritesNoSecondRecord(t *testing.T) {
	s := newService(t).all("one")
	s.deploy()
	for i, want := range []int{2, 0} {
		r, err := s.engine().Remove(t.Context(), release.RemoveOptions{})
		if err != nil || r.Attempt != want {
			t.Errorf("removal %d: got %+v, %v", i, r, err)
		}
	}
	if diff := cmp.Diff([]release.State{release.StateLive, release.StateRemoved}, s.states()); diff != "" {
		t.Error(diff)
	}
}

// A purge is killed at its first call, then, from a whole release on, at its second, and so on.
func TestAPurgeThatWasInterruptedAtAnyCallIsFinishedByTheSameCommand(t *testing.T) {
	faultsOf := map[string]func() faults.Fault{
		"dies": func() faults.Fault { return faults.Die(func() {}) }, "fails": func() faults.Fault { return faults.Fail(providers.Denied) }, "its reply is lost": faults.Lose,
	}
	for name, fault := range faultsOf {
		t.Run(name, func(t *testing.T) {
			s := newService(t)
			s.ttl = 20 * time.Millisecond
			for n := 1; ; n++ {
				s.all("one").deploy()
				s.all("two").deploy()
				p := &faults.Process{At: faults.Number(n), Fault: fault()}
				_, err := s.broken(p).engine().Remove(t.Context(), release.RemoveOptions{Purge: true})
				if p.Hit() == nil {
					s.lockGoesLast(p.Calls())
					return
				}
				if err == nil && name != "its reply is lost" && (name == "dies" || !renews(p)) {
					t.Fatalf("call %d, %v, %s, and the purge succeeds", n, p.Hit(), name)
				}
				if _, err := s.engine().Remove(t.Context(), release.RemoveOptions{Purge: true}); err != nil {
					t.Fatalf("after call %d, %v: %v", n, p.Hit(), err)
				}
				s.serves(map[string]string{})
				if keys := s.keys(); len(keys) > 0 {
					t.Fatalf("after call %d, %v, the store holds %q", n, p.Hit(), keys)
				}
			}
		})
	}
}

// renews reports whether the call that went wrong keeps a lock that is held: it is tried again before the lock ends.
func renews(p *faults.Process) bool {
	put := func(c faults.Call) bool { return c.Op == "store put" && c.About == lockKey }
	return put(*p.Hit()) && slices.ContainsFunc(p.Calls()[:p.Hit().Number-1], put)
}

// lockGoesLast expects that nothing is written or deleted after the lock's own object.
func (s *service) lockGoesLast(calls []faults.Call) {
	s.Helper()
	var last faults.Call
	for _, c := range calls {
		if c.Op == "store delete" || c.Op == "store put" {
			last = c
		}
	}
	if last.Op != "store delete" || last.About != "shop/dev/here/lock.json" {
		s.Errorf("the last write of a purge is %v", last)
	}
}

// keys are those of the store.
func (s *service) keys() []string {
	s.Helper()
	store, err := memory.New(s.world).Store(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	keys, err := store.List(s.Context(), "")
	if err != nil {
		s.Fatal(err)
	}
	return keys
}

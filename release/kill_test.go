package release_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/memory"
	"github.com/ferryfn/ferry/release"
)

// work is one thing that a process can be killed in.
type work func(ctx context.Context, s *service) error

func deployWork(ctx context.Context, s *service) error {
	_, err := s.engine().Deploy(ctx, release.DeployOptions{})
	return err
}

func rollbackWork(ctx context.Context, s *service) error {
	_, err := s.engine().Rollback(ctx, release.RollbackOptions{})
	return err
}

// killed is a service whose release 2 ("two") is replaced by work, which dies at call number at; done says
// that the work ended before that.
func killed(t *testing.T, at int64, w work) (s *service, where any, done bool) {
	s = newService(t)
	s.ttl = 20 * time.Millisecond
	s.all("one").deploy()
	s.all("two").deploy()
	s.all("three")
	f := &fault{at: at}
	err := w(f.in(t.Context()), s)
	if f.hit.Load() == nil {
		if err != nil {
			t.Fatal(err)
		}
		return s, nil, true
	}
	return s, f.hit.Load(), false
}

func TestADeathAtAnyCallLeavesTheOldOrTheNewRelease(t *testing.T) {
	for name, c := range map[string]struct {
		work work
		next string
	}{"deploy": {deployWork, "three"}, "rollback": {rollbackWork, "one"}} {
		for at := int64(1); ; at++ {
			s, where, done := killed(t, at, c.work)
			if done {
				t.Logf("%s: %d calls", name, at-1)
				break
			}
			t.Run(fmt.Sprintf("%s at call %d %v", name, at, where), func(t *testing.T) {
				s.T = t
				whole(s, "two", c.next)
				if err := resumed(s); err != nil {
					t.Fatalf("resume: %v", err)
				}
				whole(s, "two", c.next)
				s.all("four").deploy()
				s.servesAll("four")
			})
		}
	}
}

func TestARollbackAfterADeathAtAnyCallRestoresAWholeRelease(t *testing.T) {
	for at := int64(1); ; at++ {
		s, where, done := killed(t, at, deployWork)
		if done {
			break
		}
		t.Run(fmt.Sprintf("at call %d %v", at, where), func(t *testing.T) {
			s.T = t
			unfinished := pending(s)
			if _, err := s.engine().Rollback(t.Context(), release.RollbackOptions{}); err != nil {
				t.Fatal(err)
			}
			if unfinished {
				whole(s, "two", "two")
			} else {
				whole(s, "one", "two")
			}
		})
	}
}

// pending reports whether an attempt waits to be finished or undone.
func pending(s *service) bool {
	s.Helper()
	list, err := s.engine().Releases(s.Context(), 1)
	if err != nil {
		s.Fatal(err)
	}
	return list[0].State == release.StatePublishing || list[0].State == release.StateActivating
}

func resumed(s *service) error {
	_, err := s.engine().Resume(s.Context(), false)
	return err
}

// whole expects one release, never a mix.
func whole(s *service, either, or string) {
	s.Helper()
	got := s.serving()
	if v := got["api"]; (v != either && v != or) || got["jobs"] != v || got["web"] != v {
		s.Errorf("want all of %s or all of %s, got %v", either, or, got)
	}
}

func TestResumeFinishesWhatWasInterruptedSingly(t *testing.T) {
	for at := int64(1); ; at++ {
		s := newService(t)
		s.ttl = 20 * time.Millisecond
		s.adapter = func(a *memory.Adapter) providers.Adapter { return one{a} }
		s.all("one").deploy()
		s.all("two")
		f := &fault{at: at}
		err := deployWork(f.in(t.Context()), s)
		if f.hit.Load() == nil {
			if err != nil {
				t.Fatal(err)
			}
			break
		}
		t.Run(fmt.Sprintf("at call %d %v", at, f.hit.Load()), func(t *testing.T) {
			s.T = t
			interrupted := pending(s)
			if err := resumed(s); err != nil {
				t.Fatal(err)
			}
			if interrupted {
				s.servesAll("two")
			} else {
				whole(s, "one", "two")
			}
		})
	}
}

func TestAHolderThatWasOvertakenWritesNothing(t *testing.T) {
	s := newService(t)
	s.ttl = 50 * time.Millisecond
	s.all("one").deploy()
	s.all("two")
	frozen, thaw := make(chan struct{}), make(chan struct{})
	s.world.Before = func(ctx context.Context, op, _ string) error {
		if ctx.Value(faultKey{}) == nil {
			return nil
		}
		if op == "probe" || op == "store put" {
			select {
			case <-frozen: // renewals of a stopped process do not arrive either
				<-thaw
			default:
				if op == "probe" {
					close(frozen)
					<-thaw
				}
			}
		}
		return nil
	}
	first := make(chan error, 1)
	go func() {
		_, err := s.engine().Deploy((&fault{}).in(context.WithoutCancel(t.Context())), release.DeployOptions{})
		first <- err
	}()
	<-frozen
	second := *s
	second.T = t
	second.deploy()
	s.servesAll("two")
	before := s.states()
	close(thaw)
	if err := <-first; !errors.Is(err, providers.Conflict) {
		t.Errorf("the overtaken holder ended with %v", err)
	}
	if after := s.states(); len(after) != len(before) {
		t.Errorf("the overtaken holder changed the ledger from %v to %v", before, after)
	}
	s.servesAll("two")
}

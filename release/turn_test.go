package release_test

import (
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/memory"
	"github.com/ferryfn/ferry/release"
	"github.com/ferryfn/ferry/release/faults"
)

// waiter is an engine that waits, and tells when it does.
func (s *service) waiter() (*release.Engine, <-chan release.Holder) {
	waits := make(chan release.Holder, 100)
	e := s.engine()
	e.Wait = time.Minute
	e.Progress = func(ev release.Event) {
		if ev.Holder != nil {
			waits <- *ev.Holder
		}
	}
	return e, waits
}

// atWork begins a deploy of a version that stops at its first publishing, and returns what lets it go on to its end.
func (s *service) atWork(version string, o release.DeployOptions) (goOn func()) {
	s.Helper()
	reached, released := make(chan struct{}), make(chan struct{})
	var once sync.Once
	p := &faults.Process{At: faults.First("publish"), Fault: faults.Fault{Before: func(faults.Call) error {
		once.Do(func() { close(reached) })
		<-released
		return nil
	}}}
	e := s.broken(p).all(version).engine()
	ended := make(chan error, 1)
	go func() { ended <- second(e.Deploy(s.Context(), o)) }()
	<-reached
	return func() {
		s.Helper()
		close(released)
		if err := <-ended; err != nil {
			s.Errorf("who was at work ended with %v", err)
		}
	}
}

// Every command that takes the lock waits for who is at work, and then does what it would have done had it come later.
func TestACommandThatWaitsTakesItsTurnAndLooksAnew(t *testing.T) {
	all := func(code string) map[string]string { return map[string]string{"api": code, "jobs": code, "web": code} }
	for _, c := range []struct {
		name   string
		before release.DeployOptions // of who is at work
		do     func(ctx context.Context, s *service, e *release.Engine) (*release.Result, error)
		want   map[string]string
		live   int
	}{
		{"deploy", release.DeployOptions{}, func(ctx context.Context, _ *service, e *release.Engine) (*release.Result, error) {
			return e.Deploy(ctx, release.DeployOptions{})
		}, all("four"), 4},
		{"rollback", release.DeployOptions{}, func(ctx context.Context, _ *service, e *release.Engine) (*release.Result, error) {
			return e.Rollback(ctx, release.RollbackOptions{})
		}, all("two"), 4},
		{"promote", release.DeployOptions{Traffic: 10}, func(ctx context.Context, _ *service, e *release.Engine) (*release.Result, error) {
			return e.Promote(ctx, release.PromoteOptions{})
		}, all("three"), 3},
		{"resume", release.DeployOptions{}, func(ctx context.Context, _ *service, e *release.Engine) (*release.Result, error) {
			return e.Resume(ctx, false)
		}, all("three"), 3},
		{"remove", release.DeployOptions{}, func(ctx context.Context, _ *service, e *release.Engine) (*release.Result, error) {
			_, err := e.Remove(ctx, release.RemoveOptions{})
			return &release.Result{}, err
		}, map[string]string{}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newService(t)
			s.ttl = 3 * time.Second
			s.all("one").deploy()
			s.all("two").deploy()
			goOn := s.atWork("three", c.before)
			e, waits := s.all("four").waiter()
			type end struct {
				r   *release.Result
				err error
			}
			ended := make(chan end, 1)
			go func() {
				r, err := c.do(t.Context(), s, e)
				ended <- end{r, err}
			}()
			if h := <-waits; h.Actor != "test" || h.Attempt != 3 || h.Since.IsZero() {
				t.Errorf("it waits for %+v", h)
			}
			goOn()
			got := <-ended
			if got.err != nil || got.r.Release != c.live {
				t.Fatalf("got %+v, %v", got.r, got.err)
			}
			s.serves(c.want)
		})
	}
}

func TestAWaitEndsWithTheTime(t *testing.T) {
	s := newService(t)
	s.ttl = time.Second
	s.all("one").deploy()
	goOn := s.atWork("two", release.DeployOptions{})
	e, _ := s.all("three").waiter()
	e.Wait = 1500 * time.Millisecond
	began := time.Now()
	_, err := e.Deploy(t.Context(), release.DeployOptions{})
	if !errors.Is(err, providers.Conflict) || time.Since(began) < e.Wait {
		t.Errorf("after %s: %v", time.Since(began), err)
	}
	goOn()
	s.servesAll("two")
}

// outage is a place whose store is out of reach for a while, once.
type outage struct {
	providers.Adapter
	began, over <-chan struct{}
}

func (o outage) Store(ctx context.Context) (providers.Store, error) {
	s, err := o.Adapter.Store(ctx)
	return outageStore{s, o}, err
}

type outageStore struct {
	providers.Store
	outage
}

// away waits until the store is in reach. It reports whether it was not.
func (s outageStore) away() bool {
	select {
	case <-s.over:
		return false
	default:
	}
	select {
	case <-s.began:
		<-s.over
		return true
	default:
		return false
	}
}

func (s outageStore) Get(ctx context.Context, key string) (providers.Object, error) {
	s.away()
	return s.Store.Get(ctx, key)
}

func (s outageStore) Put(ctx context.Context, key string, body io.ReadSeeker, c providers.Condition) (providers.Tag, error) {
	if s.away() {
		return "", errors.New("the connection was lost")
	}
	return s.Store.Put(ctx, key, body, c)
}

func TestNobodyLosesTheLockToWhoCouldNotLookMeanwhile(t *testing.T) {
	s := newService(t).all("one")
	s.deploy()
	synctest.Test(t, func(t *testing.T) {
		began, over := make(chan struct{}), make(chan struct{})
		s.adapter = func(a *memory.Adapter) providers.Adapter { return outage{a, began, over} }
		leave, ended := make(chan struct{}), make(chan error, 2)
		s.world.Before = func(_ context.Context, op, _ string) error {
			if op == "publish" {
				<-leave
			}
			return nil
		}
		for _, code := range []string{"two", "three"} {
			e := s.all(code).engine()
			e.Wait = time.Hour
			go func() { ended <- second(e.Deploy(t.Context(), release.DeployOptions{NoVerify: true})) }()
			synctest.Wait() // the first is at work, and the second waits
		}
		<-time.After(5 * time.Second)
		close(began)
		<-time.After(5 * time.Minute)
		close(over)
		<-time.After(time.Minute)
		close(leave)
		for range 2 {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
	})
	s.servesAll("three")
}

func TestAnInterruptionEndsAWait(t *testing.T) {
	s := newService(t)
	s.all("one").deploy()
	goOn := s.atWork("two", release.DeployOptions{})
	e, waits := s.all("three").waiter()
	ctx, interrupt := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- second(e.Deploy(ctx, release.DeployOptions{})) }()
	<-waits
	interrupt()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	goOn()
}

func TestWhatWentLiveMeanwhileFromANewerCommitIsNotReplaced(t *testing.T) {
	unknown := errors.New("this clone does not know it")
	isOld := func(_ context.Context, older, newer string) (bool, error) {
		return older == "old" && newer == "new", nil
	}
	for _, c := range []struct {
		name     string
		precedes func(_ context.Context, older, newer string) (bool, error)
		checkout string
		packaged string // the commit that the packages were made from before; "" is that they are built now
		live     string
		warnings int
	}{
		{"newer", isOld, "old", "", "two", 0},
		{"newer than what was packaged", isOld, "newest", "old", "two", 0},
		{"older than what was packaged", isOld, "old", "newest", "three", 0},
		{"not newer", func(context.Context, string, string) (bool, error) { return false, nil }, "old", "", "three", 0},
		{"unknown", func(context.Context, string, string) (bool, error) { return false, unknown }, "old", "", "three", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newService(t)
			s.commit = "base"
			s.all("one").deploy()
			s.commit = "new"
			goOn := s.atWork("two", release.DeployOptions{})
			s.commit = c.checkout
			e, waits := s.all("three").waiter()
			if c.packaged != "" {
				e.Packager.From = s.saved(at(c.packaged, false, 9))
			}
			e.Origin.Precedes = c.precedes
			go func() {
				<-waits
				goOn()
			}()
			r, err := e.Deploy(t.Context(), release.DeployOptions{})
			if c.live == "two" {
				if !errors.Is(err, providers.Superseded) {
					t.Errorf("got %v", err)
				}
			} else if err != nil || len(r.Issues) != c.warnings {
				t.Errorf("got %+v, %v", r, err)
			}
			s.servesAll(c.live)
			e.Wait = 0
			if _, err := e.Deploy(t.Context(), release.DeployOptions{}); err != nil {
				t.Errorf("without a wait: %v", err)
			}
			s.servesAll("three")
		})
	}
}

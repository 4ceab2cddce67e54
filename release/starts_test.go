package release_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/memory"
	"github.com/ferryfn/ferry/release"
)

// stored are how many revisions of the function there are.
func (s *service) stored(fn string) int {
	s.Helper()
	all, err := memory.New(s.world).Revisions(context.WithoutCancel(s.Context()), fn)
	if err != nil {
		s.Fatal(err)
	}
	return len(all)
}

func TestStartsAreOfRevisionsThatServeNobodyAndAreGoneAfterwards(t *testing.T) {
	s := newService(t)
	s.all("one").deploy()
	was, err := memory.New(s.world).Status(t.Context(), "api")
	if err != nil {
		t.Fatal(err)
	}
	before, started := s.stored("api"), 0
	if err := s.engine().Starts(t.Context(), "api", 3, func(time.Duration) {
		started++
		s.servesAll("one")
	}); err != nil || started != 3 {
		t.Fatalf("%d starts: %v", started, err)
	}
	is, err := memory.New(s.world).Status(t.Context(), "api")
	if err != nil || !is.Holds(was.Revision) || s.stored("api") != before {
		t.Errorf("%+v serves with %d revisions stored, and before %+v with %d: %v", is, s.stored("api"), was, before, err)
	}
	if r := s.deploy(); r.Release != 1 {
		t.Errorf("the next deploy made release %d of the same", r.Release)
	}
}

func TestAnInterruptedStartLeavesNothingBehindAndTheLockFree(t *testing.T) {
	s := newService(t)
	s.all("one").deploy()
	before := s.stored("api")
	ctx, interrupt := context.WithCancel(t.Context())
	err := s.engine().Starts(ctx, "api", 3, func(time.Duration) { interrupt() })
	if err == nil || s.stored("api") != before {
		t.Errorf("%v, with %d revisions stored, and before %d", err, s.stored("api"), before)
	}
	s.servesAll("one")
	s.all("two").deploy()
	s.servesAll("two")
}

func TestOnlyWhatIsDeployedIsStarted(t *testing.T) {
	s := newService(t).all("one")
	none := func(time.Duration) { t.Error("something started") }
	if err := s.engine().Starts(t.Context(), "api", 1, none); !errors.Is(err, providers.NotFound) {
		t.Errorf("before the first deploy: %v", err)
	}
	s.deploy()
	if err := s.engine().Starts(t.Context(), "nobody", 1, none); !errors.Is(err, providers.NotFound) {
		t.Errorf("of no function: %v", err)
	}
}

func TestAStartWaitsForItsTurnAtTheLock(t *testing.T) {
	s := newService(t)
	s.ttl = 3 * time.Second
	s.all("one").deploy()
	goOn := s.atWork("two", release.DeployOptions{})
	e, waits := s.waiter()
	ended, started := make(chan error, 1), 0
	go func() {
		ended <- e.Starts(t.Context(), "api", 1, func(time.Duration) {
			started++
			s.servesAll("two")
		})
	}()
	if h := <-waits; h.Attempt != 2 {
		t.Errorf("it waits for %+v", h)
	}
	goOn()
	if err := <-ended; err != nil || started != 1 {
		t.Errorf("%d starts: %v", started, err)
	}
}

package release_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/memory"
	"github.com/ferryfn/ferry/release"
)

// A place that rebuilds or restarts needs minutes to put a function back; one that is quick is given up earlier.
func TestARestoreHasTheTimeThatThePlaceNeeds(t *testing.T) {
	const slow = 15 * time.Minute
	for name, c := range map[string]struct {
		settling time.Duration
		want     release.Outcome
	}{
		"a place that says so is waited for": {settling: slow, want: release.OutcomeRestored},
		"one that says less is given up":     {settling: time.Minute, want: release.OutcomePartial},
	} {
		t.Run(name, func(t *testing.T) {
			s := newService(t).all("one")
			s.deploy()
			s.all("two")
			s.world.Pace.Settling = c.settling
			synctest.Test(t, func(t *testing.T) {
				switches := 0
				s.world.Before = func(ctx context.Context, op, _ string) error {
					if op != "switch" {
						return nil
					}
					if switches++; switches == 1 {
						return nil
					}
					return after(ctx, slow)
				}
				s.world.After = func(op, _ string) error {
					if op == "switch" && switches == 1 {
						return errors.New("the reply is lost")
					}
					return nil
				}
				_, err := s.engine().Deploy(t.Context(), release.DeployOptions{NoVerify: true})
				if e := s.failure(err, c.want); c.want == release.OutcomePartial && len(e.Partial) == 0 {
					t.Errorf("it does not say what serves where: %+v", e)
				}
			})
		})
	}
}

// after waits, unless ctx ends before.
func after(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// What one host still answers as before must not stand for the health of what is new.
func TestHealthIsAskedOfWhatIsNewAlsoWhereHostsAreToldOneAfterTheOther(t *testing.T) {
	both(t, func(t *testing.T, s *service) {
		s.world.Pace.Spread = 3 * 150 * time.Millisecond // the health check gives up earlier
		s.all("one").deploy()
		s.servesAll("one")
		s.all("unhealthy two")
		_, err := s.engine().Deploy(t.Context(), release.DeployOptions{})
		s.failure(err, release.OutcomeRestored)
		s.servesAll("one")
	})
}

func TestAnAddressThatNeverAnswersAsWhatIsNewFailsTheDeploy(t *testing.T) {
	s := newService(t).all("one")
	s.deploy()
	s.all("two")
	s.world.Pace = memory.Pace{Spread: time.Hour, Settling: 20 * time.Millisecond}
	_, err := s.engine().Deploy(t.Context(), release.DeployOptions{NoVerify: true})
	if s.failure(err, release.OutcomeRestored); !errors.Is(err, providers.Timeout) {
		t.Errorf("got %v", err)
	}
}

func TestADeployThatWasKilledDuringABuildIsFollowedByOneThatCarriesItOn(t *testing.T) {
	s := newService(t).all("one")
	s.world.Pace.Build = 300 * time.Millisecond
	ctx, kill := context.WithCancel(t.Context())
	defer kill()
	e := s.engine()
	var mu sync.Mutex
	at := map[string]bool{}
	e.Progress = func(ev release.Event) {
		mu.Lock()
		defer mu.Unlock()
		if ev.Step == release.StepPublish && ev.Stage == "building" {
			if at[ev.Function] = true; len(at) == len(s.code) {
				kill()
			}
		}
	}
	if _, err := e.Deploy(ctx, release.DeployOptions{}); !errors.Is(err, context.Canceled) {
		t.Fatalf("want a deploy that is interrupted while it builds, got %v", err)
	}
	s.deploy()
	s.servesAll("one")
	for name := range s.code {
		if n := s.world.Builds(name); n != 1 {
			t.Errorf("%s was built %d times", name, n)
		}
	}
}

func TestARollbackPublishesAgainWhatLostItsImage(t *testing.T) {
	s := newService(t).all("one")
	first := s.deploy()
	s.all("two").deploy()
	for name, f := range first.Functions {
		s.world.Lose(name, f.Revision)
	}
	s.rollback(0)
	s.servesAll("one")
}

// slow is a place that takes only so many changes in a time.
type slow struct{ providers.Adapter }

func (slow) Floor(specs []providers.Spec) string {
	if len(specs) == 0 {
		return ""
	}
	return fmt.Sprintf("%d builds take at least 95s", len(specs))
}

func TestAPlanAndADeploySayHowLongPublishingTakesAtTheLeast(t *testing.T) {
	s := newService(t).all("one")
	s.adapter = func(a *memory.Adapter) providers.Adapter { return slow{a} }
	want := fmt.Sprintf("%d builds take at least 95s", len(s.code))
	p, err := s.engine().Plan(t.Context(), nil)
	if err != nil || p.Floor != want {
		t.Errorf("it plans %q, %v", p.Floor, err)
	}
	var said []string
	e := s.engine()
	var mu sync.Mutex
	e.Progress = func(ev release.Event) {
		mu.Lock()
		defer mu.Unlock()
		if ev.Step == release.StepPublish && ev.Function == "" && ev.Stage != "" {
			said = append(said, ev.Stage)
		}
	}
	if _, err := e.Deploy(t.Context(), release.DeployOptions{}); err != nil {
		t.Fatal(err)
	}
	if len(said) != 1 || said[0] != want {
		t.Errorf("it says %q", said)
	}
	s.servesAll("one")
	if p, err := s.engine().Plan(t.Context(), nil); err != nil || p.Floor != "" {
		t.Errorf("of nothing to do it says %q, %v", p.Floor, err)
	}
}

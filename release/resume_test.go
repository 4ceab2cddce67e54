package release_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/memory"
	"github.com/ferryfn/ferry/release"
	"github.com/ferryfn/ferry/release/faults"
)

// halfActivated is a service where a deploy of two over one died when its first function was live: jobs, which has events.
func halfActivated(t *testing.T) *service {
	s := newService(t)
	s.ttl = 20 * time.Millisecond
	s.adapter = func(a *memory.Adapter) providers.Adapter { return one{a} }
	s.all("one").deploy()
	dying := s.broken(&faults.Process{At: faults.Next(faults.First("activate")), Fault: faults.Die(func() {})})
	if _, err := dying.all("two").engine().Deploy(t.Context(), release.DeployOptions{}); !errors.Is(err, faults.Dead) {
		t.Fatalf("got %v", err)
	}
	s.all("two").serves(map[string]string{"api": "one", "jobs": "two", "web": "one"})
	return s
}

// unsettled has jobs live with settings that an activation broke off at, until it is activated again.
type unsettled struct {
	providers.Adapter
	settled bool
}

func (u *unsettled) Status(ctx context.Context, function string) (providers.State, error) {
	st, err := u.Adapter.Status(ctx, function)
	st.Unsettled = function == "jobs" && !u.settled
	return st, err
}

func (u *unsettled) Activate(ctx context.Context, c providers.Change) (providers.State, error) {
	st, err := u.Adapter.Activate(ctx, c)
	if c.Spec.Function.Name == "jobs" {
		u.settled = err == nil
	}
	return st, err
}

func TestResumeFinishesWhatItsAttemptMadeLiveInPart(t *testing.T) {
	s := halfActivated(t)
	half := &unsettled{}
	s.adapter = func(a *memory.Adapter) providers.Adapter {
		half.Adapter = one{a}
		return half
	}
	r, err := s.engine().Resume(t.Context(), false)
	if err != nil || r.Release != 2 || r.State != release.StateLive || !half.settled {
		t.Fatalf("got %+v, %v", r, err)
	}
	s.servesAll("two")
}

func TestResumeOverwritesWhatSomebodyElseMadeLiveOnlyByForce(t *testing.T) {
	s := halfActivated(t)
	a := memory.New(s.world)
	change := providers.Change{Spec: providers.Spec{Function: manifest.Function{Name: "web"}}, Epoch: s.shown()}
	var err error
	if change.From, err = a.Status(t.Context(), "web"); err == nil {
		_, err = a.Activate(t.Context(), change)
	}
	if err != nil {
		t.Fatal(err)
	}
	changed := map[string]string{"api": "one", "jobs": "two"}
	s.serves(changed)
	if _, err := s.engine().Resume(t.Context(), false); !errors.Is(err, providers.Conflict) {
		t.Errorf("got %v", err)
	}
	s.serves(changed)
	if _, err := s.engine().Resume(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	s.servesAll("two")
}

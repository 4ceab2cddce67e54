package release_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/memory"
	"github.com/ferryfn/ferry/release"
)

// obstructed is a place with something in the way, until it is started if a start takes it away.
type obstructed struct {
	*memory.Adapter
	way *way
}

type way struct {
	obstacle *providers.Obstacle // nil is none
	needs    string              // a variable without which the obstacle concerns no function
	starts   int
}

func (o obstructed) Obstacles(_ context.Context, specs []providers.Spec) ([]providers.Obstacle, error) {
	if o.way.obstacle == nil {
		return nil, nil
	}
	var found []providers.Obstacle
	for _, s := range specs {
		if _, needs := s.Function.Env[o.way.needs]; o.way.needs == "" || needs {
			one := *o.way.obstacle
			about := *one.Err
			about.Function, one.Err = s.Function.Name, &about
			found = append(found, one)
		}
	}
	return found, nil
}

func (o obstructed) Start(context.Context) error {
	o.way.starts++
	if o.way.obstacle != nil && o.way.obstacle.Passing {
		o.way.obstacle = nil
	}
	return nil
}

func obstructedService(t *testing.T) (*service, *way) {
	s, w := newService(t), &way{}
	s.adapter = func(a *memory.Adapter) providers.Adapter { return obstructed{a, w} }
	return s, w
}

func noValue() *providers.Obstacle {
	return &providers.Obstacle{Err: &providers.Error{Kind: providers.NotFound, Op: "start", Provider: "memory", Hint: "set it", Err: errors.New("a secret has no value")}}
}

func TestNothingIsSaidToServeThatCannotBeStarted(t *testing.T) {
	s, w := obstructedService(t)
	s.all("one").deploy()
	w.obstacle = noValue()
	_, err := s.engine().Deploy(t.Context(), release.DeployOptions{})
	var failed *release.Error
	if !errors.Is(err, providers.NotFound) || errors.As(err, &failed) {
		t.Errorf("deploying the same again gave %v", err)
	}
	if _, err := s.engine().Plan(t.Context(), nil); !errors.Is(err, providers.NotFound) {
		t.Errorf("the plan gave %v", err)
	}
	if _, err := s.engine().Rollback(t.Context(), release.RollbackOptions{To: 1}); !errors.Is(err, providers.NotFound) {
		t.Errorf("a rollback to what is live gave %v", err)
	}
	if _, err := s.engine().Resume(t.Context(), false); !errors.Is(err, providers.NotFound) {
		t.Errorf("resuming nothing gave %v", err)
	}
	st, err := s.engine().Status(t.Context())
	if err != nil || st.Functions["api"].State != "stopped" || len(st.Obstacles) != 3 || st.Obstacles[0].Message != "a secret has no value" || st.Obstacles[0].Hint != "set it" {
		t.Errorf("got %+v, %v", st, err)
	}
}

func TestAReleaseThatCouldNotBeStartedChangesNothing(t *testing.T) {
	s, w := obstructedService(t)
	w.obstacle, w.needs = noValue(), "KEY"
	s.all("one").deploy()
	s.env = map[string]string{"KEY": "x"}
	_, err := s.engine().Deploy(t.Context(), release.DeployOptions{})
	if failed := s.failure(err, release.OutcomeUnchanged); failed.Release != 1 || failed.Attempt != 0 {
		t.Errorf("got %+v", failed)
	}
	s.servesAll("one")
	obstacles, err := s.engine().Obstacles(t.Context())
	if err != nil || len(obstacles) != 3 || obstacles[0].Function != "api" || obstacles[0].Passing {
		t.Errorf("got %+v, %v", obstacles, err)
	}
}

func TestWhatAStartTakesAwayIsShownByThePlanAndTakenAwayByADeploy(t *testing.T) {
	s, w := obstructedService(t)
	s.all("one").deploy()
	stopped := &providers.Obstacle{Passing: true, Err: &providers.Error{Kind: providers.Unavailable, Op: "start", Provider: "memory", Err: errors.New("it does not run")}}
	w.obstacle = stopped
	p, err := s.engine().Plan(t.Context(), nil)
	if err != nil || !p.Empty || len(p.Obstacles) != 3 || !p.Obstacles[0].Passing || !strings.Contains(p.Obstacles[0].Message, "does not run") {
		t.Errorf("got %+v, %v", p, err)
	}
	before := w.starts
	if r := s.deploy(); r.Outcome != release.OutcomeUnchanged || w.starts != before+1 || w.obstacle != nil {
		t.Errorf("got %+v after %d starts", r, w.starts-before)
	}
	w.obstacle = stopped
	st, err := s.engine().Status(t.Context())
	if err != nil || st.Functions["web"].State != "stopped" {
		t.Errorf("got %+v, %v", st, err)
	}
}

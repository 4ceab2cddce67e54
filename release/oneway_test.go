package release_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/memory"
	"github.com/ferryfn/ferry/release"
)

// turning makes every function in a way that has none back.
type turning struct{ *memory.Adapter }

func (turning) Turn(providers.State, providers.Spec) (string, error) {
	return "there is no way back", nil
}

// stuck can make no function anew.
type stuck struct{ *memory.Adapter }

func (stuck) Turn(_ providers.State, to providers.Spec) (string, error) {
	return "", &providers.Error{Kind: providers.Unsupported, Op: "publish", Function: to.Function.Name}
}

func TestWhatHasNoWayBackIsDoneOnlyWhenThatIsAskedFor(t *testing.T) {
	s := newService(t).all("one")
	s.deploy()
	s.adapter = func(a *memory.Adapter) providers.Adapter { return turning{a} }
	s.write(map[string]string{"api": "two", "jobs": "one", "web": "one"})
	_, err := s.engine().Deploy(t.Context(), release.DeployOptions{})
	var asked *release.OneWay
	if !errors.As(err, &asked) {
		t.Fatalf("got %v", err)
	}
	var about []string
	for _, turn := range asked.Turns {
		about = append(about, turn.Function)
	}
	if diff := cmp.Diff([]string{"api"}, about); diff != "" {
		t.Errorf("it asks about (-want +got):\n%s", diff)
	}
	s.servesAll("one")
	p, err := s.engine().Plan(t.Context(), nil)
	if err != nil || !slices.Contains(p.Issues, asked.Turns[0]) {
		t.Errorf("the plan is %+v, %v", p, err)
	}
	if _, err := s.engine().Deploy(t.Context(), release.DeployOptions{OneWay: true}); err != nil {
		t.Fatal(err)
	}
	s.serves(map[string]string{"api": "two", "jobs": "one", "web": "one"})
}

func TestWhatCannotBeMadeAnewIsRefusedAndStandsInNobodysWayWhileItStaysAsItIs(t *testing.T) {
	s := newService(t).all("one")
	s.deploy()
	s.adapter = func(a *memory.Adapter) providers.Adapter { return stuck{a} }
	s.deploy()
	s.all("two")
	if _, err := s.engine().Plan(t.Context(), nil); !errors.Is(err, providers.Unsupported) {
		t.Errorf("got %v", err)
	}
	if _, err := s.engine().Deploy(t.Context(), release.DeployOptions{OneWay: true}); !errors.Is(err, providers.Unsupported) {
		t.Errorf("got %v", err)
	}
	s.servesAll("one")
}

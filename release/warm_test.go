package release_test

import (
	"context"
	"slices"
	"testing"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/memory"
	"github.com/ferryfn/ferry/release"
)

// warming is a place that notes what it is to get ready.
type warming struct {
	*memory.Adapter
	asked chan providers.Spec
}

func (w warming) Warm(_ context.Context, s providers.Spec) error {
	w.asked <- s
	return nil
}

func TestOnlyWhatADeployWouldPublishIsGotReadyAheadOfIt(t *testing.T) {
	s := newService(t)
	asked := make(chan providers.Spec, 10)
	s.adapter = func(a *memory.Adapter) providers.Adapter { return warming{a, asked} }
	warmed := func() (names []string) {
		t.Helper()
		if err := s.engine().Warm(t.Context()); err != nil {
			t.Fatal(err)
		}
		for len(asked) > 0 {
			spec := <-asked
			if spec.Artifact.Path == "" {
				t.Errorf("%s has no package", spec.Function.Name)
			}
			names = append(names, spec.Function.Name)
		}
		slices.Sort(names)
		return names
	}
	s.all("one").deploy()
	if got := warmed(); got != nil {
		t.Errorf("%v are made ready, and nothing changed", got)
	}
	s.write(map[string]string{"api": "two", "jobs": "one", "web": "one"})
	if got := warmed(); !slices.Equal(got, []string{"api"}) {
		t.Errorf("%v are made ready, want api alone", got)
	}
	s.servesAll("one")
	if r := s.deploy(); r.Release != 2 {
		t.Errorf("the deploy after it is number %d", r.Release)
	}
	if _, err := s.engine().Rollback(t.Context(), release.RollbackOptions{}); err != nil {
		t.Fatal(err)
	}
	if got := warmed(); got != nil {
		t.Errorf("%v are made ready, of content that is held", got)
	}
}

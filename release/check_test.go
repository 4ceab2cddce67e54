package release_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/memory"
	"github.com/ferryfn/ferry/release"
)

// counting is an adapter that counts what it is asked to check.
type counting struct {
	providers.Adapter
	checks map[string]int
}

func (c counting) Check(fn manifest.Function) []providers.Issue {
	c.checks[fn.Name]++
	return c.Adapter.Check(fn)
}

func TestATargetIsAskedOnceWhatItCannotHonour(t *testing.T) {
	s := newService(t).all("one")
	checks := map[string]int{}
	s.adapter = func(a *memory.Adapter) providers.Adapter { return counting{a, checks} }
	e := s.engine()
	if _, err := e.Check(); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Deploy(t.Context(), release.DeployOptions{}); err != nil {
		t.Fatal(err)
	}
	if want := map[string]int{"api": 1, "jobs": 1, "web": 1}; !maps.Equal(checks, want) {
		t.Errorf("it was asked %v times", checks)
	}
}

func TestNamesOfFunctionsAreLookedUpBeforeAnythingIsBuilt(t *testing.T) {
	s := newService(t).all("one")
	m := s.engine().Manifest
	chosen, err := release.Choose(m, []string{"web", "api", "web"})
	var names []string
	for _, fn := range chosen {
		names = append(names, fn.Name)
	}
	if err != nil || !slices.Equal(names, []string{"web", "api"}) {
		t.Errorf("got %q, %v", names, err)
	}
	_, err = s.engine().Plan(t.Context(), []string{"apo"})
	var unknown *providers.Error
	if !errors.As(err, &unknown) || unknown.Kind != providers.NotFound || !strings.Contains(unknown.Hint, `"api"`) {
		t.Errorf("got %v, hint %q", err, unknown.Hint)
	}
}

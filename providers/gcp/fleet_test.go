package gcp

import (
	"fmt"
	"testing"
	"time"

	"github.com/ferryfn/ferry/internal/standin"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/release"
)

// fleetSize is how many functions a fleet has.
const fleetSize = 50

// asked counts the calls of Cloud Run's that write, its other ones, and what was sent to the registry.
func asked(calls []standin.Call) (writes, services, pushed int) {
	for _, c := range calls {
		switch {
		case c.Service == "docker" && c.Write:
			pushed++
		case c.Service == "run" && c.Write:
			writes++
		case c.Service == "run" && c.Operation == "projects.locations.services.get":
			services++
		}
	}
	return writes, services, pushed
}

func TestFiftyFunctionsAreReadOnceWhereNothingChangedAndRolledBackByOneWriteEach(t *testing.T) {
	t.Parallel()
	s := newTenant(t, newSources(t))
	word := "a"
	s.adjust = func(m *manifest.Manifest) {
		like := m.Functions[0]
		m.Functions = nil
		for i := range fleetSize {
			fn := like
			fn.Name, fn.Env = fmt.Sprintf("f%02d", i), map[string]string{"WORD": word}
			fn.Events = []manifest.Event{{HTTP: &manifest.HTTPEvent{Auth: "public"}}}
			m.Functions = append(m.Functions, fn)
		}
	}
	engine := func() *release.Engine {
		e := s.engine("one")
		e.LockTTL = time.Minute
		if a, ok := e.Adapter.(*Adapter); ok {
			a.pace = &pace{} // what a minute has room for is not what is tried here
		}
		return e
	}
	deploy := func() []standin.Call {
		s.Reset()
		if _, err := engine().Deploy(s.Context(), release.DeployOptions{}); err != nil {
			t.Fatal(err)
		}
		return s.Calls()
	}
	deploy()
	if writes, services, pushed := asked(deploy()); writes > 0 || pushed > 0 || services != fleetSize {
		t.Errorf("a deploy of nothing new writes %d times, reads %d services and pushes %d times", writes, services, pushed)
	}
	word = "b"
	if writes, _, _ := asked(deploy()); writes != 2*fleetSize {
		t.Errorf("another environment takes %d writes, want a revision and its traffic of each", writes)
	}
	s.Reset()
	if _, err := engine().Rollback(s.Context(), release.RollbackOptions{}); err != nil {
		t.Fatal(err)
	}
	if writes, _, pushed := asked(s.Calls()); writes != fleetSize || pushed > 0 {
		t.Errorf("a rollback takes %d writes and %d pushes", writes, pushed)
	}
}

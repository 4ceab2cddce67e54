package release_test

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/memory"
	"github.com/ferryfn/ferry/release"
	"github.com/ferryfn/ferry/release/faults"
)

// versions are the sources of the harness's service, in a folder each. Version three has another function
// than the others.
type versions struct{ dir, cache string }

func newVersions(t *testing.T) versions {
	v := versions{t.TempDir(), t.TempDir()}
	for _, version := range []string{"one", "two", "three", "four", "five"} {
		v.of(&service{T: t}, version).write(v.code(version))
	}
	return v
}

func (v versions) functions(version string) []string {
	if version == "three" {
		return []string{"api", "jobs", "pages"}
	}
	return []string{"api", "jobs", "web"}
}

func (v versions) code(version string) map[string]string {
	code := map[string]string{}
	for _, name := range v.functions(version) {
		code[name] = version
	}
	return code
}

// of is the service with the sources of a version.
func (v versions) of(s *service, version string) *service {
	at := *s
	at.dir, at.cache, at.code = filepath.Join(v.dir, version), v.cache, v.code(version)
	return &at
}

// place is the service at an empty place, for the harness.
func (v versions) place(t *testing.T, adapter func(*memory.Adapter) providers.Adapter) faults.Place {
	s := newService(t)
	s.adapter = adapter
	return faults.Place{
		Functions: v.functions, Serving: s.serving,
		Engine: func(version string) *release.Engine { return v.of(s, version).engine() },
	}
}

func TestNoFaultAtAnyCallBreaksARelease(t *testing.T) {
	v := newVersions(t)
	both := map[string]func(*memory.Adapter) providers.Adapter{
		"as one": func(a *memory.Adapter) providers.Adapter { return a },
		"singly": func(a *memory.Adapter) providers.Adapter { return one{a} },
	}
	for name, adapter := range both {
		t.Run(name, func(t *testing.T) {
			faults.Run(t, faults.Options{Every: 40, LockTTL: 20 * time.Millisecond}, func(t *testing.T) faults.Place { return v.place(t, adapter) })
		})
	}
}

func TestWhatChangesWhileAReleaseIsPreparedIsNotTouched(t *testing.T) {
	both(t, func(t *testing.T, s *service) {
		somebodyChangesWeb(t, s, faults.First("publish"))
	})
}

func TestWhatSomebodyElseMakesServeRightBeforeAnActivationStays(t *testing.T) {
	both(t, func(t *testing.T, s *service) {
		somebodyChangesWeb(t, s, func(c faults.Call) bool { return c.Op == "switch" || c.Op == "activate" && c.About == "web" })
		if _, err := s.engine().Deploy(t.Context(), release.DeployOptions{}); !errors.Is(err, providers.Conflict) {
			t.Errorf("the next deploy writes over it unasked: %v", err)
		}
		if _, err := s.engine().Deploy(t.Context(), release.DeployOptions{Force: true}); err != nil {
			t.Error(err)
		}
		s.serves(map[string]string{"api": "three", "jobs": "two", "web": "three"})
	})
}

// somebodyChangesWeb has somebody make an older revision of web serve at a call of a deploy. That stays, and nothing of the deploy does.
func somebodyChangesWeb(t *testing.T, s *service, at func(faults.Call) bool) {
	t.Helper()
	s.all("one").deploy()
	old, err := memory.New(s.world).Status(t.Context(), "web")
	if err != nil {
		t.Fatal(err)
	}
	s.all("two").deploy()
	p := &faults.Process{At: at, Fault: faults.Fault{Before: func(faults.Call) error {
		a := memory.New(s.world)
		now, err := a.Status(t.Context(), "web")
		if err == nil {
			web := providers.Spec{Function: manifest.Function{Name: "web"}}
			_, err = a.Activate(t.Context(), providers.Change{Spec: web, From: now, To: old.Revision, Epoch: s.shown()})
		}
		return err
	}}}
	inner := s.adapter
	s.adapter = func(a *memory.Adapter) providers.Adapter { return p.Wrap(inner(a)) }
	s.write(map[string]string{"api": "three", "jobs": "two", "web": "three"})
	_, err = s.engine().Deploy(t.Context(), release.DeployOptions{})
	e := s.failure(err, release.OutcomeUnchanged)
	if !errors.Is(e, providers.Conflict) {
		t.Errorf("got %v", e)
	}
	s.serves(map[string]string{"api": "two", "jobs": "two", "web": "one"})
	s.adapter = inner
}

func TestAHolderThatWasOvertakenByForcePutsNothingBack(t *testing.T) {
	both(t, func(t *testing.T, s *service) {
		s.all("one").deploy()
		reached, goOn := make(chan struct{}), make(chan struct{})
		p := &faults.Process{Fault: faults.Stop(goOn), At: func(c faults.Call) bool {
			if c.Op != "switch" && c.Op != "activate" {
				return false
			}
			close(reached)
			return true
		}}
		slow := *s
		slow.adapter = func(a *memory.Adapter) providers.Adapter { return p.Wrap(s.adapter(a)) }
		slow.all("two")
		ended := make(chan error, 1)
		go func() { ended <- second(slow.engine().Deploy(t.Context(), release.DeployOptions{})) }()
		<-reached
		if _, err := s.engine().Rollback(t.Context(), release.RollbackOptions{Force: true}); err != nil {
			t.Fatal(err)
		}
		s.all("three").deploy()
		close(goOn)
		e := s.failure(<-ended, release.OutcomeUnchanged)
		if !errors.Is(e, providers.Conflict) {
			t.Errorf("got %v", e)
		}
		s.servesAll("three")
		s.all("four").deploy()
		s.servesAll("four")
	})
}

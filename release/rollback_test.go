package release_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/memory"
	"github.com/ferryfn/ferry/release"
)

func TestRollbackSkipsWhatWasRolledAwayFrom(t *testing.T) {
	both(t, func(t *testing.T, s *service) {
		s.all("one").deploy()
		s.all("two").deploy()
		s.rollback(0)
		s.all("three").deploy()
		r := s.rollback(0)
		s.servesAll("one")
		if r.Source != 1 {
			t.Errorf("got source %d", r.Source)
		}
	})
}

func TestTwoRollbacksFromSixServeFiveAndThenFour(t *testing.T) {
	s := newService(t)
	for n := 1; n <= 6; n++ {
		s.all(fmt.Sprint(n)).deploy()
	}
	s.rollback(0)
	s.servesAll("5")
	s.rollback(0)
	s.servesAll("4")
}

func TestAFailedReleaseIsNeverARollbackTarget(t *testing.T) {
	s := newService(t).all("one")
	s.deploy()
	s.all("unhealthy")
	if _, err := s.engine().Deploy(t.Context(), release.DeployOptions{}); err == nil {
		t.Fatal("an unhealthy release was deployed")
	}
	s.all("three").deploy()
	s.rollback(0)
	s.servesAll("one")
	if _, err := s.engine().Rollback(t.Context(), release.RollbackOptions{To: 2}); !errors.Is(err, providers.NotFound) {
		t.Errorf("got %v", err)
	}
}

func TestRollbackBringsTheEnvironmentBack(t *testing.T) {
	s := newService(t)
	s.env = map[string]string{"WORD": "a"}
	s.all("one").deploy()
	s.env = map[string]string{"WORD": "b"}
	s.deploy()
	s.servesAll("one b")
	s.rollback(0)
	s.servesAll("one a")
}

func TestRollbackToANamedReleaseMakesItGoodAgain(t *testing.T) {
	s := newService(t)
	s.all("one").deploy()
	s.all("two").deploy()
	s.rollback(0)
	s.rollback(2)
	s.servesAll("two")
	s.all("three").deploy()
	s.rollback(0)
	s.servesAll("two")
}

func TestRollbackToAMissingReleaseIsNotFound(t *testing.T) {
	s := newService(t).all("one")
	s.deploy()
	for _, to := range []int{0, 9} {
		if _, err := s.engine().Rollback(t.Context(), release.RollbackOptions{To: to}); !errors.Is(err, providers.NotFound) {
			t.Errorf("to %d: got %v", to, err)
		}
	}
	s.servesAll("one")
}

func TestRollbackToWhatServesChangesNothing(t *testing.T) {
	s := newService(t).all("one")
	s.deploy()
	r := s.rollback(1)
	if r.Outcome != release.OutcomeUnchanged || r.Release != 1 {
		t.Errorf("got %+v", r)
	}
}

func TestAPrunedRevisionIsPublishedAgainFromTheStore(t *testing.T) {
	s := newService(t)
	s.keep = 2
	for n := 1; n <= 5; n++ {
		s.all(fmt.Sprint(n)).deploy()
	}
	revisions, err := memory.New(s.world).Revisions(t.Context(), "api")
	if err != nil {
		t.Fatal(err)
	}
	if len(revisions) != 2 {
		t.Errorf("%d revisions are kept, not 2: %+v", len(revisions), revisions)
	}
	s.rollback(1)
	s.servesAll("1")
}

func TestADamagedPackageInTheStoreIsNotRolledBackTo(t *testing.T) {
	s := newService(t)
	s.keep = 2
	for n := 1; n <= 5; n++ {
		s.all(fmt.Sprint(n)).deploy()
	}
	store, err := memory.New(s.world).Store(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	keys, err := store.List(t.Context(), "shop/dev/here/packages/")
	if err != nil || len(keys) == 0 {
		t.Fatal(keys, err)
	}
	for _, key := range keys {
		if _, err := store.Put(t.Context(), key, strings.NewReader("not a package"), providers.Condition{}); err != nil {
			t.Fatal(err)
		}
	}
	_, err = s.engine().Rollback(t.Context(), release.RollbackOptions{To: 1})
	if e := s.failure(err, release.OutcomeUnchanged); !strings.Contains(e.Error(), "the file is damaged") {
		t.Errorf("got %v", e)
	}
	s.servesAll("5")
}

func TestARollbackAnnouncesWhatItWillRestore(t *testing.T) {
	s := newService(t).all("one")
	s.deploy()
	s.write(map[string]string{"api": "two", "jobs": "one", "web": "one"}).deploy()
	announced := 0
	_, err := s.engine().Rollback(t.Context(), release.RollbackOptions{Announce: func(n int, p *release.Plan) {
		announced++
		if n != 1 || len(p.Changes) != 1 || p.Changes[0].Function != "api" {
			t.Errorf("got %d, %+v", n, p)
		}
		s.serves(map[string]string{"api": "two", "jobs": "one", "web": "one"})
	}})
	if err != nil || announced != 1 {
		t.Errorf("announced %d times: %v", announced, err)
	}
	s.servesAll("one")
}

func TestReleasesListsTheNewestFirstWithWhatIsLive(t *testing.T) {
	s := newService(t).all("one")
	s.deploy()
	s.all("two").deploy()
	s.rollback(0)
	history, err := s.engine().Releases(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}
	type line struct {
		number, source int
		kind           release.Kind
		live           bool
	}
	var got []line
	for _, r := range history.Releases {
		got = append(got, line{r.Number, r.Source, r.Kind, r.Live})
	}
	want := []line{{3, 1, release.KindRollback, true}, {2, 2, release.KindDeploy, false}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(line{})); diff != "" {
		t.Error(diff)
	}
}

func TestRollbackBringsBindingsAndScalingBack(t *testing.T) {
	both(t, func(t *testing.T, s *service) {
		bindings := func(want providers.Mode) {
			t.Helper()
			st, err := memory.New(s.world).Status(t.Context(), "jobs")
			if err != nil || st.Bindings != want {
				t.Errorf("the bindings are %q, not %q, %v", st.Bindings, want, err)
			}
		}
		s.all("one").deploy()
		bindings(providers.BindEnabled)
		s.adjust = func(fn *manifest.Function) {
			fn.Events, fn.Scaling.Max = []manifest.Event{{HTTP: &manifest.HTTPEvent{Auth: "public"}}}, 7
		}
		s.deploy()
		bindings(providers.BindNone)
		s.rollback(0)
		bindings(providers.BindEnabled)
		p, err := s.engine().Plan(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range p.Changes {
			if !slices.Contains(c.Fields, release.FieldChange{Path: "scaling.max", From: 0.0, To: 7.0}) {
				t.Errorf("the rollback left the scaling of %s: %+v", c.Function, c.Fields)
			}
		}
	})
}

// deaf acknowledges every binding and makes none.
type deaf struct{ *memory.Adapter }

func (deaf) Bind(context.Context, providers.Spec, providers.Mode, providers.Epoch) error { return nil }

func TestAnAcknowledgedBindingWithoutEffectIsAFailure(t *testing.T) {
	s := newService(t)
	s.adapter = func(a *memory.Adapter) providers.Adapter { return deaf{a} }
	s.all("one")
	_, err := s.engine().Deploy(t.Context(), release.DeployOptions{})
	s.failure(err, release.OutcomeRestored)
	s.serves(map[string]string{})
}

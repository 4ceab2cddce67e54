package release_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/memory"
	"github.com/ferryfn/ferry/release"
)

// splitting is a service whose release 2 ("two") gets 10 % of the requests beside release 1 ("one").
func splitting(t *testing.T) *service {
	s := newService(t).all("one")
	s.deploy()
	s.all("two")
	s.canary(10)
	return s
}

func (s *service) canary(percent int) *release.Result {
	s.Helper()
	r, err := s.engine().Deploy(s.Context(), release.DeployOptions{Traffic: percent})
	if err != nil {
		s.Fatal(err)
	}
	if r.State != release.StateCanary || r.Release != 1 || r.Attempt != 2 {
		s.Fatalf("got %+v", r)
	}
	return r
}

// share counts how many of 200 requests to a function the code gets.
func (s *service) share(function, code string) int {
	s.Helper()
	n := 0
	for range 200 {
		if s.serving()[function] == code {
			n++
		}
	}
	return n
}

func TestACanaryGetsItsShareUntilItIsPromoted(t *testing.T) {
	s := splitting(t)
	if n := s.share("api", "two"); n < 5 || n > 45 {
		t.Errorf("10%% of 200 requests were %d", n)
	}
	st, err := s.engine().Status(t.Context())
	if err != nil || st.Canary != 2 || st.Percent != 10 || st.Release != 1 || st.Unfinished != 0 {
		t.Errorf("got %+v, %v", st, err)
	}
	r, err := s.engine().Promote(t.Context(), release.PromoteOptions{})
	if err != nil || r.Release != 2 || r.State != release.StateLive {
		t.Fatalf("got %+v, %v", r, err)
	}
	s.servesAll("two")
	s.rollback(0)
	s.servesAll("one")
}

func TestARollbackEndsACanary(t *testing.T) {
	s := splitting(t)
	s.rollback(0)
	s.servesAll("one")
	if n := s.share("api", "two"); n > 0 {
		t.Errorf("%d requests still reach the canary", n)
	}
	if diff := cmp.Diff([]release.State{release.StateLive, release.StateRestored}, s.states()); diff != "" {
		t.Error(diff)
	}
}

func TestTheShareOfACanaryCanGrow(t *testing.T) {
	s := splitting(t)
	s.canary(60)
	if n := s.share("api", "two"); n < 90 || n > 150 {
		t.Errorf("60%% of 200 requests were %d", n)
	}
}

func TestACanaryMustBeDecidedOnBeforeTheNextDeploy(t *testing.T) {
	s := splitting(t)
	s.all("three")
	if _, err := s.engine().Deploy(t.Context(), release.DeployOptions{}); !errors.Is(err, providers.Conflict) {
		t.Errorf("got %v", err)
	}
	if _, err := s.engine().Resume(t.Context(), false); !errors.Is(err, providers.Conflict) {
		t.Errorf("got %v", err)
	}
}

func TestAnUnhealthyCanaryIsNotPromoted(t *testing.T) {
	s := newService(t).all("one")
	s.deploy()
	s.all("unhealthy")
	s.canary(10)
	_, err := s.engine().Promote(t.Context(), release.PromoteOptions{})
	s.failure(err, release.OutcomeRestored)
	s.servesAll("one")
}

func TestWithoutACanaryThereIsNothingToPromote(t *testing.T) {
	s := newService(t).all("one")
	s.deploy()
	if _, err := s.engine().Promote(t.Context(), release.PromoteOptions{}); !errors.Is(err, providers.NotFound) {
		t.Errorf("got %v", err)
	}
}

func TestAProviderThatCannotSplitRefusesACanaryAndChangesNothing(t *testing.T) {
	s := newService(t)
	s.adapter = func(a *memory.Adapter) providers.Adapter { return one{a} }
	s.all("one").deploy()
	s.all("two")
	if _, err := s.engine().Deploy(t.Context(), release.DeployOptions{Traffic: 10}); !errors.Is(err, providers.Unsupported) {
		t.Errorf("got %v", err)
	}
	s.servesAll("one")
}

func TestAdoptingKeepsWhatWasMadeByHandAsARelease(t *testing.T) {
	s := newService(t).all("one")
	s.deploy()
	a := memory.New(s.world)
	byHand := byHand(s, a, "api", "made by hand")
	r, err := s.engine().Deploy(t.Context(), release.DeployOptions{Adopt: true})
	if err != nil || r.Release != 3 {
		t.Fatalf("got %+v, %v", r, err)
	}
	s.servesAll("one")
	s.rollback(0)
	st, err := a.Status(t.Context(), "api")
	if err != nil || !st.Serves(&byHand) {
		t.Errorf("the rollback serves %+v instead of %+v, %v", st.Revision, byHand, err)
	}
	if res, err := http.Get(s.world.URL + "/api"); err != nil || res.StatusCode != http.StatusOK {
		t.Errorf("what was adopted does not answer: %v, %v", res, err)
	}
}

// byHand makes a revision and activates it behind ferry's back.
func byHand(s *service, a *memory.Adapter, function, code string) providers.Revision {
	s.Helper()
	s.write(map[string]string{"elsewhere": code, "api": "one", "jobs": "one", "web": "one"})
	fn := manifest.Function{Name: function, Source: "elsewhere", Handler: "run.sh", Runtime: "custom", Style: manifest.StyleServer}
	built, err := s.engine().Packager.Build(s.Context(), fn, a.Platform(fn))
	if err != nil {
		s.Fatal(err)
	}
	spec := providers.Spec{Function: fn, Artifact: built, Digest: providers.SpecDigest(providers.ConfigDigest(fn, nil), built.ZipDigest)}
	r, err := a.Publish(s.Context(), spec, s.shown())
	if err != nil {
		s.Fatal(err)
	}
	st, err := a.Status(s.Context(), function)
	if err != nil {
		s.Fatal(err)
	}
	if _, err := a.Activate(s.Context(), providers.Change{Spec: spec, From: st, To: &r, Epoch: s.shown()}); err != nil {
		s.Fatal(err)
	}
	delete(s.code, "elsewhere")
	return r
}

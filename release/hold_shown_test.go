package release_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/release"
)

func TestPlanStatusAndReleasesShowWhatIsHeld(t *testing.T) {
	s := takenBack(t)
	p, err := s.engine().Plan(t.Context(), nil)
	if err != nil || len(p.Held) != 1 || p.Held[0].Release != 2 {
		t.Errorf("plan: %+v, %v", p, err)
	}
	st, err := s.engine().Status(t.Context())
	if err != nil || len(st.Held) != 1 || st.Held[0].Release != 2 {
		t.Errorf("status: %+v, %v", st, err)
	}
	all, err := s.engine().Releases(t.Context(), 0)
	if err != nil || len(all.Held) != 1 || all.Held[0].Release != 2 {
		t.Errorf("releases: %+v, %v", all, err)
	}
	for _, r := range all.Releases {
		if second := r.Number == 2; r.Held != second || r.RolledBack != second {
			t.Errorf("release %d: %+v", r.Number, r)
		}
	}
	s.all("three")
	if p, err := s.engine().Plan(t.Context(), nil); err != nil || p.Held == nil || len(p.Held) > 0 {
		t.Errorf("a plan of something else: %+v, %v", p, err)
	}
}

func TestPlanSaysThatACanaryRuns(t *testing.T) {
	p, err := splitting(t).engine().Plan(t.Context(), nil)
	if err != nil || p.Canary != 2 || p.Percent != 10 || p.Unfinished != 0 {
		t.Errorf("got %+v, %v", p, err)
	}
}

func TestReleasesSaysWhatTheNextRollbackRestores(t *testing.T) {
	s := newService(t)
	next := func(want int, rolledBack ...int) {
		t.Helper()
		all, err := s.engine().Releases(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		var got []int
		for _, r := range all.Releases {
			if r.RolledBack {
				got = append(got, r.Number)
			}
		}
		if all.NextRollback != want || !cmp.Equal(rolledBack, got) {
			t.Errorf("a rollback would restore %d, not %d; rolled back are %v, not %v", all.NextRollback, want, got, rolledBack)
		}
		if want > 0 {
			return
		}
		if _, err := s.engine().Rollback(t.Context(), release.RollbackOptions{}); !errors.Is(err, providers.NotFound) {
			t.Errorf("a rollback was possible: %v", err)
		}
	}
	next(0)
	s.all("1").deploy()
	next(0)
	s.all("2").deploy()
	s.all("3").deploy()
	next(2)
	s.rollback(0) // 4
	next(1, 3)
	s.rollback(3) // 5
	next(1, 2)
	s.all("6").deploy()
	next(3, 2)
	s.all("7")
	if _, err := s.engine().Deploy(t.Context(), release.DeployOptions{Traffic: 10}); err != nil {
		t.Fatal(err)
	}
	next(6, 2)
	s.rollback(0)
	s.servesAll("6")
	next(3, 2)
}

func TestAllowingWhatIsNotHeldIsNotFound(t *testing.T) {
	s := takenBack(t)
	if _, err := s.engine().Allow(t.Context(), 1); !errors.Is(err, providers.NotFound) {
		t.Errorf("got %v", err)
	}
	s.refused(release.DeployOptions{}, 2)
}

func TestAllowingLeavesACanaryAsItIs(t *testing.T) {
	s := takenBack(t)
	s.all("three")
	if _, err := s.engine().Deploy(t.Context(), release.DeployOptions{Traffic: 10}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.engine().Allow(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	if st, err := s.engine().Status(t.Context()); err != nil || st.Canary != 4 || st.Percent != 10 {
		t.Errorf("got %+v, %v", st, err)
	}
}

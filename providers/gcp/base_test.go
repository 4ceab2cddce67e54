package gcp

import (
	"slices"
	"strings"
	"testing"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/release"
)

func TestABaseImageStaysWhatItWasUntilItIsRefreshed(t *testing.T) {
	t.Parallel()
	s := newTenant(t, newSources(t))
	s.adjust = func(m *manifest.Manifest) { m.Functions = m.Functions[:1] }
	const image = "google-22/runtimes/python313"
	// edition is the one below what serves, and the one that a plan would go over to.
	edition := func(refresh bool) (before, after string) {
		t.Helper()
		e := s.engine("two")
		e.RefreshBase = refresh
		p, err := e.Plan(s.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range p.Changes {
			if at := slices.IndexFunc(c.Fields, func(f release.FieldChange) bool { return f.Path == "base" }); at >= 0 {
				before, _ = c.Fields[at].From.(string)
				after, _ = c.Fields[at].To.(string)
			}
		}
		return before, after
	}
	s.deploys("one")
	s.BaseImage(image, "2")
	s.deploys("two")
	if from, to := edition(false); from+to != "" {
		t.Errorf("unasked, the base goes from %q to %q", from, to)
	}
	from, to := edition(true)
	if !strings.Contains(from, image+"@sha256:") || !strings.Contains(to, image+"@sha256:") || from == to {
		t.Fatalf("a refreshed base goes from %q to %q", from, to)
	}
	e := s.engine("two")
	e.RefreshBase = true
	if _, err := e.Deploy(s.Context(), release.DeployOptions{Message: "two"}); err != nil {
		t.Fatal(err)
	}
	if again, _ := edition(true); again != "" {
		t.Errorf("the base is not the newest: %q", again)
	}
	if from, to := edition(false); from+to != "" {
		t.Errorf("after it was refreshed, the base goes from %q to %q", from, to)
	}
	if _, err := s.engine("two").Rollback(s.Context(), release.RollbackOptions{}); err != nil {
		t.Fatal(err)
	}
	if back, _ := edition(true); back != from {
		t.Errorf("rolled back, the base is %q, not %q", back, from)
	}
}

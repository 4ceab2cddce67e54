package release_test

import (
	"errors"
	"testing"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/release"
)

// tagged is a service at a place that shows what was written last; something else was made live past ferry.
func tagged(t *testing.T) *service {
	t.Helper()
	s := newService(t)
	s.world.Tagged = true
	first := s.all("one").deploy()
	s.all("two").deploy()
	s.world.Overwrite("api", first.Functions["api"].Revision)
	return s
}

func TestWhatWasMadeLivePastATagIsDrift(t *testing.T) {
	s := tagged(t)
	st, err := s.engine().Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if api := st.Functions["api"]; api.Drift == "" || len(api.Differences) != 1 || api.AsWritten {
		t.Errorf("the status is %+v", api)
	}
	if web := st.Functions["web"]; web.Drift != "" || web.AsWritten {
		t.Errorf("the status of what was left alone is %+v", web)
	}
	if _, err := s.engine().Deploy(t.Context(), release.DeployOptions{}); !errors.Is(err, providers.Conflict) {
		t.Errorf("a deploy over it gave %v", err)
	}
	if _, err := s.engine().Deploy(t.Context(), release.DeployOptions{Force: true}); err != nil {
		t.Fatal(err)
	}
	s.servesAll("two")
}

func TestAnActivationThatOnlyWroteItsTagIsNotBelieved(t *testing.T) {
	s := newService(t)
	s.world.Tagged = true
	first := s.all("one").deploy()
	s.world.After = func(op, _ string) error {
		if op == "switch" {
			s.world.After = nil
			s.world.Overwrite("api", first.Functions["api"].Revision)
		}
		return nil
	}
	s.all("two")
	_, err := s.engine().Deploy(t.Context(), release.DeployOptions{NoVerify: true})
	s.failure(err, release.OutcomeRestored)
	s.servesAll("one")
}

func TestTheStatusSaysWhatNothingLookedAt(t *testing.T) {
	s := newService(t)
	s.world.Tagged = true
	first := s.all("one").deploy()
	second := s.all("two").deploy()
	shown := providers.Change{To: &providers.Revision{ID: first.Functions["api"].Revision}, Epoch: s.shown()}
	shown.Spec.Function.Name = "api"
	shown.From.Revision = &providers.Revision{ID: second.Functions["api"].Revision}
	if _, err := s.engine().Adapter.Activate(t.Context(), shown); err != nil { // by another ledger
		t.Fatal(err)
	}
	st, err := s.engine().Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if api := st.Functions["api"]; !api.AsWritten || api.Drift == "" {
		t.Errorf("the status is %+v", api)
	}
}

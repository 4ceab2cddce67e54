package gcp

import (
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/ferryfn/ferry/internal/standin"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
)

func TestAServiceThatIsDeletedBetweenALookAndAWriteIsGone(t *testing.T) {
	t.Parallel()
	s := newTenant(t, newSources(t))
	s.deploys("one")
	held, goOn := s.hold("projects.locations.services.patch")
	ended := make(chan error, 1)
	go func() { ended <- s.process(t, "shop", "dev").Fence(s.Context(), []string{"api"}, 1<<40) }()
	<-held
	removing := s.judge.Remove(s.Context(), "api", 1<<40)
	goOn()
	if err := errors.Join(removing, <-ended); err != nil {
		t.Error(err)
	}
	if st, err := s.judge.Status(s.Context(), "api"); err != nil || st.Revision != nil {
		t.Errorf("what is left is %+v, %v", st, err)
	}
}

// What a service runs as goes after it, so that who takes over from a removal that was stopped can change the service.
func TestAServiceThatIsBeingRemovedCanBeTakenOver(t *testing.T) {
	t.Parallel()
	s := newTenant(t, newSources(t))
	s.deploys("one")
	held, goOn := s.hold("projects.locations.services.delete")
	ended := make(chan error, 1)
	go func() { ended <- s.judge.Remove(s.Context(), "jobs", 1<<40) }()
	<-held
	taking := s.process(t, "shop", "dev").Fence(s.Context(), []string{"jobs"}, 1<<41)
	goOn()
	if err := errors.Join(taking, <-ended); err != nil {
		t.Error(err)
	}
}

func TestARemovalThatWasStoppedAfterTheServiceIsFinished(t *testing.T) {
	t.Parallel()
	s := newTenant(t, newSources(t))
	if err := s.judge.SetSecret(s.Context(), "stripe", []byte("one")); err != nil {
		t.Fatal(err)
	}
	s.adjust = func(m *manifest.Manifest) {
		m.Functions = m.Functions[:1]
		m.Functions[0].Secrets = map[string]string{"KEY": "stripe"}
	}
	s.deploys("one")
	var met atomic.Bool
	s.Intercept(func(call standin.Call) standin.Fault {
		if call.Operation != "projects.secrets.setIamPolicy" || met.Swap(true) {
			return standin.Fault{}
		}
		return standin.Fail(http.StatusForbidden, "PERMISSION_DENIED", "Permission 'secretmanager.secrets.setIamPolicy' denied.")
	})
	if err := s.judge.Remove(s.Context(), "api", 1<<40); err == nil {
		t.Error("it is removed, although it may not take back what it granted")
	}
	if err := s.judge.Remove(s.Context(), "api", 1<<40); err != nil {
		t.Fatal(err)
	}
	for _, left := range s.resources() {
		if strings.Contains(left, "shop-dev-api") {
			t.Errorf("left is %s", left)
		}
	}
}

func TestWhatNeedsNoEventsIsRemovedWhereTheirAPIsAreOff(t *testing.T) {
	t.Parallel()
	s := newTenant(t, newSources(t))
	s.adjust = func(m *manifest.Manifest) { m.Functions = m.Functions[:1] }
	for _, api := range []string{"pubsub", "secretmanager", "cloudscheduler"} {
		s.DisableAPI(api + ".googleapis.com")
	}
	s.deploys("one")
	for range 2 { // the second finds no service
		if err := s.judge.Remove(s.Context(), "api", 1<<40); err != nil {
			t.Fatal(err)
		}
	}
	if left := strings.Join(s.resources(), " "); strings.Contains(left, "shop-dev-api") {
		t.Errorf("left is %s", left)
	}
}

func TestABindingIsNotForgottenWhereItsAPIIsOff(t *testing.T) {
	t.Parallel()
	s := newTenant(t, newSources(t))
	s.deploys("one")
	s.DisableAPI("cloudscheduler.googleapis.com")
	if err := s.judge.Remove(s.Context(), "jobs", 1<<40); !errors.Is(err, providers.Denied) || !strings.Contains(err.Error(), "Cloud Scheduler") {
		t.Errorf("got %v", err)
	}
}

package azure

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ferryfn/ferry/internal/standin"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/release"
)

// undone is a shop of one function of which a version is live, and then somebody undoes a part of what it stands on.
func undone(t *testing.T, undo func(s *shop, c *connection, at *app) error) *shop {
	t.Helper()
	t.Parallel()
	s := newShop(t, newSources(t))
	s.adjust = only(1, func(version, _ string) string { return version })
	s.deploys("one")
	c, err := s.judge.connect(s.Context())
	if err != nil {
		t.Fatal(err)
	}
	at, err := c.app("f0")
	if err == nil {
		err = undo(s, c, at)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// says is the version that the only function serves.
func (s *shop) says() string {
	s.Helper()
	c, err := adapterOf(s, s.cloud).connect(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	at, err := c.app("f0")
	if err != nil {
		s.Fatal(err)
	}
	return ask(s, s.cloud, at).Code
}

func (s *shop) deploy(version string, o release.DeployOptions) error {
	_, err := s.engine(version).Deploy(s.Context(), o)
	return err
}

func TestADeployThatWasFrozenBeforeItSentItsPackageSendsNoneAfterAnotherOne(t *testing.T) {
	s := undone(t, func(*shop, *connection, *app) error { return nil })
	frozen, goesOn := make(chan struct{}), make(chan struct{})
	var once atomic.Bool
	s.cloud.Intercept(func(c standin.Call) standin.Fault {
		if c.Operation != "Blob_Download" || !strings.Contains(c.Resource, "shop-dev-f0/packages/") || once.Swap(true) {
			return standin.Fault{}
		}
		close(frozen)
		return standin.Hold(goesOn) // with it the whole process stands still: what it does next is to send the package
	})
	first, e := make(chan error, 1), s.engine("two")
	e.LockTTL = time.Minute // nor does it renew its lock
	go func() {
		_, err := e.Deploy(s.Context(), release.DeployOptions{Message: "two"})
		first <- err
	}()
	<-frozen
	began := time.Now()
	if _, err := s.engine("two").Resume(s.Context(), true); err != nil {
		t.Fatal(err)
	}
	if err := s.deploy("three", release.DeployOptions{Message: "three"}); err != nil {
		t.Fatal(err)
	}
	s.cloud.Intercept(nil)
	<-time.After(time.Until(began.Add(provenTime))) // a proof of the lease is good for so long
	s.cloud.Reset()
	close(goesOn)
	if err := <-first; !errors.Is(err, providers.Conflict) {
		t.Errorf("the overtaken deploy ended with %v", err)
	}
	for _, c := range s.cloud.Calls() {
		if c.Service == "scm" || c.Write && c.Service == "Microsoft.Web" {
			t.Errorf("the overtaken deploy sent %s of %s", c.Operation, c.Resource)
		}
	}
	if got := s.says(); got != "three" {
		t.Errorf("what serves is %q", got)
	}
}

func TestAConflictOfTheStoreOverAPackageIsNoRaceForTheAppAndIsUndone(t *testing.T) {
	s := undone(t, func(*shop, *connection, *app) error { return nil })
	var once atomic.Bool
	s.cloud.Intercept(func(c standin.Call) standin.Fault {
		if c.Operation == "Blob_Download" && strings.Contains(c.Resource, "shop-dev-f0/packages/") && !once.Swap(true) {
			return standin.Fail(http.StatusConflict, "AnotherOperationInProgress", "Another operation is in progress. Please try again later.")
		}
		return standin.Fault{}
	})
	err := s.deploy("two", release.DeployOptions{Message: "two"})
	if !errors.Is(err, providers.Unavailable) || errors.Is(err, providers.Conflict) || !strings.Contains(err.Error(), "fetching the package") {
		t.Errorf("the deploy ended with %v", err)
	}
	s.cloud.Intercept(nil)
	if got := s.says(); got != "one" {
		t.Errorf("what serves is %q", got)
	}
	if err := s.deploy("three", release.DeployOptions{Message: "three"}); err != nil {
		t.Errorf("the next deploy meets what was left: %v", err)
	}
	if got := s.says(); got != "three" {
		t.Errorf("what serves in the end is %q", got)
	}
}

func TestAResourceGroupThatSomebodyDeletedIsMadeAnew(t *testing.T) {
	s := undone(t, func(s *shop, c *connection, _ *app) error {
		poller, err := c.groups.BeginDelete(s.Context(), c.target.ResourceGroup, nil)
		_, err = ended(s.Context(), poller, err)
		return err
	})
	if err := s.deploy("two", release.DeployOptions{Message: "two"}); err != nil {
		t.Fatal(err)
	}
	if got := s.says(); got != "two" {
		t.Errorf("what serves is %q", got)
	}
}

func TestAContainerThatSomebodyDeletedIsMadeAnewByForce(t *testing.T) {
	s := undone(t, func(s *shop, c *connection, at *app) error {
		_, err := c.containers.Delete(s.Context(), c.target.ResourceGroup, c.storageName(), at.box.name, nil)
		return err
	})
	err := s.deploy("two", release.DeployOptions{Message: "two"})
	if !errors.Is(err, providers.Conflict) || !strings.Contains(hint(err), "--force") {
		t.Errorf("%v, hint %q", err, hint(err))
	}
	if err := s.deploy("two", release.DeployOptions{Message: "two", Force: true}); err != nil {
		t.Fatal(err)
	}
	if got := s.says(); got != "two" {
		t.Errorf("what serves is %q", got)
	}
}

func TestAnIdentityThatSomebodyDeletedIsMadeAnew(t *testing.T) {
	s := undone(t, func(s *shop, c *connection, _ *app) error {
		_, err := c.identities.Delete(s.Context(), c.target.ResourceGroup, c.sharedName(), nil)
		return err
	})
	if err := s.deploy("two", release.DeployOptions{Message: "two"}); err != nil {
		t.Fatal(err)
	}
	if got := s.says(); got != "two" {
		t.Errorf("what serves is %q", got)
	}
}

func TestAStormOfRefusalsForTheRateIsWaitedFor(t *testing.T) {
	s := undone(t, func(*shop, *connection, *app) error { return nil })
	var refused sync.Map
	s.cloud.Intercept(func(c standin.Call) standin.Fault {
		if _, before := refused.LoadOrStore(c.Operation, true); before || c.Service == "login" {
			return standin.Fault{}
		}
		return standin.Throttle() // whatever is asked for, the first time
	})
	if err := s.deploy("two", release.DeployOptions{Message: "two"}); err != nil {
		t.Fatal(err)
	}
	s.cloud.Intercept(nil)
	if got := s.says(); got != "two" {
		t.Errorf("what serves is %q", got)
	}
}

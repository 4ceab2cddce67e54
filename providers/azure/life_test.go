package azure

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/internal/standin"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/release"
)

// managed are the calls of Resource Manager since the last Reset, and those of them that make, change or delete a resource.
func (s *shop) managed() (all, writes []standin.Call) {
	for _, c := range s.cloud.Calls() {
		if !strings.HasPrefix(c.Service, "Microsoft.") {
			continue
		}
		all = append(all, c)
		if c.Write && c.Operation != "WebApps_SyncFunctions" {
			writes = append(writes, c)
		}
	}
	return all, writes
}

func (s *shop) deploys(version string) {
	s.Helper()
	ctx := s.Context()
	if _, err := s.engine(version).Deploy(ctx, release.DeployOptions{Message: version}); err != nil {
		s.Fatalf("deploying %s: %v", version, err)
	}
}

func (s *shop) serves(version string) {
	s.Helper()
	got := s.serving()
	for _, fn := range s.sources.Functions(version) {
		if got[fn] != version {
			s.Errorf("want all of %q to serve, got %v", version, got)
			return
		}
	}
}

// only has a shop be of HTTP functions alone, as many as that; of those that are named in changed the version varies.
func only(count int, changed func(version, fn string) string) func(*manifest.Manifest) {
	return func(m *manifest.Manifest) {
		api := m.Functions[0]
		m.Functions, m.Dir = nil, filepath.Dir(m.Dir)
		for i := range count {
			version, fn := changed(m.Digest, fmt.Sprintf("f%d", i)), api
			fn.Name, fn.Source, fn.Env = fmt.Sprintf("f%d", i), version+"/api", map[string]string{"WORD": version}
			m.Functions = append(m.Functions, fn)
		}
	}
}

func TestACallCostsWhatThePageSays(t *testing.T) {
	t.Parallel()
	const count = 10
	s := newShop(t, newSources(t))
	s.cloud.SyncLag(0)
	s.adjust = only(count, func(version, fn string) string {
		if fn == "f0" {
			return version
		}
		return "one"
	})
	s.deploys("one")
	if _, writes := s.managed(); len(writes) > 13+3*count {
		t.Errorf("a cold service of %d functions takes %d writes", count, len(writes))
	} else {
		t.Logf("cold: %d writes for %d functions", len(writes), count)
	}
	s.cloud.Reset()
	s.deploys("one")
	all, writes := s.managed()
	if len(writes) > 0 || len(all) > count+3 {
		t.Errorf("nothing to do takes %d calls and %d writes for %d functions: %v", len(all), len(writes), count, all)
	}
	t.Logf("no-op: %d calls", len(all))
	s.cloud.Reset()
	s.deploys("two")
	all, writes = s.managed()
	ofIt := slices.DeleteFunc(slices.Clone(all), func(c standin.Call) bool { return !strings.Contains(c.Resource, "shop-dev-f0") })
	if len(ofIt) > 8 || len(writes) > 0 {
		t.Errorf("one changed function takes %d calls, %d writes: %v", len(ofIt), len(writes), ofIt)
	}
	t.Logf("one changed: %d calls of it, %d in all", len(ofIt), len(all))
	restarts := 0
	for _, c := range s.cloud.Calls() {
		if c.Service == "scm" && c.Operation == "Publish" || c.Operation == "WebApps_UpdateApplicationSettings" || c.Operation == "WebApps_CreateOrUpdate" || c.Operation == "WebApps_Restart" {
			restarts++
		}
	}
	if restarts != 1 {
		t.Errorf("one changed function restarts %d times", restarts)
	}
}

func TestWhatTenFunctionsNeedIsMadeAtOnce(t *testing.T) {
	t.Parallel()
	const count = 10
	s := newShop(t, newSources(t))
	s.cloud.SyncLag(0)
	s.adjust = only(count, func(version, _ string) string { return version })
	var mu sync.Mutex
	waiting, all := map[string]int{}, map[string]chan struct{}{"AppServicePlans_CreateOrUpdate": make(chan struct{}), "WebApps_CreateOrUpdate": make(chan struct{}), "Publish": make(chan struct{})}
	s.cloud.Intercept(func(c standin.Call) standin.Fault {
		together, waited := all[c.Operation]
		if !waited {
			return standin.Fault{}
		}
		mu.Lock()
		defer mu.Unlock()
		if waiting[c.Operation]++; waiting[c.Operation] == count {
			close(together)
		}
		return standin.Hold(together) // until those of all functions have come
	})
	ctx, cancel := context.WithTimeout(s.Context(), time.Minute)
	defer cancel()
	if _, err := s.engine("one").Deploy(ctx, release.DeployOptions{Message: "one"}); err != nil {
		t.Errorf("%v, after %v came of %d functions", err, waiting, count)
	}
}

func TestAnInterruptedActivationLetsTheAppGoAndAsksForNothingMore(t *testing.T) {
	s := newScene(t)
	goLive(t, s.a, s.spec("one"))
	two := s.spec("two")
	r, err := s.a.Publish(t.Context(), two, 0)
	if err != nil {
		t.Fatal(err)
	}
	from, err := s.a.Status(t.Context(), "api")
	if err != nil {
		t.Fatal(err)
	}
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	s.cloud.Intercept(func(c standin.Call) standin.Fault {
		if c.Operation == "Blob_Download" && strings.Contains(c.Resource, "shop-dev-api/packages/") {
			s.cloud.Reset()
			interrupt()
			return standin.Cut()
		}
		return standin.Fault{}
	})
	if _, err := s.a.Activate(ctx, providers.Change{Spec: two, From: from, To: &r}); !errors.Is(err, context.Canceled) {
		t.Errorf("it ended with %v", err)
	}
	<-s.cloud.Quiet()
	for _, c := range s.cloud.Calls() {
		if c.Service != "blob" { // of which it may have been writing one, and lets go the other's lease
			t.Errorf("after the interruption it still asked for %s of %s", c.Operation, c.Resource)
		}
	}
}

func TestOfTwoDeploysAtOnceOneWins(t *testing.T) {
	t.Parallel()
	s := newShop(t, newSources(t))
	s.deploys("one")
	done := make(chan error, 2)
	for _, version := range []string{"two", "three"} {
		e := s.engine(version)
		go func() {
			_, err := e.Deploy(s.Context(), release.DeployOptions{Message: version})
			done <- err
		}()
	}
	first, second := <-done, <-done
	if (first == nil) == (second == nil) || !errors.Is(errors.Join(first, second), providers.Conflict) {
		t.Errorf("want one to win and one conflict, got %v and %v", first, second)
	}
	got := s.serving()
	if got["api"] == "one" || got["api"] != got["web"] || got["api"] != got["jobs"] {
		t.Errorf("the versions are %v", got)
	}
}

// memory changes a setting of the app beside the code: both steps are needed.
func memory(m *manifest.Manifest) {
	for i := range m.Functions {
		if m.Digest != "one" {
			m.Functions[i].Memory = 2048 * manifest.MB
		}
	}
}

// killed is a shop whose deploy of a second version was killed when the first of its packages was to be sent: nothing that it still
// did after that had an effect.
func killed(t *testing.T) *shop {
	s := newShop(t, newSources(t))
	s.adjust = memory
	s.deploys("one")
	var dead atomic.Bool
	s.cloud.Intercept(func(c standin.Call) standin.Fault {
		if dead.Load() || c.Operation == "Publish" && !dead.Swap(true) {
			return standin.Fail(400, "Dead", "the process is dead")
		}
		return standin.Fault{}
	})
	_, err := s.engine("two").Deploy(s.Context(), release.DeployOptions{Message: "two"})
	if err == nil {
		t.Fatal("the deploy was not killed")
	}
	s.cloud.Intercept(nil)
	return s
}

func TestKilledBetweenTheTwoStepsStatusSaysWhichHalfIsInForce(t *testing.T) {
	t.Parallel()
	s := killed(t)
	said := ""
	for _, fn := range s.sources.Functions("") {
		st, err := adapterOf(t, s.cloud).Status(t.Context(), fn)
		if err != nil {
			t.Fatal(err)
		}
		if st.Lacks != "" && st.Unsettled {
			said = st.Lacks
		}
	}
	if !strings.Contains(said, "the code of revision") || !strings.Contains(said, "runs with that of") {
		t.Errorf("status says %q", said)
	}
}

func TestKilledBetweenTheTwoStepsResumeAndRollbackEndWhole(t *testing.T) {
	t.Parallel()
	for want, do := range map[string]func(*release.Engine, *shop) error{
		"two": func(e *release.Engine, s *shop) error {
			_, err := e.Resume(s.Context(), false)
			return err
		},
		"one": func(e *release.Engine, s *shop) error {
			_, err := e.Rollback(s.Context(), release.RollbackOptions{})
			return err
		},
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			s := killed(t)
			s.T = t
			if err := do(s.engine("two"), s); err != nil {
				t.Fatal(err)
			}
			s.serves(want)
			sizes := map[string]int{}
			for _, fn := range s.sources.Functions("") {
				conn, err := s.judge.connect(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				is, err := conn.site(t.Context(), conn.appName(fn))
				if err != nil {
					t.Fatal(err)
				}
				sizes[fn] = is.scale().InstanceMemoryMB
			}
			size := map[string]int{"one": 512, "two": 2048}[want]
			if diff := cmp.Diff(map[string]int{"api": size, "jobs": size, "web": size}, sizes); diff != "" {
				t.Errorf("the configuration is of another version: %s", diff)
			}
		})
	}
}

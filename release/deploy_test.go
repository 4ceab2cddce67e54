package release_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/memory"
	"github.com/ferryfn/ferry/release"
)

// one hides that the adapter can switch several functions at once.
type one struct{ providers.Adapter }

// both runs a test on an adapter that switches a release as one and on one that activates its functions singly.
func both(t *testing.T, test func(t *testing.T, s *service)) {
	t.Run("as one", func(t *testing.T) { test(t, newService(t)) })
	t.Run("singly", func(t *testing.T) {
		s := newService(t)
		s.adapter = func(a *memory.Adapter) providers.Adapter { return one{a} }
		test(t, s)
	})
}

func TestTheFirstDeployServesEveryFunction(t *testing.T) {
	both(t, func(t *testing.T, s *service) {
		r := s.all("one").deploy()
		s.servesAll("one")
		if r.Release != 1 || r.Outcome != release.OutcomeDone || r.Functions["api"].Action != release.ActionCreate {
			t.Errorf("got %+v", r)
		}
		if diff := cmp.Diff([]string{"api", "jobs", "web"}, r.Changed); diff != "" {
			t.Error(diff)
		}
	})
}

func TestADeployOfNothingChangedMakesNoRelease(t *testing.T) {
	s := newService(t).all("one")
	s.deploy()
	r := s.deploy()
	if r.Release != 1 || r.Outcome != release.OutcomeUnchanged || len(r.Changed) > 0 || len(r.Unchanged) != 3 {
		t.Errorf("got %+v", r)
	}
	if diff := cmp.Diff([]release.State{release.StateLive}, s.states()); diff != "" {
		t.Error(diff)
	}
}

func TestAChangeInOneFunctionDeploysThatOneOnly(t *testing.T) {
	both(t, func(t *testing.T, s *service) {
		s.all("one").deploy()
		r := s.write(map[string]string{"api": "two", "jobs": "one", "web": "one"}).deploy()
		s.serves(map[string]string{"api": "two", "jobs": "one", "web": "one"})
		if diff := cmp.Diff([][]string{{"api"}, {"jobs", "web"}}, [][]string{r.Changed, r.Unchanged}); diff != "" {
			t.Error(diff)
		}
	})
}

func TestPlanShowsWhatChangesAndHidesWhatIsMasked(t *testing.T) {
	s := newService(t).all("one")
	s.env = map[string]string{"WORD": "a", "TOKEN": "secret"}
	s.adjust = func(fn *manifest.Function) { fn.Masked = []string{"TOKEN"} }
	s.deploy()
	s.env = map[string]string{"WORD": "b", "TOKEN": "other"}
	p, err := s.engine().Plan(t.Context(), []string{"api"})
	if err != nil {
		t.Fatal(err)
	}
	want := []release.Change{{Function: "api", Action: release.ActionUpdate, Fields: []release.FieldChange{
		{Path: "env.TOKEN", From: "•••", To: "•••"}, {Path: "env.WORD", From: "a", To: "b"},
	}}}
	if diff := cmp.Diff(want, p.Changes); diff != "" {
		t.Error(diff)
	}
}

func TestAFailedHealthCheckPutsEveryFunctionBack(t *testing.T) {
	both(t, func(t *testing.T, s *service) {
		s.all("one").deploy()
		s.write(map[string]string{"api": "two", "jobs": "two", "web": "unhealthy two"})
		_, err := s.engine().Deploy(t.Context(), release.DeployOptions{})
		e := s.failure(err, release.OutcomeRestored)
		if e.Release != 1 || e.Attempt != 2 || !errors.Is(err, providers.Unhealthy) {
			t.Errorf("got %+v", e)
		}
		s.servesAll("one")
		if diff := cmp.Diff([]release.State{release.StateLive, release.StateRestored}, s.states()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestAFirstReleaseThatIsUnhealthyLeavesNothingServing(t *testing.T) {
	both(t, func(t *testing.T, s *service) {
		s.all("unhealthy")
		_, err := s.engine().Deploy(t.Context(), release.DeployOptions{})
		s.failure(err, release.OutcomeRestored)
		s.serves(map[string]string{})
	})
}

func TestNoVerifySkipsTheHealthCheckOnly(t *testing.T) {
	s := newService(t).all("unhealthy")
	if _, err := s.engine().Deploy(t.Context(), release.DeployOptions{NoVerify: true}); err != nil {
		t.Fatal(err)
	}
}

func TestAHandlerThatDoesNotStartIsFoundBeforeAnythingIsActivated(t *testing.T) {
	both(t, func(t *testing.T, s *service) {
		s.all("one").deploy()
		prober := s.adapter
		s.adapter = func(a *memory.Adapter) providers.Adapter {
			if _, ok := prober(a).(one); ok {
				return struct {
					one
					providers.Prober
				}{one{a}, a}
			}
			return a
		}
		s.write(map[string]string{"api": "two", "jobs": "broken: no module", "web": "two"})
		_, err := s.engine().Deploy(t.Context(), release.DeployOptions{})
		s.failure(err, release.OutcomeUnchanged)
		if !errors.Is(err, providers.Crashed) {
			t.Errorf("got %v", err)
		}
		s.servesAll("one")
		if diff := cmp.Diff([]release.State{release.StateLive, release.StateFailed}, s.states()); diff != "" {
			t.Error(diff)
		}
	})
}

// liar acknowledges every switch and changes nothing.
type liar struct{ *memory.Adapter }

func (l liar) Switch(ctx context.Context, changes []providers.Change) ([]providers.State, error) {
	states := make([]providers.State, len(changes))
	for i, c := range changes {
		states[i] = providers.State{Function: c.Spec.Function.Name, Revision: c.To}
	}
	return states, nil
}

func TestAnAcknowledgedActivationWithoutEffectIsAFailure(t *testing.T) {
	s := newService(t).all("one")
	s.deploy()
	s.adapter = func(a *memory.Adapter) providers.Adapter { return liar{a} }
	s.all("two")
	_, err := s.engine().Deploy(t.Context(), release.DeployOptions{})
	s.failure(err, release.OutcomeRestored)
	s.servesAll("one")
}

func TestAFunctionThatLeftTheManifestStopsServingAndComesBack(t *testing.T) {
	both(t, func(t *testing.T, s *service) {
		s.all("one").deploy()
		r := s.write(map[string]string{"api": "one", "pages": "one", "jobs": "one"}).deploy()
		s.serves(map[string]string{"api": "one", "pages": "one", "jobs": "one"})
		if diff := cmp.Diff([][]string{{"pages"}, {"web"}}, [][]string{r.Changed, r.Removed}); diff != "" {
			t.Error(diff)
		}
		s.rollback(0)
		s.servesAll("one")
	})
}

func TestASubsetKeepsTheOtherFunctionsAsTheyServe(t *testing.T) {
	s := newService(t).all("one")
	if _, err := s.engine().Deploy(t.Context(), release.DeployOptions{Functions: []string{"api"}}); !errors.Is(err, providers.Invalid) {
		t.Errorf("a subset was taken as the first release: %v", err)
	}
	s.deploy()
	s.all("two")
	if _, err := s.engine().Deploy(t.Context(), release.DeployOptions{Functions: []string{"api"}}); err != nil {
		t.Fatal(err)
	}
	s.serves(map[string]string{"api": "two", "jobs": "one", "web": "one"})
	s.deploy()
	s.servesAll("two")
	s.rollback(0)
	s.serves(map[string]string{"api": "two", "jobs": "one", "web": "one"})
}

func TestADamagedPackageInTheCacheIsBuiltAgain(t *testing.T) {
	for name, again := range map[string]func(s *service) *service{
		"for another environment, which sends it to the provider alone": func(s *service) *service {
			s.env = map[string]string{"WORD": "b"}
			return s
		},
		"for another place, which sends it to the store too": func(s *service) *service {
			elsewhere := newService(s.T)
			elsewhere.dir, elsewhere.cache, elsewhere.code, elsewhere.env = s.dir, s.cache, s.code, map[string]string{"WORD": "b"}
			return elsewhere
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newService(t).all("one")
			s.deploy()
			s.swapPackages("two")
			s = again(s)
			s.deploy()
			s.servesAll("one b")
		})
	}
}

// swapPackages puts the package of other code of the same length in the place of every one in the cache.
func (s *service) swapPackages(code string) {
	s.Helper()
	other := newService(s.T).all(code)
	other.deploy()
	from, err := filepath.Glob(filepath.Join(other.cache, "artifacts", "*.zip"))
	to, failed := filepath.Glob(filepath.Join(s.cache, "artifacts", "*.zip"))
	if err = errors.Join(err, failed); err != nil || len(from) != 1 || len(to) != 1 {
		s.Fatal(from, to, err)
	}
	was, err := os.Stat(to[0])
	if err != nil {
		s.Fatal(err)
	}
	data, err := os.ReadFile(from[0])
	if err != nil || int64(len(data)) != was.Size() {
		s.Fatalf("the packages have %d and %d bytes, %v", len(data), was.Size(), err)
	}
	if err := os.WriteFile(to[0], data, 0o600); err != nil {
		s.Fatal(err)
	}
}

func TestADamagedPackageThatWasSavedIsRefusedByName(t *testing.T) {
	s := newService(t).all("one")
	saved := s.saved(packager.Provenance{Ferry: "test"})
	s.deploy()
	e := s.engine()
	e.Packager.From = saved
	e.Adapter = &meddling{e.Adapter, sync.OnceFunc(func() { damage(t, filepath.Join(saved, "api.zip")) })}
	s.env = map[string]string{"WORD": "b"}
	e.Manifest = s.engine().Manifest
	_, err := e.Deploy(t.Context(), release.DeployOptions{})
	var user *packager.Error
	if !errors.As(err, &user) || !strings.Contains(user.Message, filepath.Join(saved, "api.zip")+" is not the package") || !strings.Contains(user.Hint, "ferry package api") {
		t.Fatalf("got %v", err)
	}
	s.servesAll("one")
}

// meddling does something before a package is read to be published, which is after it was found whole.
type meddling struct {
	providers.Adapter
	do func()
}

func (m *meddling) Publish(ctx context.Context, s providers.Spec, e providers.Epoch) (providers.Revision, error) {
	m.do()
	return m.Adapter.Publish(ctx, s, e)
}

// damage changes a byte in the middle of a file.
func damage(t *testing.T, path string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 0xff
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestAnUnknownFunctionIsNotFound(t *testing.T) {
	s := newService(t).all("one")
	if _, err := s.engine().Deploy(t.Context(), release.DeployOptions{Functions: []string{"ghost", "phantom"}}); !errors.Is(err, providers.NotFound) {
		t.Errorf("got %v", err)
	}
}

func TestDriftIsRefusedUntilForced(t *testing.T) {
	s := newService(t).all("one")
	s.deploy()
	a := memory.New(s.world)
	st, err := a.Status(t.Context(), "api")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Activate(t.Context(), providers.Change{Spec: providers.Spec{Function: manifest.Function{Name: "api"}}, From: st, Epoch: s.shown()}); err != nil {
		t.Fatal(err)
	}
	p, err := s.engine().Plan(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Drift) != 1 || p.Drift[0].Function != "api" || p.Empty {
		t.Errorf("got %+v", p)
	}
	if _, err := s.engine().Deploy(t.Context(), release.DeployOptions{}); !errors.Is(err, providers.Conflict) {
		t.Errorf("got %v", err)
	}
	r, err := s.engine().Deploy(t.Context(), release.DeployOptions{Force: true})
	if err != nil {
		t.Fatal(err)
	}
	s.servesAll("one")
	if diff := cmp.Diff([]string{"api"}, r.Changed); diff != "" {
		t.Error(diff)
	}
}

func TestRemoveTakesEverythingAndARollbackBringsItBack(t *testing.T) {
	s := newService(t).all("one")
	s.deploy()
	r, err := s.engine().Remove(t.Context(), release.RemoveOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"api", "jobs", "web"}, r.Removed); diff != "" {
		t.Error(diff)
	}
	s.serves(map[string]string{})
	s.rollback(0)
	s.servesAll("one")
}

func TestPurgeLeavesAnEmptyStore(t *testing.T) {
	s := newService(t).all("one")
	s.deploy()
	if _, err := s.engine().Remove(t.Context(), release.RemoveOptions{Purge: true}); err != nil {
		t.Fatal(err)
	}
	store, err := memory.New(s.world).Store(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	keys, err := store.List(t.Context(), "")
	if err != nil || len(keys) > 0 {
		t.Errorf("the store holds %q, %v", keys, err)
	}
}

func TestATargetThatCannotHonourTheManifestIsRefusedBeforeAnyCall(t *testing.T) {
	s := newService(t).all("one")
	s.adjust = func(fn *manifest.Function) { fn.Secrets = map[string]string{"KEY": "key"} }
	s.world.Before = func(_ context.Context, op, function string) error {
		if op == "publish" {
			t.Errorf("%s %s was called", op, function)
		}
		return nil
	}
	var blocked release.Blocked
	if _, err := s.engine().Deploy(t.Context(), release.DeployOptions{}); !errors.As(err, &blocked) || len(blocked) != 3 {
		t.Errorf("want three blockers, got %v", err)
	}
}

func TestAnInterruptionBeforeActivationChangesNothing(t *testing.T) {
	s := newService(t).all("one")
	s.deploy()
	ctx, cancel := context.WithCancel(t.Context())
	s.world.Before = func(_ context.Context, op, _ string) error {
		if op == "probe" {
			cancel()
		}
		return nil
	}
	s.all("two")
	_, err := s.engine().Deploy(ctx, release.DeployOptions{})
	s.failure(err, release.OutcomeUnchanged)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	s.servesAll("one")
	s.world.Before = nil
	s.deploy()
	s.servesAll("two")
}

func TestAnInterruptionDuringActivationPutsEverythingBack(t *testing.T) {
	both(t, func(t *testing.T, s *service) {
		s.all("one").deploy()
		ctx, cancel := context.WithCancel(t.Context())
		s.world.After = func(op, _ string) error {
			if op == "activate" || op == "switch" {
				cancel()
			}
			return nil
		}
		s.all("two")
		_, err := s.engine().Deploy(ctx, release.DeployOptions{})
		s.failure(err, release.OutcomeRestored)
		s.servesAll("one")
	})
}

func TestARestoreThatFailsSaysWhatIsWhere(t *testing.T) {
	s := newService(t).all("one")
	s.deploy()
	switches := 0
	s.world.Before = func(_ context.Context, op, _ string) error {
		if op != "switch" {
			return nil
		}
		if switches++; switches == 1 {
			return nil
		}
		return errors.New("the provider is down")
	}
	s.all("unhealthy")
	_, err := s.engine().Deploy(t.Context(), release.DeployOptions{})
	e := s.failure(err, release.OutcomePartial)
	if len(e.Partial) != 3 {
		t.Errorf("want three functions, got %+v", e.Partial)
	}
	s.world.Before = nil
	if p, err := s.engine().Plan(t.Context(), nil); err != nil || p.Unfinished != 2 {
		t.Errorf("the plan does not say that release 2 is unfinished: %+v, %v", p, err)
	}
	s.rollback(0)
	s.servesAll("one")
}

func TestALockThatIsRenewedIsAConflict(t *testing.T) {
	s := newService(t).all("one")
	s.ttl = 300 * time.Millisecond
	entered, leave := make(chan struct{}), make(chan struct{})
	s.world.Before = func(_ context.Context, op, _ string) error {
		if op == "publish" {
			select {
			case entered <- struct{}{}:
			default:
			}
			<-leave
		}
		return nil
	}
	first := make(chan error, 1)
	go func() {
		_, err := s.engine().Deploy(context.WithoutCancel(t.Context()), release.DeployOptions{})
		first <- err
	}()
	<-entered
	_, err := s.engine().Deploy(t.Context(), release.DeployOptions{})
	if !errors.Is(err, providers.Conflict) {
		t.Errorf("got %v", err)
	}
	close(leave)
	if err := <-first; err != nil {
		t.Fatal(err)
	}
	s.servesAll("one")
}

func TestBindingsOfAnAttemptThatDiedAreTakenAway(t *testing.T) {
	for _, next := range []string{"deploy", "rollback"} {
		t.Run(next, func(t *testing.T) {
			s := newService(t).write(map[string]string{"api": "one"})
			s.ttl = 20 * time.Millisecond
			s.deploy()
			var died atomic.Bool
			s.world.Before = func(_ context.Context, op, _ string) error {
				if op == "probe" {
					died.Store(true)
				}
				if died.Load() {
					return errors.New("the process died")
				}
				return nil
			}
			s.write(map[string]string{"api": "one", "jobs": "two"})
			if _, err := s.engine().Deploy(t.Context(), release.DeployOptions{}); err == nil {
				t.Fatal("a dead process deployed")
			}
			s.world.Before = nil
			if next == "deploy" {
				s.write(map[string]string{"api": "three"}).deploy()
			} else {
				s.rollback(0)
			}
			st, err := memory.New(s.world).Status(t.Context(), "jobs")
			if err != nil || st.Bindings != providers.BindNone {
				t.Errorf("the bindings of jobs are %q, %v", st.Bindings, err)
			}
		})
	}
}

// A request that never left this machine left nothing in a log.
func TestAHealthCheckThatReachesNothingDoesNotSendToTheLogs(t *testing.T) {
	for url, want := range map[string]string{"http://nowhere.invalid": "can resolve nowhere.invalid", "http://127.0.0.1:1": "no connection was made"} {
		s := newService(t).all("one")
		s.adjust = func(fn *manifest.Function) {
			if fn.Health != nil {
				fn.Health.Timeout = manifest.Duration(2 * time.Second)
			}
		}
		s.world.URL = url
		_, err := s.engine().Deploy(t.Context(), release.DeployOptions{})
		var e *providers.Error
		if !errors.As(err, &e) || e.Kind != providers.Unhealthy || !strings.Contains(e.Hint, want) || strings.Contains(e.Hint, "ferry logs") {
			t.Errorf("%s: %v, with the hint %q", url, err, e.Hint)
		}
	}
}

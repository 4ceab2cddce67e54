package gcp

import (
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/internal/sample"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager/packagertest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/providertest"
	"github.com/ferryfn/ferry/release"
	"github.com/ferryfn/ferry/release/faults"
)

// viaFunctions is a project whose functions Cloud Functions builds.
type viaFunctions struct{ shop }

func (s viaFunctions) process(t testing.TB, service, stage string) *Adapter {
	t.Helper()
	a := s.adapter(t, s.registry(), map[string]any{"via": byFunctions})
	a.service, a.stage = service, stage
	return a
}

func (s viaFunctions) built(t testing.TB, a *Adapter, function, word, code string, events ...manifest.Event) providers.Spec {
	t.Helper()
	fn := providertest.Function(function, word, events...)
	fn.Handler, fn.Runtime, fn.Style = "app:app", packagertest.ThisPython(t.(*testing.T)), manifest.StyleWSGI
	fn.Config = blockOf(map[string]any{"via": byFunctions})
	return providertest.Package(t, a, fn, map[string]string{"app.py": code})
}

func newViaFunctions(t *testing.T) viaFunctions {
	t.Helper()
	if _, err := exec.LookPath("python3"); err != nil || !packagertest.Reachable("python3") {
		t.Skip("needs python3, and what it installs")
	}
	return viaFunctions{newShop(t)}
}

func TestABuildThatAKilledProcessLeftIsTakenUp(t *testing.T) {
	t.Parallel()
	s := newViaFunctions(t)
	a := s.process(t, "shop", "dev")
	s.Answer(imitated)
	spec := s.built(t, a, "api", "a", fmt.Sprintf(application, "one"))
	s.lose("projects.locations.functions.create") // and the process with it
	first, err := a.Publish(t.Context(), spec, 1)
	if err != nil {
		t.Fatal(err)
	}
	again, err := s.process(t, "shop", "dev").Publish(t.Context(), spec, 1)
	if err != nil || again != first {
		t.Errorf("the same spec gave %v and %v: %v", first, again, err)
	}
	c, err := a.connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if all, err := c.revisions(t.Context(), "api"); err != nil || len(all) != 1 {
		t.Errorf("it was built %d times, %v", len(all), err)
	}
	if left, err := c.storeIn().List(t.Context(), "sources/"); err != nil || len(left) > 0 {
		t.Errorf("of what was sent there is left %v, %v", left, err)
	}
}

func TestABuildThatFailsSaysWhyInItsOwnWords(t *testing.T) {
	t.Parallel()
	s := newViaFunctions(t)
	a := s.process(t, "shop", "dev")
	spec := s.built(t, a, "api", "a", "def app(:\n")
	_, err := a.Publish(t.Context(), spec, 1)
	var e *providers.Error
	if !errors.As(err, &e) || e.Kind != providers.Failed || !strings.Contains(e.Error(), "the end of the build's log") || !strings.Contains(e.Hint, "gcloud builds log ") {
		t.Errorf("got %v", err)
	}
}

func TestAFunctionThatWasMadeOnCloudRunStaysThere(t *testing.T) {
	t.Parallel()
	s := newViaFunctions(t)
	s.Answer(imitated)
	on := s.shop.process(t, "shop", "dev")
	if _, err := on.Publish(t.Context(), s.packaged(t, on, "api", "a", fmt.Sprintf(application, "one")), 1); err != nil {
		t.Fatal(err)
	}
	a := s.process(t, "shop", "dev")
	if _, err := a.Publish(t.Context(), s.built(t, a, "api", "a", fmt.Sprintf(application, "one")), 1); !errors.Is(err, providers.Unsupported) {
		t.Errorf("got %v", err)
	}
}

// onFunctions is a tenant whose functions Cloud Functions builds.
func onFunctions(t *testing.T, from *faults.Shop) *tenant {
	t.Helper()
	s := newTenant(t, from)
	s.adjust = func(m *manifest.Manifest) {
		for i := range m.Functions {
			m.Functions[i].Config = blockOf(map[string]any{"via": byFunctions})
		}
	}
	return s
}

func needsBuilds(t *testing.T) *faults.Shop {
	t.Helper()
	if !packagertest.Reachable("python3") {
		t.Skip("what python3 installs cannot be had, or not with -short")
	}
	return newSources(t)
}

// writes are the calls about one function that change something, as they came since the last time.
func (s *tenant) writes(fn string) (all []string) {
	for _, c := range s.Calls() {
		if c.Write && (c.Service == "run" || c.Service == "cloudfunctions") && (strings.Contains(c.Resource, "-"+fn) || strings.HasSuffix(c.Operation, ".create")) {
			all = append(all, c.Service+" "+strings.TrimPrefix(c.Operation, "projects.locations."))
		}
	}
	s.Reset()
	return all
}

// TestALifeOnCloudFunctionsMakesTheseWrites holds to its requests: what serves is pinned, nothing is built twice, and a rollback
// builds nothing.
func TestALifeOnCloudFunctionsMakesTheseWrites(t *testing.T) {
	t.Parallel()
	s := onFunctions(t, needsBuilds(t))
	whole := s.adjust
	s.adjust = func(m *manifest.Manifest) {
		whole(m)
		m.Functions = m.Functions[:1]
	}
	var got []string
	note := func(step string) { got = append(got, step+": "+strings.Join(s.writes("api"), ", ")) }
	serves := func(want string) {
		t.Helper()
		if version, _ := calling(s.judge)(t, "api"); version != want {
			t.Errorf("%q serves, want %q", version, want)
		}
	}
	s.deploys("one")
	note("first")
	serves("one")
	s.deploys("one")
	note("the same")
	s.deploys("two")
	note("second")
	serves("two")
	if _, err := s.engine("two").Rollback(s.Context(), release.RollbackOptions{}); err != nil {
		t.Fatal(err)
	}
	note("rollback")
	serves("one")
	if err := s.judge.Remove(s.Context(), "api", 1<<40); err != nil {
		t.Fatal(err)
	}
	note("remove")
	serves("")
	want := []string{
		"first: cloudfunctions functions.create, run services.patch, run services.patch, run services.setIamPolicy, run services.patch",
		"the same: ",
		"second: cloudfunctions functions.patch, run services.patch, run services.patch",
		"rollback: run services.patch",
		"remove: run services.setIamPolicy, cloudfunctions functions.delete",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want -, got +:\n%s", diff)
	}
}

func TestNoFaultAtAnyCallBreaksAReleaseThatCloudFunctionsBuilds(t *testing.T) {
	t.Parallel()
	if !sample.Of(t, 8).Takes() { // the order of work is the same as with an image, which is tried each time
		return
	}
	from := needsBuilds(t)
	faults.Withstands(t, faults.Options{Every: 320}, func(t *testing.T) faults.Place { return onFunctions(t, from).network().Place })
}

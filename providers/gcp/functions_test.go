package gcp

import (
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager/packagertest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/providertest"
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

// The order of work is the same as with an image, whose samples are larger.
func TestNoFaultAtAnyCallBreaksAReleaseThatCloudFunctionsBuilds(t *testing.T) {
	t.Parallel()
	from := needsBuilds(t)
	faults.Withstands(t, faults.Options{Every: 960}, func(t *testing.T) faults.Place { return onFunctions(t, from).network().Place })
}

func TestEveryCallOfADeployThatCloudFunctionsBuildsMayGoWrong(t *testing.T) {
	t.Parallel()
	from := needsBuilds(t)
	faults.Calls(t, faults.Options{Every: 112}, func(t *testing.T) faults.Network { return onFunctions(t, from).network() })
}

func TestARequestOfAnOvertakenDeployThatCloudFunctionsBuildsChangesNothingThatServes(t *testing.T) {
	t.Parallel()
	from := needsBuilds(t)
	faults.Late(t, faults.Options{Every: 80}, func(t *testing.T) faults.Network { return onFunctions(t, from).network() })
}

func TestCloudFunctionsBuildsWhatIsWrittenForItAndWhatTheManifestSays(t *testing.T) {
	long := []manifest.Event{{Schedule: &manifest.ScheduleEvent{Cron: "0 3 * * *"}}}
	for _, c := range []struct {
		runtime manifest.Runtime
		style   manifest.Style
		own     map[string]any
		late    bool
		want    bool
	}{
		{"nodejs24", manifest.StyleGCFHTTP, nil, false, true},
		{"nodejs24", manifest.StyleGCFEvent, nil, false, true},
		{"python3.13", manifest.StyleGCFHTTP, nil, false, true},
		{"go", manifest.StyleGCF, nil, false, true},
		{"nodejs24", manifest.StyleGCFHTTP, map[string]any{"via": byRun}, false, false},
		{"nodejs24", manifest.StyleGCFHTTP, map[string]any{"base_image": "example.com/base:1"}, false, false},
		{"nodejs24", manifest.StyleGCFEvent, nil, true, false},
		{"nodejs24", manifest.StyleFetch, nil, false, false},
		{"nodejs24", manifest.StyleFetch, map[string]any{"via": byFunctions}, false, true},
		{"nodejs24", manifest.StyleLambda, nil, false, false},
		{"python3.13", manifest.StyleASGI, nil, false, false},
		{"go", manifest.StyleGo, nil, false, false},
		{"go", manifest.StyleGo, map[string]any{"via": byFunctions}, false, true},
		{"go", manifest.StyleLambda, nil, false, false},
		{"nodejs24", manifest.StyleServer, nil, false, false},
		{"custom", manifest.StyleServer, nil, false, false},
	} {
		fn := manifest.Function{Name: "api", Runtime: c.runtime, Style: c.style, Config: blockOf(c.own)}
		if c.late {
			fn.Events, fn.Timeout = long, manifest.Duration(maxEventTimeout)
		}
		if got := functionOf(fn).viaFunctions(); got != c.want {
			t.Errorf("%s of style %s with %v, events late %t: built %t", c.runtime, c.style, c.own, c.late, got)
		}
		if of := specOf(providers.Spec{Function: fn, Base: "base@sha256:1"}); of.function.viaFunctions() {
			t.Errorf("%s of style %s is built anew, although its package is that of an image", c.runtime, c.style)
		}
	}
}

package gcp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/internal/sample"
	"github.com/ferryfn/ferry/internal/standin"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/until"
	"github.com/ferryfn/ferry/release"
	"github.com/ferryfn/ferry/release/faults"
)

// tenant is a service of three functions in a project of its own, whose containers are answered for. The engine works for it,
// each time as a process of its own.
type tenant struct {
	*testing.T
	shop
	sources *sources
	judge   *Adapter // looks at what serves
	adjust  func(m *manifest.Manifest)
}

// sources are the versions of a tenant's functions, in a folder each, with one build cache.
type sources struct{ dir, cache string }

func newSources(t *testing.T) *sources {
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("needs python3")
	}
	v := &sources{t.TempDir(), t.TempDir()}
	for _, version := range []string{"one", "two", "three", "four", "five"} {
		for _, fn := range deployed(version) {
			dir := filepath.Join(v.dir, version, fn)
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			code := "def on_event(event, ctx):\n    pass\n" + fmt.Sprintf(application, version)
			if err := os.WriteFile(filepath.Join(dir, "app.py"), []byte(code), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	return v
}

func newTenant(t *testing.T, from *sources) *tenant {
	t.Helper()
	s := &tenant{T: t, shop: newShop(t), sources: from}
	s.OperationPolls(1)
	s.Answer(imitated)
	s.judge = s.process(t, "shop", "dev")
	return s
}

// Context is that of the test, in which the adapter waits as briefly as the stand-in lets it.
func (s *tenant) Context() context.Context { return until.Hasten(s.T.Context(), haste) }

// haste is how many times shorter pauses are than in earnest.
const haste = 20

// imitated answers as a function with a shim does, whose code says the word of its environment.
func imitated(variables map[string]string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/.ferry/probe" && r.Header.Get("Ferry-Instance") == variables[variableInstance] {
			_ = json.NewEncoder(w).Encode(map[string]string{"digest": variables[variableDigest]})
			return
		}
		_, _ = fmt.Fprintf(w, "%s %s", variables["WORD"], variables["WORD"])
	})
}

// deployed are the names of the functions of a version.
func deployed(string) []string { return []string{"api", "jobs", "web"} }

// engine is a new process's engine on the sources of a version.
func (s *tenant) engine(version string) *release.Engine {
	s.Helper()
	m := &manifest.Manifest{
		File: "ferry.yaml", Dir: filepath.Join(s.sources.dir, version), Service: "shop", Stage: "dev", Digest: version,
		Target: manifest.Target{Name: "gcp", Provider: name}, Releases: manifest.Releases{Keep: 20},
	}
	for _, fn := range deployed(version) {
		m.Functions = append(m.Functions, declared(version, fn))
	}
	if s.adjust != nil {
		s.adjust(m)
	}
	return &release.Engine{
		Manifest: m, Adapter: s.process(s.T, "shop", "dev"), Packager: &packager.Packager{Root: m.Dir, Cache: s.sources.cache},
		Origin: release.Origin{Actor: "me@here", Version: "test"}, LockTTL: time.Second,
	}
}

// declared is one function of a version, whose environment says it as its code does. A schedule calls one of them, too.
func declared(version, name string) manifest.Function {
	fn := manifest.Function{
		Name: name, Source: name, Handler: "app:app", Runtime: "python3.13", Style: manifest.StyleWSGI,
		Memory: 256 * manifest.MB, Timeout: manifest.Duration(10 * time.Second), Env: map[string]string{"WORD": version},
		Events: []manifest.Event{{HTTP: &manifest.HTTPEvent{Auth: "public"}}},
	}
	if name == "jobs" {
		fn.Events = append(fn.Events, manifest.Event{Schedule: &manifest.ScheduleEvent{Cron: "0 3 * * *", Timezone: "UTC"}})
	}
	return fn
}

// serving is the version of each function as its address answers, "" where nobody is let in.
func (s *tenant) serving() map[string]string {
	s.Helper()
	found := map[string]string{}
	call := calling(s.judge)
	for _, fn := range deployed("") {
		if version, _ := call(s.T, fn); version != "" {
			found[fn] = version
		}
	}
	return found
}

func TestNoFaultAtAnyCallBreaksAReleaseOnGoogle(t *testing.T) {
	t.Parallel()
	from := newSources(t)
	// Each of these takes as long as a hundred in memory.
	rows := faults.Run(t, faults.Options{Every: 160}, func(t *testing.T) faults.Place {
		s := newTenant(t, from)
		return faults.Place{Functions: deployed, Serving: s.serving, Engine: s.engine}
	})
	tried := 0
	for _, r := range rows {
		tried += r.Faults
		if r.Broken > 0 || r.Faults == 0 && !testing.Short() { // whose sample may leave a work of few calls out
			t.Errorf("%s: %d of %d faults broke it", r.Work, r.Broken, r.Faults)
		}
	}
	if tried == 0 {
		t.Error("no fault was tried")
	}
	t.Logf("%d faults were tried: %+v", tried, rows)
}

// mishap is what goes wrong with one call over the network.
type mishap struct {
	name  string
	fault standin.Fault
	kinds []providers.Kind // of the error where the deploy fails
}

func mishaps() []mishap {
	failed := []providers.Kind{providers.Conflict, providers.Denied, providers.Unavailable, providers.Throttled}
	return []mishap{
		{"is throttled", standin.Throttle(), failed},
		{"meets a failure of the service", standin.ServerError(), failed},
		{"loses its reply", standin.LoseReply(), failed},
		{"does not arrive", standin.Cut(), failed},
		{"meets a conflict", standin.Fail(http.StatusConflict, "ABORTED", "Conflict for resource 'x': version '1' was specified but current version is '2'."), append(failed, providers.Failed, providers.Invalid)},
		{"is denied", standin.Deny(), failed},
	}
}

// Every call of a deploy, to whichever service, goes wrong once in every way. What served before serves, or the deploy
// completes; the next command ends what was left, and nothing is there twice.
func TestEveryCallOfADeployMayGoWrong(t *testing.T) {
	t.Parallel()
	from := newSources(t)
	calls, clean := afterDeploys(t, from, 0, standin.Fault{}, nil)
	cases := sample.Of(t, 20)
	tried := 0
	for n := 1; n <= calls; n++ {
		for _, m := range mishaps() {
			if !cases.Takes() {
				continue
			}
			tried++
			t.Run(fmt.Sprintf("call %d %s", n, m.name), func(t *testing.T) {
				t.Parallel()
				_, left := afterDeploys(t, from, n, m.fault, m.kinds)
				if diff := cmp.Diff(clean, left); diff != "" {
					t.Errorf("what is left is not what a clean run leaves (-clean +left):\n%s", diff)
				}
			})
		}
	}
	t.Logf("%d of %d calls × %d mishaps were tried", tried, calls, len(mishaps()))
}

// afterDeploys releases three versions, with a fault at a call of the third deploy, then a fourth, and returns how many
// calls the third made and what there is in the end.
func afterDeploys(t *testing.T, from *sources, at int, fault standin.Fault, kinds []providers.Kind) (calls int, left []string) {
	s := newTenant(t, from)
	for _, version := range []string{"one", "two"} {
		s.deploys(version)
	}
	s.Reset()
	s.Intercept(func(c standin.Call) standin.Fault {
		if c.Number == at {
			return fault
		}
		return standin.Fault{}
	})
	_, err := s.engine("three").Deploy(s.Context(), release.DeployOptions{Message: "three"})
	s.Intercept(nil)
	calls = len(s.Calls())
	var hit standin.Call
	if at > 0 && at <= calls {
		hit = s.Calls()[at-1]
	}
	var failed *release.Error
	switch got := s.serving(); {
	case err == nil || errors.As(err, &failed) && failed.Release == 3:
		s.serves(got, "three")
	default:
		s.serves(got, "two")
		if !slices.ContainsFunc(kinds, func(k providers.Kind) bool { return errors.Is(err, k) }) {
			t.Errorf("the deploy whose %s %s went wrong fails with %v", hit.Service, hit.Operation, err)
		}
	}
	if err != nil {
		t.Logf("%s %s: %v", hit.Service, hit.Operation, err)
	}
	if _, err := s.engine("four").Deploy(s.Context(), release.DeployOptions{Message: "four"}); errors.Is(err, providers.Conflict) {
		if _, err := s.engine("four").Rollback(s.Context(), release.RollbackOptions{}); err != nil {
			t.Fatalf("rolling back what %s %s left: %v", hit.Service, hit.Operation, err)
		}
		s.deploys("four")
	} else if err != nil {
		t.Fatalf("deploying after %s %s went wrong: %v", hit.Service, hit.Operation, err)
	}
	s.serves(s.serving(), "four")
	return calls, s.resources()
}

func (s *tenant) deploys(version string) {
	s.Helper()
	if _, err := s.engine(version).Deploy(s.Context(), release.DeployOptions{Message: version}); err != nil {
		s.Fatalf("deploying %s: %v", version, err)
	}
}

func (s *tenant) serves(got map[string]string, version string) {
	s.Helper()
	for _, fn := range deployed(version) {
		if got[fn] != version {
			s.Errorf("want all of %q to serve, got %v", version, got)
			return
		}
	}
}

// resources are all things in the project but revisions, packages and records, whose numbers differ with what happened.
func (s *tenant) resources() []string {
	var list []string
	for line := range strings.Lines(s.Snapshot()) {
		if line = varying.ReplaceAllString(strings.TrimSpace(line), "…"); !counted.MatchString(line) {
			list = append(list, line)
		}
	}
	return list
}

var (
	varying = regexp.MustCompile(`https?://[^ "]*|[0-9a-f]{16,64}|[A-Z2-7]{40,}|"ferry.dev/write":"[a-z2-7]+"|"gcp [0-9]+"`)
	counted = regexp.MustCompile(`^revision |^object `)
)

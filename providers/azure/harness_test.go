package azure

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/internal/azuretest"
	"github.com/ferryfn/ferry/internal/sample"
	"github.com/ferryfn/ferry/internal/standin"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/until"
	"github.com/ferryfn/ferry/release"
	"github.com/ferryfn/ferry/release/faults"
)

// shop is a service of three functions in a subscription of its own: all answer HTTP, and a schedule calls one.
type shop struct {
	*testing.T
	cloud   *azuretest.Cloud
	sources *sources
	judge   *Adapter // looks at what serves
	adjust  func(m *manifest.Manifest)
}

// sources are the versions of a shop, in a folder each, with one build cache.
type sources struct{ dir, cache string }

func newSources(t *testing.T) *sources {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	v := &sources{t.TempDir(), t.TempDir()}
	for _, version := range []string{"one", "two", "three", "four", "five"} {
		for _, fn := range functions(version) {
			dir := filepath.Join(v.dir, version, fn)
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			script := fmt.Sprintf("#!/bin/sh\nTEST_SAYS=%s exec '%s'\n", version, self)
			if err := os.WriteFile(filepath.Join(dir, "run.sh"), []byte(script), 0o700); err != nil {
				t.Fatal(err)
			}
		}
	}
	return v
}

func newShop(t *testing.T, from *sources) *shop {
	c := azuretest.Start(t)
	c.Polls(0)
	c.RoleLag(0)
	return &shop{T: t, cloud: c, sources: from, judge: adapterOf(t, c)}
}

// functions are the names of the functions of a version.
func functions(string) []string { return []string{"api", "jobs", "web"} }

// engine is a new process's engine on the sources of a version.
func (s *shop) engine(version string) *release.Engine {
	s.Helper()
	m := &manifest.Manifest{
		File: "ferry.yaml", Dir: filepath.Join(s.sources.dir, version), Service: "shop", Stage: "dev", Digest: version,
		Target: manifest.Target{Name: "here", Provider: name}, Releases: manifest.Releases{Keep: 20},
	}
	for _, fn := range functions(version) {
		m.Functions = append(m.Functions, declared(version, fn))
	}
	if s.adjust != nil {
		s.adjust(m)
	}
	return &release.Engine{
		Manifest: m, Adapter: adapterOf(s, s.cloud), Packager: &packager.Packager{Root: m.Dir, Cache: s.sources.cache},
		Origin: release.Origin{Actor: "me@here", Version: "test"}, LockTTL: time.Second, Now: time.Now,
	}
}

// declared is one function of a version, whose environment says it as its code does.
func declared(version, name string) manifest.Function {
	fn := manifest.Function{
		Name: name, Source: name, Handler: "run.sh", Runtime: "custom", Style: manifest.StyleServer,
		Memory: 512 * manifest.MB, Timeout: manifest.Duration(10 * time.Second), Env: map[string]string{"WORD": version},
		Events: []manifest.Event{{HTTP: &manifest.HTTPEvent{Auth: "public"}}},
	}
	if name == "jobs" {
		fn.Events = append(fn.Events, manifest.Event{Schedule: &manifest.ScheduleEvent{Cron: "0 3 * * *", Timezone: "UTC"}})
	}
	return fn
}

// serving is the version of each function as its address says it: of its code and its environment.
func (s *shop) serving() map[string]string {
	s.Helper()
	c, err := s.judge.connect(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	found := map[string]string{}
	for _, fn := range functions("") {
		at, err := c.app(fn)
		if err != nil {
			s.Fatal(err)
		}
		said := ask(s, s.cloud, at)
		if said.Code == "" {
			continue
		}
		if said.Env["WORD"] != said.Code {
			s.Errorf("%s has the code of %q and the environment of %q", fn, said.Code, said.Env["WORD"])
		}
		found[fn] = said.Code
	}
	return found
}

func TestNoFaultAtAnyCallBreaksAReleaseOnAzure(t *testing.T) {
	t.Parallel()
	from := newSources(t)
	rows := faults.Run(t, faults.Options{Every: 160}, func(t *testing.T) faults.Place {
		s := newShop(t, from)
		return faults.Place{Functions: functions, Serving: s.serving, Engine: s.engine}
	})
	tried := 0
	for _, r := range rows {
		tried += r.Faults
		if r.Broken > 0 {
			t.Errorf("%s: %d of %d faults broke it", r.Work, r.Broken, r.Faults)
		}
	}
	if tried == 0 {
		t.Error("no fault was tried")
	}
}

// mishap is what goes wrong with one call over the network.
type mishap struct {
	name  string
	fault standin.Fault
}

func mishaps() []mishap {
	return []mishap{
		{"is throttled", standin.Throttle()},
		{"meets a failure of the service", standin.ServerError()},
		{"loses its reply", standin.LoseReply()},
		{"does not arrive", standin.Cut()},
		{"meets a conflict", standin.Fail(409, "AnotherOperationInProgress", "Another operation is in progress. Please try again later.")},
		{"is denied", standin.Deny()},
	}
}

// Every call of a deploy, to whichever service, goes wrong once in every way. What served before serves, or the deploy
// completes; the next command ends what was left, and nothing is there twice.
func TestEveryCallOfADeployToAzureMayGoWrong(t *testing.T) {
	t.Parallel()
	from := newSources(t)
	calls, clean := afterDeploys(t, from, 0, standin.Fault{})
	cases := sample.Of(t, 20)
	for n := 1; n <= calls; n++ {
		for _, m := range mishaps() {
			if !cases.Takes() {
				continue
			}
			t.Run(fmt.Sprintf("call %d %s", n, m.name), func(t *testing.T) {
				t.Parallel()
				_, left := afterDeploys(t, from, n, m.fault)
				if diff := cmp.Diff(clean, left); diff != "" {
					t.Errorf("what is left is not what a clean run leaves (-clean +left):\n%s", diff)
				}
			})
		}
	}
	t.Logf("%d calls and %d mishaps", calls, len(mishaps()))
}

// afterDeploys releases two versions, with a fault at a call of the second deploy, then a third, and returns how many calls the
// second made and what there is in the end.
func afterDeploys(t *testing.T, from *sources, at int, fault standin.Fault) (calls int, left []string) {
	s := newShop(t, from)
	s.adjust = memory
	s.deploys("one")
	s.cloud.Reset()
	s.cloud.Intercept(func(c standin.Call) standin.Fault {
		if c.Number == at {
			return fault
		}
		return standin.Fault{}
	})
	ctx := until.Hasten(t.Context(), haste)
	_, err := s.engine("two").Deploy(ctx, release.DeployOptions{Message: "two"})
	s.cloud.Intercept(nil)
	calls = len(s.cloud.Calls())
	var hit standin.Call
	if at > 0 && at <= calls {
		hit = s.cloud.Calls()[at-1]
	}
	var failed *release.Error
	if err == nil || errors.As(err, &failed) && failed.Release == 2 {
		s.serves("two")
	} else {
		s.serves("one")
	}
	if err != nil {
		t.Logf("%s %s: %v", hit.Service, hit.Operation, err)
	}
	if _, err := s.engine("three").Deploy(ctx, release.DeployOptions{Message: "three"}); errors.Is(err, providers.Conflict) {
		if _, err := s.engine("three").Rollback(ctx, release.RollbackOptions{}); err != nil {
			t.Fatalf("rolling back what %s %s left: %v", hit.Service, hit.Operation, err)
		}
		s.deploys("three")
	} else if err != nil {
		t.Fatalf("deploying after %s %s went wrong: %v", hit.Service, hit.Operation, err)
	}
	s.serves("three")
	return calls, s.resources()
}

// resources are all things in the subscription but blobs, of which there are more or fewer with what happened.
func (s *shop) resources() []string {
	var list []string
	for line := range strings.Lines(s.cloud.Snapshot()) {
		line = strings.TrimSpace(line)
		if strings.Contains(line, "blob ") || strings.Contains(line, "/blobs/") || varying.MatchString(line) {
			continue
		}
		list = append(list, line)
	}
	return list
}

var varying = regexp.MustCompile(`revisions/|packages/|releases/|released-package`)

package azure

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ferryfn/ferry/internal/azuretest"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager"
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

package release_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/memory"
	"github.com/ferryfn/ferry/release"
)

// service is one service in a world of its own.
type service struct {
	*testing.T
	world   *memory.World
	dir     string
	cache   string
	env     map[string]string // of every function
	keep    int
	archive int // 0 keeps all packages
	ttl     time.Duration
	commit  string
	adapter func(*memory.Adapter) providers.Adapter
	code    map[string]string // by function
	adjust  func(*manifest.Function)
}

func newService(t *testing.T) *service {
	s := &service{
		T: t, world: memory.NewWorld(), dir: t.TempDir(), cache: t.TempDir(), keep: 20, ttl: time.Minute,
		adapter: func(a *memory.Adapter) providers.Adapter { return a },
		code:    map[string]string{},
		adjust:  func(*manifest.Function) {},
	}
	server := httptest.NewServer(s.world)
	t.Cleanup(server.Close)
	s.world.URL = server.URL
	return s
}

// write makes these functions the service's source, each with its code.
func (s *service) write(code map[string]string) *service {
	s.Helper()
	s.code = code
	for name, text := range code {
		dir := filepath.Join(s.dir, name)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			s.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "run.sh"), []byte("#!/bin/sh\n# "+text+"\n"), 0o755); err != nil {
			s.Fatal(err)
		}
	}
	return s
}

// all gives the functions api, jobs and web the same code.
func (s *service) all(code string) *service {
	s.Helper()
	return s.write(map[string]string{"api": code, "jobs": code, "web": code})
}

func (s *service) engine() *release.Engine {
	m := &manifest.Manifest{
		File: filepath.Join(s.dir, "ferry.yaml"), Dir: s.dir, Service: "shop", Stage: "dev", Digest: "sha256:0",
		Target:   manifest.Target{Name: "here", Provider: "memory"},
		Releases: manifest.Releases{Keep: s.keep, Archive: s.archive},
	}
	for name, text := range s.code {
		fn := manifest.Function{
			Name: name, Source: name, Handler: "run.sh", Runtime: "custom", Style: manifest.StyleServer, Env: s.env,
			Timeout: manifest.Duration(30 * time.Second), Memory: 256 << 20,
		}
		if name == "jobs" {
			fn.Events = []manifest.Event{{Queue: &manifest.QueueEvent{Name: "orders", Batch: 1}}}
		} else {
			fn.Events = []manifest.Event{{HTTP: &manifest.HTTPEvent{Auth: "public"}}}
			fn.Health = &manifest.Health{Path: "/healthz", Status: 200, Timeout: manifest.Duration(10 * time.Second)} // on a machine that is busy
			if strings.Contains(text, "unhealthy") {
				fn.Health.Timeout = manifest.Duration(150 * time.Millisecond)
			}
		}
		s.adjust(&fn)
		m.Functions = append(m.Functions, fn)
	}
	slices.SortFunc(m.Functions, func(a, b manifest.Function) int { return strings.Compare(a.Name, b.Name) })
	return &release.Engine{
		Manifest: m, Adapter: s.adapter(memory.New(s.world)), LockTTL: s.ttl,
		Packager: &packager.Packager{Root: s.dir, Cache: s.cache},
		Origin:   release.Origin{Actor: "test", Version: "test", Commit: s.commit},
	}
}

// shown is the epoch that the world was shown: who changes something by hand has no lock, and comes after everybody.
func (s *service) shown() providers.Epoch {
	s.Helper()
	e, err := memory.New(s.world).Epoch(context.WithoutCancel(s.Context()), nil)
	if err != nil {
		s.Fatal(err)
	}
	return e
}

func (s *service) deploy() *release.Result {
	s.Helper()
	r, err := s.engine().Deploy(s.Context(), release.DeployOptions{})
	if err != nil {
		s.Fatal(err)
	}
	return r
}

func (s *service) rollback(to int) *release.Result {
	s.Helper()
	r, err := s.engine().Rollback(s.Context(), release.RollbackOptions{To: to})
	if err != nil {
		s.Fatal(err)
	}
	return r
}

// serving asks every function over HTTP what it is: "one a" for the code one and WORD=a.
func (s *service) serving() map[string]string {
	s.Helper()
	got := map[string]string{}
	names, err := memory.New(s.world).Functions(context.WithoutCancel(s.Context()))
	if err != nil {
		s.Fatal(err)
	}
	for _, name := range names {
		res, err := http.Get(s.world.URL + "/" + name)
		if err != nil {
			s.Fatal(err)
		}
		var a memory.Answer
		if res.StatusCode == http.StatusOK {
			err = json.NewDecoder(res.Body).Decode(&a)
		}
		if err := errors.Join(err, res.Body.Close()); err != nil {
			s.Fatal(err)
		}
		if res.StatusCode == http.StatusOK {
			got[name] = strings.TrimSpace(a.Code + " " + a.Env["WORD"])
		}
	}
	return got
}

func (s *service) serves(want map[string]string) {
	s.Helper()
	if diff := cmp.Diff(want, s.serving()); diff != "" {
		s.Errorf("what serves (-want +got):\n%s", diff)
	}
}

// servesAll expects the same of api, jobs and web.
func (s *service) servesAll(code string) {
	s.Helper()
	s.serves(map[string]string{"api": code, "jobs": code, "web": code})
}

// failure expects a release error with that outcome.
func (s *service) failure(err error, want release.Outcome) *release.Error {
	s.Helper()
	var e *release.Error
	if !errors.As(err, &e) || e.Outcome != want {
		s.Fatalf("want a failure with outcome %q, got %v", want, err)
	}
	return e
}

// states are the states of all releases, oldest first.
func (s *service) states() []release.State {
	s.Helper()
	history, err := s.engine().Releases(s.Context(), 0)
	if err != nil {
		s.Fatal(err)
	}
	var states []release.State
	for _, r := range slices.Backward(history.Releases) {
		states = append(states, r.State)
	}
	return states
}

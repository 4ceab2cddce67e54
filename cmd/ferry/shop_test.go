//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/all"
	"github.com/ferryfn/ferry/release/faults"
)

// shop is a service of two functions on a local platform of its own.
type shop struct {
	*testing.T
	dir  string
	home string
	urls map[string]string
}

func newShop(t *testing.T) *shop {
	s := &shop{T: t, dir: t.TempDir(), home: filepath.Join(t.TempDir(), "home"), urls: map[string]string{}}
	t.Cleanup(func() { stop(t, s.home) })
	return s
}

// shopManifest keeps few releases, so that each has as many calls as the one before it.
const shopManifest = `service: shop
releases: {keep: 3, archive: 3}
defaults: {runtime: custom, style: server, handler: run, events: [http: {}]}
functions:
  api: {source: api}
  web: {source: web}
`

// write makes a version the source of both functions, in a folder of its own.
func (s *shop) write(version string) {
	s.Helper()
	dir := filepath.Join(s.dir, version)
	server, err := exec.LookPath("server")
	if err != nil {
		s.Fatal(err)
	}
	files := map[string]string{"ferry.yaml": shopManifest}
	for _, fn := range []string{"api", "web"} {
		files[filepath.Join(fn, "run")] = fmt.Sprintf("#!/bin/sh\nexec '%s' %s\n", server, version)
	}
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			s.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			s.Fatal(err)
		}
	}
}

// command is ferry on the sources of a version.
func (s *shop) command(version string, environ []string, args ...string) *exec.Cmd {
	c := exec.Command("ferry", append(args, "--json")...)
	c.Dir = filepath.Join(s.dir, version)
	c.Env = append(os.Environ(), "FERRY_HOME="+s.home)
	c.Env = append(c.Env, environ...)
	c.Stdout, c.Stderr = &bytes.Buffer{}, &bytes.Buffer{}
	return c
}

// ran is how a command ended: its exit code, -1 when a signal ended it, and all that it said.
func ran(c *exec.Cmd) (int, string) {
	_ = c.Run()
	return c.ProcessState.ExitCode(), said(c)
}

func said(c *exec.Cmd) string { return fmt.Sprint(c.Stdout) + fmt.Sprint(c.Stderr) }

func (s *shop) run(version string, args ...string) {
	s.Helper()
	if code, out := ran(s.command(version, nil, args...)); code != 0 {
		s.Fatalf("ferry %q on %s exits %d: %s", args, version, code, out)
	}
}

// deploy releases a version, under its name as the message.
func (s *shop) deploy(version string) {
	s.Helper()
	s.write(version)
	c := s.command(version, nil, "deploy", "-m", version)
	if code, out := ran(c); code != 0 {
		s.Fatalf("deploying %s exits %d: %s", version, code, out)
	}
	s.learn(c)
}

// learn keeps the URLs that a deploy says.
func (s *shop) learn(c *exec.Cmd) {
	s.Helper()
	var doc struct {
		Result struct {
			Functions map[string]struct{ URL string }
		}
	}
	if err := json.Unmarshal(c.Stdout.(*bytes.Buffer).Bytes(), &doc); err != nil {
		s.Fatalf("%v: %s", err, said(c))
	}
	for name, f := range doc.Result.Functions {
		s.urls[name] = f.URL
	}
}

// serving asks both functions over HTTP for their version. Anything but one version is a failure.
func (s *shop) serving() string {
	s.Helper()
	var versions []string
	for _, url := range s.urls {
		res, err := http.Get(url)
		if err != nil {
			s.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		if err := errors.Join(err, res.Body.Close()); err != nil {
			s.Fatal(err)
		}
		if res.StatusCode != http.StatusOK {
			s.Fatalf("GET %s answers %s: %s", url, res.Status, body)
		}
		version, _, _ := strings.Cut(string(body), " ")
		versions = append(versions, version)
	}
	if versions = slices.Compact(versions); len(versions) != 1 {
		s.Fatalf("a mix serves: %q", versions)
	}
	return versions[0]
}

func (s *shop) serves(versions ...string) {
	s.Helper()
	if got := s.serving(); !slices.Contains(versions, got) {
		s.Fatalf("want one of %q to serve, got %q", versions, got)
	}
}

// ledger reads the ledger past ferry; its files must agree with each other.
func (s *shop) ledger() *faults.Ledger {
	s.Helper()
	home := providers.Home{State: filepath.Join(s.home, "state"), Cache: filepath.Join(s.home, "cache")}
	a, err := all.Providers()[0].New(providers.Config{Service: "shop", Stage: "dev", Target: "local", Home: home, Env: os.LookupEnv})
	if err != nil {
		s.Fatal(err)
	}
	store, err := a.Store(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	l, err := faults.ReadLedger(s.Context(), store, "shop/dev/local/")
	if err != nil {
		s.Fatal(err)
	}
	for _, problem := range l.Problems() {
		s.Error(problem)
	}
	return l
}

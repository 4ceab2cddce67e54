//go:build unix

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ferryfn/ferry/internal/sample"
)

// moving is a service that serves on one side and is to be moved to the other.
type moving struct {
	*shop
	environ  []string
	from, to string
	url      string // of the function on the old side
	done     string // the file that says which requests were done
	client   *http.Client
}

const movingFunction = `  api:
    runtime: nodejs24
    handler: api.js
    env: {DONE: "%s"}
    events: [{http: {}}, {schedule: {cron: "0 3 * * *"}}]
`

const movingCode = `import { appendFileSync } from "node:fs";
export default {
  async fetch(request, ctx) {
    const id = await request.text();
    if (request.method === "POST") appendFileSync(process.env.DONE, id + "\n");
    return new Response(ctx.platform + " " + id);
  },
  async event() {},
};
`

func newMoving(t *testing.T, from, to string) *moving {
	done := filepath.Join(t.TempDir(), "done")
	s := between(t, sideOf(t, from), sideOf(t, to), fmt.Sprintf(movingFunction, done), map[string]string{"api.js": movingCode})
	s.url, s.done = s.urls["api"], done
	return s
}

// platform is what a function calls the place where it runs.
func platform(target string) string {
	if target == "gcp" {
		return "run"
	}
	return target
}

// ferry runs a command that must succeed, and is what it says.
func (s *moving) ferry(args ...string) string {
	s.Helper()
	c := s.command("", s.environ, args...)
	if code, out := ran(c); code != 0 {
		s.Fatalf("ferry %q exits %d: %s", args, code, out)
	}
	return c.Stdout.(*bytes.Buffer).String()
}

// migration is the command of a step.
func (s *moving) migration(args ...string) []string { return migrating(s.from, s.to, args...) }

func migrating(from, to string, args ...string) []string {
	return append([]string{"migrate", args[0], "--from", from, "--to", to}, args[1:]...)
}

// answerer is the platform that answers a request to the old side's address.
func (s *moving) answerer() string {
	s.Helper()
	res, err := s.client.Get(s.url)
	if err != nil {
		s.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		s.Fatalf("GET answers %s: %s (%v)", res.Status, body, err)
	}
	platform, _, _ := strings.Cut(string(body), " ")
	return platform
}

// untouched expects that nothing of a migration is left.
func (s *moving) untouched() {
	s.Helper()
	if got := s.answerer(); got != platform(s.from) {
		s.Errorf("%s answers after abort", got)
	}
	for what, args := range map[string][]string{`"empty":true`: {"plan", "-t", s.from}, `"release":0`: {"status", "-t", s.to}, `"state":"none"`: s.migration("status")} {
		if out := s.ferry(args...); !strings.Contains(strings.ReplaceAll(out, " ", ""), what) {
			s.Errorf("ferry %q says no %s: %s", args, what, out)
		}
	}
}

// TestAKillOfAMigrationAtAnyCallIsFinishedOrAborted kills each step at calls of a sample. All the time a request is answered.
func TestAKillOfAMigrationAtAnyCallIsFinishedOrAborted(t *testing.T) {
	t.Parallel()
	others := sample.Of(t, 4)
	for _, pair := range []struct {
		from, to string
		every    int
	}{{"local", "aws", 60}, {"gcp", "azure", 240}, {"azure", "aws", 240}, {"local", "knative", 120}} {
		for _, c := range []struct {
			before [][]string
			step   []string
			then   string // who answers when it is finished
		}{
			{nil, []string{"start"}, pair.from},
			{[][]string{{"start"}}, []string{"shift", "--percent", "100"}, pair.to},
			{[][]string{{"start"}}, []string{"commit"}, pair.to},
			{[][]string{{"start"}, {"shift", "--percent", "100"}}, []string{"abort"}, pair.from},
		} {
			if pair.from+pair.to != "localaws" && !others.Takes() {
				continue
			}
			t.Run(c.step[0]+" from "+pair.from+" to "+pair.to, func(t *testing.T) {
				t.Parallel()
				newMoving(t, pair.from, pair.to).killed(sample.Of(t, pair.every), c.before, c.step, platform(c.then))
			})
		}
	}
}

// killed kills a step at calls of a sample. The step again, or abort, ends whole.
func (s *moving) killed(calls *sample.Sample, before [][]string, step []string, then string) {
	s.Helper()
	for n, rounds := 1, 0; ; n++ {
		if !calls.Takes() {
			continue
		}
		for _, args := range before {
			s.ferry(s.migration(args...)...)
		}
		code, out := ran(s.command("", append([]string{fmt.Sprintf("%s=KILL %d", faultVariable, n)}, s.environ...), s.migration(step...)...))
		if code != -1 && code != 0 {
			s.Fatalf("a kill at call %d exits %d: %s", n, code, out)
		}
		s.answerer()
		rounds++
		if rounds%2 == 0 || step[0] == "abort" || code == 0 {
			if n == 1 || s.underWay() { // else it was killed when all was done
				s.ferry(s.migration(step...)...)
			}
			if got := s.answerer(); got != then {
				s.Errorf("after a kill at call %d and %s again, %s answers", n, step[0], got)
			}
		}
		if code == 0 {
			return
		}
		if s.underWay() {
			s.abort()
		}
		if step[0] == "commit" && s.answerer() == platform(s.to) {
			s.back()
		}
		s.untouched()
	}
}

func (s *moving) underWay() bool {
	return !strings.Contains(strings.ReplaceAll(s.ferry(s.migration("status")...), " ", ""), `"state":"none"`)
}

// abort aborts, or commits where the new side has ended the migration already and nothing else is left.
func (s *moving) abort() {
	s.Helper()
	code, out := ran(s.command("", s.environ, s.migration("abort")...))
	switch {
	case code == 6 && strings.Contains(out, "ferry migrate commit"):
		s.ferry(s.migration("commit")...)
	case code != 0:
		s.Fatalf("abort exits %d: %s", code, out)
	}
}

// back moves the service back, and takes it off the side that it came from.
func (s *moving) back() {
	s.Helper()
	s.ferry(migrating(s.to, s.from, "start")...)
	s.ferry(migrating(s.to, s.from, "commit")...)
	s.ferry("remove", "-t", s.to, "--yes")
}

func TestNoRequestIsLostOrDoneTwiceWhileTheServiceMoves(t *testing.T) {
	t.Parallel()
	pairs := sample.Of(t, 2)
	for _, pair := range [][2]string{{"local", "aws"}, {"aws", "gcp"}, {"gcp", "azure"}, {"azure", "aws"}, {"local", "knative"}} {
		if !pairs.Takes() {
			continue
		}
		t.Run("from "+pair[0]+" to "+pair[1], func(t *testing.T) {
			t.Parallel()
			newMoving(t, pair[0], pair[1]).underLoad()
		})
	}
}

// underLoad moves the service while clients send what must not be done twice. On Azure each release restarts the app, which
// fails those requests that are under way then, whoever makes it.
func (s *moving) underLoad() {
	s.Helper()
	s.ferry(s.migration("start")...)
	ctx, stop := context.WithCancel(s.Context())
	var sent, answered atomic.Int64
	var failed sync.Map
	var clients sync.WaitGroup
	const many = 4
	for range many {
		clients.Go(func() {
			for ctx.Err() == nil {
				id := fmt.Sprint(sent.Add(1))
				if why := s.post(id); why != "" {
					failed.Store(id, why)
				} else {
					answered.Add(1)
				}
			}
		})
	}
	more := func() {
		for wanted, deadline := answered.Load()+40, time.Now().Add(time.Minute); answered.Load() < wanted && time.Now().Before(deadline); <-time.After(10 * time.Millisecond) {
		}
	}
	for _, percent := range []string{"40", "100", "10"} {
		s.ferry(s.migration("shift", "--percent", percent)...)
		more()
	}
	s.ferry(s.migration("commit")...)
	more()
	stop()
	clients.Wait()
	times, lost := s.times(), 0
	for n := range sent.Load() {
		id := fmt.Sprint(n + 1)
		why, was := failed.Load(id)
		switch {
		case times[id] > 1, !was && times[id] != 1:
			s.Errorf("request %s was done %d times", id, times[id])
		case was && s.from != "azure" && s.to != "azure":
			s.Errorf("request %s was lost: %s", id, why)
		case was:
			lost++
		}
	}
	if releases := 6; lost > many*releases {
		s.Errorf("%d requests were lost", lost)
	}
	s.Logf("%d requests, %d of them failed", sent.Load(), lost)
}

// post is why a request was not answered as it should be.
func (s *moving) post(id string) string {
	res, err := s.client.Post(s.url, "text/plain", strings.NewReader(id))
	if err != nil {
		return err.Error()
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK || !strings.HasSuffix(string(body), " "+id) {
		return fmt.Sprintf("%s %q (%v)", res.Status, body, err)
	}
	return ""
}

// times are how often each request was done.
func (s *moving) times() map[string]int {
	s.Helper()
	text, err := os.ReadFile(s.done)
	if err != nil {
		s.Fatal(err)
	}
	times := map[string]int{}
	for id := range strings.Lines(string(text)) {
		times[strings.TrimSpace(id)]++
	}
	return times
}

//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ferryfn/ferry/internal/awstest"
	"github.com/ferryfn/ferry/internal/sample"
)

// moving is a service that serves on a local platform and is to be moved to AWS.
type moving struct {
	*shop
	environ []string
	url     string // of the function on the old side
	done    string // the file that says which requests were done
}

const movingManifest = `service: shop
functions:
  api:
    runtime: nodejs22
    handler: api.js
    env: {DONE: "%s"}
    events: [{http: {}}, {schedule: {cron: "0 3 * * *"}}]
targets:
  local: {provider: local}
  aws: {provider: aws, region: eu-west-1}
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

func newMoving(t *testing.T) *moving {
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("node is not installed")
	}
	s := &moving{shop: newShop(t), done: filepath.Join(t.TempDir(), "done")}
	cloud := awstest.Start(t)
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_EC2_METADATA_DISABLED", "FERRY_AWS_ENDPOINT"} {
		value, _ := cloud.Env(name)
		s.environ = append(s.environ, name+"="+value)
	}
	for name, text := range map[string]string{"ferry.yaml": fmt.Sprintf(movingManifest, s.done), "api.js": movingCode} {
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.ferry("deploy")
	var doc struct {
		Result struct{ URL string }
	}
	if err := json.Unmarshal([]byte(s.ferry("url", "api")), &doc); err != nil {
		t.Fatal(err)
	}
	s.url = doc.Result.URL
	return s
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
func migration(args ...string) []string {
	return append([]string{"migrate", args[0], "--from", "local", "--to", "aws"}, args[1:]...)
}

// answerer is the platform that answers a request to the old side's address.
func (s *moving) answerer() string {
	s.Helper()
	res, err := http.Get(s.url)
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
	if got := s.answerer(); got != "local" {
		s.Errorf("%s answers after abort", got)
	}
	for what, args := range map[string][]string{`"empty":true`: {"plan"}, `"release":0`: {"status", "-t", "aws"}, `"state":"none"`: migration("status")} {
		if out := s.ferry(args...); !strings.Contains(strings.ReplaceAll(out, " ", ""), what) {
			s.Errorf("ferry %q says no %s: %s", args, what, out)
		}
	}
}

// TestAKillOfAMigrationAtAnyCallIsFinishedOrAborted kills each step at calls of a sample. All the time a request is answered.
func TestAKillOfAMigrationAtAnyCallIsFinishedOrAborted(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		before [][]string
		step   []string
		then   string // who answers when it is finished
	}{
		{nil, migration("start"), "local"},
		{[][]string{migration("start")}, migration("shift", "--percent", "100"), "aws"},
		{[][]string{migration("start")}, migration("commit"), "aws"},
		{[][]string{migration("start"), migration("shift", "--percent", "100")}, migration("abort"), "local"},
	} {
		t.Run(c.step[1], func(t *testing.T) {
			t.Parallel()
			s, calls := newMoving(t), sample.Of(t, 30)
			for n, rounds := 1, 0; ; n++ {
				if !calls.Takes() {
					continue
				}
				for _, args := range c.before {
					s.ferry(args...)
				}
				code, out := ran(s.command("", append([]string{fmt.Sprintf("%s=KILL %d", faultVariable, n)}, s.environ...), c.step...))
				if code != -1 && code != 0 {
					t.Fatalf("a kill at call %d exits %d: %s", n, code, out)
				}
				s.answerer()
				rounds++
				if rounds%2 == 0 || c.step[1] == "abort" || code == 0 {
					if n == 1 || s.underWay() { // else it was killed when all was done
						s.ferry(c.step...)
					}
					if got := s.answerer(); got != c.then {
						t.Errorf("after a kill at call %d and %s again, %s answers", n, c.step[1], got)
					}
				}
				if code == 0 {
					return
				}
				if s.underWay() {
					s.ferry(migration("abort")...)
				}
				if c.step[1] == "commit" && rounds%2 == 0 {
					s.back()
				}
				s.untouched()
			}
		})
	}
}

func (s *moving) underWay() bool {
	return !strings.Contains(strings.ReplaceAll(s.ferry(migration("status")...), " ", ""), `"state":"none"`)
}

// back moves the service back, and takes it off the side that it came from.
func (s *moving) back() {
	s.Helper()
	s.ferry("migrate", "start", "--from", "aws", "--to", "local")
	s.ferry("migrate", "commit", "--from", "aws", "--to", "local")
	s.ferry("remove", "-t", "aws", "--yes")
}

func TestNoRequestIsLostOrDoneTwiceWhileTheServiceMoves(t *testing.T) {
	t.Parallel()
	s := newMoving(t)
	s.ferry(migration("start")...)
	ctx, stop := context.WithCancel(t.Context())
	var sent atomic.Int64
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			for ctx.Err() == nil {
				id := fmt.Sprint(sent.Add(1))
				res, err := http.Post(s.url, "text/plain", strings.NewReader(id))
				if err != nil {
					t.Errorf("request %s was lost: %v", id, err)
					return
				}
				body, err := io.ReadAll(res.Body)
				_ = res.Body.Close()
				if err != nil || res.StatusCode != http.StatusOK || !strings.HasSuffix(string(body), " "+id) {
					t.Errorf("request %s was answered with %s %q (%v)", id, res.Status, body, err)
				}
			}
		})
	}
	moreThan := func(n int64) {
		for deadline := time.Now().Add(time.Minute); sent.Load() < n && time.Now().Before(deadline); <-time.After(10 * time.Millisecond) {
		}
	}
	for _, percent := range []string{"40", "100", "10"} {
		s.ferry(migration("shift", "--percent", percent)...)
		moreThan(sent.Load() + 40)
	}
	s.ferry(migration("commit")...)
	moreThan(sent.Load() + 40)
	stop()
	clients.Wait()
	text, err := os.ReadFile(s.done)
	if err != nil {
		t.Fatal(err)
	}
	times := map[string]int{}
	for id := range strings.Lines(string(text)) {
		times[strings.TrimSpace(id)]++
	}
	for n := range sent.Load() {
		if id := fmt.Sprint(n + 1); times[id] != 1 {
			t.Errorf("request %s was done %d times", id, times[id])
		}
	}
	t.Logf("%d requests", sent.Load())
}

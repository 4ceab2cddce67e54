//go:build unix

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/ferryfn/ferry/internal/awstest"
	"github.com/ferryfn/ferry/internal/filelock"
	"github.com/ferryfn/ferry/internal/standin"
)

// everyCommand are the commands that ask a place for something, one for each kind of work.
var everyCommand = []string{
	"plan", "deploy", "rollback --yes", "promote", "resume", "remove --yes", "status", "releases", "invoke api", "logs api",
	"secrets list", "secrets set key", "doctor",
}

// on is ferry on a service in a folder of its own, with what it asks for on stdin.
func on(t *testing.T, home, manifest string, environ []string, command string) *exec.Cmd {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"ferry.yaml": manifest, "run": "#!/bin/sh\nexec sleep 1000\n",
		"app.js": "export default { fetch() { return new Response('hello') } }\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	c := exec.Command("ferry", strings.Fields(command)...)
	c.Dir, c.Stdin = dir, strings.NewReader("value")
	c.Env = append(os.Environ(), "FERRY_HOME="+home, "FERRY_PROGRESS=plain")
	c.Env = append(c.Env, environ...)
	return c
}

const plainManifest = `service: shop
functions:
  api: {runtime: custom, style: server, handler: run, events: [http: {}]}
`

const farManifest = `service: shop
functions:
  api: {runtime: nodejs24, handler: app.js, events: [http: {}]}
targets:
  aws: {provider: aws, region: eu-west-1}
`

// far are the variables of an AWS at an address.
func far(address string) []string {
	return []string{
		"FERRY_TARGET=aws", "FERRY_AWS_ENDPOINT=http://" + address, "AWS_ACCESS_KEY_ID=id", "AWS_SECRET_ACCESS_KEY=secret",
		"AWS_EC2_METADATA_DISABLED=true",
	}
}

// deaf is the address of a place that takes connections and never answers.
func deaf(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().String()
}

func TestTheFirstSignalEndsACommandThatWaitsForAPlace(t *testing.T) {
	t.Parallel()
	signals := []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP}
	address := deaf(t)
	for i, command := range everyCommand {
		t.Run(command, func(t *testing.T) {
			t.Parallel()
			p := begin(t, on(t, t.TempDir(), farManifest, far(address), command))
			p.says("waiting for " + address)
			p.stops(signals[i%len(signals)], 130)
			if !strings.Contains(p.err.String(), "interrupted, waiting for "+address) {
				t.Errorf("it does not say what it waited for:\n%s", p.said())
			}
		})
	}
}

func TestTheFirstSignalEndsADeployWhoseCallsAreTriedAgain(t *testing.T) {
	t.Parallel()
	cloud := awstest.Start(t)
	var failed atomic.Int32
	cloud.Intercept(func(call standin.Call) standin.Fault {
		if failed.Load() == 0 && (call.Service != "lambda" || !call.Write) {
			return standin.Fault{}
		}
		failed.Add(1)
		return standin.ServerError()
	})
	p := begin(t, on(t, t.TempDir(), farManifest, append(cloud.Environ(), "FERRY_TARGET=aws"), "deploy"))
	until(t, "calls that fail", func() bool { return failed.Load() > 2 }, p.said)
	p.stops(syscall.SIGINT, 130)
}

func TestAPlaceThatCannotBeReachedIsGivenUpSoon(t *testing.T) {
	t.Parallel()
	for name, address := range map[string]string{"refused": "127.0.0.1:1", "no such name": "nowhere.invalid"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			c := on(t, t.TempDir(), farManifest, far(address), "status --progress json")
			if name != "refused" {
				c.Env = append(c.Env, "FERRY_AWS_ENDPOINT=https://"+address)
			}
			p := begin(t, c)
			p.exited(1)
			if took := time.Since(began); took > 15*time.Second {
				t.Errorf("it took %v\n%s", took, p.said())
			}
			if name != "refused" {
				return
			}
			first, _, _ := strings.Cut(p.err.String(), "\n")
			var said struct {
				Event, For, Error string
				Tries             int
				Seconds           float64
			}
			if err := json.Unmarshal([]byte(first), &said); err != nil {
				t.Fatalf("%v\n%s", err, p.said())
			}
			if said.Event != "wait" || said.For != address || said.Tries < 2 || !strings.Contains(said.Error, "refused") || said.Seconds < 2 || said.Seconds > 5 {
				t.Errorf("it says %+v", said)
			}
		})
	}
}

// locked holds lock files as a stopped process does.
func locked(t *testing.T, paths ...string) {
	t.Helper()
	for _, path := range paths {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		unlock, err := filelock.Lock(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(unlock)
	}
}

func TestTheFirstSignalEndsACommandThatWaitsForALockedFile(t *testing.T) {
	t.Parallel()
	builds := make([]string, 256)
	for i := range builds {
		builds[i] = fmt.Sprintf("cache/build/locks/%02x", i)
	}
	for name, c := range map[string]struct {
		command string
		locks   []string
	}{
		"package, of the build cache": {"package", builds},
		"plan, of the build cache":    {"plan", builds},
		"deploy, of the build cache":  {"deploy", builds},
		"deploy, of the store":        {"deploy", []string{"state/store.lock"}},
		"local start, of the start":   {"local start", []string{"state/platform/start.lock"}},
		"invoke, of the start":        {"invoke api", []string{"state/platform/start.lock"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			home := t.TempDir()
			t.Cleanup(func() { stop(t, home) })
			paths := make([]string, len(c.locks))
			for i, lock := range c.locks {
				paths[i] = filepath.Join(home, filepath.FromSlash(lock))
			}
			locked(t, paths...)
			p := begin(t, on(t, home, plainManifest, nil, c.command))
			p.says("waiting for another process, which has locked " + home)
			p.stops(syscall.SIGINT, 130)
		})
	}
}

func TestTheFirstSignalEndsACommandThatAStoppedPlatformHolds(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"deploy", "rollback --yes", "remove --yes", "invoke api", "local stop", "local status"} {
		code := 130
		if strings.HasPrefix(command, "remove") {
			code = 5 // what it took away and what not is for resume or rollback to say
		}
		t.Run(command, func(t *testing.T) {
			t.Parallel()
			s := newShop(t)
			s.deploy("first")
			s.deploy("second")
			s.write("third")
			platform := s.platform()
			if err := syscall.Kill(platform, syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = syscall.Kill(platform, syscall.SIGCONT) })
			p := begin(t, s.command("third", []string{"FERRY_PROGRESS=plain"}, strings.Fields(command)...))
			p.says("waiting for the local platform")
			p.stops(syscall.SIGTERM, code)
		})
	}
}

// platform is the process of the local platform.
func (s *shop) platform() int {
	s.Helper()
	c := s.command("first", nil, "local", "status")
	_, out := ran(c)
	var doc struct{ Result struct{ PID int } }
	if err := json.Unmarshal([]byte(fmt.Sprint(c.Stdout)), &doc); err != nil || doc.Result.PID == 0 {
		s.Fatalf("no platform runs: %v\n%s", err, out)
	}
	return doc.Result.PID
}

func TestTheFirstSignalEndsACommandThatWaitsForTheLockOfAStoppedDeploy(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.deploy("old")
	s.write("now")
	holder := s.command("now", []string{faultVariable + "=STOP at publish"}, "deploy")
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	if !freezes(t, holder) {
		t.Fatalf("the deploy was not stopped: %s", said(holder))
	}
	t.Cleanup(func() {
		_ = holder.Process.Kill()
		_ = holder.Wait()
	})
	p := begin(t, s.command("now", []string{"FERRY_PROGRESS=plain"}, "deploy"))
	p.says("working on release")
	p.stops(syscall.SIGINT, 130)
}

func TestAnInterruptionPutsBackWhatServedAndSaysSoAtOnce(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"a signal", "--timeout"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t)
			began, environ := time.Now(), []string{"FERRY_PROGRESS=json"}
			s.deploy("old")
			if name == "--timeout" { // that a deploy is at its health check by, however busy the machine is
				environ = append(environ, fmt.Sprint("FERRY_TIMEOUT=", time.Second+3*time.Since(began)))
			}
			s.write("now")
			manifest := strings.ReplaceAll(shopManifest, "source: api", "source: api, health: {path: /fail, timeout: 2m}")
			if err := os.WriteFile(filepath.Join(s.dir, "now", "ferry.yaml"), []byte(manifest), 0o600); err != nil {
				t.Fatal(err)
			}
			p := begin(t, s.command("now", environ, "deploy"))
			if name == "a signal" {
				p.says(`"step":"health"`)
				if err := p.cmd.Process.Signal(syscall.SIGINT); err != nil {
					t.Fatal(err)
				}
			}
			p.says(`"event":"interrupted","step":"restore"`)
			p.exited(4)
			s.serves("old")
			if l := s.ledger(); l.Lock.Holder != nil || l.Pending() != nil {
				t.Errorf("it leaves %+v", l.Lock)
			}
		})
	}
}

func TestTheTimeOfACommandIsBounded(t *testing.T) {
	t.Parallel()
	address := deaf(t)
	p := begin(t, on(t, t.TempDir(), farManifest, far(address), "status --json --timeout 2500ms"))
	p.exited(130)
	var doc struct {
		Outcome string
		Errors  []struct{ Kind, Message string }
	}
	if err := json.Unmarshal([]byte(p.out.String()), &doc); err != nil {
		t.Fatalf("%v\n%s", err, p.said())
	}
	if len(doc.Errors) != 1 || doc.Errors[0].Kind != "timeout" || doc.Outcome != "unchanged" ||
		!strings.Contains(doc.Errors[0].Message, "did not finish within 2.5s, waiting for "+address) {
		t.Errorf("it says %+v", doc)
	}
}

func TestTheFirstSignalEndsAPlatformInTheForegroundThatServes(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.deploy("first")
	s.run("first", "local", "stop")
	p := begin(t, s.command("first", nil, "local", "serve"))
	until(t, "the platform to run", func() bool { return strings.Contains(s.logs("local", "status"), `"running":true`) }, p.said)
	asked, giveUp := context.WithTimeout(t.Context(), time.Minute)
	defer giveUp()
	req, err := http.NewRequestWithContext(asked, http.MethodGet, s.urls["api"]+"slow", nil)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		if res, err := http.DefaultClient.Do(req); err == nil {
			res.Body.Close()
		}
	}()
	until(t, "the request to be at work", func() bool { return strings.Contains(s.logs("logs", "api"), "waiting") }, p.said)
	p.stops(syscall.SIGINT, 130)
}

// logs is what a command prints, whatever came of it.
func (s *shop) logs(args ...string) string {
	_, out := ran(s.command("first", nil, args...))
	return out
}

func TestTheFirstSignalEndsACommandWhoseResultNobodyReads(t *testing.T) {
	t.Parallel()
	unread, stdout, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unread.Close(); stdout.Close() })
	fill(t, stdout)
	p := &child{T: t, cmd: on(t, t.TempDir(), plainManifest, nil, "plan -v"), ended: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = stdout, &p.err
	p.start()
	p.says("building api: done")
	p.stops(syscall.SIGINT, 130)
}

// fill writes to a pipe until it takes no more.
func fill(t *testing.T, pipe *os.File) {
	t.Helper()
	if err := pipe.SetWriteDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if _, err := pipe.Write(make([]byte, 1<<20)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("the pipe takes a megabyte: %v", err)
	}
}

func TestWhoWasToldToIgnoreAHangupDoes(t *testing.T) {
	t.Parallel()
	address := deaf(t)
	c := on(t, t.TempDir(), farManifest, far(address), "status")
	c.Path, c.Args = "/bin/sh", []string{"sh", "-c", `trap "" HUP && exec ferry status`}
	p := begin(t, c)
	p.says("waiting for " + address)
	if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	select {
	case <-p.ended:
		t.Fatalf("a hangup ends it\n%s", p.said())
	case <-time.After(3 * time.Second):
	}
	p.stops(syscall.SIGINT, 130)
}

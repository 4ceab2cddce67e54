//go:build unix

package platform

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ferryfn/ferry/providers/local/platform/platformtest"
)

// detached is a home whose platform is started as a process of its own.
func detached(t *testing.T) *place {
	t.Helper()
	p := &place{T: t, home: Home(t.TempDir())}
	p.client = NewClient(p.home, Launch{
		Executable: os.Args[0], Args: []string{"local", "serve"}, Env: []string{"PLATFORM_HOME=" + string(p.home)},
	})
	t.Cleanup(func() {
		if _, err := p.client.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return p
}

func (p *place) ensure() Endpoint {
	p.Helper()
	if err := p.client.Ensure(p.Context()); err != nil {
		p.Fatal(err)
	}
	e, alive := p.home.endpoint()
	if !alive {
		p.Fatal("the platform was started and does not run")
	}
	return e
}

func TestADetachedPlatformServesAndStops(t *testing.T) {
	p := detached(t)
	e := p.ensure()
	if e.PID == os.Getpid() {
		t.Fatal("it runs in this process")
	}
	if again := p.ensure(); again != e {
		t.Error("a second Ensure started another one")
	}
	p.live("api", revision("one"))
	instance := p.echo("api/").PID
	for i, want := range []bool{true, false} {
		ran, err := p.client.Stop(t.Context())
		if err != nil || ran != want {
			t.Errorf("stop %d: ran %t, %v", i, ran, err)
		}
	}
	if startTime(instance) != "" || p.home.Running() {
		t.Error("something still runs")
	}
	platformtest.Until(t, "its process ends", func() bool { return startTime(e.PID) == "" })
	_, err := p.client.Info(t.Context())
	wantCode(t, err, CodeNotRunning)
}

func TestThePlatformGetsNothingOfTheShellsEnvironment(t *testing.T) {
	t.Setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
	p := detached(t)
	environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", p.ensure().PID))
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("this system does not show the environment of a process")
	}
	if want := "PLATFORM_HOME=" + string(p.home) + "\x00"; err != nil || string(environ) != want {
		t.Errorf("got %q, %v", environ, err)
	}
}

func TestAKilledPlatformLeavesNoInstanceAndServesTheSameAfter(t *testing.T) {
	p := detached(t)
	first := p.ensure()
	p.live("api", revision("one"))
	before, instance := p.url(""), p.echo("api/").PID
	if err := syscall.Kill(first.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	platformtest.Until(t, "the platform is seen to be dead", func() bool { return !p.home.Running() })
	if second := p.ensure(); second.PID == first.PID {
		t.Fatal("the killed one is taken for alive")
	}
	platformtest.Until(t, "the instance of the killed one is gone", func() bool { return startTime(instance) == "" })
	if after := p.url(""); after != before {
		t.Errorf("was at %s, is at %s", before, after)
	}
	if v := p.echo("api/").Version; v != "one" {
		t.Errorf("serves %s", v)
	}
}

func TestOfSeveralStartersOneStartsIt(t *testing.T) {
	p := detached(t)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if err := NewClient(p.home, p.client.launch).Ensure(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	log, err := os.ReadFile(p.home.LogFile())
	if err != nil || strings.Contains(string(log), "already") {
		t.Errorf("several were started: %s, %v", log, err)
	}
}

func TestAStaleEndpointIsIgnored(t *testing.T) {
	p := detached(t)
	// The process lives, but it is not the one that wrote the file.
	stale := Endpoint{PID: os.Getpid(), Started: "1", Address: "127.0.0.1:1", Protocol: Protocol}
	if err := writeJSON(p.home.endpointFile(), stale); err != nil {
		t.Fatal(err)
	}
	if p.home.Running() {
		t.Fatal("a stale endpoint counts as running")
	}
	if e := p.ensure(); e.PID == stale.PID {
		t.Error("nothing was started")
	}
}

func TestAPlatformThatDoesNotStartShowsItsLog(t *testing.T) {
	home := Home(t.TempDir())
	program := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(program, []byte("#!/bin/sh\necho no space left for ferry >&2\nexit 9\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	err := NewClient(home, Launch{Executable: program}).Ensure(t.Context())
	if e := wantCode(t, err, CodeFailed); !strings.Contains(e.Log, "no space left for ferry") || !strings.Contains(e.Message, "exit status 9") {
		t.Errorf("got %+v", e)
	}
	if time.Since(begin) > 10*time.Second {
		t.Error("the failure was waited for")
	}
}

func TestWhatAKilledPlatformLeftIsSwept(t *testing.T) {
	home := Home(t.TempDir())
	h := &host{home: home, options: Options{}.withDefaults(), ports: newPortPool()}
	r := revision("one")
	if err := home.PutRevision(t.Context(), shop, "api", r, platformtest.Zip(t, map[string]string{"version": "one"})); err != nil {
		t.Fatal(err)
	}
	in, err := h.launch(t.Context(), shop, "api", r, &journal{path: home.functionLog(shop, "api"), limit: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	home.sweep()
	<-in.exited
	if left, _ := os.ReadDir(home.own("instances")); len(left) > 0 {
		t.Errorf("records are left: %v", left)
	}
}

func TestAPlatformThatIsFrozenIsNotWaitedForAndCanBeStopped(t *testing.T) {
	p := detached(t)
	e := p.ensure()
	p.live("api", revision("one"))
	p.client.attention, p.client.silence = time.Millisecond, 200*time.Millisecond
	if err := syscall.Kill(e.PID, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	platformtest.Until(t, "it answers no more", func() bool {
		_, err := p.client.Info(t.Context())
		return CodeOf(err) == CodeSilent
	})
	_, err := p.client.Send(t.Context(), SendRequest{Scope: shop, Kind: KindQueue, Name: "orders"})
	wantCode(t, err, CodeSilent)
	if ran, err := p.client.Stop(t.Context()); !ran || err != nil {
		t.Errorf("got %v, %v", ran, err)
	}
	p.client.attention, p.client.silence = attention, silence
	p.ensure()
	p.echo("api/")
}

func TestAnOperationThatTakesLongerThanAPlatformIsSilentIsWaitedFor(t *testing.T) {
	p := serve(t, Options{})
	p.client.attention, p.client.silence = time.Millisecond, 10*time.Second
	p.live("api", revision("one"))
	res, err := p.client.Invoke(t.Context(), InvokeRequest{Scope: shop, Function: "api", Method: http.MethodGet, Path: "/sleep?for=300ms"})
	if err != nil || res.Status != http.StatusOK {
		t.Errorf("got %+v, %v", res, err)
	}
}

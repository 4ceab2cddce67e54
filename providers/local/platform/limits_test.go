//go:build unix

package platform

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ferryfn/ferry/providers/local/platform/platformtest"
)

func TestAHundredSlowRequestsHaveTenProcessesAndAfterTheIdleTimeNone(t *testing.T) {
	p := serve(t, Options{})
	p.live("api", revision("one", func(r *Revision) {
		r.Concurrency, r.Max, r.Idle, r.Timeout = 1, 10, 300*time.Millisecond, time.Minute
	}))
	var all sync.WaitGroup
	most, end := 0, filepath.Join(t.TempDir(), "end")
	for range 100 {
		all.Go(func() {
			if status, body, err := get(p.url("api/hold?until=" + end)); status != http.StatusOK || err != nil {
				t.Errorf("got %d, %v: %s", status, err, body)
			}
		})
	}
	done := make(chan struct{})
	go func() { all.Wait(); close(done) }()
	for waiting := true; waiting; {
		if most = max(most, p.instances()); most == 10 {
			if err := os.WriteFile(end, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		select {
		case <-done:
			waiting = false
		case <-time.After(5 * time.Millisecond):
		}
	}
	if most != 10 {
		t.Errorf("at most %d instances ran at once, want 10", most)
	}
	platformtest.Until(t, "no process is left", func() bool { return p.instances() == 0 })
	i, err := p.client.Info(t.Context())
	if err != nil || i.Services[0].ColdStarts != 10 || i.Services[0].ColdStart <= 0 {
		t.Errorf("%+v, %v", i.Services, err)
	}
}

func TestMoreRequestsThanMayWaitAre429(t *testing.T) {
	p := newPool(&host{}, shop, "api", revision("one", func(r *Revision) { r.Max = 0 }), &journal{}, &stats{})
	for range mostWaiting {
		p.waiting = append(p.waiting, &waiter{answer: make(chan answer, 1)})
	}
	if _, _, err := p.acquire(t.Context()); !errors.Is(err, errFull) {
		t.Fatalf("got %v", err)
	}
	w := &recorder{header: http.Header{}, most: answerSize}
	(&call{function: "api"}).refuse(w, errFull)
	if w.status != http.StatusTooManyRequests || w.header.Get("Retry-After") == "" || !strings.Contains(w.body.String(), "1000 requests wait for api") {
		t.Errorf("got %d, %v, %s", w.status, w.header, w.body.String())
	}
}

func TestAnInvocationSaysHowLongItsColdStartTook(t *testing.T) {
	p := serve(t, Options{})
	p.live("api", revision("one", func(r *Revision) { r.Env["START_DELAY"] = "50ms" }))
	q := InvokeRequest{Scope: shop, Function: "api", Method: http.MethodGet, Path: "/"}
	for _, cold := range []bool{true, false} {
		res, err := p.client.Invoke(t.Context(), q)
		if err != nil || res.Cold != cold || (res.Start >= 50*time.Millisecond) != cold || res.Took < res.Start {
			t.Errorf("cold %t: got %t, %s of %s, %v", cold, res.Cold, res.Start, res.Took, err)
		}
	}
}

func TestAFloodOfOutputIsLeftOutOfTheLogAndHarmsNobody(t *testing.T) {
	p := serve(t, Options{LogSize: 2 * outputRate}) // so that what comes after the line about the limit does not push it out
	p.live("api", revision("one", func(r *Revision) { r.Timeout = time.Minute }))
	p.live("page", revision("one"))
	mb := 100
	if os.Getenv("FERRY_SAMPLE") == "all" {
		mb = 1024
	}
	done := make(chan int, 1)
	go func() {
		status, _, _ := get(p.url(fmt.Sprintf("api/flood?mb=%d", mb)))
		done <- status
	}()
	for answered, flooding := 0, true; flooding; answered++ {
		p.echo("page/")
		select {
		case status := <-done:
			if status != http.StatusOK {
				t.Errorf("the function that floods answers %d", status)
			}
			flooding = false
		default:
		}
	}
	platformtest.Until(t, "the log names the limit", func() bool {
		return strings.Contains(p.log("api"), "writes more than 4 MB in a second: what is beyond that is left out of the log")
	})
	info, err := os.Stat(p.home.functionLog(shop, "api"))
	if err != nil || info.Size() > 3*outputRate {
		t.Errorf("the log has %d bytes, %v", info.Size(), err)
	}
}

func TestAnAnswerThatIsTooLongForInvokeIsAnErrorThatSaysSo(t *testing.T) {
	p := serve(t, Options{})
	p.live("api", revision("one"))
	q := InvokeRequest{Scope: shop, Function: "api", Method: http.MethodGet, Path: "/large?mb=20"}
	_, err := p.client.Invoke(t.Context(), q)
	if e := wantCode(t, err, CodeInvalid); !strings.Contains(e.Message, "more than 16 MB") {
		t.Errorf("got %v", err)
	}
	if status, body, err := get(p.url("api/large?mb=20")); status != http.StatusOK || len(body) != 20<<20 || err != nil {
		t.Errorf("through the gateway: %d, %d bytes, %v", status, len(body), err)
	}
}

func TestAnInstanceThatStartsTooManyProcessesIsKilledWithAllOfThem(t *testing.T) {
	if _, n := usage(os.Getpid()); n == 0 {
		t.Skip("this system does not tell how many processes there are")
	}
	p := serve(t, Options{Watch: 5 * time.Millisecond})
	p.live("api", revision("one"))
	p.live("page", revision("one"))
	_, _ = p.get(fmt.Sprintf("api/children?n=%d", mostProcesses+50))
	platformtest.Until(t, "the log names the limit", func() bool { return strings.Contains(p.log("api"), "more than the 200 that one instance may have") })
	p.echo("page/")
	p.echo("api/")
}

func TestWhatAnInstanceLeavesBehindEndsWithIt(t *testing.T) {
	if _, n := usage(os.Getpid()); n == 0 {
		t.Skip("this system does not tell what left a process group")
	}
	p := serve(t, Options{})
	p.live("api", revision("one", func(r *Revision) { r.Idle = 100 * time.Millisecond }))
	_, body := p.get("api/children?n=1")
	pid, err := strconv.Atoi(body)
	if err != nil {
		t.Fatalf("it started %q: %v", body, err)
	}
	platformtest.Until(t, "the instance is gone", func() bool { return p.instances() == 0 })
	platformtest.Until(t, "its child is gone", func() bool { return startTime(pid) == "" })
}

func TestWhatHoldsTheOutputOfAnInstanceThatEndedHidesNothingOfHow(t *testing.T) {
	if _, n := usage(os.Getpid()); n == 0 {
		t.Skip("this system does not tell what left a process group")
	}
	for name, query := range map[string]string{"found by its environment": "", "found by nothing": "&bare=1"} {
		p := serve(t, Options{})
		p.live("api", revision("one"))
		_, child := p.get("api/children?n=1&output=1" + query)
		pid, err := strconv.Atoi(child)
		if err != nil {
			t.Fatalf("it started %q: %v", child, err)
		}
		if status, body := p.get("api/exit"); status != http.StatusBadGateway || !strings.Contains(body, "ended in the midst of the request: exit status 7") {
			t.Errorf("%s: %d %s", name, status, body)
		}
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

//go:build unix

package platform

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ferryfn/ferry/providers/local/platform/platformtest"
)

func TestSwapsUnderLoadLoseNoRequestAndMixNoRevisions(t *testing.T) {
	p := serve(t, Options{})
	const clients, swaps = 50, 30
	for _, v := range []string{"one", "two"} {
		p.put("api", revision(v, func(r *Revision) { r.Env["WORD"] = r.ID; r.Concurrency = 100 }))
		p.put("web", revision(v, func(r *Revision) { r.Concurrency = 100 }))
	}
	both := func(from, to string) {
		_, err := p.client.Switch(t.Context(), SwitchRequest{Scope: shop, Changes: []Change{{"api", from, to}, {"web", from, to}}})
		if err != nil {
			t.Error(err)
		}
	}
	both("", "one")
	l := p.load(clients, "api/", "web/")
	for i := range swaps {
		l.more()
		both([]string{"one", "two"}[i%2], []string{"two", "one"}[i%2])
	}
	l.end()
	t.Logf("%d requests over %d swaps", l.answered.Load(), swaps)
	platformtest.Until(t, "the old revisions' instances are gone", func() bool { return p.instances() <= 2 })
}

// load is clients that call without a pause. Each answer must be whole and of one revision.
type load struct {
	*testing.T
	answered atomic.Int64
	done     chan struct{}
	clients  sync.WaitGroup
}

func (p *place) load(clients int, paths ...string) *load {
	p.Helper()
	l := &load{T: p.T, done: make(chan struct{})}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}}
	for i := range clients {
		url := p.url(paths[i%len(paths)])
		l.clients.Go(func() {
			for {
				select {
				case <-l.done:
					return
				default:
					l.call(client, url)
				}
			}
		})
	}
	return l
}

func (l *load) call(client *http.Client, url string) {
	res, err := client.Post(url, "text/plain", strings.NewReader("body"))
	if err != nil {
		l.Error(err)
		return
	}
	var a platformtest.Answer
	err = json.NewDecoder(res.Body).Decode(&a)
	_ = res.Body.Close()
	if err != nil || a.Body != "body" || a.Env["FERRY_REVISION"] != a.Version || a.Env["WORD"] != "" && a.Env["WORD"] != a.Version {
		l.Errorf("status %d, %v, %+v", res.StatusCode, err, a)
		return
	}
	l.answered.Add(1)
}

// more waits for further answers.
func (l *load) more() {
	l.Helper()
	before := l.answered.Load()
	platformtest.Until(l.T, "requests are answered", func() bool { return l.answered.Load() > before+20 || l.Failed() })
}

func (l *load) end() {
	close(l.done)
	l.clients.Wait()
}

func TestARequestInFlightFinishesOnItsRevision(t *testing.T) {
	p := serve(t, Options{})
	p.put("api", revision("two"))
	p.live("api", revision("one"))
	slow := make(chan string, 1)
	go func() {
		_, body, err := get(p.url("api/sleep?for=300ms"))
		slow <- fmt.Sprint(body, err)
	}()
	platformtest.Until(t, "the request is on its way", func() bool { return p.instances() == 1 })
	p.swap("api", "one", "two")
	if now := p.echo("api/").Version; now != "two" {
		t.Errorf("a new request got %s", now)
	}
	if got := <-slow; got != "one<nil>" {
		t.Errorf("the request in flight got %s", got)
	}
}

func TestAStaleSwitchChangesNothing(t *testing.T) {
	p := serve(t, Options{})
	p.live("api", revision("one"))
	p.live("web", revision("one"))
	p.put("api", revision("two"))
	for _, changes := range [][]Change{
		{{"api", "one", "two"}, {"web", "", "one"}},
		{{"api", "one", "two"}, {"web", "one", "ghost"}},
		{{"api", "one", "two"}, {"../web", "", ""}},
	} {
		if _, err := p.client.Switch(t.Context(), SwitchRequest{Scope: shop, Changes: changes}); err == nil {
			t.Fatalf("%v was accepted", changes)
		}
	}
	if v := p.echo("api/").Version; v != "one" {
		t.Errorf("api serves %s", v)
	}
}

func TestOnlyOnePlatformRunsForAHome(t *testing.T) {
	p := serve(t, Options{})
	wantCode(t, Serve(t.Context(), p.home, Options{}), CodeConflict)
}

func TestAStoppedPlatformServesTheSameWhenItRunsAgain(t *testing.T) {
	p := &place{T: t, home: Home(t.TempDir())}
	stop := p.run(Options{})
	p.live("api", revision("one"))
	before, pid := p.url(""), p.echo("api/").PID
	stop()
	if startTime(pid) != "" {
		t.Error("an instance outlived the platform")
	}
	if _, err := os.Stat(p.home.own("tmp")); err == nil {
		if left, _ := os.ReadDir(p.home.own("tmp")); len(left) > 0 {
			t.Errorf("temporary folders are left: %v", left)
		}
	}
	p.run(Options{})
	if after := p.url(""); after != before {
		t.Errorf("was at %s, is at %s", before, after)
	}
	if v := p.echo("api/").Version; v != "one" {
		t.Errorf("serves %s", v)
	}
}

func TestAPortThatIsTakenIsNamed(t *testing.T) {
	p := serve(t, Options{})
	p.live("api", revision("one"))
	table, err := p.home.Table(shop)
	if err != nil {
		t.Fatal(err)
	}
	other := Scope{Service: "other", Stage: "dev"}
	_, err = p.client.Switch(t.Context(), SwitchRequest{Scope: other, Address: Address{Port: table.Port}})
	e := wantCode(t, err, CodePort)
	if e.Port != table.Port || !strings.Contains(e.Message, fmt.Sprint(table.Port)) {
		t.Errorf("got %+v", e)
	}
}

func TestAServiceMovesToThePortThatIsAskedFor(t *testing.T) {
	p := serve(t, Options{})
	p.live("api", revision("one"))
	old, wish := p.url(""), free(t)
	moved, err := p.client.Open(t.Context(), OpenRequest{Scope: shop, Address: Address{Port: wish}})
	if err != nil || moved.Port != wish {
		t.Fatalf("moved to %d, %v", moved.Port, err)
	}
	if v := p.echo("api/").Version; v != "one" {
		t.Errorf("serves %s", v)
	}
	platformtest.Until(t, "the old port is closed", func() bool { _, _, err := get(old); return err != nil })
}

func TestIdleInstancesGoAndComeBackCold(t *testing.T) {
	p := serve(t, Options{IdleAfter: 50 * time.Millisecond})
	p.live("api", revision("one"))
	first := p.echo("api/").PID
	platformtest.Until(t, "the idle instance is gone", func() bool { return p.instances() == 0 })
	if again := p.echo("api/").PID; again == first {
		t.Error("the process that was stopped answered")
	}
	if log := p.log("api"); !strings.Contains(log, "platform: started in") || !strings.Contains(log, "stopped after 50ms without a request") {
		t.Error(log)
	}
}

func TestTheLeastNumberOfInstancesStaysWarm(t *testing.T) {
	p := serve(t, Options{IdleAfter: 20 * time.Millisecond})
	p.live("api", revision("one", func(r *Revision) { r.Min = 2 }))
	platformtest.Until(t, "two instances are warm", func() bool { return p.instances() == 2 })
	if status, _ := p.get("api/exit"); status != http.StatusBadGateway {
		t.Errorf("got %d", status)
	}
	platformtest.Until(t, "two are warm again", func() bool { return p.instances() == 2 })
}

func TestLoadAddsInstancesUpToTheMostAndQueuesTheRest(t *testing.T) {
	p := serve(t, Options{})
	p.live("api", revision("one", func(r *Revision) { r.Concurrency, r.Max = 1, 3 }))
	var mu sync.Mutex
	var statuses []int
	var all sync.WaitGroup
	for range 9 {
		all.Go(func() {
			status, _, err := get(p.url("api/sleep?for=100ms"))
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			statuses = append(statuses, status)
		})
	}
	all.Wait()
	if slices.Max(statuses) != 200 || len(statuses) != 9 {
		t.Errorf("got %v", statuses)
	}
	platformtest.Until(t, "three instances run, also the one that began last", func() bool { return p.instances() == 3 })
}

func TestAQueueThatDoesNotMoveIs503WithRetryAfter(t *testing.T) {
	p := serve(t, Options{})
	p.live("api", revision("one", func(r *Revision) { r.Concurrency, r.Max, r.Timeout = 1, 1, 600*time.Millisecond }))
	p.echo("api/")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for range 2 { // one is served, one waits before the third
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url("api/sleep?for=550ms"), nil)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			if res, err := http.DefaultClient.Do(req); err == nil {
				_ = res.Body.Close()
			}
		}()
	}
	svc := make(chan int, 8)
	for range 8 {
		go func() {
			res, err := http.Get(p.url("api/sleep?for=550ms"))
			if err != nil {
				svc <- 0
				return
			}
			_ = res.Body.Close()
			if res.StatusCode == 503 && res.Header.Get("Retry-After") == "" {
				t.Error("503 without Retry-After")
			}
			svc <- res.StatusCode
		}()
	}
	refused := 0
	for range 8 {
		if <-svc == http.StatusServiceUnavailable {
			refused++
		}
	}
	if refused < 5 {
		t.Errorf("%d of 8 were refused", refused)
	}
}

func TestAnInstanceThatEatsItsMemoryIsKilled(t *testing.T) {
	if memory, _ := usage(os.Getpid()); memory == 0 {
		t.Skip("this system does not tell how much memory a process uses")
	}
	p := serve(t, Options{Watch: 5 * time.Millisecond})
	p.live("api", revision("one", func(r *Revision) { r.Memory = 100 << 20 }))
	status, said := p.get("api/eat")
	if status != http.StatusBadGateway {
		t.Fatalf("got %d", status)
	}
	for _, want := range []string{"api was killed", "MB of 100 MB", "raise `memory` in the manifest"} {
		if !strings.Contains(said, want) {
			t.Errorf("the answer does not say %q: %s", want, said)
		}
	}
	platformtest.Until(t, "the log says why", func() bool { return strings.Contains(p.log("api"), "MB of 100 MB") })
	platformtest.Until(t, "the log says what to do", func() bool { return strings.Contains(p.log("api"), "raise `memory`") })
}

func TestAnInstanceThatEatsItsMemoryAsItStartsIsToldFromOneThatFails(t *testing.T) {
	if memory, _ := usage(os.Getpid()); memory == 0 {
		t.Skip("this system does not tell how much memory a process uses")
	}
	p := serve(t, Options{Watch: 5 * time.Millisecond})
	p.put("api", revision("greedy", func(r *Revision) { r.Memory, r.Env["START_EATS"] = 100<<20, "1" }))
	e := wantCode(t, p.client.Probe(t.Context(), FunctionRequest{Scope: shop, Function: "api", Revision: "greedy"}), CodeMemory)
	if !strings.Contains(e.Message, "MB of 100 MB") {
		t.Errorf("got %+v", e)
	}
}

func TestAnInstanceThatEndsAsItStartsIsSaidHow(t *testing.T) {
	p := serve(t, Options{StartTimeout: 10 * time.Second})
	for ends, want := range map[string]string{"0": "exit status 0, without a word", "3": "exit status 3, without a word", "kill": "signal: killed, as the system does where memory runs out"} {
		p.put("api", revision("ends-"+ends, func(r *Revision) { r.Env["START_ENDS"] = ends }))
		e := wantCode(t, p.client.Probe(t.Context(), FunctionRequest{Scope: shop, Function: "api", Revision: "ends-" + ends}), CodeCrashed)
		if !strings.Contains(e.Message, want) {
			t.Errorf("it is said %q, want %q in it", e.Message, want)
		}
	}
}

func TestProbeStartsWhatIsNotLive(t *testing.T) {
	p := serve(t, Options{StartTimeout: 2 * time.Second})
	p.live("api", revision("one"))
	p.put("api", revision("two"))
	p.put("api", revision("broken", func(r *Revision) { r.Env["BROKEN"] = "1" }))
	p.put("api", revision("late", func(r *Revision) { r.Env["START_DELAY"] = "1h" }))
	p.put("api", revision("port", func(r *Revision) { r.Readiness = ReadyPort }))
	p.put("api", revision("deaf", func(r *Revision) { r.Readiness, r.Env["START_DELAY"] = ReadyPort, "1h" }))
	probe := func(id string) error {
		return p.client.Probe(t.Context(), FunctionRequest{Scope: shop, Function: "api", Revision: id})
	}
	for _, id := range []string{"two", "port"} {
		if err := probe(id); err != nil {
			t.Error(err)
		}
	}
	if e := wantCode(t, probe("broken"), CodeCrashed); !strings.Contains(e.Log, "Traceback: no module named stripe") {
		t.Errorf("got %+v", e)
	}
	wantCode(t, probe("late"), CodeUnloaded)
	wantCode(t, probe("deaf"), CodeUnready)
	wantCode(t, probe("ghost"), CodeNotFound)
	if n := p.instances(); n != 0 {
		t.Errorf("%d instances are left", n)
	}
}

func TestAnInstanceSeesACleanEnvironment(t *testing.T) {
	t.Setenv("AWS_SECRET_ACCESS_KEY", "of the platform's user")
	p := serve(t, Options{})
	if err := p.home.SetSecret(shop, "stripe-key", []byte("s3cr3t")); err != nil {
		t.Fatal(err)
	}
	p.live("api", revision("one", func(r *Revision) {
		r.Secrets = map[string]string{"STRIPE": "stripe-key"}
		r.Caches = map[string]string{"COMPILED": "go"}
	}))
	env := p.echo("api/").Env
	for name, want := range map[string]string{
		"STRIPE": "s3cr3t", "FERRY_SERVICE": "shop", "FERRY_STAGE": "dev", "FERRY_FUNCTION": "api", "FERRY_REVISION": "one",
		"FERRY_BUCKETS": p.home.buckets(shop),
		"FERRY_DIGEST":  "sha256:one", "FERRY_TIMEOUT_MS": "10000", "LANG": "C.UTF-8", "AWS_SECRET_ACCESS_KEY": "",
		"COMPILED": p.home.revision(shop, "api", "one", "cache", "go"),
	} {
		if env[name] != want {
			t.Errorf("%s is %q, not %q", name, env[name], want)
		}
	}
	if home := env["HOME"]; !strings.HasPrefix(home, p.home.own("tmp")) || env["TMPDIR"] != home {
		t.Errorf("HOME is %s", home)
	}
	if err := p.home.RemoveSecret(shop, "stripe-key"); err != nil {
		t.Fatal(err)
	}
	if e := wantCode(t, p.client.Probe(t.Context(), FunctionRequest{Scope: shop, Function: "api", Revision: "one"}), CodeSecret); e.Name != "stripe-key" {
		t.Errorf("got %+v", e)
	}
}

func TestRemoveLeavesNothingOfAFunction(t *testing.T) {
	p := serve(t, Options{})
	p.live("api", revision("one"))
	p.live("web", revision("one"))
	p.echo("api/")
	p.echo("web/")
	for _, fn := range []string{"api", "api", "ghost"} {
		if err := p.client.Remove(t.Context(), FunctionRequest{Scope: shop, Function: fn}); err != nil {
			t.Fatal(err)
		}
	}
	err := filepath.WalkDir(p.home.path("services"), func(path string, _ os.DirEntry, err error) error {
		if strings.Contains(filepath.Base(path), "api") {
			t.Errorf("%s is left", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	p.echo("web/")
	if status, _ := p.get("api/"); status != http.StatusNotFound {
		t.Errorf("the removed function answered %d", status)
	}
	if err := p.client.Remove(t.Context(), FunctionRequest{Scope: shop, Function: "web"}); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(p.home.path("services")); len(left) > 0 || err != nil {
		t.Errorf("after the last function %v is left, %v", left, err)
	}
	p.live("api", revision("one"))
	p.echo("api/")
}

func TestPruneRefusesWhatIsLive(t *testing.T) {
	p := serve(t, Options{})
	p.put("api", revision("old"))
	p.live("api", revision("one"))
	prune := func(id string) error {
		return p.client.Prune(t.Context(), FunctionRequest{Scope: shop, Function: "api", Revision: id})
	}
	wantCode(t, prune("one"), CodeConflict)
	for range 2 {
		if err := prune("old"); err != nil {
			t.Fatal(err)
		}
	}
	left, err := p.home.Revisions(shop, "api")
	if err != nil || len(left) != 1 || left[0].ID != "one" {
		t.Errorf("left are %+v, %v", left, err)
	}
}

func TestAWrongTokenOrVersionIsRefused(t *testing.T) {
	p := serve(t, Options{})
	e, _ := p.home.endpoint()
	wrong := e
	wrong.Token = "guess"
	_, err := send[Info](t.Context(), p.client, wrong, "info", none{})
	wantCode(t, err, CodeDenied)
	e.Protocol++
	if err := writeJSON(p.home.endpointFile(), e); err != nil {
		t.Fatal(err)
	}
	_, err = p.client.Info(t.Context())
	wantCode(t, err, CodeProtocol)
	wantCode(t, p.client.Ensure(t.Context()), CodeProtocol)
	if info, err := os.Stat(p.home.endpointFile()); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the token's file has mode %v, %v", info.Mode(), err)
	}
}

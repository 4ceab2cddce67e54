//go:build unix

package platform

import (
	"errors"
	"io/fs"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ferryfn/ferry/providers/local/platform/platformtest"
)

// noted is how many processes of instances there are.
func (p *place) noted() int {
	p.Helper()
	entries, err := os.ReadDir(p.home.own("instances"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		p.Fatal(err)
	}
	return len(entries)
}

// probed has the platform see that a revision starts.
func (p *place) probed(id string) {
	p.Helper()
	if err := p.client.Probe(p.Context(), FunctionRequest{Scope: shop, Function: "api", Revision: id}); err != nil {
		p.Fatal(err)
	}
}

func (p *place) cold() bool {
	p.Helper()
	res, err := p.client.Invoke(p.Context(), InvokeRequest{Scope: shop, Function: "api", Method: http.MethodGet, Path: "/"})
	if err != nil || res.Status != http.StatusOK {
		p.Fatalf("%v, %+v", err, res)
	}
	return res.Cold
}

func TestTheFirstRequestAfterASwapMeetsAnInstanceThatHasStartedWhereTheOldRevisionWorked(t *testing.T) {
	p := serve(t, Options{})
	p.live("api", revision("one", func(r *Revision) { r.Max = 1 }))
	p.cold()
	p.put("api", revision("two", func(r *Revision) { r.Max = 1 }))
	p.probed("two")
	p.swap("api", "one", "two")
	if p.cold() {
		t.Error("an instance was started for it")
	}
	platformtest.Until(t, "one instance is left", func() bool { return p.instances() == 1 })
}

func TestAFunctionThatNobodyCalledHasNoProcessAfterASwap(t *testing.T) {
	p := serve(t, Options{})
	p.live("api", revision("one"))
	p.put("api", revision("two"))
	p.probed("two")
	p.swap("api", "one", "two")
	if n := p.noted(); n > 0 {
		t.Errorf("%d processes run", n)
	}
	if !p.cold() {
		t.Error("its first request met a process")
	}
}

func TestAnInstanceThatIsKeptForASwapHasNoEarlierValueOfASecret(t *testing.T) {
	p := serve(t, Options{})
	withKey := func(r *Revision) { r.Secrets = map[string]string{"KEY": "key"} }
	if err := p.home.SetSecret(shop, "key", []byte("first")); err != nil {
		t.Fatal(err)
	}
	p.live("api", revision("one", withKey))
	p.cold()
	p.put("api", revision("two", withKey))
	p.probed("two")
	if err := p.home.SetSecret(shop, "key", []byte("second")); err != nil {
		t.Fatal(err)
	}
	if err := p.client.Renew(t.Context(), SecretRequest{Scope: shop, Secret: "key"}); err != nil {
		t.Fatal(err)
	}
	p.swap("api", "one", "two")
	if got := p.echo("api/").Env["KEY"]; got != "second" {
		t.Errorf("it has %s", got)
	}
}

func TestAnInstanceThatIsKeptEndsWithThePlatform(t *testing.T) {
	p := &place{T: t, home: Home(t.TempDir())}
	stop := p.run(Options{Grace: time.Second})
	p.live("api", revision("one"))
	p.cold()
	p.put("api", revision("two"))
	p.probed("two")
	stop()
	platformtest.Until(t, "no instance is noted", func() bool { return p.noted() == 0 })
}

// warmed has the platform start an instance of a revision ahead of its probe.
func (p *place) warmed(id string) {
	p.Helper()
	if err := p.client.Warm(p.Context(), FunctionRequest{Scope: shop, Function: "api", Revision: id}); err != nil {
		p.Fatal(err)
	}
}

func TestWhatWasStartedAheadIsWhatTheProbeSeesAndTheFirstRequestMeets(t *testing.T) {
	p := serve(t, Options{})
	p.live("api", revision("one"))
	p.cold()
	p.put("api", revision("two"))
	p.warmed("two")
	p.warmed("two")
	p.probed("two")
	if n := p.noted(); n != 2 {
		t.Errorf("%d processes run, want the live one and the next", n)
	}
	p.swap("api", "one", "two")
	if p.cold() {
		t.Error("an instance was started for it")
	}
	if begun := strings.Count(p.log("api"), "started in"); begun != 2 {
		t.Errorf("%d instances were started, want one of each revision:\n%s", begun, p.log("api"))
	}
}

func TestAStartAheadThatFailsIsTheProbesFailureAndTheNextOneStartsAnew(t *testing.T) {
	p := serve(t, Options{})
	p.put("api", revision("broken", func(r *Revision) { r.Env["BROKEN"] = "1" }))
	begun := func() int { return strings.Count(p.log("api"), "Traceback") }
	platformtest.Until(t, "it is started again after it failed", func() bool { p.warmed("broken"); return begun() > 1 })
	fails := func() {
		t.Helper()
		e := wantCode(t, p.client.Probe(t.Context(), FunctionRequest{Scope: shop, Function: "api", Revision: "broken"}), CodeCrashed)
		if !strings.Contains(e.Log, "Traceback: no module named stripe") {
			t.Errorf("got %+v", e)
		}
	}
	fails()
	before := begun()
	fails()
	if n := begun() - before; n != 1 {
		t.Errorf("the next probe started it %d times", n)
	}
}

func TestAStartAheadEndsWithTheNextOneItsDeletionAndAnotherValueOfASecret(t *testing.T) {
	p := serve(t, Options{Grace: time.Second})
	late := func(r *Revision) { r.Env["START_DELAY"] = "1h" }
	p.put("api", revision("late", late))
	p.put("api", revision("later", late))
	began := func(id string) {
		t.Helper()
		p.warmed(id)
		platformtest.Until(t, "it starts alone", func() bool { return p.noted() == 1 })
	}
	ended := func() {
		t.Helper()
		platformtest.Until(t, "it has ended", func() bool { return p.noted() == 0 })
	}
	began("late")
	began("later")
	if err := p.client.Prune(t.Context(), FunctionRequest{Scope: shop, Function: "api", Revision: "later"}); err != nil {
		t.Fatal(err)
	}
	ended()
	began("late")
	if err := p.client.Renew(t.Context(), SecretRequest{Scope: shop, Secret: "key"}); err != nil {
		t.Fatal(err)
	}
	ended()
	began("late")
	if err := p.client.Remove(t.Context(), FunctionRequest{Scope: shop, Function: "api"}); err != nil {
		t.Fatal(err)
	}
	ended()
}

func TestAStartThatIsUnderWayEndsWithThePlatform(t *testing.T) {
	p := &place{T: t, home: Home(t.TempDir())}
	stop := p.run(Options{Grace: time.Second})
	p.put("api", revision("late", func(r *Revision) { r.Env["START_DELAY"] = "1h" }))
	p.warmed("late")
	platformtest.Until(t, "it starts", func() bool { return p.noted() == 1 })
	stop()
	if n := p.noted(); n > 0 {
		t.Errorf("%d processes are left", n)
	}
}

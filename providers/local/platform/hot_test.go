//go:build unix

package platform

import (
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/ferryfn/ferry/providers/local/platform/platformtest"
)

// noted is how many processes of instances there are.
func (p *place) noted() int {
	p.Helper()
	entries, err := os.ReadDir(p.home.own("instances"))
	if err != nil {
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

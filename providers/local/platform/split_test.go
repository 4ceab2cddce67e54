//go:build unix

package platform

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/providers/local/platform/platformtest"
)

// split gives a stored revision a share of the requests.
func (p *place) split(percent int, changes ...Change) Table {
	p.Helper()
	table, err := p.client.Split(p.Context(), SplitRequest{SwitchRequest{Scope: shop, Changes: changes}, percent})
	if err != nil {
		p.Fatal(err)
	}
	return table
}

func TestSplitsUnderLoadLoseNoRequestAndMixNoRevisions(t *testing.T) {
	p := serve(t, Options{})
	for _, fn := range []string{"api", "web"} {
		for _, v := range []string{"one", "two", "three"} {
			p.put(fn, revision(v, func(r *Revision) { r.Env["WORD"] = r.ID; r.Concurrency = 100 }))
		}
		p.swap(fn, "", "one")
	}
	l := p.load(30, "api/", "web/")
	live := "one"
	for range 8 {
		next := map[string]string{"one": "two", "two": "one"}[live]
		for _, percent := range []int{10, 50, 90} {
			l.more()
			p.split(percent, Change{"api", live, next}, Change{"web", live, next})
		}
		l.more()
		p.split(50, Change{"api", live, "three"}) // another canary in place of the first
		l.more()
		p.swap("api", live, live)
		p.swap("web", live, next)
		l.more()
		p.split(50, Change{"api", live, next})
		p.swap("api", live, next)
		live = next
	}
	l.end()
	t.Logf("%d requests", l.answered.Load())
	platformtest.Until(t, "the canaries' instances are gone", func() bool { return p.instances() <= 2 })
}

func TestAPromotedCanaryKeepsItsInstances(t *testing.T) {
	p := serve(t, Options{})
	p.live("api", revision("one"))
	p.put("api", revision("two", func(r *Revision) { r.Min = 1 }))
	p.split(99, Change{"api", "one", "two"})
	platformtest.Until(t, "the canary's least instance is warm", func() bool { return p.instances() >= 1 })
	var canary platformtest.Answer
	platformtest.Until(t, "the canary answers", func() bool { canary = p.echo("api/"); return canary.Version == "two" })
	p.swap("api", "one", "two")
	for range 20 {
		if a := p.echo("api/"); a.PID != canary.PID {
			t.Fatalf("process %d of %s answers, not %d", a.PID, a.Version, canary.PID)
		}
	}
}

func TestASplitOutlivesThePlatform(t *testing.T) {
	p := &place{T: t, home: Home(t.TempDir())}
	stop := p.run(Options{})
	p.live("api", revision("one"))
	p.put("api", revision("two"))
	p.split(50, Change{"api", "one", "two"})
	stop()
	p.run(Options{})
	said := map[string]int{}
	for range 60 {
		said[p.echo("api/").Version]++
	}
	if said["one"] == 0 || said["two"] == 0 {
		t.Errorf("after a restart the requests are shared as %v", said)
	}
	// What says nothing of the split leaves it.
	if err := p.client.Bind(t.Context(), BindRequest{Scope: shop, Function: "api", Bindings: "paused"}); err != nil {
		t.Fatal(err)
	}
	table, err := p.home.Table(shop)
	want := Entry{
		Revision: "one", Digest: "sha256:one", HTTP: true, Port: table.Functions["api"].Port, Bindings: "paused",
		Canary: &Canary{Revision: "two", Digest: "sha256:two", Percent: 50},
	}
	if diff := cmp.Diff(want, table.Functions["api"]); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if _, index := p.get(""); !strings.Contains(index, "/api/  (50% of the requests go to two, the rest to one)") {
		t.Errorf("the index says %q", index)
	}
	if i, err := p.client.Info(t.Context()); err != nil || i.Services[0].Canaries != 1 || i.Services[0].Functions != 1 {
		t.Errorf("%+v, %v", i, err)
	}
}

func TestEachSideOfASplitKeepsItsOwnAccess(t *testing.T) {
	p := serve(t, Options{})
	p.live("api", revision("one"))
	p.put("api", revision("two", func(r *Revision) { r.Private = true }))
	p.split(50, Change{"api", "one", "two"})
	seen := map[int]bool{}
	for range 60 {
		status, _ := p.get("api/")
		seen[status] = true
	}
	if diff := cmp.Diff(map[int]bool{http.StatusOK: true, http.StatusForbidden: true}, seen); diff != "" {
		t.Error(diff)
	}
}

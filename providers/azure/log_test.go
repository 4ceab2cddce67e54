package azure

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/internal/standin"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers/until"
	"github.com/ferryfn/ferry/release"
)

var update = flag.Bool("update", false, "write the log of a life anew")

// life is one function from its first deploy to its removal, and what was asked of Azure at each step.
type life struct {
	*shop
	log strings.Builder
}

// step does a thing and logs its calls: the writes in their order, where those that several goroutines send at once stand by their
// names, and then the reads; of Resource Manager with how many.
func (l *life) step(name string, do func() error) []standin.Call {
	l.Helper()
	l.cloud.Reset()
	if err := do(); err != nil {
		l.Fatalf("%s: %v", name, err)
	}
	fmt.Fprintf(&l.log, "%s\n", name)
	reads := map[string]int{}
	var writes []string
	together := 0 // how many of the last writes have no order
	for _, c := range l.cloud.Calls() {
		op := c.Service + " " + c.Operation
		switch {
		case c.Service == "login": // as often as a token is needed
		case !c.Write:
			reads[op]++
		default:
			writes, together = append(writes, op), together+1
			if !beside(c) {
				together = 0
			}
			slices.Sort(writes[len(writes)-together:])
		}
	}
	for from, to := 0, 0; from < len(writes); from = to {
		for to < len(writes) && writes[to] == writes[from] {
			to++
		}
		fmt.Fprintf(&l.log, "  %s%s\n", writes[from], times(to-from))
	}
	for _, op := range slices.Sorted(maps.Keys(reads)) {
		count := ""
		if strings.HasPrefix(op, "Microsoft.") {
			count = times(reads[op])
		}
		fmt.Fprintf(&l.log, "  reads: %s%s\n", op, count)
	}
	return l.cloud.Calls()
}

// beside reports whether a write has no order among others of its kind: what an app stands on is made at once.
func beside(c standin.Call) bool {
	switch c.Service {
	case "blob":
		return strings.Contains(c.Resource, "/packages/") || strings.Contains(c.Resource, "/revisions/")
	case "Microsoft.Web":
		return c.Operation == "AppServicePlans_CreateOrUpdate"
	}
	return strings.HasPrefix(c.Service, "Microsoft.")
}

func times(n int) string {
	if n == 1 {
		return ""
	}
	return fmt.Sprintf(" × %d", n)
}

// nothing expects reads alone, one of which is of the function's app.
func (l *life) nothing(calls []standin.Call) {
	l.Helper()
	reads := 0
	for _, c := range calls {
		if c.Write && c.Service != "login" {
			l.Errorf("a deploy of nothing new asked for %s %s", c.Service, c.Operation)
		}
		if l.ofApp(c) {
			reads++
		}
	}
	if reads != 1 {
		l.Errorf("a deploy of nothing new read the app %d times", reads)
	}
}

// cheap expects no more than eight calls about the app, and as many restarts, each of which ends what the app was doing.
func (l *life) cheap(calls []standin.Call, restarts int) {
	l.Helper()
	var of []string
	for _, c := range calls {
		if l.ofApp(c) {
			of = append(of, c.Operation)
		}
		if slices.Contains([]string{"Publish", "WebApps_UpdateApplicationSettings", "WebApps_CreateOrUpdate", "WebApps_Restart"}, c.Operation) {
			restarts--
		}
	}
	if len(of) > 8 || restarts != 0 {
		l.Errorf("a change takes %d calls, and %d restarts more than it should: %v", len(of), -restarts, of)
	}
}

// ofApp reports whether a call of Resource Manager is about what the function has for itself.
func (l *life) ofApp(c standin.Call) bool {
	return strings.HasPrefix(c.Service, "Microsoft.") && strings.Contains(c.Resource, "shop-dev-api")
}

// live goes through the whole of it.
func live(t *testing.T) *life {
	l := &life{shop: newShop(t, newSources(t))}
	l.cloud.SyncLag(0)
	makeVault(t, l.cloud)
	events, env := []manifest.Event{{HTTP: &manifest.HTTPEvent{Auth: "public"}}}, "a"
	memory, secrets := 512*manifest.MB, map[string]string{"KEY": "stripe"}
	l.adjust = func(m *manifest.Manifest) {
		m.Functions = m.Functions[:1]
		fn := &m.Functions[0]
		fn.Env, fn.Events, fn.Memory, fn.Secrets = map[string]string{"WORD": env}, events, memory, secrets
	}
	ctx := until.Hasten(t.Context(), haste)
	engine := func(version string) *release.Engine {
		e := l.engine(version)
		e.LockTTL = time.Minute // so that how often it is renewed is no matter of speed
		return e
	}
	deploy := func(version string) func() error {
		return func() error {
			_, err := engine(version).Deploy(ctx, release.DeployOptions{Message: version})
			return err
		}
	}
	rollback := func() error { _, err := engine("two").Rollback(ctx, release.RollbackOptions{}); return err }
	secret := func(name, value string) func() error {
		return func() error { return adapterOf(t, l.cloud).SetSecret(ctx, name, []byte(value)) }
	}
	l.step("a secret", secret("stripe", "one"))
	l.step("deploy", deploy("one"))
	l.nothing(l.step("deploy again", deploy("one")))
	l.cheap(l.step("other code", deploy("two")), 1)
	env = "b"
	l.cheap(l.step("another environment", deploy("two")), 1)
	memory = 2048 * manifest.MB
	l.step("more memory", deploy("two"))
	l.step("rollback", rollback)
	l.cheap(l.step("rollback again", rollback), 1)
	l.step("the secret rotated", secret("stripe", "two"))
	env, memory = "c", 512*manifest.MB
	l.step("deploy the rotated secret", deploy("three"))
	events = append(events, manifest.Event{Schedule: &manifest.ScheduleEvent{Cron: "0 3 * * *", Timezone: "UTC"}})
	l.step("a schedule added", deploy("three"))
	events = events[:1]
	l.step("the schedule removed", deploy("three"))
	l.step("remove --purge", func() error {
		_, err := engine("three").Remove(ctx, release.RemoveOptions{Purge: true})
		return err
	})
	return l
}

func TestALifeIsTheCallsOfTheLog(t *testing.T) {
	t.Parallel()
	l := live(t)
	file := filepath.Join("testdata", "life.txt")
	if *update {
		if err := os.WriteFile(file, []byte(l.log.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v (run the test with -update)", err)
	}
	if diff := cmp.Diff(string(want), l.log.String()); diff != "" {
		t.Errorf("what is asked of Azure is not what the log has (-update writes it anew):\n%s", diff)
	}
	for line := range strings.Lines(l.cloud.Snapshot()) {
		if kind, _, _ := strings.Cut(line, " "); !slices.Contains([]string{"Microsoft.KeyVault/vaults", "Microsoft.Resources/resourceGroups", "secret"}, kind) {
			t.Errorf("left is %s", line)
		}
	}
}

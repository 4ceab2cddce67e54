//go:build unix

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/ferryfn/ferry/internal/sample"
	"github.com/ferryfn/ferry/packager/packagertest"
)

// told is what a handler's log says of each event, in the form that its style gives it.
type told struct{ schedule, queue, topic, created, deleted, invoked string }

// The forms of events.
var (
	asCloudEvents = told{
		`event dev\.ferry\.schedule\.v1 `, `event dev\.ferry\.queue\.message\.v1 .*7`, `event dev\.ferry\.topic\.message\.v1 .*8`,
		`event dev\.ferry\.object\.created\.v1 .*cat\.jpg`, `event dev\.ferry\.object\.deleted\.v1 .*cat\.jpg`, `event dev\.ferry\.invoke\.v1 .*9`,
	}
	asOfAWS = told{
		`"detail-type": ?"Scheduled Event"`, `\{\\?"n\\?":7\}`, `"Message": ?"\{\\"n\\":8\}"`,
		`"ObjectCreated:Put".*raw/cat\.jpg`, `"ObjectRemoved:Delete".*raw/cat\.jpg`, `got.*\{\\?"n\\?": ?9\}`,
	}
	asOfGoogle = told{
		`(GOT google\S*messagePublished|MESSAGE \S+) \S+/topics/it`, `(messagePublished|MESSAGE \S+) \S+/topics/orders \{"n":7\}`, `(messagePublished|MESSAGE \S+) \S+/topics/signups \{"n":8\}`,
		`storage\.object\.v1\.finalized.*cat\.jpg`, `storage\.object\.v1\.deleted.*cat\.jpg`, `dev\.ferry\.invoke\.v1.*9`,
	}
	asOfAzure = told{
		`GOT timer (?i:false)`, `GOT queue \w+ \{"n":7\}`, `GOT topic \{"n":8\}`,
		`GOT blob (uploads/)?raw/cat\.jpg .*meow`, `GOT grid Microsoft\.Storage\.BlobDeleted .*raw/cat\.jpg`, "", // an app has no function for it
	}
)

// TestEventsOfEveryKindReachEveryStyleInItsForm has programs bound to all kinds, each deployed once.
func TestEventsOfEveryKindReachEveryStyleInItsForm(t *testing.T) {
	t.Parallel()
	const own, templates = "testdata/kinds", "../../templates/testdata/"
	programs := sample.Of(t, 4)
	for _, p := range []struct {
		runtime, style, handler string
		folder                  string
		want                    told
	}{
		{"nodejs24", "fetch", "fetch.mjs", own, asCloudEvents},
		{"nodejs24", "node", "listener.mjs", own, asCloudEvents},
		{"nodejs24", "lambda", "native.mjs", templates + "native/nodejs", asOfAWS},
		{"nodejs24", "gcf-event", "index.js:stored", templates + "gcf", asOfGoogle},
		{"nodejs24", "azure", "app.js", templates + "azure", asOfAzure},
		{"python3.13", "wsgi", "plain:wsgi", own, asCloudEvents},
		{"python3.13", "asgi", "plain:app", own, asCloudEvents},
		{"python3.13", "lambda", "native:handler", templates + "native/python", asOfAWS},
		{"python3.13", "gcf-event", "main:work", own, asOfGoogle},
		{"python3.13", "azure", "function_app:app", own, asOfAzure},
		{"go", "go", ".", templates + "echo/goecho", asCloudEvents},
		{"go", "lambda", ".", templates + "lambda/golambda", asOfAWS},
		{"go", "gcf", ".", templates + "gcf/gogcf", asOfGoogle},
		{"custom", "server", "run", "", asCloudEvents},
	} {
		if programs.Takes() {
			t.Run(p.runtime+" "+p.style, func(t *testing.T) {
				inParallel(t, p.runtime, p.style)
				s := &bound{shop: newShop(t)}
				s.deploy(p.runtime, p.style, p.handler, p.folder)
				s.happen(p.want)
			})
		}
	}
}

// inParallel runs a test beside others where there is what it needs: for some styles ferry brings a framework.
func inParallel(t *testing.T, runtime, style string) {
	tools := map[string][]string{"nodejs24": {"npm", "node"}, "python3.13": {"python3"}, "go": {"go"}}[runtime]
	if slices.Contains([]string{"gcf-event", "azure"}, style) {
		packagertest.Registries(t, tools...)
		return
	}
	t.Parallel()
	packagertest.Needs(t, tools...)
}

// bound is a function that is bound to events of every kind.
type bound struct {
	*shop
	answer string // to an invocation
}

func (s *bound) deploy(runtime, style, handler, folder string) {
	s.Helper()
	s.write("service") // its program that is a server
	dir := filepath.Join(s.dir, "service")
	if folder != "" {
		if err := os.CopyFS(dir, os.DirFS(folder)); err != nil {
			s.Fatal(err)
		}
	}
	source := "."
	if style == "server" {
		source = "api"
	}
	packagertest.Write(s.T, filepath.Join(dir, "ferry.yaml"), fmt.Sprintf(`service: shop
functions:
  it:
    source: %s
    runtime: %s
    style: %s
    handler: %s
    events:
      - schedule: {cron: "0 3 * * *"}
      - queue: {name: orders, batch: 10}
      - topic: {name: signups}
      - object: {bucket: uploads, on: [created, deleted]}
`, source, runtime, style, handler))
	s.run("service", "deploy")
}

// happen has an event of each kind happen, and waits until the handler says so. What is invoked may say so in its answer.
func (s *bound) happen(want told) {
	s.Helper()
	asJSON := []string{"-H", "Content-Type: application/json"}
	s.run("service", append([]string{"send", "queue", "orders", "-d", `{"n":7}`}, asJSON...)...)
	s.run("service", append([]string{"send", "topic", "signups", "-d", `{"n":8}`}, asJSON...)...)
	s.run("service", "invoke", "it", "--event", "schedule")
	wanted := []string{want.schedule, want.queue, want.topic, want.created}
	if want.invoked != "" {
		code, out := ran(s.command("service", nil, "invoke", "it", "-d", `{"n":9}`))
		if s.answer = out; code != 0 {
			s.Fatalf("invoking it exits %d: %s", code, out)
		}
		wanted = append(wanted, want.invoked)
	}
	object := filepath.Join(s.home, "state", "services", "shop", "dev", "buckets", "uploads", "raw", "cat.jpg")
	packagertest.Write(s.T, object, "meow")
	s.said(wanted...)
	if err := os.Remove(object); err != nil {
		s.Fatal(err)
	}
	s.said(want.deleted)
}

// said waits until the function's log and its answer hold all of the texts.
func (s *bound) said(wanted ...string) {
	s.Helper()
	log := ""
	s.Cleanup(func() {
		if s.Failed() {
			s.Log(log)
		}
	})
	packagertest.Poll(s.T, func() bool {
		c := exec.Command("ferry", "logs", "it")
		c.Dir, c.Env = filepath.Join(s.dir, "service"), append(os.Environ(), "FERRY_HOME="+s.home)
		out, err := c.CombinedOutput()
		if log = string(out); err != nil {
			s.Fatal(err, log)
		}
		return !slices.ContainsFunc(wanted, func(text string) bool { return !regexp.MustCompile(text).MatchString(log + s.answer) })
	})
}

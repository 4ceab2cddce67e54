package templates_test

import (
	"testing"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager"
)

func TestOnCloudRunAFunctionTakesEventsOfGoogleAndOfFerryAlone(t *testing.T) {
	t.Parallel()
	golang := goProgram(manifest.StyleGo)
	golang.source, golang.handler = ".", "."
	node, python := nodeProgram(manifest.StyleFetch, ".", "app.mjs"), pythonProgram(manifest.StyleWSGI)
	for _, c := range []struct {
		program program
		project func(t *testing.T) *packager.Packager
	}{
		{node, func(t *testing.T) *packager.Packager { return node.project(t, "app.mjs", nodeEvents) }},
		{python, func(t *testing.T) *packager.Packager { return python.project(t, "app.py", pythonEvents) }},
		{golang, golang.goEvents},
	} {
		t.Run(c.program.runtime.Language(), func(t *testing.T) {
			pk := c.project(t)
			start := func(fn manifest.Function, env ...string) *process {
				return c.program.started(t, pk, fn, "run", append(env, "FERRY_INSTANCE=nonce", "FERRY_HOST=127.0.0.1")...).probed("ferry-instance: nonce")
			}
			i := start(c.program.function(onTopicAndHTTP), "FERRY_EVENT_AUDIENCE=secret")
			i.takesEventsOfGoogleAlone(t)
			if a := i.do("POST", "/", nil); a.body != "fetched" {
				t.Errorf("a request gets %d %s", a.status, a.body)
			}
			event := []string{"content-type: text/plain", "ce-specversion: 1.0", "ce-id: 77", "ce-source: /s", "ce-type: dev.ferry.invoke.v1"}
			if a := i.do("POST", "/.ferry/event", []byte("mine"), event...); a.status != 404 {
				t.Errorf("a stranger's event gets %d %s", a.status, a.body)
			}
			if a := i.do("POST", "/.ferry/event", []byte("mine"), append(event, "ferry-instance: nonce")...); a.status != 204 {
				t.Errorf("ferry's own event gets %d %s", a.status, a.body)
			}
			i.says("GOT dev.ferry.invoke.v1 77 /s mine")
			// Without the secret nothing that is pushed is an event.
			i = start(c.program.function(onTopicAndHTTP))
			if a := i.do("POST", "/.ferry/events/topic/signups", []byte(pushed("x", "{}")), audienced("")); a.status != 404 {
				t.Errorf("got %d %s", a.status, a.body)
			}
		})
	}
}

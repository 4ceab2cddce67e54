package templates_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ferryfn/ferry/internal/lambdatest"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/packager/packagertest"
	"github.com/ferryfn/ferry/templates"
)

// npmProjects are the roots of projects by their folder and dependencies.
var npmProjects sync.Map

// npmProject is a packager for a copy of a folder below testdata, with what its package.json asks for installed; without
// dependencies it has none. Who asks for the same shares it.
func npmProject(t *testing.T, folder, dependencies string) *packager.Packager {
	t.Helper()
	once, _ := npmProjects.LoadOrStore(folder+dependencies, sync.OnceValues(func() (string, error) {
		root := filepath.Join(templates.CacheDir(), "npm", url.PathEscape(folder+dependencies))
		dir := filepath.Join(root, folder)
		if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", folder))); err != nil || dependencies == "" {
			return root, err
		}
		if err := os.WriteFile(filepath.Join(dir, "package.json"), []byte(`{"private":true,"dependencies":`+dependencies+`}`), 0o600); err != nil {
			return "", err
		}
		cmd := exec.Command("npm", "install", "--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error")
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("%w: %s", err, out)
		}
		return root, nil
	}))
	root, err := once.(func() (string, error))()
	if err != nil {
		t.Fatal(err)
	}
	return &packager.Packager{Root: root, Cache: packages().Cache}
}

func TestANodeFunctionOfGooglesFrameworkIsServedUnmodified(t *testing.T) {
	packagertest.Registries(t, "npm", "node")
	own, brought := npmProject(t, "gcf", `{"@google-cloud/functions-framework":"4.0.0"}`), npmProject(t, "gcf", "")
	asJSON, cookies := [][2]string{{"content-type", "application/json"}, {"x-a", "b"}}, []string{"a=1", "b=2"}
	for _, c := range []struct {
		pk       *packager.Packager
		handler  string
		version  string
		requests []request
	}{
		{own, "index.js:hello", "4.0.0", []request{
			{method: "POST", target: "/a?x=1", body: `{"name":"you"}`, headers: asJSON, status: 201, want: `{"method":"POST","url":"/a?x=1","name":"you","raw":14,"header":"b"}`, cookies: cookies},
			{method: "GET", target: "/?name=me", status: 201, want: `"name":"me"`, cookies: cookies},
			{method: "GET", target: "/robots.txt", status: 404},
		}},
		{own, "index.js:broken", "4.0.0", []request{{method: "GET", target: "/", status: 500}}},
		{brought, "index.js:plain", "5.0.5", []request{{method: "POST", target: "/", body: `{"n":1}`, headers: asJSON, status: 200, want: "plain 1"}}},
	} {
		p := nodeProgram(manifest.StyleGCFHTTP, "gcf", c.handler)
		alike(t, p, c.pk, c.requests)
		hasFramework(t, p, c.pk, "@google-cloud/functions-framework", c.version)
	}
}

func TestANodeFunctionOfATypeIsServedAsGooglesFrameworkServesIt(t *testing.T) {
	packagertest.Registries(t, "npm", "node")
	asJSON := [][2]string{{"content-type", "application/json"}}
	alike(t, nodeProgram(manifest.StyleGCFHTTP, "gcftyped", "index.js:greet"), npmProject(t, "gcftyped", `{"@google-cloud/functions-framework":"3.5.1"}`), []request{
		{method: "POST", target: "/", body: `{"name":"you"}`, headers: asJSON, status: 200, want: `{"hello":"you"}`},
		{method: "POST", target: "/", body: `{`, headers: asJSON, status: 400, changed: "gcf"}, // which parses it before ferry's function gets it
	})
}

// hasFramework wants a framework in the bill of a package and in the package itself.
func hasFramework(t *testing.T, p program, pk *packager.Packager, name, version string) {
	t.Helper()
	bill, err := pk.Bill(t.Context(), p.function(), platform(p.runtime))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, one := range bill.Packages {
		if one.Name == name {
			got = append(got, one.Version)
		}
	}
	if len(got) != 1 || got[0] != version {
		t.Errorf("the bill has %s in the versions %v, want %s", name, got, version)
	}
	file := filepath.Join(p.build(t, pk, p.function()), "node_modules", name, "package.json")
	if _, err := os.Stat(file); err != nil {
		t.Error(err)
	}
}

func TestANodeEventFunctionOfGooglesFrameworkGetsGooglesEvents(t *testing.T) {
	packagertest.Registries(t, "npm", "node")
	pk := npmProject(t, "gcf", `{"@google-cloud/functions-framework":"5.0.5"}`)
	onQueue := func(fn *manifest.Function) {
		fn.Events = []manifest.Event{{Queue: &manifest.QueueEvent{Name: "orders", Batch: 1}}}
	}
	for _, handler := range []string{"index.js:stored", "index.js:received"} {
		p := nodeProgram(manifest.StyleGCFEvent, "gcf", handler)
		here := p.launch(t, pk, p.function(onQueue)).ready()
		for _, c := range []struct{ kind, source, data, says string }{
			{"topic.message", "/ferry/topic/signups", `{"n": 1}`, `GOT google.cloud.pubsub.topic.v1.messagePublished //pubsub.googleapis.com/projects/local/topics/signups {"n": 1} {"color":"red"}`},
			{"queue.message", "/ferry/queue/orders", `"text"`, `GOT google.cloud.pubsub.topic.v1.messagePublished //pubsub.googleapis.com/projects/local/topics/orders text {"color":"red"}`},
			{"schedule", "/ferry/schedule/x", `{}`, `GOT google.cloud.pubsub.topic.v1.messagePublished //pubsub.googleapis.com/projects/local/topics/x {}`},
			{"object.created", "/ferry/bucket/uploads", `{"bucket":"uploads","key":"a/b","size":3}`, `GOT google.cloud.storage.object.v1.finalized {"kind":"storage#object","id":"uploads/a/b","name":"a/b","bucket":"uploads"`},
			{"object.created", "/ferry/bucket/uploads", `{"bucket":"uploads","key":"a/b","size":3}`, `"metageneration":"1","storageClass":"STANDARD"`},
			{"object.deleted", "/ferry/bucket/uploads", `{"bucket":"uploads","key":"a/b"}`, `GOT google.cloud.storage.object.v1.deleted`},
			{"invoke", "/s", `{"n":2}`, `GOT dev.ferry.invoke.v1 {"n":2}`},
		} {
			if status, text := here.event(c.kind, c.source, c.data); status != 204 {
				t.Errorf("%s, %s: got %d %s\n%s", handler, c.kind, status, text, here.out)
			}
			here.says(c.says)
		}
		if status, text := here.event("topic.message", "/ferry/topic/signups", `"fail"`); status != 500 {
			t.Errorf("%s: got %d %s", handler, status, text)
		}
	}
	p := nodeProgram(manifest.StyleGCFEvent, "gcf", "index.js:stored")
	l := p.run(t, p.build(t, pk, p.function(onQueue)), lambdatest.Function{})
	r := l.invoke(edited(t, "sns-event", func(map[string]any) {}))
	if r.FunctionError != "" || !strings.Contains(r.Log, "Hello from SNS!") {
		t.Errorf("on AWS: %s\n%s", r.Payload, r.Log)
	}
	var failures struct{ BatchItemFailures []any }
	if r := l.invoke(batch(t, "arn:aws:sqs:x:1:q", "a", "fail")); json.Unmarshal(r.Payload, &failures) != nil || len(failures.BatchItemFailures) != 1 {
		t.Errorf("on AWS: %s\n%s", r.Payload, r.Log)
	}
}

func TestANodeAppOfAzureIsServedUnmodified(t *testing.T) {
	packagertest.Registries(t, "npm", "node")
	pk := npmProject(t, "azure", `{"@azure/functions":"4.5.0"}`)
	p := nodeProgram(manifest.StyleAzure, "azure", "app.js")
	cookies := []string{"a=1; path=/", "b=2%203; max-age=5; path=/; samesite=lax; httponly"}
	here := alike(t, p, pk, []request{
		{method: "GET", target: "/v1/items/7?name=you", headers: [][2]string{{"x-agent", "me"}}, status: 201, want: `"id":"7","names":["you"],"path":"/v1/items/7","agent":"me"`, cookies: cookies},
		{method: "GET", target: "/V1/Items", status: 201, want: `{"names":[]`, cookies: cookies},
		{method: "POST", target: "/v1/items", body: `{"n":1}`, headers: [][2]string{{"content-type", "application/json"}}, status: 201, want: `"text":"{\"n\":1}"`, cookies: cookies},
		{method: "GET", target: "/v1/items/x", status: 200, want: "rest items/x"},
		{method: "DELETE", target: "/v1/items/7", status: 200, want: "rest items/7"},
		{method: "GET", target: "/v1/a/b%20c", status: 200, want: "rest a/b c"},
		{method: "GET", target: "/v1/raises", status: 500, want: "internal server error"},
		{method: "GET", target: "/v1/empty", status: 204},
		{method: "GET", target: "/v1/text", status: 500, want: "internal server error"},
		{method: "GET", target: "/v1/response", status: 200, want: "made", cookies: []string{"a=1", "b=2"}},
		{method: "GET", target: "/v1/stream", status: 200, want: "one two"},
		{method: "GET", target: "/items", status: 404},
	})
	here.says("GOT request items 36")
	hasFramework(t, p, pk, "@azure/functions", "4.5.0")
}

func TestTheFunctionsOfANodeAppOfAzureGetTheirEvents(t *testing.T) {
	packagertest.Registries(t, "npm", "node")
	pk := npmProject(t, "azure", "") // with the library that ferry brings
	p := nodeProgram(manifest.StyleAzure, "azure", "app.js")
	fn := p.function(func(fn *manifest.Function) {
		fn.Events = []manifest.Event{{Queue: &manifest.QueueEvent{Name: "orders", Batch: 1}}}
	})
	here := p.launch(t, pk, fn, "FERRY_BUCKETS="+buckets(t)).ready()
	object := `{"bucket":"uploads","key":"a/b","size":3}`
	for _, c := range []struct{ kind, source, data, says string }{
		{"schedule", "/ferry/schedule/x", "{}", "GOT timer false 2026-01-02T03:04:05Z"},
		{"queue.message", "/ferry/queue/orders", `{"n": 1}`, `GOT queue 7 {"n":1} 2`},
		{"queue.message", "arn:aws:sqs:x:1:returns", `{"n": 2}`, "GOT return 2"},
		{"topic.message", "/ferry/topic/signups", `{"n": 1}`, `GOT topic {"n":1} {"color":"red"}`},
		{"queue.message", "/ferry/queue/scans", `"{} "`, "GOT scan true {} "},
		{"object.created", "/ferry/bucket/uploads", object, "GOT blob a/b 3 abc"},
		{"object.created", "/ferry/bucket/pictures", `{"bucket":"pictures","key":"p","size":3}`, "GOT picture true 00fffe"},
		{"object.created", "/ferry/bucket/notes", `{"bucket":"notes","key":"n","size":5}`, "GOT note grün"},
		{"object.deleted", "/ferry/bucket/uploads", object, "GOT grid Microsoft.Storage.BlobDeleted /blobServices/default/containers/uploads/blobs/a/b"},
	} {
		var more []string
		if strings.HasPrefix(c.kind, "topic") {
			more = []string{"ce-subject: signup"} // the grid has a trigger for topics too
		}
		if c.kind == "object.created" && strings.HasSuffix(c.source, "uploads") { // which the grid has a trigger for too
			more = []string{"ce-subject: upload"}
		}
		if status, text := here.event(c.kind, c.source, c.data, more...); status != 204 {
			t.Errorf("%s: got %d %s\n%s", c.kind, status, text, here.out)
		}
		here.says(c.says)
	}
	if status, text := here.event("queue.message", "/ferry/queue/orders", `"fail"`); status != 500 || !strings.Contains(text, "failed on purpose") {
		t.Errorf("got %d %s", status, text)
	}
	if status, text := here.event("queue.message", "/ferry/queue/elsewhere", `"x"`); status != 500 || !strings.Contains(text, "more than one function of the app, or none") {
		t.Errorf("got %d %s", status, text)
	}
	if status, text := here.event("invoke", "/s", `"x"`); status != 500 || !strings.Contains(text, "no function of the app has a trigger") {
		t.Errorf("got %d %s", status, text)
	}
	l := p.run(t, p.build(t, pk, fn), lambdatest.Function{})
	if r := l.invoke(batch(t, "arn:aws:sqs:x:1:orders", "a", "fail")); !strings.Contains(r.Log, `GOT queue id of a "a" 2`) || !strings.Contains(string(r.Payload), `"id of fail"`) {
		t.Errorf("on AWS: %s\n%s", r.Payload, r.Log)
	}
}

func TestANodeModuleThatRegistersItsFunctionsIsToldTheLineToAdd(t *testing.T) {
	packagertest.Registries(t, "npm", "node")
	google := npmProject(t, "gcf", `{"@google-cloud/functions-framework":"5.0.5"}`)
	azure := npmProject(t, "azure", `{"@azure/functions":"4.16.5"}`)
	for _, c := range []struct {
		pk              *packager.Packager
		style           manifest.Style
		folder, handler string
		says            string
	}{
		{google, manifest.StyleFetch, "gcf", "index.js", "add `style: gcf-http`"},
		{google, manifest.StyleFetch, "gcf", "index.js:hello", "add `style: gcf-http`"},
		{google, manifest.StyleLambda, "gcf", "index.js", "add `style: gcf-http`"},
		{google, manifest.StyleGCFEvent, "gcf", "index.js:background", "background is a background function of Google's first generation, (data, context); take a CloudEvent: functions.cloudEvent(\"background\", (event) => …)"},
		{google, manifest.StyleGCFHTTP, "gcf", "index.js:stored", "stored is registered with functions.cloudEvent, and answers no request; add `style: gcf-event`"},
		{google, manifest.StyleGCFEvent, "gcf", "index.js:hello", "hello is registered with functions.http, and takes no event; add `style: gcf-http`"},
		{google, manifest.StyleGCFHTTP, "gcf", "index.js:absent", "it registers and exports no function absent"},
		{azure, manifest.StyleFetch, "azure", "app.js", "add `style: azure`"},
		{azure, manifest.StyleNode, "azure", "app.js", "add `style: azure`"},
	} {
		p := nodeProgram(c.style, c.folder, c.handler)
		i := p.launch(t, c.pk, p.function())
		select {
		case <-i.done:
		case <-time.After(patience):
			t.Fatalf("%s, %s: it goes on", c.style, c.handler)
		}
		if said := i.out.String(); !strings.Contains(said, "ferry: "+c.handler+": ") || !strings.Contains(said, c.says) {
			t.Errorf("%s, %s: it does not say %q:\n%s", c.style, c.handler, c.says, said)
		}
	}
}

func TestAnExpressAppIsServedUnmodified(t *testing.T) {
	packagertest.Registries(t, "npm", "node")
	pk := npmProject(t, "express", `{"express":"5.1.0"}`)
	alike(t, nodeProgram(manifest.StyleNode, "express", "app.js"), pk, []request{
		{method: "GET", target: "/hello/you?n=1", headers: [][2]string{{"x-agent", "me"}}, status: 200, want: `{"name":"you","n":"1","ip":true}`},
		{method: "POST", target: "/echo", body: `{"n":1}`, headers: [][2]string{{"content-type", "application/json"}}, status: 201, want: `{"n":1}`},
		{method: "GET", target: "/cookies", status: 200, want: "ok", cookies: []string{"a=1;", "b=2;"}},
		{method: "GET", target: "/away", status: 302, want: "/hello/you"},
		{method: "GET", target: "/head", status: 302},
		{method: "GET", target: "/raises", status: 500, want: "raised on purpose"},
		{method: "GET", target: "/absent", status: 404},
	})
}

func TestRealFrameworksOfNodeAnswerAlikeEverywhere(t *testing.T) {
	packagertest.Registries(t, "npm", "node")
	pk := npmProject(t, "frameworks/node", `{"hono":"4.7.7","fastify":"5.3.2","koa":"2.16.1","h3":"1.15.1"}`)
	for _, name := range []string{"hono", "fastify", "koa", "h3"} {
		style := manifest.StyleNode
		if name == "hono" {
			style = manifest.StyleFetch
		}
		requests := []request{
			{method: "GET", target: "/hello/caf%C3%A9%20x?n=1", status: 200, want: `{"name":"café x","n":"1"}`},
			{method: "POST", target: "/echo", body: "\x00\xff bytes", headers: [][2]string{{"content-type", "application/octet-stream"}}, status: 201, want: "\x00\xff bytes"},
			{method: "GET", target: "/cookies", status: 200, want: "ok", cookies: []string{"a=1", "b=2"}},
			{method: "GET", target: "/away", status: 302},
			{method: "GET", target: "/raises", status: 500},
			{method: "GET", target: "/missing", status: 404},
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			alike(t, nodeProgram(style, "frameworks/node", name+".mjs"), pk, requests)
		})
	}
}

package templates_test

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager/packagertest"
	"github.com/ferryfn/ferry/templates"
)

// pushed is what Pub/Sub pushes, for a message of text.
func pushed(text, attributes string) string {
	return `{"message":{"data":"` + base64.StdEncoding.EncodeToString([]byte(text)) + `","messageId":"9","publishTime":"2026-01-02T03:04:05Z","orderingKey":"g","attributes":` +
		attributes + `},"subscription":"projects/p/subscriptions/s","deliveryAttempt":2}`
}

// googlesEvents are events as Google's services push them to a path, and what a handler has to print of them.
func googlesEvents() []struct {
	target, body, says string
	status             int
} {
	news := func(attributes string) string {
		return pushed(`{"bucket":"uploads","name":"a/b","size":"3"}`, `{"bucketId":"uploads","objectId":"a/b",`+attributes+`}`)
	}
	return []struct {
		target, body, says string
		status             int
	}{
		{templates.EventPath("topic", "signups"), pushed("hello", "{}"), "GOT dev.ferry.topic.message.v1 9 /projects/p/topics/signups hello 2 g", 204},
		{"/.ferry/events/queue/orders", pushed(`{"n":1}`, `{"Content-Type":"application/json"}`), `GOT dev.ferry.queue.message.v1 9 /projects/p/topics/orders {"n":1} 2 g`, 204},
		{"/.ferry/events/queue/orders", pushed(`{"specversion":"1.0","id":"1","source":"/s","type":"shop.order","data":"x"}`, "{}"), "GOT shop.order 1 /s", 204},
		{"/.ferry/events/object/uploads", news(`"eventType":"OBJECT_FINALIZE"`), `GOT dev.ferry.object.created.v1 9 //storage.googleapis.com/projects/_/buckets/uploads {"bucket":"uploads","key":"a/b","size":3}`, 204},
		{"/.ferry/events/object/uploads", news(`"eventType":"OBJECT_DELETE"`), `GOT dev.ferry.object.deleted.v1 9`, 204},
		{"/.ferry/events/object/uploads", news(`"eventType":"OBJECT_DELETE","overwrittenByGeneration":"4"`), "", 204},
		{"/.ferry/events/object/uploads", news(`"eventType":"OBJECT_ARCHIVE"`), "", 400},
		{"/.ferry/events/schedule/nightly", `{"n":2}`, `GOT dev.ferry.schedule.v1 nightly/2026-01-02T03:00:00Z /ferry/schedule/nightly {"n":2}`, 204},
		{"/.ferry/events/topic/signups", pushed("fail", "{}"), "failed on purpose", 500},
		{"/.ferry/events/topic/signups", `{"no":"message"}`, "", 400},
		{"/.ferry/events/topic/signups", `null`, "", 400},
	}
}

// getsGooglesEvents posts all of them, which a handler prints.
func (i *process) getsGooglesEvents(t *testing.T, headers ...string) {
	t.Helper()
	headers = append(headers, "content-type: application/json", "x-cloudscheduler-scheduletime: 2026-01-02T03:00:00Z", "x-cloudscheduler-jobname: nightly")
	for _, c := range googlesEvents() {
		if a := i.do("POST", c.target, []byte(c.body), headers...); a.status != c.status {
			t.Errorf("%s %s: got %d %s\n%s", c.target, c.body, a.status, a.body, i.out)
		}
		i.says(c.says)
	}
}

func onTopicAndHTTP(fn *manifest.Function) {
	fn.Events = []manifest.Event{{HTTP: &manifest.HTTPEvent{}}, {Topic: &manifest.TopicEvent{Name: "signups"}}}
}

// audienced is an identity token for an audience, as its sender shows it. Nobody here checks who signed it: Google's own
// ingress does, or the audience is a secret.
func audienced(audience string) string {
	return "authorization: Bearer e30." + base64.RawURLEncoding.EncodeToString([]byte(`{"aud":"`+audience+`"}`)) + ".e30"
}

// takesEventsOfGoogleAlone wants a public function to take events from who knows the audience, and from nobody else.
func (i *process) takesEventsOfGoogleAlone(t *testing.T) {
	t.Helper()
	for _, headers := range [][]string{nil, {audienced("another")}, {audienced("secre")}, {audienced("")}, {"authorization: Bearer nonsense"}, {"authorization: secret"}} {
		for _, target := range []string{"/.ferry/events/topic/signups", "/"} {
			headers := append(headers, "content-type: application/json", "ce-specversion: 1.0", "ce-id: 1", "ce-source: /s", "ce-type: forged")
			if a := i.do("POST", target, []byte(pushed("forged", "{}")), headers...); target != "/" && a.status != 404 {
				t.Errorf("%v %s: got %d %s", headers, target, a.status, a.body)
			}
		}
	}
	if strings.Contains(i.out.String(), "GOT") {
		t.Errorf("a forged event came in:\n%s", i.out)
	}
	i.getsGooglesEvents(t, audienced("secret"))
}

// onServiceBus has the queue mails and the topic signups be of Service Bus.
const onServiceBus = `FERRY_SERVICE_BUS={"subscription":"s","queues":{"mails":"mails-dev"},"topics":{"signups":"signups"}}`

const nodeEvents = `export default {
  fetch: () => new Response("fetched", { status: 404 }),
  event(event, ctx) {
    const data = typeof event.data === "string" ? event.data : JSON.stringify(event.data);
    console.log("GOT", event.type, event.id, event.source, data, ctx.attempt, ctx.group, JSON.stringify(ctx.attributes), ctx.platform);
    if (event.data === "fail") throw new Error("failed on purpose");
  },
};
`

func TestBehindGooglesFrameworkANodeFunctionTakesEventsOfGoogleAlone(t *testing.T) {
	packagertest.Registries(t, "npm", "node")
	p := nodeProgram(manifest.StyleFetch, ".", "app.mjs")
	pk := p.project(t, "app.mjs", nodeEvents)
	i := p.started(t, pk, p.function(onTopicAndHTTP), "gcf", "FERRY_EVENT_AUDIENCE=secret").probed("ferry-digest: sha256:abc")
	i.takesEventsOfGoogleAlone(t)
	i.says(`2 g {"Content-Type":"application/json"} gcf`)
	if a := i.do("POST", "/", nil); a.body != "fetched" {
		t.Errorf("a request gets %d %s", a.status, a.body)
	}
	// Without the secret nothing is an event.
	i = p.started(t, pk, p.function(onTopicAndHTTP), "gcf").probed("ferry-digest: sha256:abc")
	if a := i.do("POST", "/.ferry/events/topic/signups", []byte(pushed("x", "{}")), audienced("")); a.status != 404 {
		t.Errorf("got %d %s", a.status, a.body)
	}
	// Where Google lets nobody else in, an event needs no more.
	i = p.started(t, pk, p.function(func(fn *manifest.Function) {
		onTopicAndHTTP(fn)
		fn.Events[0].HTTP.Auth = "private"
	}), "gcf").probed("ferry-digest: sha256:abc")
	i.getsGooglesEvents(t)
}

func TestANodeFunctionOfEveryStyleIsServedBehindGooglesFramework(t *testing.T) {
	packagertest.Registries(t, "npm", "node")
	queue := func(fn *manifest.Function) {
		fn.Events = []manifest.Event{{Queue: &manifest.QueueEvent{Name: "orders", Batch: 1}}}
	}
	google, azure, native := npmProject(t, "gcf", ""), npmProject(t, "azure", ""), packages()
	asJSON := "content-type: application/json"

	p := nodeProgram(manifest.StyleGCFHTTP, "gcf", "index.js:hello")
	i := p.started(t, google, p.function(), "gcf").probed("ferry-digest: sha256:abc")
	if a := i.do("POST", "/a?x=1", []byte(`{"name":"you"}`), asJSON, "x-a: b"); a.status != 201 || a.body != `{"method":"POST","url":"/a?x=1","name":"you","raw":14,"header":"b"}` {
		t.Errorf("gcf-http: got %d %s\n%s", a.status, a.body, i.out)
	}
	p = nodeProgram(manifest.StyleGCFEvent, "gcf", "index.js:received")
	i = p.started(t, google, p.function(queue), "gcf").probed("ferry-digest: sha256:abc")
	if a := i.do("POST", "/.ferry/events/queue/orders", []byte(pushed("text", "{}")), asJSON); a.status != 204 {
		t.Errorf("gcf-event: got %d %s", a.status, a.body)
	}
	i.says("GOT google.cloud.pubsub.topic.v1.messagePublished //pubsub.googleapis.com/projects/p/topics/orders text {}")
	p = nodeProgram(manifest.StyleAzure, "azure", "app.js")
	i = p.started(t, azure, p.function(), "gcf").probed("ferry-digest: sha256:abc")
	if a := i.do("GET", "/v1/items/7?name=you", nil, "x-agent: me"); a.status != 201 || !strings.Contains(a.body, `"id":"7","names":["you"]`) {
		t.Errorf("azure: got %d %s\n%s", a.status, a.body, i.out)
	}
	p = nodeProgram(manifest.StyleLambda, "native/nodejs", "native.mjs")
	i = p.started(t, native, p.function(), "gcf").probed("ferry-digest: sha256:abc")
	if a := i.do("GET", "/plain", nil); a.status != 200 || a.body != `{"only":"a value"}` {
		t.Errorf("lambda: got %d %s\n%s", a.status, a.body, i.out)
	}
}

func TestAPackageForGooglesFrameworkIsAsItsBuilderWantsIt(t *testing.T) {
	packagertest.Registries(t, "npm", "node")
	p := nodeProgram(manifest.StyleFetch, ".", "lib/app.js")
	pk := p.project(t, "lib/app.js", `export default { fetch: () => new Response("from " + import.meta.url.split("/").pop()) };`,
		"package.json", `{"name": "shop", "type": "module", "main": "other.js", "scripts": {"build": "exit 1"}, "dependencies": {}}`)
	unbundled := false
	fn := p.function(func(fn *manifest.Function) { fn.Build.Bundle = &unbundled })
	i := p.started(t, pk, fn, "gcf").probed("ferry-digest: sha256:abc")
	if a := i.do("GET", "/", nil); a.body != "from app.js" {
		t.Errorf("got %d %s", a.status, a.body)
	}
	text, err := os.ReadFile(filepath.Join(i.cmd.Dir, "package.json"))
	if err != nil {
		t.Fatal(err)
	}
	want := `{
  "dependencies": {
    "@google-cloud/functions-framework": "5.0.5"
  },
  "main": "ferry-entry.mjs",
  "name": "shop",
  "private": true,
  "type": "module"
}
`
	if diff := cmp.Diff(want, string(text)); diff != "" {
		t.Errorf("package.json (want -, got +): %s", diff)
	}
}

func TestBehindAzuresLibraryItsTriggersAreCloudEventsInNodeToo(t *testing.T) {
	packagertest.Registries(t, "npm", "node")
	p := nodeProgram(manifest.StyleFetch, ".", "app.mjs")
	fn := p.function(func(fn *manifest.Function) {
		fn.Events = []manifest.Event{
			{HTTP: &manifest.HTTPEvent{}},
			{Schedule: &manifest.ScheduleEvent{Cron: "0 3 * * *"}},
			{Queue: &manifest.QueueEvent{Name: "orders", Batch: 1}},
			{Object: &manifest.ObjectEvent{Bucket: "uploads"}},
			{Queue: &manifest.QueueEvent{Name: "mails", Batch: 1}},
			{Topic: &manifest.TopicEvent{Name: "signups"}},
		}
	})
	i := p.started(t, p.project(t, "app.mjs", nodeEvents), fn, "azure", onServiceBus).probed("ferry-digest: sha256:abc")
	queued := func(kind, text string) string {
		return `{"type":"` + kind + `","data":` + strconv.Quote(text) + `,"metadata":{"Id":"7","DequeueCount":2,"InsertionTime":"2026-01-02T03:04:05+00:00"}}`
	}
	bus := func(text, kind string) string {
		return `{"type":"bytes","data":` + strconv.Quote(text) + `,"metadata":{"MessageId":"8","DeliveryCount":2,"EnqueuedTimeUtc":"2026-01-02T03:04:05Z","ContentType":"` + kind + `","ApplicationProperties":{"plan":"free"}}}`
	}
	grid := func(kind, subject, data string) string {
		return `{"type":"json","data":` + strconv.Quote(`{"id":"1","topic":"/t","subject":"`+subject+`","eventType":"`+kind+`","eventTime":"2026-01-02T03:04:05Z","data":`+data+`,"dataVersion":"1"}`) + `}`
	}
	for _, c := range []struct {
		function, data string
		status         int
		says           string
	}{
		{"schedule0", `{"type":"json","data":"{\"IsPastDue\":false}"}`, 204, "GOT dev.ferry.schedule.v1"},
		{"queue0", queued("bytes", "hello"), 204, "GOT dev.ferry.queue.message.v1 7 /ferry/azure/queue/orders hello 2"},
		{"queue0", queued("bytes", `{"n": 1}`), 204, `/ferry/azure/queue/orders {"n": 1} 2`},
		{"queue0", queued("string", "text"), 204, "/ferry/azure/queue/orders text 2"},
		{"queue0", queued("bytes", `{"specversion":"1.0","id":"1","source":"/s","type":"shop.order","data":"x"}`), 204, "GOT shop.order 1 /s x 2"},
		{"queue0", queued("bytes", "fail"), 500, "failed on purpose"},
		{"queue1", bus(`{"n": 1}`, "application/json"), 204, `GOT dev.ferry.queue.message.v1 8 /ferry/azure/queue/mails {"n":1} 2 undefined {"plan":"free"} azure`},
		{"topic0", bus("hello", ""), 204, "GOT dev.ferry.topic.message.v1 8 /ferry/azure/topic/signups hello 2"},
		{"topic0", bus("fail", ""), 500, "failed on purpose"},
		{"pushed", grid("Microsoft.Storage.BlobCreated", "/blobServices/default/containers/uploads/blobs/a/b", `{"contentLength":3}`), 204, `GOT dev.ferry.object.created.v1 1 /t {"bucket":"uploads","key":"a/b","size":3}`},
		{"pushed", grid("Microsoft.Storage.BlobDeleted", "/blobServices/default/containers/uploads/blobs/a", "{}"), 204, "GOT dev.ferry.object.deleted.v1 1 /t"},
		{"pushed", grid("shop.signup", "s", `{"n":1}`), 204, `GOT dev.ferry.topic.message.v1 1 /t {"n":1}`},
	} {
		if a := i.do("POST", "/.host/"+c.function, []byte(c.data)); a.status != c.status {
			t.Errorf("%s: got %d\n%s", c.data, a.status, i.out)
		}
		i.says(c.says)
	}
}

func TestANodeFunctionOfEveryStyleIsServedBehindAzuresLibrary(t *testing.T) {
	packagertest.Registries(t, "npm", "node")
	google, azure, native := npmProject(t, "gcf", ""), npmProject(t, "azure", ""), packages()
	p := nodeProgram(manifest.StyleGCFHTTP, "gcf", "index.js:hello")
	i := p.started(t, google, p.function(), "azure").probed("ferry-digest: sha256:abc")
	if a := i.do("POST", "/a?x=1", []byte(`{"name":"you"}`), "content-type: application/json", "x-a: b"); a.status != 201 || a.body != `{"method":"POST","url":"/a?x=1","name":"you","raw":14,"header":"b"}` {
		t.Errorf("gcf-http: got %d %s\n%s", a.status, a.body, i.out)
	}
	p = nodeProgram(manifest.StyleLambda, "native/nodejs", "native.mjs")
	i = p.started(t, native, p.function(), "azure").probed("ferry-digest: sha256:abc")
	if a := i.do("GET", "/cookies", nil); a.status != 201 || len(a.header["Set-Cookie"]) != 2 {
		t.Errorf("lambda: got %d %v\n%s", a.status, a.header, i.out)
	}
	p = nodeProgram(manifest.StyleAzure, "azure", "app.js")
	i = p.started(t, azure, p.function(), "azure") // an app of Azure's is the user's own, and nobody stands before it
	for deadline := time.Now().Add(patience); ; <-time.After(20 * time.Millisecond) {
		a, err := i.try("GET", "/v1/text", nil)
		if err == nil && a.status == 500 { // what the library makes of text
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("azure: got %d %s %v\n%s", a.status, a.body, err, i.out)
		}
	}
}

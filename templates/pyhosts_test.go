package templates_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/packager/packagertest"
)

const (
	frameworkList = "functions-framework==3.10.2\n"
	azureList     = "azure-functions==1.26.0\n"
)

// onGoogle starts the functions-framework on a function, as the platform there does.
func (p program) onGoogle(t *testing.T, pk *packager.Packager, fn manifest.Function) *process {
	t.Helper()
	return p.started(t, pk, fn, "gcf")
}

// onAzure starts a stand-in for Azure's host, which calls functions by Azure's own library.
func (p program) onAzure(t *testing.T, pk *packager.Packager, fn manifest.Function) *process {
	t.Helper()
	return p.started(t, pk, fn, "azure")
}

func TestBehindGooglesFrameworkItsEventsAreCloudEventsOfFerry(t *testing.T) {
	packagertest.Registries(t, "python3")
	p := pythonProgram(manifest.StyleWSGI)
	fn := p.function(func(fn *manifest.Function) {
		fn.Events = []manifest.Event{{Topic: &manifest.TopicEvent{Name: "signups"}}}
	})
	i := p.onGoogle(t, p.project(t, "requirements.txt", frameworkList, "app.py", `def on_event(event, ctx):
    print("GOT", event["type"], event["id"], event["source"], event.data, ctx.attempt, ctx.group, ctx.attributes, ctx.platform, flush=True)
    if event.data == "fail":
        raise ValueError("failed on purpose")
`), fn).probed("ferry-digest: sha256:abc")
	post := func(kind, data string) int {
		return i.do("POST", "/", []byte(data), "content-type: application/json", "ce-specversion: 1.0", "ce-id: 7", "ce-type: "+kind,
			"ce-source: //pubsub.googleapis.com/projects/p/topics/signups", "ce-time: 2026-01-02T03:04:05Z").status
	}
	message := func(text, attributes string) string {
		return `{"message":{"data":"` + base64.StdEncoding.EncodeToString([]byte(text)) + `","messageId":"9","publishTime":"2026-01-02T03:04:05Z","orderingKey":"g","attributes":` + attributes + `},"subscription":"s","deliveryAttempt":2}`
	}
	const published = "google.cloud.pubsub.topic.v1.messagePublished"
	for _, c := range []struct {
		kind, data string
		status     int
		says       string
	}{
		{published, message("hello", "{}"), 204, "GOT dev.ferry.topic.message.v1 9 /projects/p/topics/signups hello 2 g {} gcf"},
		{published, message(`{"n":1}`, `{"content-type":"application/json"}`), 204, "{'n': 1} 2 g {'content-type': 'application/json'}"},
		{published, message(`{"specversion":"1.0","id":"1","source":"/s","type":"shop.order","data":"x"}`, "{}"), 204, "GOT shop.order 1 /s x 2 g"},
		{"google.cloud.storage.object.v1.finalized", `{"bucket":"uploads","name":"a/b","size":"3"}`, 204, "GOT dev.ferry.object.created.v1 7 //pubsub.googleapis.com/projects/p/topics/signups {'bucket': 'uploads', 'key': 'a/b', 'size': 3}"},
		{published, message("fail", "{}"), 500, "failed on purpose"},
		{published, `{"no":"message"}`, 400, ""},
	} {
		if status := post(c.kind, c.data); status != c.status {
			t.Errorf("%s: got %d\n%s", c.data, status, i.out)
		}
		i.says(c.says)
	}
	if a := i.do("GET", "/", nil); a.status != http.StatusNotFound {
		t.Errorf("a function without an http event answers %d", a.status)
	}
}

func TestBehindGooglesFrameworkAWrongHandlerNeverServes(t *testing.T) {
	packagertest.Registries(t, "python3")
	p := pythonProgram(manifest.StyleASGI)
	pk := p.project(t, "requirements.txt", frameworkList, "app.py", `async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database"})
`, "other.py", "def app(event, context): pass\n")
	i := p.onGoogle(t, pk, p.function())
	<-i.done
	i.says("no database")
	p.handler = "other:app"
	i = p.onGoogle(t, pk, p.function())
	<-i.done
	i.says("write `style: lambda`")
}

func TestBehindAzuresLibraryItsTriggersAreCloudEventsOfFerry(t *testing.T) {
	packagertest.Registries(t, "python3")
	p := pythonProgram(manifest.StyleASGI)
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
	i := p.started(t, p.project(t, "requirements.txt", azureList, "app.py", `import asyncio
async def app(scope, receive, send):
    raise ValueError("not called")
async def on_event(event, ctx):
    await asyncio.sleep(0)
    print("GOT", event["type"], event["source"], event.get("subject"), event.data, ctx.attempt, ctx.platform, flush=True)
    if event.data == "fail":
        raise ValueError("failed on purpose")
`), fn, "azure", onServiceBus).probed("ferry-digest: sha256:abc")
	queued := func(text string) string {
		return `{"kind":"queueTrigger","type":"string","data":"` + text + `","metadata":{"Id":"7","DequeueCount":2,"InsertionTime":"2026-01-02T03:04:05+00:00"}}`
	}
	bus := func(text, kind string) string {
		return `{"kind":"serviceBusTrigger","type":"string","data":"` + text + `","metadata":{"MessageId":"8","DeliveryCount":2,"EnqueuedTimeUtc":"2026-01-02T03:04:05Z","ContentType":"` + kind + `","ApplicationProperties":{"plan":"free"},"UserProperties":{"plan":"free"}}}`
	}
	grid := func(kind, subject, data string) string {
		text, err := json.Marshal(`{"id":"1","topic":"/t","subject":"` + subject + `","eventType":"` + kind + `","eventTime":"2026-01-02T03:04:05Z","data":` + data + `,"dataVersion":"1"}`)
		if err != nil {
			t.Fatal(err)
		}
		return `{"kind":"eventGridTrigger","type":"json","data":` + string(text) + `}`
	}
	for _, c := range []struct {
		function, data string
		status         int
		says           string
	}{
		{"schedule0", `{"kind":"timerTrigger","type":"json","data":"{\"IsPastDue\":false}"}`, 204, "GOT dev.ferry.schedule.v1 /ferry/azure/timer None {} None azure"},
		{"queue0", queued("hello"), 204, "GOT dev.ferry.queue.message.v1 /ferry/azure/queue/orders None hello 2 azure"},
		{"queue0", queued("fail"), 500, "failed on purpose"},
		{"queue1", bus(`{\"n\": 1}`, "application/json"), 204, "GOT dev.ferry.queue.message.v1 /ferry/azure/queue/mails None {'n': 1} 2 azure"},
		{"topic0", bus("hello", ""), 204, "GOT dev.ferry.topic.message.v1 /ferry/azure/topic/signups None hello 2 azure"},
		{"topic0", bus("fail", ""), 500, "failed on purpose"},
		{"pushed", grid("Microsoft.Storage.BlobCreated", "/blobServices/default/containers/uploads/blobs/a/b", `{"contentLength":3}`), 204, "GOT dev.ferry.object.created.v1 /t a/b {'bucket': 'uploads', 'key': 'a/b', 'size': 3} None azure"},
		{"pushed", grid("Microsoft.Storage.BlobDeleted", "/blobServices/default/containers/uploads/blobs/a", "{}"), 204, "GOT dev.ferry.object.deleted.v1 /t a"},
		{"pushed", grid("shop.signup", "s", `{"n":1}`), 204, "GOT dev.ferry.topic.message.v1 /t s {'n': 1}"},
	} {
		if a := i.do("POST", "/.host/"+c.function, []byte(c.data)); a.status != c.status {
			t.Errorf("%s: got %d\n%s", c.data, a.status, i.out)
		}
		i.says(c.says)
	}
}

func TestBehindAzuresLibraryAnAppOfAzureIsTheUsersOwn(t *testing.T) {
	packagertest.Registries(t, "python3")
	p := pythonProgram(manifest.StyleAzure)
	p.handler = "function_app:app"
	i := p.onAzure(t, p.project(t, "function_app.py", `import azure.functions as func
app = func.FunctionApp()
@app.function_name("http")
@app.route(route="x")
@app.queue_output(arg_name="out", queue_name="q", connection="C")
def f(req: func.HttpRequest, out: func.Out[str] = None) -> func.HttpResponse:
    return func.HttpResponse("own")
`), p.function())
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-time.After(20 * time.Millisecond) {
		if a, err := i.try("GET", "/x", nil); err == nil {
			if a.status != 200 || a.body != "own" {
				t.Errorf("got %d %s\n%s", a.status, a.body, i.out)
			}
			return
		}
	}
	t.Errorf("it never answered:\n%s", i.out)
}

const pythonEvents = `import json
def app(environ, start):
    start("404 Not Found", [])
    return [b"fetched"]
def on_event(event, ctx):
    data = event.data if isinstance(event.data, str) else json.dumps(event.data, separators=(",", ":"))
    print("GOT", event["type"], event["id"], event["source"], data, ctx.attempt, ctx.group, json.dumps(ctx.attributes, separators=(",", ":")), ctx.platform, flush=True)
    if event.data == "fail":
        raise ValueError("failed on purpose")
`

func TestBehindGooglesFrameworkAPythonFunctionTakesEventsOfGoogleAlone(t *testing.T) {
	packagertest.Registries(t, "python3")
	p := pythonProgram(manifest.StyleWSGI)
	pk := p.project(t, "app.py", pythonEvents)
	i := p.started(t, pk, p.function(onTopicAndHTTP), "gcf", "FERRY_EVENT_AUDIENCE=secret").probed("ferry-digest: sha256:abc")
	i.takesEventsOfGoogleAlone(t)
	i.says(`2 g {"Content-Type":"application/json"} gcf`)
	if a := i.do("POST", "/", nil); a.body != "fetched" {
		t.Errorf("a request gets %d %s", a.status, a.body)
	}
}

package templates_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ferryfn/ferry/internal/lambdatest"
	"github.com/ferryfn/ferry/internal/sample"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager/packagertest"
)

// event delivers an event and returns the status and what was said of it.
func (i *process) event(kind, source, data string, more ...string) (int, string) {
	i.t.Helper()
	headers := append([]string{
		"ferry-instance: nonce", "ferry-attempt: 2", `ferry-attributes: {"color":"red"}`, "content-type: application/json", "ce-specversion: 1.0",
		"ce-id: 7", "ce-source: " + source, "ce-type: dev.ferry." + kind + ".v1", "ce-time: 2026-01-02T03:04:05Z",
	}, more...)
	a, err := i.try("POST", "/.ferry/event", []byte(data), headers...)
	if err != nil {
		i.t.Fatalf("%v\n%s", err, i.out)
	}
	return a.status, a.body
}

func TestRealFrameworksOfPythonAnswerAlikeEverywhere(t *testing.T) {
	packagertest.Registries(t, "python3")
	styles, s := map[string]manifest.Style{"flask": "wsgi", "django": "wsgi", "fastapi": "asgi", "starlette": "asgi"}, sample.Of(t, 2)
	for _, name := range slices.Sorted(maps.Keys(styles)) {
		if !s.Takes() {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := pythonProgram(styles[name])
			p.source, p.handler = "frameworks/python/"+name, "app:app"
			p.runtime = packagertest.ThisPython(t) // what is compiled is compiled for one
			p.lambda = string(p.runtime)
			requests := []request{
				{method: "GET", target: "/hello?name=you&m=1", headers: [][2]string{{"x-name", "me"}}, status: 200, want: "you"},
				{method: "HEAD", target: "/hello?name=you", status: map[string]int{"fastapi": 405}[name]},
				{method: "POST", target: "/echo", body: "\x00\xff bytes", status: 200, want: "\x00\xff bytes"},
				{method: "POST", target: "/echo", body: `{"n":1}`, headers: [][2]string{{"content-type", "application/json"}}, status: 200, want: `{"n":1}`},
				{method: "GET", target: "/cookies", headers: [][2]string{{"cookie", "other=1; seen=2"}}, status: 200, want: "ok", cookies: []string{"a=1;", "b=2;"}},
				{method: "GET", target: "/redirect", status: 302},
				{method: "GET", target: "/stream", status: 200, want: "0\n1\n2\n"},
				{method: "GET", target: "/path/caf%C3%A9%20x/y", status: 200, want: "café x/y"},
				{method: "GET", target: "/missing", status: 404},
				{method: "GET", target: "/%zz", status: 400, changed: "http-api"}, // which decodes paths, and sends /%25zz
				{method: "GET", target: "/raise", status: 500, want: map[string]string{"fastapi": `{"failed":"raised on purpose"}`}[name]},
			}
			if requests[1].status == 0 {
				requests[1].status = 200
			}
			if name == "fastapi" {
				requests = append(requests, request{method: "GET", target: "/background", status: 200, want: "queued"})
			}
			here := alike(t, p, packages(), requests)
			if name == "fastapi" {
				here.says("in the background")
			}
		})
	}
}

func TestAFunctionOfGooglesFrameworkIsServedUnmodified(t *testing.T) {
	packagertest.Registries(t, "python3")
	p := pythonProgram(manifest.StyleGCFHTTP)
	p.handler = "main:hello"
	pk := p.project(t, "main.py", `import flask
import functions_framework

@functions_framework.errorhandler(ZeroDivisionError)
def zero(e):
    return "no division", 418

@functions_framework.http
def hello(request):
    if request.path == "/zero":
        return 1 // 0
    if request.path == "/raise":
        raise ValueError("raised on purpose")
    out = flask.make_response({"path": request.path, "name": request.args.get("name"), "json": request.get_json(silent=True)})
    out.set_cookie("a", "1")
    out.set_cookie("b", "2")
    return out
`)
	json, cookies := [][2]string{{"content-type", "application/json"}}, []string{"a=1; Path=/", "b=2; Path=/"}
	alike(t, p, pk, []request{
		{method: "GET", target: "/x/y?name=you", status: 200, want: `"name":"you"`, cookies: cookies},
		{method: "POST", target: "/", body: `{"n":1}`, headers: json, status: 200, want: `"json":{"n":1}`, cookies: cookies},
		{method: "GET", target: "/zero", status: 418, want: "no division"},
		{method: "GET", target: "/raise", status: 500, want: "Internal Server Error"},
		{method: "GET", target: "/robots.txt", status: 404, want: "Not Found"},
	})
}

func TestAnEventFunctionOfGooglesFrameworkGetsGooglesEvents(t *testing.T) {
	packagertest.Registries(t, "python3")
	p := pythonProgram(manifest.StyleGCFEvent)
	p.handler = "main:work"
	pk := p.project(t, "main.py", `import base64, json
import functions_framework

@functions_framework.cloud_event
def work(cloud_event):
    data = cloud_event.data
    if "message" in data:
        text = base64.b64decode(data["message"]["data"]).decode()
        print("GOT", cloud_event["type"], text, json.dumps(data["message"]["attributes"]))
        if "fail" in text:
            raise ValueError("failed on purpose")
    else:
        print("GOT", cloud_event["type"], json.dumps(data))
`)
	fn := p.function(func(fn *manifest.Function) {
		fn.Events = []manifest.Event{{Topic: &manifest.TopicEvent{Name: "signups"}}}
	})
	here := p.launch(t, pk, fn).ready()
	l := p.run(t, p.build(t, pk, fn), lambdatest.Function{})
	for _, c := range []struct{ kind, source, data, says string }{
		{"topic.message", "/ferry/topic/signups", `{"n": 1}`, `GOT google.cloud.pubsub.topic.v1.messagePublished {"n": 1} {"color": "red"}`},
		{"queue.message", "/ferry/queue/orders", `"text"`, `GOT google.cloud.pubsub.topic.v1.messagePublished text {"color": "red"}`},
		{"schedule", "/ferry/schedule/x", `{}`, `GOT google.cloud.pubsub.topic.v1.messagePublished {}`},
		{"object.created", "/ferry/bucket/uploads", `{"bucket":"uploads","key":"a/b","size":3}`, `GOT google.cloud.storage.object.v1.finalized {"kind": "storage#object", "id": "uploads/a/b", "name": "a/b", "bucket": "uploads"`},
		{"object.created", "/ferry/bucket/uploads", `{"bucket":"uploads","key":"a/b","size":3}`, `"metageneration": "1", "storageClass": "STANDARD"`},
		{"object.deleted", "/ferry/bucket/uploads", `{"bucket":"uploads","key":"a/b"}`, `GOT google.cloud.storage.object.v1.deleted`},
		{"invoke", "/s", `{"n":2}`, `GOT dev.ferry.invoke.v1 {"n": 2}`},
	} {
		if status, text := here.event(c.kind, c.source, c.data); status != 204 {
			t.Errorf("%s: got %d %s\n%s", c.kind, status, text, here.out)
		}
		here.says(c.says)
	}
	if status, text := here.event("topic.message", "/ferry/topic/signups", `"fail"`); status != 500 {
		t.Errorf("got %d %s", status, text)
	}
	here.says("failed on purpose")
	r := l.invoke(edited(t, "sns-event", func(map[string]any) {}))
	if r.FunctionError != "" || !strings.Contains(r.Log, "GOT google.cloud.pubsub.topic.v1.messagePublished Hello from SNS!") {
		t.Errorf("on AWS: %s\n%s", r.Payload, r.Log)
	}
	var failures struct{ BatchItemFailures []any }
	if r := l.invoke(batch(t, "arn:aws:sqs:x:1:q", "a", "fail")); json.Unmarshal(r.Payload, &failures) != nil || len(failures.BatchItemFailures) != 1 {
		t.Errorf("on AWS: %s\n%s", r.Payload, r.Log)
	}
}

func TestABackgroundFunctionOfGooglesFirstGenerationGetsItsDataAndContext(t *testing.T) {
	packagertest.Registries(t, "python3")
	p := pythonProgram(manifest.StyleGCFEvent)
	p.handler = "main:work"
	pk := p.project(t, "main.py", `import base64

def work(event, context):
    text = base64.b64decode(event["data"]).decode() if "data" in event else event["name"]
    print("GOT", context.event_type, context.resource["name"], text, context.event_id)
    if "fail" in text:
        raise ValueError("failed on purpose")
`)
	fn := p.function(func(fn *manifest.Function) {
		fn.Events = []manifest.Event{{Topic: &manifest.TopicEvent{Name: "signups"}}}
	})
	here := p.launch(t, pk, fn).ready()
	for _, c := range []struct{ kind, source, data, says string }{
		{"topic.message", "/ferry/topic/signups", `"text"`, "GOT google.pubsub.topic.publish projects/local/topics/signups text 7"},
		{"object.created", "/ferry/bucket/uploads", `{"bucket":"uploads","key":"a/b","size":3}`, "GOT google.storage.object.finalize projects/_/buckets/uploads/objects/a/b a/b"},
	} {
		if status, text := here.event(c.kind, c.source, c.data); status != 204 {
			t.Errorf("%s: got %d %s\n%s", c.kind, status, text, here.out)
		}
		here.says(c.says)
	}
	if status, text := here.event("topic.message", "/ferry/topic/signups", `"fail"`); status != 500 {
		t.Errorf("got %d %s", status, text)
	}
	if status, text := here.event("invoke", "/s", `{}`); status != 500 || !strings.Contains(text, "first generation does not have") {
		t.Errorf("an event that the first generation does not have: got %d %s", status, text)
	}
	l := p.run(t, p.build(t, pk, fn), lambdatest.Function{})
	r := l.invoke(edited(t, "sns-event", func(map[string]any) {}))
	if r.FunctionError != "" || !strings.Contains(r.Log, "Hello from SNS!") {
		t.Errorf("on AWS: %s\n%s", r.Payload, r.Log)
	}
}

const azureApp = `import azure.functions as func
import json

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
more = func.Blueprint()

@app.route(route="items/{id:int?}", methods=["GET", "POST"])
def items(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    out = {"id": req.route_params.get("id"), "name": req.params.get("name"), "url": req.url.partition("://")[2], "agent": req.headers.get("X-Agent"), "method": req.method}
    try:
        out["json"] = req.get_json()
    except ValueError:
        out["body"] = len(req.get_body())
    out["function"] = f"{context.function_name} {len(context.invocation_id)}"
    response = func.HttpResponse(json.dumps(out), status_code=201, mimetype="application/json")
    response.headers.add("Set-Cookie", "a=1; Path=/")
    response.headers.add("Set-Cookie", "b=2")
    return response

@more.route(route="{*rest}")
async def rest(req: func.HttpRequest) -> str:
    return "rest " + req.route_params.get("rest", "")

@more.route()
def raises(req: func.HttpRequest) -> func.HttpResponse:
    raise ValueError("raised on purpose")

@app.timer_trigger(schedule="0 0 3 * * *", arg_name="timer")
def nightly(timer: func.TimerRequest) -> None:
    print("GOT timer", timer.past_due, timer.schedule_status["Last"])

@app.queue_trigger(arg_name="msg", queue_name="orders", connection="S")
def order(msg: func.QueueMessage) -> None:
    print("GOT queue", msg.id, msg.get_body().decode(), msg.dequeue_count, msg.insertion_time)
    if b"fail" in msg.get_body():
        raise ValueError("failed on purpose")

@app.queue_trigger(arg_name="msg", queue_name="returns", connection="S")
async def returned(msg: func.QueueMessage) -> None:
    print("GOT return", msg.get_json())

@app.service_bus_topic_trigger(arg_name="msg", topic_name="signups", subscription_name="s", connection="B")
def signup(msg: func.ServiceBusMessage) -> None:
    print("GOT topic", msg.get_body().decode(), msg.application_properties, msg.delivery_count)

@app.blob_trigger(arg_name="blob", path="uploads/{name}", connection="S")
def upload(blob: func.InputStream) -> None:
    print("GOT blob", blob.name, blob.length, blob.read().decode())

@app.blob_trigger(arg_name="blob", path="pictures/{name}", connection="S", data_type=func.DataType.BINARY)
def picture(blob: func.InputStream) -> None:
    print("GOT picture", blob.read())

@app.event_grid_trigger(arg_name="event")
def grid(event: func.EventGridEvent) -> None:
    print("GOT grid", event.event_type, event.subject)

app.register_functions(more)
`

func TestAnAzureAppIsServedUnmodified(t *testing.T) {
	packagertest.Registries(t, "python3")
	p := pythonProgram(manifest.StyleAzure)
	p.handler = "function_app:app"
	cookies := []string{"a=1; Path=/", "b=2"}
	alike(t, p, p.project(t, "function_app.py", azureApp), []request{
		{method: "GET", target: "/api/items/7?name=you", headers: [][2]string{{"x-agent", "me"}}, status: 201, want: `"id": "7", "name": "you"`, cookies: cookies},
		{method: "GET", target: "/API/Items", status: 201, want: `"id": null`, cookies: cookies},
		{method: "POST", target: "/api/items", body: `{"n":1}`, headers: [][2]string{{"content-type", "application/json"}}, status: 201, want: `"json": {"n": 1}, "function": "items 36"`, cookies: cookies},
		{method: "GET", target: "/api/items/x", status: 200, want: "rest items/x"},
		{method: "DELETE", target: "/api/items/7", status: 200, want: "rest items/7"},
		{method: "GET", target: "/api/a/b%20c", status: 200, want: "rest a/b c"},
		{method: "GET", target: "/api/raises", status: 500, want: "internal server error"},
		{method: "GET", target: "/items", status: 404},
	})
	pk := p.project(t, "function_app.py", azureApp, "host.json", `{"version": "2.0", "extensions": {"http": {"routePrefix": ""}}}`)
	if a, err := p.launch(t, pk, p.function()).ready().try("GET", "/items/7", nil); err != nil || a.status != 201 {
		t.Errorf("without a prefix: %v %s", err, a.body)
	}
}

func TestTheFunctionsOfAnAzureAppGetTheirEvents(t *testing.T) {
	packagertest.Registries(t, "python3")
	p := pythonProgram(manifest.StyleAzure)
	p.handler = "function_app:app"
	pk := p.project(t, "function_app.py", azureApp)
	fn := p.function(func(fn *manifest.Function) {
		fn.Events = []manifest.Event{{Queue: &manifest.QueueEvent{Name: "orders", Batch: 1}}}
	})
	here := p.launch(t, pk, fn, "FERRY_BUCKETS="+buckets(t)).ready()
	object := `{"bucket":"uploads","key":"a/b","size":3}`
	for _, c := range []struct{ kind, source, data, says string }{
		{"schedule", "/ferry/schedule/x", "{}", "GOT timer False 2026-01-02T03:04:05Z"},
		{"queue.message", "/ferry/queue/orders", `{"n":1}`, `GOT queue 7 {"n":1} 2 2026-01-02 03:04:05`},
		{"queue.message", "arn:aws:sqs:x:1:returns", `{"n": 2}`, `GOT return {'n': 2}`},
		{"topic.message", "/ferry/topic/signups", `{"n": 1}`, `GOT topic {"n": 1} {'color': 'red'} 2`},
		{"object.created", "/ferry/bucket/uploads", object, "GOT blob uploads/a/b 3 abc"},
		{"object.created", "/ferry/bucket/pictures", `{"bucket":"pictures","key":"p","size":3}`, `GOT picture b'\x00\xff\xfe'`},
		{"object.deleted", "/ferry/bucket/uploads", object, "GOT grid Microsoft.Storage.BlobDeleted /blobServices/default/containers/uploads/blobs/a/b"},
	} {
		if status, text := here.event(c.kind, c.source, c.data); status != 204 {
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
	if r := l.invoke(batch(t, "arn:aws:sqs:x:1:orders", "a", "fail")); !strings.Contains(r.Log, "GOT queue id of a a 2") || !strings.Contains(string(r.Payload), `"id of fail"`) {
		t.Errorf("on AWS: %s\n%s", r.Payload, r.Log)
	}
}

func TestWhatAFrameworkIsNotThereForNeverGoesLive(t *testing.T) {
	packagertest.Registries(t, "python3")
	const azure = "import azure.functions as func\napp = func.FunctionApp()\n"
	const google = "import functions_framework\n"
	const served = "import tornado.web\napp = tornado.web.Application()\n"
	cases := map[string]struct {
		style      manifest.Style
		name, code string // of the handler in its module, and what that holds
		says       string
	}{
		"an output of Azure's host":       {"azure", "app", azure + "@app.route()\n@app.queue_output(arg_name='out', queue_name='q', connection='C')\ndef f(req, out): pass\n", "a binding of type queue, which only Azure's own host fulfils"},
		"a trigger of Azure's host":       {"azure", "app", azure + "@app.cosmos_db_trigger(arg_name='d', container_name='c', database_name='d', connection='C')\ndef f(d): pass\n", "has a cosmosDBTrigger, which only Azure's own host serves"},
		"many messages at once":           {"azure", "app", azure + "@app.service_bus_queue_trigger(arg_name='m', queue_name='q', connection='C', cardinality='many')\ndef f(m): pass\n", `write cardinality="one"`},
		"a function of the app":           {"azure", "f", azure + "@app.route()\ndef f(req): pass\n", "write `handler: MODULE:app` in ferry.yaml"},
		"an app without routes":           {"azure", "app", azure, "register one with @app.route"},
		"an Azure app with wsgi":          {"wsgi", "app", azure, "add `style: azure` to the function in ferry.yaml"},
		"a Lambda handler with gcf":       {"gcf-http", "f", "def f(event, context): pass\n", "write `style: lambda` to the function in ferry.yaml"},
		"a Flask app with gcf":            {"gcf-http", "app", "import flask\napp = flask.Flask('x')\n", "write `style: wsgi` to the function in ferry.yaml"},
		"an event function with http":     {"gcf-http", "f", google + "@functions_framework.cloud_event\ndef f(e): pass\n", "write `style: gcf-event` to the function in ferry.yaml"},
		"a Lambda handler with gcf-event": {"gcf-event", "lambda_handler", "def lambda_handler(event, context): pass\n", "write `style: lambda` to the function in ferry.yaml"},
		"an app of tornado":               {"wsgi", "app", served, "it is made with tornado, which serves it by itself; start it in a program that listens on $PORT"},
		"a script of tornado":             {"wsgi", "f", served, "what is written for tornado is served by tornado itself"},
		"another name":                    {"gcf-http", "f", "def hello(request): pass\n", "write `handler: MODULE:hello` in ferry.yaml"},
		"a function of Google with wsgi":  {"wsgi", "f", google + "@functions_framework.http\ndef f(x): pass\n", "add `style: gcf-http` to the function in ferry.yaml"},
	}
	files := []string{
		"requirements.txt", "functions-framework==3.10.2\nazure-functions==1.26.0\n",
		"tornado/__init__.py", "", "tornado/web.py", "class Application:\n    def __call__(self, request): pass\n",
	}
	module := func(name string) string { return "m_" + strings.NewReplacer(" ", "_", "'", "").Replace(name) }
	for name, c := range cases {
		files = append(files, module(name)+".py", c.code)
	}
	pk := program{}.project(t, files...)
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := pythonProgram(c.style)
			p.handler = module(name) + ":" + c.name
			i := p.launch(t, pk, p.function())
			select {
			case <-i.done:
			case <-time.After(patience):
				t.Fatalf("it goes on:\n%s", i.out)
			}
			said := strings.ReplaceAll(i.out.String(), "handler: "+module(name), "handler: MODULE")
			if !strings.Contains(said, "ferry: "+p.handler+": ") || !strings.Contains(said, c.says) {
				t.Errorf("it does not say %q:\n%s", c.says, said)
			}
		})
	}
}

package templates_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
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

// packed is a package of Python that listens on the loopback.
type packed struct {
	t    *testing.T
	addr string
	mu   sync.Mutex
	said bytes.Buffer
}

func (p *packed) Write(data []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.said.Write(data)
}

func (p *packed) log() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.said.String()
}

// listen packs a function for the local target and starts it.
func (p program) listen(t *testing.T, pk *packager.Packager, fn manifest.Function) *packed {
	t.Helper()
	pl := platform(fn.Runtime)
	pl.Shim, pl.AnswersCORS = "local", false
	a, err := pk.Build(t.Context(), fn, pl)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := lambdatest.Unpack(a.Path, dir); err != nil {
		t.Fatal(err)
	}
	python, err := lambdatest.Interpreter(t.Context(), p.lambda)
	if err != nil {
		t.Skip(err)
	}
	out := &packed{t: t, addr: templates.FreeAddr(t)}
	_, port, _ := net.SplitHostPort(out.addr)
	cmd := exec.Command(python, p.entry[:strings.IndexByte(p.entry, '.')]+".py")
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, out, out
	cmd.Env = append(os.Environ(), "PORT="+port, "FERRY_INSTANCE=nonce", "FERRY_TIMEOUT_MS=30000", "PYTHONDONTWRITEBYTECODE=1")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
	})
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); <-time.After(20 * time.Millisecond) {
		if res, _, err := out.try("GET", "/.ferry/probe", nil, "ferry-instance: nonce"); err == nil && res.StatusCode == 200 {
			return out
		}
	}
	t.Fatalf("the probe never answered:\n%s", out.log())
	return nil
}

func (p *packed) try(method, target string, body []byte, headers ...string) (*http.Response, string, error) {
	req, err := http.NewRequest(method, "http://"+p.addr+target, bytes.NewReader(body))
	if err != nil {
		return nil, "", err
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Add(name, value)
	}
	transport := &http.Transport{DisableCompression: true, DisableKeepAlives: true}
	res, err := transport.RoundTrip(req)
	if err != nil {
		return nil, "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return res, string(text), err
}

// event delivers an event and returns the status and what was said of it.
func (p *packed) event(kind, source, data string, more ...string) (int, string) {
	p.t.Helper()
	headers := append([]string{
		"ferry-instance: nonce", "ferry-attempt: 2", `ferry-attributes: {"color":"red"}`, "content-type: application/json", "ce-specversion: 1.0",
		"ce-id: 7", "ce-source: " + source, "ce-type: dev.ferry." + kind + ".v1", "ce-time: 2026-01-02T03:04:05Z",
	}, more...)
	res, text, err := p.try("POST", "/.ferry/event", []byte(data), headers...)
	if err != nil {
		p.t.Fatalf("%v\n%s", err, p.log())
	}
	return res.StatusCode, text
}

// request is one that is made locally and through each ingress of Lambda.
type request struct {
	method, target, body string
	headers              []string
	status               int
	want                 string // the body, or a part of it
	cookies              []string
}

// alike makes requests of one package on the loopback and on Lambda, where all have to be answered the same.
func alike(t *testing.T, p program, pk *packager.Packager, requests []request) {
	t.Helper()
	fn := p.function()
	here := p.listen(t, pk, fn)
	l := p.run(t, p.build(t, pk, fn), lambdatest.Function{})
	judge := func(where string, r request, status int, header http.Header, body string) {
		if status != r.status || !strings.Contains(body, r.want) || fmt.Sprint(header["Set-Cookie"]) != fmt.Sprint(r.cookies) {
			t.Errorf("%s: %s %s: got %d %v %.300s\n%s", where, r.method, r.target, status, header, body, here.log())
		}
	}
	for _, r := range requests {
		res, text, err := here.try(r.method, r.target, []byte(r.body), r.headers...)
		if err != nil {
			t.Fatalf("%s: %v\n%s", r.target, err, here.log())
		}
		judge("locally", r, res.StatusCode, res.Header, text)
		u := l.do(r.method, r.target, []byte(r.body), r.headers...)
		judge("a function URL", r, u.status, u.header, u.body)
		for _, in := range payload1s() {
			got := in.received(t, l.invoke(in.event(r.method, r.target, []byte(r.body), r.headers...)))
			judge(in.name, r, got.status, got.header, got.body)
		}
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
	json, cookies := []string{"content-type: application/json"}, []string{"a=1; Path=/", "b=2; Path=/"}
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
	here := p.listen(t, pk, fn)
	l := p.run(t, p.build(t, pk, fn), lambdatest.Function{})
	for _, c := range []struct{ kind, source, data, says string }{
		{"topic.message", "/ferry/topic/signups", `{"n": 1}`, `GOT google.cloud.pubsub.topic.v1.messagePublished {"n": 1} {"color": "red"}`},
		{"queue.message", "/ferry/queue/orders", `"text"`, `GOT google.cloud.pubsub.topic.v1.messagePublished text {"color": "red"}`},
		{"schedule", "/ferry/schedule/x", `{}`, `GOT google.cloud.pubsub.topic.v1.messagePublished {}`},
		{"object.created", "/ferry/bucket/uploads", `{"bucket":"uploads","key":"a/b","size":3}`, `GOT google.cloud.storage.object.v1.finalized {"kind": "storage#object", "id": "uploads/a/b", "name": "a/b", "bucket": "uploads"`},
		{"object.deleted", "/ferry/bucket/uploads", `{"bucket":"uploads","key":"a/b"}`, `GOT google.cloud.storage.object.v1.deleted`},
		{"invoke", "/s", `{"n":2}`, `GOT dev.ferry.invoke.v1 {"n": 2}`},
	} {
		if status, text := here.event(c.kind, c.source, c.data); status != 204 || !strings.Contains(here.log(), c.says) {
			t.Errorf("%s: got %d %s, want %s\n%s", c.kind, status, text, c.says, here.log())
		}
	}
	if status, text := here.event("topic.message", "/ferry/topic/signups", `"fail"`); status != 500 || !strings.Contains(here.log(), "failed on purpose") {
		t.Errorf("got %d %s", status, text)
	}
	r := l.invoke(edited(t, "sns-event", func(map[string]any) {}))
	if r.FunctionError != "" || !strings.Contains(r.Log, "GOT google.cloud.pubsub.topic.v1.messagePublished Hello from SNS!") {
		t.Errorf("on AWS: %s\n%s", r.Payload, r.Log)
	}
	var failures struct{ BatchItemFailures []any }
	if r := l.invoke(batch(t, "arn:aws:sqs:x:1:q", "a", "fail")); json.Unmarshal(r.Payload, &failures) != nil || len(failures.BatchItemFailures) != 1 {
		t.Errorf("on AWS: %s\n%s", r.Payload, r.Log)
	}
}

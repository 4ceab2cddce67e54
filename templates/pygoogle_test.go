package templates_test

import (
	"encoding/base64"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/internal/lambdatest"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/packager/packagertest"
	"github.com/ferryfn/ferry/templates"
)

const frameworkList = "functions-framework==3.10.2\n"

// onGoogle packs a function for Google and starts the functions-framework on it, as the platform there does.
func (p program) onGoogle(t *testing.T, pk *packager.Packager, fn manifest.Function) *process {
	t.Helper()
	a, err := pk.Build(t.Context(), fn, packager.Platform{Shim: "gcf", Runtime: fn.Runtime}.OnHost())
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
	i := &process{t: t, addr: templates.FreeAddr(t), out: &output{}, done: make(chan struct{})}
	_, port, _ := net.SplitHostPort(i.addr)
	i.cmd = exec.Command(python, "-m", "functions_framework", "--target", "handler", "--source", a.Entry, "--signature-type", "http", "--host", "127.0.0.1", "--port", port)
	i.cmd.Dir, i.cmd.Stdout, i.cmd.Stderr = dir, i.out, i.out
	i.cmd.Env = append(os.Environ(), "FERRY_DIGEST=sha256:abc")
	if err := i.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = i.cmd.Wait()
		close(i.done)
	}()
	t.Cleanup(func() {
		_ = i.cmd.Process.Signal(os.Interrupt) // it ends its workers
		<-i.done
	})
	return i
}

// pythonEchoes are the echo handlers beside the framework.
func pythonEchoes(t *testing.T, p program) *packager.Packager {
	t.Helper()
	files := []string{"requirements.txt", frameworkList}
	found, err := filepath.Glob("testdata/echo/python/*.py")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range found {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, filepath.Base(file), string(data))
	}
	return p.project(t, files...)
}

func TestBehindGooglesFrameworkRequestsAndAnswersAreCarried(t *testing.T) {
	packagertest.Registries(t, "python3")
	for _, p := range echoes() {
		if p.runtime.Language() != "python" {
			continue
		}
		t.Run(p.name, func(t *testing.T) {
			p.source = "."
			i := p.onGoogle(t, pythonEchoes(t, p), p.function()).probed("ferry-digest: sha256:abc")
			for _, c := range templates.RequestCases() {
				if strings.Contains(strings.Join(c.Headers, ""), "chunked") {
					c.Headers = nil // the test's client sends a length
					c.Body = c.Want.Body
				}
				t.Run(c.Name, func(t *testing.T) {
					a := i.do(c.Method, c.Target, c.Body, c.Headers...)
					c.Judge(t, p.style, a.status, a.body)
				})
			}
			for _, c := range templates.ResponseCases() {
				a := i.do(c.Method, c.Target, nil)
				if a.status != c.Status || a.body != c.Body {
					t.Errorf("%s: got %d %.40q\n%s", c.Name, a.status, a.body, i.out)
				}
				for name, want := range c.Header {
					got := a.header[name]
					if name != "Set-Cookie" && len(got) > 1 {
						got = []string{strings.Join(got, ", ")}
					}
					if diff := cmp.Diff(want, got); diff != "" {
						t.Errorf("%s: header %s: %s", c.Name, name, diff)
					}
				}
			}
			if a, err := i.try("GET", "/special/throw-late", nil); err == nil {
				t.Errorf("an answer that broke off is whole: %d %q", a.status, a.body)
			}
			if a := i.do("GET", "/special/status", nil); a.status != 418 {
				t.Errorf("afterwards it answers %d", a.status)
			}
		})
	}
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

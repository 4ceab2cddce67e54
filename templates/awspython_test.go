package templates_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/internal/lambdatest"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/templates"
)

// pythonProgram is a module app.py of one style.
func pythonProgram(style manifest.Style) program {
	return program{name: string(style), runtime: "python3.13", lambda: "python3.13", entry: "ferry_entry.handler", style: style, handler: "app:app"}
}

func TestOnAWSAnAnswerOfPythonIsWhatItsRulesSay(t *testing.T) {
	t.Parallel()
	for _, c := range templates.PythonAnswers() {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			p := pythonProgram(c.Style)
			l := p.run(t, p.build(t, p.project(t, "app.py", c.Code), p.function()), lambdatest.Function{})
			r := l.invoke(urlEvent("GET", c.Target+map[bool]string{true: "/"}[c.Target == ""], nil, c.Headers...))
			if r.FunctionError != "" {
				t.Fatalf("the function failed: %s\n%s", r.Payload, r.Log)
			}
			got := received(t, r)
			if got.status != c.Status || got.body != c.Body {
				t.Errorf("got %d %q\n%s", got.status, got.body, r.Log)
			}
			for name, want := range c.Header {
				if diff := cmp.Diff(want, got.header[name]); diff != "" {
					t.Errorf("header %s: %s", name, diff)
				}
			}
			if !strings.Contains(r.Log, c.Log) {
				t.Errorf("the log does not say %q:\n%s", c.Log, r.Log)
			}
		})
	}
}

func TestOnAWSABodyThatIsNoBase64IsTheClientsFault(t *testing.T) {
	t.Parallel()
	p := echoes()[2]
	l := p.deploy(t, nil)
	event := urlEvent("POST", "/", nil)
	event["body"] = "no base64!"
	if a := l.request(event); a.status != 400 {
		t.Errorf("got %d %s", a.status, a.body)
	}
}

func TestOnAWSAPythonHandlerOfLambdaGetsWhatLambdaHandsOver(t *testing.T) {
	t.Parallel()
	p := pythonProgram(manifest.StyleLambda)
	p.handler, p.source = "native:handler", "native/python"
	guarded := func(fn *manifest.Function) {
		fn.Events = []manifest.Event{{HTTP: &manifest.HTTPEvent{Path: "/echo"}}}
	}
	l := p.deploy(t, nil, guarded)
	handed := func(event any) map[string]any {
		r := l.invoke(event)
		_, said, ok := strings.Cut(r.Log, "NATIVE ")
		if said, _, _ = strings.Cut(said, "\n"); !ok || r.FunctionError != "" {
			t.Fatalf("the handler was not called: %s\n%s", r.Payload, r.Log)
		}
		var got map[string]any
		if err := json.Unmarshal([]byte(said), &got); err != nil {
			t.Fatalf("%v: %s", err, said)
		}
		return got
	}
	plain := func(event any) (out map[string]any) {
		data, err := json.Marshal(event)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(data, &out); err != nil {
			t.Fatal(err)
		}
		return out
	}
	unchanged := func(map[string]any) {}
	for name, event := range map[string]any{
		"a function URL":         urlEvent("GET", "/echo", nil),
		"a REST API":             restAPI(message{method: "GET", path: "/echo"}),
		"a load balancer":        balancerMulti(message{method: "GET", path: "/echo"}),
		"a queue":                edited(t, "sqs-event", unchanged),
		"a stream nobody knows":  edited(t, "kinesis-event", unchanged),
		"no records":             map[string]any{"Records": []any{map[string]any{}}},
		"an event of one's own":  map[string]any{"n": 1},
		"a test of notification": map[string]any{"Event": "s3:TestEvent"},
	} {
		if diff := cmp.Diff(plain(event), handed(event)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	scheduled := handed([]byte(`{"attempt":"1","dev.ferry.event":{"specversion":"1.0","id":"1","source":"arn:aws:scheduler:x","type":"dev.ferry.schedule.v1","time":"2026-01-01T00:00:00Z","data":{}}}`))
	if scheduled["detail-type"] != "Scheduled Event" {
		t.Errorf("a schedule is %v", scheduled)
	}
	for _, in := range []any{urlEvent("GET", "/elsewhere", nil), restAPI(message{method: "GET", path: "/elsewhere"})} {
		if r := l.invoke(in); !strings.Contains(string(r.Payload), `"statusCode": 404`) || strings.Contains(r.Log, "NATIVE") {
			t.Errorf("another path was answered with %s", r.Payload)
		}
	}
	if a := l.do("GET", "/echo", nil); a.status != 200 {
		t.Errorf("got %d %s", a.status, a.body)
	}
}

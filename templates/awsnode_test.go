package templates_test

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/ferryfn/ferry/internal/lambdatest"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/templates"
)

// nodeProgram is a module of one style below testdata.
func nodeProgram(style manifest.Style, source, handler string) program {
	return program{name: string(style), runtime: "nodejs24", lambda: "nodejs24.x", entry: "ferry-entry.handler", style: style, source: source, handler: handler}
}

func TestOnAWSAnAnswerOfNodeIsWhatItsRulesSay(t *testing.T) {
	t.Parallel()
	for mode, env := range map[string]settings{"buffered": nil, "streamed": {"FERRY_RESPONSE_STREAM": "1"}} {
		deployed := map[string]lambda{}
		for _, c := range templates.NodeAnswers() {
			l, ok := deployed[c.Handler]
			if !ok {
				p := nodeProgram(c.Style(), "answers/nodejs", c.Handler)
				l = p.run(t, p.build(t, packages(), p.function()), lambdatest.Function{Env: env})
				deployed[c.Handler] = l
			}
			t.Run(mode+" "+c.Name, func(t *testing.T) {
				r := l.invoke(urlEvent(c.Verb(), c.Target, c.Sent, c.Headers...))
				if r.FunctionError != "" {
					t.Fatalf("the function failed: %s\n%s", r.Payload, r.Log)
				}
				got := received(t, r)
				c.Judge(t, got.status, got.body, got.header)
				if !strings.Contains(r.Log, c.Log) {
					t.Errorf("the log does not say %q:\n%s", c.Log, r.Log)
				}
			})
		}
	}
}

func TestOnAWSABodyThatIsNoBase64IsTheClientsFaultInNode(t *testing.T) {
	t.Parallel()
	p := echoes()[0]
	l := p.deploy(t, nil)
	event := urlEvent("POST", "/", nil)
	event["body"] = "no base64!"
	if a := l.request(event); a.status != 400 || a.body != "bad request: the body is no base64\n" {
		t.Errorf("got %d %s", a.status, a.body)
	}
}

func TestOnAWSAHandlerOfLambdaInNodeGetsEventsAsTheyAre(t *testing.T) {
	t.Parallel()
	p := nodeProgram(manifest.StyleLambda, "native/nodejs", "native.mjs")
	l := p.deploy(t, nil, func(fn *manifest.Function) { fn.Name = "shelf" })
	for _, name := range []string{
		"sqs-event", "sns-event", "s3-event", "kinesis-event", "dynamodb-event", "apigw-v2-request-no-authorizer", "apigw-request",
		"alb-lambda-target-request-multivalue-headers", "lambda-urls-request", "cloudwatch-alarm-sns-payload-single-metric", "codebuild-state-change", "apigw-v2-custom-authorizer-v2-request",
	} {
		sent, err := os.ReadFile(example(t, name))
		if err != nil {
			t.Fatal(err)
		}
		r := l.invoke(sent)
		_, got, _ := strings.Cut(r.Log, "NATIVE ")
		got, _, _ = strings.Cut(got, "\n")
		if r.FunctionError != "" || got != minified(t, sent) {
			t.Errorf("%s: %s\n%s", name, r.FunctionError, r.Log)
		}
	}
	if r := l.invoke(map[string]any{"any": "thing"}); string(r.Payload) != `{"got":{"any":"thing"}}` {
		t.Errorf("got %s", r.Payload)
	}
	if r := l.invoke([]byte(`{"dev.ferry.probe": true}`)); string(r.Payload) != `{"digest":"sha256:abc"}` {
		t.Errorf("the probe gives %s", r.Payload)
	}
	invoked := `{"dev.ferry.event":{"specversion":"1.0","id":"1","source":"/s","type":"dev.ferry.invoke.v1","datacontenttype":"application/json","data":{"n":1}}}`
	if r := l.invoke([]byte(invoked)); string(r.Payload) != `{"got":{"n":1}}` {
		t.Errorf("got %s", r.Payload)
	}
	due := `{"dev.ferry.event":{"specversion":"1.0","id":"1","source":"arn:aws:scheduler:eu-west-1:1:schedule/default/nightly","type":"dev.ferry.schedule.v1","time":"2026-01-02T03:04:05Z"}}`
	if r := l.invoke([]byte(due)); r.FunctionError != "" || !strings.Contains(r.Log, `"detail-type":"Scheduled Event"`) {
		t.Errorf("got %s\n%s", r.Payload, r.Log)
	}
}

func TestOnAWSAHandlerOfLambdaInNodeGetsNoRequestThatTheManifestExcludes(t *testing.T) {
	t.Parallel()
	guarded := func(fn *manifest.Function) {
		fn.Events = []manifest.Event{{HTTP: &manifest.HTTPEvent{Path: "/items/{id}", Methods: []string{"GET"}}}}
	}
	for _, export := range []string{"asynchronous", "streaming"} {
		l := nodeProgram(manifest.StyleLambda, "native/nodejs", "shapes.mjs:"+export).deploy(t, nil, guarded)
		for target, want := range map[string]int{"/items/1": 200, "/items/1/2": 404} {
			a := l.do("GET", target, nil)
			if served := a.status < 300; served != (want == 200) || want == 404 && a.status != 404 {
				t.Errorf("%s: %s gives %d %s", export, target, a.status, a.body)
			}
		}
		if a := l.do("DELETE", "/items/1", nil); a.status != 405 || a.header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: got %d %v", export, a.status, a.header)
		}
	}
}

// minified is JSON as Node writes it.
func minified(t *testing.T, text []byte) string {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node is missing")
	}
	cmd := exec.CommandContext(t.Context(), node, "-e", `process.stdout.write(JSON.stringify(JSON.parse(require("fs").readFileSync(0))))`)
	cmd.Stdin = bytes.NewReader(text)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestOnAWSAHandlerOfLambdaAnswersInEveryWayThatLambdaTakes(t *testing.T) {
	t.Parallel()
	for export, want := range map[string]string{
		"asynchronous": "asynchronous", "callback": "callback", "done": "done", "succeed": "succeed", "value": "value",
		"callbackFails": "", "fail": "", "throws": "", "streaming": "one\ntwo\n", "brokenStream": "",
	} {
		t.Run(export, func(t *testing.T) {
			t.Parallel()
			l := nodeProgram(manifest.StyleLambda, "native/nodejs", "shapes.mjs:"+export).deploy(t, nil)
			r := l.invoke(urlEvent("GET", "/", nil))
			if want == "" {
				if r.FunctionError == "" || !strings.Contains(string(r.Payload)+r.Log, "failed on purpose") {
					t.Errorf("got %s\n%s", r.Payload, r.Log)
				}
				return
			}
			a := received(t, r)
			if a.body != want || r.Streamed != (export == "streaming") || r.Streamed && len(a.Cookies) != 2 {
				t.Errorf("got %d %q %v", a.status, a.body, a.Cookies)
			}
			if r := l.invoke([]byte(`{"dev.ferry.probe": true}`)); string(r.Payload) != `{"digest":"sha256:abc"}` {
				t.Errorf("the probe gives %s", r.Payload)
			}
		})
	}
}

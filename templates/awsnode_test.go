package templates_test

import (
	"strings"
	"testing"

	"github.com/ferryfn/ferry/internal/lambdatest"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/templates"
)

// nodeProgram is a module of one style below testdata.
func nodeProgram(style manifest.Style, source, handler string) program {
	return program{name: string(style), runtime: "nodejs22", lambda: "nodejs22.x", entry: "ferry-entry.handler", style: style, source: source, handler: handler}
}

func TestOnAWSAnAnswerOfNodeIsWhatItsRulesSay(t *testing.T) {
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
	p := echoes()[0]
	l := p.deploy(t, nil)
	event := urlEvent("POST", "/", nil)
	event["body"] = "no base64!"
	if a := l.request(event); a.status != 400 || a.body != "bad request: the body is no base64\n" {
		t.Errorf("got %d %s", a.status, a.body)
	}
}

package templates_test

import (
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
	p := echoes()[2]
	l := p.deploy(t, nil)
	event := urlEvent("POST", "/", nil)
	event["body"] = "no base64!"
	if a := l.request(event); a.status != 400 {
		t.Errorf("got %d %s", a.status, a.body)
	}
}

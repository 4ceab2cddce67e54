package templates_test

import (
	"testing"

	"github.com/ferryfn/ferry/internal/sample"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager/packagertest"
)

func TestApplicationsOfGoFrameworksAnswerTheSameOnEveryIngress(t *testing.T) {
	packagertest.Registries(t, "go")
	json, s := [][2]string{{"content-type", "application/json"}}, sample.Of(t, 3)
	for _, app := range []struct{ name, streamed string }{{"chiapp", "data: 1\n\ndata: 2"}, {"ginapp", "data:1\n\ndata:2"}, {"echoapp", "data: 1\n\ndata: 2"}} {
		if !s.Takes() {
			continue
		}
		t.Run(app.name, func(t *testing.T) {
			p := goProgram(manifest.StyleGo)
			p.source, p.handler = "frameworks/goapps", app.name
			alike(t, p, packages(), []request{
				{method: "GET", target: "/hello/ann?x=1", status: 200, want: "hello ann [1]"},
				{method: "POST", target: "/json", body: `{"n":[1,2]}`, headers: json, status: 201, want: `{"n":[1,2]}`},
				{method: "POST", target: "/json", body: `{`, headers: json, status: 400},
				{method: "GET", target: "/cookies", status: 302, cookies: []string{"a=1", "b=2"}},
				{method: "GET", target: "/stream", status: 200, want: app.streamed},
				{method: "GET", target: "/panic", status: 500},
				{method: "GET", target: "/nowhere", status: 404},
				{method: "HEAD", target: "/nowhere", status: 404},
			})
		})
	}
}

package templates_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/internal/lambdatest"
	"github.com/ferryfn/ferry/manifest"
)

// odd answers as handlers do by mistake, or as they may.
const odd = `package odd

import (
	"fmt"
	"io"
	"net/http"
)

var Handler http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	switch r.URL.Path {
	case "/sniff":
		w.WriteHeader(404)
		io.WriteString(w, "<")
		io.WriteString(w, "html>gone</html>")
	case "/unsniffed":
		h["Content-Type"] = nil
		io.WriteString(w, "<html>")
	case "/injected":
		h.Set("X-Name", "a\r\nSet-Cookie: stolen=1")
		io.WriteString(w, "ok")
	case "/control":
		h.Set("X-Name", "a\x00b")
		io.WriteString(w, "ok")
	case "/name":
		h["X Name"] = []string{"a"}
		io.WriteString(w, "ok")
	case "/zero":
		w.WriteHeader(0)
	case "/999":
		w.WriteHeader(999)
	case "/long":
		h.Set("Content-Length", "3")
		io.WriteString(w, "hello")
	case "/short":
		h.Set("Content-Length", "30")
		io.WriteString(w, "hello")
	case "/length":
		h.Set("Content-Length", "-1")
		io.WriteString(w, "hello")
	case "/trimmed":
		h.Set("X-Name", " \ta b\t ")
		io.WriteString(w, "ok")
	case "/letters":
		h.Set("X-Name", "grün")
		io.WriteString(w, "ok")
	case "/whole":
		h.Set("Content-Length", "2")
		io.WriteString(w, "ok")
		panic("after the answer")
	case "/empty":
		w.WriteHeader(204)
		panic("after the answer")
	case "/part":
		h.Set("X-Name", "part")
		w.WriteHeader(201)
		io.WriteString(w, "part")
		panic("within the answer")
	case "/abort":
		panic(http.ErrAbortHandler)
	case "/twice":
		w.WriteHeader(201)
		w.WriteHeader(500)
		io.WriteString(w, "made")
	case "/early":
		h.Set("Link", "</style.css>; rel=preload")
		w.WriteHeader(103)
		h.Set("Content-Type", "text/plain")
		io.WriteString(w, "late")
	case "/unmodified":
		h.Set("Content-Type", "text/plain")
		w.WriteHeader(304)
	case "/reset":
		w.WriteHeader(205)
		_, err := io.WriteString(w, "x")
		fmt.Println("writing:", err)
	case "/after":
		io.WriteString(w, "ok")
		h.Set("X-Name", "too late")
	case "/gone":
		w.(http.CloseNotifier).CloseNotify()
		io.WriteString(w, "ok")
	case "/upgrade":
		_, ok := w.(http.Hijacker)
		fmt.Fprint(w, ok)
	}
})
`

func TestAnAnswerOfGoIsTheSameOnEveryIngress(t *testing.T) {
	t.Parallel()
	broken := "internal server error\n"
	plain := http.Header{"Content-Type": {"text/plain; charset=utf-8"}}
	cases := []struct {
		method, target string
		status         int
		body           string
		header         http.Header
	}{
		{"GET", "/sniff", 404, "<html>gone</html>", http.Header{"Content-Type": {"text/html; charset=utf-8"}}},
		{"HEAD", "/sniff", 404, "", http.Header{"Content-Type": {"text/html; charset=utf-8"}}},
		{"GET", "/unsniffed", 200, "<html>", http.Header{"Content-Type": nil}},
		{"GET", "/injected", 500, broken, http.Header{"Set-Cookie": nil, "X-Name": nil, "Content-Type": plain["Content-Type"]}},
		{"GET", "/control", 500, broken, http.Header{"X-Name": nil}},
		{"GET", "/name", 500, broken, nil},
		{"GET", "/zero", 500, broken, plain},
		{"GET", "/999", 500, broken, nil},
		{"GET", "/long", 500, broken, nil},
		{"GET", "/short", 500, broken, nil},
		{"GET", "/length", 200, "hello", nil},
		{"GET", "/trimmed", 200, "ok", http.Header{"X-Name": {"a b"}}},
		{"GET", "/letters", 200, "ok", http.Header{"X-Name": {"grün"}}},
		{"GET", "/whole", 200, "ok", nil},
		{"GET", "/empty", 204, "", nil},
		{"GET", "/part", 500, broken, http.Header{"X-Name": nil}},
		{"GET", "/twice", 201, "made", nil},
		{"GET", "/early", 200, "late", http.Header{"Content-Type": {"text/plain"}}},
		{"GET", "/unmodified", 304, "", http.Header{"Content-Type": nil}},
		{"GET", "/reset", 205, "", nil},
		{"GET", "/after", 200, "ok", http.Header{"X-Name": nil}},
		{"GET", "/gone", 200, "ok", nil},
		{"GET", "/nothing", 200, "", nil},
		{"GET", "/%zz", 400, "", nil},
		{"GET", "/50%", 400, "", nil},
	}
	p := goProgram(manifest.StyleGo)
	pk := p.project(t, "odd.go", odd)
	instance := p.launch(t, pk, p.function()).ready()
	aws := p.build(t, pk, p.function())
	ask := map[string]func(method, target string) answer{
		"locally":         func(method, target string) answer { return final(instance, method, target) },
		"on AWS":          lambdaOf(t, p, aws, nil),
		"on AWS streamed": lambdaOf(t, p, aws, settings{"FERRY_RESPONSE_STREAM": "1"}),
	}
	for where, do := range ask {
		for _, c := range cases {
			a := do(c.method, c.target)
			if a.status != c.status || c.status != 400 && a.body != c.body {
				t.Errorf("%s %s %s: %d %q, want %d %q", c.method, c.target, where, a.status, a.body, c.status, c.body)
			}
			for name, want := range c.header {
				if diff := cmp.Diff(want, a.header[name]); diff != "" {
					t.Errorf("%s %s: %s: %s", c.target, where, name, diff)
				}
			}
		}
	}
	instance.says("panic: within the answer")
	instance.says("panic: after the answer")
	if a := ask["locally"]("GET", "/upgrade"); a.body != "true" {
		t.Errorf("a connection cannot be taken locally: %s", a.body)
	}
	if a := ask["on AWS"]("GET", "/upgrade"); a.body != "false" {
		t.Errorf("a connection on AWS: %s", a.body)
	}
	if _, err := instance.try("GET", "/abort", nil); err == nil {
		t.Error("a handler that aborts has an answer")
	}
}

func lambdaOf(t *testing.T, p program, dir string, env settings) func(method, target string) answer {
	t.Helper()
	l := p.run(t, dir, lambdatest.Function{Env: env})
	return func(method, target string) answer { return l.do(method, target, nil) }
}

// final is an answer without those that come before it.
func final(i *process, method, target string) answer {
	i.t.Helper()
	req, err := http.NewRequestWithContext(i.t.Context(), method, "http://"+i.addr+"/", nil)
	if err != nil {
		i.t.Fatal(err)
	}
	req.URL.Opaque = target
	res, err := (&http.Transport{DisableKeepAlives: true, DisableCompression: true}).RoundTrip(req)
	if err != nil {
		i.t.Fatalf("%s %s: %v\n%s", method, target, err, i.out)
	}
	defer res.Body.Close()
	a := answer{status: res.StatusCode, header: res.Header}
	a.body = read(i.t, res.Body)
	return a
}

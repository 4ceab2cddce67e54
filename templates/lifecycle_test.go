package templates

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/manifest"
)

func eventHeaders(extra ...string) []string {
	return append([]string{
		"ferry-instance: nonce", "ferry-attempt: 2", "content-type: application/json", "ce-specversion: 1.0",
		"ce-id: 7", "ce-source: /ferry/queue/orders", "ce-type: dev.ferry.queue.message.v1",
	}, extra...)
}

func TestTheProbeAnswersWithTheDigest(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, p platform) {
		i := p.start(t, p.function())
		a := i.do("GET", "/.ferry/probe", nil, "ferry-instance: nonce")
		if a.status != 200 || !strings.Contains(a.body, "sha256:abc") || !strings.Contains(a.body, "nonce") {
			t.Errorf("got %d %s", a.status, a.body)
		}
	})
}

func TestAnEventReachesItsHandler(t *testing.T) {
	t.Parallel()
	onQueue := func(fn *manifest.Function) {
		fn.Events = []manifest.Event{{Queue: &manifest.QueueEvent{Name: "orders", Batch: 1}}}
	}
	everywhere(t, func(t *testing.T, p platform) {
		i := p.start(t, p.function(onQueue))
		if a := i.do("POST", "/.ferry/event", []byte(`{"order":1}`), eventHeaders()...); a.status != 204 || a.body != "" {
			t.Errorf("got %d %s, want 204", a.status, a.body)
		}
		i.waitFor(`event dev.ferry.queue.message.v1 7 {"order":1} attempt 2`)
		a := i.do("POST", "/.ferry/event", []byte(`{"fail":true}`), eventHeaders()...)
		if a.status != 500 || !strings.Contains(a.body, `"error"`) || !strings.Contains(a.body, "failed on purpose") {
			t.Errorf("got %d %s, want the error", a.status, a.body)
		}
		if a := i.do("POST", "/.ferry/event", []byte(`{`), "ferry-instance: nonce"); a.status != 400 {
			t.Errorf("something that is no CloudEvent gives %d, want 400", a.status)
		}
		if a := i.do("GET", "/", nil); a.status != 404 {
			t.Errorf("a function without an http event answers %d, want 404", a.status)
		}
	})
}

func TestPathsAndMethodsAreHeldTo(t *testing.T) {
	t.Parallel()
	guarded := func(fn *manifest.Function) {
		fn.Events = []manifest.Event{{HTTP: &manifest.HTTPEvent{Path: "/items/{id}", Methods: []string{"GET", "POST"}}}}
		fn.Health = &manifest.Health{Path: "/healthz"}
	}
	cases := []struct {
		method, target string
		status         int
	}{
		{"GET", "/items/1", 200},
		{"HEAD", "/items/1", 200},
		{"POST", "/items/a%2Fb", 200},
		{"GET", "/items/1?x=/", 200},
		{"DELETE", "/items/1", 405},
		{"GET", "/items/", 404},
		{"GET", "/items/1/", 404},
		{"GET", "/items", 404},
		{"GET", "/items/1/2", 404},
		{"GET", "/Items/1", 404},
		{"DELETE", "/other", 404},
		{"GET", "/", 404},
		{"GET", "/items/../secret", 404},
		{"GET", "//items/1", 404},
		{"GET", "/healthz", 200},
		{"GET", "/healthz/x", 404},
		{"POST", "/healthz", 404},
	}
	everywhere(t, func(t *testing.T, p platform) {
		i := p.start(t, p.function(guarded))
		for _, c := range cases {
			if a := i.do(c.method, c.target, nil); a.status != c.status {
				t.Errorf("%s %s: %d, want %d (%s)", c.method, c.target, a.status, c.status, a.body)
			}
		}
		allow := i.do("PATCH", "/items/1", nil).header.Get("Allow")
		if allow != "GET, POST, HEAD" {
			t.Errorf("allow is %q", allow)
		}
	})
}

func TestCORSIsAnsweredByTheShim(t *testing.T) {
	t.Parallel()
	shared := func(fn *manifest.Function) {
		fn.Events[0].HTTP.Methods = []string{"GET", "PUT"}
		fn.Events[0].HTTP.CORS = &manifest.CORS{
			Origins: []string{"https://shop.example"}, Headers: []string{"X-Token"}, MaxAge: manifest.Duration(time.Hour), Credentials: true,
		}
	}
	names := []string{"Allow-Origin", "Allow-Methods", "Allow-Headers", "Max-Age", "Allow-Credentials"}
	pick := func(h http.Header) []string {
		out := make([]string, len(names))
		for n, name := range names {
			out[n] = h.Get("Access-Control-" + name)
		}
		return append(out, h.Get("Vary"))
	}
	everywhere(t, func(t *testing.T, p platform) {
		i := p.start(t, p.function(shared))
		good, bad := "origin: https://shop.example", "origin: https://evil.example"
		ask := "access-control-request-method: PUT"
		cases := []struct {
			name, method, target string
			headers              []string
			status               int
			want                 []string
		}{
			{"a preflight", "OPTIONS", "/x", []string{good, ask}, 204, []string{"https://shop.example", "GET, PUT", "X-Token", "3600", "true", "Origin"}},
			{"a preflight from elsewhere", "OPTIONS", "/x", []string{bad, ask}, 204, []string{"", "", "", "", "", "Origin"}},
			{"a request", "GET", "/special/status", []string{good}, 418, []string{"https://shop.example", "", "", "", "true", "Origin"}},
			{"a request from elsewhere", "GET", "/x", []string{bad}, 200, []string{"", "", "", "", "", "Origin"}},
			{"a failure", "GET", "/special/throw", []string{good}, 500, []string{"https://shop.example", "", "", "", "true", "Origin"}},
			{"a refusal", "DELETE", "/x", []string{good}, 405, []string{"https://shop.example", "", "", "", "true", "Origin"}},
		}
		for _, c := range cases {
			a := i.do(c.method, c.target, nil, c.headers...)
			if a.status != c.status {
				t.Errorf("%s: %d, want %d", c.name, a.status, c.status)
			}
			if diff := cmp.Diff(c.want, pick(a.header)); diff != "" {
				t.Errorf("%s: %s", c.name, diff)
			}
		}
	})
}

func TestSIGTERMFinishesWhatRuns(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, p platform) {
		i := p.start(t, p.function())
		idle := &http.Client{Transport: &http.Transport{}, Timeout: patience}
		if res, err := idle.Get("http://" + i.addr + "/special/empty"); err != nil {
			t.Fatal(err)
		} else {
			res.Body.Close()
		}
		got := make(chan answer, 1)
		go func() {
			a, _ := i.try("GET", "/special/slow", nil)
			got <- a
		}()
		i.waitFor("slow")
		began := time.Now()
		i.terminate()
		if a := <-got; a.status != 200 || a.body != "slow but whole" {
			t.Errorf("the running request got %d %q", a.status, a.body)
		}
		if code := i.end(); code != 0 {
			t.Errorf("exit %d\n%s", code, i.out)
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("stopping took %v", took)
		}
		if said := i.out.String(); strings.Contains(said, "Traceback") || strings.Contains(said, "unfinished") {
			t.Errorf("stopping is no error:\n%s", said)
		}
		if p.style == manifest.StyleFetch || p.style == manifest.StyleASGI {
			i.waitFor("background done")
		}
	})
}

func TestAnImportThatFailsEndsTheProcess(t *testing.T) {
	t.Parallel()
	broken := map[manifest.Style]map[string][]byte{
		manifest.StyleFetch: {"fetch.mjs": []byte("console.error('importing');\nthrow new Error('broken on purpose');\n")},
		manifest.StyleNode:  {"listener.mjs": []byte("import './missing.mjs';\nthrow new Error('broken on purpose');\n")},
		manifest.StyleWSGI:  {"wsgi_echo.py": []byte("raise ValueError('broken on purpose')\n")},
		manifest.StyleASGI:  {"asgi_echo.py": []byte("import not_installed\n")},
		manifest.StyleGo: {
			"go.mod": []byte("module example.com/goecho\n\ngo 1.22\n"),
			"app.go": []byte("package app\n\nimport \"net/http\"\n\nvar Handler http.Handler\n\nfunc init() { panic(\"broken on purpose\") }\n"),
		},
	}
	says := map[manifest.Style]string{
		manifest.StyleFetch: "fetch.mjs:2", manifest.StyleNode: "missing.mjs", manifest.StyleWSGI: "wsgi_echo.py\", line 1",
		manifest.StyleASGI: "No module named 'not_installed'", manifest.StyleGo: "app.go:7",
	}
	everywhere(t, func(t *testing.T, p platform) {
		source := t.TempDir()
		write(t, source, broken[p.style])
		i := p.launch(t, p.function(), source)
		if code := i.end(); code == 0 {
			t.Error("exit 0")
		}
		if !strings.Contains(i.out.String(), says[p.style]) {
			t.Errorf("stderr does not say %q:\n%s", says[p.style], i.out)
		}
	})
}

func TestAHandlerOfTheWrongShapeEndsTheProcessAndSaysSo(t *testing.T) {
	t.Parallel()
	hollow := map[manifest.Style]map[string][]byte{
		manifest.StyleFetch: {"fetch.mjs": []byte("export default {};\n")},
		manifest.StyleNode:  {"listener.mjs": []byte("export default {};\n")},
		manifest.StyleWSGI:  {"wsgi_echo.py": []byte("\n")},
		manifest.StyleASGI:  {"asgi_echo.py": []byte("app = 1\n")},
		manifest.StyleGo: {
			"go.mod": []byte("module example.com/goecho\n\ngo 1.22\n"),
			"app.go": []byte("package app\n"),
		},
	}
	onQueue := func(fn *manifest.Function) {
		fn.Events = []manifest.Event{{Queue: &manifest.QueueEvent{Name: "orders", Batch: 1}}}
	}
	everywhere(t, func(t *testing.T, p platform) {
		for _, fn := range []manifest.Function{p.function(), p.function(onQueue)} {
			source := t.TempDir()
			write(t, source, hollow[p.style])
			i := p.launch(t, fn, source)
			if code := i.end(); code != 1 {
				t.Errorf("exit %d", code)
			}
			if !strings.Contains(i.out.String(), fn.Handler+":") {
				t.Errorf("stderr does not name the handler:\n%s", i.out)
			}
		}
	})
}

func TestAFunctionWithoutAnEventHandlerSaysSo(t *testing.T) {
	t.Parallel()
	plain := map[manifest.Style]map[string][]byte{
		manifest.StyleFetch: {"fetch.mjs": []byte("export default { fetch: () => new Response() };\n")},
		manifest.StyleNode:  {"listener.mjs": []byte("export default (req, res) => res.end();\n")},
		manifest.StyleWSGI:  {"wsgi_echo.py": []byte("def app(environ, start_response): pass\n")},
		manifest.StyleASGI:  {"asgi_echo.py": []byte("async def app(scope, receive, send): raise ValueError\n")},
		manifest.StyleGo: {
			"go.mod": []byte("module example.com/goecho\n\ngo 1.22\n"),
			"app.go": []byte("package app\n\nimport \"net/http\"\n\nvar Handler http.Handler = http.NotFoundHandler()\n"),
		},
	}
	everywhere(t, func(t *testing.T, p platform) {
		p.source = t.TempDir()
		write(t, p.source, plain[p.style])
		i := p.start(t, p.function())
		if a := i.do("POST", "/.ferry/event", []byte("{}"), eventHeaders()...); a.status != 501 || !strings.Contains(a.body, "error") {
			t.Errorf("got %d %s, want 501", a.status, a.body)
		}
	})
}

package templates

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/manifest"
)

// shaped is the handler of an export in testdata/native/nodejs/shapes.mjs.
func shaped(export string) platform {
	return platform{export, "nodejs24", manifest.StyleLambda, "shapes.mjs:" + export, nodeCommand, "testdata/native/nodejs", "shapes.mjs"}
}

func TestAHandlerOfLambdaAnswersInEveryWayThatLambdaTakes(t *testing.T) {
	t.Parallel()
	const failed = "internal server error\n"
	for _, c := range []struct {
		export string
		status int
		body   string
		header http.Header
	}{
		{"asynchronous", 200, "asynchronous", nil},
		{"callback", 200, "callback", nil},
		{"callbackFails", 500, failed, nil},
		{"done", 200, "done", nil},
		{"succeed", 200, "succeed", nil},
		{"fail", 500, failed, nil},
		{"value", 200, "value", nil},
		{"throws", 500, failed, nil},
		{"streaming", 201, "one\ntwo\n", http.Header{"Set-Cookie": {"a=1", "b=2"}, "X-Id": {"36"}, "Content-Type": {"text/plain"}}},
		{"plainStream", 200, "<p></p>", http.Header{"Content-Type": {"text/html"}}},
		{"emptyStream", 204, "", nil},
		{"brokenStream", 500, failed, nil},
	} {
		t.Run(c.export, func(t *testing.T) {
			t.Parallel()
			p := shaped(c.export)
			i := p.start(t, p.function())
			a := i.do("GET", "/", nil)
			if a.status != c.status || a.body != c.body {
				t.Errorf("got %d %q\n%s", a.status, a.body, i.out)
			}
			for name, want := range c.header {
				if diff := cmp.Diff(want, a.header[name]); diff != "" {
					t.Errorf("header %s: %s", name, diff)
				}
			}
			if c.status == 500 {
				i.waitFor("failed on purpose")
			}
		})
	}
}

func TestAHandlerOfLambdaInNodeGetsOneRequestAtATime(t *testing.T) {
	t.Parallel()
	p := shaped("alone")
	i := p.start(t, p.function())
	answers := make(chan answer)
	for range 8 {
		go func() {
			a, _ := i.try("GET", "/", nil)
			answers <- a
		}()
	}
	for range 8 {
		if a := <-answers; a.body != "1" {
			t.Errorf("got %d %s", a.status, a.body)
		}
	}
}

func TestAHandlerOfLambdaThatNeverAnswersIsOutOfTime(t *testing.T) {
	t.Parallel()
	p := shaped("never")
	i := p.startWith(t, p.function(func(fn *manifest.Function) { fn.Name = "shelf" }), "FERRY_TIMEOUT_MS=300")
	for range 2 { // the next request has its turn
		if a := i.do("GET", "/", nil); a.status != 504 {
			t.Errorf("got %d %s", a.status, a.body)
		}
	}
	i.waitFor("no answer for shelf")
	i.waitFor("neither resolved nor called back in time")
}

func TestTheMethodsOfAnAppAreNoExports(t *testing.T) {
	t.Parallel()
	const app = "const app = (req, res) => res.end();\napp.use = app.handle = app.listen = () => {};\n"
	dir := t.TempDir()
	write(t, dir, map[string][]byte{"web.mjs": []byte(app + "export default app;\n"), "web.cjs": []byte(app + "module.exports = app;\n")})
	for _, file := range []string{"web.mjs", "web.cjs"} {
		p := platform{"node", "nodejs24", manifest.StyleNode, file + ":ap", nodeCommand, dir, ""}
		i := p.launch(t, p.function(), dir)
		if code := i.end(); code == 0 || !strings.Contains(i.out.String(), "it exports nothing of the name ap; name one of its exports in handler: default") || strings.Contains(i.out.String(), "handle, ") {
			t.Errorf("%s: exit %d, it says\n%s", file, code, i.out)
		}
	}
}

// TestAnExportThatIsNamedIsTheHandler covers every style: many functions share one file.
func TestAnExportThatIsNamedIsTheHandler(t *testing.T) {
	t.Parallel()
	module := `export const shelf = { fetch: () => new Response("fetched"), event: (e) => ({ took: e.id }) };
export const app = (req, res) => res.end("listened");
export function event(e) { return { beside: e.id }; }
export const run = async () => "ran";
export default { fetch: () => new Response("another") };
`
	common := `exports.shelf = { fetch: () => new Response("fetched"), event: (e) => ({ took: e.id }) };
exports.app = (req, res) => res.end("listened");
exports.event = (e) => ({ beside: e.id });
exports.run = async () => "ran";
`
	dir := t.TempDir()
	write(t, dir, map[string][]byte{"lib.mjs": []byte(module), "lib.cjs": []byte(common)})
	for _, file := range []string{"lib.mjs", "lib.cjs"} {
		for _, c := range []struct {
			style                  manifest.Style
			export, answers, event string
		}{
			{manifest.StyleFetch, "shelf", "fetched", `{"took":"7"}`},
			{manifest.StyleNode, "app", "listened", `{"beside":"7"}`},
			{manifest.StyleLambda, "run", "ran", ""},
		} {
			t.Run(fmt.Sprintf("%s %s", file, c.style), func(t *testing.T) {
				t.Parallel()
				p := platform{string(c.style), "nodejs24", c.style, file + ":" + c.export, nodeCommand, dir, ""}
				i := p.start(t, p.function())
				if a := i.do("GET", "/", nil); a.body != c.answers {
					t.Errorf("got %d %s", a.status, a.body)
				}
				if a := i.do("POST", "/.ferry/event", nil, eventHeaders()...); c.event != "" && a.body != c.event {
					t.Errorf("got %d %s", a.status, a.body)
				}
			})
		}
		t.Run(file+" without it", func(t *testing.T) {
			t.Parallel()
			p := platform{"fetch", "nodejs24", manifest.StyleFetch, file + ":shelve", nodeCommand, dir, ""}
			i := p.launch(t, p.function(), dir)
			if code := i.end(); code == 0 || !strings.Contains(i.out.String(), "it exports nothing of the name shelve; name one of its exports in handler: app, ") {
				t.Errorf("exit %d, it says\n%s", code, i.out)
			}
		})
	}
}

package templates

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"github.com/ferryfn/ferry/manifest"
)

func TestAnAppOfAnyFrameworkIsAListener(t *testing.T) {
	t.Parallel()
	answer := "(req, res) => res.end('served ' + req.url)"
	cases := map[string]string{
		"function":       "export default " + answer,
		"promise":        "export default Promise.resolve(" + answer + ")",
		"commonjs":       "module.exports = " + answer,
		"transpiled":     "Object.defineProperty(exports, '__esModule', { value: true }); exports.default = " + answer,
		"koa":            "export default { callback() { return " + answer + "; } }",
		"fastify":        "let r; export default { async ready() { r = " + answer + "; }, routing(req, res) { r(req, res); } }",
		"node:http":      "import { createServer } from 'node:http'; export default createServer(" + answer + ")",
		"express-a-like": "function app(req, res, next) { app.handle(req, res, next); }\napp.handle = " + answer + ";\nexport default app;",
	}
	for name, module := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := map[bool]string{true: "app.cjs", false: "app.mjs"}[name == "commonjs" || name == "transpiled"]
			p := platforms()[1]
			p.handler, p.source = file, t.TempDir()
			write(t, p.source, map[string][]byte{file: []byte(module)})
			i := p.start(t, p.function())
			if a := i.do("GET", "/a%2Fb?x", nil); a.body != "served /a%2Fb?x" {
				t.Errorf("got %d %q", a.status, a.body)
			}
		})
	}
}

// TestAFetchedResponseIsPassedOnWhole: fetch has decoded the body, but its headers still say gzip.
func TestAFetchedResponseIsPassedOnWhole(t *testing.T) {
	t.Parallel()
	p := platforms()[0]
	p.handler, p.source = "app.mjs", t.TempDir()
	write(t, p.source, map[string][]byte{"app.mjs": []byte(`
import { createServer } from "node:http";
import { gzipSync } from "node:zlib";
const upstream = createServer((req, res) => {
  const body = gzipSync("plain ".repeat(1000));
  res.writeHead(203, { "content-encoding": "gzip", "content-length": body.length, "x-from": "upstream" }).end(body);
});
await new Promise((resolve) => upstream.listen(0, "127.0.0.1", resolve));
export default { fetch: () => fetch("http://127.0.0.1:" + upstream.address().port) };
`)})
	i := p.start(t, p.function())
	a := i.do("GET", "/", nil)
	if a.status != 203 || len(a.body) != 6000 || a.header.Get("Content-Encoding") != "" || a.header.Get("X-From") != "upstream" {
		t.Errorf("got %d with %d bytes, %v", a.status, len(a.body), a.header)
	}
}

// What each context has of its own is what its hidden class is made of: a getter would be one for every request, and the garbage of
// all of them would outlive many collections.
func TestTheContextsOfAllCallsShareTheGetterOfTheirSignal(t *testing.T) {
	t.Parallel()
	p := platforms()[0]
	p.handler, p.source = "app.mjs", t.TempDir()
	write(t, p.source, map[string][]byte{"app.mjs": []byte(`
const accessors = (it) => Object.values(Object.getOwnPropertyDescriptors(it)).filter(({ get }) => get).length;
export default {
  fetch: (request, ctx) => new Response([accessors(ctx), ctx.signal instanceof AbortSignal, ctx.signal === ctx.signal].join()),
  event: (event, ctx) => [accessors(ctx), ctx.signal instanceof AbortSignal, ctx.attempt].join(),
};
`)})
	i := p.start(t, p.function())
	if a := i.do("GET", "/", nil); a.body != "0,true,true" {
		t.Errorf("a request: %s", a.body)
	}
	a := i.do("POST", "/.ferry/event", nil, "ferry-instance: nonce", "ferry-attempt: 2", "ce-specversion: 1.0", "ce-id: 7", "ce-source: /s", "ce-type: dev.ferry.invoke.v1")
	if a.body != `"0,true,2"` {
		t.Errorf("an event: %d %s", a.status, a.body)
	}
}

// brokersPath is where a broker posts events, which can send no nonce and takes an answer with a body for a failure.
func brokersPath() string {
	digest := sha256.Sum256([]byte("nonce"))
	return "/.ferry/event/" + hex.EncodeToString(digest[:])
}

func TestAReturnedValueIsTheAnswerToAnInvocation(t *testing.T) {
	t.Parallel()
	cases := []struct {
		platform      int
		file, module  string
		handler, want string
	}{
		{0, "app.mjs", "export default { event: (e, ctx) => ({ doubled: e.data.n * 2, raw: ctx.rawBody.length }) };", "app.mjs", `{"doubled":14,"raw":7}`},
		{2, "app.py", "def on_event(event, ctx):\n    return {'doubled': event.data['n'] * 2, 'raw': len(ctx.raw_body)}\n", "app", `{"doubled": 14, "raw": 7}`},
	}
	for _, c := range cases {
		p := platforms()[c.platform]
		p.handler, p.source = c.handler, t.TempDir()
		write(t, p.source, map[string][]byte{c.file: []byte(c.module)})
		i := p.start(t, p.function(func(fn *manifest.Function) { fn.Events = nil }))
		if a := i.do("POST", "/.ferry/event", []byte(`{"n":7}`), eventHeaders()...); a.status != 200 || a.body != c.want {
			t.Errorf("%s: %d %s", p.name, a.status, a.body)
		}
		structured := `{"specversion":"1.0","id":"1","source":"/x","type":"t","data":{"n":7}}`
		if a := i.do("POST", "/.ferry/event", []byte(structured), "ferry-instance: nonce", "content-type: application/cloudevents+json"); a.status != 200 {
			t.Errorf("%s: a structured event gives %d %s", p.name, a.status, a.body)
		}
		if a := i.do("POST", brokersPath(), []byte(structured), "content-type: application/cloudevents+json"); a.status != 204 || a.body != "" {
			t.Errorf("%s: a broker gets %d %s", p.name, a.status, a.body)
		}
	}
}

package templates

import (
	"strings"
	"testing"
	"time"

	"github.com/ferryfn/ferry/manifest"
)

func TestAHandlerOfAnotherStyleIsToldTheLineToAdd(t *testing.T) {
	const express = "function app(req, res) {}\napp.use = app.handle = () => {};\n"
	for name, c := range map[string]struct {
		runtime manifest.Runtime
		style   manifest.Style
		code    string
		want    string
	}{
		"a CommonJS Lambda handler":      {"nodejs22", "fetch", "exports.handler = async (event, context) => ({});", "export default { async fetch(request, ctx) {} } for HTTP"},
		"an ESM Lambda handler":          {"nodejs22", "fetch", "export const handler = async (event, context) => ({});", "which ferry does not call yet; export default"},
		"a Lambda handler with node":     {"nodejs22", "node", "exports.handler = async (event, context) => ({});", "which ferry does not call yet; export default"},
		"an Express app":                 {"nodejs22", "fetch", express + "module.exports = app;", "add `style: node`"},
		"an Express app as ESM":          {"nodejs22", "fetch", express + "export default app;", "add `style: node`"},
		"a listener":                     {"nodejs22", "fetch", "export default (req, res) => res.end();", "add `style: node`"},
		"a server":                       {"nodejs22", "fetch", "import http from 'node:http';\nexport default http.createServer();", "add `style: node`"},
		"a Koa app":                      {"nodejs22", "fetch", "export default { callback: () => () => {} };", "add `style: node`"},
		"a fetch handler with node":      {"nodejs22", "node", "export default { fetch: () => new Response() };", "write `style: fetch`"},
		"nothing":                        {"nodejs22", "fetch", "console.log('started');", "export default { async fetch(request, ctx) {} }"},
		"an ASGI function":               {"python3.13", "wsgi", "async def app(scope, receive, send): pass", "add `style: asgi`"},
		"an ASGI application":            {"python3.13", "wsgi", "class A:\n  async def __call__(self, scope, receive, send): pass\napp = A()", "add `style: asgi`"},
		"a Flask application with asgi":  {"python3.13", "asgi", "class A:\n  def wsgi_app(self): pass\n  def __call__(self, e, s): pass\napp = A()", "write `style: wsgi`"},
		"a Lambda handler of Python":     {"python3.13", "wsgi", "def app(event, context): pass", "give a WSGI or ASGI application for HTTP"},
		"a function of the request":      {"python3.13", "wsgi", "def app(request): pass", "give an application"},
		"a module without that callable": {"python3.13", "wsgi", "application = None", "name it in handler as module:name"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := platform{name: name, runtime: c.runtime, style: c.style, command: nodeCommand, handler: "app.mjs"}
			file := "app.mjs"
			switch {
			case c.runtime.Language() == "python":
				p.command, p.handler, file = pythonCommand, "app:app", "app.py"
			case strings.Contains(c.code, "exports"):
				p.handler, file = "app.cjs", "app.cjs"
			}
			dir := t.TempDir()
			write(t, dir, map[string][]byte{file: []byte(c.code + "\n")})
			i := p.launch(t, p.function(), dir)
			select {
			case <-i.done:
			case <-time.After(patience):
				t.Fatalf("it goes on:\n%s", i.out)
			}
			if said := i.out.String(); !strings.Contains(said, "ferry: "+p.handler+": ") || !strings.Contains(said, c.want) {
				t.Errorf("it does not say %q:\n%s", c.want, said)
			}
		})
	}
}

func TestADecoratedApplicationIsNotMistakenForWhatItHides(t *testing.T) {
	p := platforms()[2]
	p.handler = "app:app"
	dir := t.TempDir()
	write(t, dir, map[string][]byte{"app.py": []byte(`import functools

def application(f):
    @functools.wraps(f)
    def wrapper(*args):
        args[-1]("200 OK", [])
        return [f("request")]
    return wrapper

@application
def app(request):
    return b"served"
`)})
	p.source = dir
	if a := p.start(t, p.function()).do("GET", "/", nil); a.status != 200 || a.body != "served" {
		t.Errorf("got %d %s", a.status, a.body)
	}
}

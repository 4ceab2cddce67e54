package templates

import (
	"strings"
	"testing"
	"time"

	"github.com/ferryfn/ferry/manifest"
)

func TestAHandlerOfAnotherStyleIsToldTheLineToAdd(t *testing.T) {
	t.Parallel()
	const express = "function app(req, res) {}\napp.use = app.handle = () => {};\n"
	for name, c := range map[string]struct {
		runtime manifest.Runtime
		style   manifest.Style
		code    string
		want    string
	}{
		"a CommonJS Lambda handler":      {"nodejs24", "fetch", "exports.handler = async (event, context) => ({});", "add `style: lambda`"},
		"an ESM Lambda handler":          {"nodejs24", "fetch", "export const handler = async (event, context) => ({});", "add `style: lambda`"},
		"a Lambda handler with node":     {"nodejs24", "node", "exports.handler = async (event, context) => ({});", "add `style: lambda`"},
		"an Express app":                 {"nodejs24", "fetch", express + "module.exports = app;", "add `style: node`"},
		"an Express app as ESM":          {"nodejs24", "fetch", express + "export default app;", "add `style: node`"},
		"a listener":                     {"nodejs24", "fetch", "export default (req, res) => res.end();", "add `style: node`"},
		"a server":                       {"nodejs24", "fetch", "import http from 'node:http';\nexport default http.createServer();", "add `style: node`"},
		"a Koa app":                      {"nodejs24", "fetch", "export default { callback: () => () => {} };", "add `style: node`"},
		"a fetch handler with node":      {"nodejs24", "node", "export default { fetch: () => new Response() };", "add `style: fetch`"},
		"a Lambda function":              {"nodejs24", "fetch", "export default async (event) => ({ statusCode: 200 });", "add `style: lambda`"},
		"a Lambda function as CommonJS":  {"nodejs24", "fetch", "module.exports = async function (event, context) {};", "add `style: lambda`"},
		"a Lambda callback with node":    {"nodejs24", "node", "export default function run(event, context, callback) {}", "add `style: lambda`"},
		"an Express app with lambda":     {"nodejs24", "lambda", express + "module.exports = app;", "add `style: node`"},
		"a listener with lambda":         {"nodejs24", "lambda", "export default (req, res) => res.end();", "add `style: node`"},
		"a fetch handler with lambda":    {"nodejs24", "lambda", "export default { fetch: () => new Response() };", "add `style: fetch`"},
		"nothing with lambda":            {"nodejs24", "lambda", "export const run = async () => {};", "name another one in handler as file.js:NAME"},
		"nothing":                        {"nodejs24", "fetch", "console.log('started');", "export default { async fetch(request, ctx) {} }"},
		"an ASGI function":               {"python3.13", "wsgi", "async def app(scope, receive, send): pass", "add `style: asgi`"},
		"an ASGI application":            {"python3.13", "wsgi", "class A:\n  async def __call__(self, scope, receive, send): pass\napp = A()", "add `style: asgi`"},
		"a Flask application with asgi":  {"python3.13", "asgi", "class A:\n  def wsgi_app(self): pass\n  def __call__(self, e, s): pass\napp = A()", "write `style: wsgi`"},
		"a Lambda handler of Python":     {"python3.13", "wsgi", "def app(event, context): pass", "add `style: lambda`"},
		"a function of the request":      {"python3.13", "wsgi", "def app(request): pass", "add `style: gcf-http`"},
		"an object called with an event": {"python3.13", "wsgi", "class A:\n  def __call__(self, event, context): pass\napp = A()", "add `style: lambda`"},
		"a handler of another name":      {"python3.13", "wsgi", "def app(req, ctx): pass", "add `style: lambda`"},
		"a decorated Lambda handler":     {"python3.13", "wsgi", "import functools\ndef d(f):\n  @functools.wraps(f)\n  def w(*a, **k): return f(*a, **k)\n  return w\n@d\ndef app(event, context): pass", "add `style: lambda`"},
		"a function of a CloudEvent":     {"python3.13", "wsgi", "def app(cloud_event): pass", "add `style: gcf-event`"},
		"a function of nothing":          {"python3.13", "wsgi", "def app(): pass", "give an application"},
		"a factory":                      {"python3.13", "wsgi", "def app(config=None, folder=None): pass", "write `handler: app:app()`"},
		"a factory with asgi":            {"python3.13", "asgi", "def app(a=1, b=2, c=3): pass", "write `handler: app:app()`"},
		"a factory of another name":      {"python3.13", "wsgi", "def create_app(test_config=None): pass", "write `handler: app:create_app()`"},
		"an asynchronous WSGI function":  {"python3.13", "wsgi", "async def app(environ, start_response): pass", "give an application"},
		"an old ASGI function":           {"python3.13", "wsgi", "def app(scope, receive, send): pass", "add `style: asgi`"},
		"a Lambda handler with asgi":     {"python3.13", "asgi", "def app(event, context): pass", "write `style: lambda`"},
		"a WSGI function with lambda":    {"python3.13", "lambda", "class A:\n  def wsgi_app(self): pass\n  def __call__(self, e, s): pass\napp = A()", "write `style: wsgi`"},
		"an ASGI function with lambda":   {"python3.13", "lambda", "async def app(scope, receive, send): pass", "write `style: asgi`"},
		"a coroutine with lambda":        {"python3.13", "lambda", "async def app(event, context): pass", "a plain function that calls asyncio.run"},
		"an application of another name": {"python3.13", "wsgi", "class A:\n  def wsgi_app(self): pass\n  def __call__(self, e, s): pass\nweb = A()", "write `handler: app:web`"},
		"an application beside a proxy":  {"python3.13", "wsgi", "class P:\n  def __call__(self): pass\n  def __getattr__(self, n): raise RuntimeError('unbound')\nclass A:\n  def wsgi_app(self): pass\n  def __call__(self, e, s): pass\nrequest, web = P(), A()", "write `handler: app:web`"},
		"another thing of another style": {"python3.13", "wsgi", "def main(event, context): pass", "write `handler: app:main` and `style: lambda`"},
		"on_event without a context":     {"python3.13", "wsgi", "def app(environ, start_response): pass\ndef on_event(event): pass", "define on_event(event, ctx)"},
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
	t.Parallel()
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

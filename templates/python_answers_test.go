package templates

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/manifest"
)

// PythonAnswer is a handler of one request, and what the client gets wherever it runs. It is exported to the tests that
// build real packages.
type PythonAnswer struct {
	Name    string
	Style   manifest.Style
	Code    string // app.py
	Target  string
	Headers []string
	Status  int
	Body    string
	Header  http.Header
	Log     string // what the log says
}

// asgiAnswer is a module whose application sends the lines in turn.
func asgiAnswer(lines ...string) string {
	return "async def app(scope, receive, send):\n  assert scope['type'] == 'http'\n  " + strings.Join(lines, "\n  ") + "\n"
}

func wsgiAnswer(lines ...string) string {
	return "def app(environ, start_response):\n  " + strings.Join(lines, "\n  ") + "\n"
}

// PythonAnswers are the answers that are the same locally and on AWS.
func PythonAnswers() []PythonAnswer {
	const failed = "internal server error\n"
	start := "await send({'type': 'http.response.start', 'status': 200, 'headers': [(b'content-type', b'text/plain')]})"
	whole := "await send({'type': 'http.response.body', 'body': b'whole'})"
	const broken = "bad request: a percent sign in the path escapes nothing\n"
	begin := func(status, headers string) string { return "start_response('" + status + "', [" + headers + "])" }
	return []PythonAnswer{
		{Name: "a failure after the answer", Style: "asgi", Code: asgiAnswer(start, whole, "raise ValueError('afterwards')"), Status: 200, Body: "whole", Log: "ValueError: afterwards"},
		{Name: "a failure before the answer", Style: "asgi", Code: asgiAnswer(start, "raise ValueError('before')"), Status: 500, Body: failed, Log: "ValueError: before"},
		{
			Name: "a close that fails", Style: "wsgi", Status: 200, Body: "whole", Log: "ValueError: in close",
			Code: "class Body(list):\n  def close(self): raise ValueError('in close')\n" + wsgiAnswer(begin("200 OK", ""), "return Body([b'who', b'le'])"),
		},
		{Name: "no answer", Style: "asgi", Code: asgiAnswer("pass"), Status: 500, Body: failed, Log: "without a complete response"},
		{Name: "an exit", Style: "wsgi", Code: wsgiAnswer("raise SystemExit(3)"), Status: 500, Body: failed, Log: "SystemExit: 3"},
		{Name: "longer than its content-length", Style: "wsgi", Code: wsgiAnswer(begin("200 OK", "('Content-Length', '3')"), "return [b'whole']"), Status: 500, Body: failed, Log: "content-length of 3"},
		{Name: "shorter than its content-length", Style: "wsgi", Code: wsgiAnswer(begin("200 OK", "('Content-Length', '30')"), "return [b'whole']"), Status: 500, Body: failed, Log: "content-length of 30"},
		{Name: "two lengths", Style: "wsgi", Code: wsgiAnswer(begin("200 OK", "('Content-Length', '5'), ('Content-Length', '6')"), "return [b'whole']"), Status: 500, Body: failed, Log: "no length"},
		{Name: "a line break in a header", Style: "wsgi", Code: wsgiAnswer(begin("200 OK", `("X", "a\r\nSet-Cookie: b")`), "return [b'whole']"), Status: 500, Body: failed, Header: http.Header{"Set-Cookie": nil}, Log: "no header can"},
		{Name: "a space in a header's name", Style: "wsgi", Code: wsgiAnswer(begin("200 OK", "('X y', 'a')"), "return [b'whole']"), Status: 500, Body: failed, Log: "no header can"},
		{Name: "a status out of range", Style: "wsgi", Code: wsgiAnswer(begin("99 Low", ""), "return [b'whole']"), Status: 500, Body: failed, Log: "99 is no status"},
		{Name: "a space before a cookie", Style: "wsgi", Code: wsgiAnswer(begin("200 OK", "('Set-Cookie', ' a=1; Path=/ ')"), "return [b'whole']"), Status: 200, Body: "whole", Header: http.Header{"Set-Cookie": {"a=1; Path=/"}}},
		{Name: "headers of a connection", Style: "wsgi", Code: wsgiAnswer(begin("200 OK", "('Keep-Alive', 'x'), ('Trailer', 'y'), ('Upgrade', 'z')"), "return [b'whole']"), Status: 200, Body: "whole", Header: http.Header{"Keep-Alive": nil, "Trailer": nil, "Upgrade": nil}},
		{Name: "a body where there can be none", Style: "wsgi", Code: wsgiAnswer(begin("205 Reset Content", "('Content-Length', '5')"), "return [b'whole']"), Status: 205},
		{Name: "a percent sign that escapes nothing", Style: "asgi", Target: "/%zz", Code: asgiAnswer(start, whole), Status: 400, Body: broken},
		{Name: "an escape that is none in WSGI", Style: "wsgi", Target: "/%zz%41", Code: wsgiAnswer(begin("200 OK", ""), "return [b'whole']"), Status: 400, Body: broken},
		{
			Name: "bytes of headers", Style: "wsgi", Headers: []string{"x-name: é"}, Status: 200, Body: "c3a9", Header: http.Header{"X-Name": {"é"}},
			Code: wsgiAnswer(begin("200 OK", "('X-Name', 'é'.encode().decode('latin-1')), ('content-type', 'text/plain')"), "return [environ['HTTP_X_NAME'].encode('latin-1').hex().encode()]"),
		},
		{
			Name: "bytes of headers in ASGI", Style: "asgi", Headers: []string{"x-name: é"}, Status: 200, Body: "c3a9", Header: http.Header{"X-Name": {"é"}},
			Code: asgiAnswer(
				"await send({'type': 'http.response.start', 'status': 200, 'headers': [(b'X-Name', 'é'.encode()), (b'content-type', b'text/plain')]})",
				"await send({'type': 'http.response.body', 'body': dict(scope['headers'])[b'x-name'].hex().encode()})",
			),
		},
	}
}

// Platform is the one of a Python handler.
func (a PythonAnswer) platform(t *testing.T) platform {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, map[string][]byte{"app.py": []byte(a.Code)})
	return platform{name: a.Name, runtime: "python3.13", style: a.Style, handler: "app:app", command: pythonCommand, source: dir}
}

func TestInPythonAnAnswerIsWhatItsRulesSay(t *testing.T) {
	t.Parallel()
	for _, a := range PythonAnswers() {
		t.Run(a.Name, func(t *testing.T) {
			t.Parallel()
			p := a.platform(t)
			i := p.start(t, p.function())
			for range 2 { // the process goes on
				got := i.do("GET", a.Target+map[bool]string{true: "/"}[a.Target == ""], nil, a.Headers...)
				if got.status != a.Status || got.body != a.Body {
					t.Errorf("got %d %q\n%s", got.status, got.body, i.out)
				}
				for name, want := range a.Header {
					if diff := cmp.Diff(want, got.header[name]); diff != "" {
						t.Errorf("header %s: %s", name, diff)
					}
				}
			}
			i.waitFor(a.Log)
		})
	}
}

func TestInPythonAFactoryThatTheHandlerCallsMakesTheApplication(t *testing.T) {
	t.Parallel()
	for style, code := range map[manifest.Style]string{
		"wsgi": "def create_app(config=None):\n  def app(environ, start_response):\n    start_response('200 OK', [])\n    return [b'made']\n  return app\n",
		"asgi": "def create_app():\n  async def app(scope, receive, send):\n    assert scope['type'] == 'http'\n    await send({'type': 'http.response.start', 'status': 200, 'headers': []})\n    await send({'type': 'http.response.body', 'body': b'made'})\n  return app\n",
	} {
		t.Run(string(style), func(t *testing.T) {
			t.Parallel()
			a := PythonAnswer{Name: "a factory", Style: style, Code: code}
			p := a.platform(t)
			p.handler = "app:create_app()"
			i := p.start(t, p.function())
			if got := i.do("GET", "/", nil); got.status != 200 || got.body != "made" {
				t.Errorf("got %d %q\n%s", got.status, got.body, i.out)
			}
		})
	}
}

func TestInPythonOnlyACloudEventIsDelivered(t *testing.T) {
	t.Parallel()
	onQueue := func(fn *manifest.Function) {
		fn.Events = append(fn.Events, manifest.Event{Queue: &manifest.QueueEvent{Name: "orders", Batch: 1}})
	}
	p := PythonAnswer{Style: "wsgi", Code: "def app(environ, start_response): pass\n" +
		"def on_event(event, ctx):\n  print('GOT', event['id'], event.data, ctx.group, ctx.attributes, ctx.raw_body, flush=True)\n"}.platform(t)
	i := p.start(t, p.function(onQueue))
	binary := []string{"ce-specversion: 1.0", "ce-id: 7", "ce-source: /s", "ce-type: t"}
	without := func(n int) []string { return append(append([]string{}, binary[:n]...), binary[n+1:]...) }
	structured := "content-type: Application/CloudEvents+JSON; charset=utf-8"
	for _, c := range []struct {
		name    string
		headers []string
		body    string
		status  int
	}{
		{"binary", append(binary, "content-type: Application/JSON"), `{"n":1}`, 204},
		{"structured", []string{structured}, `{"specversion":"1.0","id":"8","source":"/s","type":"t","data":{"n":1}}`, 204},
		{"no specversion", without(0), "", 400},
		{"no id", without(1), "", 400},
		{"no source", without(2), "", 400},
		{"no type", without(3), "", 400},
		{"another version", append(without(0), "ce-specversion: 0.3"), "", 400},
		{"data that is no JSON", append(binary, "content-type: application/json"), "{", 400},
		{"structured without id", []string{structured}, `{"specversion":"1.0","source":"/s","type":"t"}`, 400},
		{"structured of another version", []string{structured}, `{"specversion":"0.3","id":"1","source":"/s","type":"t"}`, 400},
		{"a list", []string{structured}, "[]", 400},
		{"a batch", []string{"content-type: application/cloudevents-batch+json"}, "[]", 400},
		{"data that is no base64", []string{structured}, `{"specversion":"1.0","id":"1","source":"/s","type":"t","data_base64":"?"}`, 400},
	} {
		got := i.do("POST", "/.ferry/event", []byte(c.body), append(c.headers, "ferry-instance: nonce")...)
		if got.status != c.status {
			t.Errorf("%s: %d %s", c.name, got.status, got.body)
		}
	}
	i.waitFor(`GOT 7 {'n': 1} None None b'{"n":1}'`)
	i.waitFor("GOT 8 {'n': 1}")
}

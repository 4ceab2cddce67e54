package cmd

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/migrate/portability"
	"github.com/ferryfn/ferry/templates"
)

// program is code, and the cases of the table of what is carried that it depends on.
type program struct {
	name, style, code string // the style with its language, as "nodejs fetch"
	cases             []string
}

// The cases that a program depends on together.
var (
	pieces   = []string{"a failure within the answer"}
	untyped  = []string{"no content type", "a page without a type"}
	segments = []string{"dot segments", "encoded dot segments", "two slashes within a path", "a path that begins with two slashes"}
)

// programs are of the shapes that real ones have. Some are as hard to tell as they come: they count, too.
func programs() []program {
	return []program{
		{"written piece by piece", "nodejs node", "module.exports = (req, res) => {\n  res.setHeader('content-type', 'text/event-stream');\n  for (const e of events()) res.write(e);\n  res.end();\n};\n", pieces},
		{"a file that is piped", "nodejs node", "app.get('/f', (req, res) => { res.type('pdf'); fs.createReadStream(name).pipe(res); });\n", pieces},
		{"a stream of the web", "nodejs fetch", "export default { fetch: () => new Response(new ReadableStream({ async pull(c) { c.enqueue(await next()); } })) };\n", pieces},
		{"a generator as a body", "nodejs fetch", "async function* rows() { for await (const r of query()) yield r; }\nexport default { fetch: () => new Response(rows()) };\n", pieces},
		{"a search by a body of GET", "nodejs node", "app.get('/search', async (req, res) => res.json(await search(req.body)));\n", []string{"a body on GET"}},
		{"such a search in several lines", "nodejs node", "app.get('/search', async (req, res) => {\n  const q = req.body;\n  res.json(await search(q));\n});\n", []string{"a body on GET"}},
		{"bodies that it unpacks", "nodejs node", "const zlib = require('node:zlib');\nmodule.exports = (req, res) => res.json(JSON.parse(zlib.gunzipSync(req.rawBody)));\n", []string{"a compressed body"}},
		{"bodies that it unpacks by the web's own", "nodejs fetch", "export default { fetch: (r) => new Response(r.body.pipeThrough(new DecompressionStream('gzip'))) };\n", []string{"a compressed body"}},
		{"bodies that a library unpacks", "nodejs node", "const pako = require('pako');\nmodule.exports = (req, res) => res.json(JSON.parse(pako.ungzip(req.rawBody, { to: 'string' })));\n", []string{"a compressed body"}},
		{"a file that it unpacks", "nodejs node", "const data = JSON.parse(zlib.gunzipSync(fs.readFileSync('data.json.gz')));\nmodule.exports = (req, res) => res.json(data);\n", nil},
		{"an echo of TRACE", "nodejs node", "module.exports = (req, res) => { if (req.method === 'TRACE') return echo(req, res); res.json({}); };\n", []string{"TRACE"}},
		{"paths that it cleans", "nodejs node", "module.exports = (req, res) => res.send(files[path.posix.normalize(req.url)]);\n", segments},
		{"paths that it cleans by hand", "nodejs node", "module.exports = (req, res) => {\n  const parts = [];\n  for (const p of req.url.split('/')) if (p === '..') parts.pop(); else parts.push(p);\n  res.send(files[parts.join('/')]);\n};\n", segments},
		{"names in Latin-1", "nodejs node", "module.exports = (req, res) => res.json(Buffer.from(req.headers['x-name'], 'latin1').toString());\n", []string{"Latin-1 in a header"}},
		{"a text without a type", "nodejs node", "module.exports = (req, res) => res.end('hello');\n", untyped},
		{"a text with a type", "nodejs node", "module.exports = (req, res) => {\n  res.setHeader('Content-Type', 'text/plain');\n  res.end('hello');\n};\n", nil},
		{"an API of JSON", "nodejs fetch", "export default { fetch: async (r) => Response.json(await items(new URL(r.url).searchParams)) };\n", nil},
		{"pages of Express", "nodejs node", "const app = require('express')();\napp.get('/', (req, res) => res.send('<p>hello'));\nmodule.exports = app;\n", nil},
		{"a handler of Lambda", "nodejs lambda", "exports.handler = async (e) => ({ statusCode: 200, headers: { 'content-type': 'text/plain' }, body: e.rawPath });\n", nil},
		{"rows that it yields", "python wsgi", "def app(environ, start_response):\n    start_response('200 OK', [('content-type', 'text/csv')])\n    for row in rows():\n        yield row\n", pieces},
		{"Flask with a stream", "python wsgi", "@app.get('/rows')\ndef rows():\n    return Response(stream_with_context(generate()), mimetype='text/csv')\n", pieces},
		{"FastAPI with a stream", "python asgi", "@app.get('/rows')\nasync def rows():\n    return StreamingResponse(generate(), media_type='text/csv')\n", pieces},
		{"batches that a helper yields", "python wsgi", "def batches(items):\n    for i in range(0, len(items), 10):\n        yield items[i:i + 10]\n\n@app.get('/')\ndef home():\n    return jsonify(sum(map(len, batches(items))))\n", nil},
		{"WSGI without a type", "python wsgi", "def app(environ, start_response):\n    start_response('200 OK', [])\n    return [b'ok']\n", untyped},
		{"WSGI with a type", "python wsgi", "def app(environ, start_response):\n    start_response('200 OK', [('Content-Type', 'text/plain')])\n    return [b'ok']\n", nil},
		{"ASGI without a type", "python asgi", "async def app(scope, receive, send):\n    await send({'type': 'http.response.start', 'status': 200})\n    await send({'type': 'http.response.body', 'body': b'ok'})\n", untyped},
		{"cookies by hand", "python wsgi", "def app(environ, start_response):\n    start_response('200 OK', [('content-type', 'text/plain'), ('set-cookie', 'a=1'), ('set-cookie', 'b=2')])\n    return [b'ok']\n", []string{"two cookies"}},
		{"cookies by Flask", "python wsgi", "@app.post('/login')\ndef login():\n    r = jsonify(ok=True)\n    r.set_cookie('a', '1')\n    return r\n", []string{"two cookies"}},
		{"cookies of a session", "python wsgi", "@app.post('/login')\ndef login():\n    session['user'] = user()\n    return jsonify(ok=True)\n", []string{"two cookies"}},
		{"a header with an underscore", "python asgi", "async def app(scope, receive, send):\n    headers = dict(scope['headers'])\n    user = headers.get(b'x_user')\n    await answer(send, user, content_type='text/plain')\n", []string{"a name with an underscore"}},
		{"such a header in an event", "python lambda", "def handler(event, context):\n    return {'statusCode': 200, 'headers': {'content-type': 'text/plain'}, 'body': event['headers']['x_user']}\n", []string{"a name with an underscore"}},
		{"names in Latin-1 in Python", "python asgi", "async def app(scope, receive, send):\n    name = dict(scope['headers'])[b'x-name'].decode('latin-1')\n    await answer(send, name, content_type='text/plain')\n", []string{"Latin-1 in a header"}},
		{"an API of FastAPI", "python asgi", "@app.get('/items/{id}')\nasync def item(id: int):\n    return {'id': id}\n", nil},
		{"answers that Go flushes", "go go", "func stream(w http.ResponseWriter, r *http.Request) {\n\tf := w.(http.Flusher)\n\tfor e := range events() {\n\t\tw.Write(e)\n\t\tf.Flush()\n\t}\n}\n", pieces},
		{"answers that Go copies", "go go", "func serve(w http.ResponseWriter, r *http.Request) { io.Copy(w, body(r)) }\n", pieces},
		{"paths that Go cleans", "go go", "func serve(w http.ResponseWriter, r *http.Request) { open(path.Clean(r.URL.Path)) }\n", segments},
		{"an API in Go", "go go", "func serve(w http.ResponseWriter, r *http.Request) { json.NewEncoder(w).Encode(items(r.URL.Query())) }\n", nil},
	}
}

// foundFor are the cases of which check warns for a program and a shim.
func foundFor(t *testing.T, p program, language string, lost map[string]string) (cases []string) {
	t.Helper()
	root := t.TempDir()
	c := portability.Code{Function: "api", Sources: portability.NewSources(root), Lost: lost, Files: []string{map[string]string{"nodejs": "app.js", "python": "app.py", "go": "app.go"}[language]}}
	if err := os.WriteFile(filepath.Join(root, c.Files[0]), []byte(p.code), 0o644); err != nil {
		t.Fatal(err)
	}
	all, err := c.Find("local")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range all {
		cases = append(cases, f.Cases...)
	}
	return cases
}

// TestWhatAnIngressLosesIsFoundInCodeThatDependsOnIt compares what check says of programs with what the table of what is carried says
// of the cases that they depend on; the tests of that table hold it to what really arrives.
func TestWhatAnIngressLosesIsFoundInCodeThatDependsOnIt(t *testing.T) {
	t.Parallel()
	right, wrong, missed := 0, 0, 0
	for _, p := range programs() {
		language, style, _ := strings.Cut(p.style, " ")
		for _, shim := range []string{"aws", "gcf", "azure", "run", "local"} {
			lost := templates.LostOn(shim, manifest.Runtime(map[string]string{"nodejs": "nodejs24", "python": "python3.13", "go": "go"}[language]), manifest.Style(style))
			found := foundFor(t, p, language, lost)
			for _, name := range found {
				if slices.Contains(p.cases, name) {
					right++
				} else {
					wrong++
					t.Logf("wrong: %s on %s: %s", p.name, shim, name)
				}
			}
			for _, name := range p.cases {
				if lost[name] != "" && !slices.Contains(found, name) {
					missed++
					t.Logf("missed: %s on %s: %s", p.name, shim, name)
				}
			}
		}
	}
	precision, recall := float64(right)/float64(right+wrong), float64(right)/float64(right+missed)
	t.Logf("precision %.2f, recall %.2f (%d right, %d wrong, %d missed)", precision, recall, right, wrong, missed)
	if precision < 0.92 || recall < 0.84 {
		t.Error("check finds less than it did, or more that is not so")
	}
}

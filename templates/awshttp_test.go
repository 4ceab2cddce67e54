package templates_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/internal/lambdatest"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/templates"
)

func TestOnAWSARequestReachesTheHandlerAsItWasSent(t *testing.T) {
	t.Parallel()
	each(t, echoes(), func(t *testing.T, p program) {
		l := p.deploy(t, nil)
		for _, c := range templates.RequestCases() {
			if strings.Contains(strings.Join(c.Headers, ""), "chunked") {
				continue // Lambda carries no framing
			}
			t.Run(c.Name, func(t *testing.T) {
				a := l.do(c.Method, c.Target, c.Body, c.Headers...)
				c.Judge(t, p.style, a.status, a.body)
			})
		}
	})
}

func TestOnAWSAResponseReachesTheClientAsItWasGiven(t *testing.T) {
	t.Parallel()
	for mode, env := range map[string]settings{"buffered": nil, "streamed": {"FERRY_RESPONSE_STREAM": "1"}} {
		each(t, echoes(), func(t *testing.T, p program) {
			if env != nil && !p.streams() {
				return // neither does the managed runtime
			}
			l := p.deploy(t, env)
			for _, c := range templates.ResponseCases() {
				if env == nil && len(c.Body) > 4<<20 {
					continue // more than a buffered response can hold where it goes as base64
				}
				t.Run(mode+" "+c.Name, func(t *testing.T) {
					r := l.invoke(urlEvent(c.Method, c.Target, nil))
					a := received(t, r)
					if r.FunctionError != "" {
						t.Errorf("the invocation failed:\n%s", r.Log)
					}
					if r.Streamed != (env != nil) || a.status != c.Status || a.body != c.Body {
						t.Errorf("got %d with %d bytes %.40q, want %d with %d", a.status, len(a.body), a.body, c.Status, len(c.Body))
					}
					for name, want := range c.Header {
						if diff := cmp.Diff(want, a.header[name]); diff != "" {
							t.Errorf("header %s: %s", name, diff)
						}
					}
					if c.Status == http.StatusInternalServerError && !strings.Contains(r.Log, p.throws) {
						t.Errorf("the log has no traceback:\n%s", r.Log)
					}
				})
			}
		})
	}
}

func TestOnAWSABodyIsTextOnlyWhereNothingIsLost(t *testing.T) {
	t.Parallel()
	each(t, echoes(), func(t *testing.T, p program) {
		l := p.deploy(t, nil)
		if a := l.do("GET", "/special/binary", nil); !a.IsBase64Encoded {
			t.Error("bytes went as text")
		}
		if a := l.do("GET", "/json", nil); a.IsBase64Encoded || !strings.HasPrefix(a.Headers["content-type"], "application/json") {
			t.Errorf("JSON went as base64, or not as JSON: %v", a.Headers)
		}
		event := urlEvent("POST", "/x", nil)
		event["body"], event["isBase64Encoded"] = "grün", false
		var got templates.Echoed
		if a := l.request(event); json.Unmarshal([]byte(a.body), &got) != nil || string(got.Body) != "grün" {
			t.Errorf("a text arrived as %q", got.Body)
		}
	})
}

func TestOnAWSHeadersOfTheConnectionStayBehind(t *testing.T) {
	t.Parallel()
	each(t, echoes(), func(t *testing.T, p program) {
		l := p.deploy(t, nil)
		for _, target := range []string{"/special/status", "/special/empty", "/x"} {
			a := l.do("GET", target, nil)
			for _, name := range []string{"connection", "keep-alive", "transfer-encoding", "content-length"} {
				if value, ok := a.Headers[name]; ok {
					t.Errorf("%s: %s is %q", target, name, value)
				}
			}
		}
	})
}

func TestOnAWSPathsOfAnHTTPAPIAreEncodedAgain(t *testing.T) {
	t.Parallel()
	cases := []struct{ stage, raw, want string }{
		{"$default", "/a b/€", "/a%20b/%E2%82%AC"},
		{"$default", "/100%/50%zz/%41", "/100%25/50%25zz/%41"},
		{"$default", `/q?x#y"<>\^` + "`{|}", "/q%3Fx%23y%22%3C%3E%5C%5E%60%7B%7C%7D"},
		{"$default", "", "/"},
		{"dev", "/dev/x", "/x"},
		{"dev", "/dev", "/"},
		{"dev", "/develop", "/develop"},
	}
	each(t, echoes(), func(t *testing.T, p program) {
		l := p.deploy(t, nil)
		for _, c := range cases {
			event := urlEvent("GET", c.raw, nil, "cookie: a=1; b=2")
			event["rawPath"], event["rawQueryString"] = c.raw, ""
			context := event["requestContext"].(map[string]any)
			context["stage"], context["domainName"] = c.stage, "x.execute-api.us-east-1.amazonaws.com"
			delete(event["headers"].(map[string]string), "cookie") // an HTTP API has them in one place only
			var got templates.Echoed
			if a := l.request(event); json.Unmarshal([]byte(a.body), &got) != nil || got.Path != c.want || got.Header("cookie") != "a=1; b=2" {
				t.Errorf("%q arrived as %q with %q, want %q (%d %s)", c.raw, got.Path, got.Header("cookie"), c.want, a.status, a.body)
			}
		}
	})
}

// Origins are the Function URL's work: the shim adds no header that would then be there twice.
func TestOnAWSPathsAndMethodsAreHeldTo(t *testing.T) {
	t.Parallel()
	guarded := func(fn *manifest.Function) {
		fn.Events = []manifest.Event{{HTTP: &manifest.HTTPEvent{
			Path: "/items/{id}", Methods: []string{"GET"},
			CORS: &manifest.CORS{Origins: []string{"https://shop.example"}, MaxAge: manifest.Duration(time.Hour)},
		}}}
		fn.Health = &manifest.Health{Path: "/healthz"}
	}
	cases := []struct {
		method, target string
		status         int
	}{
		{"GET", "/items/a%2Fb", 200},
		{"GET", "/items/1/2", 404},
		{"POST", "/items/1", 405},
		{"GET", "/healthz", 200},
		{"OPTIONS", "/items/1", 405},
		{"GET", "/elsewhere", 404},
	}
	each(t, echoes(), func(t *testing.T, p program) {
		l := p.deploy(t, nil, guarded)
		for _, c := range cases {
			a := l.do(c.method, c.target, nil, "origin: https://shop.example", "access-control-request-method: GET")
			if a.status != c.status || a.header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%s %s: %d %v", c.method, c.target, a.status, a.Headers)
			}
		}
		if a := l.do("POST", "/items/1", nil); a.header.Get("Allow") != "GET, HEAD" {
			t.Errorf("allow is %q", a.header.Get("Allow"))
		}
	})
}

func TestOnAWSAStreamArrivesPieceByPiece(t *testing.T) {
	t.Parallel()
	cases := map[manifest.Style][2]string{
		manifest.StyleFetch: {"i.mjs", `export default { fetch: () => new Response(new ReadableStream({
			start: (c) => c.enqueue(new TextEncoder().encode("one\n")),
			pull: async (c) => { await fetch(process.env.GATE); c.enqueue(new TextEncoder().encode("two\n")); c.close(); },
		})) };`},
		manifest.StyleNode: {"i.mjs", `export default async (req, res) => { res.write("one\n"); await fetch(process.env.GATE); res.end("two\n"); };`},
		manifest.StyleGo: {"i.go", `package i
			import ("io"; "net/http"; "os")
			var Handler http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				io.WriteString(w, "one\n")
				_ = http.NewResponseController(w).Flush()
				if r, err := http.Get(os.Getenv("GATE")); err == nil { r.Body.Close() }
				io.WriteString(w, "two\n")
			})`},
	}
	each(t, echoes(), func(t *testing.T, p program) {
		file, ok := cases[p.style]
		if !ok {
			return // nor does the managed runtime stream
		}
		arrived := make(chan struct{})
		gate := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-arrived }))
		defer gate.Close()
		seen := ""
		p.handler = map[bool]string{true: ".", false: file[0]}[p.runtime == "go"]
		l := p.run(t, p.build(t, p.project(t, file[0], file[1]), p.function()), lambdatest.Function{
			Env: settings{"GATE": gate.URL, "FERRY_RESPONSE_STREAM": "1"},
			Piece: func(piece []byte) {
				if seen += string(piece); strings.HasSuffix(seen, "one\n") {
					close(arrived)
				}
			},
		})
		if a := l.do("GET", "/", nil); a.status != 200 || a.body != "one\ntwo\n" {
			t.Errorf("got %d %q", a.status, a.body)
		}
	})
}

func TestOnAWSAStreamThatFailsBreaksOff(t *testing.T) {
	t.Parallel()
	each(t, echoes(), func(t *testing.T, p program) {
		for _, env := range []settings{nil, {"FERRY_RESPONSE_STREAM": "1"}} {
			if env != nil && !p.streams() {
				continue
			}
			l := p.deploy(t, env)
			r := l.invoke(urlEvent("GET", "/special/throw-late", nil))
			if env == nil {
				if a := received(t, r); a.status != 500 || r.FunctionError != "" {
					t.Errorf("nothing was out, and the client got %d", a.status)
				}
			} else if r.FunctionError == "" || !strings.HasSuffix(string(r.Payload), "one\n") {
				t.Errorf("the stream did not break off: %q", r.Payload)
			}
			if !strings.Contains(r.Log, "thrown on purpose") {
				t.Errorf("the log does not say why:\n%s", r.Log)
			}
			if a := l.do("GET", "/special/status", nil); a.status != 418 {
				t.Errorf("afterwards it answers %d", a.status)
			}
		}
	})
}

func TestOnAWSTheHandlerLearnsOfItsInvocation(t *testing.T) {
	t.Parallel()
	each(t, apps(), func(t *testing.T, p program) {
		l := p.deploy(t, settings{"TOKEN": "plain"})
		r := l.invoke(urlEvent("POST", "/x", []byte("body"), "x-forwarded-for: 203.0.113.9"))
		var got map[string]any
		if err := json.Unmarshal([]byte(received(t, r).body), &got); err != nil {
			t.Fatalf("%v\n%s", err, r.Log)
		}
		want := map[string]any{"token": "plain", "ip": "192.0.2.7", "host": "shop.example:8080", "path": "/x", "body": "body", "cookie": "", "id": 36.0}
		more := map[string]map[string]any{
			"node":   {"scheme": "https", "left": true, "platform": "aws", "functionName": "shop"},
			"python": {"scheme": "https"},
			"go":     {"left": true},
		}
		for name, value := range more[p.name] {
			want[name] = value
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if p.name == "node" && !strings.Contains(r.Log, "background done\n") {
			t.Errorf("what was given to waitUntil did not finish:\n%s", r.Log)
		}
	})
}

func TestOnAWSRequestsOfAWSsOwnExamplesAreServed(t *testing.T) {
	t.Parallel()
	each(t, apps(), func(t *testing.T, p program) {
		l := p.deploy(t, nil)
		for name, want := range map[string][3]string{
			"lambda-urls-request":            {"/my/path", "cookie1; cookie2", "Hello from client!"},
			"apigw-v2-request-no-authorizer": {"/", "", ""},
			"apigw-v2-request-iam":           {"/my/path", "cookie1; cookie2", ""},
		} {
			event, err := os.ReadFile(example(t, name))
			if err != nil {
				t.Fatal(err)
			}
			var in struct {
				RequestContext struct{ HTTP struct{ Method string } }
			}
			if err := json.Unmarshal(event, &in); err != nil {
				t.Fatal(err)
			}
			var got struct{ Path, Cookie, Body string }
			a := l.request(event)
			if err := json.Unmarshal([]byte(a.body), &got); err != nil || a.status != 200 {
				t.Fatalf("%s: %d %v %s", name, a.status, err, a.body)
			}
			if got.Path != want[0] || got.Cookie != want[1] || want[2] != "" && got.Body != want[2] {
				t.Errorf("%s: got %+v", name, got)
			}
		}
	})
}

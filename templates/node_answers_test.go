package templates

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/manifest"
)

// NodeAnswer is a request to one of the handlers in testdata/answers/nodejs, and what the client gets wherever it runs.
// It is exported to the tests that build real packages.
type NodeAnswer struct {
	Name, Handler string
	Method        string // GET when empty
	Target        string
	Sent          []byte
	Headers       []string
	Status        int
	Body          string
	Header        http.Header
	Log           string // what the log says
}

// Style is the one of the handler.
func (a NodeAnswer) Style() manifest.Style {
	if a.Handler == "fetch.mjs" {
		return manifest.StyleFetch
	}
	return manifest.StyleNode
}

// NodeAnswers are the answers that are the same locally and on AWS.
func NodeAnswers() []NodeAnswer {
	const failed, fetch, listener = "internal server error\n", "fetch.mjs", "listener.mjs"
	const broken = "bad request: a percent sign in the path escapes nothing\n"
	noCookie := http.Header{"Set-Cookie": nil, "X": nil}
	cookie := http.Header{"Set-Cookie": {"a=1; Path=/"}}
	named := []string{"x-name: é"}
	return []NodeAnswer{
		{Name: "an error of the network", Handler: fetch, Target: "/error", Status: 500, Body: failed, Log: "the status 0"},
		{Name: "text in a stream", Handler: fetch, Target: "/strings", Status: 200, Body: "grün ja"},
		{Name: "objects in a stream", Handler: fetch, Target: "/objects", Status: 500, Body: failed, Log: "chunks must be Uint8Array or text"},
		{Name: "no response", Handler: fetch, Target: "/nothing", Status: 500, Body: failed, Log: "fetch returned undefined, not a Response"},
		{Name: "a line break in a header", Handler: fetch, Target: "/line-break", Status: 500, Body: failed, Header: noCookie, Log: "no header can"},
		{Name: "a line break in a listener's header", Handler: listener, Target: "/line-break", Status: 500, Body: failed, Header: noCookie, Log: "ERR_INVALID_CHAR"},
		{Name: "a space in a header's name", Handler: fetch, Target: "/name", Status: 500, Body: failed, Log: "no header can"},
		{Name: "a header that is no bytes", Handler: fetch, Target: "/beyond-bytes", Status: 500, Body: failed, Log: "no header can"},
		{Name: "a space before a cookie", Handler: fetch, Target: "/space", Status: 200, Body: "whole", Header: cookie},
		{Name: "a space before a listener's cookie", Handler: listener, Target: "/space", Status: 200, Body: "whole", Header: cookie},
		{Name: "a status below", Handler: fetch, Target: "/low", Status: 500, Body: failed, Log: "the status 99"},
		{Name: "a listener's status below", Handler: listener, Target: "/low", Status: 500, Body: failed, Log: "99"},
		{Name: "a status above", Handler: fetch, Target: "/high", Status: 500, Body: failed, Log: "the status 600"},
		{Name: "longer than its content-length", Handler: fetch, Target: "/long", Status: 500, Body: failed, Log: "a content-length of 3"},
		{Name: "a listener's answer longer than its content-length", Handler: listener, Target: "/long", Status: 200, Body: "who"},
		{Name: "shorter than its content-length", Handler: fetch, Target: "/short", Status: 500, Body: failed, Log: "a content-length of 30"},
		{Name: "a length that is none", Handler: fetch, Target: "/no-length", Status: 500, Body: failed, Log: "no length"},
		{Name: "a body where there can be none", Handler: fetch, Target: "/reset", Status: 205},
		{Name: "headers of a connection", Handler: fetch, Target: "/hop", Status: 200, Body: "whole", Header: http.Header{"Keep-Alive": nil, "Trailer": nil, "Upgrade": nil}},
		{Name: "a failure after the answer", Handler: listener, Target: "/after", Status: 200, Body: "whole", Log: "thrown afterwards"},
		{Name: "framing that was copied", Handler: listener, Target: "/copied", Status: 200, Body: "whole", Header: http.Header{"Content-Type": {"text/plain"}}},
		{Name: "bytes of headers", Handler: fetch, Target: "/bytes", Headers: named, Status: 200, Body: "c3a9", Header: http.Header{"X-Name": {"é"}}},
		{Name: "bytes of a listener's headers", Handler: listener, Target: "/bytes", Headers: named, Status: 200, Body: "c3a9", Header: http.Header{"X-Name": {"é"}}},
		{Name: "a percent sign that escapes nothing", Handler: fetch, Target: "/%zz", Status: 400, Body: broken},
		{Name: "a listener's percent sign that escapes nothing", Handler: listener, Target: "/%zz", Status: 400, Body: broken},
		{Name: "a body is read once", Handler: fetch, Method: "POST", Target: "/body", Sent: []byte("\xef\xbb\xbfgrün"), Status: 200, Body: `["grün",true,"TypeError",8]`},
		{Name: "a request that is passed on", Handler: fetch, Method: "POST", Target: "/passed-on", Sent: []byte("grün"), Status: 200, Body: "grün"},
		{Name: "a body of JSON", Handler: fetch, Method: "POST", Target: "/json", Sent: []byte(`{"a":"b"}`), Status: 200, Body: `["b",true]`},
		{Name: "a body that is no JSON", Handler: fetch, Method: "POST", Target: "/json", Sent: []byte(`{`), Status: 500, Body: failed, Log: "SyntaxError"},
		{Name: "a method that no Request has", Handler: fetch, Method: "TRACE", Target: "/", Status: 400, Body: "bad request: 'TRACE' HTTP method is unsupported.\n"},
	}
}

// Judge compares an answer with what it has to be.
func (a NodeAnswer) Judge(t *testing.T, status int, body string, header http.Header) {
	t.Helper()
	if status != a.Status || body != a.Body {
		t.Errorf("got %d %q", status, body)
	}
	for name, want := range a.Header {
		if diff := cmp.Diff(want, header[name]); diff != "" {
			t.Errorf("header %s: %s", name, diff)
		}
	}
}

// Verb is the method.
func (a NodeAnswer) Verb() string {
	if a.Method == "" {
		return "GET"
	}
	return a.Method
}

func TestInNodeAnAnswerIsWhatItsRulesSay(t *testing.T) {
	t.Parallel()
	started := map[string]*instance{}
	for _, a := range NodeAnswers() {
		if started[a.Handler] == nil {
			p := platform{name: a.Handler, runtime: "nodejs24", style: a.Style(), handler: a.Handler, command: nodeCommand, source: "testdata/answers/nodejs"}
			started[a.Handler] = p.start(t, p.function())
		}
		i := started[a.Handler]
		t.Run(a.Name, func(t *testing.T) {
			got := i.do(a.Verb(), a.Target, a.Sent, a.Headers...)
			a.Judge(t, got.status, got.body, got.header)
			i.waitFor(a.Log)
		})
	}
}

func TestInNodeOnlyACloudEventIsDelivered(t *testing.T) {
	t.Parallel()
	onQueue := func(fn *manifest.Function) {
		fn.Events = append(fn.Events, manifest.Event{Queue: &manifest.QueueEvent{Name: "orders", Batch: 1}})
	}
	p := platforms()[0]
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
		{"nothing", []string{structured}, "null", 400},
		{"a batch", []string{"content-type: application/cloudevents-batch+json"}, "[]", 400},
		{"data that is no base64", []string{structured}, `{"specversion":"1.0","id":"1","source":"/s","type":"t","data_base64":"?"}`, 400},
	} {
		got := i.do("POST", "/.ferry/event", []byte(c.body), append(c.headers, "ferry-instance: nonce")...)
		if got.status != c.status {
			t.Errorf("%s: %d %s", c.name, got.status, got.body)
		}
	}
	i.waitFor(`event t 7 {"n":1} attempt undefined`)
	i.waitFor(`event t 8 {"n":1} attempt undefined`)
}

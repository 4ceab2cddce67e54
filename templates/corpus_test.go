package templates

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/manifest"
)

// This file is what every target's shim has to carry. It is exported to the tests that build real packages, which
// cannot lie in this package.

// Echoed is what the echo handlers answer: the request as it reached them.
type Echoed struct {
	Method  string              `json:"method"`
	Path    string              `json:"path"`
	Query   string              `json:"query"`
	Headers map[string][]string `json:"headers"`
	Body    []byte              `json:"body"`
}

// Header is a header's values joined, however the runtime splits them.
func (e Echoed) Header(name string) string {
	joined := strings.ReplaceAll(strings.Join(e.Headers[name], ","), ", ", ",")
	return strings.ReplaceAll(joined, ",", ", ")
}

// EveryByte is a body that is no text.
func EveryByte() []byte {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	return all
}

// RequestCase is a request and how it has to reach the handler.
type RequestCase struct {
	Name, Method, Target string
	Body                 []byte
	Headers              []string
	Want                 Echoed
	WantHeaders          map[string]string
}

// Judge compares what an echo handler answered with how the request had to reach it. A Request of the web standard
// escapes what would be a fragment.
func (c RequestCase) Judge(t *testing.T, style manifest.Style, status int, answer string) {
	t.Helper()
	want := c.Want
	want.Method = c.Method
	if style == manifest.StyleFetch {
		want.Query = strings.ReplaceAll(want.Query, "#", "%23")
	}
	var got Echoed
	if err := json.Unmarshal([]byte(answer), &got); err != nil {
		t.Fatalf("%d %q: %v", status, answer, err)
	}
	for name, value := range c.WantHeaders {
		if got.Header(name) != value {
			t.Errorf("header %s is %q, want %q", name, got.Header(name), value)
		}
	}
	got.Headers = nil
	if len(got.Body) == 0 {
		got.Body = nil
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// RequestCases are the requests that every shim carries.
func RequestCases() []RequestCase {
	chunked := "transfer-encoding: chunked"
	return []RequestCase{
		{Name: "the root", Method: "GET", Target: "/", Want: Echoed{Path: "/"}},
		{Name: "an encoded slash and space", Method: "GET", Target: "/a%2Fb%20c/%E2%82%AC", Want: Echoed{Path: "/a%2Fb%20c/%E2%82%AC"}},
		{Name: "lower case escapes", Method: "GET", Target: "/%2f%c3%a9%25%3f", Want: Echoed{Path: "/%2f%c3%a9%25%3f"}},
		{Name: "a double slash is a path and no host", Method: "GET", Target: "//evil.example/x?y", Want: Echoed{Path: "//evil.example/x", Query: "y"}},
		{Name: "characters that need no escape", Method: "GET", Target: "/a;b=c,d:e@f!$&'()*+~-._", Want: Echoed{Path: "/a;b=c,d:e@f!$&'()*+~-._"}},
		{Name: "duplicate query keys", Method: "GET", Target: "/q?a=1&a=2&b&c=", Want: Echoed{Path: "/q", Query: "a=1&a=2&b&c="}},
		{Name: "a raw query", Method: "GET", Target: "/q?x=%2F+y%zz&&;?#", Want: Echoed{Path: "/q", Query: "x=%2F+y%zz&&;?#"}},
		{Name: "a method of its own", Method: "DELETE", Target: "/x", Want: Echoed{Path: "/x"}},
		{Name: "options", Method: "OPTIONS", Target: "/x", Want: Echoed{Path: "/x"}},
		{Name: "a binary body", Method: "POST", Target: "/x", Body: EveryByte(), Want: Echoed{Path: "/x", Body: EveryByte()}},
		{Name: "an empty body", Method: "POST", Target: "/x", Body: []byte{}, Want: Echoed{Path: "/x"}},
		{
			Name: "a chunked body", Method: "PUT", Target: "/x", Body: []byte("3\r\nabc\r\n2;ext=1\r\n\x00\xff\r\n0\r\nx-trailer: 1\r\n\r\n"),
			Headers: []string{chunked}, Want: Echoed{Path: "/x", Body: []byte("abc\x00\xff")},
		},
		{
			Name: "headers", Method: "GET", Target: "/x", Headers: []string{"X-Multi: a", "x-multi: b", "Cookie: a=1; b=2", "x-latin: caf\xe9"},
			Want: Echoed{Path: "/x"}, WantHeaders: map[string]string{"x-multi": "a, b", "cookie": "a=1; b=2", "host": "shop.example:8080"},
		},
		{
			Name: "a content type", Method: "POST", Target: "/x", Body: []byte("{}"), Headers: []string{"content-type: application/json"},
			Want: Echoed{Path: "/x", Body: []byte("{}")}, WantHeaders: map[string]string{"content-type": "application/json"},
		},
		{Name: "a probe without the nonce", Method: "GET", Target: "/.ferry/probe", Want: Echoed{Path: "/.ferry/probe"}},
		{Name: "a probe with a wrong nonce", Method: "GET", Target: "/.ferry/probe", Headers: []string{"ferry-instance: x"}, Want: Echoed{Path: "/.ferry/probe"}},
		{Name: "an event without the nonce", Method: "POST", Target: "/.ferry/event", Body: []byte("x"), Want: Echoed{Path: "/.ferry/event", Body: []byte("x")}},
		{Name: "headers for the shim from outside", Method: "GET", Target: "/x", Headers: []string{"ferry-attributes: {", "ferry-attempt: x"}, Want: Echoed{Path: "/x"}},
	}
}

// ResponseCase is a request and what its answer has to be.
type ResponseCase struct {
	Name, Method, Target string
	Status               int
	Body                 string
	Length               int64 // -1 is not checked
	Header               http.Header
}

// ResponseCases are the answers that every shim carries.
func ResponseCases() []ResponseCase {
	return []ResponseCase{
		{Name: "a status", Method: "GET", Target: "/special/status", Status: 418, Body: "short and stout", Length: 15},
		{Name: "two cookies", Method: "GET", Target: "/special/cookies", Status: 200, Body: "ok", Length: 2, Header: http.Header{"Set-Cookie": {"a=1; Path=/", "b=2, 3"}}},
		{Name: "a header twice", Method: "GET", Target: "/special/multi", Status: 200, Body: "ok", Length: 2, Header: http.Header{"X-Multi": {"a, b"}}},
		{Name: "a binary body", Method: "GET", Target: "/special/binary", Status: 200, Body: string(EveryByte()), Length: 256, Header: http.Header{"Content-Type": {"application/octet-stream"}}},
		{Name: "a large body", Method: "GET", Target: "/special/large", Status: 200, Body: strings.Repeat("x", 5<<20), Length: -1},
		{Name: "the head alone", Method: "HEAD", Target: "/special/binary", Status: 200, Length: -1, Header: http.Header{"Content-Type": {"application/octet-stream"}}},
		{Name: "204 without a body", Method: "GET", Target: "/special/empty", Status: 204, Length: 0, Header: http.Header{"Content-Length": nil, "Transfer-Encoding": nil}},
		{Name: "304 without a body", Method: "GET", Target: "/special/unmodified", Status: 304, Length: -1, Header: http.Header{"Etag": {`"v1"`}, "Transfer-Encoding": nil}},
		{Name: "500 for a handler that throws", Method: "GET", Target: "/special/throw", Status: 500, Body: "internal server error\n", Length: 22},
	}
}

// Carries is whether a language has a carrier.
func Carries(language, carrier string) bool { return has(files, language, "carriers/"+carrier) }

// CacheDir is a folder that lives as long as this run of the tests.
func CacheDir() string { return builds.dir }

// FreeAddr is an address that a process can be told to listen on.
func FreeAddr(t *testing.T) string { return ports.Free(t) }

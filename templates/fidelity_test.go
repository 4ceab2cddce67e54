package templates

import (
	"bufio"
	"encoding/json"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/manifest"
)

// echoed is what the echo handlers answer: the request as it reached them.
type echoed struct {
	Method  string              `json:"method"`
	Path    string              `json:"path"`
	Query   string              `json:"query"`
	Headers map[string][]string `json:"headers"`
	Body    []byte              `json:"body"`
}

// header is a header's values joined, however the runtime splits them.
func (e echoed) header(name string) string {
	joined := strings.ReplaceAll(strings.Join(e.Headers[name], ","), ", ", ",")
	return strings.ReplaceAll(joined, ",", ", ")
}

func everyByte() []byte {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	return all
}

func TestARequestReachesTheHandlerAsItWasSent(t *testing.T) {
	chunked := "transfer-encoding: chunked"
	cases := []struct {
		name, method, target string
		body                 []byte
		headers              []string
		want                 echoed
		wantHeaders          map[string]string
	}{
		{name: "the root", method: "GET", target: "/", want: echoed{Path: "/"}},
		{name: "an encoded slash and space", method: "GET", target: "/a%2Fb%20c/%E2%82%AC", want: echoed{Path: "/a%2Fb%20c/%E2%82%AC"}},
		{name: "lower case escapes", method: "GET", target: "/%2f%c3%a9%25%3f", want: echoed{Path: "/%2f%c3%a9%25%3f"}},
		{name: "a double slash is a path and no host", method: "GET", target: "//evil.example/x?y", want: echoed{Path: "//evil.example/x", Query: "y"}},
		{name: "characters that need no escape", method: "GET", target: "/a;b=c,d:e@f!$&'()*+~-._", want: echoed{Path: "/a;b=c,d:e@f!$&'()*+~-._"}},
		{name: "duplicate query keys", method: "GET", target: "/q?a=1&a=2&b&c=", want: echoed{Path: "/q", Query: "a=1&a=2&b&c="}},
		{name: "a raw query", method: "GET", target: "/q?x=%2F+y%zz&&;?#", want: echoed{Path: "/q", Query: "x=%2F+y%zz&&;?#"}},
		{name: "a method of its own", method: "DELETE", target: "/x", want: echoed{Path: "/x"}},
		{name: "options", method: "OPTIONS", target: "/x", want: echoed{Path: "/x"}},
		{name: "a binary body", method: "POST", target: "/x", body: everyByte(), want: echoed{Path: "/x", Body: everyByte()}},
		{name: "an empty body", method: "POST", target: "/x", body: []byte{}, want: echoed{Path: "/x"}},
		{
			name: "a chunked body", method: "PUT", target: "/x", body: []byte("3\r\nabc\r\n2;ext=1\r\n\x00\xff\r\n0\r\nx-trailer: 1\r\n\r\n"),
			headers: []string{chunked}, want: echoed{Path: "/x", Body: []byte("abc\x00\xff")},
		},
		{
			name: "headers", method: "GET", target: "/x", headers: []string{"X-Multi: a", "x-multi: b", "Cookie: a=1; b=2", "x-latin: caf\xe9"},
			want: echoed{Path: "/x"}, wantHeaders: map[string]string{"x-multi": "a, b", "cookie": "a=1; b=2", "host": "shop.example:8080"},
		},
		{
			name: "a content type", method: "POST", target: "/x", body: []byte("{}"), headers: []string{"content-type: application/json"},
			want: echoed{Path: "/x", Body: []byte("{}")}, wantHeaders: map[string]string{"content-type": "application/json"},
		},
		{name: "a probe without the nonce", method: "GET", target: "/.ferry/probe", want: echoed{Path: "/.ferry/probe"}},
		{name: "a probe with a wrong nonce", method: "GET", target: "/.ferry/probe", headers: []string{"ferry-instance: x"}, want: echoed{Path: "/.ferry/probe"}},
		{name: "an event without the nonce", method: "POST", target: "/.ferry/event", body: []byte("x"), want: echoed{Path: "/.ferry/event", Body: []byte("x")}},
		{name: "headers for the shim from outside", method: "GET", target: "/x", headers: []string{"ferry-attributes: {", "ferry-attempt: x"}, want: echoed{Path: "/x"}},
	}
	everywhere(t, func(t *testing.T, p platform) {
		i := p.start(t, p.function())
		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				want := c.want
				want.Method = c.method
				if p.style == manifest.StyleFetch {
					want.Query = strings.TrimSuffix(want.Query, "#") + strings.Repeat("%23", strings.Count(want.Query, "#"))
				}
				a := i.do(c.method, c.target, c.body, c.headers...)
				var got echoed
				if err := json.Unmarshal([]byte(a.body), &got); err != nil {
					t.Fatalf("%d %q: %v", a.status, a.body, err)
				}
				for name, value := range c.wantHeaders {
					if got.header(name) != value {
						t.Errorf("header %s is %q, want %q", name, got.header(name), value)
					}
				}
				got.Headers = nil
				if len(got.Body) == 0 {
					got.Body = nil
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Error(diff)
				}
			})
		}
	})
}

func TestAResponseReachesTheClientAsItWasGiven(t *testing.T) {
	cases := []struct {
		name, method, target string
		status               int
		body                 string
		length               int64 // -1 is not checked
		header               http.Header
	}{
		{name: "a status", method: "GET", target: "/special/status", status: 418, body: "short and stout", length: 15},
		{name: "two cookies", method: "GET", target: "/special/cookies", status: 200, body: "ok", length: 2, header: http.Header{"Set-Cookie": {"a=1; Path=/", "b=2, 3"}}},
		{name: "a header twice", method: "GET", target: "/special/multi", status: 200, body: "ok", length: 2, header: http.Header{"X-Multi": {"a, b"}}},
		{name: "a binary body", method: "GET", target: "/special/binary", status: 200, body: string(everyByte()), length: 256, header: http.Header{"Content-Type": {"application/octet-stream"}}},
		{name: "a large body", method: "GET", target: "/special/large", status: 200, body: strings.Repeat("x", 5<<20), length: -1},
		{name: "the head alone", method: "HEAD", target: "/special/binary", status: 200, length: -1, header: http.Header{"Content-Type": {"application/octet-stream"}}},
		{name: "204 without a body", method: "GET", target: "/special/empty", status: 204, length: 0, header: http.Header{"Content-Length": nil, "Transfer-Encoding": nil}},
		{name: "304 without a body", method: "GET", target: "/special/unmodified", status: 304, length: -1, header: http.Header{"Etag": {`"v1"`}, "Transfer-Encoding": nil}},
		{name: "500 for a handler that throws", method: "GET", target: "/special/throw", status: 500, body: "internal server error\n", length: 22},
	}
	everywhere(t, func(t *testing.T, p platform) {
		i := p.start(t, p.function())
		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				a := i.do(c.method, c.target, nil)
				if a.status != c.status || a.body != c.body {
					t.Errorf("got %d with %d bytes %.40q, want %d with %d", a.status, len(a.body), a.body, c.status, len(c.body))
				}
				if c.length >= 0 && a.length != c.length {
					t.Errorf("content-length is %d, want %d", a.length, c.length)
				}
				for name, want := range c.header {
					got := a.header[name]
					if name != "Set-Cookie" && len(got) > 1 {
						got = []string{strings.Join(got, ", ")}
					}
					if diff := cmp.Diff(want, got); diff != "" {
						t.Errorf("header %s: %s", name, diff)
					}
				}
			})
		}
		i.waitFor(p.throws)
	})
}

// TestAConnectionIsKeptAndStaysInStep covers answers without bodies and bodies that nobody reads.
func TestAConnectionIsKeptAndStaysInStep(t *testing.T) {
	everywhere(t, func(t *testing.T, p platform) {
		i := p.start(t, p.function())
		conn, err := net.Dial("tcp", i.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		r := bufio.NewReader(conn)
		unread := make([]byte, 200_000)
		steps := []struct {
			method, target string
			body           []byte
			status         int
		}{
			{"GET", "/special/empty", nil, 204},
			{"HEAD", "/special/binary", nil, 200},
			{"GET", "/special/unmodified", nil, 304},
			{"POST", "/special/status", unread, 418},
			{"POST", "/special/throw", unread, 500},
			{"GET", "/special/large", nil, 200},
			{"GET", "/", nil, 200},
		}
		for _, s := range steps {
			a, err := roundTrip(conn, r, s.method, raw(s.method, s.target, s.body))
			if err != nil {
				t.Fatalf("%s %s: %v\n%s", s.method, s.target, err, i.out)
			}
			if a.status != s.status {
				t.Errorf("%s %s: %d, want %d", s.method, s.target, a.status, s.status)
			}
		}
	})
}

func TestAnInstanceServesRequestsAtOnce(t *testing.T) {
	everywhere(t, func(t *testing.T, p platform) {
		i := p.start(t, p.function())
		client := &http.Client{Transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 16}, Timeout: patience}
		defer client.CloseIdleConnections()
		began := time.Now()
		var wg sync.WaitGroup
		for n := range 16 {
			wg.Go(func() {
				for k := range 20 {
					want := "n=" + strconv.Itoa(n*100+k)
					res, err := client.Post("http://"+i.addr+"/x?"+want, "text/plain", strings.NewReader(want))
					if err != nil {
						t.Errorf("%v", err)
						return
					}
					var got echoed
					err = json.NewDecoder(res.Body).Decode(&got)
					res.Body.Close()
					if err != nil || got.Query != want || string(got.Body) != want {
						t.Errorf("got %+v, %v, want %s", got, err, want)
					}
				}
			})
		}
		wg.Wait()
		t.Logf("320 requests from 16 clients in %v", time.Since(began).Round(time.Millisecond))
	})
}

func TestAStreamArrivesPieceByPiece(t *testing.T) {
	everywhere(t, func(t *testing.T, p platform) {
		i := p.start(t, p.function())
		client := &http.Client{Transport: &http.Transport{DisableCompression: true}, Timeout: patience}
		res, err := client.Get("http://" + i.addr + "/special/stream")
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		r := bufio.NewReader(res.Body)
		if line, err := r.ReadString('\n'); line != "one\n" {
			t.Fatalf("the first piece is %q, %v", line, err)
		}
		i.do("GET", "/special/release", nil)
		if line, err := r.ReadString('\n'); line != "two\n" {
			t.Fatalf("the second piece is %q, %v", line, err)
		}
	})
}

func TestAStreamThatFailsIsCutAndNotEnded(t *testing.T) {
	everywhere(t, func(t *testing.T, p platform) {
		i := p.start(t, p.function())
		a, err := i.try("GET", "/special/throw-late", nil)
		if err == nil {
			t.Errorf("got a whole response %d %q", a.status, a.body)
		}
		i.waitFor("thrown on purpose")
		if a := i.do("GET", "/special/status", nil); a.status != 418 {
			t.Errorf("the process does not serve any more: %d", a.status)
		}
	})
}

func TestAHandlerLearnsThatTheClientHasGone(t *testing.T) {
	everywhere(t, func(t *testing.T, p platform) {
		i := p.start(t, p.function())
		conn, err := net.Dial("tcp", i.addr)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write(raw("GET", "/special/hang", nil)); err != nil {
			t.Fatal(err)
		}
		i.waitFor("hanging")
		conn.Close()
		i.waitFor("aborted")
		if strings.Contains(strings.ToLower(i.out.String()), "traceback") {
			t.Errorf("a client that goes is no error:\n%s", i.out)
		}
	})
}

func TestABodyThatWaitsToBeAskedForIsAskedFor(t *testing.T) {
	everywhere(t, func(t *testing.T, p platform) {
		i := p.start(t, p.function())
		transport := &http.Transport{DisableCompression: true, ExpectContinueTimeout: patience}
		defer transport.CloseIdleConnections()
		for range 2 {
			req, err := http.NewRequest("POST", "http://"+i.addr+"/x", strings.NewReader("asked for"))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Expect", "100-continue")
			res, err := transport.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			var got echoed
			err = json.NewDecoder(res.Body).Decode(&got)
			res.Body.Close()
			if err != nil || string(got.Body) != "asked for" {
				t.Errorf("got %+v, %v", got, err)
			}
		}
	})
}

func TestWhatIsNoRequestIsRefusedAndServingGoesOn(t *testing.T) {
	garbage := []string{
		"\x16\x03\x01 nonsense\r\n\r\n",
		"GET / HTTP/1.1\r\nhost: x\r\nbad header: 1\r\n\r\n",
		"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
		"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
		"POST /x HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
		"GET / HTTP/1.1\r\nhost: x\r\nx: " + strings.Repeat("x", 200_000) + "\r\n\r\n",
	}
	everywhere(t, func(t *testing.T, p platform) {
		i := p.start(t, p.function())
		for _, g := range garbage {
			conn, err := net.Dial("tcp", i.addr)
			if err != nil {
				t.Fatal(err)
			}
			a, err := roundTrip(conn, bufio.NewReader(conn), "GET", []byte(g))
			if err == nil && a.status < 400 {
				t.Errorf("%.60q: %d", g, a.status)
			}
			conn.Close()
		}
		if a := i.do("GET", "/special/status", nil); a.status != 418 {
			t.Errorf("the process does not serve any more: %d", a.status)
		}
	})
}

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
)

func TestARequestReachesTheHandlerAsItWasSent(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, p platform) {
		i := p.start(t, p.function())
		for _, c := range RequestCases() {
			t.Run(c.Name, func(t *testing.T) {
				a := i.do(c.Method, c.Target, c.Body, c.Headers...)
				c.Judge(t, p.style, a.status, a.body)
			})
		}
	})
}

func TestAResponseReachesTheClientAsItWasGiven(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, p platform) {
		i := p.start(t, p.function())
		for _, c := range ResponseCases() {
			t.Run(c.Name, func(t *testing.T) {
				a := i.do(c.Method, c.Target, nil)
				if a.status != c.Status || a.body != c.Body {
					t.Errorf("got %d with %d bytes %.40q, want %d with %d", a.status, len(a.body), a.body, c.Status, len(c.Body))
				}
				if c.Length >= 0 && a.length != c.Length {
					t.Errorf("content-length is %d, want %d", a.length, c.Length)
				}
				for name, want := range c.Header {
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
	t.Parallel()
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
	t.Parallel()
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
					var got Echoed
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
	t.Parallel()
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
	t.Parallel()
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
	t.Parallel()
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
	t.Parallel()
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
			var got Echoed
			err = json.NewDecoder(res.Body).Decode(&got)
			res.Body.Close()
			if err != nil || string(got.Body) != "asked for" {
				t.Errorf("got %+v, %v", got, err)
			}
		}
	})
}

func TestWhatIsNoRequestIsRefusedAndServingGoesOn(t *testing.T) {
	t.Parallel()
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

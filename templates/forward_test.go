package templates

import (
	"bufio"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/ferryfn/ferry/manifest"
)

// sides are the two sides of a migration, running: whatever the new one is given at first, the old one sends it all requests.
type sides struct{ old, new *instance }

const migrationSecret = "a secret of the migration"

func (p platform) side(t *testing.T, told map[string]any) *instance {
	t.Helper()
	text, err := json.Marshal(told)
	if err != nil {
		t.Fatal(err)
	}
	fn := p.function(func(fn *manifest.Function) { fn.Env = map[string]string{manifest.MigrationVariable: "set"} })
	return p.startWith(t, fn, manifest.MigrationVariable+"="+string(text))
}

func (p platform) oldSide(t *testing.T, url string, more map[string]any) *instance {
	t.Helper()
	told := map[string]any{"from": "there", "to": "here", "url": url, "percent": 100, "secret": migrationSecret}
	maps.Copy(told, more)
	return p.side(t, told)
}

func (p platform) newSide(t *testing.T) *instance {
	t.Helper()
	sum := sha256.Sum256([]byte(migrationSecret))
	return p.side(t, map[string]any{"to": "here", "accepts": hex.EncodeToString(sum[:])})
}

func (p platform) migrating(t *testing.T) sides {
	t.Helper()
	s := sides{new: p.newSide(t)}
	s.old = p.oldSide(t, "http://"+s.new.addr, nil)
	return s
}

// seen is what the echo handler says that it got.
type seen struct {
	Method, Path, Query, Body, URL string
	Headers                        map[string][]string
}

func (a answer) seen(t *testing.T) (s seen) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.body), &s); err != nil {
		t.Fatalf("%d: %v: %s", a.status, err, a.body)
	}
	return s
}

func TestTheNewSideAnswersWhatTheOldSideGot(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, p platform) {
		s := p.migrating(t)
		body := []byte("some\x00bytes")
		given := s.old.do("POST", "/a%2Fb/c%20d?x=%26&y", body, "x-forwarded-for: 203.0.113.7", "cookie: a=1; b=2", "x-own: 1")
		if side := given.header["Ferry-Side"]; len(side) != 1 || side[0] != "here" {
			t.Fatalf("answered by %v: %d %s\n%s\n%s", side, given.status, given.body, s.old.out, s.new.out)
		}
		got := given.seen(t)
		if text, _ := base64.StdEncoding.DecodeString(got.Body); string(text) != string(body) || got.Method != "POST" || got.Query != "x=%26&y" {
			t.Errorf("the new side got %+v", got)
		}
		for name, want := range map[string]string{"host": "shop.example:8080", "cookie": "a=1; b=2", "x-own": "1", "x-forwarded-for": "203.0.113.7"} {
			if values := got.Headers[name]; len(values) != 1 || values[0] != want {
				t.Errorf("the header %s became %q", name, values)
			}
		}
		if sent := got.Headers["ferry-forwarded"]; sent != nil {
			t.Error("the handler got what only the migration is to know")
		}
		for _, path := range []string{"/special/cookies", "/special/multi", "/special/binary", "/special/empty", "/special/status", "/special/large"} {
			there, direct := s.old.do("GET", path, nil), s.new.do("GET", path, nil)
			if there.status != direct.status || there.body != direct.body || fmt.Sprint(there.header["Set-Cookie"], there.header["X-Multi"]) != fmt.Sprint(direct.header["Set-Cookie"], direct.header["X-Multi"]) {
				t.Errorf("%s became %d %v of %d bytes", path, there.status, there.header, len(there.body))
			}
		}
	})
}

func TestAStreamPassesTheForwarderAsItComes(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, p platform) {
		s := p.migrating(t)
		res, err := http.Get("http://" + s.old.addr + "/special/stream")
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		r := bufio.NewReader(res.Body)
		if line, err := r.ReadString('\n'); line != "one\n" {
			t.Fatalf("%q, %v", line, err)
		}
		s.new.do("GET", "/special/release", nil)
		if line, err := r.ReadString('\n'); line != "two\n" {
			t.Fatalf("%q, %v", line, err)
		}
	})
}

func TestTheOldSideAnswersWhereTheNewSideFails(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, p platform) {
		closed := "http://" + ports.Free(t)
		old := p.oldSide(t, closed, nil)
		for method, body := range map[string]string{"GET": "", "POST": "{}"} { // no byte of either was sent
			a := old.do(method, "/x", []byte(body))
			sent := base64.StdEncoding.EncodeToString([]byte(body))
			if side := a.header["Ferry-Side"]; a.status != 200 || side[0] != "there" || a.seen(t).Body != sent {
				t.Errorf("%s: %d by %v: %s", method, a.status, side, a.body)
			}
		}
		tries := make(chan string, 10)
		ingress := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			tries <- r.Method
			w.WriteHeader(http.StatusServiceUnavailable)
		}))
		t.Cleanup(ingress.Close)
		old = p.oldSide(t, ingress.URL, nil)
		if a := old.do("GET", "/x", nil); a.status != 200 || a.header["Ferry-Side"][0] != "there" {
			t.Errorf("GET: %d %v", a.status, a.header)
		}
		if a := old.do("POST", "/x", []byte("{}")); a.status != 503 {
			t.Errorf("what may have been done already was done again: %d %s", a.status, a.body)
		}
		if len(tries) != 2 {
			t.Errorf("the new side was asked %d times", len(tries))
		}
	})
}

func TestARequestThatMayHaveArrivedIsNotAnsweredTwice(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, p platform) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				_, _ = http.ReadRequest(bufio.NewReader(conn))
				_ = conn.Close() // without an answer
			}
		}()
		old := p.oldSide(t, "http://"+l.Addr().String(), nil)
		if a := old.do("POST", "/x", []byte("{}")); a.status < 500 {
			t.Errorf("POST was answered with %d: %s", a.status, a.body)
		}
		if a := old.do("GET", "/x", nil); a.status != 200 || a.header["Ferry-Side"][0] != "there" {
			t.Errorf("GET: %d %v", a.status, a.header)
		}
	})
}

func TestNoRequestIsForwardedTwiceAndNoStrangerChangesTheClient(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, p platform) {
		s := p.migrating(t)
		forged, err := json.Marshal(map[string]any{"secret": "guessed", "client": "198.51.100.1", "scheme": "https", "headers": [][]string{{"host", "evil.example"}}})
		if err != nil {
			t.Fatal(err)
		}
		header := "ferry-forwarded: " + base64.RawURLEncoding.EncodeToString(forged)
		if a := s.old.do("GET", "/x", nil, header); a.header["Ferry-Side"][0] != "there" {
			t.Errorf("what was forwarded once was forwarded again: %v", a.header)
		}
		for _, junk := range []string{header, "ferry-forwarded: %%%", "ferry-forwarded: e30"} {
			if a := s.new.do("GET", "/x", nil, junk); a.status != 200 || strings.Contains(a.body, `"evil.example"`) {
				t.Errorf("%s: %d %s", junk, a.status, a.body)
			}
		}
		share := p.oldSide(t, "http://"+s.new.addr, map[string]any{"percent": 0})
		if a := share.do("GET", "/x", nil); a.header["Ferry-Side"][0] != "there" {
			t.Errorf("a share of nothing was forwarded: %v", a.header)
		}
	})
}

func TestAPrivateNewSideIsAskedWithItsKey(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, p platform) {
		sum := sha256.Sum256([]byte(migrationSecret))
		newSide := p.side(t, map[string]any{"to": "here", "accepts": hex.EncodeToString(sum[:]), "key": "x-functions-key"})
		keys := make(chan string, 10)
		ingress := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			keys <- r.Header.Get("x-functions-key")
			to := &url.URL{Scheme: "http", Host: newSide.addr}
			httputil.NewSingleHostReverseProxy(to).ServeHTTP(w, r)
		}))
		t.Cleanup(ingress.Close)
		told, err := json.Marshal(map[string]any{"from": "there", "to": "here", "url": ingress.URL, "percent": 100, "secret": migrationSecret, "key": "x-functions-key"})
		if err != nil {
			t.Fatal(err)
		}
		fn := p.function(func(fn *manifest.Function) { fn.Env = map[string]string{manifest.MigrationVariable: "set"} })
		old := p.startWith(t, fn, manifest.MigrationVariable+"="+string(told), manifest.MigrationVariable+"_KEY=a key")
		a := old.do("GET", "/x", nil, "x-functions-key: the client's")
		if a.status != 200 || a.header["Ferry-Side"][0] != "here" {
			t.Fatalf("%d %v: %s", a.status, a.header, a.body)
		}
		if key := <-keys; key != "a key" {
			t.Errorf("the ingress got the key %q", key)
		}
		if got := a.seen(t).Headers["x-functions-key"]; len(got) != 1 || got[0] != "the client's" {
			t.Errorf("the handler got the key %q", got)
		}
		for secret, want := range map[string]int{migrationSecret: http.StatusNoContent, "guessed": http.StatusOK} {
			sealed, err := json.Marshal(map[string]any{"secret": secret, "probe": true})
			if err != nil {
				t.Fatal(err)
			}
			if a := newSide.do("GET", "/x", nil, "ferry-forwarded: "+base64.RawURLEncoding.EncodeToString(sealed)); a.status != want || a.header["Ferry-Side"][0] != "here" {
				t.Errorf("asked with %q whether requests get there it answers %d %v", secret, a.status, a.header)
			}
		}
	})
}

func TestAForwarderThatIsFinalHasNothingToFallBackOn(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, p platform) {
		old := p.oldSide(t, "http://"+ports.Free(t), map[string]any{"final": true})
		begun := time.Now()
		if a := old.do("GET", "/x", nil); a.status < 500 || time.Since(begun) > patience {
			t.Errorf("%d %s", a.status, a.body)
		}
	})
}

// badSide answers each path as a new side may that is wrong, or that something in between is wrong with; all else is answered well.
func badSide(t *testing.T) string {
	t.Helper()
	const good = "HTTP/1.1 200 OK\r\nferry-side: here\r\ncontent-length: 2\r\n\r\nok"
	answers := map[string]string{
		"/hints":    "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n" + good,
		"/huge":     "HTTP/1.1 200 OK\r\nx: " + strings.Repeat("x", 16<<20) + "\r\n\r\n",
		"/junk":     "this is no answer\r\n\r\n",
		"/switches": "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
		"/breaks":   "HTTP/1.1 200 OK\r\nferry-side: here\r\ncontent-length: 10\r\n\r\nabc",
		"/chunks":   "HTTP/1.1 200 OK\r\nferry-side: here\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n",
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				r, err := http.ReadRequest(bufio.NewReader(conn))
				if err != nil {
					return
				}
				answer, bad := answers[r.URL.Path]
				if !bad {
					answer = strings.Replace(good, "content-length", "connection: close\r\ncontent-length", 1)
				}
				_, _ = conn.Write([]byte(answer))
				if r.URL.Path == "/early" { // the body is not read
					_ = conn.(*net.TCPConn).CloseWrite()
					_, _ = io.CopyN(io.Discard, conn, 1<<20)
				}
			}()
		}
	}()
	return "http://" + l.Addr().String()
}

func TestAForwarderOutlivesWhatIsWrongWithTheNewSide(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, p platform) {
		old := p.oldSide(t, badSide(t), nil)
		ask := func(method, path string, body io.Reader) (side, text string, err error) {
			req, err := http.NewRequestWithContext(t.Context(), method, "http://"+old.addr+path, body)
			if err != nil {
				t.Fatal(err)
			}
			client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
			res, err := client.Do(req)
			if err != nil {
				return "", "", err
			}
			defer res.Body.Close()
			read, err := io.ReadAll(res.Body)
			return res.Header.Get("Ferry-Side"), string(read), err
		}
		for range 2 {
			if side, text, err := ask("GET", "/hints", nil); side != "here" || text != "ok" {
				t.Errorf("hints before the answer: %q by %q, %v", text, side, err)
			}
			for _, path := range []string{"/huge", "/junk", "/switches"} {
				if side, text, err := ask("GET", path, nil); side != "there" || err != nil {
					t.Errorf("%s: %.80q by %q, %v", path, text, side, err)
				}
			}
			for _, path := range []string{"/breaks", "/chunks"} {
				if _, text, err := ask("GET", path, nil); err == nil && text != "internal server error\n" { // where nothing was out yet
					t.Errorf("%s: what broke off seems to be whole: %q", path, text)
				}
			}
			// Whether the answer gets through is the network's to say: what is sent to who reads no more may reset the connection.
			_, _, _ = ask("POST", "/early", strings.NewReader(strings.Repeat("x", 8<<20)))
			if side, text, err := ask("GET", "/good", nil); side != "here" || text != "ok" {
				t.Errorf("after all that: %q by %q, %v\n%s", text, side, err, old.out)
			}
		}
	})
}

func TestABodyOfUnknownLengthPassesTheForwarderWhole(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, p platform) {
		got := make(chan string, 10)
		ingress := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			sum := sha256.New()
			n, err := io.Copy(sum, r.Body)
			got <- fmt.Sprintf("%s %s %d %x %v", r.Method, r.URL.Path, n, sum.Sum(nil)[:4], err)
			w.Header().Set("ferry-side", "here")
		}))
		t.Cleanup(ingress.Close)
		old := p.oldSide(t, ingress.URL, nil)
		text := strings.Repeat("0123456789abcdef", 2<<20) // 32 MB
		sum := sha256.Sum256([]byte(text))
		hidden := "GET /hidden HTTP/1.1\r\nhost: a\r\n\r\n"
		hiddenSum := sha256.Sum256([]byte(hidden))
		for _, c := range []struct{ method, body, want string }{
			{"POST", text, fmt.Sprintf("POST /x %d %x <nil>", len(text), sum[:4])},
			{"GET", hidden, fmt.Sprintf("GET /x %d %x <nil>", len(hidden), hiddenSum[:4])}, // not as a request of its own
			{"PUT", hidden, fmt.Sprintf("PUT /x %d %x <nil>", len(hidden), hiddenSum[:4])},
		} {
			req, err := http.NewRequestWithContext(t.Context(), c.method, "http://"+old.addr+"/x", io.MultiReader(strings.NewReader(c.body)))
			if err != nil {
				t.Fatal(err)
			}
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatalf("%s: %v\n%s", c.method, err, old.out)
			}
			_ = res.Body.Close()
			if request := <-got; request != c.want || res.Header.Get("Ferry-Side") != "here" {
				t.Errorf("the new side got %s instead of %s", request, c.want)
			}
		}
		if len(got) > 0 {
			t.Errorf("the new side got %s, too\n%s", <-got, old.out)
		}
		if text := old.out.String(); strings.Contains(text, "Warning") {
			t.Error(text)
		}
	})
}

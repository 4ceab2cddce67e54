//go:build unix

package platform

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/providers/local/platform/platformtest"
)

// raw sends a request as it is written, and returns the answer.
func (p *place) raw(request string) (*http.Response, string) {
	p.Helper()
	c, err := net.Dial("tcp", strings.TrimSuffix(strings.TrimPrefix(p.url(""), "http://"), "/"))
	if err != nil {
		p.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, request); err != nil {
		p.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		p.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		p.Fatal(err)
	}
	return res, string(body)
}

func TestPathsAndQueriesArriveByteForByte(t *testing.T) {
	p := serve(t, Options{})
	p.live("api", revision("one"))
	for _, target := range []string{
		"/", "/a%2Fb", "//a//b", "/a;b=c", "/?a=1&a=2&x=a;b", "/x?", "/%7Euser/~user", "/ä%C3%A4", "/a/../b/./c",
		"/q?%zz&+=%20", "/|^\"<>", "/http://other/",
	} {
		for _, request := range []string{
			"GET /api" + target + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
			"GET " + target + " HTTP/1.1\r\nHost: api.localhost:1\r\nConnection: close\r\n\r\n",
		} {
			_, body := p.raw(request)
			var a platformtest.Answer
			if err := json.Unmarshal([]byte(body), &a); err != nil {
				t.Fatalf("%q was answered with %q", request, body)
			}
			if a.URI != target {
				t.Errorf("%q arrived as %q", request, a.URI)
			}
		}
	}
	if a := p.echo("api"); a.URI != "/" {
		t.Errorf("the function's bare name arrived as %q", a.URI)
	}
}

func TestHeadersArriveUnchanged(t *testing.T) {
	p := serve(t, Options{})
	p.live("api", revision("one"))
	p.list("shop.example")
	_, body := p.raw("POST /api/x HTTP/1.1\r\nHost: shop.example\r\nX-Two: a\r\nX-Two: b\r\nX-Forwarded-For: 6.6.6.6\r\n" +
		"Ferry-Instance: guess\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc")
	var a platformtest.Answer
	if err := json.Unmarshal([]byte(body), &a); err != nil {
		t.Fatal(err)
	}
	want := http.Header{
		"X-Two": {"a", "b"}, "X-Forwarded-For": {"127.0.0.1"}, "X-Forwarded-Host": {"shop.example"},
		"X-Forwarded-Proto": {"http"}, "Content-Length": {"3"},
	}
	if diff := cmp.Diff(want, a.Header); diff != "" {
		t.Error(diff)
	}
	if a.Host != "shop.example" || a.Body != "abc" || a.Method != "POST" {
		t.Errorf("got host %q, body %q, method %q", a.Host, a.Body, a.Method)
	}
}

func TestStatusAndTwoCookiesComeBack(t *testing.T) {
	p := serve(t, Options{})
	p.live("api", revision("one"))
	res, _ := p.raw("GET /api/cookies HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
	if diff := cmp.Diff([]string{"a=1; Path=/", "b=2, 3"}, res.Header["Set-Cookie"]); res.StatusCode != http.StatusTeapot || diff != "" {
		t.Errorf("status %d, cookies %s", res.StatusCode, diff)
	}
}

func TestBodiesStreamBothWays(t *testing.T) {
	p := serve(t, Options{})
	p.live("api", revision("one"))
	body, write := io.Pipe()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.url("api/drip"), body)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	for _, letter := range []byte("stream") {
		if _, err := write.Write([]byte{letter}); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, 1)
		if _, err := io.ReadFull(res.Body, got); err != nil || got[0] != letter {
			t.Fatalf("sent %q, got %q, %v", letter, got, err)
		}
	}
	_ = write.Close()
}

func TestAnUpgradedConnectionIsPassedThrough(t *testing.T) {
	p := serve(t, Options{})
	p.live("api", revision("one"))
	c, err := net.Dial("tcp", strings.TrimSuffix(strings.TrimPrefix(p.url(""), "http://"), "/"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprint(c, "GET /api/upgrade HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
	r := bufio.NewReader(c)
	res, err := http.ReadResponse(r, nil)
	if err != nil || res.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("got %v, %v", res, err)
	}
	fmt.Fprintln(c, "hello")
	if line, err := r.ReadString('\n'); err != nil || line != "echo hello\n" {
		t.Fatalf("got %q, %v", line, err)
	}
}

func TestALargeBodyArrivesWhole(t *testing.T) {
	p := serve(t, Options{})
	p.live("api", revision("one"))
	sent := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	res, err := http.Post(p.url("api/"), "text/plain", bytes.NewReader(sent))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var a platformtest.Answer
	if err := json.NewDecoder(res.Body).Decode(&a); err != nil || a.Body != string(sent) {
		t.Fatalf("%d of %d bytes arrived, %v", len(a.Body), len(sent), err)
	}
}

func TestTheGatewayNamesItsFunctions(t *testing.T) {
	p := serve(t, Options{})
	p.live("api", revision("one"))
	p.live("admin", revision("one", func(r *Revision) { r.Private = true }))
	p.live("nightly", revision("one", func(r *Revision) { r.HTTP = false }))
	for path, want := range map[string]int{"": 200, "ap/x": 404, "nightly/": 404, "admin/": 403} {
		status, body := p.get(path)
		if status != want {
			t.Errorf("/%s answered %d: %s", path, status, body)
		}
		if status != 403 && (!strings.Contains(body, "/api/") || strings.Contains(body, "  /nightly/")) {
			t.Errorf("/%s does not name what there is: %s", path, body)
		}
	}
	if n := p.instances(); n != 0 {
		t.Errorf("%d instances run though nothing was called", n)
	}
}

func TestInvokeReachesWhatTheGatewayRefuses(t *testing.T) {
	p := serve(t, Options{})
	p.live("admin", revision("one", func(r *Revision) { r.Private = true }))
	for i, wantCold := range []bool{true, false} {
		res, err := p.client.Invoke(t.Context(), InvokeRequest{
			Scope: shop, Function: "admin", Method: "PUT", Path: "/a%2Fb?x=a;b", Header: map[string][]string{"x-a": {"1", "2"}}, Body: []byte("data"),
		})
		if err != nil {
			t.Fatal(err)
		}
		var a platformtest.Answer
		if err := json.Unmarshal(res.Body, &a); err != nil {
			t.Fatal(err)
		}
		if a.Method != "PUT" || a.URI != "/a%2Fb?x=a;b" || a.Body != "data" || len(a.Header["X-A"]) != 2 || a.Header.Get("Ferry-Instance") != "" {
			t.Errorf("arrived as %+v", a)
		}
		if res.Cold != wantCold || res.Took <= 0 {
			t.Errorf("call %d: cold is %t, took %s", i, res.Cold, res.Took)
		}
	}
	res, err := p.client.Invoke(t.Context(), InvokeRequest{Scope: shop, Function: "admin", Body: []byte(`{"a":1}`)})
	if err != nil || !strings.Contains(string(res.Body), "dev.ferry.invoke.v1") {
		t.Errorf("the event was answered with %q, %v", res.Body, err)
	}
	_, err = p.client.Invoke(t.Context(), InvokeRequest{Scope: shop, Function: "ghost", Method: "GET"})
	wantCode(t, err, CodeNotFound)
}

func TestATimeoutIs504AndTheInstanceIsReplaced(t *testing.T) {
	p := serve(t, Options{})
	p.live("api", revision("one", func(r *Revision) { r.Timeout = time.Second; r.Max = 1 }))
	before := p.echo("api/").PID
	if status, body := p.get("api/sleep?for=1h"); status != http.StatusGatewayTimeout || !strings.Contains(body, "took longer than 1s") {
		t.Fatalf("got %d: %s", status, body)
	}
	if after := p.echo("api/").PID; after == before {
		t.Error("the instance that hangs got another request")
	}
	platformtest.Until(t, "the instance that hangs is gone", func() bool { return startTime(before) == "" })
}

func TestACrashCostsTheRequestItServedAndNothingElse(t *testing.T) {
	p := serve(t, Options{})
	p.live("api", revision("one"))
	p.live("web", revision("two"))
	p.echo("api/")
	web := p.echo("web/").PID
	if status, body := p.get("api/exit"); status != http.StatusBadGateway || !strings.Contains(body, "exit status 7") {
		t.Fatalf("got %d: %s", status, body)
	}
	p.echo("api/")
	if again := p.echo("web/").PID; again != web {
		t.Error("the crash of one function ended an instance of another")
	}
	platformtest.Until(t, "the log tells of the crash", func() bool {
		log := p.log("api")
		return strings.Contains(log, "stdout: about to crash") && strings.Contains(log, "exit status 7")
	})
}

func TestAHandlerThatCannotStartIs502WithItsTraceInTheLog(t *testing.T) {
	p := serve(t, Options{})
	p.live("api", revision("one", func(r *Revision) { r.Env["BROKEN"] = "1" }))
	if status, body := p.get("api/"); status != http.StatusBadGateway || strings.Contains(body, "stripe") || !strings.Contains(body, "api does not start") {
		t.Fatalf("got %d: %s", status, body)
	}
	if log := p.log("api"); !strings.Contains(log, "stderr: Traceback: no module named stripe") {
		t.Error(log)
	}
	_, err := p.client.Invoke(t.Context(), InvokeRequest{Scope: shop, Function: "api", Method: "GET"})
	if e := wantCode(t, err, CodeCrashed); !strings.Contains(e.Log, "stripe") {
		t.Errorf("the error does not show the trace: %+v", e)
	}
}

func TestARequestThatNamesNoHostIsForTheAddressItCameTo(t *testing.T) {
	p := serve(t, Options{})
	p.live("api", revision("one"))
	at := loopback(p.door("api"))
	for _, head := range []string{"GET /a HTTP/1.0\r\n\r\n", "POST /a HTTP/1.0\r\nContent-Length: 0\r\n\r\n", "GET /a HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n"} {
		c, err := net.Dial("tcp4", at)
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.WriteString(c, head)
		answer, reading := io.ReadAll(c)
		if err := errors.Join(err, reading, c.Close()); err != nil || !strings.Contains(string(answer), `"Host":"`+at+`"`) {
			t.Errorf("%q: %v %s", head, err, answer)
		}
	}
}

func TestNobodyIsGivenATunnel(t *testing.T) {
	p := serve(t, Options{})
	p.live("api", revision("one"))
	c, err := net.Dial("tcp4", loopback(p.door("api")))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "CONNECT localhost:80 HTTP/1.1\r\nHost: localhost:80\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil || res.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("got %v, %v", res, err)
	}
	if p.instances() > 0 {
		t.Error("an instance was started for it")
	}
}

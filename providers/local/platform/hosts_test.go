//go:build unix

package platform

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/ferryfn/ferry/providers/local/platform/platformtest"
)

// list has the service answer for more hosts.
func (p *place) list(hosts ...string) {
	p.Helper()
	if _, err := p.client.Open(p.Context(), OpenRequest{Scope: shop, Address: Address{Hosts: hosts}}); err != nil {
		p.Fatal(err)
	}
}

func TestOnlyNamesOfThisMachineAndListedOnesAreAnswered(t *testing.T) {
	p := serve(t, Options{})
	p.live("api", revision("one"))
	answers := func(version, host string) (int, string) {
		request := "GET /api/ HTTP/" + version + "\r\nConnection: close\r\n"
		if host != "" {
			request += "Host: " + host + "\r\n"
		}
		res, body := p.raw(request + "\r\n")
		return res.StatusCode, body
	}
	for _, host := range []string{
		"localhost", "LocalHost:1", "localhost.", "127.0.0.1", "127.0.0.1:80", "127.8.9.10", "[::1]", "[::1]:80", "[::ffff:127.0.0.1]:1",
		"api.localhost", "API.LOCALHOST:8080", "Api.LocalHost.",
	} {
		if status, body := answers("1.1", host); status != http.StatusOK {
			t.Errorf("%s was answered with %d: %s", host, status, body)
		}
	}
	if status, body := answers("1.0", ""); status != http.StatusOK {
		t.Errorf("a request without a host was answered with %d: %s", status, body)
	}
	strange := []string{
		"evil.example", "evil.example:20000", "localhost.evil.example", "127.0.0.1.evil.example", "evillocalhost", "10.0.0.1", "0.0.0.0",
		"[::]", "[fe80::1]", "shop.test",
	}
	for _, host := range strange {
		if status, body := answers("1.1", host); status != http.StatusMisdirectedRequest || strings.Contains(body, "one") {
			t.Errorf("%s was answered with %d: %s", host, status, body)
		}
	}
	if res, _ := p.raw("GET http://evil.example/api/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"); res.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("a URL of another host was answered with %d", res.StatusCode)
	}
	p.list("Shop.test", "10.0.0.1")
	for host, want := range map[string]int{"shop.TEST:1": 200, "10.0.0.1": 200, "www.shop.test": 421, "evil.example": 421} {
		if status, body := answers("1.1", host); status != want {
			t.Errorf("%s was answered with %d: %s", host, status, body)
		}
	}
}

func TestListedHostsOutliveThePlatform(t *testing.T) {
	r := restart(t)
	r.live("api", revision("one"))
	r.list("shop.test")
	r.cancel()
	if err := <-r.ended; err != nil {
		t.Fatal(err)
	}
	r.start()
	if res, body := r.raw("GET /api/ HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n"); res.StatusCode != http.StatusOK {
		t.Errorf("got %d: %s", res.StatusCode, body)
	}
}

func TestAFunctionIsFoundByItsHostInAnyCase(t *testing.T) {
	p := serve(t, Options{})
	p.live("api", revision("one"))
	p.live("Shop.v2", revision("two"))
	for host, want := range map[string]string{"API.LOCALHOST": "one", "shop.V2.localhost:1": "two"} {
		_, body := p.raw("GET /x HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n\r\n")
		var a platformtest.Answer
		if err := json.Unmarshal([]byte(body), &a); err != nil || a.Version != want || a.URI != "/x" {
			t.Errorf("%s got %+v: %s", host, a, body)
		}
	}
}

// broken sends a request whose body ends in a way that it must not, and returns the answer.
func (p *place) broken(request string) (int, error) {
	p.Helper()
	c, err := net.Dial("tcp", strings.TrimSuffix(strings.TrimPrefix(p.url(""), "http://"), "/"))
	if err != nil {
		p.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, request); err != nil {
		p.Fatal(err)
	}
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		p.Fatal(err)
	}
	in := bufio.NewReader(c)
	res, err := http.ReadResponse(in, nil)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, res.Body)
	if more, end := io.ReadAll(in); len(more) > 0 {
		p.Errorf("what came after it was taken for a request and answered with %q, %v", more, end)
	}
	return res.StatusCode, errors.Join(err, res.Body.Close())
}

func TestAClientsBrokenRequestIs400AndRetiresNobody(t *testing.T) {
	p := serve(t, Options{})
	p.live("api", revision("one"))
	healthy := p.echo("api/").PID
	for name, rest := range map[string]string{
		"a chunk without a size":         "Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n",
		"a chunk that is longer":         "Transfer-Encoding: chunked\r\n\r\n3\r\nabcdef\r\n0\r\n\r\n",
		"chunks without an end":          "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
		"a body that ends early":         "Content-Length: 10\r\n\r\nabc",
		"a body that does not begin":     "Content-Length: 10\r\n\r\n",
		"a protocol that cannot be one":  "Connection: close, Upgrade\r\nUpgrade: \xe4\r\n\r\n",
		"a bad chunk after some of them": "Transfer-Encoding: chunked\r\n\r\n10000\r\n" + strings.Repeat("x", 0x10000) + "\r\n-1\r\n",
	} {
		for _, path := range []string{"/api/", "/api/sleep?for=1s"} { // one reads the body, one does not
			if status, err := p.broken("POST " + path + " HTTP/1.1\r\nHost: localhost\r\n" + rest); status != http.StatusBadRequest {
				t.Errorf("%s to %s was answered with %d, %v", name, path, status, err)
			}
		}
		if now := p.echo("api/").PID; now != healthy {
			t.Fatalf("%s retired a healthy instance:\n%s", name, p.log("api"))
		}
	}
	if log := p.log("api"); strings.Contains(log, "takes no new requests") {
		t.Error(log)
	}
}

func TestAnUntypedAnswerStaysUntyped(t *testing.T) {
	p := serve(t, Options{})
	p.live("api", revision("one"))
	for _, size := range []int{0, 1, 100, 511, 682, 683, 700, 1400, 20_000} {
		res, body := p.raw(fmt.Sprintf("GET /api/untyped?size=%d HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", size))
		if kind, typed := res.Header["Content-Type"]; typed || len(body) != 3*size {
			t.Errorf("%d bytes came with the type %q", len(body), kind)
		}
	}
	if res, _ := p.raw("GET /api/sleep HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"); res.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("a typed answer came as %q", res.Header.Get("Content-Type"))
	}
}

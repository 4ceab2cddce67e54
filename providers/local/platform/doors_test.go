//go:build unix

package platform

import (
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/ferryfn/ferry/providers/local/platform/platformtest"
)

// door is the port that a function has for itself, 0 for none.
func (p *place) door(function string) int {
	p.Helper()
	t, err := p.home.Table(shop)
	if err != nil {
		p.Fatal(err)
	}
	return t.Functions[function].Port
}

func TestAFunctionOwnsAllPathsAtItsOwnPort(t *testing.T) {
	p := serve(t, Options{})
	p.live("api", revision("one"))
	p.live("page", revision("one"))
	if p.door("api") == p.door("page") || p.door("api") == 0 {
		t.Fatalf("the ports are %d and %d", p.door("api"), p.door("page"))
	}
	for _, target := range []string{"/", "/page/", "/admin?next=/", "//twice", "/%2e/x"} {
		status, body, err := get(strings.TrimSuffix(URL(p.door("api"), ""), "/") + target)
		if err != nil || status != http.StatusOK || !strings.Contains(body, `"URI":"`+target+`"`) {
			t.Errorf("%s: %d %v %s", target, status, err, body)
		}
	}
	if status, body, err := get(URL(p.door("page"), "")); status != http.StatusOK || err != nil {
		t.Errorf("got %d, %v: %s", status, err, body)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, URL(p.door("api"), ""), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "attacker.example"
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("the name of somebody else is answered with %d", res.StatusCode)
	}
}

func TestAFunctionKeepsItsPortUntilItIsRemoved(t *testing.T) {
	p := &place{T: t, home: Home(t.TempDir())}
	stop := p.run(Options{})
	p.live("api", revision("one"))
	port := p.door("api")
	p.put("api", revision("two"))
	p.swap("api", "one", "two")
	stop()
	p.run(Options{})
	if status, body, err := get(URL(port, "")); status != http.StatusOK || err != nil || !strings.Contains(body, "two") {
		t.Errorf("got %d, %v: %s", status, err, body)
	}
	p.swap("api", "two", "")
	if l, err := net.Listen("tcp4", loopback(port)); err != nil {
		t.Errorf("nothing is live and its port is taken: %v", err)
	} else {
		_ = l.Close()
	}
	p.swap("api", "", "one")
	if got := p.door("api"); got != port {
		t.Errorf("it had port %d and has %d", port, got)
	}
	p.swap("api", "one", "two")
	if err := p.client.Remove(t.Context(), FunctionRequest{Scope: shop, Function: "api"}); err != nil {
		t.Fatal(err)
	}
	if l, err := net.Listen("tcp4", loopback(port)); err != nil {
		t.Errorf("it was removed and its port is taken: %v", err)
	} else {
		_ = l.Close()
	}
}

func TestAPortOfAFunctionThatIsTakenIsNamedAndTheOthersAnswer(t *testing.T) {
	p := &place{T: t, home: Home(t.TempDir())}
	stop := p.run(Options{})
	p.live("api", revision("one"))
	p.live("page", revision("one"))
	port := p.door("api")
	stop()
	l, err := net.Listen("tcp4", loopback(port))
	if err != nil {
		t.Fatal(err)
	}
	p.run(Options{})
	status := 0
	platformtest.Until(t, "the other one answers", func() bool {
		status, _, err = get(URL(p.door("page"), ""))
		return err == nil && status == http.StatusOK
	})
	err = p.client.Reach(t.Context(), OpenRequest{Scope: shop})
	wantCode(t, err, CodePort)
	if !strings.Contains(err.Error(), strconv.Itoa(port)) || wire(err).Function != "api" {
		t.Errorf("got %v", err)
	}
	_ = l.Close()
	wantCode(t, p.client.Reach(t.Context(), OpenRequest{Scope: shop}), CodeNotRunning)
	if _, err := p.client.Open(t.Context(), OpenRequest{Scope: shop}); err != nil {
		t.Fatal(err)
	}
	if status, _, err := get(URL(port, "")); status != http.StatusOK || err != nil {
		t.Errorf("got %d, %v", status, err)
	}
}

func TestARedirectUnderAPrefixLeadsBackUnderIt(t *testing.T) {
	p := serve(t, Options{})
	p.live("api", revision("one"))
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	host := strings.TrimSuffix(strings.TrimPrefix(p.url(""), "http://"), "/")
	for to, want := range map[string]string{
		"/login?next=/": "/api/login?next=/", "/": "/api/", "http://" + host + "/a": "http://" + host + "/api/a", "http://" + host: "http://" + host + "/api/",
		"http://" + host + "?a=1": "http://" + host + "/api/?a=1", "//" + host + "/a": "//" + host + "/api/a",
		"login": "login", "../x": "../x", "https://example.com/a": "https://example.com/a", "//example.com/a": "//example.com/a", "http://" + host + "1/a": "http://" + host + "1/a",
	} {
		for base, expected := range map[string]string{p.url("api/"): want, URL(p.door("api"), ""): to} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"redirect", nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("To", to)
			res, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
			if got := res.Header.Get("Location"); got != expected {
				t.Errorf("%s: %q became %q, want %q", base, to, got, expected)
			}
		}
	}
}

func TestAServiceAndItsFunctionsAnswerOnIPv6Too(t *testing.T) {
	if l, err := net.Listen("tcp6", "[::1]:0"); err != nil {
		t.Skipf("this machine has no IPv6: %v", err)
	} else {
		_ = l.Close()
	}
	p := serve(t, Options{})
	p.live("api", revision("one"))
	for _, url := range []string{"http://" + loopback6(p.door("api")) + "/", strings.Replace(p.url("api/"), "127.0.0.1", "[::1]", 1)} {
		if status, body, err := get(url); status != http.StatusOK || err != nil {
			t.Errorf("%s: %d, %v: %s", url, status, err, body)
		}
	}
	port := p.door("api")
	p.swap("api", "one", "")
	if err := PortFree(shop, "api", port); err != nil {
		t.Errorf("what is live no more holds its port: %v", err)
	}
}

func TestARequestWithALongHeadIsRefusedAndCostsNoInstance(t *testing.T) {
	p := serve(t, Options{})
	p.live("api", revision("one"))
	before := p.echo("api/").PID
	for _, size := range []int{70 << 10, 900 << 10} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.url("api/"), nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Long", strings.Repeat("x", size))
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("%d bytes: %s", size, res.Status)
		}
	}
	if after := p.echo("api/").PID; after != before {
		t.Error("another instance answers")
	}
}

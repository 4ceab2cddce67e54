//go:build unix

package platform

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// scripted is a server that answers the requests of each connection with the texts, one after the other, and then closes.
func scripted(t *testing.T, texts ...string) (transport *lean, connections func() int) {
	t.Helper()
	l, err := net.Listen("tcp4", loopback(0))
	if err != nil {
		t.Fatal(err)
	}
	accepted := make(chan struct{}, 100)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			accepted <- struct{}{}
			go func() {
				defer c.Close()
				r := bufio.NewReader(c)
				for _, text := range texts {
					if _, err := http.ReadRequest(r); err != nil {
						return
					}
					_, _ = io.WriteString(c, text)
				}
			}()
		}
	}()
	transport = newLean(entrance{address: l.Addr().String()})
	t.Cleanup(func() { _ = l.Close(); transport.close() })
	return transport, func() int { return len(accepted) }
}

func over(t *testing.T, ctx context.Context, transport *lean, method string) (string, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, "http://"+transport.address+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := transport.RoundTrip(r)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return res.Status + " " + string(body), err
}

func TestALineIsKeptForTheNextRequestAndReplacedWhereTheServerClosedIt(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
	transport, connections := scripted(t, ok, ok)
	for n, want := range []int{1, 1, 2, 2, 3} {
		if got, err := over(t, t.Context(), transport, http.MethodGet); got != "200 OK ok" || err != nil {
			t.Fatalf("request %d: %q, %v", n, got, err)
		}
		if got := connections(); got != want {
			t.Errorf("request %d: %d connections, want %d", n, got, want)
		}
	}
}

func TestALineOfWhichMoreComesThanWasAskedForServesNoOtherRequest(t *testing.T) {
	for name, text := range map[string]string{
		"a second answer":       "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged",
		"a body of a HEAD":      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
		"an end by its closing": "HTTP/1.1 200 OK\r\n\r\nok",
	} {
		transport, connections := scripted(t, text)
		method := http.MethodGet
		if strings.Contains(name, "HEAD") {
			method = http.MethodHead
		}
		for range 2 {
			if got, err := over(t, t.Context(), transport, method); err != nil || strings.Contains(got, "forged") && !strings.HasPrefix(got, "200 OK ok") {
				t.Errorf("%s: %q, %v", name, got, err)
			}
		}
		if connections() != 2 {
			t.Errorf("%s: %d connections", name, connections())
		}
	}
}

func TestAnInterimAnswerIsNotTakenForTheAnswer(t *testing.T) {
	transport, _ := scripted(t, "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n")
	if got, err := over(t, t.Context(), transport, http.MethodGet); got != "204 No Content " || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestARequestOnALineEndsWithItsContext(t *testing.T) {
	transport, _ := scripted(t, "")
	why := errors.New("enough")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 20*time.Millisecond, why)
	defer cancel()
	if _, err := over(t, ctx, transport, http.MethodGet); err == nil {
		t.Error("it has an answer")
	}
}

func TestAHeadOfAnAnswerWithoutEndIsBroken(t *testing.T) {
	transport, _ := scripted(t, "HTTP/1.1 200 OK\r\n"+strings.Repeat("X: "+strings.Repeat("x", 1<<16)+"\r\n", headMost>>16+2))
	if _, err := over(t, t.Context(), transport, http.MethodGet); err == nil {
		t.Error("it is taken")
	}
}

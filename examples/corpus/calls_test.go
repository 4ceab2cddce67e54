//go:build unix

package corpus_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ferryfn/ferry/internal/loopback"
)

var ports = loopback.Range{First: 5200, Count: 800}

// answer is what is compared.
type answer struct {
	status     int
	kind, body string
}

// caller is what a program can be called through.
type caller interface {
	call(t *testing.T, method, target, body string) answer
}

// alike makes requests of both and compares the answers.
func alike(t *testing.T, where string, native, ferry caller, requests []string) (v verdict) {
	t.Helper()
	for _, r := range requests {
		method, rest, _ := strings.Cut(r, " ")
		target, body, _ := strings.Cut(rest, " ")
		want, got := native.call(t, method, target, body), ferry.call(t, method, target, body)
		v.requests++
		if want.body+got.body == "" {
			want.kind, got.kind = "", "" // of what is not there
		}
		switch {
		case want.status >= http.StatusInternalServerError:
			t.Errorf("%s: the program itself answers with %+v", r, want)
		case got.status >= http.StatusInternalServerError:
			t.Errorf("%s: %s: live, and then %+v instead of %+v", where, r, got, want)
			v.failed = true
		case got != want:
			t.Errorf("%s: %s: got %+v, natively %+v", where, r, got, want)
			v.wrong = true
		}
	}
	return v
}

// contentType is what a client would say of a body.
func contentType(body string) string {
	switch {
	case body == "":
		return ""
	case strings.ContainsAny(body[:1], "{["):
		return "application/json"
	default:
		return "application/x-www-form-urlencoded"
	}
}

// server is a program that listens.
type server struct{ url string }

func (s server) call(t *testing.T, method, target, body string) answer {
	t.Helper()
	a, err := s.try(method, target, body)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (s server) try(method, target, body string) (answer, error) {
	req, err := http.NewRequest(method, s.url+target, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	if kind := contentType(body); kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	res, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req) // follows no redirect
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header.Get("Content-Type"), string(data)}, err
}

// native runs the program without ferry until the test ends.
func (d *checkout) native() caller {
	d.Helper()
	if d.program.native == "" {
		return d.lambda(d.dir, d.handler)
	}
	address := ports.Free(d)
	_, port, _ := net.SplitHostPort(address)
	c := d.shell(d.program.native, "PORT="+port)
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var said strings.Builder
	c.Stdout, c.Stderr = &said, &said
	if err := c.Start(); err != nil {
		d.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	stop := func() { _ = syscall.Kill(-c.Process.Pid, syscall.SIGKILL) } // and what it started
	d.Cleanup(func() { stop(); <-ended })
	for deadline := time.Now().Add(2 * time.Minute); ; {
		connection, err := net.Dial("tcp", address)
		if err == nil {
			connection.Close()
			return server{"http://" + address}
		}
		select {
		case err := <-ended:
			ended <- err
			d.Fatalf("natively it ended: %v\n%s", err, &said)
		case <-time.After(20 * time.Millisecond):
			if time.Now().After(deadline) {
				stop()
				d.Fatal(errors.Join(err, <-ended), said.String())
			}
		}
	}
}

package templates_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager"
)

// local is a package that runs as the local platform runs it.
type local struct {
	t       *testing.T
	network string
	addr    string
	out     *written
	done    chan struct{}
}

// written is what a process has written.
type written struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *written) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *written) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// local packs a function for this machine and starts it.
func (p program) local(t *testing.T, edit ...func(*manifest.Function)) local {
	t.Helper()
	fn := p.function(edit...)
	a, err := packages().Build(t.Context(), fn, packager.Platform{Shim: "local", Runtime: fn.Runtime}.OnHost())
	if err != nil {
		t.Fatal(err)
	}
	dir := unpacked(t, a)
	command := []string{filepath.Join(dir, a.Entry)}
	if program, ok := map[string]string{"nodejs": "node", "python": "python3"}[fn.Runtime.Language()]; ok {
		found, err := exec.LookPath(program)
		if err != nil {
			t.Skipf("%s is missing", program)
		}
		command = []string{found, filepath.Join(dir, a.Entry)}
	}
	short, err := os.MkdirTemp("", "ferry") //nolint:usetesting // the path of a socket may not be long
	if err != nil {
		t.Fatal(err)
	}
	l := local{t: t, network: "unix", addr: filepath.Join(short, "socket"), out: &written{}, done: make(chan struct{})}
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, l.out, l.out
	cmd.Env = append(os.Environ(), "PORT=8080", "FERRY_SOCKET="+l.addr, "FERRY_DIGEST=sha256:abc", "FERRY_INSTANCE=nonce", "FERRY_TIMEOUT_MS=30000", "FERRY_FUNCTION="+fn.Name)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = cmd.Wait()
		close(l.done)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-l.done
		_ = os.RemoveAll(short)
	})
	l.await()
	return l
}

// await waits until the probe answers.
func (l local) await() {
	l.t.Helper()
	probe := message{method: "GET", path: "/.ferry/probe", headers: [][2]string{{"host", "x"}, {"ferry-instance", "nonce"}}}
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-time.After(20 * time.Millisecond) {
		select {
		case <-l.done:
			l.t.Fatalf("the process ended:\n%s", l.out)
		default:
		}
		if a := l.send(probe, false); a.Status == 200 && strings.Contains(a.Body, "sha256:abc") {
			return
		}
	}
	l.t.Fatalf("the probe never answered:\n%s", l.out)
}

// alive fails when the process has ended.
func (l local) alive() {
	l.t.Helper()
	select {
	case <-l.done:
		l.t.Errorf("the process ended:\n%s", l.out)
	default:
		l.await()
	}
}

// send makes one request on a connection of its own, written by hand so that nothing cleans it.
func (l local) send(m message, chunked bool) outcome {
	conn, err := net.Dial(l.network, l.addr)
	if err != nil {
		return outcome{Broken: true}
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	go func() { _, _ = conn.Write(m.wire(chunked)) }() // a server may answer before it has read all
	res, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: m.method})
	if err != nil {
		return outcome{Broken: true}
	}
	data, err := io.ReadAll(res.Body)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		l.t.Errorf("the answer to %s %s is left open", m.method, m.path)
	}
	o := outcome{Status: res.StatusCode, Headers: map[string][]string{}, Body: string(data), Broken: err != nil}
	for name, values := range res.Header {
		for _, value := range values {
			o.Headers[strings.ToLower(name)] = append(o.Headers[strings.ToLower(name)], latin1(value))
		}
	}
	return o
}

// wire is the request as it goes over a connection.
func (m message) wire(chunked bool) []byte {
	var b bytes.Buffer
	target := m.path
	if m.query != "" {
		target += "?" + m.query
	}
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\n", m.method, target)
	for _, h := range m.headers {
		fmt.Fprintf(&b, "%s: %s\r\n", h[0], h[1])
	}
	switch {
	case chunked:
		b.WriteString("transfer-encoding: chunked\r\n\r\n")
		for i := 0; i < len(m.body); i += 7 {
			piece := m.body[i:min(i+7, len(m.body))]
			fmt.Fprintf(&b, "%x\r\n%s\r\n", len(piece), piece)
		}
		b.WriteString("0\r\n\r\n")
	case len(m.body) > 0 || m.method == "POST" || m.method == "PUT" || m.method == "PATCH":
		fmt.Fprintf(&b, "content-length: %d\r\n\r\n%s", len(m.body), m.body)
	default:
		b.WriteString("\r\n")
	}
	return b.Bytes()
}

func TestAHandlerReadsAnAddressOfItsClientAlsoWhereTheConnectionHasNone(t *testing.T) {
	for _, p := range []struct {
		program
		want string
	}{
		{program{name: "(req, res)", runtime: "nodejs24", style: manifest.StyleNode, source: "addresses/nodejs", handler: "app.cjs"}, "127.0.0.1 IPv4 8080 127.0.0.1"},
		{program{name: "asgi", runtime: "python3.13", style: manifest.StyleASGI, source: "addresses/python", handler: "asgi_app:app"}, "127.0.0.1"},
		{program{name: "wsgi", runtime: "python3.13", style: manifest.StyleWSGI, source: "addresses/python", handler: "wsgi_app:app"}, "127.0.0.1"},
		{program{name: "go", runtime: "go", style: manifest.StyleGo, source: "addresses/goapp", handler: "."}, "127.0.0.1<nil>"},
	} {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			if o := p.local(t).send(message{method: "GET", path: "/", headers: [][2]string{{"host", "x"}}}, false); o.Status != 200 || o.Body != p.want {
				t.Errorf("%d %q, want %q", o.Status, o.Body, p.want)
			}
		})
	}
}

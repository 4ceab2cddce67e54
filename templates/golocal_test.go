package templates_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ferryfn/ferry/internal/lambdatest"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/templates"
)

// patience is how long a process has on a machine that is busy with others.
const patience = time.Minute

// process is a package that runs as the local platform runs it.
type process struct {
	t    *testing.T
	addr string
	cmd  *exec.Cmd
	out  *output
	done chan struct{} // closed when it has ended
}

// launch builds a function for the local platform and starts it.
func (p program) launch(t *testing.T, pk *packager.Packager, fn manifest.Function, env ...string) *process {
	t.Helper()
	a, err := pk.Build(t.Context(), fn, packager.Platform{Shim: "local", OS: runtime.GOOS, Arch: runtime.GOARCH, Runtime: fn.Runtime})
	if err != nil {
		t.Fatal(err)
	}
	dir := unpacked(t, a)
	i := &process{t: t, addr: templates.FreeAddr(t), cmd: p.command(t, filepath.Join(dir, a.Entry)), out: &output{}, done: make(chan struct{})}
	_, port, _ := net.SplitHostPort(i.addr)
	i.cmd.Dir = dir
	i.cmd.Env = append(append(os.Environ(), "PORT="+port, "FERRY_DIGEST=sha256:abc", "FERRY_INSTANCE=nonce"), env...)
	i.cmd.Stdout, i.cmd.Stderr = i.out, i.out
	if err := i.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = i.cmd.Wait()
		close(i.done)
	}()
	t.Cleanup(func() {
		_ = i.cmd.Process.Kill()
		<-i.done
	})
	return i
}

// command starts the entry of a package.
func (p program) command(t *testing.T, entry string) *exec.Cmd {
	t.Helper()
	if p.lambda == "provided.al2023" {
		return exec.Command(entry)
	}
	interpreter, err := lambdatest.Interpreter(t.Context(), p.lambda)
	if err != nil {
		t.Skip(err)
	}
	return exec.Command(interpreter, entry)
}

// ready waits for the probe.
func (i *process) ready() *process {
	i.t.Helper()
	return i.probed("ferry-instance: nonce")
}

// probed waits until the probe answers to a header that says who asks.
func (i *process) probed(header string) *process {
	i.t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-time.After(20 * time.Millisecond) {
		select {
		case <-i.done:
			i.t.Fatalf("the process ended:\n%s", i.out)
		default:
		}
		if a, err := i.try("GET", "/.ferry/probe", nil, header); err == nil && a.status == 200 {
			return i
		}
	}
	i.t.Fatalf("the probe never answered:\n%s", i.out)
	return nil
}

// try makes one request whose head nobody cleans on the way.
func (i *process) try(method, target string, body []byte, headers ...string) (answer, error) {
	conn, err := net.Dial("tcp", i.addr)
	if err != nil {
		return answer{}, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return answer{}, err
	}
	var request bytes.Buffer
	fmt.Fprintf(&request, "%s %s HTTP/1.1\r\nhost: shop.example:8080\r\ncontent-length: %d\r\n", method, target, len(body))
	for _, h := range headers {
		request.WriteString(h + "\r\n")
	}
	request.WriteString("\r\n")
	request.Write(body)
	if _, err := conn.Write(request.Bytes()); err != nil {
		return answer{}, err
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return answer{status: res.StatusCode, header: res.Header, body: string(text)}, err
}

func (i *process) do(method, target string, body []byte, headers ...string) answer {
	i.t.Helper()
	a, err := i.try(method, target, body, headers...)
	if err != nil {
		i.t.Fatalf("%s %s: %v\n%s", method, target, err, i.out)
	}
	return a
}

// says waits until the process has written a text.
func (i *process) says(text string) {
	i.t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-time.After(10 * time.Millisecond) {
		if strings.Contains(i.out.String(), text) {
			return
		}
	}
	i.t.Fatalf("it never said %q:\n%s", text, i.out)
}

func read(t *testing.T, r io.Reader) string {
	t.Helper()
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// output is what a process writes.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// goProgram is a Go function of a test's own.
func goProgram(style manifest.Style) program {
	return program{name: "go " + string(style), runtime: "go", lambda: "provided.al2023", entry: "bootstrap", style: style, source: ".", handler: ".", throws: ".go:"}
}

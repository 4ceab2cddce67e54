package templates

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ferryfn/ferry/internal/lambdatest"
	"github.com/ferryfn/ferry/internal/loopback"
	"github.com/ferryfn/ferry/manifest"
)

const patience = 15 * time.Second

// platform is one language and style under test: what builds a package of it and starts it.
type platform struct {
	name    string
	runtime manifest.Runtime
	style   manifest.Style
	handler string
	// command lays a shim and the user's source out in dir and returns what starts it.
	command func(t *testing.T, dir, source string, s Shim) *exec.Cmd
	source  string // folder of the echo handler
	throws  string // what its traceback holds for a handler that throws
}

func platforms() []platform {
	return []platform{
		{"node fetch", "nodejs24", manifest.StyleFetch, "fetch.mjs", nodeCommand, "testdata/echo/nodejs", "fetch.mjs:"},
		{"node listener", "nodejs24", manifest.StyleNode, "listener.mjs", nodeCommand, "testdata/echo/nodejs", "listener.mjs:"},
		{"python wsgi", "python3.13", manifest.StyleWSGI, "wsgi_echo:app", pythonCommand, "testdata/echo/python", "wsgi_echo.py"},
		{"python asgi", "python3.13", manifest.StyleASGI, "asgi_echo:app", pythonCommand, "testdata/echo/python", "asgi_echo.py"},
		{"go", "go", manifest.StyleGo, ".", goCommand, "testdata/echo/goecho", "echo.go:"},
	}
}

// everywhere runs a test on all platforms that this machine has.
func everywhere(t *testing.T, test func(t *testing.T, p platform)) {
	t.Helper()
	for _, p := range platforms() {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			test(t, p)
		})
	}
}

func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is missing", name)
	}
	return path
}

func nodeCommand(t *testing.T, dir, source string, s Shim) *exec.Cmd {
	t.Helper()
	copyDir(t, source, dir)
	entry := string(s.Files[s.Entry])
	_, handler, _ := strings.Cut(entry, `"handler":"`)
	handler, _, _ = strings.Cut(handler, `"`)
	handler, _, _ = strings.Cut(handler, ":")
	write(t, dir, map[string][]byte{s.Entry: []byte(strings.Replace(entry, "ferry:handler", "./"+handler, 1))})
	return exec.Command(tool(t, "node"), filepath.Join(dir, s.Entry))
}

func pythonCommand(t *testing.T, dir, source string, s Shim) *exec.Cmd {
	t.Helper()
	copyDir(t, source, dir)
	write(t, dir, s.Files)
	if v := os.Getenv("FERRY_TEST_PYTHON"); v != "" {
		return exec.Command(tool(t, v), s.Entry)
	}
	program, err := lambdatest.Interpreter(t.Context(), "python3") // not a version manager's wrapper, which takes longer than a test
	if err != nil {
		t.Skip(err)
	}
	return exec.Command(program, s.Entry)
}

// builds holds the Go binaries of this run, so that the same function is linked once.
var builds struct {
	sync.Mutex
	dir string
}

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "ferry-shims")
	if err != nil {
		panic(err)
	}
	builds.dir = dir
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// goCommand builds in the user's module through an overlay, as the packager does.
func goCommand(t *testing.T, _, source string, s Shim) *exec.Cmd {
	t.Helper()
	builds.Lock()
	defer builds.Unlock()
	text := readDir(t, source)
	dir := filepath.Join(builds.dir, fmt.Sprintf("%x", sha256.Sum256(append([]byte(text), s.Files["config.go"]...))))
	binary := filepath.Join(dir, s.Entry)
	if _, err := os.Stat(binary); err == nil {
		return exec.Command(binary)
	}
	module := filepath.Join(dir, "module")
	copyDir(t, source, module)
	unfit := map[string]bool{
		"event.go":     !strings.Contains(text, "func OnEvent("),
		"noevent.go":   strings.Contains(text, "func OnEvent("),
		"handler.go":   !strings.Contains(text, "var Handler "),
		"nohandler.go": strings.Contains(text, "var Handler "),
	}
	replace := map[string]string{}
	for name, content := range s.Files {
		if unfit[name] {
			continue
		}
		content = bytes.ReplaceAll(content, []byte("ferry.invalid/handler"), []byte("example.com/goecho"))
		write(t, dir, map[string][]byte{name: content})
		replace[filepath.Join(module, "ferrymain", name)] = filepath.Join(dir, name)
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, map[string][]byte{"overlay.json": overlay})
	build := exec.Command("go", "build", "-ldflags=-s -w", "-overlay", filepath.Join(dir, "overlay.json"), "-o", binary, "./ferrymain")
	build.Dir = module
	build.Env = append(os.Environ(), "GOWORK=off")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the Go shim: %v\n%s", err, out)
	}
	return exec.Command(binary)
}

// function is the platform's echo function with an http event, which edit may change.
func (p platform) function(edit ...func(*manifest.Function)) manifest.Function {
	fn := manifest.Function{
		Name: "echo", Source: ".", Handler: p.handler, Runtime: p.runtime, Style: p.style,
		Events: []manifest.Event{{HTTP: &manifest.HTTPEvent{}}},
	}
	for _, e := range edit {
		e(&fn)
	}
	return fn
}

// instance is a running shim.
type instance struct {
	t    *testing.T
	addr string
	cmd  *exec.Cmd
	out  *log
	done chan struct{} // closed when the process has ended
}

// start starts a function and waits until its probe answers.
func (p platform) start(t *testing.T, fn manifest.Function) *instance {
	t.Helper()
	return p.startWith(t, fn)
}

// startWith is start with more in the environment.
func (p platform) startWith(t *testing.T, fn manifest.Function, env ...string) *instance {
	t.Helper()
	i := p.launch(t, fn, p.source, env...)
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-time.After(20 * time.Millisecond) {
		select {
		case <-i.done:
			t.Fatalf("the process ended:\n%s", i.out)
		default:
		}
		if res, err := i.try("GET", "/.ferry/probe", nil, "ferry-instance: nonce"); err == nil && res.status == 200 {
			return i
		}
	}
	t.Fatalf("the probe never answered:\n%s", i.out)
	return nil
}

func (p platform) launch(t *testing.T, fn manifest.Function, source string, env ...string) *instance {
	t.Helper()
	shim, ok := Render(fn, Target{Name: "local"})
	if !ok {
		t.Fatalf("no shim for %s %s", fn.Runtime, fn.Style)
	}
	dir := t.TempDir()
	cmd := p.command(t, dir, source, shim)
	cmd.Dir = dir
	addr := ports.Free(t)
	_, port, _ := net.SplitHostPort(addr)
	cmd.Env = append(os.Environ(), "PORT="+port, "FERRY_DIGEST=sha256:abc", "FERRY_INSTANCE=nonce", "FERRY_TIMEOUT_MS=30000")
	cmd.Env = append(cmd.Env, env...)
	i := &instance{t: t, addr: addr, cmd: cmd, out: &log{}, done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = i.out, i.out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = cmd.Wait()
		close(i.done)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-i.done
	})
	return i
}

var ports = loopback.Range{First: 30000, Count: 2700}

// answer is a response as it came over the wire.
type answer struct {
	status  int
	header  http.Header
	length  int64
	chunked bool
	body    string
}

// raw is a request head written by hand, so that nothing cleans it on the way.
func raw(method, target string, body []byte, headers ...string) []byte {
	var b bytes.Buffer
	b.WriteString(method + " " + target + " HTTP/1.1\r\nhost: shop.example:8080\r\n")
	for _, h := range headers {
		b.WriteString(h + "\r\n")
	}
	if body != nil && !strings.Contains(strings.Join(headers, "\n"), "transfer-encoding") {
		b.WriteString("content-length: " + strconv.Itoa(len(body)) + "\r\n")
	}
	b.WriteString("\r\n")
	b.Write(body)
	return b.Bytes()
}

func (i *instance) try(method, target string, body []byte, headers ...string) (answer, error) {
	conn, err := net.Dial("tcp", i.addr)
	if err != nil {
		return answer{}, err
	}
	defer conn.Close()
	return roundTrip(conn, bufio.NewReader(conn), method, raw(method, target, body, headers...))
}

func roundTrip(conn net.Conn, r *bufio.Reader, method string, request []byte) (answer, error) {
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return answer{}, err
	}
	if _, err := conn.Write(request); err != nil {
		return answer{}, err
	}
	res, err := http.ReadResponse(r, &http.Request{Method: method})
	if err != nil {
		return answer{}, err
	}
	body, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header, res.ContentLength, len(res.TransferEncoding) > 0, string(body)}, err
}

// do makes one request on a connection of its own.
func (i *instance) do(method, target string, body []byte, headers ...string) answer {
	i.t.Helper()
	a, err := i.try(method, target, body, headers...)
	if err != nil {
		i.t.Fatalf("%s %s: %v\n%s", method, target, err, i.out)
	}
	return a
}

// waitFor waits until the process has written text.
func (i *instance) waitFor(text string) {
	i.t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-time.After(5 * time.Millisecond) {
		if strings.Contains(i.out.String(), text) {
			return
		}
	}
	i.t.Fatalf("the process never wrote %q:\n%s", text, i.out)
}

// end waits for the process and returns its exit code.
func (i *instance) end() int {
	i.t.Helper()
	select {
	case <-i.done:
		return i.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		i.t.Fatalf("the process did not end:\n%s", i.out)
		return -1
	}
}

func (i *instance) terminate() {
	i.t.Helper()
	if err := i.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		i.t.Fatal(err)
	}
}

// log collects what a process writes.
type log struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func write(t *testing.T, dir string, files map[string][]byte) {
	t.Helper()
	for name, content := range files {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func copyDir(t *testing.T, from, to string) {
	t.Helper()
	if err := os.MkdirAll(to, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := filepath.WalkDir(from, func(p string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, p)
		write(t, to, map[string][]byte{filepath.ToSlash(name): content})
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

func readDir(t *testing.T, dir string) string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, name := range names {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(content)
	}
	return all.String()
}

package templates_test

import (
	"cmp"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/internal/lambdatest"
	"github.com/ferryfn/ferry/internal/nodeworker"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/packager/packagertest"
	"github.com/ferryfn/ferry/templates"
)

// started packs a function for a target and starts what calls it there.
func (p program) started(t *testing.T, pk *packager.Packager, fn manifest.Function, shim string, env ...string) *process {
	t.Helper()
	return p.hosted(t, p.packed(t, pk, fn, shim), shim, nil, env...)
}

// packed is the package of a function for a target, in a folder.
func (p program) packed(t *testing.T, pk *packager.Packager, fn manifest.Function, shim string) string {
	t.Helper()
	pl := packager.Platform{Shim: shim, Runtime: fn.Runtime}.OnHost()
	pl.Source = shim == "gcf" && fn.Runtime.Language() == "go"
	a, err := pk.Build(t.Context(), fn, pl)
	if err != nil {
		t.Fatal(err)
	}
	return unpacked(t, a)
}

// hosted starts what calls a package on a target, with further arguments.
func (p program) hosted(t *testing.T, dir, shim string, args []string, env ...string) *process {
	t.Helper()
	addr := templates.FreeAddr(t)
	_, port, _ := net.SplitHostPort(addr)
	cmd := p.hostOf(t, dir, shim, port)
	cmd.Args = append(cmd.Args, args...)
	cmd.Env = slices.Concat(os.Environ(), []string{"FERRY_DIGEST=sha256:abc", "FERRY_TIMEOUT_MS=30000", "PYTHONPATH=" + dir, "PORT=" + port, "IGNORED_ROUTES=/.ferry/none", "FUNCTION_TARGET=" + templates.EntryPoint, "FUNCTION_SIGNATURE_TYPE=http"}, env)
	return listening(t, dir, addr, cmd)
}

// listening is a process in a folder that is to listen at an address, until the test ends.
func listening(t *testing.T, dir, addr string, cmd *exec.Cmd) *process {
	t.Helper()
	i := &process{t: t, addr: addr, out: &output{}, done: make(chan struct{}), cmd: cmd}
	i.cmd.Dir, i.cmd.Stdout, i.cmd.Stderr = dir, i.out, i.out
	if err := i.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = i.cmd.Wait()
		close(i.done)
	}()
	t.Cleanup(func() {
		_ = i.cmd.Process.Signal(os.Interrupt) // it ends its workers
		<-i.done
	})
	return i
}

// hostOf is the command that a platform starts a package with, or that of a stand-in where its host cannot be had.
func (p program) hostOf(t *testing.T, dir, shim, port string) *exec.Cmd {
	t.Helper()
	inTestdata := func(name string) string {
		full, err := filepath.Abs(filepath.Join("testdata", filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		return full
	}
	interpreter, err := "", error(nil)
	if p.runtime.Language() != "go" {
		interpreter, err = lambdatest.Interpreter(t.Context(), cmp.Or(p.lambda, strings.Replace(string(p.runtime), "nodejs24", "nodejs24.x", 1)))
	}
	if err != nil {
		t.Skip(err)
	}
	switch p.runtime.Language() + " on " + shim {
	case "go on azure":
		return exec.Command(filepath.Join(dir, "bootstrap"))
	case "go on gcf":
		return exec.Command(built(t, dir, moduleOf(t, dir)))
	case "nodejs on gcf":
		return exec.Command(interpreter, "-r", inTestdata("loopback.cjs"), filepath.Join(dir, "node_modules/.bin/functions-framework"))
	case "nodejs on azure":
		source, more := nodeworker.Program()
		worker := filepath.Join(t.TempDir(), "worker.cjs")
		packagertest.Write(t, worker, string(source))
		_, at, _ := net.SplitHostPort(templates.FreeAddr(t))
		return exec.Command(interpreter, append([]string{"-r", inTestdata("loopback.cjs"), inTestdata("azurehost/host.mjs"), at, worker}, more...)...)
	case "python on gcf":
		return exec.Command(interpreter, "-m", "functions_framework", "--target", templates.EntryPoint, "--source", "ferry_entry.py", "--signature-type", "http", "--host", "127.0.0.1", "--port", port)
	case "go on run":
		return exec.Command(filepath.Join(dir, "bootstrap"))
	case "nodejs on run":
		return exec.Command(interpreter, filepath.Join(dir, "ferry-entry.mjs"))
	case "python on run", "python on azurehandler":
		return exec.Command(interpreter, "-u", filepath.Join(dir, "ferry_entry.py"))
	case "python on azure":
		return exec.Command(interpreter, inTestdata("azurehost/host.py"), port)
	default:
		t.Fatalf("nothing calls %s on %s", p.runtime, shim)
		return nil
	}
}

// moduleOf is the module that a package is.
func moduleOf(t *testing.T, dir string) string {
	t.Helper()
	mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(mod))[1]
}

// built is the program that the builder of Google Cloud Functions makes of a package: a main package of its own below it,
// which imports the one that registers functions.
func built(t *testing.T, dir, registers string) string {
	t.Helper()
	packagertest.Write(t, filepath.Join(dir, "functions.local/app/main.go"), `package main

import (
	"log"
	"os"

	"github.com/GoogleCloudPlatform/functions-framework-go/funcframework"

	_ "`+registers+`"
)

func main() { log.Fatal(funcframework.StartHostPort("127.0.0.1", os.Getenv("PORT"))) }
`)
	binary := filepath.Join(t.TempDir(), "main")
	cmd := exec.Command("go", "build", "-mod=vendor", "-ldflags=-s -w", "-o", binary, "./functions.local/app")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOPROXY=off", "GOWORK=off", "GOFLAGS=", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return binary
}

// carries makes the requests of the corpus. Lost are answers that the host makes something else of.
func (i *process) carries(t *testing.T, style manifest.Style, lost map[string]answer) {
	t.Helper()
	for _, c := range templates.RequestCases() {
		if strings.Contains(strings.Join(c.Headers, ""), "chunked") {
			c.Headers, c.Body = nil, c.Want.Body // the test's client sends a length
		}
		t.Run(c.Name, func(t *testing.T) {
			if changed, ok := lost[c.Name]; ok {
				if a := i.do(c.Method, c.Target, c.Body, c.Headers...); a.status != changed.status {
					t.Errorf("got %d %s", a.status, a.body)
				}
				return
			}
			a := i.do(c.Method, c.Target, c.Body, c.Headers...)
			c.Judge(t, style, a.status, a.body)
		})
	}
	for _, c := range templates.ResponseCases() {
		if changed, ok := lost[c.Name]; ok {
			c.Header = changed.header
		}
		a := i.do(c.Method, c.Target, nil)
		if a.status != c.Status || a.body != c.Body {
			t.Errorf("%s: got %d %.40q\n%s", c.Name, a.status, a.body, i.out)
		}
		for name, want := range c.Header {
			got := a.header[name]
			if name != "Set-Cookie" && len(got) > 1 {
				got = []string{strings.Join(got, ", ")}
			}
			if diff := gocmp.Diff(want, got); diff != "" {
				t.Errorf("%s: header %s: %s", c.Name, name, diff)
			}
		}
	}
}

// carriesCorpus makes the requests of the corpus behind a host, which serves on after an answer that broke off.
func (p program) carriesCorpus(t *testing.T, i *process, host string) {
	t.Helper()
	i.carries(t, p.style, map[string]map[string]answer{
		"go on gcf":       {"a double slash is a path and no host": {status: 307}},               // the framework's router redirects to one without
		"nodejs on azure": {"headers": {status: 500}},                                            // the library refuses a header that no UTF-8 is in
		"python on azure": {"two cookies": {header: http.Header{"Set-Cookie": {"a=1; Path=/"}}}}, // one with a comma is no cookie to Azure
	}[p.runtime.Language()+" on "+host])
	a, err := i.try("GET", "/special/throw-late", nil)
	if whole := p.runtime.Language()+" on "+host == "python on azure"; whole && a.status != 500 || !whole && err == nil {
		t.Errorf("an answer that broke off is %d %q, %v", a.status, a.body, err)
	}
	if a := i.do("GET", "/special/status", nil); a.status != 418 {
		t.Errorf("afterwards it answers %d", a.status)
	}
	// The framework for Node reads what says that it is JSON before a handler does.
	if a := i.do("POST", "/special/status", []byte("{"), "content-type: application/json"); (a.status == 400) != (p.runtime.Language()+" on "+host == "nodejs on gcf") {
		t.Errorf("a body that claims to be JSON and is not gets %d", a.status)
	}
	// The framework for Python keeps robots.txt to itself, whatever it is told.
	if a := i.do("GET", "/robots.txt", nil); (a.status == 404) != (p.runtime.Language()+" on "+host == "python on gcf") {
		t.Errorf("robots.txt gets %d", a.status)
	}
}

package templates_test

import (
	"cmp"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ferryfn/ferry/internal/lambdatest"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/packager/packagertest"
	"github.com/ferryfn/ferry/templates"
)

// started packs a function for a target and starts what calls it there.
func (p program) started(t *testing.T, pk *packager.Packager, fn manifest.Function, shim string, env ...string) *process {
	t.Helper()
	pl := packager.Platform{Shim: shim, Runtime: fn.Runtime}.OnHost()
	pl.Source = shim == "gcf" && fn.Runtime.Language() == "go"
	a, err := pk.Build(t.Context(), fn, pl)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := lambdatest.Unpack(a.Path, dir); err != nil {
		t.Fatal(err)
	}
	i := &process{t: t, addr: templates.FreeAddr(t), out: &output{}, done: make(chan struct{})}
	_, port, _ := net.SplitHostPort(i.addr)
	i.cmd = p.hostOf(t, dir, shim, port)
	i.cmd.Dir, i.cmd.Stdout, i.cmd.Stderr = dir, i.out, i.out
	i.cmd.Env = slices.Concat(os.Environ(), []string{"FERRY_DIGEST=sha256:abc", "FERRY_TIMEOUT_MS=30000", "PYTHONPATH=" + dir, "PORT=" + port, "IGNORED_ROUTES=/.ferry/none", "FUNCTION_TARGET=" + templates.EntryPoint, "FUNCTION_SIGNATURE_TYPE=http"}, env)
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
		interpreter, err = lambdatest.Interpreter(t.Context(), cmp.Or(p.lambda, strings.Replace(string(p.runtime), "nodejs22", "nodejs22.x", 1)))
	}
	if err != nil {
		t.Skip(err)
	}
	switch p.runtime.Language() + " on " + shim {
	case "go on azure":
		return exec.Command(filepath.Join(dir, "bootstrap"))
	case "go on gcf":
		return exec.Command(built(t, dir))
	case "nodejs on gcf":
		return exec.Command(interpreter, "-r", inTestdata("loopback.cjs"), filepath.Join(dir, "node_modules/.bin/functions-framework"))
	case "nodejs on azure":
		return exec.Command(interpreter, "-r", inTestdata("loopback.cjs"), inTestdata("azurehost/host.mjs"))
	case "python on gcf":
		return exec.Command(interpreter, "-m", "functions_framework", "--target", templates.EntryPoint, "--source", "ferry_entry.py", "--signature-type", "http", "--host", "127.0.0.1", "--port", port)
	case "go on run":
		return exec.Command(filepath.Join(dir, "bootstrap"))
	case "nodejs on run":
		return exec.Command(interpreter, filepath.Join(dir, "ferry-entry.mjs"))
	case "python on run":
		return exec.Command(interpreter, "-u", filepath.Join(dir, "ferry_entry.py"))
	case "python on azure":
		return exec.Command(interpreter, inTestdata("azurehost/host.py"), port)
	default:
		t.Fatalf("nothing calls %s on %s", p.runtime, shim)
		return nil
	}
}

// built is the program that the builder of Google Cloud Functions makes of a package: a main package of its own below it,
// which imports the one at the root.
func built(t *testing.T, dir string) string {
	t.Helper()
	mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	module := strings.Fields(string(mod))[1]
	packagertest.Write(t, filepath.Join(dir, "functions.local/app/main.go"), `package main

import (
	"log"
	"os"

	"github.com/GoogleCloudPlatform/functions-framework-go/funcframework"

	_ "`+module+`"
)

func main() { log.Fatal(funcframework.StartHostPort("127.0.0.1", os.Getenv("PORT"))) }
`)
	binary := filepath.Join(t.TempDir(), "main")
	cmd := exec.Command("go", "build", "-mod=vendor", "-o", binary, "./functions.local/app")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOPROXY=off", "GOWORK=off", "GOFLAGS=", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return binary
}

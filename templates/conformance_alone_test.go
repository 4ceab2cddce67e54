package templates_test

import (
	"net"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager/packagertest"
	"github.com/ferryfn/ferry/templates"
)

// alone starts an echo handler behind a library of Google's or Azure's by its name, as its users do: ferry has no part in it.
func alone(t *testing.T, library string) *process {
	t.Helper()
	node := program{runtime: "nodejs24", lambda: "nodejs24.x", source: "echo/nodejs"}
	this := packagertest.ThisPython(t)
	python := program{runtime: this, lambda: string(this), source: "echo/python"}
	switch library {
	case "functions-framework-go":
		return goAlone(t)
	case "@google-cloud/functions-framework":
		packagertest.Registries(t, "npm", "node")
		node.style, node.handler = manifest.StyleGCFHTTP, "gcf.mjs:echo"
		return node.hosted(t, node.packed(t, packages(), node.function(), "gcf"), "gcf", []string{"--target=echo", "--source=gcf.mjs"})
	case "functions-framework":
		packagertest.Registries(t, "python3")
		python.style, python.handler = manifest.StyleGCFHTTP, "gcf_echo:echo"
		return python.hosted(t, python.packed(t, packages(), python.function(), "gcf"), "gcf", []string{"--target", "echo", "--source", "gcf_echo.py"})
	case "@azure/functions": // an app of its own model is called as it is
		packagertest.Registries(t, "npm", "node")
		node.style, node.handler = manifest.StyleAzure, "azure.mjs"
		return node.started(t, packages(), node.function(), "azure")
	case "azure-functions":
		packagertest.Registries(t, "python3")
		python.style, python.handler = manifest.StyleAzure, "azure_echo:app"
		return python.started(t, packages(), python.function(), "azure")
	}
	t.Fatalf("nobody knows the library %q", library)
	return nil
}

// goAlone starts the package of the echo handler by a main package that does not import ferry's.
func goAlone(t *testing.T) *process {
	t.Helper()
	packagertest.Registries(t, "go")
	p := program{runtime: "go", style: manifest.StyleGCF, source: "echo/goecho", handler: "gcf:Echo"}
	dir, addr := p.packed(t, packages(), p.function(), "gcf"), templates.FreeAddr(t)
	_, port, _ := net.SplitHostPort(addr)
	cmd := exec.Command(built(t, dir, "example.com/goecho/gcf"))
	cmd.Env = append(os.Environ(), "PORT="+port, "FUNCTION_TARGET=Echo")
	return listening(t, dir, addr, cmd)
}

// answering waits until a process answers.
func (i *process) answering() *process {
	i.t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-time.After(20 * time.Millisecond) {
		if a, err := i.try("GET", "/", nil); err == nil && a.status == 200 {
			return i
		}
	}
	i.t.Fatalf("it never answered:\n%s", i.out)
	return nil
}

// carriedAlone are cases that every library carries, so that what it loses is not the echo handler's doing.
func carriedAlone() []string {
	return []string{"the root", "an encoded slash", "one key twice", "JSON", "bytes", "a header", "a status of its own", "a text"}
}

// provenAlone wants each library to lose by itself what ferry's styles lose with it.
func provenAlone(t *testing.T, cases map[string]httpCase, losses []loss) {
	t.Helper()
	byLibrary := map[string][]loss{}
	for _, l := range losses {
		if l.Proof != nil {
			for _, library := range l.Proof.Alone {
				byLibrary[library] = append(byLibrary[library], l)
			}
		}
	}
	for library, lost := range byLibrary {
		t.Run(library, func(t *testing.T) {
			client := local{t: t, network: "tcp", addr: alone(t, library).answering().addr}
			judged := func(name string) string {
				c := cases[name]
				return c.judge(t, client.send(c.message(t), c.Chunked))
			}
			for _, name := range carriedAlone() {
				if wrong := judged(name); wrong != "" {
					t.Errorf("%s: %s", name, wrong)
				}
			}
			for _, l := range lost {
				for _, name := range l.Cases {
					if judged(name) == "" {
						t.Errorf("%s alone carries %s, so that it is not so that %q", library, name, l.Reason)
					}
				}
			}
		})
	}
}

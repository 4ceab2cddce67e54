package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

func cases() []bench {
	return append([]bench{
		{"startup: ferry version", "an empty Go program", 40, startup},
		{"plan of 100 unchanged functions", "git status of the same tree", 15, planOf100},
		{"deploy of 100 unchanged functions", "git status of the same tree", 15, deployOf100},
		{"first deploy of three runtimes", "go build of the Go function, then node, python3 and that program started once", 3, firstDeploy},
		{"a request through the gateway", "the same handler as a server of its own", 2000, throughGateway},
	}, slices.Concat(packaging(), moving(), longLedger())...)
}

func startup(w *workshop) (ours, theirs func() error, err error) {
	if err := w.write(map[string]string{"go.mod": "module empty\n\ngo 1.24\n", "main.go": "package main\n\nfunc main() {}\n"}); err != nil {
		return nil, nil, err
	}
	empty := filepath.Join(w.dir, "empty")
	err = w.command(w.dir, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", empty, ".")()
	return w.command(w.dir, w.ferry, "version"), w.command(w.dir, empty), err
}

func planOf100(w *workshop) (ours, theirs func() error, err error) {
	err = manyFunctions(w)
	return w.command(w.dir, w.ferry, "plan"), w.command(w.dir, "git", "status", "--porcelain"), err
}

func deployOf100(w *workshop) (ours, theirs func() error, err error) {
	err = manyFunctions(w)
	return w.command(w.dir, w.ferry, "deploy"), w.command(w.dir, "git", "status", "--porcelain"), err
}

// manyFunctions deploys a service of 100 small functions and commits it to git.
func manyFunctions(w *workshop) error {
	if err := needs("node", "git"); err != nil {
		return err
	}
	files := map[string]string{}
	var m strings.Builder
	m.WriteString("service: many\ndefaults: {runtime: nodejs22, events: [{http: {}}]}\nfunctions:\n")
	for i := range 100 {
		name := fmt.Sprintf("f%02d", i)
		fmt.Fprintf(&m, "  %s: {source: ./%s, handler: app.js}\n", name, name)
		files[name+"/app.js"] = fmt.Sprintf("export default { fetch: () => new Response('%s') }\n", name)
		files[name+"/package.json"] = `{"type": "module"}` + "\n"
	}
	files["ferry.yaml"] = m.String()
	if err := w.write(files); err != nil {
		return err
	}
	git := func(args ...string) func() error {
		return w.command(w.dir, "git", append([]string{"-c", "user.name=bench", "-c", "user.email=bench@localhost"}, args...)...)
	}
	return all(git("init", "-q"), git("add", "."), git("commit", "-qm", "begin"), w.command(w.dir, w.ferry, "deploy"))()
}

// firstDeploy gives both sides the same empty Go build cache each time.
func firstDeploy(w *workshop) (ours, theirs func() error, err error) {
	if err := needs("node", "python3"); err != nil {
		return nil, nil, err
	}
	if err := os.CopyFS(w.dir, os.DirFS(filepath.Join(w.tree, "examples", "polyglot"))); err != nil {
		return nil, nil, err
	}
	program := `package main

import (
	"net/http"

	handler "example.com/polyglot-go"
)

func main() { _ = http.NewServeMux; _ = handler.Handler }
`
	module, err := os.ReadFile(filepath.Join(w.dir, "go", "go.mod"))
	if err != nil {
		return nil, nil, err
	}
	name, _, _ := strings.Cut(strings.TrimPrefix(string(module), "module "), "\n")
	if err := w.write(map[string]string{"go/cmd/peer/main.go": strings.Replace(program, "example.com/polyglot-go", name, 1)}); err != nil {
		return nil, nil, err
	}
	out := filepath.Join(w.root, "peer")
	cold := func(work func() error) func() error {
		return func() error {
			cache, err := os.MkdirTemp(w.root, "gocache-")
			if err != nil {
				return err
			}
			if err := os.Setenv("GOCACHE", cache); err != nil {
				return err
			}
			defer os.Unsetenv("GOCACHE")
			return work()
		}
	}
	ours = cold(func() error {
		w.stop()
		if err := os.RemoveAll(w.home); err != nil {
			return err
		}
		return w.command(w.dir, w.ferry, "deploy")()
	})
	theirs = cold(all(
		w.command(filepath.Join(w.dir, "go"), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", out, "./cmd/peer"),
		w.command(w.dir, "node", "-e", "0"), w.command(w.dir, "python3", "-c", "import http.server"), w.command(w.dir, out),
	))
	return ours, theirs, nil
}

// throughGateway calls one handler on the platform, and compiled into a server of its own.
func throughGateway(w *workshop) (ours, theirs func() error, err error) {
	if err := os.CopyFS(w.dir, os.DirFS(filepath.Join(w.tree, "examples", "go-api"))); err != nil {
		return nil, nil, err
	}
	url, err := w.deployed("api")
	if err != nil {
		return nil, nil, err
	}
	server := `package main

import (
	"net/http"
	"os"

	api "example.com/go-api"
)

func main() { _ = http.ListenAndServe(os.Args[1], api.Handler) }
`
	if err := w.write(map[string]string{"cmd/peer/main.go": server}); err != nil {
		return nil, nil, err
	}
	program := filepath.Join(w.dir, "peer")
	if err := w.command(w.dir, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", program, "./cmd/peer")(); err != nil {
		return nil, nil, err
	}
	address, err := w.serve(program)
	return get(url + "items"), get("http://" + address + "/items"), err
}

// deployed deploys the case's folder and returns a function's URL.
func (w *workshop) deployed(function string) (string, error) {
	c := exec.Command(w.ferry, "deploy", "--json")
	c.Dir = w.dir
	c.Env = append(os.Environ(), "FERRY_HOME="+w.home)
	out, err := c.Output()
	if err != nil {
		return "", fmt.Errorf("ferry deploy: %w\n%s", err, out)
	}
	var doc struct {
		Result struct {
			Functions map[string]struct {
				URL string `json:"url"`
			} `json:"functions"`
		} `json:"result"`
	}
	err = json.Unmarshal(out, &doc)
	return doc.Result.Functions[function].URL, err
}

// serve starts a server on a free port; it ends with the bench.
func (w *workshop) serve(program string) (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		return "", err
	}
	c := exec.Command(program, address)
	if err := c.Start(); err != nil {
		return "", err
	}
	w.servers = append(w.servers, c)
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for get("http://"+address+"/healthz")() != nil {
		select {
		case <-deadline:
			return "", errors.New("the peer's server does not answer")
		case <-tick.C:
		}
	}
	return address, nil
}

func get(url string) func() error {
	return func() error {
		_, err := body(url)
		return err
	}
}

// body is what a URL answers.
func body(url string) (string, error) {
	res, err := http.Get(url)
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(res.Body)
	if err := errors.Join(err, res.Body.Close()); err != nil {
		return "", err
	}
	if res.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s answered %d", url, res.StatusCode)
	}
	return string(text), nil
}

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ferryfn/ferry/packager/packagertest"
)

// built is a service of a function that Cloud Functions builds, in two stages.
type built struct {
	onGoogle
	runtime string
}

func newBuilt(t *testing.T) built {
	t.Helper()
	if !packagertest.Reachable("python3") {
		t.Skip("what python3 installs cannot be had, or not with -short")
	}
	s := built{newShopOnGoogle(t), string(packagertest.ThisPython(t))}
	s.project.BaseImage("google-22/runtimes/"+strings.ReplaceAll(s.runtime, ".", ""), "1")
	s.project.Answer(func(variables map[string]string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_ = json.NewEncoder(w).Encode(map[string]string{"digest": variables["FERRY_DIGEST"]})
		})
	})
	packagertest.Write(t, filepath.Join(s.dir, "app.py"), "def app(environ, start):\n    start('200 OK', [])\n    return [b'hello']\n")
	return s
}

// via has the function made in that way.
func (s built) via(maker string) {
	s.Helper()
	packagertest.Write(s.T, filepath.Join(s.dir, "ferry.yaml"), fmt.Sprintf(`service: shop
stages: {dev: {}, prod: {}}
functions:
  api: {runtime: %s, handler: "app:app", style: wsgi, events: [http: {}], gcp: {via: %s}}
targets:
  cloud: %s
`, s.runtime, maker, s.cloud().block))
}

// deploy is that command in a stage, as a person or a script gives it.
func (s built) deploy(stage string, more ...string) *exec.Cmd {
	c := exec.Command("ferry", append([]string{"deploy", "-t", "cloud", "-s", stage}, more...)...)
	c.Dir = s.dir
	c.Env = append(append(os.Environ(), "FERRY_HOME="+s.home, "CI="), s.project.Env()...)
	return c
}

// done expects a command to end so, having said a text.
func (s built) done(c *exec.Cmd, code int, text string) {
	s.Helper()
	out, err := c.CombinedOutput()
	if got := c.ProcessState.ExitCode(); got != code || !strings.Contains(string(out), text) {
		s.Fatalf("%s exits %d, want %d with %q: %v\n%s", strings.Join(c.Args, " "), got, code, text, err, out)
	}
}

// wrote is whether the project was asked to change anything.
func (s built) wrote() bool {
	for _, c := range s.project.Calls() {
		if c.Write {
			return true
		}
	}
	return false
}

func TestAFunctionIsTakenFromCloudFunctionsOnAPersonsWordOrWithYes(t *testing.T) {
	t.Parallel()
	s := newBuilt(t)
	s.via("functions")
	for _, stage := range []string{"dev", "prod"} {
		s.done(s.deploy(stage), 0, "")
	}
	s.via("run")
	s.project.Reset()
	const way = "Google has no way back"
	s.done(s.deploy("dev"), 2, way+", and there is no terminal to ask for confirmation\n  hint: add --yes if you mean it")
	s.done(s.deploy("dev", "--json"), 2, `"kind":"usage","message":"api: it is taken from Cloud Functions and goes on as a service of Cloud Run: `+way)
	s.asked("dev", way, "no", 2)
	if s.wrote() {
		t.Error("it wrote although nobody said so")
	}
	s.asked("dev", way, "shop", 0)
	s.done(s.deploy("prod", "--yes"), 0, "")
	if left := s.project.Snapshot(); strings.Contains(left, "\nfunction ") {
		t.Errorf("Cloud Functions still has one:\n%s", left)
	}
	s.done(s.deploy("dev"), 0, "")
}

// asked deploys at a terminal, where a person is asked and types an answer.
func (s built) asked(stage, question, answer string, code int) {
	s.Helper()
	person, program := openTerminal(s.T)
	c := s.deploy(stage)
	p := &child{T: s.T, cmd: c, ended: make(chan struct{})}
	c.Stdin, c.Stdout, c.Stderr = program, &p.out, program
	p.start()
	go func() { _, _ = io.Copy(&p.err, person) }()
	p.says(question)
	p.says("Type shop to continue:")
	if _, err := fmt.Fprintln(person, answer); err != nil {
		s.Fatal(err)
	}
	p.exited(code)
	if code != 0 {
		p.says("not confirmed: nothing was deployed")
	}
}

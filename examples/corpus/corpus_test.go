//go:build unix

// Package corpus_test packages programs of the shapes that real ones have, deploys them with the ferry that it builds and
// calls them, beside the same programs run as their languages run them: both have to answer alike.
package corpus_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/ferryfn/ferry/internal/sample"
	"github.com/ferryfn/ferry/packager/packagertest"
)

// program is one of the corpus: a folder of testdata of its name, without a manifest.
type program struct {
	name  string
	tools []string // what must be installed, besides go
	// prepare is what its README would say: commands of a shell that install and compile. Both sides have what they leave.
	prepare string
	// native is the command of a shell by which the program serves on $PORT without ferry. For a handler of AWS Lambda
	// it is empty, and handler is what Lambda calls.
	native, handler string
	function        string // what the manifest says of the function, without the runtime of Python
	refused         *refusal
	requests        []string // method, target and, where there is one, body
	onAWS           string   // what ferry says where AWS cannot run the program; empty where it can
	differs         string   // an expression for what differs from the list of the language's own tool, where something does
	foreign         string   // what it says for the architecture that is not this machine's, where it cannot be packaged for that
}

// refusal is an error that ferry has to give before anything is live.
type refusal struct {
	says []string // parts of the error
	add  string   // the line that the error names and that makes the program serve; empty for one that cannot be served
}

// binary is the ferry under test, built once.
var binary string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "ferry-corpus-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "ferry")
	if out, err := exec.Command("go", "build", "-ldflags=-s -w", "-o", binary, "../../cmd/ferry").CombinedOutput(); err != nil {
		panic(string(out))
	}
	return m.Run()
}

// programs is the whole corpus. The order decides what a sample tries.
func programs() []program { return slices.Concat(nodePrograms(), pythonPrograms(), goPrograms()) }

func TestCorpusAnswersAsItDoesWithoutFerry(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: nothing is downloaded")
	}
	s, sum := sample.Of(t, 8), &tally{}
	t.Cleanup(func() { t.Log(sum) })
	for _, p := range programs() {
		if !s.Takes() {
			continue
		}
		t.Run(p.name, func(t *testing.T) {
			packagertest.Registries(t, p.tools...)
			sum.add(p.compare(t))
		})
	}
}

// TestCorpusIsWhole holds the table and the folders together.
func TestCorpusIsWhole(t *testing.T) {
	var named []string
	for _, p := range programs() {
		named = append(named, p.name)
	}
	entries, err := os.ReadDir("testdata")
	if err != nil {
		t.Fatal(err)
	}
	var there []string
	for _, e := range entries {
		there = append(there, e.Name())
	}
	packagertest.Equal(t, packagertest.Sorted(named), there)
}

// tally counts what came of the programs.
type tally struct {
	mu                                  sync.Mutex
	served, refused, wrong, failed, all int
}

// verdict is what came of one program.
type verdict struct {
	refused, failed, wrong bool // failed: it went live, and then answered with an error of a server
	requests               int
}

func (s *tally) add(v verdict) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all += v.requests
	switch {
	case v.failed:
		s.failed++
	case v.wrong:
		s.wrong++
	case v.refused:
		s.refused++
	default:
		s.served++
	}
}

func (s *tally) String() string {
	return fmt.Sprintf("%d requests compared: %d programs served, %d refused in so many words, %d live and then failed, %d wrong",
		s.all, s.served, s.refused, s.failed, s.wrong)
}

// compare deploys the program and runs it natively, and compares what both answer.
func (p program) compare(t *testing.T) verdict {
	d := p.checkout(t)
	if p.refused != nil && !d.refuses(*p.refused) {
		return verdict{wrong: true}
	}
	if p.refused != nil && p.refused.add == "" {
		return verdict{refused: true}
	}
	native := d.native()
	live, ok := d.deploy()
	if !ok {
		return verdict{wrong: true}
	}
	v := alike(t, "local", native, live, p.requests)
	w := d.onAWS(native)
	return verdict{requests: v.requests + w.requests, failed: v.failed || w.failed, wrong: v.wrong || w.wrong}
}

// checkout is a copy of a program that is ready to be packaged.
type checkout struct {
	program
	*testing.T
	dir, home string
}

func (p program) checkout(t *testing.T) *checkout {
	t.Helper()
	d := &checkout{program: p, T: t, dir: filepath.Join(t.TempDir(), p.name), home: t.TempDir()}
	if err := os.CopyFS(d.dir, os.DirFS(filepath.Join("testdata", p.name))); err != nil {
		t.Fatal(err)
	}
	d.manifest("")
	if p.prepare != "" {
		c := d.shell(p.prepare)
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", p.prepare, err, out)
		}
		d.pinned()
	}
	t.Cleanup(func() { d.ferry("local", "stop") })
	return d
}

// pinned wants all that is installed for Python to be of a version that the program's lists name: what a registry gets tomorrow
// must not change what is compared. The tools of the other languages see to that by themselves.
func (d *checkout) pinned() {
	d.Helper()
	lists, same := "", strings.NewReplacer("_", "-", ".", "-", "\"\nversion = \"", "==")
	for _, form := range []string{"requirements.txt", "pyproject.toml", "poetry.lock", "*/*/pyproject.toml"} {
		for _, list := range d.glob(form) {
			data, err := os.ReadFile(list)
			if err != nil {
				d.Fatal(err)
			}
			lists += strings.ToLower(same.Replace(string(data)))
		}
	}
	for _, info := range slices.Concat(d.glob("*.dist-info"), d.glob(".venv/lib/*/site-packages/*.dist-info")) {
		name, version, _ := strings.Cut(strings.TrimSuffix(filepath.Base(info), ".dist-info"), "-")
		if !strings.Contains(lists, strings.ToLower(same.Replace(name+"=="+version))) {
			d.Errorf("%s %s is installed, and no list of the program pins it", name, version)
		}
	}
}

func (d *checkout) glob(form string) []string {
	d.Helper()
	found, err := filepath.Glob(filepath.Join(d.dir, form))
	if err != nil {
		d.Fatal(err)
	}
	return found
}

// manifest writes ferry.yaml, with one line more where a refusal asked for it.
func (d *checkout) manifest(line string) {
	d.Helper()
	text := fmt.Sprintf(`service: corpus
targets:
  local: {provider: local}
  aws: {provider: aws, region: eu-west-1}
stages:
  arm: {defaults: {architecture: arm64}}
  amd: {defaults: {architecture: amd64}}
functions:
  app:
    events: [http: {}]
    timeout: 20s
    memory: 512MB
%s`, indent(d.function))
	if !strings.Contains(d.function, "runtime:") {
		text += indent("runtime: " + string(packagertest.ThisPython(d.T))) // what is compiled is compiled for one
	}
	packagertest.Write(d, filepath.Join(d.dir, "ferry.yaml"), text+indent(line))
}

func indent(lines string) (out string) {
	for line := range strings.Lines(strings.TrimSpace(lines)) {
		out += "    " + strings.TrimRight(line, "\n") + "\n"
	}
	return out
}

// shell is a command in the program's folder. It ends with the test, and what it started with it.
func (d *checkout) shell(command string, env ...string) *exec.Cmd {
	c := exec.CommandContext(d.Context(), "sh", "-ec", command)
	c.Dir = d.dir
	c.Env = append(os.Environ(), "FERRY_HOME="+d.home, "CI=1", "UV_PYTHON_DOWNLOADS=never", "PYTHONDONTWRITEBYTECODE=1")
	c.Env = append(c.Env, env...)
	return c
}

// document is what ferry prints as JSON.
type document struct {
	OK     bool
	Errors []struct{ Message, Hint string }
	Result json.RawMessage
}

// ferry runs a command.
func (d *checkout) ferry(args ...string) (doc document, all string) {
	d.Helper()
	c := exec.CommandContext(context.WithoutCancel(d.Context()), binary, append(args, "--json")...) // also when the test is over
	c.Dir, c.Env = d.dir, append(os.Environ(), "FERRY_HOME="+d.home)
	var stderr strings.Builder
	c.Stderr = &stderr
	out, _ := c.Output() // the document says how it ended
	if err := json.Unmarshal(out, &doc); err != nil {
		d.Fatalf("ferry %s: %v in %q\n%s", strings.Join(args, " "), err, out, &stderr)
	}
	return doc, string(out) + stderr.String()
}

// refuses wants the words of a refusal, and that nothing is live; then it adds the line that they name.
func (d *checkout) refuses(r refusal) bool {
	d.Helper()
	doc, all := d.ferry("deploy")
	if doc.OK {
		d.Errorf("it was deployed, and not refused with %q", r.says)
		return false
	}
	said := ""
	for _, e := range doc.Errors {
		said += e.Message + "\n" + e.Hint + "\n"
	}
	for _, part := range append(slices.Clone(r.says), r.add) {
		if !strings.Contains(said, part) {
			d.Errorf("the refusal does not say %q:\n%s%s", part, said, all)
			return false
		}
	}
	if r.add != "" {
		d.manifest(r.add)
	}
	return true
}

// deploy makes the program live on the local platform.
func (d *checkout) deploy() (server, bool) {
	d.Helper()
	doc, all := d.ferry("deploy")
	if !doc.OK {
		d.Errorf("it was neither deployed nor refused as it should be:\n%s", all)
		return server{}, false
	}
	var result struct {
		Functions map[string]struct{ URL string }
	}
	if err := json.Unmarshal(doc.Result, &result); err != nil {
		d.Fatal(err)
	}
	return server{url: strings.TrimSuffix(result.Functions["app"].URL, "/")}, true
}

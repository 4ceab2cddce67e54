package main

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/ferryfn/ferry/internal/awstest"
)

// TestMain makes the test binary ferry itself when it is started under that name, as the scripts do and
// as the local platform does with its copy.
func TestMain(m *testing.M) {
	testscript.Main(session{m}, map[string]func(){
		"ferry": func() { os.Exit(run(wiring())) },
	})
}

// session is the tests, with the program behind their functions on the PATH. It is a program of its own because tests start it
// some thousand times, and each start of a test binary takes longer for all that it is linked with.
type session struct{ tests *testing.M }

func (s session) Run() int {
	dir, err := os.MkdirTemp("", "ferry-server")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	build := exec.Command("go", "build", "-ldflags=-s -w", "-o", dir, "./testdata/server")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building the program behind the functions: %v\n%s", err, out)
		return 1
	}
	path := dir + string(os.PathListSeparator) + os.Getenv("PATH")
	if err := os.Setenv("PATH", path); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return s.tests.Run()
}

func TestScripts(t *testing.T) {
	t.Parallel()
	goEnv := goEnvironment(t)
	aws := &clouds{t: t, of: map[*testscript.TestScript]*awstest.Cloud{}}
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "json": jsonValue, "get": get, "http": request, "program": program, "waitfile": waitFile, "occupy": occupy,
			"answers": answers, "nudge": nudge, "onlyin": onlyIn, "cloud": aws.command,
			"paste": paste, "page": openPage, "settled": settled,
		},
		Condition: installed,
		Setup: func(env *testscript.Env) error {
			ferry, err := exec.LookPath("ferry")
			if err != nil {
				return err
			}
			env.Setenv("BIN", filepath.Dir(ferry))
			home := filepath.Join(env.WorkDir, ".ferry")
			env.Vars = append(env.Vars, goEnv...)
			env.Setenv("FERRY_HOME", home)
			env.Defer(func() { stop(t, home) })
			return nil
		},
	})
}

// goEnvironment lets scripts share this machine's Go caches.
func goEnvironment(t *testing.T) []string {
	t.Helper()
	vars := []string{"GOTOOLCHAIN=local", "GOPROXY=off", "GOFLAGS=-mod=mod"}
	for _, name := range []string{"GOCACHE", "GOMODCACHE", "GOPATH"} {
		out, err := exec.Command("go", "env", name).Output()
		if err != nil {
			t.Fatalf("asking go for %s: %v", name, err)
		}
		vars = append(vars, name+"="+strings.TrimSpace(string(out)))
	}
	return vars
}

// stop ends the local platform of a script, also after a failure.
func stop(t *testing.T, home string) {
	c := exec.Command("ferry", "local", "stop")
	c.Env = append(os.Environ(), "FERRY_HOME="+home)
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("stopping the local platform: %v\n%s", err, out)
	}
}

// installed holds for a program that scripts may need, as [node], and for what this machine lets them do: [root] and
// [unshare].
func installed(name string) (bool, error) {
	switch name {
	case "node", "python3", "go", "git":
		_, err := exec.LookPath(name)
		return err == nil, nil
	case "unshare": // a view of the system of one's own
		return exec.Command("unshare", "-rm", "true").Run() == nil, nil
	case "root":
		return os.Geteuid() == 0, nil
	}
	return false, fmt.Errorf("unknown condition %q", name)
}

// program writes a function that answers with a text: `program api/run v1`.
func program(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: program FILE TEXT")
	}
	server, err := exec.LookPath("server")
	ts.Check(err)
	file := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(filepath.Dir(file), 0o755))
	script := fmt.Sprintf("#!/bin/sh\nexec '%s' %s\n", server, strings.Join(args[1:], " "))
	ts.Check(os.WriteFile(file, []byte(script), 0o755))
}

// occupy listens on the port of a URL until the script ends.
func occupy(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: occupy URL")
	}
	u, err := url.Parse(args[0])
	ts.Check(err)
	listener, err := net.Listen("tcp", u.Host)
	ts.Check(err)
	ts.Defer(func() { listener.Close() })
}

// waitFile waits until a file holds a text: `waitfile FILE [TEXT]`.
func waitFile(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: waitfile FILE [TEXT]")
	}
	text := strings.Join(args[1:], "")
	file, deadline := ts.MkAbs(args[0]), time.After(30*time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if data, err := os.ReadFile(file); err == nil && strings.Contains(string(data), text) {
			return
		}
		select {
		case <-deadline:
			ts.Fatalf("%s does not come to hold %q", args[0], text)
		case <-tick.C:
		}
	}
}

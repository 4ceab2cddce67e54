//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// lockLives is how long a lock lives in these tests: who is stopped for less than that keeps it.
const lockLives = ttlVariable + "=30s"

// process is a ferry that runs on by itself.
type process struct {
	*exec.Cmd
	shop *shop
	said *lines
}

// start runs ferry on the sources of a version.
func (s *shop) start(version string, environ []string, args ...string) *process {
	s.Helper()
	p := &process{Cmd: s.command(version, append(environ, lockLives), args...), shop: s, said: &lines{}}
	p.Stderr = p.said
	if err := p.Start(); err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { _ = p.Process.Kill() })
	return p
}

// startStopped runs ferry until it stops itself.
func (s *shop) startStopped(version, at string) *process {
	s.Helper()
	s.write(version)
	p := s.start(version, []string{faultVariable + "=STOP " + at}, "deploy", "-m", version)
	if !freezes(s.T, p.Cmd) {
		s.Fatalf("ferry %q does not stop %s: %s%s", p.Args[1:], at, p.Stdout, p.said)
	}
	return p
}

// goOn continues a stopped process.
func (p *process) goOn() {
	p.shop.Helper()
	if err := p.Process.Signal(syscall.SIGCONT); err != nil {
		p.shop.Fatal(err)
	}
}

// ends waits for the process and expects an exit code; -1 is a signal.
func (p *process) ends(code int) {
	p.shop.Helper()
	deadline := time.AfterFunc(2*time.Minute, func() { _ = p.Process.Kill() })
	defer deadline.Stop()
	_ = p.Wait()
	if got := p.ProcessState.ExitCode(); got != code {
		p.shop.Fatalf("ferry %q exits %d, not %d: %s%s", p.Args[1:], got, code, p.Stdout, p.said)
	}
}

// says waits until the process has said something on stderr.
func (p *process) says(text string) {
	p.shop.Helper()
	tick, deadline := time.NewTicker(20*time.Millisecond), time.After(time.Minute)
	defer tick.Stop()
	for !strings.Contains(p.said.String(), text) {
		select {
		case <-deadline:
			p.shop.Fatalf("ferry %q does not say %q: %s", p.Args[1:], text, p.said)
		case <-tick.C:
		}
	}
}

// kind is the kind of the first error in the JSON of a process that ended.
func (p *process) kind() string {
	p.shop.Helper()
	var doc struct{ Errors []struct{ Kind string } }
	if err := json.Unmarshal(p.Stdout.(*bytes.Buffer).Bytes(), &doc); err != nil || len(doc.Errors) == 0 {
		p.shop.Fatalf("%v: %s", err, p.Stdout)
	}
	return doc.Errors[0].Kind
}

// lines is what a process says, while it runs.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func TestADeployThatWaitsComesAfterTheOneAtWork(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.deploy("first")
	slow := s.startStopped("slow", "at probe")
	s.write("next")
	next := s.start("next", nil, "deploy", "-m", "next", "--wait")
	next.says("waiting for ")
	next.says(", working on release 2 since ")
	slow.goOn()
	slow.ends(0)
	next.ends(0)
	s.serves("next")
	if l := s.ledger(); l.Live.Number != 3 || l.Records[2].Message != "slow" || l.Lock.Holder != nil {
		t.Errorf("the ledger is %+v", l)
	}
}

func TestAHolderThatDiesWhileOneWaitsIsSucceeded(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.deploy("first")
	for _, c := range []struct {
		at   string
		code int
	}{
		{"at probe", 0},
		{"after switch", 6}, // it had begun to activate, which a person has to decide on
	} {
		slow := s.startStopped("slow-"+strings.ReplaceAll(c.at, " ", "-"), c.at)
		s.write("next")
		next := s.start("next", []string{"FERRY_WAIT=5m"}, "deploy", "-m", "next")
		next.says("waiting for ")
		if err := slow.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		slow.ends(-1)
		next.ends(c.code)
	}
	back := s.start("next", nil, "rollback", "--yes", "--wait=5m")
	back.ends(0)
	s.serves("next")
}

func TestARemovalThatWaitsTakesAwayWhatWasDeployedMeanwhile(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.deploy("first")
	slow := s.startStopped("slow", "at probe")
	remove := s.start("first", nil, "remove", "--yes", "--wait")
	remove.says("waiting for ")
	slow.goOn()
	slow.ends(0)
	remove.ends(0)
	s.servesNothing()
}

func TestACommitThatIsOlderThanWhatWentLiveMeanwhileStops(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("needs git")
	}
	t.Parallel()
	s := newShop(t)
	git := func(version string, args ...string) {
		t.Helper()
		c := exec.Command("git", slices.Concat([]string{"-C", filepath.Join(s.dir, version), "-c", "user.name=ada", "-c", "user.email=ada@lab"}, args)...)
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("git %q: %v: %s", args, err, out)
		}
	}
	commit := func(version string) {
		t.Helper()
		s.write(version)
		git(version, "add", "-A")
		git(version, "commit", "-q", "-m", version)
	}
	if err := os.MkdirAll(filepath.Join(s.dir, "old"), 0o755); err != nil {
		t.Fatal(err)
	}
	git("old", "init", "-q")
	commit("old")
	git("old", "worktree", "add", "-q", filepath.Join(s.dir, "new"))
	commit("new")

	holder := s.startStopped("new", "at probe")
	late := s.start("old", nil, "deploy", "-m", "old", "--wait")
	late.says("waiting for ")
	holder.goOn()
	holder.ends(0)
	late.ends(6)
	if late.kind() != "superseded" {
		t.Errorf("the kind of the failure is %q", late.kind())
	}
	s.learn(holder.Cmd)
	s.serves("new")

	// The other way round the newer one goes live after the older one.
	holder = s.startStopped("old", "at probe")
	late = s.start("new", nil, "deploy", "-m", "new", "--wait")
	holder.goOn()
	holder.ends(0)
	late.ends(0)
}

//go:build unix

package main

import (
	"fmt"
	"os/exec"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/ferryfn/ferry/internal/sample"
)

// A deploy is frozen before its first call, then another one before its second, and so on; somebody takes over by force
// and the frozen one goes on at once. It must change neither what serves nor what the ledger says is live.
func TestAFrozenDeployThatWasOvertakenByForceChangesNothing(t *testing.T) {
	t.Parallel()
	for _, rival := range []string{"rollback", "deploy"} {
		t.Run("by "+rival, func(t *testing.T) {
			t.Parallel()
			s := newShop(t)
			s.deploy("first")
			calls := sample.Of(t, 9)
			tried := 0
			for n := 1; ; n++ {
				if !calls.Takes() {
					continue
				}
				s.deploy(fmt.Sprintf("good%d", n))
				slow := fmt.Sprintf("slow%d", n)
				s.write(slow)
				frozen := s.command(slow, []string{fmt.Sprintf("%s=STOP %d", faultVariable, n)}, "deploy", "-m", slow)
				if err := frozen.Start(); err != nil {
					t.Fatal(err)
				}
				if !freezes(t, frozen) {
					t.Logf("%d frozen deploys were overtaken, none changed what serves", tried)
					return
				}
				if s.ledger().Lock.Holder == nil { // it has no lock yet, or no more: there is nothing to overtake
					goesOn(t, frozen)
					continue
				}
				tried++
				s.overtakes(rival, fmt.Sprintf("rival%d", n))
				want, live := s.serving(), s.ledger().Live.Number
				goesOn(t, frozen)
				s.serves(want)
				if now := s.ledger().Live.Number; now != live {
					t.Errorf("frozen before call %d, it made release %d live in place of %d: %s", n, now, live, said(frozen))
				}
				if t.Failed() {
					return
				}
			}
		})
	}
}

// overtakes takes the lock from a frozen deploy by force. A deploy may have to decide first on what that one left.
func (s *shop) overtakes(rival, version string) {
	s.Helper()
	s.write(version)
	rollback := func() { s.run(version, "rollback", "--yes", "--force") }
	if rival == "rollback" {
		rollback()
		return
	}
	deploy := s.command(version, nil, "deploy", "--force", "-m", version)
	code, out := ran(deploy)
	if code == 6 {
		rollback()
		deploy = s.command(version, nil, "deploy", "--force", "-m", version)
		code, out = ran(deploy)
	}
	if code != 0 {
		s.Fatalf("overtaking exits %d: %s", code, out)
	}
}

// freezes waits until a process is stopped. It reports false when the process ended.
func freezes(t *testing.T, c *exec.Cmd) bool {
	t.Helper()
	var status syscall.WaitStatus
	deadline := time.AfterFunc(time.Minute, func() { _ = syscall.Kill(c.Process.Pid, syscall.SIGKILL) })
	defer deadline.Stop()
	if _, err := syscall.Wait4(c.Process.Pid, &status, syscall.WUNTRACED, nil); err != nil || status.Signaled() {
		t.Fatalf("the process was neither stopped nor did it end: %v, %v", status, err)
	}
	return status.Stopped()
}

// goesOn continues a stopped process and waits for its end.
func goesOn(t *testing.T, c *exec.Cmd) {
	t.Helper()
	if err := c.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	_ = c.Wait()
	if code := c.ProcessState.ExitCode(); !slices.Contains([]int{0, 6}, code) {
		t.Errorf("what was stopped exits %d: %s", code, said(c))
	}
}

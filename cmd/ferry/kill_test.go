//go:build unix

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/ferryfn/ferry/internal/sample"
)

// interrupted runs ferry with a SIGKILL at call n. It reports false when the work ended before that call.
func (s *shop) interrupted(n int, version string, args ...string) bool {
	s.Helper()
	code, out := ran(s.command(version, []string{fmt.Sprintf("%s=KILL %d", faultVariable, n)}, args...))
	if code != -1 && code != 0 {
		s.Fatalf("ferry %q with a kill at call %d exits %d: %s", args, n, code, out)
	}
	return code == -1
}

// finish resumes or rolls back after a kill, which must bring back one whole version: the one that the
// ledger promises.
func (s *shop) finish(version, how string) {
	s.Helper()
	l := s.ledger()
	want := l.Message()
	switch pending := l.Pending(); {
	case pending != nil && how == "resume":
		want = l.Records[pending.Source].Message
	case pending == nil && how == "rollback":
		want = l.Records[l.LastGood()].Message
	}
	s.run(version, how, "--yes")
	s.serves(want)
	now := s.ledger()
	free := now.Lock.Holder == nil && now.Lock.Unfinished == 0 || l.Pending() == nil && how == "resume"
	if l = now; l.Message() != want || !free {
		s.Fatalf("%s leaves %+v with %q live, not %q", how, l.Lock, l.Message(), want)
	}
}

// The kinds of work that are killed at every call. Each begins with what old says, and ends with what now says.
func TestAKillAtAnyCallLeavesTheOldOrTheNewRelease(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"resume", "rollback"} {
		t.Run("deploy, then "+how, func(t *testing.T) {
			killEverywhere(t, how, func(s *shop, old, now string) []string {
				s.write(now)
				return []string{"deploy", "-m", now}
			})
		})
		t.Run("rollback, then "+how, func(t *testing.T) {
			killEverywhere(t, how, func(s *shop, old, now string) []string {
				s.deploy(now)
				s.deploy(old)
				return []string{"rollback", "--yes"}
			})
		})
		t.Run("resume, then "+how, func(t *testing.T) {
			killEverywhere(t, how, func(s *shop, old, now string) []string {
				s.write(now)
				code, out := ran(s.command(now, []string{faultVariable + "=KILL after switch"}, "deploy", "-m", now))
				if code != -1 {
					s.Fatalf("the deploy to resume exits %d: %s", code, out)
				}
				return []string{"resume"}
			})
		})
	}
}

// killEverywhere kills the work at its first call, then, from a whole release on, at its second, and so on: at those of a
// sample.
func killEverywhere(t *testing.T, how string, prepare func(s *shop, old, now string) []string) {
	t.Parallel()
	s := newShop(t)
	s.deploy("first")
	s.deploy("second")
	calls := sample.Of(t, 9)
	for n := 1; ; n++ {
		if !calls.Takes() {
			continue
		}
		old, now := s.serving(), fmt.Sprintf("v%d", n)
		args := prepare(s, old, now)
		killed := s.interrupted(n, now, args...)
		s.serves(old, now)
		if !killed {
			s.serves(now)
			return
		}
		s.finish(now, how)
		if how == "rollback" {
			s.deploy(now + "-after") // so that there is always something good to go back to
		}
	}
}

func TestAFullDiskAtAnyWriteLosesNoRecord(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.deploy("first")
	calls := sample.Of(t, 9)
	for n := 1; ; n++ {
		if !calls.Takes() {
			continue
		}
		old, now := s.serving(), fmt.Sprintf("v%d", n)
		before := s.ledger()
		s.write(now)
		code, out := ran(s.command(now, []string{fmt.Sprintf("%s=FULL %d", faultVariable, n)}, "deploy", "-m", now))
		s.serves(old, now)
		after := s.ledger()
		for number := range before.Records {
			if after.Records[number] == nil {
				t.Errorf("a full disk at call %d lost record %d", n, number)
			}
		}
		if code == 0 {
			s.serves(now)
			return
		}
		if !slices.Contains([]int{1, 4, 5}, code) {
			t.Fatalf("a full disk at call %d exits %d: %s", n, code, out)
		}
		s.finish(now, "resume")
	}
}

func TestAStoppedDeployThatWasOvertakenWritesNothing(t *testing.T) {
	t.Parallel()
	for _, op := range []string{"publish", "probe", "switch"} {
		t.Run("before "+op, func(t *testing.T) {
			t.Parallel()
			s := newShop(t)
			s.deploy("old")
			s.write("slow")
			ttl := ttlVariable + "=500ms"
			slow := s.command("slow", []string{ttl, faultVariable + "=STOP at " + op}, "deploy", "-m", "slow")
			if err := slow.Start(); err != nil {
				t.Fatal(err)
			}
			if !freezes(t, slow) {
				t.Fatalf("the deploy was not stopped: %s", said(slow))
			}
			s.write("quick")
			if code, out := ran(s.command("quick", []string{ttl}, "deploy", "-m", "quick")); code == 6 {
				// It had begun to activate: that must be decided on first.
				if code, out := ran(s.command("quick", []string{ttl}, "rollback", "--yes")); code != 0 {
					t.Fatalf("rolling back the stopped deploy exits %d: %s", code, out)
				}
				s.deploy("quick")
			} else if code != 0 {
				t.Fatalf("overtaking exits %d: %s", code, out)
			}
			s.serves("quick")
			before := snapshotOf(t, filepath.Join(s.home, "state", "store"))
			if err := slow.Process.Signal(syscall.SIGCONT); err != nil {
				t.Fatal(err)
			}
			_ = slow.Wait()
			if code := slow.ProcessState.ExitCode(); code != 6 {
				t.Errorf("the overtaken deploy exits %d: %s", code, said(slow))
			}
			s.serves("quick")
			if after := snapshotOf(t, filepath.Join(s.home, "state", "store")); after != before {
				t.Errorf("the overtaken deploy wrote to the store:\n%s\ninstead of\n%s", after, before)
			}
		})
	}
}

// snapshotOf is every file below a folder with its content.
func snapshotOf(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if strings.HasSuffix(path, ".zip") {
			data = nil // an artifact is named by its content
		}
		fmt.Fprintf(&b, "%s\n%s\n", path, data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

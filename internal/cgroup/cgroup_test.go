package cgroup

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// tree is a folder that looks like a mount of control groups: an own group in a scope, in a slice that hands memory on.
func tree(t *testing.T) (mount, slice string) {
	t.Helper()
	mount = t.TempDir()
	slice = filepath.Join(mount, "user.slice", "app.slice")
	if err := os.MkdirAll(filepath.Join(slice, "shell.scope"), 0o755); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(mount, "cgroup.subtree_control"), "cpu memory pids")
	put(t, filepath.Join(slice, "cgroup.subtree_control"), "memory pids\n")
	put(t, filepath.Join(slice, "cgroup.procs"), "")
	put(t, filepath.Join(slice, "shell.scope", "cgroup.subtree_control"), "")
	return mount, slice
}

func put(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

const inScope = "1:name=systemd:/\n0::/user.slice/app.slice/shell.scope\n"

func TestGroupsAreMadeInTheNearestGroupAroundThatHandsMemoryOn(t *testing.T) {
	t.Parallel()
	mount, slice := tree(t)
	if p := Find(mount, inScope, "a"); p == nil || p.dir != slice {
		t.Errorf("got %+v", p)
	}
	for name, self := range map[string]string{"version 1 alone": "4:memory:/\n", "a group out of sight": "0::/../other\n", "no group": ""} {
		if p := Find(mount, self, "a"); p != nil {
			t.Errorf("%s: got %+v", name, p)
		}
	}
	put(t, filepath.Join(slice, "cgroup.subtree_control"), "pids")
	if p := Find(mount, inScope, "a"); p != nil {
		t.Errorf("where only the root hands memory on, and takes no process: got %+v", p)
	}
}

func TestAGroupHasItsLimitsAndTellsWhichOneWasHit(t *testing.T) {
	t.Parallel()
	mount, slice := tree(t)
	g, err := Find(mount, inScope, "a").Make("1", Limits{Memory: 128 << 20, Tasks: 200})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"memory.max": "134217728", "memory.swap.max": "0", "memory.oom.group": "1", "pids.max": "200"} {
		if got, err := os.ReadFile(filepath.Join(slice, "ferry-a-1", name)); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if g.Exceeded() != 0 || g.Crowded() {
		t.Error("a limit counts as hit before it was")
	}
	put(t, filepath.Join(g.dir, "memory.events"), "low 0\nmax 7\noom 1\noom_kill 3\n")
	put(t, filepath.Join(g.dir, "pids.events"), "max 2\n")
	if g.Exceeded() != 128<<20 || !g.Crowded() {
		t.Errorf("got %d, %t", g.Exceeded(), g.Crowded())
	}
	put(t, filepath.Join(g.dir, "memory.peak"), "134000000\n")
	if g.Exceeded() != 134000000 {
		t.Errorf("got %d", g.Exceeded())
	}
}

func TestASweepKillsAndTakesAwayTheGroupsOfOneOwnerAlone(t *testing.T) {
	t.Parallel()
	mount, slice := tree(t)
	other, err := Find(mount, inScope, "b").Make("1", Limits{})
	if err != nil {
		t.Fatal(err)
	}
	p := Find(mount, inScope, "a")
	g, err := p.Make("1", Limits{Tasks: 5})
	if err != nil {
		t.Fatal(err)
	}
	go func() { // a control group can be taken away although it has files, once nothing is in it
		for kill := []byte(nil); string(kill) != "1"; kill, _ = os.ReadFile(filepath.Join(g.dir, "cgroup.kill")) {
			<-time.After(time.Millisecond)
		}
		for _, name := range []string{"pids.max", "cgroup.kill"} {
			_ = os.Remove(filepath.Join(g.dir, name))
		}
	}()
	if err := p.Sweep(); err != nil {
		t.Error(err)
	}
	if left, _ := filepath.Glob(filepath.Join(slice, "ferry-*")); len(left) != 1 || left[0] != other.dir {
		t.Errorf("left are %q", left)
	}
}

func TestAProcessIsKilledForTheMemoryOfItsGroup(t *testing.T) {
	t.Parallel()
	t.Run("in a real control group", func(t *testing.T) {
		p := Own("test")
		if p == nil {
			t.Skip("this process may make no control groups of version 2 that limit memory")
		}
		g, err := p.Make(strconv.Itoa(os.Getpid()), Limits{Memory: 32 << 20, Tasks: 50})
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := g.End(); err != nil {
				t.Error(err)
			}
		}()
		cmd := exec.Command("tail", "-c", "200m", "/dev/zero") // keeps them all
		if err := g.Start(cmd); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err == nil || g.Exceeded() == 0 {
			t.Errorf("it ended with %v after %d bytes", err, g.Exceeded())
		}
	})
}

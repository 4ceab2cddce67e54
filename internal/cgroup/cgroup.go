// Package cgroup limits the memory and the tasks of processes by Linux' control groups of version 2, where this process may make some.
// What starts in a group has the limits from its first instruction, as has all that it starts, wherever that goes.
package cgroup

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Place is where the groups of one owner are made.
type Place struct{ dir, prefix string }

// Own is the place for this process; nil is none.
func Own(owner string) *Place {
	self, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil
	}
	return Find("/sys/fs/cgroup", string(self), owner)
}

// Find is the nearest group around a process, of which self is /proc/self/cgroup, that hands memory on to groups within it and has this
// user make some; nil is none. It need not be one that the process is in by itself: such a one has no groups within.
func Find(mount, self, owner string) *Place {
	for line := range strings.Lines(self) {
		path, unified := strings.CutPrefix(strings.TrimSpace(line), "0::/")
		if !unified || path != "" && !filepath.IsLocal(path) { // it lies outside of what this process sees
			continue
		}
		for dir := filepath.Join(mount, path); ; dir = filepath.Dir(dir) {
			p := &Place{dir: dir, prefix: "ferry-" + owner + "-"}
			switch {
			case p.usable():
				return p
			case dir == mount:
				return nil
			}
		}
	}
	return nil
}

// usable reports whether groups can be made here and processes moved into them.
func (p *Place) usable() bool {
	controllers, err := os.ReadFile(filepath.Join(p.dir, "cgroup.subtree_control"))
	if err != nil || !slices.Contains(strings.Fields(string(controllers)), "memory") {
		return false
	}
	procs, err := os.OpenFile(filepath.Join(p.dir, "cgroup.procs"), os.O_WRONLY, 0)
	if err != nil || procs.Close() != nil {
		return false
	}
	trial := filepath.Join(p.dir, p.prefix+"trial")
	if err := os.Mkdir(trial, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return false
	}
	return os.Remove(trial) == nil
}

// Limits are those of all processes of a group together; 0 is none.
type Limits struct {
	Memory int64 // bytes
	Tasks  int   // processes and threads
}

// Group is a control group.
type Group struct{ dir string }

// Make makes a group. Where one of its processes meets the limit of memory, all of them are killed.
func (p *Place) Make(id string, l Limits) (_ *Group, err error) {
	g := &Group{dir: filepath.Join(p.dir, p.prefix+id)}
	if err := os.Mkdir(g.dir, 0o755); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(g.dir)
		}
	}()
	if l.Memory > 0 {
		if err := g.write("memory.max", strconv.FormatInt(l.Memory, 10)); err != nil {
			return nil, err
		}
		_ = g.write("memory.swap.max", "0") // a system without swap has no such limit
		if err := g.write("memory.oom.group", "1"); err != nil {
			return nil, err
		}
	}
	if l.Tasks > 0 {
		_ = g.write("pids.max", strconv.Itoa(l.Tasks)) // it may be that only memory is handed on
	}
	return g, nil
}

func (g *Group) write(name, value string) error {
	return os.WriteFile(filepath.Join(g.dir, name), []byte(value), 0o644)
}

// Exceeded is how much memory the group held when it was killed for it; 0 is that it was not.
func (g *Group) Exceeded() int64 {
	if g.count("memory.events", "oom_kill") == 0 {
		return 0
	}
	for _, name := range []string{"memory.peak", "memory.max"} { // the first one is of Linux 5.19
		data, _ := os.ReadFile(filepath.Join(g.dir, name))
		if n, err := strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64); err == nil {
			return n
		}
	}
	return 0
}

// Crowded reports whether a task could not be started for the limit.
func (g *Group) Crowded() bool { return g.count("pids.events", "max") > 0 }

// count is how often something happened.
func (g *Group) count(file, event string) int64 {
	data, _ := os.ReadFile(filepath.Join(g.dir, file))
	for line := range strings.Lines(string(data)) {
		if name, n, _ := strings.Cut(strings.TrimSpace(line), " "); name == event {
			times, _ := strconv.ParseInt(n, 10, 64)
			return times
		}
	}
	return 0
}

// End kills what is in the group and takes the group away. A process that the system cannot end yet keeps it.
func (g *Group) End() error {
	_ = g.write("cgroup.kill", "1") // of Linux 5.14; those who start processes end them, too
	deadline, tick := time.Now().Add(2*time.Second), time.NewTicker(5*time.Millisecond)
	defer tick.Stop()
	for {
		err := os.Remove(g.dir)
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if time.Now().After(deadline) {
			return err
		}
		<-tick.C
	}
}

// Sweep ends the groups that the owner left here, as one that was killed does.
func (p *Place) Sweep() error {
	if p == nil {
		return nil
	}
	left, err := filepath.Glob(filepath.Join(p.dir, p.prefix+"*"))
	failures := []error{err}
	for _, dir := range left {
		failures = append(failures, (&Group{dir: dir}).End())
	}
	return errors.Join(failures...)
}

package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestThePlatformAndWhatItRunsBreakInOnNobodysTurn(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.deploy("first")
	s.serves("first") // so that instances run
	platform := s.platform()
	instances := 0
	for pid, parent := range parents(t) {
		if pid != platform && parent != platform {
			continue
		}
		if parent == platform {
			instances++
		}
		threads, err := os.ReadDir(filepath.Join("/proc", strconv.Itoa(pid), "task"))
		if err != nil {
			continue // it has ended
		}
		for _, thread := range threads {
			id, _ := strconv.Atoi(thread.Name())
			if got, err := unix.SchedGetAttr(id, 0); err == nil && got.Policy != unix.SCHED_BATCH {
				t.Errorf("thread %d of process %d, a child of %d, has the policy %d", id, pid, parent, got.Policy)
			}
		}
	}
	if instances == 0 {
		t.Error("nothing runs")
	}
}

// parents are the processes of this machine with the one that each is a child of.
func parents(t *testing.T) map[int]int {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	found := map[int]int{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		name := strings.LastIndexByte(string(text), ')') // which may hold anything
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		found[pid], _ = strconv.Atoi(strings.Fields(string(text[name+1:]))[1])
	}
	return found
}

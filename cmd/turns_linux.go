package cmd

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// waitTurns has this process, and what it starts from now on, wait for a processor that is free, or for the end of a turn, and never
// break in on the turn of another. While many requests are on their way each process then does at once all that has come for it,
// where it would be woken for every single one. What cannot be had stays as it is.
func waitTurns() {
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return
	}
	for _, thread := range threads {
		id, _ := strconv.Atoi(thread.Name())
		if now, err := unix.SchedGetAttr(id, 0); err == nil && now.Policy == unix.SCHED_NORMAL { // else somebody chose another
			now.Policy = unix.SCHED_BATCH
			_ = unix.SchedSetAttr(id, now, 0)
		}
	}
}

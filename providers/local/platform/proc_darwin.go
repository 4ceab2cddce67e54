package platform

import (
	"fmt"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// dieWithParent does nothing: what a killed platform leaves is ended when the next one starts.
func dieWithParent(*syscall.SysProcAttr) {}

// startTime tells a process from a later one of the same id; "" means that it does not live.
func startTime(pid int) string {
	const zombie = 5
	p, err := unix.SysctlKinfoProc("kern.proc.pid", pid)
	if err != nil || int(p.Proc.P_pid) != pid || p.Proc.P_stat == zombie {
		return ""
	}
	return fmt.Sprintf("%d.%06d", p.Proc.P_starttime.Sec, p.Proc.P_starttime.Usec)
}

// processorTime is 0: there is no cheap way to ask here.
func processorTime(int) time.Duration { return 0 }

// usage is 0: there is no cheap way to ask here, so that memory and processes have no limit.
func usage(int) (memory, processes int64) { return 0, 0 }

// killStrays does nothing: what leaves its process group cannot be told here.
func killStrays(string) {}

// listener is "": there is no cheap way to ask here.
func listener(int) string { return "" }

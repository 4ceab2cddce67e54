package child

import (
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// start starts a process. When it has ended it kills what that left of its group and calls leave, both while no other
// process can have its id, and then over. Even for root files are as read-only as they say, and the process never
// outlives this one.
func start(cmd *exec.Cmd, leave, over func()) error {
	started := make(chan error)
	go func() {
		// The thread is not given back: what it loses here it loses for good, and the process is its child.
		runtime.LockOSThread()
		if os.Geteuid() == 0 {
			for _, right := range []uintptr{unix.CAP_DAC_OVERRIDE, unix.CAP_DAC_READ_SEARCH} {
				if err := unix.Prctl(unix.PR_CAPBSET_DROP, right, 0, 0, 0); err != nil {
					started <- err
					return
				}
			}
		}
		group(cmd)
		cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		for unix.Waitid(unix.P_PID, cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
		}
		kill(cmd.Process)
		leave()
		_ = cmd.Wait()
		over()
	}()
	return <-started
}

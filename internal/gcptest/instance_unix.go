//go:build unix

package gcptest

import (
	"os"
	"os/exec"
	"syscall"
)

// group makes a process the head of its own group, which terminate reaches as a whole.
func group(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// ask tells a process to end.
func ask(p *os.Process) { _ = syscall.Kill(p.Pid, syscall.SIGTERM) }

func terminate(p *os.Process) { _ = syscall.Kill(-p.Pid, syscall.SIGKILL) }

//go:build unix

package lambdatest

import (
	"os"
	"os/exec"
	"syscall"
)

// group makes a process the head of its own group, which freeze, thaw and kill reach.
func group(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

func kill(p *os.Process) { _ = syscall.Kill(-p.Pid, syscall.SIGKILL) }

func freeze(p *os.Process) { _ = syscall.Kill(-p.Pid, syscall.SIGSTOP) }

func thaw(p *os.Process) { _ = syscall.Kill(-p.Pid, syscall.SIGCONT) }

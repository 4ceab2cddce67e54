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

// freeze stops the process: on Lambda nothing runs between invocations.
func (p *process) freeze() { _ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGSTOP) }

func (p *process) thaw() { _ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGCONT) }

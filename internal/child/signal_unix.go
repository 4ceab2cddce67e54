//go:build unix

package child

import (
	"os"
	"os/exec"
	"syscall"
)

// group makes a process the head of its own group, which signals reach as a whole.
func group(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

func kill(p *os.Process) { _ = syscall.Kill(-p.Pid, syscall.SIGKILL) }

func freeze(p *os.Process) { _ = syscall.Kill(-p.Pid, syscall.SIGSTOP) }

func thaw(p *os.Process) { _ = syscall.Kill(-p.Pid, syscall.SIGCONT) }

func ask(p *os.Process) { _ = syscall.Kill(p.Pid, syscall.SIGTERM) }

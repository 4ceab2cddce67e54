//go:build unix

package azuretest

import (
	"os"
	"os/exec"
	"syscall"
)

// group makes a process the head of its own group, which kill reaches.
func group(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

func kill(p *os.Process) { _ = syscall.Kill(-p.Pid, syscall.SIGKILL) }

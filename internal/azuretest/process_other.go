//go:build !unix

package azuretest

import (
	"os"
	"os/exec"
)

func group(*exec.Cmd) {}

func kill(p *os.Process) { _ = p.Kill() }

//go:build !unix

package gcptest

import (
	"os"
	"os/exec"
)

func group(*exec.Cmd) {}

// ask does nothing where there are no signals: terminate follows.
func ask(*os.Process) {}

func terminate(p *os.Process) { _ = p.Kill() }

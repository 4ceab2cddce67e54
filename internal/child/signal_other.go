//go:build !unix

package child

import (
	"os"
	"os/exec"
)

func group(*exec.Cmd) {}

func kill(p *os.Process) { _ = p.Kill() }

// freeze and thaw do nothing where a process cannot be stopped.
func freeze(*os.Process) {}

func thaw(*os.Process) {}

// ask does nothing where there are no signals.
func ask(*os.Process) {}

//go:build !linux

package cgroup

import (
	"errors"
	"os/exec"
)

// Start fails: only Linux has control groups.
func (g *Group) Start(*exec.Cmd) error { return errors.ErrUnsupported }

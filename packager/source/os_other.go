//go:build !unix

package source

import (
	"io/fs"
	"os/exec"
)

func inode(fs.FileInfo) uint64 { return 0 }

func isFull(error) bool { return false }

func isReadOnly(error) bool { return false }

func group(*exec.Cmd) {}

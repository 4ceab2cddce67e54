package main

import (
	"os"
	"syscall"
)

// peakMemory is the most memory that a process took, in bytes.
func peakMemory(p *os.ProcessState) int64 {
	return p.SysUsage().(*syscall.Rusage).Maxrss << 10
}

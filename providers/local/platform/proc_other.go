//go:build !linux && !darwin

package platform

import (
	"syscall"
	"time"
)

func dieWithParent(*syscall.SysProcAttr) {}

// startTime is "": a platform is not supported here.
func startTime(int) string { return "" }

func processorTime(int) time.Duration { return 0 }

func usage(int) (memory, processes int64) { return 0, 0 }

func killStrays(string) {}

func listener(int) string { return "" }

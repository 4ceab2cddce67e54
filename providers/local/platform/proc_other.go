//go:build !linux && !darwin

package platform

import "syscall"

func dieWithParent(*syscall.SysProcAttr) {}

// startTime is "": a platform is not supported here.
func startTime(int) string { return "" }

func memoryOf(int) int64 { return 0 }

func listener(int) string { return "" }

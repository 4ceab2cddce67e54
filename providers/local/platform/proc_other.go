//go:build !linux && !darwin

package platform

import "syscall"

func dieWithParent(*syscall.SysProcAttr) {}

// startTime is "": a platform is not supported here.
func startTime(int) string { return "" }

func usage(int) (memory, processes int64) { return 0, 0 }

func killStrays(string) {}

func listener(int) string { return "" }

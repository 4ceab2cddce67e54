package platform

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func dieWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGKILL }

// startTime tells a process from a later one of the same id; "" means that it does not live.
func startTime(pid int) string {
	fields := stat(pid)
	const state, started = 0, 19
	if len(fields) <= started || fields[state] == "Z" || fields[state] == "X" {
		return ""
	}
	return fields[started]
}

// stat is what the system tells of a process, from its state on.
func stat(pid int) []string {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	// The name before the last ")" may hold anything.
	return strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
}

// processorTime is how long a process, and what it started and waited for, has worked; 0 where that cannot be told.
func processorTime(pid int) time.Duration {
	const from, to, tick = 11, 15, time.Second / 100 // a tick of the interface, whatever the kernel's own is
	ticks := int64(0)
	if fields := stat(pid); len(fields) > to {
		for _, field := range fields[from:to] {
			n, _ := strconv.ParseInt(field, 10, 64)
			ticks += n
		}
	}
	return time.Duration(ticks) * tick
}

// usage is what a process and all that it started hold in memory, in bytes, and how many they are; 0 where that cannot be
// told.
func usage(pid int) (memory, processes int64) {
	sum, n := int64(0), int64(1)
	if data, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid)); err == nil {
		if fields := strings.Fields(string(data)); len(fields) > 1 {
			pages, _ := strconv.ParseInt(fields[1], 10, 64)
			sum = pages * int64(os.Getpagesize())
		}
	}
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, list := range lists {
		data, _ := os.ReadFile(list)
		for _, child := range strings.Fields(string(data)) {
			if id, err := strconv.Atoi(child); err == nil {
				more, others := usage(id)
				sum, n = sum+more, n+others
			}
		}
	}
	return sum, n
}

// killStrays ends what an instance started and what left its process group: the nonce is in the environment of all.
func killStrays(nonce string) {
	mark := []byte("FERRY_INSTANCE=" + nonce)
	files, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil || !bytes.Contains(data, mark) {
			continue
		}
		if pid, err := strconv.Atoi(strings.Split(file, "/")[2]); err == nil && pid != os.Getpid() {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

// listener names the program that listens on a loopback port, "" when that cannot be told.
func listener(port int) string {
	inode := listeningInode(port)
	if inode == "" {
		return ""
	}
	links, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, link := range links {
		if to, err := os.Readlink(link); err != nil || to != "socket:["+inode+"]" {
			continue
		}
		pid := strings.Split(link, "/")[2]
		name, _ := os.ReadFile("/proc/" + pid + "/comm")
		return fmt.Sprintf("%s (pid %s)", strings.TrimSpace(string(name)), pid)
	}
	return ""
}

func listeningInode(port int) string {
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		data, _ := os.ReadFile(table)
		for line := range strings.Lines(string(data)) {
			fields := strings.Fields(line)
			const local, state, inode, listening = 1, 3, 9, "0A"
			if len(fields) > inode && fields[state] == listening && strings.HasSuffix(fields[local], fmt.Sprintf(":%04X", port)) {
				return fields[inode]
			}
		}
	}
	return ""
}

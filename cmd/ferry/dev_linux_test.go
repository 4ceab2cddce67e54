package main

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestDevTakesKeysWithoutEnterAndLeavesTheTerminalAsItWas(t *testing.T) {
	t.Parallel()
	person, program := openTerminal(t)
	before, err := unix.IoctlGetTermios(int(program.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	c := on(t, t.TempDir(), plainManifest, []string{"CI="}, "dev")
	server, err := exec.LookPath("server")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(c.Dir, "run"), []byte("#!/bin/sh\nexec '"+server+"' v1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	p := &child{T: t, cmd: c, ended: make(chan struct{})}
	c.Stdin, c.Stdout, c.Stderr = program, &p.out, program
	p.start()
	go func() { _, _ = io.Copy(&p.err, person) }()
	p.says("o opens, r restarts, q quits")
	for _, key := range []struct {
		typed, says string
		times       int
	}{{"x", "q quits", 2}, {"r", "restarted", 1}} {
		if _, err := person.WriteString(key.typed); err != nil {
			t.Fatal(err)
		}
		until(t, key.says, func() bool { return strings.Count(p.err.String(), key.says) == key.times }, p.said)
	}
	if _, err := person.WriteString("q"); err != nil {
		t.Fatal(err)
	}
	p.exited(0)
	after, err := unix.IoctlGetTermios(int(program.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	if after.Lflag != before.Lflag || after.Cc != before.Cc {
		t.Errorf("the terminal was left in another mode: %x, and it was %x", after.Lflag, before.Lflag)
	}
	if said := p.err.String(); strings.Contains(said, "x\r\n") {
		t.Errorf("what is typed is shown:\n%s", said)
	}
}

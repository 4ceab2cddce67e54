package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// openTerminal opens a terminal of the system's: what a person types goes into one end, and the other is a program's.
func openTerminal(t *testing.T) (person, program *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { person.Close() })
	if err := unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Skip(err)
	}
	number, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Skip(err)
	}
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { program.Close() })
	return person, program
}

func TestTheFirstSignalEndsACommandThatAsksAPerson(t *testing.T) {
	t.Parallel()
	for command, question := range map[string]string{
		"init": "Start from which template", "remove": "Type shop to continue", "secrets rm key": "Type key to continue", "secrets set key": "not shown",
	} {
		t.Run(command, func(t *testing.T) {
			t.Parallel()
			home := t.TempDir()
			if code, out := ran(on(t, home, plainManifest, nil, "secrets set key")); code != 0 {
				t.Fatalf("setting a secret exits %d: %s", code, out)
			}
			person, program := openTerminal(t)
			c := on(t, home, plainManifest, []string{"CI="}, command)
			p := &child{T: t, cmd: c, ended: make(chan struct{})}
			c.Stdin, c.Stdout, c.Stderr = program, &p.out, program
			p.start()
			go func() { _, _ = io.Copy(&p.err, person) }()
			p.says(question)
			p.stops(syscall.SIGINT, 130)
			if said := p.err.String(); strings.Contains(said, "not confirmed") {
				t.Errorf("it takes the signal for an answer:\n%s", said)
			}
		})
	}
}

func TestTheFirstSignalEndsACommandThatReadsStdin(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"secrets set key", "invoke api -d -"} {
		t.Run(command, func(t *testing.T) {
			t.Parallel()
			c := on(t, t.TempDir(), plainManifest, nil, command)
			in, out, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { in.Close(); out.Close() })
			c.Stdin = in
			p := begin(t, c)
			if _, err := out.WriteString("half"); err != nil {
				t.Fatal(err)
			}
			until(t, "it to read", func() bool {
				left, err := unix.IoctlGetInt(int(in.Fd()), unix.TIOCINQ)
				return err == nil && left == 0
			}, p.said)
			p.stops(syscall.SIGHUP, 130)
		})
	}
}

//go:build unix

package main

import (
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// child is a command at work that signals are sent to.
type child struct {
	*testing.T
	cmd   *exec.Cmd
	out   lines
	err   lines
	ended chan struct{}
}

// begin starts a command; it is killed when the test ends first.
func begin(t *testing.T, cmd *exec.Cmd) *child {
	t.Helper()
	p := &child{T: t, cmd: cmd, ended: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = &p.out, &p.err
	p.start()
	return p
}

func (p *child) start() {
	p.Helper()
	if err := p.cmd.Start(); err != nil {
		p.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait()
		close(p.ended)
	}()
	p.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.ended
	})
}

// says waits until the process wrote a text to stderr.
func (p *child) says(text string) {
	p.Helper()
	until(p.T, "stderr to have "+text, func() bool { return strings.Contains(p.err.String(), text) }, p.said)
}

func (p *child) said() string { return "stdout:\n" + p.out.String() + "stderr:\n" + p.err.String() }

// until waits for a condition.
func until(t *testing.T, what string, holds func() bool, said func() string) {
	t.Helper()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited in vain for %s\n%s", what, said())
		}
	}
}

// stops sends a signal and expects the process to end within three seconds, with that exit code.
func (p *child) stops(signal syscall.Signal, code int) {
	p.Helper()
	began := time.Now()
	if err := p.cmd.Process.Signal(signal); err != nil {
		p.Fatal(err)
	}
	select {
	case <-p.ended:
	case <-time.After(30 * time.Second):
		p.Fatalf("%v does not end it\n%s", signal, p.said())
	}
	if took := time.Since(began); took > 3*time.Second {
		p.Errorf("%v ended it after %v\n%s", signal, took, p.said())
	}
	p.exited(code)
}

// exited expects an exit code, once the process has ended.
func (p *child) exited(code int) {
	p.Helper()
	select {
	case <-p.ended:
	case <-time.After(time.Minute):
		p.Fatalf("it does not end\n%s", p.said())
	}
	if got := p.cmd.ProcessState.ExitCode(); got != code {
		p.Errorf("it exits %d, want %d\n%s", got, code, p.said())
	}
}

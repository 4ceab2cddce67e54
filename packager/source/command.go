package source

import (
	"bytes"
	"context"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// Command is a program to run.
type Command struct {
	Dir  string
	Env  []string // over the environment of this process
	Name string
	Args []string
}

// Works is whether the program runs and ends well.
func (c Command) Works(ctx context.Context) bool {
	_, _, err := c.Run(ctx)
	return err == nil
}

// Run returns what the program wrote to stdout, and all that it wrote. The program and its children end with ctx.
func (c Command) Run(ctx context.Context) (stdout []byte, all string, err error) {
	cmd := exec.CommandContext(ctx, c.Name, c.Args...)
	cmd.Dir = c.Dir
	cmd.Env = append(cmd.Environ(), c.Env...)
	cmd.WaitDelay = 5 * time.Second // for what holds on to the pipes
	group(cmd)
	var out bytes.Buffer
	both := &lockedBuffer{}
	cmd.Stdout, cmd.Stderr = tee{&out, both}, both
	err = cmd.Run()
	if ctx.Err() != nil {
		return nil, "", ctx.Err()
	}
	return out.Bytes(), tail(both.buffer.String()), err
}

type tee struct {
	a, b interface{ Write([]byte) (int, error) }
}

func (t tee) Write(p []byte) (int, error) {
	if n, err := t.a.Write(p); err != nil {
		return n, err
	}
	return t.b.Write(p)
}

type lockedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

// tail is the end of a text, where programs say what went wrong.
func tail(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	if n := len(lines); n > 60 {
		lines = append([]string{"…"}, lines[n-60:]...)
	}
	return strings.Join(lines, "\n")
}

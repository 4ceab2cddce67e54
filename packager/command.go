package packager

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// tool is a program to run.
type tool struct {
	dir  string
	env  []string // over the environment of this process
	name string
	args []string
}

// run returns what the program wrote to stdout, and all that it wrote. The program and its children end with ctx.
func (t tool) run(ctx context.Context) (stdout []byte, all string, err error) {
	cmd := exec.CommandContext(ctx, t.name, t.args...)
	cmd.Dir = t.dir
	cmd.Env = append(cmd.Environ(), t.env...)
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

// commands remembers which build commands this Packager has run.
type commands struct {
	mu  sync.Mutex
	ran map[string]bool
}

func (c *commands) done(key string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ran[key]
}

func (c *commands) note(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ran == nil {
		c.ran = map[string]bool{}
	}
	c.ran[key] = true
}

// runCommand runs build.command unless the source folder is as an earlier run left it. Functions of one source
// folder with the same command run it once.
func (j *job) runCommand(ctx context.Context, c cache) error {
	command := j.fn.Build.Command
	if command == "" {
		return nil
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "command %d\x00%s\x00%s", format, j.dir, command))
	key := "command-" + hex.EncodeToString(sum[:])[:40]
	unlock, err := c.lockIn(ctx, "commands", filepath.Base(key))
	if err != nil {
		return err
	}
	defer unlock()
	if _, ok := c.current(key); ok && (!j.p.NoCache || j.p.shared.commands.done(key)) {
		return nil
	}
	_, said, err := tool{dir: j.dir, name: "sh", args: []string{"-c", command}}.run(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		e := problem("", "run it by hand in "+j.fn.Source+" to see what is wrong", "build.command %q failed: %v\n%s", command, err, said)
		e.Err = err
		return e
	}
	j.p.shared.commands.note(key)
	j.in = newRecorder(c.hashes)
	if err := j.noteSources(ctx); err != nil {
		return err
	}
	if !j.in.sure() {
		return nil
	}
	return c.write(key, entry{Recorded: j.in.began.UnixNano(), Inputs: j.in.list()})
}

// noteSources makes the whole source folder an input: nobody knows what a build command reads. What is installed
// in node_modules follows from the lock file, which is in the folder.
func (j *job) noteSources(ctx context.Context) error {
	w, err := j.walker(ctx, j.in)
	if err != nil {
		return err
	}
	w.noting = true
	if err := w.walk(false); err != nil {
		return err
	}
	for _, f := range w.files {
		sum, err := j.in.hashes.sum(f.path, f.info, j.in.began)
		if err != nil {
			return readProblem(f.path, f.name, err)
		}
		j.in.packed(f.path, f.info, sum)
	}
	return nil
}

package packager

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"sync"

	"github.com/ferryfn/ferry/packager/source"
)

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
	command := j.Function.Build.Command
	if command == "" {
		return nil
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "command %d\x00%s\x00%s", format, j.Dir, command))
	key := "command-" + hex.EncodeToString(sum[:])[:40]
	unlock, err := c.lockIn(ctx, "commands", filepath.Base(key))
	if err != nil {
		return err
	}
	defer unlock()
	if _, ok := c.current(key); ok && (!j.p.NoCache || j.p.shared.commands.done(key)) {
		return nil
	}
	_, said, err := source.Command{Dir: j.Dir, Name: "sh", Args: []string{"-c", command}}.Run(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		e := source.Problem("", "run it by hand in "+j.Function.Source+" to see what is wrong", "build.command %q failed: %v\n%s", command, err, said)
		e.Err = err
		return e
	}
	j.p.shared.commands.note(key)
	j.In = source.NewRecorder(c.hashes)
	if err := j.NoteAll(ctx); err != nil {
		return err
	}
	if !j.In.Sure() {
		return nil
	}
	return c.write(key, entry{Recorded: j.In.Began.UnixNano(), Inputs: j.In.List()})
}

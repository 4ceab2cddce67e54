// Package filelock has processes take turns by a lock file. A lock goes with its process, whatever way that ends.
package filelock

import (
	"context"

	"github.com/rogpeppe/go-internal/lockedfile"

	"github.com/ferryfn/ferry/internal/waits"
)

// Lock waits until no other process and no other goroutine has the file locked, or ctx ends. The holder may be stopped
// and never let go.
func Lock(ctx context.Context, path string) (unlock func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	type result struct {
		unlock func()
		err    error
	}
	got := make(chan result, 1)
	go func() {
		unlock, err := lockedfile.MutexAt(path).Lock()
		got <- result{unlock, err}
	}()
	wait := waits.For(ctx, "another process, which has locked "+path)
	defer wait.Done()
	select {
	case r := <-got:
		return r.unlock, r.err
	case <-ctx.Done():
		go func() {
			if r := <-got; r.err == nil {
				r.unlock()
			}
		}()
		return nil, ctx.Err()
	}
}

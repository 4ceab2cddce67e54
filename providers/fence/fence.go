// Package fence has what adapters share about epochs, where each function shows its own.
package fence

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/ferryfn/ferry/providers"
)

// atOnce is how many functions are looked at side by side.
const atOnce = 16

// Each does something for every function, several at once, and ends with the first failure.
func Each(ctx context.Context, functions []string, do func(ctx context.Context, fn string) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	for _, fn := range functions {
		g.Go(func() error { return do(ctx, fn) })
	}
	return g.Wait()
}

// Highest is the highest epoch that the functions show; 0 is that none shows one.
func Highest(ctx context.Context, functions []string, shown func(ctx context.Context, fn string) (providers.Epoch, error)) (providers.Epoch, error) {
	var mu sync.Mutex
	var highest providers.Epoch
	err := Each(ctx, functions, func(ctx context.Context, fn string) error {
		e, err := shown(ctx, fn)
		mu.Lock()
		defer mu.Unlock()
		highest = max(highest, e)
		return err
	})
	return highest, err
}

// Written says under which epoch of a target's ledger a thing was written.
func Written(target string, e providers.Epoch) string { return fmt.Sprintf("%s %d", target, e) }

// Shown is the epoch that a thing was written under; 0 is none, or one of another target's ledger.
func Shown(target, written string) providers.Epoch {
	number, ours := strings.CutPrefix(written, target+" ")
	e, err := strconv.ParseInt(number, 10, 64)
	if !ours || err != nil {
		return 0
	}
	return providers.Epoch(e)
}

// Admit refuses a change under an epoch that is lower than the one shown: whoever took the lock over was there.
func Admit(provider, fn, where string, shown, e providers.Epoch) error {
	if shown <= e {
		return nil
	}
	return &providers.Error{
		Kind: providers.Conflict, Op: "activate", Provider: provider, Function: fn, Hint: "run `ferry status` to see what serves",
		Err: fmt.Errorf("another command took over from this one: the %s shows epoch %d, and this one's is %d", where, shown, e),
	}
}

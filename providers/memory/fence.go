package memory

import (
	"context"
	"fmt"

	"github.com/ferryfn/ferry/providers"
)

// Fence shows the world an epoch of this ledger.
func (a *Adapter) Fence(ctx context.Context, _ []string, e providers.Epoch) error {
	return a.write(ctx, "fence", "", e, func() error { return nil })
}

// Epoch is the highest that the world was shown for this ledger.
func (a *Adapter) Epoch(ctx context.Context, _ []string) (providers.Epoch, error) {
	var e providers.Epoch
	err := a.world.do(ctx, "epoch", "", func() error {
		e = a.world.epochs[a.place]
		return nil
	})
	return e, err
}

// write runs one call that changes something, unless the ledger has shown a higher epoch.
func (a *Adapter) write(ctx context.Context, op, function string, e providers.Epoch, work func() error) error {
	return a.world.do(ctx, op, function, func() error {
		if shown := a.world.epochs[a.place]; e < shown {
			return failed(providers.Conflict, op, function, fmt.Errorf("epoch %d was shown, and this is of epoch %d", shown, e))
		}
		a.world.epochs[a.place] = e
		return work()
	})
}

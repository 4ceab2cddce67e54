package local

import (
	"context"
	"errors"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/local/platform"
)

// Fence shows the platform an epoch.
func (a *Adapter) Fence(ctx context.Context, _ []string, e providers.Epoch) error {
	err := a.start(ctx)
	if err == nil {
		err = a.client.Fence(ctx, platform.FenceRequest{Scope: a.scope, Writer: a.writer(e)})
	}
	return a.classify("fence", "", err)
}

// Epoch is what the platform was shown; it need not run.
func (a *Adapter) Epoch(ctx context.Context, _ []string) (providers.Epoch, error) {
	e, err := a.home.Epoch(a.scope, a.ledger)
	return providers.Epoch(e), a.classify("read the epoch", "", errors.Join(err, ctx.Err()))
}

func (a *Adapter) writer(e providers.Epoch) platform.Writer {
	return platform.Writer{Ledger: a.ledger, Epoch: int64(e)}
}

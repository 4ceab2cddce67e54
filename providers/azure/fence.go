package azure

import (
	"context"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/fence"
)

// Fence shows the apps an epoch, in the blobs that writers hold: what an overtaken one still does to a blob fails, and it stops.
func (a *Adapter) Fence(ctx context.Context, functions []string, e providers.Epoch) error {
	c, err := a.connect(ctx)
	if err != nil {
		return err
	}
	there, err := c.hasStorage(ctx)
	if err != nil || !there {
		return a.classify("fence", "", err)
	}
	return a.classify("fence", "", fence.Each(ctx, functions, func(ctx context.Context, fn string) error {
		at, err := c.app(fn)
		if err != nil {
			return err
		}
		return at.fence(ctx, e)
	}))
}

func (a *app) fence(ctx context.Context, e providers.Epoch) error {
	for range 5 {
		c, tag, err := a.claim(ctx)
		if err != nil || tag == "" || c.Epochs[a.targetName] == e {
			return err
		}
		if err := a.admit(c, e); err != nil {
			return err
		}
		if err := a.breakLease(ctx); err != nil {
			return err
		}
		c.Epochs[a.targetName] = e
		_, err = a.box.write(ctx, claimKey, c, condition{tag: tag})
		if !conditionFailed(err) {
			return err
		}
	}
	return a.stale("it changes all the time")
}

// Epoch is the highest that the apps' blobs show.
func (a *Adapter) Epoch(ctx context.Context, functions []string) (providers.Epoch, error) {
	c, err := a.connect(ctx)
	if err != nil {
		return 0, err
	}
	if there, err := c.hasStorage(ctx); err != nil || !there {
		return 0, a.classify("read the epoch", "", err)
	}
	highest, err := fence.Highest(ctx, functions, func(ctx context.Context, fn string) (providers.Epoch, error) {
		at, err := c.app(fn)
		if err != nil {
			return 0, err
		}
		shown, _, err := at.claim(ctx)
		return shown.Epochs[a.targetName], err
	})
	return highest, a.classify("read the epoch", "", err)
}

package azure

import (
	"context"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/ferryfn/ferry/providers"
)

// Fence shows the apps an epoch, in the blobs that writers hold: what an overtaken one still does to a blob fails, and it stops.
func (a *Adapter) Fence(ctx context.Context, functions []string, e providers.Epoch) error {
	c, err := a.connect(ctx)
	if err != nil {
		return err
	}
	err = eachApp(ctx, c, functions, func(ctx context.Context, at *app) error { return at.fence(ctx, e) })
	return a.classify("fence", "", err)
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
	var mu sync.Mutex
	var highest providers.Epoch
	err = eachApp(ctx, c, functions, func(ctx context.Context, at *app) error {
		shown, _, err := at.claim(ctx)
		mu.Lock()
		defer mu.Unlock()
		highest = max(highest, shown.Epochs[a.targetName])
		return err
	})
	return highest, a.classify("read the epoch", "", err)
}

// eachApp does something with the apps of functions, of which a name is all that is known.
func eachApp(ctx context.Context, c *connection, functions []string, do func(context.Context, *app) error) error {
	if there, err := c.hasStorage(ctx); err != nil || !there {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(16)
	for _, fn := range functions {
		g.Go(func() error {
			at, err := c.app(fn)
			if err != nil {
				return err
			}
			return do(ctx, at)
		})
	}
	return g.Wait()
}

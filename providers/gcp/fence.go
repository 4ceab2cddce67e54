package gcp

import (
	"context"

	run "google.golang.org/api/run/v2"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/fence"
)

// Fence writes the epoch on each service, also where nothing is live yet, which gives it another etag, too. What was read before is then refused
// by Google, and what is read after shows the epoch.
func (a *Adapter) Fence(ctx context.Context, functions []string, e providers.Epoch) error {
	c, err := a.connect(ctx)
	if err != nil {
		return err
	}
	return a.classify("fence", "", fence.Each(ctx, functions, func(ctx context.Context, fn string) error {
		_, err := c.change(ctx, fn, func(now *run.GoogleCloudRunV2Service) ([]string, error) {
			if !c.owns(now.Labels, fn) {
				return nil, nil
			}
			if err := c.admit(fn, now, e); err != nil {
				return nil, err
			}
			now.Annotations[noteEpoch] = c.epoch(e)
			return []string{"annotations"}, nil
		})
		return err
	}))
}

// Epoch is the highest that the services show.
func (a *Adapter) Epoch(ctx context.Context, functions []string) (providers.Epoch, error) {
	c, err := a.connect(ctx)
	if err != nil {
		return 0, err
	}
	highest, err := fence.Highest(ctx, functions, func(ctx context.Context, fn string) (providers.Epoch, error) {
		found, err := c.get(ctx, fn)
		if err != nil || found == nil || !c.owns(found.Labels, fn) {
			return 0, err
		}
		return c.epochOf(found), nil
	})
	return highest, a.classify("read the epoch", "", err)
}

// epoch is what says under which epoch of this target's ledger a service was written.
func (p *place) epoch(e providers.Epoch) string { return fence.Written(p.targetName, e) }

// epochOf is the epoch that a service was written under; 0 is none, or one of another target's ledger.
func (p *place) epochOf(s *run.GoogleCloudRunV2Service) providers.Epoch {
	return fence.Shown(p.targetName, s.Annotations[noteEpoch])
}

// admit refuses to change a service that a later lock was at. Every edit of what serves asks it.
func (p *place) admit(fn string, s *run.GoogleCloudRunV2Service, e providers.Epoch) error {
	return fence.Admit(name, fn, "service", p.epochOf(s), e)
}

// admitted refuses to go on with a function whose service a later lock was at.
func (c *connection) admitted(ctx context.Context, fn string, e providers.Epoch) error {
	found, err := c.get(ctx, fn)
	if err != nil || found == nil || !c.owns(found.Labels, fn) {
		return err
	}
	return c.admit(fn, found, e)
}

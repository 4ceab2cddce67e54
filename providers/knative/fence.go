package knative

import (
	"context"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/fence"
)

// Fence writes the epoch on Configuration and Route, which gives them another resourceVersion, too: what was read before is
// then refused by Kubernetes, and what is read after shows the epoch.
func (a *Adapter) Fence(ctx context.Context, functions []string, e providers.Epoch) error {
	return a.done(ctx, "fence", "", func(c *connection) error {
		return fence.Each(ctx, functions, func(ctx context.Context, fn string) error {
			if err := c.note(ctx, fn, e); err != nil {
				return err
			}
			_, err := change[route](ctx, c, routes, c.object(fn), func(now *route) (*merge, error) { return c.noted(fn, &now.meta, e) })
			return err
		})
	})
}

// note writes an epoch on the Configuration.
func (c *connection) note(ctx context.Context, fn string, e providers.Epoch) error {
	_, err := change[configuration](ctx, c, configurations, c.object(fn), func(now *configuration) (*merge, error) { return c.noted(fn, &now.meta, e) })
	return err
}

func (c *connection) noted(fn string, m *meta, e providers.Epoch) (*merge, error) {
	if !c.owns(m, fn) {
		return nil, nil
	}
	if err := c.admit(fn, m, e); err != nil {
		return nil, err
	}
	return &merge{annotations: map[string]any{noteEpoch: c.epoch(e)}}, nil
}

// Epoch is the highest that Configurations and Routes show.
func (a *Adapter) Epoch(ctx context.Context, functions []string) (providers.Epoch, error) {
	return with(ctx, a, "read the epoch", "", func(c *connection) (providers.Epoch, error) {
		return fence.Highest(ctx, functions, func(ctx context.Context, fn string) (providers.Epoch, error) {
			f, err := find[configuration](ctx, c, configurations, c.object(fn))
			if err != nil || f == nil || !c.owns(&f.meta, fn) {
				return 0, err
			}
			r, err := find[route](ctx, c, routes, c.object(fn))
			if err != nil || r == nil || !c.owns(&r.meta, fn) {
				return c.epochOf(&f.meta), err
			}
			return max(c.epochOf(&f.meta), c.epochOf(&r.meta)), nil
		})
	})
}

// epoch is what says under which epoch of this target's ledger an object was written.
func (p *place) epoch(e providers.Epoch) string { return fence.Written(p.targetName, e) }

// epochOf is the epoch that an object was written under; 0 is none, or one of another target's ledger.
func (p *place) epochOf(m *meta) providers.Epoch {
	return fence.Shown(p.targetName, m.Annotations[noteEpoch])
}

// admit refuses to change an object that a later lock was at.
func (p *place) admit(fn string, m *meta, e providers.Epoch) error {
	return fence.Admit(name, fn, "object "+m.Name, p.epochOf(m), e)
}

// admitted refuses to go on with a function whose Configuration a later lock was at.
func (c *connection) admitted(ctx context.Context, fn string, e providers.Epoch) error {
	found, err := find[configuration](ctx, c, configurations, c.object(fn))
	if err != nil || found == nil || !c.owns(&found.meta, fn) {
		return err
	}
	return c.admit(fn, &found.meta, e)
}

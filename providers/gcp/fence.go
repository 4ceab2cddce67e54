package gcp

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
	run "google.golang.org/api/run/v2"

	"github.com/ferryfn/ferry/providers"
)

// Fence writes the epoch on each service, also where nothing is live yet, which gives it another etag, too. What was read before is then refused
// by Google, and what is read after shows the epoch.
func (a *Adapter) Fence(ctx context.Context, functions []string, e providers.Epoch) error {
	c, err := a.connect(ctx)
	if err != nil {
		return err
	}
	return a.classify("fence", "", each(ctx, functions, func(ctx context.Context, fn string) error {
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
	var mu sync.Mutex
	var highest providers.Epoch
	err = each(ctx, functions, func(ctx context.Context, fn string) error {
		found, err := c.get(ctx, fn)
		if err != nil || found == nil || !c.owns(found.Labels, fn) {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		highest = max(highest, c.epochOf(found))
		return nil
	})
	return highest, a.classify("read the epoch", "", err)
}

// each does a thing for several functions at once.
func each(ctx context.Context, functions []string, do func(context.Context, string) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(16)
	for _, fn := range functions {
		g.Go(func() error { return do(ctx, fn) })
	}
	return g.Wait()
}

// epoch is what says under which epoch of this target's ledger a service was written.
func (p *place) epoch(e providers.Epoch) string { return fmt.Sprintf("%s %d", p.targetName, e) }

// epochOf is the epoch that a service was written under; 0 is none, or one of another target's ledger.
func (p *place) epochOf(s *run.GoogleCloudRunV2Service) providers.Epoch {
	number, ours := strings.CutPrefix(s.Annotations[noteEpoch], p.targetName+" ")
	e, err := strconv.ParseInt(number, 10, 64)
	if !ours || err != nil {
		return 0
	}
	return providers.Epoch(e)
}

// admit refuses to change a service that a later lock was at. Every edit of what serves asks it.
func (p *place) admit(fn string, s *run.GoogleCloudRunV2Service, e providers.Epoch) error {
	shown := p.epochOf(s)
	if shown <= e {
		return nil
	}
	return &providers.Error{
		Kind: providers.Conflict, Op: "activate", Provider: name, Function: fn, Hint: "run `ferry status` to see what serves",
		Err: fmt.Errorf("another command took over from this one: the service shows epoch %d, and this one's is %d", shown, e),
	}
}

// admitted refuses to go on with a function whose service a later lock was at.
func (c *connection) admitted(ctx context.Context, fn string, e providers.Epoch) error {
	found, err := c.get(ctx, fn)
	if err != nil || found == nil || !c.owns(found.Labels, fn) {
		return err
	}
	return c.admit(fn, found, e)
}

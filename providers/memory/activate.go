package memory

import (
	"context"
	"fmt"
	"maps"

	"github.com/ferryfn/ferry/providers"
)

// Activate makes a revision live.
func (a *Adapter) Activate(ctx context.Context, c providers.Change) (providers.State, error) {
	states, err := a.change(ctx, "activate", []providers.Change{c}, 0)
	return states[0], err
}

// Switch does several Activates as one.
func (a *Adapter) Switch(ctx context.Context, changes []providers.Change) ([]providers.State, error) {
	return a.change(ctx, "switch", changes, 0)
}

// Split sends every so many-th request to the new revisions.
func (a *Adapter) Split(ctx context.Context, changes []providers.Change, percent int) ([]providers.State, error) {
	return a.change(ctx, "split", changes, percent)
}

// change makes the new revisions live, or with a percentage gives them that share.
func (a *Adapter) change(ctx context.Context, op string, changes []providers.Change, percent int) ([]providers.State, error) {
	err := a.write(ctx, op, changes[0].Spec.Function.Name, changes[0].Epoch, func() error {
		for _, c := range changes {
			name := c.Spec.Function.Name
			f, err := a.function(op, name)
			if err != nil {
				return err
			}
			if !a.state(name).Serves(c.From.Revision) {
				return failed(providers.Conflict, op, name, fmt.Errorf("something else is live"))
			}
			if c.To != nil && !f.has(c.To.ID) {
				return failed(providers.NotFound, op, name, fmt.Errorf("there is no revision %s, or not its image", c.To.ID))
			}
			if op == "split" && (c.From.Revision == nil || c.To == nil || percent < 1 || percent > 99) {
				return failed(providers.Invalid, op, name, fmt.Errorf("%d%% of nothing cannot be split off", percent))
			}
		}
		for _, c := range changes {
			f, to := a.own(c.Spec.Function.Name), ""
			if c.To != nil {
				to = c.To.ID
			}
			f.canary, f.percent = "", 0 // every change ends an earlier split
			switch {
			case percent == 0:
				f.tag = to
				f.goLive(to, a.world.Pace)
			case f.live != to:
				f.canary, f.percent = to, percent
			}
		}
		return nil
	})
	if err == nil {
		err = a.arrived(ctx, op, changes)
	}
	states := make([]providers.State, len(changes))
	a.world.mu.Lock()
	defer a.world.mu.Unlock()
	for i, c := range changes {
		states[i] = a.state(c.Spec.Function.Name)
	}
	return states, err
}

// Adopt makes a function ferry's; it goes on serving what it served.
func (a *Adapter) Adopt(ctx context.Context, function string, e providers.Epoch) (providers.State, error) {
	var st providers.State
	err := a.write(ctx, "adopt", function, e, func() error {
		f, ok := a.world.functions[a.place.key(function)]
		if !ok {
			return failed(providers.NotFound, "adopt", function, fmt.Errorf("there is no function of that name"))
		}
		f.foreign, f.tag = false, f.live
		st = a.state(function)
		return nil
	})
	return st, err
}

// Apart is so for a change of both code and environment, in a world that takes two steps for it.
func (a *Adapter) Apart(from, to providers.Spec) bool {
	return a.world.Pace.Apart > 0 && from.Artifact.ZipDigest != to.Artifact.ZipDigest && !maps.Equal(from.Function.Env, to.Function.Env)
}

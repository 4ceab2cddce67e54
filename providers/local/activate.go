package local

import (
	"context"
	"errors"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/local/platform"
)

// Activate is a Switch of one.
func (a *Adapter) Activate(ctx context.Context, c providers.Change) (providers.State, error) {
	states, err := a.change(ctx, "activate", []providers.Change{c}, a.makeLive)
	return states[0], err
}

// Switch changes what is live by one write of one file.
func (a *Adapter) Switch(ctx context.Context, changes []providers.Change) ([]providers.State, error) {
	return a.change(ctx, "switch", changes, a.makeLive)
}

// Split gives the new revisions their share by one write of the same file.
func (a *Adapter) Split(ctx context.Context, changes []providers.Change, percent int) ([]providers.State, error) {
	return a.change(ctx, "split", changes, func(ctx context.Context, q platform.SwitchRequest) error {
		_, err := a.client.Split(ctx, platform.SplitRequest{SwitchRequest: q, Percent: percent})
		return err
	})
}

func (a *Adapter) makeLive(ctx context.Context, q platform.SwitchRequest) error {
	_, err := a.client.Switch(ctx, q)
	return err
}

// change has the platform do the changes, and observes what is live after.
func (a *Adapter) change(
	ctx context.Context, op string, changes []providers.Change, do func(context.Context, platform.SwitchRequest) error,
) ([]providers.State, error) {
	q := platform.SwitchRequest{Scope: a.scope, Writer: a.writer(changes[0].Epoch), Address: a.target.address()}
	for _, c := range changes {
		one := platform.Change{Function: c.Spec.Function.Name}
		if c.From.Revision != nil {
			one.From = c.From.Revision.ID
		}
		if c.To != nil {
			one.To = c.To.ID
		}
		q.Changes = append(q.Changes, one)
	}
	err := a.start(ctx)
	if err == nil {
		err = do(ctx, q)
	}
	states := make([]providers.State, len(changes))
	for i, c := range changes {
		st, reading := a.state(c.Spec.Function.Name)
		states[i], err = st, errors.Join(err, reading)
	}
	about := ""
	if len(changes) == 1 {
		about = changes[0].Spec.Function.Name
	}
	return states, a.classify(op, about, err)
}

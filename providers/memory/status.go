package memory

import (
	"context"
	"slices"

	"github.com/ferryfn/ferry/providers"
)

// Status is what is live.
func (a *Adapter) Status(ctx context.Context, function string) (providers.State, error) {
	var st providers.State
	err := a.world.do(ctx, "status", function, func() error {
		st = a.state(function)
		return nil
	})
	return st, err
}

// state is what is live. The lock is held.
func (a *Adapter) state(name string) providers.State { return a.world.state(a.place.key(name)) }

// Functions are the names of all functions of the service and stage that ferry made.
func (a *Adapter) Functions(ctx context.Context) ([]string, error) {
	var names []string
	err := a.world.do(ctx, "functions", "", func() error {
		for k, f := range a.world.functions {
			if k == a.place.key(k.function) && !f.foreign {
				names = append(names, k.function)
			}
		}
		slices.Sort(names)
		return nil
	})
	return names, err
}

// Revisions are the stored revisions, oldest first.
func (a *Adapter) Revisions(ctx context.Context, function string) ([]providers.Revision, error) {
	var list []providers.Revision
	err := a.world.do(ctx, "revisions", function, func() error {
		if f := a.own(function); f != nil {
			for _, r := range f.revisions {
				list = append(list, r.Revision)
			}
		}
		return nil
	})
	return list, err
}

// Stored reports whether a revision is there, and its image.
func (a *Adapter) Stored(ctx context.Context, function string, r providers.Revision) (bool, error) {
	var stored bool
	err := a.world.do(ctx, "stored", function, func() error {
		f := a.own(function)
		stored = f != nil && f.has(r.ID) && f.find(r.ID).Revision == r
		return nil
	})
	return stored, err
}

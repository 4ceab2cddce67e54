package memory

import (
	"context"
	"fmt"
	"slices"

	"github.com/ferryfn/ferry/providers"
)

// Remove forgets the function, if ferry made it.
func (a *Adapter) Remove(ctx context.Context, function string, e providers.Epoch) error {
	return a.write(ctx, "remove", function, e, func() error {
		if a.own(function) != nil {
			delete(a.world.functions, a.place.key(function))
		}
		return nil
	})
}

// Prune deletes a revision that gets no requests.
func (a *Adapter) Prune(ctx context.Context, function string, r providers.Revision, e providers.Epoch) error {
	return a.write(ctx, "prune", function, e, func() error {
		f := a.own(function)
		if f == nil {
			return nil
		}
		if f.live == r.ID || f.canary == r.ID {
			return failed(providers.Conflict, "prune", function, fmt.Errorf("revision %s serves", r.ID))
		}
		f.revisions = slices.DeleteFunc(f.revisions, func(have revision) bool { return have.ID == r.ID })
		return nil
	})
}

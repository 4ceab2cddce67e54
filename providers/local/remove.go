package local

import (
	"context"
	"slices"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/local/platform"
)

// Remove takes away the function's revisions, its log and its place in the table.
func (a *Adapter) Remove(ctx context.Context, fn string, e providers.Epoch) error {
	err := ctx.Err()
	if err == nil {
		var there bool
		if there, err = a.home.Has(a.scope, fn); err == nil && !there {
			return nil
		}
	}
	if err == nil {
		err = a.start(ctx)
	}
	if err == nil {
		err = a.client.Remove(ctx, platform.FunctionRequest{Scope: a.scope, Writer: a.writer(e), Function: fn})
	}
	return a.classify("remove", fn, err)
}

// Prune deletes a revision that gets no requests.
func (a *Adapter) Prune(ctx context.Context, fn string, r providers.Revision, e providers.Epoch) error {
	stored, err := a.home.Revisions(a.scope, fn)
	if err == nil && !slices.ContainsFunc(stored, func(s platform.Revision) bool { return s.ID == r.ID }) {
		return nil
	}
	if err == nil {
		err = a.start(ctx)
	}
	if err == nil {
		err = a.client.Prune(ctx, platform.FunctionRequest{Scope: a.scope, Writer: a.writer(e), Function: fn, Revision: r.ID})
	}
	return a.classify("prune", fn, err)
}

// Purge deletes the values of all secrets.
func (a *Adapter) Purge(ctx context.Context) error {
	err := ctx.Err()
	if err == nil {
		err = a.home.RemoveSecrets(a.scope)
	}
	return a.classify("purge", "", err)
}

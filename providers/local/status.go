package local

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/local/platform"
)

// Status reads the table; it needs no running platform.
func (a *Adapter) Status(ctx context.Context, fn string) (providers.State, error) {
	st, err := a.state(fn)
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return st, a.classify("status", fn, err)
}

func (a *Adapter) state(fn string) (providers.State, error) {
	t, err := a.table.read(a.home, a.scope)
	e := t.Functions[fn]
	st := providers.State{Function: fn, Bindings: providers.Mode(cmp.Or(e.Bindings, string(providers.BindNone)))}
	if e.Revision == "" {
		return st, err
	}
	st.Revision = &providers.Revision{ID: e.Revision, Digest: e.Digest}
	if c := e.Canary; c != nil {
		st.Canary = &providers.Canary{Revision: providers.Revision{ID: c.Revision, Digest: c.Digest}, Percent: c.Percent}
	}
	if e.HTTP {
		st.URL = platform.URL(e.Port, "")
	}
	return st, err
}

// Page is the status page of the service, with its key.
func (a *Adapter) Page(ctx context.Context) (string, error) {
	err := a.Start(ctx)
	if err != nil {
		return "", err
	}
	info, err := a.client.Info(ctx)
	if err != nil {
		return "", a.classify("find the status page", "", err)
	}
	for _, s := range info.Services {
		if s.Scope == a.scope && s.Page != "" {
			return s.Page, nil
		}
	}
	return "", a.classify("find the status page", "", &platform.Error{Code: platform.CodeNotFound, Message: "nothing is deployed for " + a.scope.String()})
}

// Functions are those of which the platform keeps anything, live or not.
func (a *Adapter) Functions(ctx context.Context) ([]string, error) {
	names, err := a.home.Functions(a.scope)
	return names, a.classify("list functions", "", errors.Join(err, ctx.Err()))
}

// Revisions are those that are stored, oldest first.
func (a *Adapter) Revisions(_ context.Context, fn string) ([]providers.Revision, error) {
	stored, err := a.home.Revisions(a.scope, fn)
	list := make([]providers.Revision, len(stored))
	for i, r := range stored {
		list[i] = providers.Revision{ID: r.ID, Digest: r.Digest}
	}
	return list, a.classify("revisions", fn, err)
}

// Stored reports whether a revision is there, its files and its interpreter, too.
func (a *Adapter) Stored(ctx context.Context, fn string, r providers.Revision) (bool, error) {
	stored, err := a.home.Revisions(a.scope, fn)
	whole := slices.ContainsFunc(stored, func(s platform.Revision) bool {
		return s.ID == r.ID && s.Digest == r.Digest && a.home.Unpacked(a.scope, fn, s) && !programGone(s)
	})
	return whole, a.classify("look for a revision", fn, errors.Join(err, ctx.Err()))
}

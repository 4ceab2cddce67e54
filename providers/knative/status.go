package knative

import (
	"context"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/providers"
)

// Status reads the Route: how requests are sent, as Knative observes it.
func (a *Adapter) Status(ctx context.Context, fn string) (providers.State, error) {
	return with(ctx, a, "status", fn, func(c *connection) (providers.State, error) { return c.status(ctx, fn) })
}

func (c *connection) status(ctx context.Context, fn string) (providers.State, error) {
	st := providers.State{Function: fn, Bindings: providers.BindNone}
	now, err := find[route](ctx, c, routes, c.object(fn))
	if err != nil {
		return st, err
	}
	if st.Foreign, err = c.taken(ctx, fn, now); err != nil || st.Foreign {
		return st, err
	}
	if f := flowing(now); f.live != "" {
		live, err := c.digested(ctx, f.live)
		if err != nil {
			return st, err
		}
		st.Revision = &live
		if now.Status != nil && now.Annotations[noteAddress] != noAddress {
			st.URL = now.Status.URL
		}
		if f.canary != "" {
			canary, err := c.digested(ctx, f.canary)
			if err != nil {
				return st, err
			}
			st.Canary = &providers.Canary{Revision: canary, Percent: f.percent}
		}
	}
	st.Bindings, err = c.bindings(ctx, fn)
	return st, err
}

// taken reports whether the function's name is taken by what ferry did not make.
func (c *connection) taken(ctx context.Context, fn string, r *route) (bool, error) {
	if r != nil {
		return !c.owns(&r.meta, fn), nil
	}
	f, err := find[configuration](ctx, c, configurations, c.object(fn))
	return f != nil && !c.owns(&f.meta, fn), err
}

// digested is a revision with its digest.
func (c *connection) digested(ctx context.Context, id string) (providers.Revision, error) {
	r, err := find[revision](ctx, c, revisions, id)
	if err != nil || r == nil {
		return providers.Revision{ID: id}, err
	}
	return revisionOf(r), nil
}

// Revisions are those that ferry published, oldest first.
func (a *Adapter) Revisions(ctx context.Context, fn string) ([]providers.Revision, error) {
	all, err := with(ctx, a, "revisions", fn, func(c *connection) ([]revision, error) { return list[revision](ctx, c, revisions, c.labels(fn)) })
	slices.SortStableFunc(all, func(x, y revision) int { return strings.Compare(x.Created, y.Created) })
	var found []providers.Revision
	for _, r := range all {
		if got := revisionOf(&r); got.Digest != "" && r.Deleted == "" {
			found = append(found, got)
		}
	}
	return found, err
}

// Stored asks for the one revision, and for its image.
func (a *Adapter) Stored(ctx context.Context, fn string, r providers.Revision) (bool, error) {
	return with(ctx, a, "revisions", fn, func(c *connection) (bool, error) {
		found, err := find[revision](ctx, c, revisions, r.ID)
		if err != nil || found == nil || found.Deleted != "" || found.Labels[labelOf] != c.object(fn) || revisionOf(found) != r || broken(fn, found) != nil {
			return false, err
		}
		return c.complete(ctx, found)
	})
}

// Functions lists the Configurations whose labels say that ferry made them for this service and stage.
func (a *Adapter) Functions(ctx context.Context) ([]string, error) {
	all, err := with(ctx, a, "list functions", "", func(c *connection) ([]configuration, error) {
		return list[configuration](ctx, c, configurations, c.labels(""))
	})
	var found []string
	for _, f := range all {
		if fn := f.Labels[tagged().Key("function")]; a.owns(&f.meta, fn) {
			found = append(found, fn)
		}
	}
	slices.Sort(found)
	return found, err
}

package gcp

import (
	"context"
	"slices"
	"strings"

	run "google.golang.org/api/run/v2"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
)

// namedFunction is a function of which only the name is known.
func namedFunction(fn string) manifest.Function { return manifest.Function{Name: fn} }

// Status asks for the service: its traffic says which revision serves. Only what it does not tell takes more.
func (a *Adapter) Status(ctx context.Context, fn string) (providers.State, error) {
	c, err := a.connect(ctx)
	if err != nil {
		return providers.State{Function: fn}, err
	}
	st, err := c.status(ctx, fn)
	return st, a.classify("status", fn, c.allOff(ctx, err))
}

func (c *connection) status(ctx context.Context, fn string) (providers.State, error) {
	st := providers.State{Function: fn, Bindings: providers.BindNone}
	found, err := c.get(ctx, fn)
	if err != nil || found == nil {
		return st, err
	}
	st.Maker = makerOf(found)
	if !c.owns(found.Labels, fn) {
		st.Foreign = true
		return st, nil
	}
	if r := routed(found); r.live != "" {
		live, err := c.digested(ctx, fn, r.live, found.Annotations[noteLive])
		if err != nil {
			return st, err
		}
		st = c.stateOf(fn, found, live)
		if r.canary != "" {
			canary, err := c.digested(ctx, fn, r.canary, found.Annotations[noteCanary])
			if err != nil {
				return st, err
			}
			st.Canary = &providers.Canary{Revision: canary, Percent: r.percent}
		}
	}
	st.Bindings, st.Lacks, err = c.bindings(ctx, fn, found)
	return st, err
}

// stateOf is the state of a service whose live revision is known.
func (c *connection) stateOf(fn string, s *run.GoogleCloudRunV2Service, live providers.Revision) providers.State {
	st := providers.State{Function: fn, Revision: &live, Bindings: providers.BindNone, Unsettled: accessOf(s) == changing, Maker: makerOf(s)}
	if accessOf(s) != nobody {
		st.URL = s.Uri
	}
	return st
}

// digested is a revision with its digest: as it is noted, else as the revision itself says.
func (c *connection) digested(ctx context.Context, fn, id, noted string) (providers.Revision, error) {
	if known, digest := noteOf(noted); known == id {
		return providers.Revision{ID: id, Digest: digest}, nil
	}
	r, err := c.getRevision(ctx, fn, id)
	if err != nil || r == nil {
		return providers.Revision{ID: id}, err
	}
	return revisionOf(r), nil
}

// Revisions are those that ferry published, oldest first. A service that was adopted may have others.
func (a *Adapter) Revisions(ctx context.Context, fn string) ([]providers.Revision, error) {
	c, err := a.connect(ctx)
	if err != nil {
		return nil, err
	}
	found, err := c.get(ctx, fn)
	if err != nil || found == nil || !c.owns(found.Labels, fn) {
		return nil, a.classify("revisions", fn, err)
	}
	all, err := c.revisions(ctx, fn)
	if err != nil {
		return nil, a.classify("revisions", fn, err)
	}
	var list []providers.Revision
	for _, r := range all {
		if revisionOf(r).Digest != "" && !pruned(found, idOf(r.Name)) {
			list = append(list, revisionOf(r))
		}
	}
	return list, nil
}

// revisions are all of a service, oldest first.
func (c *connection) revisions(ctx context.Context, fn string) ([]*run.GoogleCloudRunV2Revision, error) {
	var all []*run.GoogleCloudRunV2Revision
	err := c.run.Projects.Locations.Services.Revisions.List(c.servicePath(fn)).Pages(ctx, func(page *run.GoogleCloudRunV2ListRevisionsResponse) error {
		all = append(all, page.Revisions...)
		return nil
	})
	if isNotFound(err) {
		return nil, nil
	}
	slices.SortStableFunc(all, func(x, y *run.GoogleCloudRunV2Revision) int { return strings.Compare(x.CreateTime, y.CreateTime) })
	return all, err
}

// Stored asks for the one revision, and for its image: Google keeps that of a revision only while it serves.
func (a *Adapter) Stored(ctx context.Context, fn string, r providers.Revision) (bool, error) {
	c, err := a.connect(ctx)
	if err != nil {
		return false, err
	}
	found, err := c.getRevision(ctx, fn, r.ID)
	if err != nil || found == nil || revisionOf(found) != r {
		return false, a.classify("revisions", fn, err)
	}
	service, err := c.get(ctx, fn)
	if err != nil || pruned(service, r.ID) || broken(fn, found) != nil {
		return false, a.classify("revisions", fn, err)
	}
	stored, err := c.complete(ctx, found)
	return stored, a.classify("revisions", fn, err)
}

// Functions lists the services of the region whose labels say that ferry made them for this service and stage.
func (a *Adapter) Functions(ctx context.Context) ([]string, error) {
	c, err := a.connect(ctx)
	if err != nil {
		return nil, err
	}
	var names []string
	err = c.run.Projects.Locations.Services.List(c.parent()).Pages(ctx, func(page *run.GoogleCloudRunV2ListServicesResponse) error {
		for _, s := range page.Services {
			if fn := s.Labels[tagged().Key("function")]; fn != "" && c.owns(s.Labels, fn) {
				names = append(names, fn)
			}
		}
		return nil
	})
	slices.Sort(names)
	return names, a.classify("list functions", "", err)
}

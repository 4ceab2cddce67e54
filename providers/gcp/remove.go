package gcp

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	run "google.golang.org/api/run/v2"

	"github.com/ferryfn/ferry/providers"
)

// Remove takes away exactly what ferry made for the function. What is left of an interrupted removal is found by its name.
func (a *Adapter) Remove(ctx context.Context, fn string, e providers.Epoch) error {
	c, err := a.connect(ctx)
	if err == nil {
		err = c.admitted(ctx, fn, e)
	}
	if err == nil {
		err = c.remove(ctx, fn)
	}
	return a.classify("remove", fn, err)
}

func (c *connection) remove(ctx context.Context, fn string) error {
	found, err := c.get(ctx, fn)
	if err != nil {
		return err
	}
	if found != nil && !c.owns(found.Labels, fn) {
		return nil // not ferry's
	}
	if err := c.unbind(ctx, fn, found); err != nil {
		return err
	}
	if found != nil {
		if err := c.shut(ctx, fn); err != nil && !isNotFound(err) {
			return err
		}
	}
	secrets, err := c.readable(ctx, fn, found)
	if err == nil {
		err = c.removeService(ctx, fn, found)
	}
	if err == nil {
		err = c.removeAccount(ctx, fn, secrets)
	}
	if err == nil {
		err = c.removeAudience(ctx, fn)
	}
	if err != nil || found != nil && makerOf(found) == byFunctions { // whose images went with it
		return err
	}
	return c.removeImages(ctx, fn)
}

// removeService takes away a function's service, with all that was built of it. What it ran as goes after it: nobody may change a
// service whose account is gone, not even who takes over from a removal that was stopped.
func (c *connection) removeService(ctx context.Context, fn string, found *run.GoogleCloudRunV2Service) error {
	switch {
	case found == nil:
		return c.removeUnserved(ctx, fn)
	case makerOf(found) == byFunctions:
		return c.removeFunction(ctx, fn)
	}
	if err := c.removeBuilt(ctx, fn); err != nil {
		return err
	}
	op, err := c.run.Projects.Locations.Services.Delete(c.servicePath(fn)).Context(ctx).Do()
	if err == nil {
		err = c.finished(ctx, op, "the service "+c.serviceName(fn)+" to be deleted")
	}
	if isNotFound(err) {
		return nil
	}
	return err
}

// readable are the secrets that a function's account was let read, by their full names: those of its revisions, else, where the
// account alone is left, those of the project that say so. Who may not look at one granted none.
func (c *connection) readable(ctx context.Context, fn string, found *run.GoogleCloudRunV2Service) ([]string, error) {
	if found != nil {
		revisions, err := c.revisions(ctx, fn)
		return c.secretsRead(revisions), err
	}
	account, err := c.findAccount(ctx, fn)
	if errors.Is(err, providers.Foreign) {
		return nil, nil
	}
	if err != nil || account == nil {
		return nil, err
	}
	all, err := c.allSecrets(ctx)
	if err != nil {
		return nil, unlessDenied(err)
	}
	var read []string
	for _, secret := range all {
		reads, err := mentioned(c.secretPolicy(ctx, secret), "serviceAccount:"+account.Email)
		if err != nil && !isNotFound(err) && unlessDenied(err) != nil {
			return nil, err
		}
		if reads {
			read = append(read, secret)
		}
	}
	return read, nil
}

// unlessDenied is an error but one that says that the caller may not look.
func unlessDenied(err error) error {
	if err != nil && kindOf(err) == providers.Denied {
		return nil
	}
	return err
}

// Prune deletes a revision that gets no requests, and its image unless another one has it; Google refuses to delete one that
// does, so that no epoch is needed.
func (a *Adapter) Prune(ctx context.Context, fn string, r providers.Revision, _ providers.Epoch) error {
	const op = "prune"
	c, err := a.connect(ctx)
	if err != nil {
		return err
	}
	found, err := c.get(ctx, fn)
	if err != nil || found == nil {
		return a.classify(op, fn, err)
	}
	if err := c.refuseForeign(op, fn, found); err != nil {
		return err
	}
	if t := routed(found); t.live == r.ID || t.canary == r.ID {
		return &providers.Error{Kind: providers.Conflict, Op: op, Provider: name, Function: fn, Err: fmt.Errorf("the revision %s gets requests", r.ID)}
	}
	return a.classify(op, fn, c.prune(ctx, fn, r.ID, found))
}

func (c *connection) prune(ctx context.Context, fn, id string, found *run.GoogleCloudRunV2Service) error {
	gone, err := c.getRevision(ctx, fn, id)
	if err != nil || gone == nil {
		return err
	}
	if idOf(found.LatestCreatedRevision) == id {
		err = c.condemn(ctx, fn, id)
	} else if err = c.untag(ctx, fn, id); err == nil {
		err = c.deleteRevision(ctx, fn, id)
	}
	if err != nil {
		return err
	}
	rest, err := c.revisions(ctx, fn)
	if err != nil {
		return err
	}
	image := imageOf(gone)
	if slices.ContainsFunc(rest, func(r *run.GoogleCloudRunV2Revision) bool { return imageOf(r) == image && idOf(r.Name) != id }) {
		return nil
	}
	return c.removeImage(ctx, gone)
}

// condemn notes that a revision is as good as gone: Google deletes it only when another one was made.
func (c *connection) condemn(ctx context.Context, fn, id string) error {
	if err := c.untag(ctx, fn, id); err != nil {
		return err
	}
	_, err := c.change(ctx, fn, func(now *run.GoogleCloudRunV2Service) ([]string, error) {
		if pruned(now, id) {
			return nil, nil
		}
		now.Annotations[notePruned] = strings.TrimSpace(now.Annotations[notePruned] + " " + id)
		return []string{"annotations"}, nil
	})
	return err
}

// pruned reports whether a revision is as good as gone.
func pruned(s *run.GoogleCloudRunV2Service, id string) bool {
	return s != nil && slices.Contains(strings.Fields(s.Annotations[notePruned]), id)
}

// deleteRevision deletes a revision that gets no requests.
func (c *connection) deleteRevision(ctx context.Context, fn, id string) error {
	op, err := c.run.Projects.Locations.Services.Revisions.Delete(c.revisionPath(fn, id)).Context(ctx).Do()
	if err == nil {
		err = c.finished(ctx, op, "the revision "+id+" to be deleted")
	}
	if isNotFound(err) {
		return nil
	}
	return err
}

package knative

import (
	"context"

	"github.com/ferryfn/ferry/providers"
)

// Remove takes away exactly what ferry made for the function. The Configuration goes last but for what hangs on its name:
// what is left of an interrupted removal is found by it.
func (a *Adapter) Remove(ctx context.Context, fn string, e providers.Epoch) error {
	return a.done(ctx, "remove", fn, func(c *connection) error {
		if err := c.admitted(ctx, fn, e); err != nil {
			return err
		}
		return c.remove(ctx, fn)
	})
}

func (c *connection) remove(ctx context.Context, fn string) error {
	r, err := find[route](ctx, c, routes, c.object(fn))
	if err != nil {
		return err
	}
	if taken, err := c.taken(ctx, fn, r); err != nil || taken {
		return err // not ferry's
	}
	if err := c.bind(ctx, functionOf(namedFunction(fn)), providers.BindNone); err != nil {
		return err
	}
	if err := c.sweep(ctx, fn); err != nil {
		return err
	}
	if r != nil {
		if err := end[route](ctx, c, routes, r.meta, foreground); err != nil {
			return err
		}
	}
	f, err := c.configuration(ctx, fn)
	if err == nil && f != nil {
		err = end[configuration](ctx, c, configurations, f.meta, foreground)
	}
	if err == nil && f != nil {
		err = c.registries().Clear(ctx, c.images(fn))
	}
	if err != nil {
		return err
	}
	word, err := find[secret](ctx, c, secretObjects, c.instanceSecret(fn))
	if err != nil || word == nil || !c.owns(&word.meta, fn) {
		return err
	}
	return c.erase(ctx, secretObjects, word.meta, "")
}

// Prune deletes a revision that gets no requests, and its image unless another one has it. The template moves to what serves
// before: Knative makes again at once what the template names.
func (a *Adapter) Prune(ctx context.Context, fn string, r providers.Revision, _ providers.Epoch) error {
	return a.done(ctx, "prune", fn, func(c *connection) error { return c.prune(ctx, fn, r.ID) })
}

func (c *connection) prune(ctx context.Context, fn, id string) error {
	now, err := find[route](ctx, c, routes, c.object(fn))
	if err != nil {
		return err
	}
	if now != nil && !c.owns(&now.meta, fn) {
		return c.foreign("prune", fn)
	}
	f := flowing(now)
	if now != nil && (now.shares()[id] > 0 || f.live == id || f.canary == id) {
		return fail(providers.Conflict, "prune", fn, "", "the revision %s gets requests", id)
	}
	old, err := find[revision](ctx, c, revisions, id)
	if err != nil || old == nil || old.Labels[labelOf] != c.object(fn) {
		return err
	}
	rest, err := c.others(ctx, fn, id)
	if err != nil {
		return err
	}
	if err := c.move(ctx, fn, id, f.live, rest); err != nil {
		return err
	}
	if err := end[revision](ctx, c, revisions, old.meta, ""); err != nil {
		return err
	}
	for _, r := range rest {
		if imageOf(r.Spec) == imageOf(old.Spec) {
			return nil
		}
	}
	return c.removeImage(ctx, old)
}

// others are the revisions of a function but one.
func (c *connection) others(ctx context.Context, fn, id string) ([]revision, error) {
	all, err := list[revision](ctx, c, revisions, map[string]string{labelOf: c.object(fn)})
	var rest []revision
	for _, r := range all {
		if r.Name != id && r.Deleted == "" {
			rest = append(rest, r)
		}
	}
	return rest, err
}

// move has the template name another revision than the one that goes: what serves, else any. Where there is none, the
// Configuration goes with it.
func (c *connection) move(ctx context.Context, fn, id, live string, rest []revision) error {
	f, err := c.configuration(ctx, fn)
	if err != nil || f == nil || f.Spec.Template.Name != id && f.Spec.Template.Name != "" {
		return err
	}
	if len(rest) == 0 {
		return c.erase(ctx, configurations, f.meta, "")
	}
	to := rest[0]
	for _, r := range rest {
		if r.Name == live {
			to = r
		}
	}
	t := template{Spec: to.Spec}
	t.Name, t.Labels, t.Annotations = to.Name, c.labels(fn), map[string]string{}
	for _, key := range []string{noteDigest, noteImage, noGC, minScale, maxScale} {
		if value, has := to.Annotations[key]; has {
			t.Annotations[key] = value
		}
	}
	return c.retemplate(ctx, fn, t)
}

// Purge deletes the values of secrets.
func (a *Adapter) Purge(ctx context.Context) error {
	return a.done(ctx, "purge", "", func(c *connection) error {
		all, err := c.versions(ctx, "")
		for _, one := range all {
			if err == nil {
				err = c.erase(ctx, secretObjects, unversioned(one.meta), "")
			}
		}
		return err
	})
}

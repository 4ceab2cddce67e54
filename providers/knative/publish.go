package knative

import (
	"context"
	"net/http"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/until"
)

// Publish makes a revision by writing the template of the function's Configuration. Its name is of the spec's digest, so that
// it is found again. No Route is touched, so that what serves stays and no epoch is needed.
func (a *Adapter) Publish(ctx context.Context, s providers.Spec, _ providers.Epoch) (providers.Revision, error) {
	return with(ctx, a, "publish", s.Function.Name, func(c *connection) (providers.Revision, error) { return c.publish(ctx, specOf(s)) })
}

func (c *connection) publish(ctx context.Context, s spec) (providers.Revision, error) {
	fn := s.function.Name
	found, err := c.configuration(ctx, fn)
	if err != nil {
		return providers.Revision{}, err
	}
	there, err := find[revision](ctx, c, revisions, c.revisionName(s))
	if err != nil {
		return providers.Revision{}, err
	}
	stuck, err := c.stuck(ctx, fn, there)
	if err != nil {
		return providers.Revision{}, err
	}
	if there != nil && stuck == nil && revisionOf(there).Digest == s.digest {
		if stored, err := c.complete(ctx, there); err != nil || stored {
			return revisionOf(there), err
		}
	}
	image, err := c.image(ctx, s)
	if err == nil {
		err = c.ensureInstance(ctx, fn)
	}
	if err == nil && stuck != nil { // what it lacked may be there now: it is made anew
		err = end[revision](ctx, c, revisions, there.meta, "")
	}
	if err == nil {
		providers.Stage(ctx, "making the revision")
		err = c.write(ctx, s, image, found)
	}
	if err != nil {
		return providers.Revision{}, err
	}
	return c.made(ctx, s, image)
}

// configuration is that of a function, nil when there is none. One that ferry did not make is refused.
func (c *connection) configuration(ctx context.Context, fn string) (*configuration, error) {
	found, err := find[configuration](ctx, c, configurations, c.object(fn))
	if err != nil {
		return nil, err
	}
	if found != nil && !c.owns(&found.meta, fn) {
		return nil, c.foreign("publish", fn)
	}
	return found, nil
}

// write puts a template into the Configuration, which is made if need be.
func (c *connection) write(ctx context.Context, s spec, image pushed, found *configuration) error {
	fn := s.function.Name
	if found == nil {
		made := &configuration{object: of(configurations, c.object(fn), c.labels(fn))}
		made.Spec.Template = c.template(s, image)
		_, err := create(ctx, c, configurations, made)
		if !isTaken(err) {
			return err
		}
	}
	return c.retemplate(ctx, fn, c.template(s, image))
}

// retemplate replaces the template whole, which a merge would not: what an earlier one had must not stay.
func (c *connection) retemplate(ctx context.Context, fn string, t template) error {
	return until.Done(ctx, func() error {
		now, err := c.configuration(ctx, fn)
		if err != nil || now == nil || now.Spec.Template.Name == t.Name {
			return err
		}
		now.Spec.Template, now.Status = t, nil
		return c.do(ctx, call{method: http.MethodPut, path: c.path(configurations, now.Name), body: now}, nil)
	}, racing())
}

// patientLooks is how often a revision is looked at before its pods are.
const patientLooks = 4

// made waits until the revision of a spec is decided. Another publish may write its own template before Knative saw this one:
// then it is written again.
func (c *connection) made(ctx context.Context, s spec, image pushed) (providers.Revision, error) {
	fn, id := s.function.Name, c.revisionName(s)
	var r *revision
	looks := 0
	err := until.True(ctx, working("the revision "+id+" to be made"), func() (bool, error) {
		var err error
		if r, err = find[revision](ctx, c, revisions, id); err != nil {
			return false, err
		}
		if r == nil {
			now, err := c.configuration(ctx, fn)
			if err != nil {
				return false, err
			}
			return false, c.write(ctx, s, image, now)
		}
		if got := revisionOf(r).Digest; got != s.digest {
			return false, fail(providers.Conflict, "publish", fn, "", "the revision %s has the digest %q", id, got)
		}
		if state := r.Status.ready().Status; state == isTrue || state == isFalse {
			return true, nil
		}
		if looks++; looks < patientLooks {
			return false, nil
		}
		stuck, err := c.stuck(ctx, fn, r)
		if err == nil && stuck != nil {
			err = stuck
		}
		return false, err
	})
	if err != nil {
		return providers.Revision{}, err
	}
	return revisionOf(r), nil
}

// ensureInstance makes the word that a function's shim knows ferry by. It is kept in a Secret, and derived from nothing.
func (c *connection) ensureInstance(ctx context.Context, fn string) error {
	word := &secret{object: of(secretObjects, c.instanceSecret(fn), c.labels(fn)), Immutable: true, Data: map[string][]byte{keyInstance: []byte(nonce())}}
	found, err := find[secret](ctx, c, secretObjects, word.Name)
	if err == nil && found == nil {
		if _, err = create(ctx, c, secretObjects, word); isTaken(err) {
			return nil
		}
	}
	return err
}

// instance is that word.
func (c *connection) instance(ctx context.Context, fn string) (string, error) {
	found, err := find[secret](ctx, c, secretObjects, c.instanceSecret(fn))
	if err != nil || found == nil {
		return "", err
	}
	return string(found.Data[keyInstance]), nil
}

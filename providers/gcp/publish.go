package gcp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
	run "google.golang.org/api/run/v2"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/until"
)

// publisher makes revisions. What makes a function's is written on its service.
type publisher interface {
	// publish makes the revision of a spec, of a service that is there or nil. What serves is unaffected.
	publish(ctx context.Context, s spec, found *run.GoogleCloudRunV2Service) (providers.Revision, error)
}

// The publishers, as labels say which made a service.
const (
	byRun       = "run"
	byFunctions = "functions"
)

// publisherOf is what makes a function's revisions.
func (c *connection) publisherOf(fn function) publisher {
	if fn.viaFunctions() {
		return &compiler{c}
	}
	return &runner{c}
}

// Publish makes a revision. Its name is of its spec's digest, so that it is found again; what serves is pinned by name
// before and after, and a service that is new lets nobody in. A write that was overtaken meets another etag, so that
// no epoch is needed.
func (a *Adapter) Publish(ctx context.Context, s providers.Spec, _ providers.Epoch) (providers.Revision, error) {
	var r providers.Revision
	c, err := a.connect(ctx)
	if err == nil {
		r, err = c.publish(ctx, specOf(s))
		err = c.allOff(ctx, err, s.Function)
	}
	return r, a.classify("publish", s.Function.Name, err)
}

func (c *connection) publish(ctx context.Context, s spec) (providers.Revision, error) {
	found, err := c.get(ctx, s.function.Name)
	if err == nil {
		err = c.refuseForeign("publish", s.function.Name, found)
	}
	if err == nil {
		err = c.checkResources(ctx, s.function)
	}
	if err != nil {
		return providers.Revision{}, err
	}
	return c.publisherOf(s.function).publish(ctx, s, found)
}

// runner makes revisions through Cloud Run, of images of ferry's own.
type runner struct{ *connection }

// publish finds the revision of the spec, or makes it. One that does not start is a revision as well: a probe says why.
func (r *runner) publish(ctx context.Context, s spec, found *run.GoogleCloudRunV2Service) (providers.Revision, error) {
	fn := s.function.Name
	if found != nil && makerOf(found) == byFunctions {
		var err error
		if err = r.detach(ctx, fn); err == nil {
			found, err = r.get(ctx, fn)
		}
		if err != nil {
			return providers.Revision{}, err
		}
	}
	var made *run.GoogleCloudRunV2Revision
	granted := false
	err := until.Done(ctx, func() error {
		var given bool
		var err error
		made, given, err = r.make(ctx, s, found)
		granted = granted || given
		if err == nil && granted && refusedSecret(made) {
			if found, err = r.get(ctx, fn); err == nil {
				err = errSpreading
			}
		}
		return err
	}, spreading())
	if err != nil && !errors.Is(err, errSpreading) {
		return providers.Revision{}, err
	}
	got := revisionOf(made)
	if got.Digest != s.digest {
		return providers.Revision{}, &providers.Error{
			Kind: providers.Conflict, Op: "publish", Provider: name, Function: fn, Hint: "deploy again",
			Err: fmt.Errorf("the revision %s is not what was published", got.ID),
		}
	}
	return got, nil
}

// errSpreading is a revision that was refused a secret which its account has just been let read.
var errSpreading = errors.New("the right to read a secret has not spread yet")

// make finds the revision of the spec, or makes it, and says whether its account got rights for it.
func (r *runner) make(ctx context.Context, s spec, found *run.GoogleCloudRunV2Service) (made *run.GoogleCloudRunV2Revision, granted bool, err error) {
	made, id, err := r.usable(ctx, s, found)
	if err != nil {
		return nil, false, err
	}
	if made == nil {
		as, err := r.prepare(ctx, s, id)
		if err == nil {
			err = r.write(ctx, s, as, found)
		}
		if err != nil {
			return nil, as.granted, err
		}
		granted = as.granted
	} else if addressOf(found, id) == "" && heading(found).live != id {
		if _, err := r.tagFor(ctx, s.function.Name, id); err != nil { // so that it is probed again
			return nil, false, err
		}
	}
	made, err = r.decided(ctx, s.function.Name, id)
	return made, granted, err
}

// refusedSecret reports whether a revision does not start because its account may not read a secret.
func refusedSecret(r *run.GoogleCloudRunV2Revision) bool {
	ready := conditionOf(r.Conditions, "Ready")
	return ready.State == conditionFailed && strings.Contains(ready.RevisionReason+" "+ready.Reason, "SECRETS_ACCESS_CHECK_FAILED")
}

// usable is the revision of the spec that is there with all that it needs, else nil and the name for a new one: those that
// failed, or lost their image, keep theirs.
func (r *runner) usable(ctx context.Context, s spec, found *run.GoogleCloudRunV2Service) (*run.GoogleCloudRunV2Revision, string, error) {
	for again := 0; ; again++ {
		id := r.revisionName(s, again)
		if found == nil {
			return nil, id, nil
		}
		there, err := r.getRevision(ctx, s.function.Name, id)
		if err != nil || there == nil {
			return nil, id, err
		}
		stored, err := r.complete(ctx, there)
		if err != nil {
			return nil, id, err
		}
		if stored && !pruned(found, id) && revisionOf(there).Digest == s.digest && broken(s.function.Name, there) == nil {
			return there, id, nil
		}
	}
}

// prepare makes what a revision needs: its image and, beside it, its account.
func (r *runner) prepare(ctx context.Context, s spec, id string) (execution, error) {
	as := execution{revision: id, account: r.account(s.function), instance: nonce()}
	eg, both := errgroup.WithContext(ctx)
	eg.Go(func() error {
		granted, err := r.ensureAccount(both, s)
		if err != nil {
			return err
		}
		guarded, err := r.ensureAudience(both, s.function)
		as.granted = granted || guarded
		return err
	})
	eg.Go(func() error {
		image, err := r.image(both, s)
		as.image, as.tag = image.digest, image.tag
		return err
	})
	return as, eg.Wait()
}

// write makes the revision, in a service that is there or new. That it does not start is no failure of the write.
func (r *runner) write(ctx context.Context, s spec, as execution, found *run.GoogleCloudRunV2Service) error {
	providers.Stage(ctx, "making the revision")
	var err error
	if found == nil {
		err = r.create(ctx, s, as)
	} else {
		err = r.update(ctx, s, as, found)
	}
	var ended *failure
	if errors.As(err, &ended) {
		if made, reading := r.getRevision(ctx, s.function.Name, as.revision); reading == nil && made != nil && broken(s.function.Name, made) != nil {
			return r.untag(ctx, s.function.Name, as.revision)
		}
	}
	return err
}

// untag takes the tag of a revision that gets no requests, which keeps it from being deleted, and of one that does not
// start keeps all others from where they are sent.
func (c *connection) untag(ctx context.Context, fn, id string) error {
	_, err := c.change(ctx, fn, func(now *run.GoogleCloudRunV2Service) ([]string, error) {
		kept := slices.DeleteFunc(slices.Clone(now.Traffic), func(t *run.GoogleCloudRunV2TrafficTarget) bool { return idOf(t.Revision) == id && t.Percent == 0 })
		if len(kept) == len(now.Traffic) || len(kept) == 0 {
			return nil, nil
		}
		now.Traffic = kept
		return []string{"traffic"}, nil
	})
	var ended *failure
	if errors.As(err, &ended) { // of a service that never had a revision which starts
		return nil
	}
	return err
}

// create makes the service. Nobody is let in, so that all requests may be its first revision's from the start.
func (r *runner) create(ctx context.Context, s spec, as execution) error {
	fn := s.function
	labels := r.labels(fn)
	labels[labelPublisher] = byRun
	var op *run.GoogleLongrunningOperation
	err := until.Done(ctx, func() error {
		var err error
		op, err = r.run.Projects.Locations.Services.Create(r.parent(), &run.GoogleCloudRunV2Service{
			Labels: labels, Annotations: map[string]string{noteLabels: keysOf(fn.own.Labels)}, Client: "ferry",
			Ingress: ingress(fn), Template: r.template(s, as), Traffic: unreleased(as.revision),
		}).ServiceId(r.serviceName(fn.Name)).Context(ctx).Do()
		return err
	}, newAccount(isUnknownAccount))
	if isAlreadyExists(err) { // the reply was lost, or somebody else was faster
		found, err := r.get(ctx, fn.Name)
		if err == nil {
			err = r.refuseForeign("publish", fn.Name, found)
		}
		if err != nil {
			return err
		}
		return r.update(ctx, s, as, nil)
	}
	if err != nil {
		return err
	}
	return r.finished(ctx, op, "the service "+r.serviceName(fn.Name)+" to be made")
}

// update makes the revision in a service that is there. What serves is pinned by its name in the same write. The service as it was
// seen had no such revision; nil is that nobody looked.
func (r *runner) update(ctx context.Context, s spec, as execution, seen *run.GoogleCloudRunV2Service) error {
	fn := s.function
	var gone []string
	err := until.Done(ctx, func() error {
		without := seen
		now, err := r.changeOf(ctx, fn.Name, seen, func(now *run.GoogleCloudRunV2Service) ([]string, error) {
			if err := r.refuseForeign("publish", fn.Name, now); err != nil {
				return nil, err
			}
			if without == nil {
				if there, err := r.getRevision(ctx, fn.Name, as.revision); err != nil || there != nil {
					return nil, err
				}
			}
			without = nil
			t := heading(now)
			gone = strings.Fields(now.Annotations[notePruned])
			delete(now.Annotations, notePruned)
			now.Template = r.template(s, as)
			if now.Traffic = unreleased(as.revision); t.live != "" {
				now.Traffic = t.with(as.revision)
			}
			return []string{"template", "traffic"}, nil
		})
		seen = nil
		if err == nil && now == nil {
			err = &providers.Error{
				Kind: providers.Conflict, Op: "publish", Provider: name, Function: fn.Name, Hint: "deploy again", Err: errors.New("the service was deleted meanwhile"),
			}
		}
		return err
	}, newAccount(isUnknownAccount))
	for _, id := range gone {
		if err := r.deleteRevision(ctx, fn.Name, id); err != nil {
			return err
		}
	}
	return err
}

// decided waits until it is known whether a revision starts.
func (c *connection) decided(ctx context.Context, fn, id string) (*run.GoogleCloudRunV2Revision, error) {
	var found *run.GoogleCloudRunV2Revision
	err := until.True(ctx, working("the revision "+id+" to start"), func() (bool, error) {
		var err error
		found, err = c.getRevision(ctx, fn, id)
		if err != nil || found == nil {
			return false, err
		}
		state := conditionOf(found.Conditions, "Ready").State
		return !found.Reconciling && (state == succeeded || state == conditionFailed), nil
	})
	return found, err
}

// isUnknownAccount reports whether Cloud Run does not know a service account yet.
func isUnknownAccount(err error) bool {
	message := messageOf(err)
	return strings.Contains(message, "service account") && (isNotFound(err) || strings.Contains(message, "does not exist")) ||
		strings.Contains(message, "iam.serviceaccounts.actAs") && statusOf(err) == http.StatusForbidden
}

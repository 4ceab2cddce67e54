package gcp

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	run "google.golang.org/api/run/v2"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/until"
)

// get asks for a function's service; nil is that there is none.
func (c *connection) get(ctx context.Context, fn string) (*run.GoogleCloudRunV2Service, error) {
	found, err := c.run.Projects.Locations.Services.Get(c.servicePath(fn)).Context(ctx).Do()
	if isNotFound(err) {
		return nil, nil
	}
	return found, err
}

// getRevision asks for a revision; nil is that there is none.
func (c *connection) getRevision(ctx context.Context, fn, id string) (*run.GoogleCloudRunV2Revision, error) {
	found, err := c.run.Projects.Locations.Services.Revisions.Get(c.revisionPath(fn, id)).Context(ctx).Do()
	if isNotFound(err) {
		return nil, nil
	}
	return found, err
}

// noteWrite marks who wrote last, so that a write whose reply was lost is known by the one who made it.
const noteWrite = noted + "write"

// edit is a change of a service. Of the copy that it is given it changes what it wants, and returns the names of those fields;
// none is that there is nothing to do.
type edit func(s *run.GoogleCloudRunV2Service) (fields []string, err error)

// change reads a service, lets it be edited, and writes it under its etag; what is not as it was read is read again, and
// the edit decides anew. It returns when Google is done, with what is there then. A function without a service has none.
func (c *connection) change(ctx context.Context, fn string, e edit) (*run.GoogleCloudRunV2Service, error) {
	return c.changeOf(ctx, fn, nil, e)
}

// changeOf is change of a service that was just read, and which is edited itself: the caller gives it away. Its etag tells when it
// is not so any more.
func (c *connection) changeOf(ctx context.Context, fn string, seen *run.GoogleCloudRunV2Service, e edit) (*run.GoogleCloudRunV2Service, error) {
	mine := nonce()
	var now *run.GoogleCloudRunV2Service
	var op *run.GoogleLongrunningOperation
	err := until.Done(ctx, func() error {
		var err error
		if now, seen = seen, nil; now == nil {
			now, err = c.get(ctx, fn)
		}
		if err != nil || now == nil {
			return err
		}
		if now.Annotations[noteWrite] == mine {
			return nil // the reply to it was lost
		}
		now.Annotations, now.Labels = cloned(now.Annotations), cloned(now.Labels)
		fields, err := e(now)
		if err != nil || len(fields) == 0 {
			return err
		}
		now.Annotations[noteWrite] = mine
		patch := &run.GoogleCloudRunV2Service{
			Name: now.Name, Etag: now.Etag, Annotations: now.Annotations, Labels: now.Labels, Template: now.Template, Traffic: now.Traffic,
			Scaling: now.Scaling, Ingress: now.Ingress, InvokerIamDisabled: now.InvokerIamDisabled,
		}
		mask := strings.Join(slices.Compact(slices.Sorted(slices.Values(append(fields, "annotations")))), ",")
		op, err = c.run.Projects.Locations.Services.Patch(now.Name, patch).UpdateMask(mask).Context(ctx).Do()
		if isNotFound(err) { // the service, which somebody has just deleted, or what it is to have
			if there, reading := c.get(ctx, fn); reading == nil && there == nil {
				now, err = nil, nil
			}
		}
		return err
	}, racing())
	if err != nil || now == nil {
		return nil, err
	}
	if op == nil && isSettled(now) {
		return now, nil
	}
	if op == nil {
		return c.settled(ctx, fn)
	}
	return c.changed(ctx, fn, c.finished(ctx, op, "the service "+c.serviceName(fn)+" to be changed"))
}

// changed is a service after a change that ended so. Google calls a service failed as long as its last revision does not start,
// also where that one gets no requests: what counts is that requests go where they were sent.
func (c *connection) changed(ctx context.Context, fn string, ended error) (*run.GoogleCloudRunV2Service, error) {
	var failed *failure
	if ended != nil && !errors.As(ended, &failed) {
		return nil, ended
	}
	now, err := c.settled(ctx, fn)
	if err == nil && now != nil && conditionOf(now.Conditions, "RoutesReady").State == conditionFailed {
		err = cmp.Or(ended, error(&failure{codeOfFailedRoute, conditionOf(now.Conditions, "RoutesReady").Message}))
	}
	return now, err
}

// codeOfFailedRoute is FAILED_PRECONDITION: requests cannot go where they were sent.
const codeOfFailedRoute = 9

func cloned(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return maps.Clone(m)
}

// finished waits for an operation, and is its error.
func (c *connection) finished(ctx context.Context, op *run.GoogleLongrunningOperation, what string) error {
	err := until.True(ctx, working(what), func() (bool, error) {
		if op.Done {
			return true, nil
		}
		now, err := c.run.Projects.Locations.Operations.Get(op.Name).Context(ctx).Do()
		if isNotFound(err) { // one that is done is forgotten in time
			return true, nil
		}
		if err == nil {
			op = now
		}
		return op.Done, err
	})
	if err != nil {
		return err
	}
	return failed(op.Error)
}

// settled waits until a service is what was written last: an operation is done before that is so everywhere.
func (c *connection) settled(ctx context.Context, fn string) (*run.GoogleCloudRunV2Service, error) {
	var now *run.GoogleCloudRunV2Service
	err := until.True(ctx, working("the service "+c.serviceName(fn)+" to settle"), func() (bool, error) {
		var err error
		now, err = c.get(ctx, fn)
		return err == nil && (now == nil || isSettled(now)), err
	})
	return now, err
}

// isSettled is whether a service is what was written last.
func isSettled(s *run.GoogleCloudRunV2Service) bool {
	return !s.Reconciling && s.ObservedGeneration >= s.Generation
}

// ours refuses a service that ferry did not make.
func (c *connection) refuseForeign(op, fn string, found *run.GoogleCloudRunV2Service) error {
	if found == nil || c.owns(found.Labels, fn) {
		return nil
	}
	return &providers.Error{
		Kind: providers.Foreign, Op: op, Provider: name, Function: fn,
		Hint: "run `ferry deploy --adopt` to take it over, or rename the function",
		Err:  fmt.Errorf("the Cloud Run service %s exists, and ferry did not make it", c.serviceName(fn)),
	}
}

// conditionOf is the condition of a type, an empty one when it is not known.
func conditionOf(all []*run.GoogleCloudRunV2Condition, kind string) run.GoogleCloudRunV2Condition {
	for _, one := range all {
		if one.Type == kind {
			return *one
		}
	}
	return run.GoogleCloudRunV2Condition{}
}

// The states of a condition.
const (
	succeeded       = "CONDITION_SUCCEEDED"
	conditionFailed = "CONDITION_FAILED"
)

// broken is why a revision does not start, nil of one that does or that is not known yet.
func broken(fn string, r *run.GoogleCloudRunV2Revision) *providers.Error {
	ready := conditionOf(r.Conditions, "Ready")
	if ready.State != conditionFailed {
		return nil
	}
	e := &providers.Error{Kind: providers.Failed, Op: "start", Provider: name, Function: fn, Err: errors.New(strings.TrimSpace(ready.Message))}
	switch reason := ready.RevisionReason + " " + ready.Reason; {
	case strings.Contains(reason, "SECRETS_ACCESS_CHECK_FAILED"), strings.Contains(reason, "PERMISSION_DENIED"):
		e.Kind, e.Hint = providers.Denied, hintOfMessage(ready.Message)
	case strings.Contains(reason, "CONTAINER_MISSING"), strings.Contains(reason, "CONTAINER_PERMISSION_DENIED"):
		e.Kind, e.Hint = providers.Denied, "let Cloud Run's service agent read the repository: roles/artifactregistry.reader"
	case strings.Contains(reason, "NO_CAPACITY"), strings.Contains(reason, "RESOURCES_LIMITED"), strings.Contains(reason, "MIN_INSTANCES_WARMING"):
		e.Kind, e.Hint = providers.Unavailable, "try again in a minute, or choose another region"
	default:
		e.Kind = providers.Crashed
	}
	return e
}

// nonce is a word that nobody can guess.
func nonce() string { return strings.ToLower(rand.Text()) }

// short is a digest of a text, for comparing and for names.
func short(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:8])
}

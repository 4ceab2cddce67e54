package knative

import (
	"context"
	"errors"
	"strings"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/until"
)

// Activate gives a revision all requests in one conditional write: a PATCH of the Route under its resourceVersion, or its
// creation. Who reaches the function is a label of the Route, and goes with it. To deactivate is to delete the Route.
func (a *Adapter) Activate(ctx context.Context, ch providers.Change) (providers.State, error) {
	c, err := a.connect(ctx)
	if err != nil {
		return ch.From, a.classify("activate", ch.Spec.Function.Name, err)
	}
	return c.settle(ctx, "activate", ch, func() error {
		if ch.To == nil {
			return c.deactivate(ctx, ch)
		}
		return c.activate(ctx, ch, flow{live: ch.To.ID})
	})
}

// settle makes a change, and reads what is so then.
func (c *connection) settle(ctx context.Context, op string, ch providers.Change, change func() error) (providers.State, error) {
	fn := ch.Spec.Function.Name
	err := c.classify(op, fn, change())
	st, reading := c.status(ctx, fn)
	if reading != nil {
		st = ch.From
	}
	return st, errors.Join(err, c.classify(op, fn, reading))
}

// activate sends requests as the flow says, and waits until that is so.
func (c *connection) activate(ctx context.Context, ch providers.Change, f flow) error {
	s := specOf(ch.Spec)
	fn := s.function
	if err := c.startable(ctx, fn.Name, ch.To.ID); err != nil {
		return err
	}
	if err := c.sweep(ctx, fn.Name); err != nil {
		return err
	}
	var before []share
	now, err := change[route](ctx, c, routes, c.object(fn.Name), func(now *route) (*merge, error) {
		if err := c.allowed(ctx, fn.Name, now, ch); err != nil || now.Deleted != "" {
			return nil, err
		}
		before = now.Spec.Traffic
		m := &merge{annotations: map[string]any{noteLive: f.live, noteEpoch: c.epoch(ch.Epoch)}, spec: map[string]any{"traffic": f.traffic()}}
		if fn.Runtime != "" { // else it was adopted, and who reaches it stays as it is
			m.labels, m.annotations[noteAddress] = map[string]any{labelVisibility: visibility(fn)}, address(fn)
		}
		return m, nil
	})
	if err == nil && (now == nil || now.Deleted != "") {
		now, err = c.raise(ctx, ch, f)
	}
	if err != nil {
		return err
	}
	if now, err = c.settled(ctx, now.Name, "the route"); err != nil {
		return c.restore(ctx, now, before, err)
	}
	return c.arrived(ctx, now, s, *ch.To, f)
}

// allowed refuses a change of a route that is not as the caller saw it. An epoch is also noted on the Configuration, which is
// there when no Route is.
func (c *connection) allowed(ctx context.Context, fn string, now *route, ch providers.Change) error {
	if now != nil && !c.owns(&now.meta, fn) {
		return c.foreign("activate", fn)
	}
	if now != nil {
		if err := c.admit(fn, &now.meta, ch.Epoch); err != nil {
			return err
		}
	}
	if now == nil || now.Deleted != "" {
		if err := c.admitted(ctx, fn, ch.Epoch); err != nil {
			return err
		}
	}
	live, was := flowing(now).live, ""
	if ch.From.Revision != nil {
		was = ch.From.Revision.ID
	}
	switch live {
	case was:
		return nil
	case "":
		return stale(fn, "nothing is live")
	}
	return stale(fn, "the revision "+live+" is live")
}

// raise makes the Route of a function that has none. One whose deletion goes on has to be gone before.
func (c *connection) raise(ctx context.Context, ch providers.Change, f flow) (*route, error) {
	fn := functionOf(ch.Spec.Function)
	if err := c.allowed(ctx, fn.Name, nil, ch); err != nil {
		return nil, err
	}
	r := &route{object: of(routes, c.object(fn.Name), c.labels(fn.Name))}
	r.Annotations = map[string]string{noteLive: f.live, noteEpoch: c.epoch(ch.Epoch), noteWrite: nonce()}
	if !fn.public() && fn.Runtime != "" {
		r.Labels[labelVisibility] = clusterLocal
	}
	if fn.HTTP() == nil && fn.Runtime != "" {
		r.Annotations[noteAddress] = noAddress
	}
	r.Spec.Traffic = f.traffic()
	made, err := create(ctx, c, routes, r)
	if !isTaken(err) {
		return made, err
	}
	now, err := find[route](ctx, c, routes, r.Name)
	switch {
	case err != nil:
		return nil, err
	case now == nil:
		return c.raise(ctx, ch, f)
	case now.Deleted != "":
		if err := gone[route](ctx, c, routes, now.meta); err != nil {
			return nil, err
		}
		return c.raise(ctx, ch, f)
	case now.Annotations[noteWrite] != r.Annotations[noteWrite]:
		return nil, stale(fn.Name, "somebody else made the route")
	}
	return now, nil // the reply to it was lost
}

// settled waits until Knative sends requests as a route says. Its error says why it does not.
func (c *connection) settled(ctx context.Context, id, what string) (*route, error) {
	var now *route
	err := until.True(ctx, working(what+" "+id+" to be ready"), func() (bool, error) {
		var err error
		now, err = find[route](ctx, c, routes, id)
		if err != nil || now == nil {
			return now == nil, err
		}
		ready := now.Status.of()
		if now.settled() && ready.Status == isFalse {
			return false, fail(providers.Failed, "activate", "", "", "the route %s is not ready: %s (%s)", id, ready.Message, ready.Reason)
		}
		return now.settled() && ready.Status == isTrue, nil
	})
	if err == nil && now == nil {
		err = stale("", "the route "+id+" is gone")
	}
	return now, err
}

// of is the condition of a status that may not be there.
func (s *routeStatus) of() condition {
	if s == nil {
		return condition{}
	}
	return s.ready()
}

// restore takes back what a route cannot do: requests go on as before, and what is written must not take effect later.
func (c *connection) restore(ctx context.Context, failed *route, before []share, cause error) error {
	if failed == nil || len(before) == 0 || failed.Status.of().Status != isFalse {
		return cause
	}
	_, err := change[route](ctx, c, routes, failed.Name, func(now *route) (*merge, error) {
		if now.Generation != failed.Generation {
			return nil, nil
		}
		return &merge{spec: map[string]any{"traffic": before}}, nil
	})
	return errors.Join(cause, err)
}

// startable refuses a revision that is not there or does not start: Knative would take it, and go on with the one before.
func (c *connection) startable(ctx context.Context, fn, id string) error {
	r, err := find[revision](ctx, c, revisions, id)
	if err != nil {
		return err
	}
	if r == nil || r.Labels[labelOf] != c.object(fn) {
		return fail(providers.NotFound, "activate", fn, "deploy again", "there is no revision %s", id)
	}
	if e := broken(fn, r); e != nil {
		return e
	}
	return nil
}

// deactivate deletes the Route as it was read, with what Knative made for it before it. The epoch stays on the Configuration.
func (c *connection) deactivate(ctx context.Context, ch providers.Change) error {
	fn := ch.Spec.Function.Name
	return until.Done(ctx, func() error {
		now, err := find[route](ctx, c, routes, c.object(fn))
		if err == nil {
			err = c.allowed(ctx, fn, now, ch)
		}
		if err != nil || now == nil {
			return err
		}
		if now.Deleted == "" {
			if err := c.note(ctx, fn, ch.Epoch); err != nil {
				return err
			}
			if err := c.erase(ctx, routes, now.meta, foreground); err != nil {
				return err
			}
		}
		return gone[route](ctx, c, routes, now.meta)
	}, racing())
}

// Split gives the new revisions a share, by name. One Route after the other changes, so all are looked at first.
func (a *Adapter) Split(ctx context.Context, changes []providers.Change, percent int) ([]providers.State, error) {
	const op = "split"
	c, err := a.connect(ctx)
	if err != nil {
		return nil, a.classify(op, "", err)
	}
	for _, ch := range changes {
		if err := c.splittable(ctx, ch, percent); err != nil {
			return nil, a.classify(op, ch.Spec.Function.Name, err)
		}
	}
	states := make([]providers.State, len(changes))
	var errs []error
	for i, ch := range changes {
		f := flow{live: ch.From.Revision.ID}
		if ch.To.ID != f.live {
			f.canary, f.percent = ch.To.ID, percent
		}
		var err error
		states[i], err = c.settle(ctx, op, ch, func() error { return c.activate(ctx, ch, f) })
		errs = append(errs, err)
	}
	return states, errors.Join(errs...)
}

// splittable refuses to share between a revision and nothing, and with one that does not start.
func (c *connection) splittable(ctx context.Context, ch providers.Change, percent int) error {
	fn := ch.Spec.Function.Name
	if ch.From.Revision == nil || ch.To == nil || percent < 1 || percent > 99 {
		return fail(providers.Invalid, "split", fn, "", "%d%% of nothing cannot be split off", percent)
	}
	now, err := find[route](ctx, c, routes, c.object(fn))
	if err == nil {
		err = c.allowed(ctx, fn, now, ch)
	}
	if err == nil {
		err = c.startable(ctx, fn, ch.To.ID)
	}
	return err
}

// Adopt takes over a Knative Service, or a Configuration and Route of that name: the Service goes and leaves them, they get
// ferry's labels, and the Route names the revision that serves. What it answers stays as it was.
func (a *Adapter) Adopt(ctx context.Context, fn string, e providers.Epoch) (providers.State, error) {
	return with(ctx, a, "adopt", fn, func(c *connection) (providers.State, error) {
		if err := c.adopt(ctx, fn, e); err != nil {
			return providers.State{Function: fn}, err
		}
		return c.status(ctx, fn)
	})
}

func (c *connection) adopt(ctx context.Context, fn string, e providers.Epoch) error {
	id := c.object(fn)
	now, err := find[route](ctx, c, routes, id)
	if err != nil {
		return err
	}
	if now == nil {
		return fail(providers.NotFound, "adopt", fn, "", "there is no service %s", id)
	}
	if c.owns(&now.meta, fn) {
		return nil
	}
	f := flowing(now)
	if f.live == "" || f.canary != "" {
		return fail(providers.Invalid, "adopt", fn, "send all requests to one revision", "the route %s does not serve one revision", id)
	}
	theirs, err := find[configuration](ctx, c, services, id) // of which only the metadata is read
	if err == nil && theirs != nil {
		err = end[configuration](ctx, c, services, theirs.meta, orphan)
	}
	if err != nil {
		return err
	}
	marks := map[string]any{"serving.knative.dev/service": nil, "serving.knative.dev/serviceUID": nil}
	for key, value := range c.labels(fn) {
		marks[key] = value
	}
	if _, err := change[configuration](ctx, c, configurations, id, func(*configuration) (*merge, error) {
		return &merge{labels: marks, annotations: map[string]any{noteEpoch: c.epoch(e)}}, nil
	}); err != nil {
		return err
	}
	_, err = change[route](ctx, c, routes, id, func(*route) (*merge, error) {
		return &merge{labels: marks, annotations: map[string]any{noteLive: f.live, noteEpoch: c.epoch(e)}, spec: map[string]any{"traffic": f.traffic()}}, nil
	})
	if err == nil {
		_, err = c.settled(ctx, id, "the route")
	}
	return err
}

// sweep takes away routes of probes that were interrupted.
func (c *connection) sweep(ctx context.Context, fn string) error {
	labels := c.labels(fn)
	labels[labelProbe] = "true"
	left, err := list[route](ctx, c, routes, labels)
	for _, r := range left {
		if strings.HasSuffix(r.Name, "-probe") {
			err = errors.Join(err, c.erase(ctx, routes, r.meta, ""))
		}
	}
	return err
}

package gcp

import (
	"context"
	"errors"
	"fmt"

	run "google.golang.org/api/run/v2"

	"github.com/ferryfn/ferry/providers"
)

// Activate gives a revision all requests in one write, under the service's etag; what is not versioned by a revision is in the
// same write, but for who may call the service, which is a policy of its own: it is shut before the write, and opened after.
func (a *Adapter) Activate(ctx context.Context, ch providers.Change) (providers.State, error) {
	const op = "activate"
	fn := ch.Spec.Function.Name
	c, err := a.connect(ctx)
	if err != nil {
		return ch.From, err
	}
	var st providers.State
	if ch.To == nil {
		err = c.deactivate(ctx, ch)
		st = providers.State{Function: fn, Bindings: ch.From.Bindings}
	} else {
		st, err = c.activate(ctx, ch)
	}
	if err != nil {
		err = a.classify(op, fn, err)
		now, reading := c.status(ctx, fn)
		if reading != nil {
			return ch.From, errors.Join(err, a.classify(op, fn, reading))
		}
		return now, err
	}
	return st, nil
}

func (c *connection) activate(ctx context.Context, ch providers.Change) (providers.State, error) {
	s := specOf(ch.Spec)
	fn := s.function
	adopted := fn.Runtime == "" // what it needs is not known, and stays as it is
	if err := c.startable(ctx, fn.Name, ch.To.ID); err != nil {
		return providers.State{}, err
	}
	found, err := c.get(ctx, fn.Name)
	if err == nil {
		err = c.allowed(fn.Name, found, ch)
	}
	if err != nil {
		return providers.State{}, err
	}
	differs := !adopted && accessOf(found) != fn.access()
	if differs && routed(found).live != "" && fn.access() != public {
		if err := c.shut(ctx, fn.Name); err != nil {
			return providers.State{}, err
		}
	}
	now, err := c.changeOf(ctx, fn.Name, found, func(now *run.GoogleCloudRunV2Service) ([]string, error) {
		if err := c.allowed(fn.Name, now, ch); err != nil {
			return nil, err
		}
		now.Traffic = route{live: ch.To.ID}.targets()
		now.Annotations[noteLive], now.Annotations[noteEpoch] = note(*ch.To), c.epoch(ch.Epoch)
		delete(now.Annotations, noteCanary)
		if adopted {
			return []string{"traffic"}, nil
		}
		if differs {
			now.Annotations[noteAccess] = string(changing)
		}
		return append(c.settle(now, fn), "traffic"), nil
	})
	if err != nil {
		return providers.State{}, err
	}
	if now == nil {
		return providers.State{}, stale(fn.Name, "nothing is live")
	}
	if differs {
		if now, err = c.converge(ctx, fn, ch.Epoch); err != nil {
			return providers.State{}, err
		}
	}
	if err := c.arrived(ctx, now, fn, *ch.To); err != nil {
		return providers.State{}, err
	}
	st := c.stateOf(fn.Name, now, *ch.To)
	st.Bindings = ch.From.Bindings
	return st, nil
}

// settle gives a service what a revision has not: its least instances, its ingress, its labels.
func (c *connection) settle(now *run.GoogleCloudRunV2Service, fn function) []string {
	if now.Scaling == nil {
		now.Scaling = &run.GoogleCloudRunV2ServiceScaling{}
	}
	now.Scaling.MinInstanceCount = int64(fn.Scaling.Min)
	now.Scaling.ForceSendFields = []string{"MinInstanceCount"}
	now.Ingress = ingress(fn)
	now.Labels = relabelled(now.Labels, c.labels(fn), now.Annotations[noteLabels])
	if now.Annotations[noteLabels] = keysOf(fn.own.Labels); len(fn.own.Labels) == 0 {
		delete(now.Annotations, noteLabels)
	}
	return []string{"scaling", "ingress", "labels"}
}

// allowed refuses a change of a service that is not as the caller saw it.
func (c *connection) allowed(fn string, now *run.GoogleCloudRunV2Service, ch providers.Change) error {
	if err := c.refuseForeign("activate", fn, now); err != nil {
		return err
	}
	if now != nil {
		if err := c.admit(fn, now, ch.Epoch); err != nil {
			return err
		}
	}
	live, was := heading(now).live, ""
	if ch.From.Revision != nil {
		was = ch.From.Revision.ID
	}
	switch {
	case live == was && (now != nil || ch.To == nil):
		return nil
	case live == "":
		return stale(fn, "nothing is live")
	}
	return stale(fn, "the revision "+live+" is live")
}

func stale(fn, what string) error {
	return &providers.Error{
		Kind: providers.Conflict, Op: "activate", Provider: name, Function: fn, Hint: "run `ferry status` to see what serves",
		Err: fmt.Errorf("what is live changed in the meantime: %s", what),
	}
}

// startable refuses a revision that is not there or does not start: Google would take it, and go on with the one before.
func (c *connection) startable(ctx context.Context, fn, id string) error {
	r, err := c.getRevision(ctx, fn, id)
	if err != nil {
		return err
	}
	if r == nil {
		return &providers.Error{
			Kind: providers.NotFound, Op: "activate", Provider: name, Function: fn, Hint: "deploy again", Err: fmt.Errorf("there is no revision %s", id),
		}
	}
	if e := broken(fn, r); e != nil {
		return c.explained(ctx, fn, id, e)
	}
	return nil
}

// deactivate takes the function out of reach: nobody is let in, and no instance is kept warm. Its revisions stay.
func (c *connection) deactivate(ctx context.Context, ch providers.Change) error {
	fn := ch.Spec.Function.Name
	found, err := c.get(ctx, fn)
	if err == nil {
		err = c.allowed(fn, found, ch)
	}
	if err != nil || found == nil || routed(found).live == "" && accessOf(found) == "" {
		return err
	}
	if err := c.shut(ctx, fn); err != nil {
		return err
	}
	_, err = c.change(ctx, fn, func(now *run.GoogleCloudRunV2Service) ([]string, error) {
		if err := c.allowed(fn, now, ch); err != nil {
			return nil, err
		}
		if live := heading(now).live; live != "" {
			now.Traffic = route{live: live}.targets()
		}
		if now.Scaling == nil {
			now.Scaling = &run.GoogleCloudRunV2ServiceScaling{}
		}
		now.Scaling.MinInstanceCount, now.Scaling.ForceSendFields = 0, []string{"MinInstanceCount"}
		now.InvokerIamDisabled = false
		now.Annotations[noteEpoch] = c.epoch(ch.Epoch)
		for _, key := range []string{noteLive, noteCanary, noteAccess} {
			delete(now.Annotations, key)
		}
		return []string{"traffic", "scaling", "invokerIamDisabled"}, nil
	})
	return err
}

// Split gives the new revisions a share, by name. One service after the other changes, so all are looked at first.
func (a *Adapter) Split(ctx context.Context, changes []providers.Change, percent int) ([]providers.State, error) {
	const op = "split"
	c, err := a.connect(ctx)
	if err != nil {
		return nil, err
	}
	for _, ch := range changes {
		if err := c.splittable(ctx, ch, percent); err != nil {
			return nil, a.classify(op, ch.Spec.Function.Name, err)
		}
	}
	states := make([]providers.State, len(changes))
	var errs []error
	for i, ch := range changes {
		fn := ch.Spec.Function.Name
		errs = append(errs, a.classify(op, fn, c.split(ctx, ch, percent)))
		var reading error
		states[i], reading = c.status(ctx, fn)
		errs = append(errs, a.classify(op, fn, reading))
	}
	return states, errors.Join(errs...)
}

// splittable refuses to share between a revision and nothing, and with one that does not start.
func (c *connection) splittable(ctx context.Context, ch providers.Change, percent int) error {
	fn := ch.Spec.Function.Name
	if ch.From.Revision == nil || ch.To == nil || percent < 1 || percent > 99 {
		return &providers.Error{Kind: providers.Invalid, Op: "split", Provider: name, Function: fn, Err: fmt.Errorf("%d%% of nothing cannot be split off", percent)}
	}
	found, err := c.get(ctx, fn)
	if err == nil {
		err = c.allowed(fn, found, ch)
	}
	if err == nil {
		err = c.startable(ctx, fn, ch.To.ID)
	}
	return err
}

func (c *connection) split(ctx context.Context, ch providers.Change, percent int) error {
	fn := ch.Spec.Function.Name
	_, err := c.change(ctx, fn, func(now *run.GoogleCloudRunV2Service) ([]string, error) {
		if err := c.allowed(fn, now, ch); err != nil {
			return nil, err
		}
		r := route{live: ch.From.Revision.ID}
		if ch.To.ID != r.live {
			r.canary, r.percent = ch.To.ID, percent
			now.Annotations[noteCanary] = note(*ch.To)
		}
		if now.Traffic = r.targets(); r.canary != "" {
			now.Traffic = r.with(r.canary) // it is probed again before it is promoted
		}
		now.Annotations[noteEpoch] = c.epoch(ch.Epoch)
		return []string{"traffic"}, nil
	})
	return err
}

// Adopt labels a service as ferry's, and pins its traffic to the revision that serves. What it answers stays as it was.
func (a *Adapter) Adopt(ctx context.Context, fn string, e providers.Epoch) (providers.State, error) {
	const op = "adopt"
	c, err := a.connect(ctx)
	if err != nil {
		return providers.State{Function: fn}, err
	}
	now, err := c.adopt(ctx, fn, e)
	if err == nil && now == nil {
		err = &providers.Error{Kind: providers.NotFound, Op: op, Provider: name, Function: fn, Err: fmt.Errorf("there is no service %s", c.serviceName(fn))}
	}
	if err != nil {
		return providers.State{Function: fn}, a.classify(op, fn, err)
	}
	st, err := c.status(ctx, fn)
	return st, a.classify(op, fn, err)
}

func (c *connection) adopt(ctx context.Context, fn string, e providers.Epoch) (*run.GoogleCloudRunV2Service, error) {
	p, err := c.policy(ctx, fn)
	if isNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return c.change(ctx, fn, func(now *run.GoogleCloudRunV2Service) ([]string, error) {
		if c.owns(now.Labels, fn) {
			return nil, nil
		}
		serving := *now
		serving.Annotations = map[string]string{noteLive: idOf(now.LatestReadyRevision)}
		r := routed(&serving)
		if r.live == "" {
			return nil, &providers.Error{Kind: providers.Unavailable, Op: "adopt", Provider: name, Function: fn, Err: errors.New("no revision of the service is ready")}
		}
		now.Traffic = r.targets()
		now.Labels = relabelled(now.Labels, c.labels(function{Function: namedFunction(fn)}), "")
		now.Labels[labelPublisher] = makerOf(now)
		now.Annotations[noteLive], now.Annotations[noteEpoch] = r.live, c.epoch(e)
		now.Annotations[noteAccess] = string(private)
		if open(p) || now.InvokerIamDisabled {
			now.Annotations[noteAccess] = string(public)
		}
		return []string{"traffic", "labels"}, nil
	})
}

package knative

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
)

// Bind makes the function's CronJobs and Triggers those of its events, each letting through or not.
func (a *Adapter) Bind(ctx context.Context, s providers.Spec, m providers.Mode, e providers.Epoch) error {
	fn := s.Function.Name
	return a.done(ctx, "bind", fn, func(c *connection) error {
		if err := c.admitted(ctx, fn, e); err != nil {
			return err
		}
		return c.bind(ctx, functionOf(s.Function), m)
	})
}

// namedFunction is a function of which only the name is known.
func namedFunction(fn string) manifest.Function { return manifest.Function{Name: fn} }

func (c *connection) bind(ctx context.Context, fn function, m providers.Mode) error {
	wanted, err := c.triggers(ctx, fn, m)
	if err != nil {
		return err
	}
	jobs, bound, err := c.callers(ctx, fn.Name)
	if err == nil {
		err = c.converge(ctx, cronJobs, fn.Name, c.jobs(fn, m), jobs)
	}
	if err == nil {
		err = c.converge(ctx, triggers, fn.Name, wanted, bound)
	}
	if err != nil || m != providers.BindEnabled {
		return err
	}
	for _, t := range wanted {
		if err := c.hears(ctx, fn.Name, t.Name); err != nil {
			return err
		}
	}
	return nil
}

// callers are the CronJobs and the Triggers of a function.
func (c *connection) callers(ctx context.Context, fn string) (jobs, bound []caller, err error) {
	jobs, err = list[caller](ctx, c, cronJobs, c.labels(fn))
	has := false
	if err == nil {
		has, err = c.eventing(ctx)
	}
	if has && err == nil {
		bound, err = list[caller](ctx, c, triggers, c.labels(fn))
	}
	return jobs, bound, err
}

// converge makes what calls a function that which is wanted. What is new comes before what is old goes.
func (c *connection) converge(ctx context.Context, r resource, fn string, wanted []*caller, there []caller) error {
	names := map[string]bool{}
	for _, w := range wanted {
		names[w.Name] = true
		_, err := create(ctx, c, r, w)
		if isTaken(err) {
			_, err = change(ctx, c, r, w.Name, func(now *caller) (*merge, error) {
				if !c.owns(&now.meta, fn) {
					return nil, c.foreign("bind", fn)
				}
				return &merge{spec: w.patch()}, nil
			})
		}
		if err != nil {
			return err
		}
	}
	for _, old := range there {
		if !names[old.Name] {
			if err := c.erase(ctx, r, unversioned(old.meta), "Background"); err != nil {
				return err
			}
		}
	}
	return nil
}

// jobs are the CronJobs that a function's schedules ask for.
func (c *connection) jobs(fn function, m providers.Mode) []*caller {
	var all []*caller
	for i, e := range fn.Events {
		if e.Schedule != nil && m != providers.BindNone {
			all = append(all, c.job(fn, i, m))
		}
	}
	return all
}

// job calls the function's address within the cluster with a CloudEvent. Its shim takes it from who knows its word, which the
// pod gets from the function's Secret.
func (c *connection) job(fn function, i int, m providers.Mode) *caller {
	e := fn.Events[i].Schedule
	seconds := strconv.Itoa(int(fn.Timeout.Std().Seconds()))
	attributes, _, _ := providers.Request{Event: &providers.BoundEvent{Event: fn.Events[i], Function: fn.Function}}.CloudEvent()
	event, err := json.Marshal(map[string]string{"specversion": "1.0", "id": "$(FERRY_EVENT)", "type": attributes["type"], "source": attributes["source"]})
	if err != nil {
		panic(fmt.Sprintf("text always has a JSON form: %v", err))
	}
	call := container{
		Name: "call", Image: cmp.Or(c.target.CallerImage, "docker.io/curlimages/curl:8.16.0"),
		Command: []string{"curl", "--silent", "--show-error", "--fail-with-body", "--max-time", seconds},
		Args: []string{
			"--header", "Ferry-Instance: $(FERRY_INSTANCE)", "--header", "Content-Type: application/cloudevents+json", "--data", string(event),
			c.eventAddress(fn.Name),
		},
		Env: []variable{
			{Name: "FERRY_INSTANCE", From: &source{Secret: &secretKey{c.instanceSecret(fn.Name), keyInstance}}},
			{Name: "FERRY_EVENT", From: &source{Field: &fieldPath{"metadata.labels['batch.kubernetes.io/job-name']"}}}, // the same when it is tried again
		},
	}
	pod := map[string]any{"metadata": meta{Labels: c.labels(fn.Name)}, "spec": map[string]any{"restartPolicy": "Never", "containers": []container{call}}}
	return &caller{object: of(cronJobs, fmt.Sprintf("%s-%d", c.object(fn.Name), i), c.labels(fn.Name)), Spec: map[string]any{
		"schedule": e.Cron, "timeZone": cmp.Or(e.Timezone, "UTC"), "suspend": m != providers.BindEnabled, "concurrencyPolicy": "Forbid",
		"jobTemplate": map[string]any{"spec": map[string]any{"backoffLimit": 2, "ttlSecondsAfterFinished": 3600, "template": pod}},
	}}
}

// bindings are the mode of what calls a function: paused as soon as one is.
func (c *connection) bindings(ctx context.Context, fn string) (providers.Mode, error) {
	jobs, bound, err := c.callers(ctx, fn)
	return modeOf(jobs, bound), err
}

func modeOf(jobs, bound []caller) providers.Mode {
	mode := providers.BindNone
	for _, one := range append(jobs, bound...) {
		switch {
		case one.Deleted != "":
		case one.paused():
			return providers.BindPaused
		default:
			mode = providers.BindEnabled
		}
	}
	return mode
}

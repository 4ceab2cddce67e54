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
	c, err := a.connect(ctx)
	if err == nil {
		err = c.admitted(ctx, fn, e)
	}
	if err == nil {
		err = c.bind(ctx, functionOf(s.Function), m)
	}
	return a.classify("bind", fn, err)
}

// namedFunction is a function of which only the name is known.
func namedFunction(fn string) manifest.Function { return manifest.Function{Name: fn} }

func (c *connection) bind(ctx context.Context, fn function, m providers.Mode) error {
	jobs, err := list[cronJob](ctx, c, cronJobs, c.labels(fn.Name))
	if err == nil {
		err = converge(ctx, c, cronJobs, fn.Name, c.jobs(fn, m), jobs, func(j *cronJob) any { return j.Spec })
	}
	if err != nil {
		return err
	}
	wanted, err := c.triggers(ctx, fn, m)
	if err != nil {
		return err
	}
	there, err := c.bound(ctx, fn.Name)
	if err == nil {
		err = converge(ctx, c, triggers, fn.Name, wanted, there, (*trigger).patch)
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

// converge makes what calls a function that which is wanted. What is new comes before what is old goes.
func converge[T any, P interface {
	*T
	head() *meta
}](ctx context.Context, c *connection, r resource, fn string, wanted []P, there []T, patch func(P) any) error {
	names := map[string]bool{}
	for _, w := range wanted {
		names[w.head().Name] = true
		_, err := create(ctx, c, r, w)
		if isTaken(err) {
			_, err = change[T, P](ctx, c, r, w.head().Name, func(now *T) (*merge, error) {
				if !c.owns(P(now).head(), fn) {
					return nil, c.foreign("bind", fn)
				}
				return &merge{spec: patch(w)}, nil
			})
		}
		if err != nil {
			return err
		}
	}
	for i := range there {
		if old := P(&there[i]).head(); !names[old.Name] {
			if err := c.erase(ctx, r, unversioned(*old), "Background"); err != nil {
				return err
			}
		}
	}
	return nil
}

// jobs are the CronJobs that a function's schedules ask for.
func (c *connection) jobs(fn function, m providers.Mode) []*cronJob {
	var all []*cronJob
	for i, e := range fn.Events {
		if e.Schedule != nil && m != providers.BindNone {
			all = append(all, c.job(fn, i, m))
		}
	}
	return all
}

// job calls the function's address within the cluster with a CloudEvent. Its shim takes it from who knows its word, which the
// pod gets from the function's Secret.
func (c *connection) job(fn function, i int, m providers.Mode) *cronJob {
	e := fn.Events[i].Schedule
	job := &cronJob{typeMeta: of(cronJobs)}
	job.Name, job.Labels = fmt.Sprintf("%s-%d", c.object(fn.Name), i), c.labels(fn.Name)
	seconds := strconv.Itoa(int(fn.Timeout.Std().Seconds()))
	attributes, _, _ := providers.Request{Event: &providers.BoundEvent{Event: fn.Events[i], Function: fn.Function}}.CloudEvent()
	event, err := json.Marshal(map[string]string{"specversion": "1.0", "id": "$(FERRY_EVENT)", "type": attributes["type"], "source": attributes["source"]})
	if err != nil {
		panic(fmt.Sprintf("text always has a JSON form: %v", err))
	}
	caller := container{
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
	job.Spec = cronSpec{Schedule: e.Cron, Zone: cmp.Or(e.Timezone, "UTC"), Suspend: m != providers.BindEnabled, Concurrency: "Forbid"}
	job.Spec.Job.Spec = jobSpec{Attempts: 2, TTL: 3600}
	job.Spec.Job.Spec.Template.Labels = c.labels(fn.Name)
	job.Spec.Job.Spec.Template.Spec = callerSpec{Restart: "Never", Containers: []container{caller}}
	return job
}

// bindings are the mode of what calls a function: paused as soon as one is.
func (c *connection) bindings(ctx context.Context, fn string) (providers.Mode, error) {
	jobs, err := list[cronJob](ctx, c, cronJobs, c.labels(fn))
	if err != nil {
		return providers.BindNone, err
	}
	bound, err := c.bound(ctx, fn)
	paused := map[bool]bool{}
	for _, j := range jobs {
		paused[j.Spec.Suspend] = paused[j.Spec.Suspend] || j.Deleted == ""
	}
	for _, t := range bound {
		paused[t.paused()] = paused[t.paused()] || t.Deleted == ""
	}
	switch {
	case paused[true]:
		return providers.BindPaused, err
	case paused[false]:
		return providers.BindEnabled, err
	}
	return providers.BindNone, err
}

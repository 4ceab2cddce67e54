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

// Bind makes the function's CronJobs those of its schedules, suspended or not.
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
	there, err := list[cronJob](ctx, c, cronJobs, c.labels(fn.Name))
	if err != nil {
		return err
	}
	wanted := map[string]bool{}
	for i, e := range fn.Events {
		if e.Schedule == nil || m == providers.BindNone {
			continue
		}
		job := c.job(fn, i, m)
		wanted[job.Name] = true
		if err := c.ensureJob(ctx, fn.Name, job); err != nil {
			return err
		}
	}
	for _, old := range there {
		if !wanted[old.Name] {
			if err := c.erase(ctx, cronJobs, unversioned(old.meta), "Background"); err != nil {
				return err
			}
		}
	}
	return nil
}

// ensureJob makes a CronJob, or writes the one that is there.
func (c *connection) ensureJob(ctx context.Context, fn string, job *cronJob) error {
	_, err := create(ctx, c, cronJobs, job)
	if !isTaken(err) {
		return err
	}
	_, err = change[cronJob](ctx, c, cronJobs, job.Name, func(now *cronJob) (*merge, error) {
		if !c.owns(&now.meta, fn) {
			return nil, c.foreign("bind", fn)
		}
		return &merge{spec: job.Spec}, nil
	})
	return err
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
			"http://" + c.object(fn.Name) + "." + c.namespace + ".svc.cluster.local/.ferry/event",
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

// bindings are the mode of a function's CronJobs: paused as soon as one is.
func (c *connection) bindings(ctx context.Context, fn string) (providers.Mode, error) {
	jobs, err := list[cronJob](ctx, c, cronJobs, c.labels(fn))
	mode := providers.BindNone
	for _, j := range jobs {
		switch {
		case j.Deleted != "":
		case j.Spec.Suspend:
			return providers.BindPaused, err
		default:
			mode = providers.BindEnabled
		}
	}
	return mode, err
}

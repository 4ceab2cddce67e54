package gcp

import (
	"context"
	"strings"
	"time"

	scheduler "google.golang.org/api/cloudscheduler/v1"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/check"
	"github.com/ferryfn/ferry/providers/names"
)

// job is one that calls a function at times. Cloud Scheduler cannot make one that is paused, so that it is made when it is
// enabled.
type job struct {
	id         string
	cron, zone string // "" of one that was only noted
}

// jobMark begins the description of what ferry made: jobs have no labels.
const jobMark = "made by ferry for "

// jobOf is the binding of a schedule.
func jobOf(c *connection, fn function, e manifest.Event) binding {
	return job{id: c.jobPrefix(fn.Name) + short(e.Schedule.Cron + " " + e.Schedule.Timezone)[:8], cron: e.Schedule.Cron, zone: e.Schedule.Timezone}
}

// jobPrefix begins the names of a function's jobs.
func (p *place) jobPrefix(fn string) string { return names.Rule{Most: 400}.Of(p.prefix()+fn) + "-" }

func (j job) note() string { return notedJob + ":" + j.id }

func parseJob(note string) binding { return job{id: note} }

func (p *place) jobPath(id string) string { return p.parent() + "/jobs/" + id }

func (p *place) jobMarkOf(fn string) string { return jobMark + p.service + "/" + p.stage + "/" + fn }

// find asks for the job; nil is that there is none.
func (j job) find(ctx context.Context, b *binder) (*scheduler.Job, error) {
	found, err := b.scheduler.Projects.Locations.Jobs.Get(b.jobPath(j.id)).Context(ctx).Do()
	if isNotFound(err) {
		return nil, nil
	}
	return found, err
}

// The states of a job.
const (
	jobEnabled = "ENABLED"
	jobPaused  = "PAUSED"
)

func (j job) calls(ctx context.Context, b *binder) (bool, error) {
	found, err := j.find(ctx, b)
	if err != nil || found == nil || found.Description != b.jobMarkOf(b.fn.Name) || found.HttpTarget == nil {
		return false, err
	}
	return found.State == jobEnabled && strings.HasPrefix(found.HttpTarget.Uri, strings.TrimSuffix(b.uri, "/")+"/"), nil
}

func (j job) remove(ctx context.Context, b *binder) error {
	found, err := j.find(ctx, b)
	if err != nil || found == nil || found.Description != b.jobMarkOf(b.fn.Name) {
		return err
	}
	_, err = b.scheduler.Projects.Locations.Jobs.Delete(found.Name).Context(ctx).Do()
	if isNotFound(err) {
		return nil
	}
	return err
}

func (j job) ensure(ctx context.Context, b *binder) error {
	found, err := j.find(ctx, b)
	switch {
	case err != nil:
		return err
	case found != nil && found.Description != b.jobMarkOf(b.fn.Name):
		return b.foreign("rename the function, or delete the job", "the job %s exists, and ferry did not make it", j.id)
	case b.paused && (found == nil || found.State == jobPaused):
		return nil
	case b.paused:
		_, err = b.scheduler.Projects.Locations.Jobs.Pause(found.Name, &scheduler.PauseJobRequest{}).Context(ctx).Do()
		return err
	}
	want, err := j.as(ctx, b)
	if err != nil {
		return err
	}
	if found == nil {
		_, err = b.scheduler.Projects.Locations.Jobs.Create(b.parent(), want).Context(ctx).Do()
		if !isAlreadyExists(err) { // else the reply was lost
			return err
		}
		return nil
	}
	if !j.is(found, want) {
		const mask = "schedule,timeZone,httpTarget,attemptDeadline,retryConfig"
		if _, err := b.scheduler.Projects.Locations.Jobs.Patch(want.Name, want).UpdateMask(mask).Context(ctx).Do(); err != nil {
			return err
		}
	}
	if found.State == jobEnabled {
		return nil
	}
	_, err = b.scheduler.Projects.Locations.Jobs.Resume(found.Name, &scheduler.ResumeJobRequest{}).Context(ctx).Do()
	return err
}

// How often a call is tried again that was not answered with success.
const scheduleRetries = 3

// as is the job as it shall be.
func (j job) as(ctx context.Context, b *binder) (*scheduler.Job, error) {
	audience, err := b.audienceOf(ctx)
	return &scheduler.Job{
		Name: b.jobPath(j.id), Description: b.jobMarkOf(b.fn.Name), Schedule: j.cron, TimeZone: j.zone,
		AttemptDeadline: seconds(max(15*time.Second, min(30*time.Minute, b.fn.Timeout.Std()))),
		RetryConfig:     &scheduler.RetryConfig{RetryCount: scheduleRetries},
		HttpTarget: &scheduler.HttpTarget{
			Uri: b.endpointOf("schedule", b.fn.Name), HttpMethod: "POST",
			OidcToken: &scheduler.OidcToken{ServiceAccountEmail: b.caller, Audience: audience},
		},
	}, err
}

func (j job) is(has, want *scheduler.Job) bool {
	t := has.HttpTarget
	return t != nil && t.OidcToken != nil && has.Schedule == want.Schedule && has.TimeZone == want.TimeZone && has.AttemptDeadline == want.AttemptDeadline &&
		has.RetryConfig != nil && has.RetryConfig.RetryCount == scheduleRetries && t.Uri == want.HttpTarget.Uri && t.HttpMethod == "POST" &&
		t.OidcToken.ServiceAccountEmail == want.HttpTarget.OidcToken.ServiceAccountEmail && t.OidcToken.Audience == want.HttpTarget.OidcToken.Audience
}

// jobs are those that ferry made for the function.
func (b *binder) jobs(ctx context.Context) ([]binding, error) {
	var all []binding
	err := b.scheduler.Projects.Locations.Jobs.List(b.parent()).Pages(ctx, func(page *scheduler.ListJobsResponse) error {
		for _, found := range page.Jobs {
			if found.Description == b.jobMarkOf(b.fn.Name) {
				all = append(all, job{id: idOf(found.Name)})
			}
		}
		return nil
	})
	return all, unlessOff(err)
}

// checkSchedule reports times that Cloud Scheduler cannot say.
func checkSchedule(_ function, field string, e manifest.Event) []providers.Issue {
	return check.When(len(strings.Fields(e.Schedule.Cron)) != 5).Block(field+".cron", "write the five fields", "Cloud Scheduler cannot express %q", e.Schedule.Cron)
}

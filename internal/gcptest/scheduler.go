package gcptest

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/netresearch/go-cron"
	"google.golang.org/api/cloudscheduler/v1"
)

// job is a job of Cloud Scheduler. Time does not start it here: the method run does.
type job struct {
	is cloudscheduler.Job
}

// schedulerAPI is https://cloud.google.com/scheduler/docs/reference/rest/v1/projects.locations.jobs.
func schedulerAPI() *api {
	return &api{
		name: "cloudscheduler", host: "cloudscheduler.googleapis.com",
		versions: []version{{"cloudscheduler/v1", map[string]handler{
			"projects.locations.jobs.create": in((*place).createJob),
			"projects.locations.jobs.list":   in((*place).listJobs),
			"projects.locations.jobs.get":    in((*place).getJob),
			"projects.locations.jobs.patch":  in((*place).patchJob),
			"projects.locations.jobs.delete": in((*place).deleteJob),
			"projects.locations.jobs.pause":  in(jobState("ENABLED", "PAUSED")),
			"projects.locations.jobs.resume": in(jobState("PAUSED", "ENABLED")),
			"projects.locations.jobs.run":    in((*place).runJob),
		}}},
		permissions: map[string]string{
			"projects.locations.jobs.resume": "cloudscheduler.jobs.enable",
		},
	}
}

var jobID = regexp.MustCompile(`^[A-Za-z\d_-]{1,500}$`)

func (p *place) jobOf(c *call) (*job, error) {
	j := p.jobs[c.target()]
	if j == nil {
		return nil, refuse(codeNotFound, "Job not found.")
	}
	return j, nil
}

func (p *place) createJob(c *call) (any, error) {
	in, err := decode[cloudscheduler.Job](c)
	if err != nil {
		return nil, err
	}
	id, of := strings.CutPrefix(in.Name, c.target()+"/jobs/")
	if !of || !jobID.MatchString(id) {
		return nil, refuse(codeInvalidArgument, "Job name must be formatted: \"projects/<PROJECT_ID>/locations/<LOCATION_ID>/jobs/<JOB_ID>\".")
	}
	if p.jobs[in.Name] != nil {
		return nil, refuse(codeAlreadyExists, "Job %s already exists.", in.Name)
	}
	if err := p.checkJob(c, in); err != nil {
		return nil, err
	}
	in.State, in.UserUpdateTime = "ENABLED", stamp(time.Now())
	p.jobs[in.Name] = &job{is: *in}
	return in, nil
}

// checkJob refuses what a job may not have, and writes in what it has by itself.
func (p *place) checkJob(c *call, j *cloudscheduler.Job) error {
	if j.TimeZone == "" {
		j.TimeZone = "UTC"
	}
	zone, err := time.LoadLocation(j.TimeZone)
	if err != nil || j.TimeZone == "Local" {
		return refuse(codeInvalidArgument, "Schedule or time zone is invalid.")
	}
	at, err := cron.ParseStandard(j.Schedule)
	if err != nil || len(strings.Fields(j.Schedule)) != 5 {
		return refuse(codeInvalidArgument, "Schedule or time zone is invalid.")
	}
	j.ScheduleTime = stamp(at.Next(time.Now().In(zone)))
	switch {
	case len(j.Description) > 500:
		return refuse(codeInvalidArgument, "Job description must be at most 500 characters.")
	case j.HttpTarget == nil:
		return refuse(codeInvalidArgument, "Job target must be set.")
	}
	if err := p.checkTarget(c, j.HttpTarget); err != nil {
		return err
	}
	if j.AttemptDeadline == "" {
		j.AttemptDeadline = "180s"
	}
	if d, err := time.ParseDuration(j.AttemptDeadline); err != nil || d < 15*time.Second || d > 30*time.Minute {
		return refuse(codeInvalidArgument, "Job attempt_deadline must be between 15 seconds and 30 minutes for HTTP targets.")
	}
	return checkRetries(j)
}

func (p *place) checkTarget(c *call, t *cloudscheduler.HttpTarget) error {
	u, err := url.Parse(t.Uri)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return refuse(codeInvalidArgument, "HttpRequest.url must start with 'http://' or 'https://'.")
	}
	if t.HttpMethod == "" {
		t.HttpMethod = "POST"
	}
	if !slices.Contains([]string{"POST", "GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"}, t.HttpMethod) {
		return refuse(codeInvalidArgument, "Invalid value at 'job.http_target.http_method' (type.googleapis.com/google.cloud.scheduler.v1.HttpMethod), %q", t.HttpMethod)
	}
	if _, err := base64.StdEncoding.DecodeString(t.Body); err != nil {
		return refuse(codeInvalidArgument, "Invalid value at 'job.http_target.body' (TYPE_BYTES), Base64 decoding failed for %q", t.Body)
	}
	if t.Body != "" && !slices.Contains([]string{"POST", "PUT", "PATCH"}, t.HttpMethod) {
		return refuse(codeInvalidArgument, "HTTP method must be POST, PUT, or PATCH to have a body.")
	}
	for _, name := range sorted(t.Headers) {
		if canonical := http.CanonicalHeaderKey(name); canonical == "Host" || canonical == "Content-Length" || strings.HasPrefix(canonical, "X-Google-") || strings.HasPrefix(canonical, "X-Cloudscheduler") {
			return refuse(codeInvalidArgument, "Header %s is not allowed.", name)
		}
	}
	if t.OidcToken != nil && !p.actsAs(c.caller, t.OidcToken.ServiceAccountEmail) {
		return refuse(codePermissionDenied, `The principal (user or service account) lacks IAM permission "iam.serviceAccounts.actAs" for the resource "%s" (or the resource may not exist).`,
			t.OidcToken.ServiceAccountEmail)
	}
	return nil
}

func checkRetries(j *cloudscheduler.Job) error {
	if j.RetryConfig == nil {
		j.RetryConfig = &cloudscheduler.RetryConfig{}
	}
	r := j.RetryConfig
	if r.RetryCount < 0 || r.RetryCount > 5 {
		return refuse(codeInvalidArgument, "Job retry_count must be between 0 and 5.")
	}
	for _, d := range []struct {
		value *string
		self  string
	}{{&r.MaxRetryDuration, "0s"}, {&r.MinBackoffDuration, "5s"}, {&r.MaxBackoffDuration, "3600s"}} {
		if *d.value == "" {
			*d.value = d.self
		}
		if _, err := time.ParseDuration(*d.value); err != nil {
			return refuse(codeInvalidArgument, "Invalid value at 'job.retry_config' (type.googleapis.com/google.protobuf.Duration), Field 'Duration', Illegal duration format")
		}
	}
	if r.MaxDoublings == 0 {
		r.MaxDoublings = 5
	}
	return nil
}

func (p *place) listJobs(c *call) (any, error) {
	prefix := c.target() + "/jobs/"
	var all []*cloudscheduler.Job
	for _, name := range sorted(p.jobs) {
		if strings.HasPrefix(name, prefix) {
			all = append(all, &p.jobs[name].is)
		}
	}
	items, next, err := page(c.query, all, 500)
	return &cloudscheduler.ListJobsResponse{Jobs: items, NextPageToken: next}, err
}

func (p *place) getJob(c *call) (any, error) {
	j, err := p.jobOf(c)
	if err != nil {
		return nil, err
	}
	return &j.is, nil
}

// patchJob updates all fields where there is no mask.
func (p *place) patchJob(c *call) (any, error) {
	in, err := decode[cloudscheduler.Job](c)
	if err != nil {
		return nil, err
	}
	j, err := p.jobOf(c)
	if err != nil {
		return nil, err
	}
	next := copyOf(j.is)
	if mask := c.query.Get("updateMask"); mask != "" {
		if _, err := patch(&next, *in, mask, func(path string) error {
			return refuse(codeInvalidArgument, "Invalid value at 'update_mask' (type.googleapis.com/google.protobuf.FieldMask), %q", path)
		}); err != nil {
			return nil, err
		}
	} else {
		next = *in
	}
	next.Name, next.State = j.is.Name, j.is.State
	if err := p.checkJob(c, &next); err != nil {
		return nil, err
	}
	next.UserUpdateTime = stamp(time.Now())
	j.is = next
	return &j.is, nil
}

func (p *place) deleteJob(c *call) (any, error) {
	if _, err := p.jobOf(c); err != nil {
		return nil, err
	}
	delete(p.jobs, c.target())
	return &cloudscheduler.Empty{}, nil
}

// jobState makes the method that takes a job from one state into another, and refuses one in any else.
func jobState(from, to string) func(*place, *call) (any, error) {
	return func(p *place, c *call) (any, error) {
		j, err := p.jobOf(c)
		if err != nil {
			return nil, err
		}
		if j.is.State != from {
			return nil, refuse(codeFailedPrecondition, "Job state must be %s to be changed to %s.", from, to)
		}
		j.is.State = to
		return &j.is, nil
	}
}

// runJob starts a job at once, and answers before it has ended.
func (p *place) runJob(c *call) (any, error) {
	j, err := p.jobOf(c)
	if err != nil {
		return nil, err
	}
	at := time.Now()
	j.is.LastAttemptTime = stamp(at)
	is := copyOf(j.is)
	p.work.Go(func() { p.fire(j, is, at) })
	return &j.is, nil
}

// fire calls a job's target until it answers with success or the retries are used up.
func (p *place) fire(j *job, is cloudscheduler.Job, at time.Time) {
	pause, _ := time.ParseDuration(is.RetryConfig.MinBackoffDuration)
	var code int64
	for range is.RetryConfig.RetryCount + 1 {
		if code = p.fireOnce(is, at); code == 0 || !p.pause(pause/haste) {
			break
		}
		pause *= 2
	}
	p.cloud.mu.Lock()
	defer p.cloud.mu.Unlock()
	j.is.Status = nil
	if code != 0 {
		j.is.Status = &cloudscheduler.Status{Code: code}
	}
}

// fireOnce makes one request, and answers with the code of google.rpc for what came of it.
// https://cloud.google.com/scheduler/docs/creating#headers
func (p *place) fireOnce(is cloudscheduler.Job, at time.Time) int64 {
	deadline, _ := time.ParseDuration(is.AttemptDeadline)
	ctx, cancel := context.WithTimeout(p.alive, deadline)
	defer cancel()
	header := http.Header{}
	for name, value := range is.HttpTarget.Headers {
		header.Set(name, value)
	}
	if is.HttpTarget.Body != "" && header.Get("Content-Type") == "" {
		header.Set("Content-Type", "application/octet-stream")
	}
	if header.Get("User-Agent") == "" {
		header.Set("User-Agent", "Google-Cloud-Scheduler")
	}
	header.Set("X-CloudScheduler", "true")
	header.Set("X-CloudScheduler-JobName", lastOf(is.Name))
	header.Set("X-CloudScheduler-ScheduleTime", at.UTC().Format(time.RFC3339))
	body, _ := base64.StdEncoding.DecodeString(is.HttpTarget.Body) // it was when it was written
	var email, audience string
	if t := is.HttpTarget.OidcToken; t != nil {
		email, audience = t.ServiceAccountEmail, t.Audience
		if audience == "" {
			audience = is.HttpTarget.Uri
		}
	}
	status, err := p.request(ctx, is.HttpTarget.HttpMethod, is.HttpTarget.Uri, header, body, schedulerAgent, email, audience)
	switch {
	case err != nil && ctx.Err() != nil:
		return 4 // DEADLINE_EXCEEDED
	case err != nil:
		return 14 // UNAVAILABLE
	case status >= 200 && status < 300:
		return 0
	case status == 404:
		return 5 // NOT_FOUND
	case status == 401 || status == 403:
		return 7 // PERMISSION_DENIED
	}
	return 13 // INTERNAL
}

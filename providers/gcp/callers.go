package gcp

import (
	"context"
	"net/url"
	"slices"

	"golang.org/x/sync/errgroup"
	functions "google.golang.org/api/cloudfunctions/v2"
	scheduler "google.golang.org/api/cloudscheduler/v1"
	pubsub "google.golang.org/api/pubsub/v1"

	"github.com/ferryfn/ferry/providers"
)

// callers are the jobs of the function's region and the subscriptions of the project that call a function at its address, as
// gcloud prints them but for their tokens. What the caller may not list is said in its place.
func (c *connection) callers(ctx context.Context, is *functions.Function) (map[string]any, error) {
	own := addresses(is)
	at := func(endpoint string) bool {
		called, err := url.Parse(endpoint)
		return err == nil && slices.ContainsFunc(own, func(a *url.URL) bool {
			return called.Host == a.Host && (a.Path == "" || a.Path == "/" || called.Path == a.Path)
		})
	}
	var jobs, subscriptions any
	both, ctx := errgroup.WithContext(ctx)
	both.Go(func() (err error) {
		jobs, err = c.jobsThat(ctx, at)
		return err
	})
	both.Go(func() (err error) {
		subscriptions, err = c.subscriptionsThat(ctx, is, at)
		return err
	})
	err := both.Wait()
	return map[string]any{"jobs": jobs, "subscriptions": subscriptions}, err
}

// jobsThat are the jobs that call an address.
func (c *connection) jobsThat(ctx context.Context, call func(endpoint string) bool) (any, error) {
	jobs := []any{}
	err := c.scheduler.Projects.Locations.Jobs.List(c.parent()).Pages(ctx, func(page *scheduler.ListJobsResponse) error {
		for _, j := range page.Jobs {
			if t := j.HttpTarget; t != nil && call(t.Uri) {
				jobs = append(jobs, map[string]any{"name": j.Name, "schedule": j.Schedule, "timeZone": j.TimeZone, "state": j.State, "httpTarget": map[string]any{"uri": t.Uri, "httpMethod": t.HttpMethod}})
			}
		}
		return nil
	})
	return orUnread(jobs, err, "cloudscheduler.jobs.list: which jobs call it")
}

// subscriptionsThat are the subscriptions that call an address, but for that of the function's own trigger.
func (c *connection) subscriptionsThat(ctx context.Context, is *functions.Function, call func(endpoint string) bool) (any, error) {
	subscriptions := []any{}
	err := c.pubsub.Projects.Subscriptions.List("projects/"+c.target.Project).Pages(ctx, func(page *pubsub.ListSubscriptionsResponse) error {
		for _, s := range page.Subscriptions {
			// That of the function's own trigger is one of Eventarc, which the trigger names.
			if p := s.PushConfig; p != nil && call(p.PushEndpoint) && (is.EventTrigger == nil || is.EventTrigger.PubsubTopic != s.Topic) {
				subscriptions = append(subscriptions, map[string]any{"name": s.Name, "topic": s.Topic, "pushEndpoint": p.PushEndpoint})
			}
		}
		return nil
	})
	return orUnread(subscriptions, err, "pubsub.subscriptions.list: which subscriptions call it")
}

// orUnread is what was listed, or what stands for it where the caller lacks the right. Of an API that is off there is nothing.
func orUnread(is any, err error, right string) (any, error) {
	if err = unlessOff(err); err != nil && kindOf(err) == providers.Denied {
		return providers.Unread(right), nil
	}
	return is, err
}

// addresses are those at which the function answers.
func addresses(is *functions.Function) (all []*url.URL) {
	for _, text := range []string{is.ServiceConfig.Uri, is.Url} {
		if u, err := url.Parse(text); err == nil && u.Host != "" {
			all = append(all, u)
		}
	}
	return all
}

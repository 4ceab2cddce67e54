package gcp

import (
	"context"
	"errors"

	pubsub "google.golang.org/api/pubsub/v1"

	"github.com/ferryfn/ferry/manifest"
)

// topicOf is the binding of a topic: a subscription of the function's own.
func topicOf(c *connection, fn function, e manifest.Event) binding {
	topic := c.topic(fn, e.Topic.Name)
	return subscription{
		id: pubsubNaming().Of(c.prefix() + fn.Name + "-" + idOf(topic)), topic: topic, kind: "topic", name: e.Topic.Name, plain: !fn.Shimmed(), taken: "rename the function, or delete it",
	}
}

// lookAtTopic looks whether the topic is there.
func lookAtTopic(ctx context.Context, r *resources, e manifest.Event) {
	r.lookAtTopicNamed(ctx, r.topic(r.fn, e.Topic.Name), "topic event")
}

// ensureTopic makes a topic of ferry's own for the function.
func (b *binder) ensureTopic(ctx context.Context, id string) (string, error) {
	path := b.topicPath(id)
	found, err := b.pubsub.Projects.Topics.Get(path).Context(ctx).Do()
	if isNotFound(err) {
		found, err = b.pubsub.Projects.Topics.Create(path, &pubsub.Topic{Labels: b.labels(b.fn)}).Context(ctx).Do()
	}
	if isAlreadyExists(err) { // the reply was lost, or somebody else was faster
		found, err = b.pubsub.Projects.Topics.Get(path).Context(ctx).Do()
	}
	if err != nil {
		return "", err
	}
	if !b.owns(found.Labels, b.fn.Name) {
		return "", b.foreign("rename the function, or delete the topic", "the topic %s exists, and ferry did not make it", id)
	}
	return path, nil
}

// removeTopic takes a topic of ferry's own away.
func (b *binder) removeTopic(ctx context.Context, id string) error {
	found, err := b.pubsub.Projects.Topics.Get(b.topicPath(id)).Context(ctx).Do()
	if err == nil && b.owns(found.Labels, b.fn.Name) {
		_, err = b.pubsub.Projects.Topics.Delete(found.Name).Context(ctx).Do()
	}
	if isNotFound(err) {
		return nil
	}
	return err
}

// removeLeft takes away what hangs on a function whose service is gone. It is found by its labels, or by what stands in their
// place. Topics go last: what writes to them is found by what reads them.
func (b *binder) removeLeft(ctx context.Context) error {
	left, err := b.subscriptions(ctx)
	if err != nil {
		return err
	}
	jobs, err := b.jobs(ctx)
	if err != nil {
		return err
	}
	for _, one := range append(left, jobs...) {
		if err := one.remove(ctx, b); err != nil {
			return err
		}
	}
	topics, err := b.topics(ctx)
	for _, id := range topics {
		err = errors.Join(err, b.removeTopic(ctx, id))
	}
	return err
}

// subscriptions are the bindings whose subscriptions ferry made for the function.
func (b *binder) subscriptions(ctx context.Context) ([]binding, error) {
	var all []binding
	err := b.pubsub.Projects.Subscriptions.List("projects/"+b.target.Project).Pages(ctx, func(page *pubsub.ListSubscriptionsResponse) error {
		for _, s := range page.Subscriptions {
			if b.owns(s.Labels, b.fn.Name) {
				all = append(all, ofSubscription(s))
			}
		}
		return nil
	})
	return all, unlessOff(err)
}

// topics are those that ferry made for the function.
func (b *binder) topics(ctx context.Context) ([]string, error) {
	var all []string
	err := b.pubsub.Projects.Topics.List("projects/"+b.target.Project).Pages(ctx, func(page *pubsub.ListTopicsResponse) error {
		for _, t := range page.Topics {
			if b.owns(t.Labels, b.fn.Name) {
				all = append(all, idOf(t.Name))
			}
		}
		return nil
	})
	return all, unlessOff(err)
}

// ofSubscription is the binding that a subscription is of: news of a bucket name the bucket in their filter.
func ofSubscription(s *pubsub.Subscription) binding {
	if bucket := bucketIn(s.Filter); bucket != "" {
		return news{id: idOf(s.Name), bucket: bucket}
	}
	return subscription{id: idOf(s.Name)}
}

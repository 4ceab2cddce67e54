package gcp

import (
	"context"
	"fmt"
	"slices"
	"time"

	pubsub "google.golang.org/api/pubsub/v1"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/check"
)

// A queue is a topic with one subscription that has its name: who consumes it is told by that.

// queueOf is the binding of a queue.
func queueOf(c *connection, fn function, e manifest.Event) binding {
	topic := c.topic(fn, e.Queue.Name)
	return subscription{
		id: idOf(topic), topic: topic, kind: "queue", name: e.Queue.Name, plain: !fn.Shimmed(),
		attempts: e.Queue.Attempts, backoff: wholeSeconds(e.Queue.Backoff.Std()),
		taken: "delete it once nothing reads it: `gcloud pubsub subscriptions delete " + idOf(topic) + "`, or use a topic event",
	}
}

// checkQueue is about how messages are delivered: Pub/Sub pushes them one by one, and gives none up before the fifth attempt.
func checkQueue(_ function, field string, e manifest.Event) []providers.Issue {
	q := e.Queue
	return slices.Concat(
		check.When(q.Batch > 1).Warn(field+".batch", "", "Pub/Sub delivers messages one by one, not %d at once", q.Batch),
		check.When(q.Attempts > 0 && q.Attempts < leastAttempts).Warn(field+".attempts", "", "Pub/Sub tries a message %d times at least, not %d", leastAttempts, q.Attempts),
		check.When(q.Attempts > mostAttempts).Block(field+".attempts", fmt.Sprintf("choose at most %d", mostAttempts), "Pub/Sub does not try a message %d times", q.Attempts),
		check.When(q.Backoff.Std() > mostPause).Block(field+".backoff", "choose at most "+manifest.Duration(mostPause).String(), "Pub/Sub does not wait %s between two attempts", q.Backoff),
		check.When(q.Backoff.Std()%time.Second != 0).Warn(field+".backoff", "", "backoff is rounded up to %s: ferry sets whole seconds", manifest.Duration(wholeSeconds(q.Backoff.Std()))),
	)
}

// wholeSeconds rounds up.
func wholeSeconds(d time.Duration) time.Duration {
	return (d + time.Second - 1).Truncate(time.Second)
}

// lookAtQueue looks whether the queue is there, and free.
func lookAtQueue(ctx context.Context, r *resources, e manifest.Event) {
	topic := r.topic(r.fn, e.Queue.Name)
	r.lookAtTopicNamed(ctx, topic, "queue")
	found, err := r.findSubscription(ctx, idOf(topic))
	if err != nil {
		r.failed(err)
		return
	}
	if found == nil || r.owns(found.Labels, r.fn.Name) {
		return
	}
	s, _ := queueOf(r.connection, r.fn, e).(subscription)
	r.problems = append(r.problems, s.another(&binder{connection: r.connection, fn: r.fn}, found))
}

// lookAtTopicNamed looks whether a topic is there.
func (r *resources) lookAtTopicNamed(ctx context.Context, topic, what string) {
	_, err := r.pubsub.Projects.Topics.Get(topic).Context(ctx).Do()
	switch {
	case isNotFound(err):
		r.problem(providers.NotFound, "run `gcloud pubsub topics create "+idOf(topic)+" --project="+r.target.Project+"`", "there is no topic %s for the %s", idOf(topic), what)
	case err != nil:
		r.failed(err)
	}
}

// deadLetters is the name of the topic, and of its subscription, for what a function could not take.
func (p *place) deadLetters(fn string) string { return pubsubNaming().Of(p.prefix() + fn + "-dead") }

// ensureDeadLetters makes the topic for what the function cannot take, with a subscription that keeps it: without one Pub/Sub
// would drop it. Pub/Sub itself has to be let in there.
func (b *binder) ensureDeadLetters(ctx context.Context) (string, error) {
	id := b.deadLetters(b.fn.Name)
	topic, err := b.ensureTopic(ctx, id)
	if err != nil {
		return "", err
	}
	if _, err := b.grant(ctx, b.topicPolicy(ctx, topic), publishes, b.pubsubAgent()); err != nil {
		return "", fmt.Errorf("letting Pub/Sub write to the dead letters: %w", err)
	}
	found, err := b.findSubscription(ctx, id)
	if err != nil || found != nil {
		return topic, err
	}
	_, err = b.pubsub.Projects.Subscriptions.Create(b.subscriptionPath(id), &pubsub.Subscription{
		Topic: topic, Labels: b.labels(b.fn), ExpirationPolicy: &pubsub.ExpirationPolicy{}, MessageRetentionDuration: "2678400s",
	}).Context(ctx).Do()
	if isAlreadyExists(err) {
		err = nil
	}
	return topic, err
}

// removeDeadLetters takes the topic away, with what it keeps.
func (b *binder) removeDeadLetters(ctx context.Context) error {
	id := b.deadLetters(b.fn.Name)
	if err := (subscription{id: id}).remove(ctx, b); err != nil {
		return err
	}
	return b.removeTopic(ctx, id)
}

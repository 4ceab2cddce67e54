package gcp

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"strings"
	"time"

	pubsub "google.golang.org/api/pubsub/v1"

	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/providers/marks"
	"github.com/ferryfn/ferry/providers/names"
)

// subscription is one that pushes messages to a function. It is made paused: without an address to push to.
type subscription struct {
	id         string
	topic      string // the full name; "" of one that was only noted
	kind, name string // of the event
	filter     string
	taken      string // why another's of that name is in the way

	attempts int           // 0 is ferry's own number
	backoff  time.Duration // before the second attempt, 0 is ferry's own
	plain    bool          // the function has no shim: it gets CloudEvents
	bucket   string        // whose news these are
	wanted   []wantedObject
}

// pubsubNaming is how topics and subscriptions are named.
func pubsubNaming() names.Rule { return names.Rule{Most: 255} }

func (s subscription) note() string { return notedSubscription + ":" + s.id }

func parseSubscription(note string) binding { return subscription{id: note} }

func (p *place) subscriptionPath(id string) string {
	return "projects/" + p.target.Project + "/subscriptions/" + id
}

func (p *place) topicPath(id string) string { return "projects/" + p.target.Project + "/topics/" + id }

// findSubscription asks for a subscription; nil is that there is none.
func (c *connection) findSubscription(ctx context.Context, id string) (*pubsub.Subscription, error) {
	found, err := c.pubsub.Projects.Subscriptions.Get(c.subscriptionPath(id)).Context(ctx).Do()
	if isNotFound(err) {
		return nil, nil
	}
	return found, err
}

func (s subscription) calls(ctx context.Context, b *binder) (bool, error) {
	found, err := b.findSubscription(ctx, s.id)
	if err != nil || found == nil || !b.owns(found.Labels, b.fn.Name) || found.PushConfig == nil {
		return false, err
	}
	return found.Topic != deletedTopic && strings.HasPrefix(found.PushConfig.PushEndpoint, strings.TrimSuffix(b.uri, "/")+"/") && found.PushConfig.OidcToken != nil, nil
}

// deletedTopic is the topic of a subscription whose own is gone.
const deletedTopic = "_deleted-topic_"

func (s subscription) remove(ctx context.Context, b *binder) error {
	found, err := b.findSubscription(ctx, s.id)
	if err != nil || found == nil || !b.owns(found.Labels, b.fn.Name) {
		return err
	}
	_, err = b.pubsub.Projects.Subscriptions.Delete(found.Name).Context(ctx).Do()
	if isNotFound(err) {
		return nil
	}
	return err
}

// ensure makes the subscription, or changes what differs. What cannot be changed is made anew.
func (s subscription) ensure(ctx context.Context, b *binder) error {
	dead, err := b.ensureDeadLetters(ctx)
	if err != nil {
		return err
	}
	want := s.as(b, dead)
	found, err := b.findSubscription(ctx, s.id)
	if err != nil {
		return err
	}
	if found != nil && b.owns(found.Labels, b.fn.Name) && (found.Topic != want.Topic || found.Filter != want.Filter) {
		if err := s.remove(ctx, b); err != nil {
			return err
		}
		found = nil
	}
	if found == nil {
		if found, err = s.create(ctx, b, want); err != nil {
			return err
		}
	}
	if !b.owns(found.Labels, b.fn.Name) {
		return s.another(b, found)
	}
	if _, err := b.grant(ctx, b.subscriptionPolicy(ctx, want.Name), subscribes, b.pubsubAgent()); err != nil {
		return fmt.Errorf("letting Pub/Sub move messages of %s to the dead letters: %w", s.id, err)
	}
	if mask := changed(want, found); mask != "" {
		if found, err = b.pubsub.Projects.Subscriptions.Patch(want.Name, &pubsub.UpdateSubscriptionRequest{Subscription: want, UpdateMask: mask}).Context(ctx).Do(); err != nil {
			return err
		}
	}
	return s.push(ctx, b, found)
}

func (s subscription) create(ctx context.Context, b *binder, want *pubsub.Subscription) (*pubsub.Subscription, error) {
	made, err := b.pubsub.Projects.Subscriptions.Create(want.Name, want).Context(ctx).Do()
	if isAlreadyExists(err) { // the reply was lost, or somebody else was faster
		return b.pubsub.Projects.Subscriptions.Get(want.Name).Context(ctx).Do()
	}
	return made, err
}

// another is the failure of a subscription that is not this function's.
func (s subscription) another(b *binder, found *pubsub.Subscription) error {
	if fn := ownerOf(found); fn != "" {
		of := fmt.Sprintf("%s in stage %s of %s", fn, found.Labels[tagged().Key("stage")], found.Labels[tagged().Key("service")])
		return b.foreign("give each consumer a queue of its own, or use a topic event", "the %s %s has a consumer already: the function %s", s.kind, s.name, of)
	}
	return b.foreign(s.taken, "the subscription %s exists, and ferry did not make it", s.id)
}

// The pauses between two attempts to deliver a message, and how many attempts there are where the manifest does not say: more than half
// an hour of them.
const (
	leastPause, mostPause       = 10 * time.Second, 10 * time.Minute
	attempts                    = 10
	leastAttempts, mostAttempts = 5, 100 // that Pub/Sub takes
)

// tries is how often a message is delivered at most.
func (s subscription) tries() int { return max(leastAttempts, cmp.Or(s.attempts, attempts)) }

// as is the subscription as it shall be, but for where it pushes to.
func (s subscription) as(b *binder, dead string) *pubsub.Subscription {
	return &pubsub.Subscription{
		Name: b.subscriptionPath(s.id), Topic: s.topic, Filter: s.filter, Labels: b.labels(b.fn), AckDeadlineSeconds: ackDeadline(b.fn),
		RetryPolicy:       &pubsub.RetryPolicy{MinimumBackoff: seconds(cmp.Or(s.backoff, leastPause)), MaximumBackoff: seconds(mostPause)},
		DeadLetterPolicy:  &pubsub.DeadLetterPolicy{DeadLetterTopic: dead, MaxDeliveryAttempts: int64(s.tries())},
		MessageTransforms: s.transform(),
		ExpirationPolicy:  &pubsub.ExpirationPolicy{}, // else Pub/Sub deletes one that is not used for a month
	}
}

func seconds(d time.Duration) string { return fmt.Sprintf("%ds", int(d.Seconds())) }

// ackDeadline is how long Pub/Sub waits for an answer: at least as long as the function may take.
func ackDeadline(fn function) int64 { return int64(max(10, min(600, fn.Timeout.Std().Seconds()))) }

// changed is the mask of what of a subscription is not as it shall be.
func changed(want, has *pubsub.Subscription) string {
	var mask []string
	keep := func(differs bool, field string) {
		if differs {
			mask = append(mask, field)
		}
	}
	_, left := marks.Change(want.Labels, has.Labels)
	if len(left) > 0 {
		labels := maps.Clone(has.Labels)
		maps.Copy(labels, want.Labels)
		want.Labels = labels
	}
	keep(len(left) > 0, "labels")
	keep(want.AckDeadlineSeconds != has.AckDeadlineSeconds, "ackDeadlineSeconds")
	keep(has.RetryPolicy == nil || has.RetryPolicy.MinimumBackoff != want.RetryPolicy.MinimumBackoff || has.RetryPolicy.MaximumBackoff != want.RetryPolicy.MaximumBackoff, "retryPolicy")
	keep(has.DeadLetterPolicy == nil || has.DeadLetterPolicy.DeadLetterTopic != want.DeadLetterPolicy.DeadLetterTopic || has.DeadLetterPolicy.MaxDeliveryAttempts != want.DeadLetterPolicy.MaxDeliveryAttempts, "deadLetterPolicy")
	keep(has.ExpirationPolicy == nil || has.ExpirationPolicy.Ttl != "", "expirationPolicy")
	keep(!sameTransforms(want.MessageTransforms, has.MessageTransforms), "messageTransforms")
	return strings.Join(mask, ",")
}

// push has the subscription push to the function, or pauses it.
func (s subscription) push(ctx context.Context, b *binder, found *pubsub.Subscription) error {
	want := &pubsub.PushConfig{}
	if !b.paused {
		audience, err := b.audienceOf(ctx)
		if err != nil {
			return err
		}
		want.PushEndpoint = b.endpointOf(s.kind, s.name)
		if s.plain {
			want.PushEndpoint, want.NoWrapper = strings.TrimSuffix(b.uri, "/")+"/", &pubsub.NoWrapper{WriteMetadata: true}
		}
		want.OidcToken = &pubsub.OidcToken{ServiceAccountEmail: b.caller, Audience: audience}
	}
	if has := found.PushConfig; has != nil && has.PushEndpoint == want.PushEndpoint && same(has.OidcToken, want.OidcToken) && (has.NoWrapper == nil) == (want.NoWrapper == nil) {
		return nil
	}
	_, err := b.pubsub.Projects.Subscriptions.ModifyPushConfig(found.Name, &pubsub.ModifyPushConfigRequest{PushConfig: want}).Context(ctx).Do()
	return err
}

func same(a, b *pubsub.OidcToken) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.ServiceAccountEmail == b.ServiceAccountEmail && a.Audience == b.Audience
}

// endpointOf is where a function gets its events.
func (b *binder) endpointOf(kind, name string) string {
	return strings.TrimSuffix(b.uri, "/") + packager.EventPath(kind, name)
}

// pubsubAgent is Pub/Sub's own account in the project.
func (c *connection) pubsubAgent() string {
	return "serviceAccount:service-" + c.number + "@gcp-sa-pubsub.iam.gserviceaccount.com"
}

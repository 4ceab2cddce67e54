package gcp

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	pubsub "google.golang.org/api/pubsub/v1"

	"github.com/ferryfn/ferry/providers"
)

// deadSource begins the attributes that Pub/Sub gives a dead letter: where it comes from, and how often it was tried.
const deadSource = "CloudPubSubDeadLetterSource"

// mostLetters is how many dead letters of a function are looked at, in pages as large as Pub/Sub's.
const (
	mostLetters = 1000
	pageLetters = 100
)

// subscriptions are those of the service and stage that push to functions, by name.
func (c *connection) subscriptions(ctx context.Context) ([]*pubsub.Subscription, error) {
	var all []*pubsub.Subscription
	err := c.pubsub.Projects.Subscriptions.List("projects/"+c.target.Project).Pages(ctx, func(page *pubsub.ListSubscriptionsResponse) error {
		for _, s := range page.Subscriptions {
			if fn := ownerOf(s); fn != "" && c.owns(s.Labels, fn) && idOf(s.Name) != c.deadLetters(fn) {
				all = append(all, s)
			}
		}
		return nil
	})
	slices.SortFunc(all, func(a, b *pubsub.Subscription) int { return strings.Compare(a.Name, b.Name) })
	return all, err
}

// ownerOf is the function that a subscription is for.
func ownerOf(s *pubsub.Subscription) string { return s.Labels[tagged().Key("function")] }

// waiting is a subscription as a queue, of which only what is dead is known.
func (c *connection) waiting(s *pubsub.Subscription) providers.Queue {
	fn, id, topic := ownerOf(s), idOf(s.Name), idOf(s.Topic)
	q := providers.Queue{Kind: "topic", Name: topic, Function: fn, Depth: providers.UnknownDepth}
	if bucket, ours := strings.CutPrefix(topic, c.prefix()+fn+"-"); id == topic && ours {
		q.Kind, q.Name = "object", bucket
	} else if id == topic {
		q.Kind = "queue"
	}
	return q
}

// letters are the dead letters of a function, each once. They are this caller's until they are given back or acknowledged.
func (c *connection) letters(ctx context.Context, fn string) ([]*pubsub.ReceivedMessage, error) {
	from := c.subscriptionPath(c.deadLetters(fn))
	met := map[string]bool{}
	var all []*pubsub.ReceivedMessage
	for len(all) < mostLetters {
		page, err := c.pubsub.Projects.Subscriptions.Pull(from, &pubsub.PullRequest{MaxMessages: pageLetters, ReturnImmediately: true}).Context(ctx).Do()
		if isNotFound(err) { // nothing ever died
			return nil, nil
		}
		if err != nil {
			return all, err
		}
		fresh := slices.DeleteFunc(page.ReceivedMessages, func(m *pubsub.ReceivedMessage) bool { return met[m.Message.MessageId] })
		if len(fresh) == 0 {
			break
		}
		for _, m := range fresh {
			met[m.Message.MessageId] = true
		}
		all = append(all, fresh...)
	}
	slices.SortFunc(all, func(a, b *pubsub.ReceivedMessage) int {
		return strings.Compare(a.Message.PublishTime, b.Message.PublishTime)
	})
	return all, nil
}

// giveBack lets others have what was only looked at.
func (c *connection) giveBack(ctx context.Context, fn string, letters []*pubsub.ReceivedMessage) error {
	if len(letters) == 0 {
		return nil
	}
	_, err := c.pubsub.Projects.Subscriptions.ModifyAckDeadline(c.subscriptionPath(c.deadLetters(fn)), &pubsub.ModifyAckDeadlineRequest{
		AckIds: ackIDs(letters), ForceSendFields: []string{"AckDeadlineSeconds"},
	}).Context(ctx).Do()
	return err
}

func ackIDs(letters []*pubsub.ReceivedMessage) []string {
	ids := make([]string, len(letters))
	for i, m := range letters {
		ids[i] = m.AckId
	}
	return ids
}

// diedIn reports whether a dead letter comes from a subscription.
func diedIn(m *pubsub.ReceivedMessage, s *pubsub.Subscription) bool {
	return m.Message.Attributes[deadSource+"Subscription"] == idOf(s.Name)
}

func deadLetter(m *pubsub.PubsubMessage) providers.DeadLetter {
	d := providers.DeadLetter{ID: m.MessageId, Reason: "the function did not take it: see its logs"}
	d.Sent, _ = time.Parse(time.RFC3339Nano, m.Attributes[deadSource+"TopicPublishTime"])
	d.Died, _ = time.Parse(time.RFC3339Nano, m.PublishTime)
	d.Attempts, _ = strconv.Atoi(m.Attributes[deadSource+"DeliveryCount"])
	d.Body, _ = base64.StdEncoding.DecodeString(m.Data)
	return d
}

// queues are the subscriptions with their dead letters, which are looked at and given back.
func (c *connection) queues(ctx context.Context) ([]providers.Queue, error) {
	subscriptions, err := c.subscriptions(ctx)
	if err != nil {
		return nil, err
	}
	dead := map[string][]*pubsub.ReceivedMessage{}
	var all []providers.Queue
	for _, s := range subscriptions {
		fn := ownerOf(s)
		if _, looked := dead[fn]; !looked {
			found, err := c.letters(ctx, fn)
			if err = errors.Join(err, c.giveBack(ctx, fn, found)); err != nil {
				return nil, err
			}
			dead[fn] = found
		}
		q := c.waiting(s)
		for _, m := range dead[fn] {
			if diedIn(m, s) {
				q.Dead = append(q.Dead, deadLetter(m.Message))
			}
		}
		all = append(all, q)
	}
	return all, nil
}

// redrive publishes dead letters where they came from, and then takes them out of the dead letters: one that is interrupted may
// deliver a message twice, and loses none.
func (c *connection) redrive(ctx context.Context, of string) (int, error) {
	subscriptions, err := c.subscriptions(ctx)
	if err != nil {
		return 0, err
	}
	done, known := 0, false
	for _, s := range subscriptions {
		if c.waiting(s).Name != of {
			continue
		}
		known = true
		n, err := c.redriveOne(ctx, s)
		if done += n; err != nil {
			return done, err
		}
	}
	if !known {
		return 0, &providers.Error{
			Kind: providers.NotFound, Op: "redrive", Provider: name, Hint: "run `ferry queues` to see their names", Err: fmt.Errorf("no function is bound to %s", of),
		}
	}
	return done, nil
}

func (c *connection) redriveOne(ctx context.Context, s *pubsub.Subscription) (int, error) {
	fn := ownerOf(s)
	if err := c.refuseShared(ctx, s); err != nil {
		return 0, err
	}
	found, err := c.letters(ctx, fn)
	mine := slices.DeleteFunc(slices.Clone(found), func(m *pubsub.ReceivedMessage) bool { return !diedIn(m, s) })
	left := slices.DeleteFunc(found, func(m *pubsub.ReceivedMessage) bool { return diedIn(m, s) })
	done := 0
	for _, m := range mine {
		if err == nil {
			err = c.again(ctx, fn, s.Topic, m)
		}
		if err != nil {
			left = append(left, m)
			continue
		}
		done++
	}
	return done, errors.Join(err, c.giveBack(ctx, fn, left))
}

// again publishes one dead letter as it first was.
func (c *connection) again(ctx context.Context, fn, topic string, m *pubsub.ReceivedMessage) error {
	attributes := maps.Clone(m.Message.Attributes)
	maps.DeleteFunc(attributes, func(key, _ string) bool { return strings.HasPrefix(key, deadSource) })
	_, err := c.pubsub.Projects.Topics.Publish(topic, &pubsub.PublishRequest{Messages: []*pubsub.PubsubMessage{
		{Data: m.Message.Data, Attributes: attributes, OrderingKey: m.Message.OrderingKey},
	}}).Context(ctx).Do()
	if err != nil {
		return err
	}
	_, err = c.pubsub.Projects.Subscriptions.Acknowledge(c.subscriptionPath(c.deadLetters(fn)), &pubsub.AcknowledgeRequest{AckIds: []string{m.AckId}}).Context(ctx).Do()
	return err
}

// refuseShared refuses to publish into a topic that others read, who took the message the first time.
func (c *connection) refuseShared(ctx context.Context, s *pubsub.Subscription) error {
	readers, err := c.readers(ctx, s.Topic)
	if err != nil || !slices.ContainsFunc(readers, func(reader string) bool { return reader != s.Name }) {
		return err
	}
	return &providers.Error{
		Kind: providers.Unsupported, Op: "redrive", Provider: name, Function: ownerOf(s),
		Hint: "pull them with `gcloud pubsub subscriptions pull " + c.deadLetters(ownerOf(s)) + "`, and hand them to the function with `ferry invoke`",
		Err:  fmt.Errorf("others read the topic %s too, and would get the messages again", idOf(s.Topic)),
	}
}

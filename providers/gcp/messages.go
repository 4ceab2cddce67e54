package gcp

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"

	pubsub "google.golang.org/api/pubsub/v1"

	"github.com/ferryfn/ferry/providers"
)

var _ providers.Messenger = (*Adapter)(nil)

// Send publishes a message to the topic of that name. One that no function of the service is bound to would be lost, and is not sent.
func (a *Adapter) Send(ctx context.Context, m providers.Message) (providers.Sent, error) {
	c, err := a.connect(ctx)
	var sent providers.Sent
	if err == nil {
		sent, err = c.send(ctx, m)
	}
	return sent, a.classify("send", "", err)
}

func (c *connection) send(ctx context.Context, m providers.Message) (providers.Sent, error) {
	if m.Group != "" {
		return providers.Sent{}, &providers.Error{
			Kind: providers.Unsupported, Op: "send", Provider: name, Hint: "leave out --group", Err: errors.New("messages are not kept in order on Google Cloud"),
		}
	}
	topic := c.topic(function{own: c.target.settings}, m.Name)
	bound, err := c.boundTo(ctx, topic)
	if isNotFound(err) || err == nil && len(bound) == 0 {
		return providers.Sent{}, &providers.Error{
			Kind: providers.NotFound, Op: "send", Provider: name, Hint: "deploy a function with the event first", Err: fmt.Errorf("no function takes messages of the %s %s", m.Kind, m.Name),
		}
	}
	if err != nil {
		return providers.Sent{}, err
	}
	message := &pubsub.PubsubMessage{Data: base64.StdEncoding.EncodeToString(m.Body), Attributes: maps.Clone(m.Attributes)}
	if m.ContentType != "" {
		if message.Attributes == nil {
			message.Attributes = map[string]string{}
		}
		message.Attributes["content-type"] = m.ContentType
	}
	out, err := c.pubsub.Projects.Topics.Publish(topic, &pubsub.PublishRequest{Messages: []*pubsub.PubsubMessage{message}}).Context(ctx).Do()
	if err != nil {
		return providers.Sent{}, err
	}
	return providers.Sent{ID: out.MessageIds[0], Functions: bound}, nil
}

// boundTo are the functions of the service that a topic's messages are for.
func (c *connection) boundTo(ctx context.Context, topic string) ([]string, error) {
	readers, err := c.readers(ctx, topic)
	if err != nil {
		return nil, err
	}
	var functions []string
	for _, full := range readers {
		found, err := c.pubsub.Projects.Subscriptions.Get(full).Context(ctx).Do()
		if isNotFound(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if fn := ownerOf(found); fn != "" && c.owns(found.Labels, fn) {
			functions = append(functions, fn)
		}
	}
	return slices.Compact(slices.Sorted(slices.Values(functions))), nil
}

// readers are the subscriptions of a topic, by their full names, also those of others.
func (c *connection) readers(ctx context.Context, topic string) ([]string, error) {
	var all []string
	err := c.pubsub.Projects.Topics.Subscriptions.List(topic).Pages(ctx, func(page *pubsub.ListTopicSubscriptionsResponse) error {
		all = append(all, page.Subscriptions...)
		return nil
	})
	return all, err
}

// Queues are the subscriptions that ferry made. How many messages wait only Cloud Monitoring says, minutes later; the dead letters
// are pulled, and given back at once.
func (a *Adapter) Queues(ctx context.Context) ([]providers.Queue, error) {
	c, err := a.connect(ctx)
	var all []providers.Queue
	if err == nil {
		all, err = c.queues(ctx)
	}
	return all, a.classify("list queues", "", err)
}

// Redrive publishes dead letters anew where nobody else gets them.
func (a *Adapter) Redrive(ctx context.Context, name string) (int, error) {
	c, err := a.connect(ctx)
	done := 0
	if err == nil {
		done, err = c.redrive(ctx, name)
	}
	return done, a.classify("redrive", "", err)
}

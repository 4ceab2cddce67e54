package gcptest

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"google.golang.org/api/pubsub/v1"
)

// haste is how much faster pauses between two attempts pass here than at Google.
const haste = 1000

// The answers that acknowledge a message: https://cloud.google.com/pubsub/docs/push#receive_push
var acknowledging = []int{102, 200, 201, 202, 204}

// push begins to deliver what waits. It is called with the lock held; a message is delivered by one goroutine until it is
// acknowledged, forwarded, or the subscription has no endpoint any more.
func (p *place) push(s *subscription) {
	s.tidy()
	if s.is.PushConfig.PushEndpoint == "" {
		return
	}
	for _, d := range s.backlog {
		if d.busy || p.alive.Err() != nil {
			continue
		}
		d.busy = true
		p.work.Go(func() { p.deliver(s, d) })
	}
}

func (p *place) deliver(s *subscription, d *delivery) {
	for {
		config, more := p.attempt(s, d)
		if !more {
			return
		}
		if p.post(config, d) {
			p.settle(s, d)
			return
		}
		pause, more := p.retry(s, d)
		if !more || !p.pause(pause) {
			return
		}
	}
}

// attempt is how a message is to be sent now; false ends its delivery.
func (p *place) attempt(s *subscription, d *delivery) (pubsub.Subscription, bool) {
	p.cloud.mu.Lock()
	defer p.cloud.mu.Unlock()
	if d.gone || s.is.PushConfig.PushEndpoint == "" || p.alive.Err() != nil {
		d.busy = false
		return pubsub.Subscription{}, false
	}
	d.attempts++
	return copyOf(s.is), true
}

// settle ends what was acknowledged.
func (p *place) settle(s *subscription, d *delivery) {
	p.cloud.mu.Lock()
	defer p.cloud.mu.Unlock()
	d.gone = true
	s.tidy()
}

// retry says how long to wait for the next attempt, unless the message has gone to the dead letters.
func (p *place) retry(s *subscription, d *delivery) (time.Duration, bool) {
	p.cloud.mu.Lock()
	defer p.cloud.mu.Unlock()
	if p.forwarded(s, d) {
		d.gone = true
		s.tidy()
		return 0, false
	}
	least, most := 100*time.Millisecond, time.Minute
	if r := s.is.RetryPolicy; r != nil {
		least, _ = time.ParseDuration(r.MinimumBackoff)
		most, _ = time.ParseDuration(r.MaximumBackoff)
	}
	return min(most, least<<min(d.attempts-1, 16)) / haste, true
}

func (p *place) pause(d time.Duration) bool {
	t := time.NewTimer(max(d, time.Millisecond))
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-p.alive.Done():
		return false
	}
}

// forwarded sends a message that failed too often to the dead letter topic. Where Pub/Sub itself lacks a right for that, the
// message stays: https://cloud.google.com/pubsub/docs/dead-letter-topics#grant_forwarding_permissions
func (p *place) forwarded(s *subscription, d *delivery) bool {
	policy := s.is.DeadLetterPolicy
	if policy == nil || d.attempts < policy.MaxDeliveryAttempts {
		return false
	}
	to := p.topics[policy.DeadLetterTopic]
	if to == nil || !p.may(pubsubAgent, "pubsub.topics.publish", to.policy) || !p.may(pubsubAgent, "pubsub.subscriptions.consume", s.policy) {
		return false
	}
	m := d.message
	m.Attributes = maps.Clone(m.Attributes)
	if m.Attributes == nil {
		m.Attributes = map[string]string{}
	}
	m.Attributes["CloudPubSubDeadLetterSourceDeliveryCount"] = strconv.FormatInt(d.attempts, 10)
	m.Attributes["CloudPubSubDeadLetterSourceSubscription"] = lastOf(s.is.Name)
	m.Attributes["CloudPubSubDeadLetterSourceSubscriptionProject"] = Project
	m.Attributes["CloudPubSubDeadLetterSourceTopicPublishTime"] = m.PublishTime
	p.send(to, m)
	return true
}

// pushBody is the request of https://cloud.google.com/pubsub/docs/payload-unwrapping#wrapped_messages.
type pushBody struct {
	DeliveryAttempt int64         `json:"deliveryAttempt,omitempty"`
	Message         pushedMessage `json:"message"`
	Subscription    string        `json:"subscription"`
}

type pushedMessage struct {
	Attributes   map[string]string `json:"attributes,omitempty"`
	Data         string            `json:"data,omitempty"`
	MessageID    string            `json:"messageId"`
	MessageID2   string            `json:"message_id"`
	OrderingKey  string            `json:"orderingKey,omitempty"`
	PublishTime  string            `json:"publishTime"`
	PublishTime2 string            `json:"publish_time"`
}

// post sends a message once, and says whether it was acknowledged within the deadline.
func (p *place) post(s pubsub.Subscription, d *delivery) bool {
	ctx, cancel := context.WithTimeout(p.alive, time.Duration(s.AckDeadlineSeconds)*time.Second)
	defer cancel()
	made, err := p.transformed(ctx, s, d.message)
	if err != nil || made == nil {
		return err == nil // what is dropped is acknowledged
	}
	header, data := requestOf(s, *made, d.attempts)
	var email, audience string
	if t := s.PushConfig.OidcToken; t != nil {
		email, audience = t.ServiceAccountEmail, t.Audience
		if audience == "" {
			audience = s.PushConfig.PushEndpoint
		}
	}
	status, err := p.request(ctx, "POST", s.PushConfig.PushEndpoint, header, data, pubsubAgent, email, audience)
	return err == nil && slices.Contains(acknowledging, status)
}

// requestOf is what brings a message: wrapped, or its data with attributes and metadata as headers.
// https://cloud.google.com/pubsub/docs/payload-unwrapping
func requestOf(s pubsub.Subscription, m pubsub.PubsubMessage, attempts int64) (http.Header, []byte) {
	header := http.Header{"User-Agent": {"CloudPubSub-Google"}}
	if wrapper := s.PushConfig.NoWrapper; wrapper != nil {
		if wrapper.WriteMetadata {
			for name, value := range m.Attributes {
				header.Set(name, value)
			}
			header.Set("X-Goog-Pubsub-Message-Id", m.MessageId)
			header.Set("X-Goog-Pubsub-Publish-Time", m.PublishTime)
			header.Set("X-Goog-Pubsub-Subscription-Name", s.Name)
		}
		data, _ := base64.StdEncoding.DecodeString(m.Data) // it was published so
		return header, data
	}
	header.Set("Content-Type", "application/json")
	body := pushBody{Subscription: s.Name, Message: pushedMessage{
		Attributes: m.Attributes, Data: m.Data, MessageID: m.MessageId, MessageID2: m.MessageId,
		OrderingKey: m.OrderingKey, PublishTime: m.PublishTime, PublishTime2: m.PublishTime,
	}}
	if s.DeadLetterPolicy != nil {
		body.DeliveryAttempt = attempts
	}
	data, _ := json.Marshal(body) // strings always encode
	return header, data
}

// request makes a request as a service of Google, with an ID token of an account if there is one.
func (p *place) request(ctx context.Context, verb, to string, header http.Header, body []byte, agent, email, audience string) (int, error) {
	r, err := http.NewRequestWithContext(ctx, verb, to, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	r.Header = header
	if email != "" {
		token, err := p.token(agent, email, audience)
		if err != nil {
			return 0, err
		}
		r.Header.Set("Authorization", "Bearer "+token)
	}
	reply, err := p.client.Do(r)
	if err != nil {
		return 0, err
	}
	_, _ = io.Copy(io.Discard, reply.Body)
	return reply.StatusCode, reply.Body.Close()
}

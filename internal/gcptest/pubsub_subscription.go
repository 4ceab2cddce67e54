package gcptest

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/api/pubsub/v1"
)

// subscription is a subscription with the messages that nobody has acknowledged.
type subscription struct {
	is      pubsub.Subscription
	policy  *policy
	backlog []*delivery
}

// delivery is a message on its way to one subscription.
type delivery struct {
	message  pubsub.PubsubMessage
	attempts int64
	ackID    string
	busy     bool      // it is being pushed, or waits to be
	gone     bool      // it is acknowledged
	leased   time.Time // until when it is somebody's who pulled it
}

func (p *place) subscriptionOf(c *call) (*subscription, error) {
	s := p.subscriptions[c.target()]
	if s == nil {
		return nil, noResource(c.target())
	}
	return s, nil
}

func (p *place) subscriptionPolicy(c *call) (**policy, error) {
	s, err := p.subscriptionOf(c)
	if err != nil {
		return nil, err
	}
	return &s.policy, nil
}

func (p *place) createSubscription(c *call) (any, error) {
	in, err := decode[pubsub.Subscription](c)
	if err != nil {
		return nil, err
	}
	name := c.target()
	if err := checkPubsubName(name); err != nil {
		return nil, err
	}
	if project, id, ok := strings.Cut(in.Topic, "/topics/"); !ok || !strings.HasPrefix(project, "projects/") || id == "" {
		return nil, refuse(codeInvalidArgument, "Invalid resource name given (name=%s). Refer to https://cloud.google.com/pubsub/docs/pubsub-basics#resource_names for more information.", in.Topic)
	}
	if p.topics[in.Topic] == nil {
		return nil, noResource(in.Topic)
	}
	if p.subscriptions[name] != nil {
		return nil, taken(name)
	}
	in.Name, in.State = name, "ACTIVE"
	if err := p.checkSubscription(c, in); err != nil {
		return nil, err
	}
	s := &subscription{is: *in, policy: newPolicy()}
	p.subscriptions[name] = s
	return &s.is, nil
}

// checkSubscription refuses what a subscription may not have, and writes in what it has by itself.
// https://cloud.google.com/pubsub/docs/reference/rest/v1/projects.subscriptions#Subscription
func (p *place) checkSubscription(c *call, s *pubsub.Subscription) error {
	if s.AckDeadlineSeconds == 0 {
		s.AckDeadlineSeconds = 10
	}
	if s.AckDeadlineSeconds < 10 || s.AckDeadlineSeconds > 600 {
		return refuse(codeInvalidArgument, "Invalid ack deadline given to the service (ack_deadline_seconds=%d). Must be between 10 and 600 seconds inclusive.", s.AckDeadlineSeconds)
	}
	if s.PushConfig == nil {
		s.PushConfig = &pubsub.PushConfig{}
	}
	if err := p.checkPush(c, s.PushConfig); err != nil {
		return err
	}
	for _, check := range []func() error{
		func() error { return checkLabelled(s.Labels) },
		func() error { return checkFilter(s.Filter) },
		func() error { return p.checkDeadLetter(s.DeadLetterPolicy) },
		func() error { return checkRetry(s.RetryPolicy) },
		func() error { return checkExpiration(s) },
		func() error { return checkTransforms(s.MessageTransforms) },
	} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func checkExpiration(s *pubsub.Subscription) error {
	if s.MessageRetentionDuration == "" {
		s.MessageRetentionDuration = "604800s"
	}
	if d, err := time.ParseDuration(s.MessageRetentionDuration); err != nil || d < 10*time.Minute || d > 31*24*time.Hour {
		return refuse(codeInvalidArgument, "The value for message_retention_duration is out of bounds. You passed %s in the request, but the value must be between 600s and 2678400s.", s.MessageRetentionDuration)
	}
	if s.ExpirationPolicy == nil { // a subscription that nobody reads goes away after 31 days
		s.ExpirationPolicy = &pubsub.ExpirationPolicy{Ttl: "2678400s"}
	}
	return nil
}

// checkPush takes plain http for this machine, where tests are; Google takes https alone.
func (p *place) checkPush(c *call, push *pubsub.PushConfig) error {
	if push.PushEndpoint == "" {
		if push.OidcToken != nil {
			return refuse(codeInvalidArgument, "OidcToken requires a push endpoint to be set.")
		}
		return nil
	}
	u, err := url.Parse(push.PushEndpoint)
	local := err == nil && (u.Hostname() == "127.0.0.1" || u.Hostname() == "localhost" || strings.HasSuffix(u.Hostname(), ".localhost"))
	if err != nil || u.Host == "" || u.Scheme != "https" && !local {
		return refuse(codeInvalidArgument, "Invalid push endpoint given (endpoint=%s). Refer to https://cloud.google.com/pubsub/docs/create-push-subscription#properties for more information.", push.PushEndpoint)
	}
	if push.OidcToken != nil && !p.actsAs(c.caller, push.OidcToken.ServiceAccountEmail) {
		return refuse(codePermissionDenied, "User not authorized to perform this action.")
	}
	return nil
}

func (p *place) checkDeadLetter(d *pubsub.DeadLetterPolicy) error {
	if d == nil {
		return nil
	}
	if d.MaxDeliveryAttempts == 0 {
		d.MaxDeliveryAttempts = 5
	}
	switch {
	case d.MaxDeliveryAttempts < 5:
		return refuse(codeInvalidArgument, "The value for max_delivery_attempts is too small. You passed %d in the request, but the minimum value is 5.", d.MaxDeliveryAttempts)
	case d.MaxDeliveryAttempts > 100:
		return refuse(codeInvalidArgument, "The value for max_delivery_attempts is too large. You passed %d in the request, but the maximum value is 100.", d.MaxDeliveryAttempts)
	case p.topics[d.DeadLetterTopic] == nil:
		return noResource(d.DeadLetterTopic)
	}
	return nil
}

func checkRetry(r *pubsub.RetryPolicy) error {
	if r == nil {
		return nil
	}
	if r.MinimumBackoff == "" {
		r.MinimumBackoff = "10s"
	}
	if r.MaximumBackoff == "" {
		r.MaximumBackoff = "600s"
	}
	least, err1 := time.ParseDuration(r.MinimumBackoff)
	most, err2 := time.ParseDuration(r.MaximumBackoff)
	switch {
	case err1 != nil || least < 0 || least > 10*time.Minute:
		return refuse(codeInvalidArgument, "The value for minimum_backoff is out of bounds. You passed %s in the request, but the value must be between 0s and 600s.", r.MinimumBackoff)
	case err2 != nil || most > 10*time.Minute:
		return refuse(codeInvalidArgument, "The value for maximum_backoff is out of bounds. You passed %s in the request, but the value must be between 0s and 600s.", r.MaximumBackoff)
	case most < least:
		return refuse(codeInvalidArgument, "The value for maximum_backoff is too small. You passed %s in the request, but the minimum value is %s.", r.MaximumBackoff, r.MinimumBackoff)
	}
	return nil
}

func (p *place) getSubscription(c *call) (any, error) {
	s, err := p.subscriptionOf(c)
	if err != nil {
		return nil, err
	}
	return &s.is, nil
}

func (p *place) listSubscriptions(c *call) (any, error) {
	var all []*pubsub.Subscription
	for _, name := range sorted(p.subscriptions) {
		all = append(all, &p.subscriptions[name].is)
	}
	items, next, err := page(c.query, all, 1000)
	return &pubsub.ListSubscriptionsResponse{Subscriptions: items, NextPageToken: next}, err
}

func (p *place) patchSubscription(c *call) (any, error) {
	in, err := decode[pubsub.UpdateSubscriptionRequest](c)
	if err != nil {
		return nil, err
	}
	s, err := p.subscriptionOf(c)
	if err != nil {
		return nil, err
	}
	if in.UpdateMask == "" || in.Subscription == nil {
		return nil, refuse(codeInvalidArgument, "The update_mask in the UpdateSubscriptionRequest must be set, and must contain a non-empty paths list.")
	}
	next := copyOf(s.is)
	fields, err := patch(&next, *in.Subscription, in.UpdateMask, func(path string) error {
		return refuse(codeInvalidArgument, "Invalid update_mask provided in the UpdateSubscriptionRequest: %s is not a known Subscription field. "+
			"Note that field paths must be of the form 'push_config' rather than 'pushConfig'.", path)
	})
	if err != nil {
		return nil, err
	}
	for _, field := range fields {
		if slices.Contains([]string{"name", "topic", "filter", "enableMessageOrdering", "state", "detached"}, field) {
			return nil, refuse(codeInvalidArgument, "Invalid update_mask provided in the UpdateSubscriptionRequest: the %s field in the Subscription is not mutable.", field)
		}
	}
	if err := p.checkSubscription(c, &next); err != nil {
		return nil, err
	}
	s.is = next
	p.push(s)
	return &s.is, nil
}

func (p *place) deleteSubscription(c *call) (any, error) {
	s, err := p.subscriptionOf(c)
	if err != nil {
		return nil, err
	}
	delete(p.subscriptions, s.is.Name)
	for _, d := range s.backlog {
		d.gone = true
	}
	return &pubsub.Empty{}, nil
}

// modifyPush begins, changes or, with an empty configuration, pauses the delivery.
func (p *place) modifyPush(c *call) (any, error) {
	in, err := decode[pubsub.ModifyPushConfigRequest](c)
	if err != nil {
		return nil, err
	}
	s, err := p.subscriptionOf(c)
	if err != nil {
		return nil, err
	}
	if in.PushConfig == nil {
		in.PushConfig = &pubsub.PushConfig{}
	}
	if err := p.checkPush(c, in.PushConfig); err != nil {
		return nil, err
	}
	s.is.PushConfig = in.PushConfig
	p.push(s)
	return &pubsub.Empty{}, nil
}

// pull answers with what is there, without waiting.
func (p *place) pull(c *call) (any, error) {
	in, err := decode[pubsub.PullRequest](c)
	if err != nil {
		return nil, err
	}
	s, err := p.subscriptionOf(c)
	if err != nil {
		return nil, err
	}
	switch {
	case in.MaxMessages <= 0:
		return nil, refuse(codeInvalidArgument, "The max_messages value must be greater than 0.")
	case s.is.PushConfig.PushEndpoint != "":
		return nil, refuse(codeFailedPrecondition, "Pull is not allowed on a push subscription (resource=%s).", lastOf(s.is.Name))
	}
	out := &pubsub.PullResponse{}
	for _, d := range s.backlog {
		if d.gone || time.Now().Before(d.leased) || int64(len(out.ReceivedMessages)) == in.MaxMessages {
			continue
		}
		d.attempts++
		d.leased = time.Now().Add(time.Duration(max(10, s.is.AckDeadlineSeconds)) * time.Second)
		d.ackID = s.is.Name + ":" + strconv.FormatInt(p.next(), 10)
		m := &pubsub.ReceivedMessage{AckId: d.ackID, Message: &d.message}
		if s.is.DeadLetterPolicy != nil {
			m.DeliveryAttempt = d.attempts
		}
		out.ReceivedMessages = append(out.ReceivedMessages, m)
	}
	return out, nil
}

// modifyAckDeadline says how long what was pulled stays with who has it; 0 gives it back
// (https://cloud.google.com/pubsub/docs/reference/rest/v1/projects.subscriptions/modifyAckDeadline).
func (p *place) modifyAckDeadline(c *call) (any, error) {
	in, err := decode[pubsub.ModifyAckDeadlineRequest](c)
	if err != nil {
		return nil, err
	}
	s, err := p.subscriptionOf(c)
	if err != nil {
		return nil, err
	}
	switch {
	case len(in.AckIds) == 0:
		return nil, refuse(codeInvalidArgument, "The request did not contain any ack IDs.")
	case in.AckDeadlineSeconds < 0 || in.AckDeadlineSeconds > 600:
		return nil, refuse(codeInvalidArgument, "Invalid ack deadline given: %d. It must be between 0 and 600 seconds.", in.AckDeadlineSeconds)
	}
	for _, d := range s.backlog {
		if d.ackID != "" && slices.Contains(in.AckIds, d.ackID) {
			d.leased = time.Now().Add(time.Duration(in.AckDeadlineSeconds) * time.Second)
		}
	}
	return &pubsub.Empty{}, nil
}

func (p *place) acknowledge(c *call) (any, error) {
	in, err := decode[pubsub.AcknowledgeRequest](c)
	if err != nil {
		return nil, err
	}
	s, err := p.subscriptionOf(c)
	if err != nil {
		return nil, err
	}
	if len(in.AckIds) == 0 {
		return nil, refuse(codeInvalidArgument, "The request did not contain any ack IDs.")
	}
	for _, d := range s.backlog {
		d.gone = d.gone || d.ackID != "" && slices.Contains(in.AckIds, d.ackID)
	}
	s.tidy()
	return &pubsub.Empty{}, nil
}

func (s *subscription) tidy() {
	s.backlog = slices.DeleteFunc(s.backlog, func(d *delivery) bool { return d.gone })
}

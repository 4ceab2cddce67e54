package aws

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
)

// What begins the ids of the statements that let topics call the alias.
const (
	topicGrant  = "ferry-topic-"
	joinedGrant = "ferry-joined-" // of a topic to which the alias was subscribed before: ferry does not end that
)

// topicARNs are the topics that shall call the function, sorted.
func (b *binder) topicARNs() []string {
	var arns []string
	for _, e := range b.fn.Events {
		if e.Topic != nil {
			arns = append(arns, b.c.resourceARN(b.fn, "sns", e.Topic.Name))
		}
	}
	slices.Sort(arns)
	return slices.Compact(arns)
}

// subscription is the ARN of the alias' subscription to a topic, "" when there is none. A topic that is gone has none.
func (b *binder) subscription(ctx context.Context, topic string) (string, error) {
	pages := sns.NewListSubscriptionsByTopicPaginator(b.c.sns, &sns.ListSubscriptionsByTopicInput{TopicArn: &topic})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx, regionOf(topic))
		if err != nil {
			return "", unlessMissing(err)
		}
		for _, s := range page.Subscriptions {
			if aws.ToString(s.Protocol) == "lambda" && aws.ToString(s.Endpoint) == b.alias {
				return aws.ToString(s.SubscriptionArn), nil
			}
		}
	}
	return "", nil
}

func (b *binder) callingTopics(ctx context.Context) ([]bool, error) {
	var calling []bool
	for _, topic := range b.granted(topicGrant, joinedGrant) {
		subscription, err := b.subscription(ctx, topic)
		if err != nil {
			return nil, err
		}
		calling = append(calling, subscription != "")
	}
	return calling, nil
}

// bindTopics grants before it subscribes and subscribes no more before it takes the grant away: a subscription without
// a grant would not be found again.
func (b *binder) bindTopics(ctx context.Context) error {
	wanted := b.topicARNs()
	for _, topic := range b.granted(topicGrant, joinedGrant) {
		if slices.Contains(wanted, topic) {
			continue
		}
		if err := b.unsubscribe(ctx, topic); err != nil {
			return err
		}
		if err := b.forbid(ctx, b.topicGrantID(topic)); err != nil {
			return err
		}
	}
	for _, topic := range wanted {
		if err := b.bindTopic(ctx, topic); err != nil {
			return err
		}
	}
	return nil
}

// topicGrantID is the id of the statement that lets a topic call the alias.
func (b *binder) topicGrantID(topic string) string {
	if joined := grantID(joinedGrant, topic); b.grants[joined].source != "" {
		return joined
	}
	return grantID(topicGrant, topic)
}

// bindTopic grants and subscribes. A subscription that is there without a grant of ferry's is somebody else's, to keep.
func (b *binder) bindTopic(ctx context.Context, topic string) error {
	has, err := b.subscription(ctx, topic)
	if err != nil {
		return err
	}
	id := b.topicGrantID(topic)
	if _, granted := b.grants[id]; !granted && has != "" {
		id = grantID(joinedGrant, topic)
	}
	if err := b.permit(ctx, id, "sns", grant{source: topic}); err != nil {
		return err
	}
	switch {
	case b.paused && has != "":
		return b.unsubscribe(ctx, topic)
	case b.paused || has != "":
		return nil
	}
	b.wrote = true
	_, err = b.c.sns.Subscribe(ctx, &sns.SubscribeInput{
		TopicArn: &topic, Protocol: aws.String("lambda"), Endpoint: &b.alias, ReturnSubscriptionArn: true,
	}, regionOf(topic))
	return err
}

// unsubscribe ends the subscription to a topic, if it is ferry's.
func (b *binder) unsubscribe(ctx context.Context, topic string) error {
	has, err := b.subscription(ctx, topic)
	if _, joined := b.grants[grantID(joinedGrant, topic)]; err != nil || has == "" || joined {
		return err
	}
	b.wrote = true
	_, err = b.c.sns.Unsubscribe(ctx, &sns.UnsubscribeInput{SubscriptionArn: &has}, regionOf(topic))
	return unlessMissing(err)
}

// regionOf asks where the topic is: it may be elsewhere than the function.
func regionOf(topic string) func(*sns.Options) {
	return func(o *sns.Options) {
		if region := partOf(topic, 3); region != "" {
			o.Region = region
		}
	}
}

// lookAtTopic looks whether the topic is there and can call functions.
func lookAtTopic(ctx context.Context, r *resources, e manifest.Event) {
	arn := r.c.resourceARN(r.fn, "sns", e.Topic.Name)
	topic := lastPart(arn)
	if !r.first(arn) {
		return
	}
	if inOrder(topic) {
		r.problem(providers.Invalid, "subscribe a queue to it, and use a queue event", "the topic %s is FIFO: it cannot call functions", topic)
		return
	}
	_, err := r.c.sns.GetTopicAttributes(ctx, &sns.GetTopicAttributesInput{TopicArn: &arn}, regionOf(arn))
	switch {
	case isNotFound(err):
		r.problem(providers.NotFound, "run `aws sns create-topic --region "+partOf(arn, 3)+" --name "+topic+"`", "there is no topic %s", topic)
	case err != nil:
		r.failed(err)
	}
}

// tellTopics tells of the topics that a function is subscribed to.
func (o *original) tellTopics(ctx context.Context) error {
	b := &binder{c: o.connection, alias: o.arn}
	for _, topic := range o.permitted["sns"] {
		if unnamed(topic) {
			o.calls("sns", map[string]any{"SourceArn": topic})
			continue
		}
		subscription, err := b.subscription(ctx, topic)
		if err != nil {
			if err := o.unlessDenied(err, "sns:ListSubscriptionsByTopic: whether the topic "+lastPart(topic)+" calls it"); err != nil {
				return err
			}
			continue
		}
		if subscription == "" {
			continue
		}
		is, err := o.sns.GetSubscriptionAttributes(ctx, &sns.GetSubscriptionAttributesInput{SubscriptionArn: &subscription}, regionOf(topic))
		if err == nil {
			o.calls("SNS", map[string]any{"Topic": topic, "FilterPolicy": is.Attributes["FilterPolicy"], "RedrivePolicy": is.Attributes["RedrivePolicy"]})
			continue
		}
		o.calls("SNS", map[string]any{"Topic": topic})
		if err := o.unlessDenied(err, "sns:GetSubscriptionAttributes: which messages of the topic "+lastPart(topic)+" it gets"); err != nil {
			return err
		}
	}
	return nil
}

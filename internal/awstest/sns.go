package awstest

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"
)

func snsService() *service {
	return &service{name: "sns", protocol: query, ops: []*operation{
		{name: "CreateTopic", run: typed((*Cloud).createTopic)},
		{name: "GetTopicAttributes", run: typed((*Cloud).topicAttributes)},
		{name: "Subscribe", run: typed((*Cloud).subscribe)},
		{name: "Unsubscribe", run: typed((*Cloud).unsubscribe)},
		{name: "ListSubscriptionsByTopic", run: typed((*Cloud).listSubscriptions)},
		{name: "GetSubscriptionAttributes", run: typed((*Cloud).subscriptionAttributes)},
	}}
}

// topic is an SNS topic.
type topic struct {
	attributes    map[string]string
	subscriptions map[string]map[string]string // attributes by ARN
}

var topicName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,256}$|^[A-Za-z0-9_-]{1,251}\.fifo$`)

func (c *Cloud) topic(topicARN *string) (*topic, error) {
	t := c.topics[deref(topicARN)]
	if t == nil {
		return nil, refuse(404, "NotFound", "Topic does not exist")
	}
	return t, nil
}

func snsInvalid(text string) error {
	return refuse(400, "InvalidParameter", "Invalid parameter: %s", text)
}

func (c *Cloud) createTopic(in *sns.CreateTopicInput) (any, error) {
	if !topicName.MatchString(deref(in.Name)) {
		return nil, snsInvalid("Topic Name")
	}
	topicARN := arn("sns", *in.Name)
	if c.topics[topicARN] == nil {
		attributes := map[string]string{"TopicArn": topicARN, "Owner": Account}
		maps.Copy(attributes, in.Attributes)
		c.topics[topicARN] = &topic{attributes: attributes, subscriptions: map[string]map[string]string{}}
	}
	return &sns.CreateTopicOutput{TopicArn: &topicARN}, nil
}

func (c *Cloud) topicAttributes(in *sns.GetTopicAttributesInput) (any, error) {
	t, err := c.topic(in.TopicArn)
	if err != nil {
		return nil, err
	}
	return &sns.GetTopicAttributesOutput{Attributes: t.attributes}, nil
}

// subscribe lets functions listen. A subscription that is there already is given back, unless its attributes differ.
func (c *Cloud) subscribe(in *sns.SubscribeInput) (any, error) {
	t, err := c.topic(in.TopicArn)
	if err != nil {
		return nil, err
	}
	protocol, endpoint := deref(in.Protocol), deref(in.Endpoint)
	switch protocol {
	case "lambda":
		name, qualifier, err := reference(endpoint, "")
		f := c.functions[name]
		if err != nil || f == nil || f.find(qualifier) == nil || !strings.HasPrefix(endpoint, "arn:") {
			return nil, snsInvalid("Lambda endpoint ARN: " + endpoint)
		}
	case "sqs":
		if c.queueByARN(endpoint) == nil {
			return nil, snsInvalid("SQS endpoint ARN")
		}
	default:
		return nil, snsInvalid("Protocol: " + protocol)
	}
	for _, name := range sorted(in.Attributes) {
		if !slices.Contains([]string{"FilterPolicy", "FilterPolicyScope", "RawMessageDelivery", "RedrivePolicy"}, name) {
			return nil, snsInvalid("AttributeName: " + name)
		}
		if strings.HasSuffix(name, "Policy") && !json.Valid([]byte(in.Attributes[name])) {
			return nil, snsInvalid("Attributes Reason: " + name + ": failed to parse JSON.")
		}
	}
	for _, id := range sorted(t.subscriptions) {
		s := t.subscriptions[id]
		if s["Protocol"] != protocol || s["Endpoint"] != endpoint {
			continue
		}
		for name, value := range in.Attributes {
			if s[name] != value {
				return nil, snsInvalid("Attributes Reason: Subscription already exists with different attributes")
			}
		}
		return &sns.SubscribeOutput{SubscriptionArn: &id}, nil
	}
	id := *in.TopicArn + ":" + newID()
	s := map[string]string{
		"SubscriptionArn": id, "TopicArn": *in.TopicArn, "Protocol": protocol, "Endpoint": endpoint, "Owner": Account,
		"PendingConfirmation": "false", "ConfirmationWasAuthenticated": "true", "RawMessageDelivery": "false",
	}
	maps.Copy(s, in.Attributes)
	t.subscriptions[id] = s
	return &sns.SubscribeOutput{SubscriptionArn: &id}, nil
}

// subscription finds the topic of a subscription, which may be nil.
func (c *Cloud) subscription(id *string) (*topic, error) {
	cut := strings.LastIndex(deref(id), ":")
	if cut < 0 || strings.Count(*id, ":") != 6 {
		return nil, snsInvalid("SubscriptionId")
	}
	return c.topics[(*id)[:cut]], nil
}

func (c *Cloud) unsubscribe(in *sns.UnsubscribeInput) (any, error) {
	t, err := c.subscription(in.SubscriptionArn)
	if err != nil {
		return nil, err
	}
	if t != nil { // what is not there is no error
		delete(t.subscriptions, *in.SubscriptionArn)
	}
	return nil, nil
}

func (c *Cloud) listSubscriptions(in *sns.ListSubscriptionsByTopicInput) (any, error) {
	t, err := c.topic(in.TopicArn)
	if err != nil {
		return nil, err
	}
	var all []types.Subscription
	for _, id := range sorted(t.subscriptions) {
		s := t.subscriptions[id]
		all = append(all, types.Subscription{
			SubscriptionArn: &id, TopicArn: in.TopicArn, Protocol: new(s["Protocol"]), Endpoint: new(s["Endpoint"]), Owner: new(Account),
		})
	}
	items, next := page(all, in.NextToken, 100)
	return &sns.ListSubscriptionsByTopicOutput{Subscriptions: items, NextToken: next}, nil
}

func (c *Cloud) subscriptionAttributes(in *sns.GetSubscriptionAttributesInput) (any, error) {
	t, err := c.subscription(in.SubscriptionArn)
	if err != nil {
		return nil, err
	}
	if t == nil || t.subscriptions[*in.SubscriptionArn] == nil {
		return nil, refuse(404, "NotFound", "Subscription does not exist")
	}
	return &sns.GetSubscriptionAttributesOutput{Attributes: t.subscriptions[*in.SubscriptionArn]}, nil
}

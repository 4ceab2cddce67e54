package awstest

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

func sqsService() *service {
	return &service{name: "sqs", protocol: json10, ops: []*operation{
		{name: "CreateQueue", run: typed((*Cloud).createQueue)},
		{name: "GetQueueUrl", run: typed((*Cloud).queueURL)},
		{name: "GetQueueAttributes", run: typed((*Cloud).queueAttributes)},
		{name: "SetQueueAttributes", run: typed((*Cloud).setQueueAttributes)},
	}}
}

// queue is an SQS queue without its messages.
type queue struct {
	name       string
	attributes map[string]string
}

var queueName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,80}$|^[A-Za-z0-9_-]{1,75}\.fifo$`)

// The ranges of the attributes that are numbers.
var queueRanges = map[string][2]int{
	"VisibilityTimeout": {0, 43200}, "MessageRetentionPeriod": {60, 1209600}, "DelaySeconds": {0, 900},
	"ReceiveMessageWaitTimeSeconds": {0, 20}, "MaximumMessageSize": {1024, 1048576},
}

func (c *Cloud) queueByARN(queueARN string) *queue {
	name, _ := strings.CutPrefix(queueARN, arn("sqs", ""))
	return c.queues[name]
}

func (c *Cloud) queueAddress(name string) *string {
	return new(c.Endpoint() + "/" + Account + "/" + name)
}

func noQueue() error {
	return refuse(400, "com.amazonaws.sqs#QueueDoesNotExist", "The specified queue does not exist.")
}

func checkQueue(attributes map[string]string) error {
	for _, name := range sorted(attributes) {
		if limits, ok := queueRanges[name]; ok {
			if n, err := strconv.Atoi(attributes[name]); err != nil || n < limits[0] || n > limits[1] {
				return refuse(400, "com.amazonaws.sqs#InvalidAttributeValue", "Invalid value for the parameter %s.", name)
			}
		} else if !slices.Contains(types.QueueAttributeName("").Values(), types.QueueAttributeName(name)) {
			return refuse(400, "com.amazonaws.sqs#InvalidAttributeName", "Unknown Attribute %s.", name)
		}
	}
	return nil
}

func (c *Cloud) createQueue(in *sqs.CreateQueueInput) (any, error) {
	name := deref(in.QueueName)
	if !queueName.MatchString(name) || strings.HasSuffix(name, ".fifo") != (in.Attributes["FifoQueue"] == "true") {
		return nil, refuse(400, "com.amazonaws.sqs#InvalidParameterValue",
			"Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length")
	}
	if err := checkQueue(in.Attributes); err != nil {
		return nil, err
	}
	attributes := map[string]string{
		"VisibilityTimeout": "30", "MessageRetentionPeriod": "345600", "DelaySeconds": "0", "ReceiveMessageWaitTimeSeconds": "0",
		"MaximumMessageSize": "1048576", "QueueArn": arn("sqs", name), "CreatedTimestamp": strconv.FormatInt(now().Unix(), 10),
	}
	if q := c.queues[name]; q != nil {
		for key, value := range in.Attributes {
			if q.attributes[key] != value {
				return nil, refuse(400, "com.amazonaws.sqs#QueueNameExists", "A queue already exists with the same name and a different value for attribute %s", key)
			}
		}
		return &sqs.CreateQueueOutput{QueueUrl: c.queueAddress(name)}, nil
	}
	maps.Copy(attributes, in.Attributes)
	c.queues[name] = &queue{name: name, attributes: attributes}
	return &sqs.CreateQueueOutput{QueueUrl: c.queueAddress(name)}, nil
}

func (c *Cloud) queueURL(in *sqs.GetQueueUrlInput) (any, error) {
	if c.queues[deref(in.QueueName)] == nil || in.QueueOwnerAWSAccountId != nil && *in.QueueOwnerAWSAccountId != Account {
		return nil, noQueue()
	}
	return &sqs.GetQueueUrlOutput{QueueUrl: c.queueAddress(*in.QueueName)}, nil
}

func (c *Cloud) queue(url *string) (*queue, error) {
	name := deref(url)
	q := c.queues[name[strings.LastIndex(name, "/")+1:]]
	if q == nil {
		return nil, noQueue()
	}
	return q, nil
}

func (c *Cloud) queueAttributes(in *sqs.GetQueueAttributesInput) (any, error) {
	q, err := c.queue(in.QueueUrl)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, name := range in.AttributeNames {
		if name == types.QueueAttributeNameAll {
			return &sqs.GetQueueAttributesOutput{Attributes: q.attributes}, nil
		}
		if value, ok := q.attributes[string(name)]; ok {
			out[string(name)] = value
		}
	}
	return &sqs.GetQueueAttributesOutput{Attributes: out}, nil
}

func (c *Cloud) setQueueAttributes(in *sqs.SetQueueAttributesInput) (any, error) {
	q, err := c.queue(in.QueueUrl)
	if err != nil {
		return nil, err
	}
	if err := checkQueue(in.Attributes); err != nil {
		return nil, err
	}
	next := maps.Clone(q.attributes)
	maps.Copy(next, in.Attributes)
	q.attributes = next
	return struct{}{}, nil
}

package aws

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
)

// resourceARN is the ARN of what an event names: by the target's resources, else of that name in this account.
func (c *connection) resourceARN(fn function, service, resource string) string {
	if mapped, ok := fn.own.Resources[resource]; ok {
		resource = mapped
	}
	switch {
	case strings.HasPrefix(resource, "arn:"):
		return resource
	case service == "s3":
		return "arn:" + c.partition + ":s3:::" + resource
	}
	return c.arn(service, resource)
}

// lastPart is the name at the end of the ARN of a queue, topic or bucket.
func lastPart(arn string) string { return arn[strings.LastIndex(arn, ":")+1:] }

// partOf is one part of an ARN: 3 is the region, 4 the account.
func partOf(arn string, i int) string {
	if parts := strings.SplitN(arn, ":", 6); len(parts) == 6 {
		return parts[i]
	}
	return ""
}

// checkResources reports all that keeps the spec's events from being bound: what does not exist, and queues that do
// not fit the function; and a log group whose retention is not ferry's to set.
func (c *connection) checkResources(ctx context.Context, s spec) error {
	r := &resources{c: c, fn: s.function}
	if s.function.own.LogRetention != 0 {
		if _, err := c.ownLogGroup(ctx, s.function); unlessMissing(err) != nil {
			r.failed(err)
		}
	}
	for _, e := range s.function.Events {
		switch {
		case e.Queue != nil:
			r.queue(ctx, e.Queue)
		case e.Topic != nil:
			r.topic(ctx, e.Topic.Name)
		case e.Object != nil:
			r.bucket(ctx, e.Object.Bucket)
		}
	}
	return errors.Join(r.problems...)
}

// resources gathers the problems of what a function's events name.
type resources struct {
	c        *connection
	fn       function
	seen     []string // ARNs
	problems []error
}

// first reports whether a resource was not looked at yet.
func (r *resources) first(arn string) bool {
	if slices.Contains(r.seen, arn) {
		return false
	}
	r.seen = append(r.seen, arn)
	return true
}

func (r *resources) problem(kind providers.Kind, hint, format string, args ...any) {
	r.problems = append(r.problems, &providers.Error{
		Kind: kind, Op: "check the events of", Provider: name, Function: r.fn.Name, Hint: hint, Err: fmt.Errorf(format, args...),
	})
}

// failed keeps an error of AWS.
func (r *resources) failed(err error) {
	r.problems = append(r.problems, r.c.classify("check the events of", r.fn.Name, err))
}

func (r *resources) queue(ctx context.Context, e *manifest.QueueEvent) {
	arn := r.c.resourceARN(r.fn, "sqs", e.Name)
	queue, region := lastPart(arn), partOf(arn, 3)
	switch {
	case !r.first(arn):
		r.problem(providers.Invalid, "remove one of the two events", "the queue %s calls the function twice", queue)
		return
	case region != r.c.region:
		r.problem(providers.Invalid, "use a queue in "+r.c.region, "the queue %s is in %s: Lambda reads queues of its own region only", queue, region)
		return
	}
	in := &sqs.GetQueueUrlInput{QueueName: &queue}
	if owner := partOf(arn, 4); owner != r.c.account {
		in.QueueOwnerAWSAccountId = &owner
	}
	found, err := r.c.sqs.GetQueueUrl(ctx, in)
	if isNotFound(err) {
		create := "aws sqs create-queue --region " + r.c.region + " --queue-name " + queue
		visibility := strconv.Itoa(r.visibility(e))
		if strings.HasSuffix(queue, ".fifo") {
			create += " --attributes FifoQueue=true,VisibilityTimeout=" + visibility
		} else {
			create += " --attributes VisibilityTimeout=" + visibility
		}
		r.problem(providers.NotFound, "run `"+create+"`", "there is no queue %s", queue)
		return
	}
	if err != nil {
		r.failed(err)
		return
	}
	r.fits(ctx, e, queue, aws.ToString(found.QueueUrl))
}

// visibility is how long a message should be hidden while the function works on it: six times its time limit, as AWS
// recommends, and the time in which a batch is gathered.
func (r *resources) visibility(e *manifest.QueueEvent) int {
	window := 0
	if e.Batch > 10 {
		window = 1
	}
	return min(6*r.limit()+window, 12*60*60)
}

// limit is the function's time limit in seconds.
func (r *resources) limit() int { return int(r.fn.Timeout.Std().Seconds()) }

// fits compares the queue's time limit with the function's.
func (r *resources) fits(ctx context.Context, e *manifest.QueueEvent, queue, url string) {
	out, err := r.c.sqs.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: &url, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameVisibilityTimeout},
	})
	if err != nil {
		r.failed(err)
		return
	}
	hidden, err := strconv.Atoi(out.Attributes[string(types.QueueAttributeNameVisibilityTimeout)])
	if err != nil || hidden >= r.limit() {
		return
	}
	r.problem(providers.Invalid,
		fmt.Sprintf("run `aws sqs set-queue-attributes --region %s --queue-url %s --attributes VisibilityTimeout=%d`", r.c.region, url, r.visibility(e)),
		"the queue %s hands a message out again after %ds, and the function may work on it for %ds", queue, hidden, r.limit())
}

func (r *resources) topic(ctx context.Context, named string) {
	arn := r.c.resourceARN(r.fn, "sns", named)
	topic := lastPart(arn)
	if !r.first(arn) {
		return
	}
	if strings.HasSuffix(topic, ".fifo") {
		r.problem(providers.Invalid, "subscribe a queue to it, and use a queue event", "the topic %s is first-in-first-out: it calls no functions", topic)
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

func (r *resources) bucket(ctx context.Context, named string) {
	arn := r.c.resourceARN(r.fn, "s3", named)
	bucket := lastPart(arn)
	if !r.first(arn) {
		return
	}
	out, err := r.c.s3.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &bucket, ExpectedBucketOwner: &r.c.account})
	var region string
	if err == nil {
		region = aws.ToString(out.BucketRegion)
	}
	switch {
	case isNotFound(err):
		r.problem(providers.NotFound, "run `aws s3 mb s3://"+bucket+" --region "+r.c.region+"`", "there is no bucket %s", bucket)
	case statusOf(err) == http.StatusMovedPermanently, region != "" && region != r.c.region:
		r.problem(providers.Invalid, "use a bucket in "+r.c.region, "the bucket %s is in another region: S3 calls functions of its own region only", bucket)
	case statusOf(err) == http.StatusForbidden:
		r.problem(providers.Denied, "check its name and owner, and allow s3:ListBucket",
			"the bucket %s may not be read, or is of another account than %s", bucket, r.c.account)
	case err != nil:
		r.failed(err)
	}
}

package aws

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// rule is one notification of a bucket, to whatever target.
type rule struct{ id, target string }

// deadTargets fails with the rules of others whose target is gone or does not let the bucket in, for one of which S3
// refuses all notifications of the bucket. unseen are the rules whose targets the caller may not look at.
func (b *binder) deadTargets(ctx context.Context, bucket string, all *types.NotificationConfiguration) (unseen []string, err error) {
	var rules []rule
	for _, n := range all.LambdaFunctionConfigurations {
		if !b.own(n) {
			rules = append(rules, rule{aws.ToString(n.Id), aws.ToString(n.LambdaFunctionArn)})
		}
	}
	for _, n := range all.QueueConfigurations {
		rules = append(rules, rule{aws.ToString(n.Id), aws.ToString(n.QueueArn)})
	}
	for _, n := range all.TopicConfigurations {
		rules = append(rules, rule{aws.ToString(n.Id), aws.ToString(n.TopicArn)})
	}
	var dead []string
	for _, r := range rules {
		reason, err := b.deadTarget(ctx, bucket, r.target)
		switch {
		case err != nil: // looking further is a favour: what S3 said is reported all the same
			unseen = append(unseen, fmt.Sprintf("%q to %s", r.id, r.target))
		case reason != "":
			dead = append(dead, fmt.Sprintf("%q, whose target %s", r.id, reason))
		}
	}
	if len(dead) == 0 {
		return unseen, nil
	}
	return unseen, b.foreign("take that rule out of the bucket's event notifications, or put its target right",
		"S3 takes no notifications of the bucket %s while it has a rule of others that leads nowhere: %s", lastPart(bucket), strings.Join(dead, "; "))
}

// deadTarget says what keeps S3 from calling a target, "" when nothing is seen.
func (b *binder) deadTarget(ctx context.Context, bucket, target string) (reason string, err error) {
	switch {
	case strings.Contains(target, ":lambda:"):
		var out *lambda.GetPolicyOutput
		if _, err = b.c.lambda.GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: &target}); err != nil {
			break
		}
		out, err = b.c.lambda.GetPolicy(ctx, &lambda.GetPolicyInput{FunctionName: &target})
		if isNotFound(err) || err == nil && !admits(aws.ToString(out.Policy), bucket) {
			return "is the function " + target + ", which does not let the bucket call it", nil
		}
	case strings.Contains(target, ":sqs:"):
		in := &sqs.GetQueueUrlInput{QueueName: aws.String(lastPart(target)), QueueOwnerAWSAccountId: aws.String(partOf(target, 4))}
		_, err = b.c.sqs.GetQueueUrl(ctx, in)
	case strings.Contains(target, ":sns:"):
		_, err = b.c.sns.GetTopicAttributes(ctx, &sns.GetTopicAttributesInput{TopicArn: &target}, regionOf(target))
	}
	if isNotFound(err) {
		return "was " + target + ", which is gone", nil
	}
	return "", err
}

// admits reports whether a function's policy lets a bucket call it, as far as its statements name services and buckets.
func admits(document, bucket string) bool {
	statements, err := statementsOf(document)
	return err != nil || slices.ContainsFunc(statements, func(s string) bool {
		anyBucket := !strings.Contains(s, ":s3:::")
		return (strings.Contains(s, "s3.amazonaws.com") || strings.Contains(s, `"*"`)) && (anyBucket || strings.Contains(s, bucket) || strings.Contains(s, "*"))
	})
}

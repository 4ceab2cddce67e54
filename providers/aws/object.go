package aws

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/until"
)

// bucketGrant begins the ids of the statements that let buckets call the alias.
const bucketGrant = "ferry-bucket-"

// notificationPrefix begins the ids of ferry's notifications.
const notificationPrefix = "ferry-"

// mergeTries is how often a bucket's notifications are merged again when another changes them at the same time.
const mergeTries = 5

type notifications = []types.LambdaFunctionConfiguration

// wantedNotifications are those that the function's events need, by the bucket's ARN.
func (b *binder) wantedNotifications() map[string]notifications {
	wanted := map[string]notifications{}
	for _, e := range b.fn.Events {
		if e.Object == nil {
			continue
		}
		n := types.LambdaFunctionConfiguration{LambdaFunctionArn: &b.alias}
		for _, on := range slices.Compact(slices.Sorted(slices.Values(e.Object.On))) {
			n.Events = append(n.Events, map[string]types.Event{
				"created": "s3:ObjectCreated:*", "deleted": "s3:ObjectRemoved:*",
			}[on])
		}
		var rules []types.FilterRule
		if e.Object.Prefix != "" {
			rules = append(rules, types.FilterRule{Name: types.FilterRuleNamePrefix, Value: aws.String(e.Object.Prefix)})
		}
		if e.Object.Suffix != "" {
			rules = append(rules, types.FilterRule{Name: types.FilterRuleNameSuffix, Value: aws.String(e.Object.Suffix)})
		}
		if rules != nil {
			n.Filter = &types.NotificationConfigurationFilter{Key: &types.S3KeyFilter{FilterRules: rules}}
		}
		n.Id = aws.String(notificationPrefix + b.c.functionName(b.fn.Name) + "-" + short([]byte(meaning(n))))
		arn := b.c.resourceARN(b.fn, "s3", e.Object.Bucket)
		wanted[arn] = append(wanted[arn], n)
	}
	return wanted
}

// objectRights let an app of Azure's model read the objects that it hears of: their content is a part of its events.
func objectRights(c *connection, fn function) []statement {
	var objects []string
	for _, e := range fn.Events {
		if e.Object != nil && fn.Style == manifest.StyleAzure {
			objects = append(objects, c.resourceARN(fn, "s3", e.Object.Bucket)+"/*")
		}
	}
	if len(objects) == 0 {
		return nil
	}
	return []statement{allow(slices.Compact(slices.Sorted(slices.Values(objects))), "s3:GetObject")}
}

// meaning is what a notification does, apart from its id.
func meaning(n types.LambdaFunctionConfiguration) string {
	events := slices.Sorted(slices.Values(n.Events))
	var rules []string
	if n.Filter != nil && n.Filter.Key != nil {
		for _, r := range n.Filter.Key.FilterRules {
			rules = append(rules, strings.ToLower(string(r.Name))+"="+aws.ToString(r.Value)) // S3 writes Prefix and prefix
		}
	}
	slices.Sort(rules)
	return fmt.Sprintf("%s %q %q", aws.ToString(n.LambdaFunctionArn), events, rules)
}

// own reports whether ferry made a notification for this function.
func (b *binder) own(n types.LambdaFunctionConfiguration) bool {
	return aws.ToString(n.LambdaFunctionArn) == b.alias && strings.HasPrefix(aws.ToString(n.Id), notificationPrefix)
}

func (b *binder) callingBuckets(ctx context.Context) ([]bool, error) {
	var calling []bool
	for _, bucket := range b.granted(bucketGrant) {
		out, err := b.notifications(ctx, bucket)
		if err != nil && !isNotFound(err) {
			return nil, err
		}
		calling = append(calling, err == nil && slices.ContainsFunc(out.LambdaFunctionConfigurations, b.own))
	}
	return calling, nil
}

func (b *binder) bindBuckets(ctx context.Context) error {
	wanted := b.wantedNotifications()
	for _, bucket := range b.granted(bucketGrant) {
		if wanted[bucket] != nil {
			continue
		}
		if err := b.notify(ctx, bucket, nil); err != nil && !isNotFound(err) {
			return err
		}
		if err := b.forbid(ctx, grantID(bucketGrant, bucket)); err != nil {
			return err
		}
	}
	for _, bucket := range slices.Sorted(maps.Keys(wanted)) {
		if err := b.permit(ctx, grantID(bucketGrant, bucket), "s3", grant{source: bucket, account: b.c.account}); err != nil {
			return err
		}
		want := wanted[bucket]
		if b.paused {
			want = nil
		}
		if err := b.notify(ctx, bucket, want); err != nil {
			return err
		}
	}
	return nil
}

func (b *binder) notifications(ctx context.Context, bucket string) (*s3.GetBucketNotificationConfigurationOutput, error) {
	return b.c.s3.GetBucketNotificationConfiguration(ctx, &s3.GetBucketNotificationConfigurationInput{
		Bucket: aws.String(lastPart(bucket)), ExpectedBucketOwner: &b.c.account,
	})
}

// notify makes the bucket's notifications to the alias exactly these and keeps all others. S3 knows the configuration
// only as a whole and has no condition for writing it, so it is read again after a write and merged again when another
// writer was in between.
func (b *binder) notify(ctx context.Context, bucket string, want notifications) error {
	b.c.notifying.Lock() // functions of one service often share a bucket
	defer b.c.notifying.Unlock()
	for range mergeTries {
		now, err := b.notifications(ctx, bucket)
		if err != nil {
			return err
		}
		merged, differs := b.merge(now, want)
		if !differs {
			return nil
		}
		b.wrote = true
		if err := b.putNotifications(ctx, bucket, merged, len(want) == 0); err != nil {
			return err
		}
	}
	return &providers.Error{
		Kind: providers.Conflict, Op: "bind", Provider: name, Function: b.fn.Name, Hint: "run the command again",
		Err: fmt.Errorf("somebody else keeps changing the notifications of the bucket %s", lastPart(bucket)),
	}
}

// putNotifications writes a bucket's notifications. S3 looks whether it may call every target, of others' rules too: one
// that is gone is named at once, and a right to call the alias that is new to S3 is waited for. What is to be taken away
// goes also when a target of another is gone.
func (b *binder) putNotifications(ctx context.Context, bucket string, all *types.NotificationConfiguration, unchecked bool) error {
	looked := false
	var others []string // rules that could not be looked into
	err := until.Done(ctx, func() error {
		_, err := b.c.s3.PutBucketNotificationConfiguration(ctx, &s3.PutBucketNotificationConfigurationInput{
			Bucket: aws.String(lastPart(bucket)), ExpectedBucketOwner: &b.c.account, NotificationConfiguration: all,
			SkipDestinationValidation: aws.Bool(unchecked),
		})
		if looked || !notValidated(err) {
			return err
		}
		looked = true
		var found error
		if others, found = b.deadTargets(ctx, bucket, all); found != nil {
			return found
		}
		return err
	}, b.c.waiter.newTarget())
	if notValidated(err) && len(others) > 0 {
		return b.foreign("check that their targets exist and allow the bucket to call them",
			"S3 refuses the notifications of the bucket %s because of a target, possibly that of somebody else's rule: %s", lastPart(bucket), strings.Join(others, ", "))
	}
	if err != nil {
		return fmt.Errorf("changing the notifications of the bucket %s: %w", lastPart(bucket), err)
	}
	return nil
}

// merge replaces the notifications to the alias among all of the bucket's, and reports whether that changes anything.
func (b *binder) merge(now *s3.GetBucketNotificationConfigurationOutput, want notifications) (*types.NotificationConfiguration, bool) {
	var own, merged notifications
	for _, n := range now.LambdaFunctionConfigurations {
		if b.own(n) {
			own = append(own, n)
		} else {
			merged = append(merged, n)
		}
	}
	same := slices.EqualFunc(byID(own), byID(want), func(x, y types.LambdaFunctionConfiguration) bool {
		return aws.ToString(x.Id) == aws.ToString(y.Id) && meaning(x) == meaning(y)
	})
	return &types.NotificationConfiguration{
		EventBridgeConfiguration:     now.EventBridgeConfiguration,
		LambdaFunctionConfigurations: append(merged, want...),
		QueueConfigurations:          now.QueueConfigurations,
		TopicConfigurations:          now.TopicConfigurations,
	}, !same
}

func byID(n notifications) notifications {
	return slices.SortedFunc(slices.Values(n), func(x, y types.LambdaFunctionConfiguration) int {
		return cmp.Compare(aws.ToString(x.Id), aws.ToString(y.Id))
	})
}

// notValidated reports whether S3 was not let call a target yet.
func notValidated(err error) bool {
	code, message := codeOf(err)
	return code == "InvalidArgument" && strings.Contains(message, "Unable to validate the following destination configurations")
}

// lookAtBucket looks whether the bucket is there, in the region, and may be read.
func lookAtBucket(ctx context.Context, r *resources, e manifest.Event) {
	arn := r.c.resourceARN(r.fn, "s3", e.Object.Bucket)
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
		r.problem(providers.Invalid, "use a bucket in "+r.c.region, "the bucket %s is in another region: S3 only calls functions in its own region", bucket)
	case statusOf(err) == http.StatusForbidden:
		r.problem(providers.Denied, "check its name and owner, and allow s3:ListBucket",
			"the bucket %s cannot be read, or belongs to an account other than %s", bucket, r.c.account)
	case err != nil:
		r.failed(err)
	}
}

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
	return unseen, b.foreign("remove that rule from the bucket's event notifications, or fix its target",
		"S3 accepts no notifications for the bucket %s while somebody else's rule leads nowhere: %s", lastPart(bucket), strings.Join(dead, "; "))
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

// tellBuckets tells of the notifications of buckets that call a function.
func (o *original) tellBuckets(ctx context.Context) error {
	for _, bucket := range o.permitted["s3"] {
		if unnamed(bucket) {
			o.calls("s3", map[string]any{"SourceArn": bucket})
			continue
		}
		is, err := o.s3.GetBucketNotificationConfiguration(ctx, &s3.GetBucketNotificationConfigurationInput{Bucket: aws.String(lastPart(bucket))})
		if err != nil {
			if err := o.unlessDenied(unlessMissing(err), "s3:GetBucketNotification: what the bucket "+lastPart(bucket)+" calls it for"); err != nil {
				return err
			}
			continue
		}
		for _, n := range is.LambdaFunctionConfigurations {
			if aws.ToString(n.LambdaFunctionArn) != o.arn {
				continue
			}
			words := map[string]any{"Bucket": lastPart(bucket), "Events": n.Events}
			if n.Filter != nil && n.Filter.Key != nil {
				words["Filter"] = map[string]any{"S3Key": map[string]any{"Rules": n.Filter.Key.FilterRules}}
			}
			o.calls("S3", words)
		}
	}
	return nil
}

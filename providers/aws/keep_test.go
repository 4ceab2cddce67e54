package aws

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	schedules "github.com/aws/aws-sdk-go-v2/service/scheduler/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/release"
)

func TestALogGroupThatWasThereOutlivesTheFunction(t *testing.T) {
	s := newTenant(t).imitated()
	group := "/aws/lambda/" + *physical("api")
	_, err := s.logs.CreateLogGroup(t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: &group}) // as Lambda leaves them
	s.must(err)
	before := s.Snapshot()
	s.declare("api", "one")
	s.deploy()
	s.own("api", `{"tags": {"team": "a"}}`)
	s.deploy()
	s.remove(release.RemoveOptions{Purge: true})
	equal(t, "what is left", strings.Split(s.Snapshot(), "\n"), strings.Split(before, "\n"))
}

func TestARetentionThatCannotBeSetIsRefusedBeforeAnythingIsMade(t *testing.T) {
	s := newTenant(t).imitated()
	group := "/aws/lambda/" + *physical("api")
	_, err := s.logs.CreateLogGroup(t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: &group})
	s.must(err)
	s.declare("api", "one")
	s.deploy()
	s.own("api", `{"log_retention": 7}`)
	s.Reset()
	_, err = s.engine().Deploy(t.Context(), release.DeployOptions{})
	if !errors.Is(err, providers.Foreign) || !strings.Contains(hintIn(err), "aws logs tag-resource") {
		t.Errorf("the deploy says %v, with the hint %q", err, hintIn(err))
	}
	equal(t, "the writes to Lambda", s.wrote("lambda"), nil)
}

// surrounded is a function of somebody else, with an alias live and all that can stand around it.
func (s *tenant) surrounded(fn string) {
	s.Helper()
	ctx, cfg := s.Context(), s.lambda.Options()
	queues := sqs.New(sqs.Options{Region: cfg.Region, BaseEndpoint: cfg.BaseEndpoint, Credentials: cfg.Credentials})
	topics := sns.New(sns.Options{Region: cfg.Region, BaseEndpoint: cfg.BaseEndpoint, Credentials: cfg.Credentials})
	times := scheduler.New(scheduler.Options{Region: cfg.Region, BaseEndpoint: cfg.BaseEndpoint, Credentials: cfg.Credentials})
	s.giveRole()
	s.foreign(fn)
	s.at(fn, "$LATEST")
	_, err := s.lambda.UpdateFunctionConfiguration(ctx, &lambda.UpdateFunctionConfigurationInput{FunctionName: physical(fn), Role: aws.String(given)})
	s.must(err)
	s.at(fn, "$LATEST")
	for range 2 { // of which the first is nobody's any more, but theirs to delete
		v, err := s.lambda.PublishVersion(ctx, &lambda.PublishVersionInput{FunctionName: physical(fn)})
		s.must(err)
		s.at(fn, *v.Version)
		_, err = s.lambda.UpdateFunctionConfiguration(ctx, &lambda.UpdateFunctionConfigurationInput{FunctionName: physical(fn), Description: aws.String("theirs " + *v.Version)})
		s.must(err)
		s.at(fn, "$LATEST")
	}
	_, err = s.lambda.CreateAlias(ctx, &lambda.CreateAliasInput{FunctionName: physical(fn), Name: aws.String("live"), FunctionVersion: aws.String("2")})
	s.must(err)
	_, err = s.lambda.CreateFunctionUrlConfig(ctx, &lambda.CreateFunctionUrlConfigInput{FunctionName: physical(fn), Qualifier: aws.String("live"), AuthType: types.FunctionUrlAuthTypeAwsIam})
	s.must(err)
	alias := *s.alias(fn).AliasArn
	for id, who := range map[string]string{"theirs": "s3", "topics": "sns"} {
		_, err = s.lambda.AddPermission(ctx, &lambda.AddPermissionInput{
			FunctionName: physical(fn), Qualifier: aws.String("live"), StatementId: aws.String(id), Action: aws.String("lambda:InvokeFunction"), Principal: aws.String(who + ".amazonaws.com"),
		})
		s.must(err)
	}
	group := "/aws/lambda/" + *physical(fn)
	_, err = s.logs.CreateLogGroup(ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: &group})
	s.must(err)
	for _, queue := range []string{"orders", "theirs"} {
		_, err = queues.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: &queue, Attributes: map[string]string{"VisibilityTimeout": "60"}})
		s.must(err)
	}
	_, err = s.lambda.CreateEventSourceMapping(ctx, &lambda.CreateEventSourceMappingInput{FunctionName: &alias, EventSourceArn: aws.String("arn:aws:sqs:eu-west-1:123456789012:theirs")})
	s.must(err)
	topic, err := topics.CreateTopic(ctx, &sns.CreateTopicInput{Name: aws.String("signups")})
	s.must(err)
	_, err = topics.Subscribe(ctx, &sns.SubscribeInput{TopicArn: topic.TopicArn, Protocol: aws.String("lambda"), Endpoint: &alias})
	s.must(err)
	_, err = s.s3.CreateBucket(ctx, &s3.CreateBucketInput{
		Bucket: aws.String("uploads"), CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: "eu-west-1"},
	})
	s.must(err)
	_, err = s.s3.PutBucketNotificationConfiguration(ctx, &s3.PutBucketNotificationConfigurationInput{Bucket: aws.String("uploads"), NotificationConfiguration: &s3types.NotificationConfiguration{
		LambdaFunctionConfigurations: []s3types.LambdaFunctionConfiguration{{Id: aws.String("theirs"), LambdaFunctionArn: &alias, Events: []s3types.Event{"s3:ObjectRemoved:*"}}},
	}})
	s.must(err)
	_, err = times.CreateSchedule(ctx, &scheduler.CreateScheduleInput{
		Name: aws.String(*physical(fn) + ".7"), ScheduleExpression: aws.String("rate(1 day)"), FlexibleTimeWindow: &schedules.FlexibleTimeWindow{Mode: schedules.FlexibleTimeWindowModeOff},
		Target: &schedules.Target{Arn: &alias, RoleArn: aws.String(given)},
	})
	s.must(err)
}

// around are the things that stand around a function.
func (s *tenant) around() []string {
	var all []string
	for _, line := range s.lines("") {
		kind, _, _ := strings.Cut(line, " ")
		if slices.Contains([]string{"log-group", "role", "event-source-mapping", "subscription", "notification", "schedule", "queue", "topic", "bucket", "url", "permission"}, kind) && !strings.Contains(line, "ferry") {
			all = append(all, line)
		}
	}
	return all
}

// What stood around a function that was adopted stays, whatever the manifest has and has no more, until the function goes,
// and then all that can be without it.
func TestWhatStoodAroundAnAdoptedFunctionStays(t *testing.T) {
	s := newTenant(t).imitated()
	s.keep = 1
	s.surrounded("api")
	before := s.around()
	everything := append([]string{}, before...)
	s.declare("api", "one", published("signups"), messages("orders", 1), stored("uploads", "raw/", "created"), at("0 3 * * *"))
	s.deployed(release.DeployOptions{Adopt: true})
	for _, line := range everything {
		if !slices.Contains(s.lines(""), line) {
			t.Errorf("adopting it took away or changed %s", line)
		}
	}
	s.declare("api", "two", published("signups"))
	s.deploy()
	s.function("api").Events = s.function("api").Events[:0]
	s.deploy()
	equal(t, "what stands around it without events", s.around(), before)
	if got := s.versions("api"); !slices.Contains(got, "1") {
		t.Errorf("a version that ferry did not publish is gone: %v", got)
	}
	s.remove(release.RemoveOptions{Purge: true})
	left := slices.DeleteFunc(slices.Clone(before), func(line string) bool { // which are of the function itself
		return strings.HasPrefix(line, "url ") || strings.HasPrefix(line, "permission ")
	})
	equal(t, "what is left of what stood around it", s.around(), left)
}

// A rule of others whose target is gone blocks every change of a bucket's notifications at AWS. It is named, and at once.
func TestARuleOfOthersThatLeadsNowhereIsNamedAtOnce(t *testing.T) {
	function := func(arn string) *s3types.NotificationConfiguration {
		return &s3types.NotificationConfiguration{LambdaFunctionConfigurations: []s3types.LambdaFunctionConfiguration{
			{Id: aws.String("resize"), LambdaFunctionArn: &arn, Events: []s3types.Event{"s3:ObjectRemoved:*"}},
		}}
	}
	for what, c := range map[string]struct {
		rules *s3types.NotificationConfiguration
		want  string
	}{
		"a function that is gone": {function("arn:aws:lambda:eu-west-1:123456789012:function:thumbnails"), "arn:aws:lambda:eu-west-1:123456789012:function:thumbnails, which is gone"},
		"a version that is gone":  {function("arn:aws:lambda:eu-west-1:123456789012:function:shop-dev-theirs:9"), "shop-dev-theirs:9, which is gone"},
		"a function that lets nobody in": {
			function("arn:aws:lambda:eu-west-1:123456789012:function:shop-dev-theirs"), "shop-dev-theirs, which does not let the bucket call it",
		},
		"a queue that is gone": {&s3types.NotificationConfiguration{QueueConfigurations: []s3types.QueueConfiguration{
			{Id: aws.String("resize"), QueueArn: aws.String("arn:aws:sqs:eu-west-1:123456789012:old"), Events: []s3types.Event{"s3:ObjectRemoved:*"}},
		}}, "sqs:eu-west-1:123456789012:old, which is gone"},
		"a topic that is gone": {&s3types.NotificationConfiguration{TopicConfigurations: []s3types.TopicConfiguration{
			{Id: aws.String("resize"), TopicArn: aws.String("arn:aws:sns:eu-west-1:123456789012:old"), Events: []s3types.Event{"s3:ObjectRemoved:*"}},
		}}, "sns:eu-west-1:123456789012:old, which is gone"},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			s := newTenant(t).imitated()
			s.bound()
			s.foreign("theirs")
			_, err := s.s3.PutBucketNotificationConfiguration(t.Context(), &s3.PutBucketNotificationConfigurationInput{
				Bucket: aws.String("uploads"), NotificationConfiguration: c.rules, SkipDestinationValidation: aws.Bool(true), // it was there once
			})
			s.must(err)
			_, err = s.engine().Deploy(t.Context(), release.DeployOptions{})
			if err == nil || !errors.Is(err, providers.Foreign) {
				t.Fatalf("the deploy says %v", err)
			}
			for _, want := range []string{`"resize"`, "bucket uploads", c.want} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%v\n  does not say %s", err, want)
				}
			}
			puts := 0
			for _, call := range s.Calls() {
				if call.Operation == "PutBucketNotificationConfiguration" && call.Status == 400 {
					puts++
				}
			}
			if puts != 1 {
				t.Errorf("it was tried %d times", puts)
			}
		})
	}
}

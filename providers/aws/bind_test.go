package aws

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ferryfn/ferry/internal/standin"
	"github.com/ferryfn/ferry/providers"
)

func TestEveryKindOfEventIsBoundToTheAlias(t *testing.T) {
	acc := newAccount(t)
	s := everything(t)
	acc.deploy(s)
	acc.reads(s, providers.BindNone)
	acc.bind(s, providers.BindEnabled)

	alias := acc.c.aliasARN("worker")
	for _, line := range acc.boundThings() {
		if !strings.Contains(line, alias) && !strings.Contains(line, acc.a.functionName("worker")+":live") {
			t.Errorf("this is not of the alias: %s", line)
		}
	}
	if n := len(acc.boundThings()); n != 6 { // a schedule, a mapping, a subscription, a notification, two statements
		t.Errorf("%d things are bound:\n%s", n, strings.Join(acc.boundThings(), "\n"))
	}
	mapping := acc.lines("event-source-mapping")[0]
	for _, want := range []string{`"BatchSize":20`, `"MaximumBatchingWindowInSeconds":1`, `ReportBatchItemFailures`, `"ferry:function":"worker"`} {
		if !strings.Contains(mapping, want) {
			t.Errorf("the mapping lacks %s: %s", want, mapping)
		}
	}
}

func TestAScheduleHandsOnAnEventWhoseIDStaysTheSame(t *testing.T) {
	acc := newAccount(t)
	s := eventful(t, "nightly", "", at("0 3 * * 1-5"))
	acc.deploy(s)
	acc.bind(s, providers.BindEnabled)
	schedule := acc.a.schedulePrefix("nightly") + "0"
	out, err := acc.c.scheduler.GetSchedule(t.Context(), &scheduler.GetScheduleInput{Name: &schedule})
	acc.must(err)
	var got any
	acc.must(json.Unmarshal([]byte(*out.Target.Input), &got))
	want := map[string]any{"attempt": "<aws.scheduler.attempt-number>", "dev.ferry.event": map[string]any{
		"specversion": "1.0", "type": "dev.ferry.schedule.v1", "id": schedule + "/<aws.scheduler.scheduled-time>", "subject": schedule,
		"source": "<aws.scheduler.schedule-arn>", "time": "<aws.scheduler.scheduled-time>", "data": map[string]any{},
	}}
	if diff := cmp.Diff(any(want), got); diff != "" {
		t.Errorf("the input (-want +got):\n%s", diff)
	}
	if strings.Contains(*out.Target.Input, `\u003c`) {
		t.Errorf("the scheduler does not see its attributes in %s", *out.Target.Input)
	}
	if *out.ScheduleExpression != "cron(0 3 ? * MON-FRI *)" || *out.ScheduleExpressionTimezone != "Europe/Berlin" {
		t.Errorf("it is %s in %s", *out.ScheduleExpression, *out.ScheduleExpressionTimezone)
	}
}

func TestBindingTwiceWritesNothing(t *testing.T) {
	for _, mode := range []providers.Mode{providers.BindEnabled, providers.BindPaused, providers.BindNone} {
		acc := newAccount(t)
		s := everything(t)
		acc.deploy(s)
		acc.bind(s, providers.BindEnabled)
		acc.bind(s, mode)
		acc.Reset()
		acc.bind(s, mode)
		equal(t, "what is written to bind as "+string(mode), acc.writes(), nil)
	}
}

func TestPausedBindingsCallNothingAndCanBeEnabled(t *testing.T) {
	acc := newAccount(t)
	s := everything(t)
	acc.deploy(s)
	acc.bind(s, providers.BindPaused)
	equal(t, "what is subscribed and notified", acc.lines("subscription", "notification"), nil)
	acc.bind(s, providers.BindEnabled)
	acc.bind(s, providers.BindPaused)
	equal(t, "what is subscribed and notified", acc.lines("subscription", "notification"), nil)
	acc.bind(s, providers.BindEnabled)
}

func TestChangingAnEventUpdatesIt(t *testing.T) {
	acc := newAccount(t)
	acc.deploy(everything(t))
	acc.bind(everything(t), providers.BindEnabled)
	for _, c := range []struct {
		event  int
		to     string
		writes []string
	}{
		{0, "schedule", []string{"UpdateSchedule"}},
		{1, "queue", []string{"UpdateEventSourceMapping"}},
		{3, "bucket", []string{"PutBucketNotificationConfiguration"}},
	} {
		changed := everything(t)
		switch c.to {
		case "schedule":
			changed.Function.Events[0] = at("30 4 * * *")
		case "queue":
			changed.Function.Events[1] = messages("orders", 5)
		case "bucket":
			changed.Function.Events[3] = stored("uploads", "new/", "created")
		}
		acc.Reset()
		acc.bind(changed, providers.BindEnabled)
		equal(t, "what changing a "+c.to+" writes", acc.writes(), c.writes)
		acc.bind(everything(t), providers.BindEnabled)
	}
}

func TestWhatAnEarlierReleaseBoundIsUnbound(t *testing.T) {
	acc := newAccount(t)
	s := everything(t)
	acc.deploy(s)
	_, err := acc.c.sns.CreateTopic(t.Context(), &sns.CreateTopicInput{Name: aws.String("news")})
	acc.must(err)
	acc.bucket("archive")
	more := s
	more.Function.Events = append(slices.Clone(s.Function.Events), at("0 4 * * *"), published("news"), stored("archive", "", "created"))
	acc.bind(more, providers.BindEnabled)
	acc.bind(s, providers.BindEnabled)
	for _, line := range acc.boundThings() {
		if strings.Contains(line, "news") || strings.Contains(line, "archive") || strings.Contains(line, "worker.1") {
			t.Errorf("this is left: %s", line)
		}
	}
	fewer := eventful(t, "worker", "", messages("orders", 20))
	acc.bind(fewer, providers.BindEnabled)
	equal(t, "what is left is the mapping alone", kinds(acc.boundThings()), []string{"event-source-mapping"})
	equal(t, "the roles", namesOf(acc.lines("role")), []string{acc.a.roleName("worker")})
}

// kinds are the first words of lines, namesOf the second.
func kinds(lines []string) []string   { return words(lines, 0) }
func namesOf(lines []string) []string { return words(lines, 1) }

func words(lines []string, i int) []string {
	var all []string
	for _, line := range lines {
		all = append(all, strings.Fields(line)[i])
	}
	return all
}

func TestUnbindingLeavesNothing(t *testing.T) {
	acc := newAccount(t)
	s := everything(t)
	acc.deploy(s)
	before := acc.Snapshot()
	acc.bind(s, providers.BindEnabled)
	acc.must(acc.c.unbind(t.Context(), "worker"))
	acc.reads(s, providers.BindNone)
	if diff := cmp.Diff(before, acc.Snapshot()); diff != "" {
		t.Errorf("the account changed (-before +after):\n%s", diff)
	}
}

func TestUnbindingWhatDoesNotExistIsNoError(t *testing.T) {
	acc := newAccount(t)
	acc.must(acc.c.unbind(t.Context(), "nobody"))
	acc.must(acc.a.Bind(t.Context(), eventful(t, "nobody", "", at("0 3 * * *")), providers.BindNone, 0))
	err := acc.a.Bind(t.Context(), eventful(t, "nobody", "", at("0 3 * * *")), providers.BindEnabled, 0)
	if !errors.Is(err, providers.NotFound) {
		t.Errorf("binding it says: %v", err)
	}
}

func TestUnbindingForgetsATopicAndABucketThatAreGone(t *testing.T) {
	acc := newAccount(t)
	s := eventful(t, "worker", "", published("signups"), stored("uploads", "", "created"))
	acc.deploy(s)
	acc.bind(s, providers.BindEnabled)
	acc.Intercept(func(call standin.Call) standin.Fault {
		if call.Operation == "ListSubscriptionsByTopic" {
			return standin.Fail(404, "NotFound", "Topic does not exist")
		}
		return standin.Fault{}
	})
	_, err := acc.c.s3.DeleteBucket(t.Context(), &s3.DeleteBucketInput{Bucket: aws.String("uploads")})
	acc.must(err)
	acc.reads(s, providers.BindPaused)
	acc.bind(s, providers.BindNone)
	equal(t, "what is permitted", acc.lines("permission"), nil)
}

func TestForeignNotificationsAreKept(t *testing.T) {
	acc := newAccount(t)
	s := eventful(t, "worker", "", stored("uploads", "raw/", "created"))
	acc.deploy(s)
	queue := aws.String(acc.c.arn("sqs", "orders"))
	foreign := &s3types.NotificationConfiguration{
		EventBridgeConfiguration: &s3types.EventBridgeConfiguration{},
		QueueConfigurations: []s3types.QueueConfiguration{{
			Id: aws.String("theirs"), QueueArn: queue, Events: []s3types.Event{"s3:ObjectRemoved:*"},
			Filter: &s3types.NotificationConfigurationFilter{Key: &s3types.S3KeyFilter{FilterRules: []s3types.FilterRule{
				{Name: s3types.FilterRuleNamePrefix, Value: aws.String("a b/ü&<")}, {Name: s3types.FilterRuleNameSuffix, Value: aws.String(".txt")},
			}}},
		}},
		TopicConfigurations: []s3types.TopicConfiguration{{
			Id: aws.String("ferry-of-another"), TopicArn: aws.String(acc.c.arn("sns", "signups")), Events: []s3types.Event{"s3:ObjectTagging:*"},
		}},
		LambdaFunctionConfigurations: []s3types.LambdaFunctionConfiguration{{
			Id: aws.String("by hand"), LambdaFunctionArn: aws.String(acc.c.aliasARN("worker")), Events: []s3types.Event{"s3:ObjectRestore:*"},
		}},
	}
	_, err := acc.c.s3.PutBucketNotificationConfiguration(t.Context(), &s3.PutBucketNotificationConfigurationInput{
		Bucket: aws.String("uploads"), NotificationConfiguration: foreign, SkipDestinationValidation: aws.Bool(true),
	})
	acc.must(err)
	before := acc.notificationsOf("uploads")
	same := func(when string, got *s3types.NotificationConfiguration) {
		t.Helper()
		if diff := cmp.Diff(before, got, cmpopts.IgnoreUnexported(
			s3types.NotificationConfiguration{}, s3types.EventBridgeConfiguration{}, s3types.QueueConfiguration{}, s3types.TopicConfiguration{},
			s3types.LambdaFunctionConfiguration{}, s3types.NotificationConfigurationFilter{}, s3types.S3KeyFilter{}, s3types.FilterRule{},
		)); diff != "" {
			t.Errorf("%s, the foreign notifications changed (-before +after):\n%s", when, diff)
		}
	}
	acc.bind(s, providers.BindEnabled)
	after := acc.notificationsOf("uploads")
	n := len(after.LambdaFunctionConfigurations)
	after.LambdaFunctionConfigurations = slices.DeleteFunc(after.LambdaFunctionConfigurations, func(c s3types.LambdaFunctionConfiguration) bool {
		return strings.HasPrefix(*c.Id, "ferry-")
	})
	if n != 2 || len(after.LambdaFunctionConfigurations) != 1 {
		t.Errorf("there are %d notifications of functions", n)
	}
	same("bound", after)
	acc.bind(s, providers.BindNone)
	same("unbound", acc.notificationsOf("uploads"))
}

func TestFunctionsThatShareABucketKeepEachOthersNotifications(t *testing.T) {
	acc := newAccount(t)
	const many = 4
	specs := make([]providers.Spec, many)
	for i := range many {
		specs[i] = eventful(t, fmt.Sprintf("thumbs%d", i), "", stored("uploads", fmt.Sprintf("%d/", i), "created"))
		acc.deploy(specs[i])
	}
	var all sync.WaitGroup
	for _, s := range specs {
		all.Go(func() {
			if err := acc.a.Bind(t.Context(), s, providers.BindEnabled, 0); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for _, s := range specs {
		acc.reads(s, providers.BindEnabled)
	}
}

func TestANotificationThatAnotherOverwroteIsMergedAgain(t *testing.T) {
	acc := newAccount(t)
	s := eventful(t, "worker", "", stored("uploads", "raw/", "created"))
	acc.deploy(s)
	overwritten := false
	acc.Intercept(func(call standin.Call) standin.Fault {
		if call.Operation == "GetBucketNotificationConfiguration" && !overwritten && slices.Contains(acc.writes(), "PutBucketNotificationConfiguration") {
			overwritten = true
			_, err := acc.c.s3.PutBucketNotificationConfiguration(context.Background(), &s3.PutBucketNotificationConfigurationInput{
				Bucket: aws.String("uploads"), NotificationConfiguration: &s3types.NotificationConfiguration{
					EventBridgeConfiguration: &s3types.EventBridgeConfiguration{},
				},
			})
			if err != nil {
				t.Error(err)
			}
		}
		return standin.Fault{}
	})
	acc.bind(s, providers.BindEnabled)
	if got := acc.notificationsOf("uploads"); got.EventBridgeConfiguration == nil || len(got.LambdaFunctionConfigurations) != 1 || !overwritten {
		t.Errorf("the notifications are %+v", got)
	}
}

func TestForeignBindingsAreRefusedAndKept(t *testing.T) {
	acc := newAccount(t)
	s := eventful(t, "worker", "", messages("orders", 1))
	acc.deploy(s)
	alias := acc.c.aliasARN("worker")
	_, err := acc.c.lambda.CreateEventSourceMapping(t.Context(), &lambda.CreateEventSourceMappingInput{
		FunctionName: &alias, EventSourceArn: aws.String(acc.c.arn("sqs", "orders")),
	})
	acc.must(err)
	err = acc.a.Bind(t.Context(), s, providers.BindEnabled, 0)
	if !errors.Is(err, providers.Foreign) {
		t.Errorf("a mapping of the same queue: %v", err)
	}
	acc.must(acc.c.unbind(t.Context(), "worker"))
	if n := len(acc.lines("event-source-mapping")); n != 1 {
		t.Errorf("after unbinding there are %d mappings", n)
	}
	acc.reads(s, providers.BindNone)
}

func TestAFunctionThatFerryDidNotMakeIsNotBound(t *testing.T) {
	acc := newAccount(t)
	s := eventful(t, "worker", "", at("0 3 * * *"))
	acc.deploy(s)
	_, err := acc.c.lambda.UntagResource(t.Context(), &lambda.UntagResourceInput{
		Resource: aws.String(acc.c.arn("lambda", "function:"+acc.a.functionName("worker"))), TagKeys: []string{tagService},
	})
	acc.must(err)
	acc.Reset()
	if err := acc.a.Bind(t.Context(), s, providers.BindEnabled, 0); !errors.Is(err, providers.Foreign) {
		t.Errorf("binding it says: %v", err)
	}
	equal(t, "what was written", acc.writes(), nil)
}

func TestAMappingThatIsBeingMadeOrDeletedIsWaitedFor(t *testing.T) {
	t.Parallel()
	acc := newAccount(t)
	s := eventful(t, "worker", "", messages("orders", 1))
	acc.deploy(s)
	acc.UpdatingPolls(2)
	acc.bind(s, providers.BindEnabled)
	acc.bind(s, providers.BindNone)
}

func TestASecondBindMendsWhatAFailureLeft(t *testing.T) {
	t.Parallel()
	for _, fault := range []struct {
		name string
		make func() standin.Fault
	}{{"denied", standin.Deny}, {"lost reply", standin.LoseReply}, {"conflict", func() standin.Fault {
		return standin.Fail(409, "ConflictException", "It is being changed.")
	}}} {
		t.Run(fault.name, func(t *testing.T) {
			t.Parallel()
			acc := newAccount(t)
			s := everything(t)
			acc.deploy(s)
			empty := acc.Snapshot()
			acc.bind(s, providers.BindEnabled)
			full := acc.Snapshot()
			acc.must(acc.c.unbind(t.Context(), "worker"))
			for _, m := range []providers.Mode{providers.BindEnabled, providers.BindNone} {
				for n := 1; ; n++ {
					if !acc.failsAt(s, m, n, fault.make()) {
						break
					}
					acc.must(acc.a.Bind(t.Context(), s, m, 0))
					if want := map[providers.Mode]string{providers.BindEnabled: full, providers.BindNone: empty}[m]; acc.Snapshot() != want {
						t.Fatalf("after call %d of binding as %s failed, mending it left (-want +got):\n%s", n, m, cmp.Diff(want, acc.Snapshot()))
					}
					other := providers.BindNone
					if m == providers.BindNone {
						other = providers.BindEnabled
					}
					acc.must(acc.a.Bind(t.Context(), s, other, 0))
				}
				acc.must(acc.a.Bind(t.Context(), s, m, 0))
			}
		})
	}
}

// failsAt binds while the nth call fails, and reports whether there was such a call. What is bound then must have the
// tag that says so.
func (acc *account) failsAt(s providers.Spec, m providers.Mode, n int, fault standin.Fault) bool {
	acc.t.Helper()
	acc.Reset()
	happened := false
	acc.Intercept(func(call standin.Call) standin.Fault {
		if call.Number != n {
			return standin.Fault{}
		}
		happened = true
		return fault
	})
	_ = acc.a.Bind(acc.context(), s, m, 0)
	acc.Intercept(nil)
	if len(acc.boundThings()) > 0 {
		out, err := acc.c.get(acc.context(), s.Function.Name, "")
		acc.must(err)
		if out.Tags[tagBound] == "" {
			acc.t.Errorf("call %d failed, and something is bound without the tag:\n%s", n, strings.Join(acc.boundThings(), "\n"))
		}
	}
	return happened
}

func TestAMissingResourceSaysHowToMakeIt(t *testing.T) {
	acc := newAccount(t)
	s := eventful(t, "worker", "", messages("missing", 20), published("absent"), stored("nowhere", "", "created"))
	err := acc.c.checkResources(t.Context(), specOf(s))
	var problems interface{ Unwrap() []error }
	if !errors.As(err, &problems) {
		t.Fatalf("it says: %v", err)
	}
	var hints []string
	for _, p := range problems.Unwrap() {
		var problem *providers.Error
		if !errors.As(p, &problem) || problem.Kind != providers.NotFound {
			t.Fatalf("a problem is %v", p)
		}
		hints = append(hints, problem.Hint)
	}
	equal(t, "the hints", hints, []string{
		"run `aws sqs create-queue --region eu-west-1 --queue-name missing --attributes VisibilityTimeout=181`",
		"run `aws sns create-topic --region eu-west-1 --name absent`",
		"run `aws s3 mb s3://nowhere --region eu-west-1`",
	})
}

func TestAQueueThatIsTooFastForTheFunctionIsRefusedWithTheNumberToSet(t *testing.T) {
	acc := newAccount(t)
	_, err := acc.c.sqs.CreateQueue(t.Context(), &sqs.CreateQueueInput{
		QueueName: aws.String("hasty"), Attributes: map[string]string{"VisibilityTimeout": "29"},
	})
	acc.must(err)
	var problem *providers.Error
	err = acc.c.checkResources(t.Context(), specOf(eventful(t, "worker", "", messages("hasty", 1))))
	if !errors.As(err, &problem) || problem.Kind != providers.Invalid || !strings.Contains(problem.Hint, "VisibilityTimeout=180") {
		t.Errorf("it says: %v", err)
	}
	acc.must(acc.c.checkResources(t.Context(), specOf(everything(t))))
}

func TestATargetsResourcesNameWhatEventsMean(t *testing.T) {
	acc := newAccount(t)
	s := eventful(t, "worker", fmt.Sprintf(`{"resources": {"jobs": %q, "news": "signups", "files": "arn:aws:s3:::uploads"}}`, acc.c.arn("sqs", "orders")),
		messages("jobs", 1), published("news"), stored("files", "", "deleted"))
	acc.must(acc.c.checkResources(t.Context(), specOf(s)))
	acc.deploy(s)
	acc.bind(s, providers.BindEnabled)
	acc.bind(s, providers.BindNone)
}

func TestANewSchedulerRoleIsWaitedFor(t *testing.T) {
	acc := newAccount(t)
	s := eventful(t, "nightly", "", at("0 3 * * *"))
	acc.deploy(s)
	tries := 0
	acc.Intercept(func(call standin.Call) standin.Fault {
		if call.Operation == "CreateSchedule" {
			if tries++; tries < 2 {
				return standin.Fail(400, "ValidationException", "The execution role you provide must allow AWS EventBridge Scheduler to assume the role.")
			}
		}
		return standin.Fault{}
	})
	acc.bind(s, providers.BindEnabled)
	if tries != 2 {
		t.Errorf("the schedule was made with try %d", tries)
	}
}

func TestEventsAreBoundOnMoto(t *testing.T) {
	t.Parallel()
	a := newTestAdapter(t, motoEnv(t), `{}`)
	c, err := a.connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	hurry(c)
	acc, prefix := &account{t: t, a: a, c: c}, serviceOf(t)+"-" // the account is shared
	acc.furnish(prefix)
	t.Cleanup(func() {
		_, err := c.s3.DeleteBucket(context.Background(), &s3.DeleteBucketInput{Bucket: aws.String(prefix + "uploads")})
		acc.must(err)
	})
	s := eventful(t, "worker", "", at("0 3 * * *"), messages(prefix+"orders", 20), published(prefix+"signups"), stored(prefix+"uploads", "raw/", "created"))
	acc.deploy(s)
	for _, m := range []providers.Mode{providers.BindEnabled, providers.BindPaused, providers.BindEnabled, providers.BindNone} {
		acc.bind(s, m)
	}
	acc.must(c.remove(t.Context(), "worker"))
}

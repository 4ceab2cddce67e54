package aws

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go/middleware"
	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/internal/awstest"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/until"
)

// account is an account with a queue orders, a topic signups, a bucket uploads, and an adapter that deploys to it.
type account struct {
	*awstest.Cloud
	t *testing.T
	a *Adapter
	c *connection
}

// context is that of the test, in which the adapter waits as briefly as the stand-in lets it.
func (acc *account) context() context.Context { return until.Hasten(acc.t.Context(), haste) }

func newAccount(t *testing.T) *account {
	t.Helper()
	cloud := awstest.Start(t)
	cloud.PendingPolls(0)
	cloud.UpdatingPolls(0)
	a := newTestAdapter(t, cloud.Env, `{}`)
	c, err := a.connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	hurry(c)
	acc := &account{Cloud: cloud, t: t, a: a, c: c}
	acc.furnish("")
	return acc
}

// furnish makes what events come from, with a prefix to their names.
func (acc *account) furnish(prefix string) {
	acc.t.Helper()
	_, err := acc.c.sqs.CreateQueue(acc.context(), &sqs.CreateQueueInput{
		QueueName: aws.String(prefix + "orders"), Attributes: map[string]string{"VisibilityTimeout": "60"},
	})
	acc.must(err)
	_, err = acc.c.sns.CreateTopic(acc.context(), &sns.CreateTopicInput{Name: aws.String(prefix + "signups")})
	acc.must(err)
	acc.bucket(prefix + "uploads")
}

// hurry takes out what spares the real AWS: the pace, and the pauses between two tries of a call.
func hurry(c *connection) {
	again := retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = maxAttempts
		o.Backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return time.Millisecond, nil })
	})
	c.lambda = lambda.New(c.lambda.Options(), func(o *lambda.Options) {
		o.Retryer, o.APIOptions = again, []func(*middleware.Stack) error{c.waiter.register}
	})
	c.iam = iam.New(c.iam.Options(), func(o *iam.Options) { o.Retryer = again })
	c.s3 = s3.New(c.s3.Options(), func(o *s3.Options) { o.Retryer = again })
	c.scheduler = scheduler.New(c.scheduler.Options(), func(o *scheduler.Options) { o.Retryer = again })
	c.sns = sns.New(c.sns.Options(), func(o *sns.Options) { o.Retryer = again })
	c.sqs = sqs.New(c.sqs.Options(), func(o *sqs.Options) { o.Retryer = again })
}

func (acc *account) must(err error) {
	acc.t.Helper()
	if err != nil {
		acc.t.Fatal(err)
	}
}

func (acc *account) bucket(bucket string) {
	_, err := acc.c.s3.CreateBucket(acc.context(), &s3.CreateBucketInput{
		Bucket: &bucket, CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: "eu-west-1"},
	})
	acc.must(err)
}

// deploy makes a function that is live, with the rights of its spec.
func (acc *account) deploy(s providers.Spec) {
	acc.t.Helper()
	role, err := acc.c.widenRole(acc.context(), specOf(s))
	acc.must(err)
	var code bytes.Buffer
	z := zip.NewWriter(&code)
	w, err := z.Create("index.mjs")
	acc.must(err)
	_, err = w.Write([]byte("export const handler = () => {}\n"))
	acc.must(err)
	acc.must(z.Close())
	function := aws.String(acc.a.functionName(s.Function.Name))
	_, err = acc.c.lambda.CreateFunction(acc.context(), &lambda.CreateFunctionInput{
		FunctionName: function, Role: &role.arn, Runtime: types.RuntimeNodejs22x, Handler: aws.String("index.handler"), Publish: true,
		Timeout: aws.Int32(30), Code: &types.FunctionCode{ZipFile: code.Bytes()}, Tags: acc.a.tags(functionOf(s.Function)),
	})
	acc.must(err)
	_, err = acc.c.await(acc.context(), s.Function.Name, "1")
	acc.must(err)
	_, err = acc.c.lambda.CreateAlias(acc.context(), &lambda.CreateAliasInput{
		FunctionName: function, Name: aws.String(live), FunctionVersion: aws.String("1"),
	})
	acc.must(err)
}

// bind binds and reads back.
func (acc *account) bind(s providers.Spec, m providers.Mode) {
	acc.t.Helper()
	acc.must(acc.a.Bind(acc.context(), s, m, 0))
	acc.reads(s, m)
}

// reads checks what calls the function, and that its tag says so.
func (acc *account) reads(s providers.Spec, want providers.Mode) {
	acc.t.Helper()
	got, _, err := acc.c.bindings(acc.context(), s.Function.Name)
	acc.must(err)
	if got != want {
		acc.t.Errorf("the bindings read as %s, not %s", got, want)
	}
	out, err := acc.c.get(acc.context(), s.Function.Name, "")
	acc.must(err)
	if tagged := out != nil && out.Tags[tagBound] != ""; out != nil && tagged != (want != providers.BindNone) {
		acc.t.Errorf("with bindings %s the function is tagged: %v", want, tagged)
	}
}

// writes are the calls since the last Reset that may have changed something.
func (acc *account) writes() []string {
	var all []string
	for _, call := range acc.Calls() {
		if call.Write {
			all = append(all, call.Operation)
		}
	}
	return all
}

// lines are those of the snapshot that begin so.
func (acc *account) lines(kinds ...string) []string {
	var found []string
	for line := range strings.Lines(acc.Snapshot()) {
		if slices.Contains(kinds, strings.Fields(line)[0]) {
			found = append(found, strings.TrimSpace(line))
		}
	}
	return found
}

// bound are all the things that binding makes.
func (acc *account) boundThings() []string {
	return acc.lines("event-source-mapping", "schedule", "permission", "subscription", "notification")
}

// notificationsOf is the configuration of a bucket.
func (acc *account) notificationsOf(bucket string) *s3types.NotificationConfiguration {
	acc.t.Helper()
	out, err := acc.c.s3.GetBucketNotificationConfiguration(acc.context(), &s3.GetBucketNotificationConfigurationInput{Bucket: &bucket})
	acc.must(err)
	return &s3types.NotificationConfiguration{
		EventBridgeConfiguration: out.EventBridgeConfiguration, LambdaFunctionConfigurations: out.LambdaFunctionConfigurations,
		QueueConfigurations: out.QueueConfigurations, TopicConfigurations: out.TopicConfigurations,
	}
}

// eventful is a spec with these events and the provider's block.
func eventful(t *testing.T, function, block string, events ...manifest.Event) providers.Spec {
	t.Helper()
	fn := manifest.Function{
		Name: function, Runtime: "nodejs22", Style: manifest.StyleFetch, Timeout: manifest.Duration(30 * time.Second), Events: events,
	}
	if block != "" {
		fn.Config = new(manifest.Node)
		if err := json.Unmarshal([]byte(block), fn.Config); err != nil {
			t.Fatal(err)
		}
	}
	return providers.Spec{Function: fn}
}

func at(cron string) manifest.Event {
	return manifest.Event{Schedule: &manifest.ScheduleEvent{Cron: cron, Timezone: "Europe/Berlin"}}
}

func messages(queue string, batch int) manifest.Event {
	return manifest.Event{Queue: &manifest.QueueEvent{Name: queue, Batch: batch}}
}

func published(topic string) manifest.Event {
	return manifest.Event{Topic: &manifest.TopicEvent{Name: topic}}
}

func stored(bucket, prefix string, on ...string) manifest.Event {
	return manifest.Event{Object: &manifest.ObjectEvent{Bucket: bucket, Prefix: prefix, On: on}}
}

// everything is a spec with an event of each kind.
func everything(t *testing.T) providers.Spec {
	return eventful(t, "worker", "", at("0 3 * * *"), messages("orders", 20), published("signups"), stored("uploads", "raw/", "created", "deleted"))
}

// equal compares two lists.
func equal(t *testing.T, what string, got, want []string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

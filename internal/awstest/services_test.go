package awstest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	schedulertypes "github.com/aws/aws-sdk-go-v2/service/scheduler/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/ferryfn/ferry/internal/awstest"
)

func post(t *testing.T, url, body string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+awstest.AccessKey+"/20260101/eu-west-1/lambda/aws4_request, SignedHeaders=host, Signature=x")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	return response.StatusCode
}

func TestRolesAndTheirPolicies(t *testing.T) {
	c := start(t)
	c.role()
	create := func(name, trust string) error {
		_, err := c.iam.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: &trust, Tags: []iamtypes.Tag{{Key: new("a"), Value: new("1")}}})
		return err
	}
	c.refused(create("app", trustsAll), "EntityAlreadyExists", "Role with name app already exists.")
	c.refused(create("a b", trustsAll), "ValidationError", "roleName")
	c.refused(create(strings.Repeat("a", 65), trustsAll), "ValidationError", "less than or equal to 64")
	c.refused(create("b", "{"), "MalformedPolicyDocument")
	c.refused(create("b", allowsAll), "MalformedPolicyDocument", "Principal")
	c.ok(create("tagged", trustsAll))
	tags, err := c.iam.ListRoleTags(t.Context(), &iam.ListRoleTagsInput{RoleName: new("tagged")})
	c.ok(err)
	if len(tags.Tags) != 1 || *tags.Tags[0].Value != "1" {
		t.Errorf("tags %+v", tags.Tags)
	}
	_, err = c.iam.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: new("app"), PolicyName: new("x"), PolicyDocument: new(trustsAll)})
	c.refused(err, "MalformedPolicyDocument")
	_, err = c.iam.AttachRolePolicy(t.Context(), &iam.AttachRolePolicyInput{RoleName: new("app"), PolicyArn: new("arn:aws:iam::aws:policy/None")})
	c.refused(err, "NoSuchEntity", "does not exist or is not attachable")
	const basic = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
	_, err = c.iam.AttachRolePolicy(t.Context(), &iam.AttachRolePolicyInput{RoleName: new("app"), PolicyArn: new(basic)})
	c.ok(err)
	list, err := c.iam.ListAttachedRolePolicies(t.Context(), &iam.ListAttachedRolePoliciesInput{RoleName: new("app")})
	c.ok(err)
	if len(list.AttachedPolicies) != 1 {
		t.Errorf("attached %+v", list.AttachedPolicies)
	}
	remove := func() error {
		_, err := c.iam.DeleteRole(t.Context(), &iam.DeleteRoleInput{RoleName: new("app")})
		return err
	}
	c.refused(remove(), "DeleteConflict", "must detach all policies first")
	_, err = c.iam.DetachRolePolicy(t.Context(), &iam.DetachRolePolicyInput{RoleName: new("app"), PolicyArn: new(basic)})
	c.ok(err)
	c.refused(remove(), "DeleteConflict", "must delete policies first")
	_, err = c.iam.DeleteRolePolicy(t.Context(), &iam.DeleteRolePolicyInput{RoleName: new("app"), PolicyName: new("all")})
	c.ok(err)
	c.ok(remove())
	c.refused(remove(), "NoSuchEntity", "The role with name app cannot be found.")
	_, err = c.iam.GetRolePolicy(t.Context(), &iam.GetRolePolicyInput{RoleName: new("tagged"), PolicyName: new("all")})
	c.refused(err, "NoSuchEntity", "The role policy with name all cannot be found.")
}

func TestLogGroupsTakeOnlySomeRetentions(t *testing.T) {
	c := start(t)
	group := new("/aws/lambda/fn")
	create := func() error {
		_, err := c.logs.CreateLogGroup(t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: group, Tags: map[string]string{"a": "1"}})
		return err
	}
	c.ok(create())
	c.refused(create(), "ResourceAlreadyExistsException", "The specified log group already exists")
	retain := func(days int32) error {
		_, err := c.logs.PutRetentionPolicy(t.Context(), &cloudwatchlogs.PutRetentionPolicyInput{LogGroupName: group, RetentionInDays: &days})
		return err
	}
	c.ok(retain(14))
	c.refused(retain(8), "InvalidParameterException", "'8' at 'retentionInDays'")
	tags, err := c.logs.ListTagsForResource(t.Context(), &cloudwatchlogs.ListTagsForResourceInput{ResourceArn: new("arn:aws:logs:eu-west-1:123456789012:log-group:/aws/lambda/fn")})
	c.ok(err)
	if tags.Tags["a"] != "1" {
		t.Errorf("tags %v", tags.Tags)
	}
	list, err := c.logs.DescribeLogGroups(t.Context(), &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: group})
	c.ok(err)
	if len(list.LogGroups) != 1 || *list.LogGroups[0].RetentionInDays != 14 {
		t.Errorf("groups %+v", list.LogGroups)
	}
	for range 2 {
		_, err = c.logs.DeleteLogGroup(t.Context(), &cloudwatchlogs.DeleteLogGroupInput{LogGroupName: group})
	}
	c.refused(err, "ResourceNotFoundException", "The specified log group does not exist.")
}

func TestSchedulesAreCheckedWhole(t *testing.T) {
	c := start(t)
	c.function()
	_, err := c.iam.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: new("other"), AssumeRolePolicyDocument: new(strings.ReplaceAll(trustsAll, "scheduler.", "ec2."))})
	c.ok(err)
	input := func() *scheduler.CreateScheduleInput {
		return &scheduler.CreateScheduleInput{
			Name: new("nightly"), ScheduleExpression: new("cron(0 3 ? * MON-FRI *)"), ScheduleExpressionTimezone: new("Europe/Berlin"), ClientToken: new("t1"),
			FlexibleTimeWindow: &schedulertypes.FlexibleTimeWindow{Mode: schedulertypes.FlexibleTimeWindowModeOff},
			Target:             &schedulertypes.Target{Arn: new("arn:aws:lambda:eu-west-1:123456789012:function:fn:live"), RoleArn: new(roleARN)},
		}
	}
	create := func(change func(*scheduler.CreateScheduleInput)) error {
		in := input()
		change(in)
		_, err := c.scheduler.CreateSchedule(t.Context(), in)
		return err
	}
	for _, expression := range []string{"cron(0 3 * * *)", "cron(0 3 * * * *)", "cron(0 3 ? * ? *)", "cron(60 3 * * ? *)", "rate(0 minutes)", "every day", "at(today)", "cron(0 3 ? * 8 *)"} {
		c.refused(create(func(in *scheduler.CreateScheduleInput) { in.ScheduleExpression = &expression }), "ValidationException", "Invalid Schedule Expression "+expression)
	}
	c.refused(create(func(in *scheduler.CreateScheduleInput) { in.ScheduleExpressionTimezone = new("Mars/City") }), "ValidationException", "Invalid ScheduleExpressionTimezone Mars/City.")
	c.refused(create(func(in *scheduler.CreateScheduleInput) {
		in.Target.RoleArn = new("arn:aws:iam::123456789012:role/other")
	}), "ValidationException", "must allow AWS EventBridge Scheduler to assume the role")
	c.refused(create(func(in *scheduler.CreateScheduleInput) { in.Target.Arn = new(*in.Target.Arn + "x") }), "ValidationException", "does not exist")
	c.refused(create(func(in *scheduler.CreateScheduleInput) { in.Name = new("a b") }), "ValidationException", "'a b' at 'name'")
	same := func(*scheduler.CreateScheduleInput) {}
	c.ok(create(same))
	c.ok(create(same)) // with the same token
	c.refused(create(func(in *scheduler.CreateScheduleInput) { in.ClientToken = new("t2") }), "ConflictException", "Schedule nightly already exists.")
	for _, expression := range []string{"rate(5 minutes)", "at(2030-01-01T00:00:00)", "cron(0/15 3,4 L * ? 2026-2030)", "cron(0 3 ? * 2#1 *)"} {
		_, err = c.scheduler.UpdateSchedule(t.Context(), &scheduler.UpdateScheduleInput{Name: new("nightly"), ScheduleExpression: &expression, FlexibleTimeWindow: input().FlexibleTimeWindow, Target: input().Target})
		c.ok(err)
	}
	got, err := c.scheduler.GetSchedule(t.Context(), &scheduler.GetScheduleInput{Name: new("nightly")})
	c.ok(err)
	if *got.ScheduleExpressionTimezone != "UTC" || *got.Target.RetryPolicy.MaximumRetryAttempts != 185 {
		t.Errorf("after an update without a time zone: %s", *got.ScheduleExpressionTimezone)
	}
	list, err := c.scheduler.ListSchedules(t.Context(), &scheduler.ListSchedulesInput{NamePrefix: new("night")})
	c.ok(err)
	if len(list.Schedules) != 1 {
		t.Errorf("%d schedules", len(list.Schedules))
	}
	for range 2 {
		_, err = c.scheduler.DeleteSchedule(t.Context(), &scheduler.DeleteScheduleInput{Name: new("nightly")})
	}
	c.refused(err, "ResourceNotFoundException", "Schedule nightly does not exist.")
}

func TestTopicsWantTargetsThatAreThere(t *testing.T) {
	c := start(t)
	c.function()
	topic, err := c.sns.CreateTopic(t.Context(), &sns.CreateTopicInput{Name: new("signups")})
	c.ok(err)
	subscribe := func(topic, endpoint string) (*sns.SubscribeOutput, error) {
		return c.sns.Subscribe(t.Context(), &sns.SubscribeInput{TopicArn: &topic, Protocol: new("lambda"), Endpoint: &endpoint, ReturnSubscriptionArn: true, Attributes: map[string]string{"RawMessageDelivery": "false"}})
	}
	const alias = "arn:aws:lambda:eu-west-1:123456789012:function:fn:live"
	_, err = subscribe(*topic.TopicArn, alias+"x")
	c.refused(err, "InvalidParameter", "Lambda endpoint ARN")
	_, err = subscribe(*topic.TopicArn+"x", alias)
	c.refused(err, "NotFound", "Topic does not exist")
	first, err := subscribe(*topic.TopicArn, alias)
	c.ok(err)
	second, err := subscribe(*topic.TopicArn, alias)
	c.ok(err)
	if *first.SubscriptionArn != *second.SubscriptionArn {
		t.Error("subscribed twice")
	}
	list, err := c.sns.ListSubscriptionsByTopic(t.Context(), &sns.ListSubscriptionsByTopicInput{TopicArn: topic.TopicArn})
	c.ok(err)
	attributes, err := c.sns.GetSubscriptionAttributes(t.Context(), &sns.GetSubscriptionAttributesInput{SubscriptionArn: first.SubscriptionArn})
	c.ok(err)
	if len(list.Subscriptions) != 1 || attributes.Attributes["Endpoint"] != alias {
		t.Errorf("%d subscriptions, %v", len(list.Subscriptions), attributes.Attributes)
	}
	_, err = c.sns.Unsubscribe(t.Context(), &sns.UnsubscribeInput{SubscriptionArn: first.SubscriptionArn})
	c.ok(err)
	_, err = c.sns.GetSubscriptionAttributes(t.Context(), &sns.GetSubscriptionAttributesInput{SubscriptionArn: first.SubscriptionArn})
	c.refused(err, "NotFound", "Subscription does not exist")
	_, err = c.sns.GetTopicAttributes(t.Context(), &sns.GetTopicAttributesInput{TopicArn: new("arn:aws:sns:eu-west-1:123456789012:none")})
	c.refused(err, "NotFound")
}

func TestQueuesRefuseWhatIsOutOfRange(t *testing.T) {
	c := start(t)
	create := func(name string, attributes map[string]string) error {
		_, err := c.sqs.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: &name, Attributes: attributes})
		return err
	}
	c.refused(create("a b", nil), "InvalidParameterValue")
	c.refused(create("q", map[string]string{"VisibilityTimeout": "43201"}), "InvalidAttributeValue", "VisibilityTimeout")
	c.refused(create("q", map[string]string{"Color": "red"}), "InvalidAttributeName", "Unknown Attribute Color.")
	c.ok(create("q", map[string]string{"VisibilityTimeout": "60"}))
	c.ok(create("q", map[string]string{"VisibilityTimeout": "60"}))
	c.refused(create("q", map[string]string{"VisibilityTimeout": "61"}), "QueueNameExists", "VisibilityTimeout")
	url, err := c.sqs.GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: new("q")})
	c.ok(err)
	got, err := c.sqs.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: url.QueueUrl, AttributeNames: []sqstypes.QueueAttributeName{"QueueArn", "VisibilityTimeout"}})
	c.ok(err)
	if got.Attributes["QueueArn"] != "arn:aws:sqs:eu-west-1:123456789012:q" || got.Attributes["VisibilityTimeout"] != "60" || len(got.Attributes) != 2 {
		t.Errorf("attributes %v", got.Attributes)
	}
	_, err = c.sqs.GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: new("none")})
	c.refused(err, "QueueDoesNotExist", "The specified queue does not exist.")
}

func TestSecretsHaveVersionsAndStages(t *testing.T) {
	c := start(t)
	made, err := c.secrets.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: new("stripe"), SecretString: new("one")})
	c.ok(err)
	_, err = c.secrets.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: new("stripe"), SecretString: new("one")})
	c.refused(err, "ResourceExistsException", "the secret stripe already exists")
	_, err = c.secrets.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: new("stripe"), SecretString: new("two")})
	c.ok(err)
	described, err := c.secrets.DescribeSecret(t.Context(), &secretsmanager.DescribeSecretInput{SecretId: made.ARN})
	c.ok(err)
	if len(described.VersionIdsToStages) != 2 || described.VersionIdsToStages[*made.VersionId][0] != "AWSPREVIOUS" {
		t.Errorf("stages %v", described.VersionIdsToStages)
	}
	for want, id := range map[string]*string{"one": made.VersionId, "two": nil} {
		got, err := c.secrets.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: new("stripe"), VersionId: id})
		c.ok(err)
		if *got.SecretString != want {
			t.Errorf("value %s, want %s", *got.SecretString, want)
		}
	}
	_, err = c.secrets.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: new("stripe"), VersionId: new("11111111-1111-1111-1111-111111111111")})
	c.refused(err, "ResourceNotFoundException", "for VersionId")
	_, err = c.secrets.DeleteSecret(t.Context(), &secretsmanager.DeleteSecretInput{SecretId: new("stripe")})
	c.ok(err)
	_, err = c.secrets.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: new("stripe")})
	c.refused(err, "InvalidRequestException", "marked for deletion")
	list, err := c.secrets.ListSecrets(t.Context(), &secretsmanager.ListSecretsInput{})
	c.ok(err)
	if len(list.SecretList) != 0 {
		t.Errorf("listed %+v", list.SecretList)
	}
	_, err = c.secrets.DescribeSecret(t.Context(), &secretsmanager.DescribeSecretInput{SecretId: new("none")})
	c.refused(err, "ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
}

func TestParametersAreReadByVersion(t *testing.T) {
	c := start(t)
	put := func(value string, overwrite bool) error {
		_, err := c.parameters.PutParameter(t.Context(), &ssm.PutParameterInput{Name: new("/shop/key"), Value: &value, Type: ssmtypes.ParameterTypeSecureString, Overwrite: &overwrite})
		return err
	}
	c.ok(put("one", false))
	c.refused(put("two", false), "ParameterAlreadyExists", "The parameter already exists.")
	c.ok(put("two", true))
	for name, want := range map[string]string{"/shop/key": "two", "/shop/key:1": "one", "arn:aws:ssm:eu-west-1:123456789012:parameter/shop/key:1": "one"} {
		got, err := c.parameters.GetParameter(t.Context(), &ssm.GetParameterInput{Name: &name, WithDecryption: new(true)})
		c.ok(err)
		if *got.Parameter.Value != want {
			t.Errorf("%s is %s, want %s", name, *got.Parameter.Value, want)
		}
	}
	got, err := c.parameters.GetParameter(t.Context(), &ssm.GetParameterInput{Name: new("/shop/key")})
	c.ok(err)
	if *got.Parameter.Value == "two" {
		t.Error("read in the clear without asking for that")
	}
	_, err = c.parameters.GetParameter(t.Context(), &ssm.GetParameterInput{Name: new("/shop/key:3")})
	c.refused(err, "ParameterVersionNotFound")
	_, err = c.parameters.GetParameter(t.Context(), &ssm.GetParameterInput{Name: new("/none")})
	c.refused(err, "ParameterNotFound")
	many, err := c.parameters.GetParameters(t.Context(), &ssm.GetParametersInput{Names: []string{"/shop/key:1", "/none"}})
	c.ok(err)
	if len(many.Parameters) != 1 || len(many.InvalidParameters) != 1 {
		t.Errorf("%+v", many)
	}
}

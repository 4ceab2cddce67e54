package awstest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

func permission(sid string) *lambda.AddPermissionInput {
	return &lambda.AddPermissionInput{
		FunctionName: new("fn"), Qualifier: new("live"), StatementId: &sid, Action: new("lambda:InvokeFunction"), Principal: new("s3.amazonaws.com"),
	}
}

func TestAPolicyBelongsToItsQualifier(t *testing.T) {
	c := start(t)
	c.function()
	added, err := c.lambda.AddPermission(t.Context(), permission("s1"))
	c.ok(err)
	if !strings.Contains(*added.Statement, `"Resource":"arn:aws:lambda:eu-west-1:123456789012:function:fn:live"`) {
		t.Errorf("statement %s", *added.Statement)
	}
	_, err = c.lambda.AddPermission(t.Context(), permission("s1"))
	c.refused(err, "ResourceConflictException", "The statement id (s1) provided already exists.")
	policy, err := c.lambda.GetPolicy(t.Context(), &lambda.GetPolicyInput{FunctionName: new("fn"), Qualifier: new("live")})
	c.ok(err)
	alias, err := c.lambda.GetAlias(t.Context(), &lambda.GetAliasInput{FunctionName: new("fn"), Name: new("live")})
	c.ok(err)
	if *alias.RevisionId != *policy.RevisionId {
		t.Error("the alias and its policy have different revisions")
	}
	_, err = c.lambda.GetPolicy(t.Context(), &lambda.GetPolicyInput{FunctionName: new("fn")})
	c.refused(err, "ResourceNotFoundException", "The resource you requested does not exist.")
	for words, change := range map[string]func(*lambda.AddPermissionInput){
		"We currently do not support adding policies for $LATEST.": func(in *lambda.AddPermissionInput) { in.Qualifier = new("$LATEST") },
		"The provided principal was invalid.":                      func(in *lambda.AddPermissionInput) { in.Principal = new("somebody") },
		"FunctionUrlAuthType is only supported":                    func(in *lambda.AddPermissionInput) { in.FunctionUrlAuthType = types.FunctionUrlAuthTypeNone },
	} {
		in := permission("s2")
		change(in)
		_, err = c.lambda.AddPermission(t.Context(), in)
		c.refused(err, "InvalidParameterValueException", words)
	}
	_, err = c.lambda.AddPermission(t.Context(), permission("example.com"))
	c.refused(err, "ValidationException", "Value 'example.com' at 'statementId'")
	in := permission("s2")
	in.RevisionId = new("old")
	_, err = c.lambda.AddPermission(t.Context(), in)
	c.refused(err, "PreconditionFailedException", "GetPolicy")
	in = permission("s2")
	in.Qualifier = new("none")
	_, err = c.lambda.AddPermission(t.Context(), in)
	c.refused(err, "ResourceNotFoundException", "Cannot find alias arn")
	remove := &lambda.RemovePermissionInput{FunctionName: new("fn"), Qualifier: new("live"), StatementId: new("none")}
	_, err = c.lambda.RemovePermission(t.Context(), remove)
	c.refused(err, "ResourceNotFoundException", "Statement none is not found in resource policy.")
	remove.StatementId = new("s1")
	_, err = c.lambda.RemovePermission(t.Context(), remove)
	c.ok(err)
	_, err = c.lambda.RemovePermission(t.Context(), remove)
	c.refused(err, "ResourceNotFoundException", "No policy is associated with the given resource.")
}

func TestAPolicyHasALimit(t *testing.T) {
	c := start(t)
	c.function()
	for i := range 200 {
		in := permission(fmt.Sprintf("statement-%d", i))
		in.SourceArn = new("arn:aws:s3:::" + strings.Repeat("b", 60))
		if _, err := c.lambda.AddPermission(t.Context(), in); err != nil {
			c.refused(err, "PolicyLengthExceededException", "is bigger than the limit (20480)")
			return
		}
	}
	t.Error("200 statements were taken")
}

func TestEachQualifierHasOneURL(t *testing.T) {
	c := start(t)
	c.function()
	in := &lambda.CreateFunctionUrlConfigInput{FunctionName: new("fn"), Qualifier: new("live"), AuthType: types.FunctionUrlAuthTypeNone}
	_, err := c.lambda.CreateFunctionUrlConfig(t.Context(), in)
	c.ok(err)
	_, err = c.lambda.CreateFunctionUrlConfig(t.Context(), in)
	c.refused(err, "ResourceConflictException", "FunctionUrlConfig exists for this Lambda function")
	for _, qualifier := range []string{"1", "$LATEST"} {
		in.Qualifier = &qualifier
		_, err = c.lambda.CreateFunctionUrlConfig(t.Context(), in)
		c.refused(err, "ValidationException", "Value '"+qualifier+"' at 'qualifier'")
	}
	in.Qualifier = new("none")
	_, err = c.lambda.CreateFunctionUrlConfig(t.Context(), in)
	c.refused(err, "ResourceNotFoundException", "Function does not exist")
	_, err = c.lambda.UpdateFunctionUrlConfig(t.Context(), &lambda.UpdateFunctionUrlConfigInput{FunctionName: new("fn"), Qualifier: new("live"), InvokeMode: "UNKNOWN"})
	c.refused(err, "ValidationException", "Value 'UNKNOWN' at 'invokeMode'")
	list, err := c.lambda.ListFunctionUrlConfigs(t.Context(), &lambda.ListFunctionUrlConfigsInput{FunctionName: new("fn")})
	c.ok(err)
	if len(list.FunctionUrlConfigs) != 1 {
		t.Errorf("%d URLs", len(list.FunctionUrlConfigs))
	}
	_, err = c.lambda.DeleteFunctionUrlConfig(t.Context(), &lambda.DeleteFunctionUrlConfigInput{FunctionName: new("fn"), Qualifier: new("live")})
	c.ok(err)
	_, err = c.lambda.GetFunctionUrlConfig(t.Context(), &lambda.GetFunctionUrlConfigInput{FunctionName: new("fn"), Qualifier: new("live")})
	c.refused(err, "ResourceNotFoundException", "The resource you requested does not exist.")
}

func TestConcurrencyLeavesSomeForOthers(t *testing.T) {
	c := start(t)
	c.function()
	reserve := func(n int32) error {
		_, err := c.lambda.PutFunctionConcurrency(t.Context(), &lambda.PutFunctionConcurrencyInput{FunctionName: new("fn"), ReservedConcurrentExecutions: &n})
		return err
	}
	c.refused(reserve(901), "InvalidParameterValueException", "decreases account's UnreservedConcurrentExecution below its minimum value of [100]")
	c.refused(reserve(1001), "InvalidParameterValueException", "greater than account's unreserved concurrency [1000]")
	c.ok(reserve(5))
	settings, err := c.lambda.GetAccountSettings(t.Context(), &lambda.GetAccountSettingsInput{})
	c.ok(err)
	if *settings.AccountLimit.UnreservedConcurrentExecutions != 995 {
		t.Errorf("unreserved: %d", *settings.AccountLimit.UnreservedConcurrentExecutions)
	}
	warm := func(qualifier string, n int32) error {
		_, err := c.lambda.PutProvisionedConcurrencyConfig(t.Context(), &lambda.PutProvisionedConcurrencyConfigInput{
			FunctionName: new("fn"), Qualifier: &qualifier, ProvisionedConcurrentExecutions: &n,
		})
		return err
	}
	c.refused(warm("$LATEST", 1), "InvalidParameterValueException", "Provisioned Concurrency Configs cannot be applied to unpublished function versions.")
	c.refused(warm("live", 0), "ValidationException", "provisionedConcurrentExecutions")
	c.refused(warm("live", 6), "InvalidParameterValueException", "should not be greater than the reservedConcurrentExecution")
	c.ok(warm("live", 2))
	c.refused(warm("1", 1), "ResourceConflictException", "Version is pointed by a Provisioned Concurrency alias")
	c.refused(reserve(1), "InvalidParameterValueException", "total provisioned concurrency [2]")
	get := &lambda.GetProvisionedConcurrencyConfigInput{FunctionName: new("fn"), Qualifier: new("live")}
	for _, want := range []types.ProvisionedConcurrencyStatusEnum{types.ProvisionedConcurrencyStatusEnumInProgress, types.ProvisionedConcurrencyStatusEnumReady} {
		got, err := c.lambda.GetProvisionedConcurrencyConfig(t.Context(), get)
		c.ok(err)
		if got.Status != want {
			t.Errorf("status %s, want %s", got.Status, want)
		}
	}
	list, err := c.lambda.ListProvisionedConcurrencyConfigs(t.Context(), &lambda.ListProvisionedConcurrencyConfigsInput{FunctionName: new("fn")})
	c.ok(err)
	if len(list.ProvisionedConcurrencyConfigs) != 1 {
		t.Errorf("%d configurations", len(list.ProvisionedConcurrencyConfigs))
	}
}

func TestAnAliasWithProvisionedConcurrencyMovesInSteps(t *testing.T) {
	c := start(t)
	c.function()
	c.publish("export const handler = async () => 2")
	put := &lambda.PutProvisionedConcurrencyConfigInput{FunctionName: new("fn"), Qualifier: new("live"), ProvisionedConcurrentExecutions: new(int32(1))}
	_, err := c.lambda.PutProvisionedConcurrencyConfig(t.Context(), put)
	c.ok(err)
	_, err = c.lambda.UpdateAlias(t.Context(), &lambda.UpdateAliasInput{FunctionName: new("fn"), Name: new("live"), FunctionVersion: new("2")})
	c.ok(err)
	_, err = c.lambda.PutProvisionedConcurrencyConfig(t.Context(), put)
	c.refused(err, "InvalidParameterValueException", "Alias with weights can not be used with Provisioned Concurrency")
	for range 3 {
		_, err = c.lambda.GetAlias(t.Context(), &lambda.GetAliasInput{FunctionName: new("fn"), Name: new("live")})
		c.ok(err)
	}
	_, err = c.lambda.PutProvisionedConcurrencyConfig(t.Context(), put)
	c.ok(err)
	_, err = c.lambda.DeleteProvisionedConcurrencyConfig(t.Context(), &lambda.DeleteProvisionedConcurrencyConfigInput{FunctionName: new("fn"), Qualifier: new("live")})
	c.ok(err)
	_, err = c.lambda.GetProvisionedConcurrencyConfig(t.Context(), &lambda.GetProvisionedConcurrencyConfigInput{FunctionName: new("fn"), Qualifier: new("live")})
	c.refused(err, "ProvisionedConcurrencyConfigNotFoundException", "No Provisioned Concurrency Config found")
}

func TestAQueueIsReadOnlyWhenItFitsTheFunction(t *testing.T) {
	c := start(t)
	c.function()
	const orders = "arn:aws:sqs:eu-west-1:123456789012:orders"
	create := func(change func(*lambda.CreateEventSourceMappingInput)) (string, error) {
		in := &lambda.CreateEventSourceMappingInput{FunctionName: new("fn:live"), EventSourceArn: new(orders), FunctionResponseTypes: types.FunctionResponseType("").Values()}
		change(in)
		out, err := c.lambda.CreateEventSourceMapping(t.Context(), in)
		if err != nil {
			return "", err
		}
		return *out.UUID, nil
	}
	same := func(*lambda.CreateEventSourceMappingInput) {}
	_, err := create(same)
	c.refused(err, "InvalidParameterValueException", "AWS.SimpleQueueService.NonExistentQueue")
	made, err := c.sqs.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: new("orders"), Attributes: map[string]string{"VisibilityTimeout": "2"}})
	c.ok(err)
	_, err = create(same)
	c.refused(err, "InvalidParameterValueException", "Queue visibility timeout: 2 seconds is less than Function timeout: 3 seconds")
	_, err = c.sqs.SetQueueAttributes(t.Context(), &sqs.SetQueueAttributesInput{QueueUrl: made.QueueUrl, Attributes: map[string]string{"VisibilityTimeout": "60"}})
	c.ok(err)
	_, err = create(func(in *lambda.CreateEventSourceMappingInput) { in.BatchSize = new(int32(11)) })
	c.refused(err, "InvalidParameterValueException", "Maximum batch window in seconds must be greater than 0")
	_, err = create(func(in *lambda.CreateEventSourceMappingInput) { in.FunctionName = new("fn:none") })
	c.refused(err, "ResourceNotFoundException", "function:fn:none")
	_, err = create(func(in *lambda.CreateEventSourceMappingInput) { in.FunctionName = new("none") })
	c.refused(err, "InvalidParameterValueException", "Function does not exist")
	_, err = create(func(in *lambda.CreateEventSourceMappingInput) { in.EventSourceArn = new("arn:aws:x:::y") })
	c.refused(err, "InvalidParameterValueException", "Unrecognized event source.")
	c.cloud.UpdatingPolls(2) // a refusal takes one, as time does
	id, err := create(same)
	c.ok(err)
	c.cloud.UpdatingPolls(1)
	_, err = create(same)
	c.refused(err, "ResourceConflictException", "already exists. Please update or delete the existing mapping with UUID "+id)
	_, err = c.lambda.DeleteEventSourceMapping(t.Context(), &lambda.DeleteEventSourceMappingInput{UUID: &id})
	c.refused(err, "ResourceInUseException", "because it is in use")
	state := func() string {
		got, err := c.lambda.GetEventSourceMapping(t.Context(), &lambda.GetEventSourceMappingInput{UUID: &id})
		if err != nil {
			c.refused(err, "ResourceNotFoundException", "Event source mapping not found")
			return "gone"
		}
		return *got.State
	}
	if states := state() + state(); states != "CreatingEnabled" {
		t.Errorf("created: %s", states)
	}
	_, err = c.lambda.UpdateEventSourceMapping(t.Context(), &lambda.UpdateEventSourceMappingInput{UUID: &id, Enabled: new(false)})
	c.ok(err)
	if states := state() + state(); states != "DisablingDisabled" {
		t.Errorf("disabled: %s", states)
	}
	_, err = c.lambda.DeleteEventSourceMapping(t.Context(), &lambda.DeleteEventSourceMappingInput{UUID: &id})
	c.ok(err)
	if states := state() + state(); states != "Deletinggone" {
		t.Errorf("deleted: %s", states)
	}
}

func TestListsComeInPages(t *testing.T) {
	c := start(t)
	c.role()
	for i := range 55 {
		in := c.input()
		in.FunctionName = new(fmt.Sprintf("fn-%02d", i))
		_, err := c.lambda.CreateFunction(t.Context(), in)
		c.ok(err)
	}
	var sizes []int
	pages := lambda.NewListFunctionsPaginator(c.lambda, &lambda.ListFunctionsInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		c.ok(err)
		sizes = append(sizes, len(page.Functions))
	}
	if fmt.Sprint(sizes) != "[50 5]" {
		t.Errorf("pages of %v", sizes)
	}
}

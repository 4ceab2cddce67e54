package awstest_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

func TestVersionsOfDifferentRolesShareNoAlias(t *testing.T) {
	c := start(t)
	c.function()
	_, err := c.iam.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: new("second"), AssumeRolePolicyDocument: new(trustsAll)})
	c.ok(err)
	second := "arn:aws:iam::123456789012:role/second"
	for words, change := range map[string]*lambda.UpdateFunctionConfigurationInput{
		"execution role":    {FunctionName: new("fn"), Role: &second},
		"dead letter queue": {FunctionName: new("fn"), Role: new(roleARN), DeadLetterConfig: &types.DeadLetterConfig{TargetArn: new("arn:aws:sqs:eu-west-1:123456789012:dead")}},
	} {
		_, err = c.lambda.UpdateFunctionConfiguration(t.Context(), change)
		c.ok(err)
		c.settle()
		v, err := c.lambda.PublishVersion(t.Context(), &lambda.PublishVersionInput{FunctionName: new("fn")})
		c.ok(err)
		_, err = c.lambda.UpdateAlias(t.Context(), &lambda.UpdateAliasInput{
			FunctionName: new("fn"), Name: new("live"), RoutingConfig: &types.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{*v.Version: 0.1}},
		})
		c.refused(err, "InvalidParameterValueException", "Specified versions must be associated with the same "+words)
		_, err = c.lambda.UpdateFunctionConfiguration(t.Context(), &lambda.UpdateFunctionConfigurationInput{
			FunctionName: new("fn"), Role: new(roleARN), DeadLetterConfig: &types.DeadLetterConfig{},
		})
		c.ok(err)
		c.settle()
	}
}

func TestAnEnvironmentAloneMakesANewVersionOfTheSameCode(t *testing.T) {
	c := start(t)
	c.function()
	before, err := c.lambda.GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: new("fn")})
	c.ok(err)
	_, err = c.lambda.UpdateFunctionConfiguration(t.Context(), &lambda.UpdateFunctionConfigurationInput{
		FunctionName: new("fn"), RevisionId: before.Configuration.RevisionId, Environment: &types.Environment{Variables: map[string]string{"LEVEL": "warn"}},
	})
	c.ok(err)
	c.settle()
	after, err := c.lambda.GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: new("fn")})
	c.ok(err)
	v, err := c.lambda.PublishVersion(t.Context(), &lambda.PublishVersionInput{
		FunctionName: new("fn"), RevisionId: after.Configuration.RevisionId, CodeSha256: before.Configuration.CodeSha256, Description: new("d"),
	})
	c.ok(err)
	if *v.Version != "2" || *v.CodeSha256 != *before.Configuration.CodeSha256 || v.Environment.Variables["LEVEL"] != "warn" || *v.Description != "d" || v.State != types.StatePending {
		t.Errorf("published %+v", v)
	}
}

func TestAQueueIsReadOnlyWithTheRightsToIt(t *testing.T) {
	c := start(t)
	c.function()
	for _, name := range []string{"orders", "orders.fifo"} {
		attributes := map[string]string{}
		if strings.HasSuffix(name, ".fifo") {
			attributes["FifoQueue"] = "true"
		}
		_, err := c.sqs.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: &name, Attributes: attributes})
		c.ok(err)
	}
	create := func(queue string, batch int32) error {
		_, err := c.lambda.CreateEventSourceMapping(t.Context(), &lambda.CreateEventSourceMappingInput{
			FunctionName: new("fn:live"), EventSourceArn: new("arn:aws:sqs:eu-west-1:123456789012:" + queue), BatchSize: &batch,
		})
		return err
	}
	c.refused(create("orders.fifo", 11), "InvalidParameterValueException", "FIFO")
	c.refused(create("orders", 10001), "ValidationException", "'10001' at 'batchSize'")
	rights := strings.NewReplacer(`"Action":"*"`, `"Action":["sqs:ReceiveMessage","sqs:DeleteMessage"]`, `"Resource":"*"`, `"Resource":"arn:aws:sqs:*:*:orders"`).Replace(allowsAll)
	_, err := c.iam.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: new("app"), PolicyName: new("all"), PolicyDocument: &rights})
	c.ok(err)
	c.refused(create("orders", 10), "InvalidParameterValueException", "does not have permissions to call GetQueueAttributes on SQS")
	c.refused(create("orders.fifo", 10), "InvalidParameterValueException", "does not have permissions to call ReceiveMessage on SQS")
	_, err = c.iam.AttachRolePolicy(t.Context(), &iam.AttachRolePolicyInput{RoleName: new("app"), PolicyArn: new("arn:aws:iam::aws:policy/service-role/AWSLambdaSQSQueueExecutionRole")})
	c.ok(err)
	c.ok(create("orders", 10))
}

func TestInvocationsCanBeAnsweredWithoutAProcess(t *testing.T) {
	c := start(t)
	c.function()
	c.cloud.Answer(func(event []byte, variables map[string]string) []byte {
		return []byte(`{"event":` + string(event) + `,"region":"` + variables["AWS_REGION"] + `"}`)
	})
	out, err := c.lambda.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: new("fn:live"), Payload: []byte("1")})
	c.ok(err)
	if string(out.Payload) != `{"event":1,"region":"eu-west-1"}` {
		t.Errorf("answered %s", out.Payload)
	}
}

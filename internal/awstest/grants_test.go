package awstest_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

func TestAVersionRunsOnlyWithTheRoleThatItWasConfiguredWith(t *testing.T) {
	c := start(t)
	c.role()
	in := c.input()
	in.Publish, in.Environment = true, &types.Environment{Variables: map[string]string{"LEVEL": "warn"}}
	_, err := c.lambda.CreateFunction(t.Context(), in)
	c.ok(err)
	c.settle()
	invoke := func(version string) error {
		_, err := c.lambda.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: new("fn"), Qualifier: &version}, func(o *lambda.Options) { o.RetryMaxAttempts = 1 })
		return err
	}
	_, err = c.iam.DeleteRolePolicy(t.Context(), &iam.DeleteRolePolicyInput{RoleName: new("app"), PolicyName: new("all")})
	c.ok(err)
	_, err = c.iam.DeleteRole(t.Context(), &iam.DeleteRoleInput{RoleName: new("app")})
	c.ok(err)
	c.refused(invoke("1"), "AccessDeniedException", "cannot be assumed by Lambda")

	c.role() // another of its name
	c.refused(invoke("1"), "KMSAccessDeniedException", "unable to decrypt the environment variables")
	_, err = c.lambda.UpdateFunctionConfiguration(t.Context(), &lambda.UpdateFunctionConfigurationInput{FunctionName: new("fn"), Description: new("anew")})
	c.ok(err)
	c.settle()
	_, err = c.lambda.PublishVersion(t.Context(), &lambda.PublishVersionInput{FunctionName: new("fn")})
	c.ok(err)
	c.settle()
	c.refused(invoke("1"), "KMSAccessDeniedException", "unable to decrypt the environment variables")
	c.cloud.Answer(func([]byte, map[string]string) []byte { return []byte("{}") })
	c.ok(invoke("2"))
}

func TestWarmInstancesThatAreEndedCountUntilTheyHave(t *testing.T) {
	c := start(t)
	c.function()
	warm := func(n int32) {
		t.Helper()
		_, err := c.lambda.PutProvisionedConcurrencyConfig(t.Context(), &lambda.PutProvisionedConcurrencyConfigInput{
			FunctionName: new("fn"), Qualifier: new("live"), ProvisionedConcurrentExecutions: &n,
		})
		c.ok(err)
	}
	reserve := func(n int32) error {
		_, err := c.lambda.PutFunctionConcurrency(t.Context(), &lambda.PutFunctionConcurrencyInput{FunctionName: new("fn"), ReservedConcurrentExecutions: &n})
		return err
	}
	warm(4)
	warm(1)
	c.refused(reserve(2), "InvalidParameterValueException", "should not be lower than function's total provisioned concurrency [4]")
	for {
		out, err := c.lambda.GetProvisionedConcurrencyConfig(t.Context(), &lambda.GetProvisionedConcurrencyConfigInput{FunctionName: new("fn"), Qualifier: new("live")})
		c.ok(err)
		if out.Status == types.ProvisionedConcurrencyStatusEnumReady {
			break
		}
	}
	c.ok(reserve(2))
}

func TestABoundaryBoundsWhatARoleMayDo(t *testing.T) {
	c := start(t)
	c.role()
	_, err := c.iam.PutRolePermissionsBoundary(t.Context(), &iam.PutRolePermissionsBoundaryInput{
		RoleName: new("app"), PermissionsBoundary: new("arn:aws:iam::aws:policy/AmazonSQSFullAccess"),
	})
	c.ok(err)
	in := c.input()
	in.TracingConfig = &types.TracingConfig{Mode: types.TracingModeActive}
	_, err = c.lambda.CreateFunction(t.Context(), in)
	c.refused(err, "InvalidParameterValueException", "PutTraceSegments")
	_, err = c.iam.DeleteRolePermissionsBoundary(t.Context(), &iam.DeleteRolePermissionsBoundaryInput{RoleName: new("app")})
	c.ok(err)
	_, err = c.lambda.CreateFunction(t.Context(), in)
	c.ok(err)
}

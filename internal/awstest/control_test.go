package awstest_test

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/internal/awstest"
	"github.com/ferryfn/ferry/internal/standin"
)

func TestCallsAreNumberedAndNamed(t *testing.T) {
	c := start(t)
	c.function()
	c.cloud.Reset()
	_, err := c.lambda.GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: new("fn")})
	c.ok(err)
	_, err = c.lambda.DeleteAlias(t.Context(), &lambda.DeleteAliasInput{FunctionName: new("fn"), Name: new("live")})
	c.ok(err)
	_, err = c.s3.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: new("b"), Key: new("a/k")})
	if err == nil {
		t.Error("found an object in no bucket")
	}
	want := []standin.Call{
		{Number: 1, Service: "lambda", Operation: "GetFunction", Resource: "fn", Caller: awstest.Caller, Status: 200},
		{Number: 2, Service: "lambda", Operation: "DeleteAlias", Resource: "fn", Caller: awstest.Caller, Write: true, Status: 204},
		{Number: 3, Service: "s3", Operation: "HeadObject", Resource: "b/a/k", Caller: awstest.Caller, Status: 404},
	}
	if diff := cmp.Diff(want, c.cloud.Calls()); diff != "" {
		t.Error(diff)
	}
}

func TestFaultsComeBeforeOrAfterTheWork(t *testing.T) {
	c := start(t)
	c.role()
	fault := standin.Fault{}
	c.cloud.Intercept(func(call standin.Call) standin.Fault {
		if call.Operation == "CreateFunction" {
			return fault
		}
		return standin.Fault{}
	})
	create := func(f standin.Fault) error {
		fault = f
		_, err := c.lambda.CreateFunction(t.Context(), c.input())
		return err
	}
	there := func() bool {
		_, err := c.lambda.GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: new("fn")})
		return err == nil
	}
	c.refused(create(standin.Deny()), "AccessDeniedException", "User: arn:aws:iam::123456789012:user/ferry is not authorized to perform: lambda:CreateFunction "+
		"on resource: arn:aws:lambda:eu-west-1:123456789012:function:fn because no identity-based policy allows the lambda:CreateFunction action")
	c.refused(create(standin.Throttle()), "TooManyRequestsException", "Rate exceeded")
	c.refused(create(standin.ServerError()), "ServiceException")
	c.refused(create(standin.Fail(409, "ResourceConflictException", "no")), "ResourceConflictException", "no")
	if err := create(standin.Cut()); err == nil || there() {
		t.Errorf("cut before the work: %v, there: %v", err, there())
	}
	if err := create(standin.LoseReply()); err == nil || !there() {
		t.Errorf("reply lost: %v, there: %v", err, there())
	}
	released := make(chan struct{})
	result := make(chan error)
	go func() { result <- create(standin.Hold(released)) }()
	select {
	case err := <-result:
		t.Errorf("held, but done: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	close(released)
	c.refused(<-result, "ResourceConflictException", "Function already exist")
	c.cloud.Intercept(nil)
	var statuses []int
	for _, call := range c.cloud.Calls() {
		if call.Operation == "CreateFunction" {
			statuses = append(statuses, call.Status)
		}
	}
	if got := fmt.Sprint(statuses); got != "[403 429 500 409 0 201 409]" {
		t.Errorf("statuses %s", got)
	}
}

func TestTheRateIsEnforcedWhereLambdaHasOne(t *testing.T) {
	c := start(t)
	c.function()
	c.cloud.RateLimit(5)
	for range 20 {
		_, err := c.lambda.GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: new("fn")})
		c.ok(err)
		_, err = c.sts.GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
		c.ok(err)
	}
	var refused error
	taken, began := -1, time.Now()
	for ; refused == nil; taken++ {
		_, refused = c.lambda.ListAliases(t.Context(), &lambda.ListAliasesInput{FunctionName: new("fn")})
	}
	c.refused(refused, "TooManyRequestsException", "Rate exceeded")
	if most := 5 + 5*time.Since(began).Seconds(); taken < 5 || float64(taken) > most || c.cloud.Refusals() != 1 {
		t.Errorf("%d calls were taken, and may be %.1f; %d were refused", taken, most, c.cloud.Refusals())
	}
}

func TestALatencyIsKept(t *testing.T) {
	c := start(t)
	c.cloud.Latency(30 * time.Millisecond)
	began := time.Now()
	_, err := c.sts.GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	c.ok(err)
	if took := time.Since(began); took < 30*time.Millisecond {
		t.Errorf("took %s", took)
	}
}

func TestTheCallerIsLookedAt(t *testing.T) {
	c := start(t)
	_, err := connect(t, c.cloud, "AKIANOBODY", awstest.Region).lambda.ListFunctions(t.Context(), &lambda.ListFunctionsInput{})
	c.refused(err, "UnrecognizedClientException", "The security token included in the request is invalid.")
	_, err = connect(t, c.cloud, awstest.AccessKey, "us-west-2").lambda.ListFunctions(t.Context(), &lambda.ListFunctionsInput{})
	c.refused(err, "InvalidSignatureException", "not 'us-west-2'")
	who, err := c.sts.GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	c.ok(err)
	if *who.Account != awstest.Account || *who.Arn != awstest.Caller {
		t.Errorf("%s %s", *who.Account, *who.Arn)
	}
}

func TestASnapshotSaysWhatIsThereAndNothingThatPasses(t *testing.T) {
	first, second := start(t), start(t)
	first.function()
	second.function()
	if diff := cmp.Diff(first.cloud.Snapshot(), second.cloud.Snapshot()); diff != "" {
		t.Error(diff)
	}
	for _, line := range []string{"function fn {", "version fn:1 {", "alias fn:live ", "role app "} {
		if !strings.Contains(first.cloud.Snapshot(), line) {
			t.Errorf("no %q in\n%s", line, first.cloud.Snapshot())
		}
	}
	_, err := first.lambda.DeleteFunction(t.Context(), &lambda.DeleteFunctionInput{FunctionName: new("fn")})
	first.ok(err)
	if got := first.cloud.Snapshot(); strings.Contains(got, "fn") {
		t.Errorf("after removal:\n%s", got)
	}
}

// recorder takes the errors of a cloud that is meant to fail its test.
type recorder struct {
	*testing.T
	errors []string
}

func (r *recorder) Errorf(format string, args ...any) {
	r.errors = append(r.errors, fmt.Sprintf(format, args...))
}

func TestAMemberThatTheModelDoesNotHaveFailsTheTest(t *testing.T) {
	r := &recorder{T: t}
	c := awstest.Start(r)
	for body, want := range map[string]string{
		`{"FunctionName":"fn","memory":1}`:               `there is no member "memory" in CreateFunctionInput`,
		`{"FunctionName":"fn","Code":{"Zip":"x"}}`:       `there is no member "Code.Zip" in FunctionCode`,
		`{"FunctionName":"fn","MemorySize":"many"}`:      "MemorySize",
		`{"FunctionName":"fn","Environment":["a","b"]}`:  "Environment is no structure",
		`{"FunctionName":"fn","Tags":{"a":{"b":"c"}}}`:   "Tags.a",
		`{"FunctionName":"fn","Code":{"ZipFile":"%%%"}}`: "Code.ZipFile",
	} {
		r.errors = nil
		out := post(t, c.Endpoint()+"/2015-03-31/functions", body)
		if len(r.errors) != 1 || !strings.Contains(r.errors[0], want) || out != 400 {
			t.Errorf("%s: %d %q", body, out, r.errors)
		}
	}
	r.errors = nil
	if out := post(t, c.Endpoint()+"/2099-01-01/nothing", "{}"); out != 404 || len(r.errors) != 1 {
		t.Errorf("unknown operation: %d %q", out, r.errors)
	}
}

func TestTheCommandLineOfAWSWorksWithIt(t *testing.T) {
	program, err := exec.LookPath("aws")
	if err != nil {
		t.Skip("the AWS CLI is missing")
	}
	c := start(t)
	c.function()
	aws := func(t *testing.T, args ...string) string {
		t.Helper()
		command := exec.CommandContext(t.Context(), program, append([]string{"--endpoint-url", c.cloud.Endpoint(), "--output", "json"}, args...)...)
		command.Env = append(command.Environ(), "AWS_ACCESS_KEY_ID="+awstest.AccessKey, "AWS_SECRET_ACCESS_KEY="+awstest.SecretKey, "AWS_DEFAULT_REGION="+awstest.Region)
		out, err := command.CombinedOutput()
		if err != nil {
			t.Fatalf("aws %v: %v\n%s", args, err, out)
		}
		return string(out)
	}
	for want, args := range map[string][]string{
		`"FunctionVersion": "1"`:    {"lambda", "get-alias", "--function-name", "fn", "--name", "live"},
		`"sts:AssumeRole"`:          {"iam", "get-role", "--role-name", "app"},
		`"Account": "123456789012"`: {"sts", "get-caller-identity"},
		`"logGroups"`:               {"logs", "describe-log-groups"},
		`"Location"`:                {"s3api", "create-bucket", "--bucket", "made", "--create-bucket-configuration", "LocationConstraint=eu-west-1"},
		`"QueueUrl"`:                {"sqs", "create-queue", "--queue-name", "orders"},
		`"TopicArn"`:                {"sns", "create-topic", "--name", "signups"},
		`"Schedules": []`:           {"scheduler", "list-schedules"},
		`"VersionId"`:               {"secretsmanager", "create-secret", "--name", "key", "--secret-string", "v"},
		`"Version": 1`:              {"ssm", "put-parameter", "--name", "/a", "--value", "v", "--type", "SecureString"},
	} {
		t.Run(args[0]+" "+args[1], func(t *testing.T) {
			t.Parallel()
			if out := aws(t, args...); !strings.Contains(out, want) {
				t.Errorf("no %s in\n%s", want, out)
			}
		})
	}
}

package aws

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/ferryfn/ferry/providers"
)

// reply is an error of the SDK as it comes from an answer of AWS.
func reply(service, operation string, status int, code, message string) error {
	answer := &awshttp.ResponseError{RequestID: "7-7", ResponseError: &smithyhttp.ResponseError{
		Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status}},
		Err:      &smithy.GenericAPIError{Code: code, Message: message},
	}}
	return &smithy.OperationError{ServiceID: service, OperationName: operation, Err: answer}
}

func lambdaReply(status int, code, message string) error {
	return reply("Lambda", "UpdateFunctionCode", status, code, message)
}

func testClassify(err error, env map[string]string) *providers.Error {
	p := &place{env: func(name string) (string, bool) {
		value, ok := env[name]
		return value, ok
	}}
	var e *providers.Error
	errors.As(p.classify("publish", "api", err), &e)
	return e
}

func TestWhatAWSSaysHasAKindAndAHint(t *testing.T) {
	const arn = "arn:aws:lambda:eu-west-1:123456789012:function:shop-dev-api"
	for _, c := range []struct {
		err  error
		kind providers.Kind
		hint string // a part of it
	}{
		{lambdaReply(404, "ResourceNotFoundException", "Function not found: "+arn), providers.NotFound, ""},
		{lambdaReply(404, "ProvisionedConcurrencyConfigNotFoundException", "No Provisioned Concurrency Config found for this function"), providers.NotFound, ""},
		{reply("IAM", "GetRole", 404, "NoSuchEntity", "The role with name x cannot be found."), providers.NotFound, ""},
		{reply("SQS", "GetQueueUrl", 400, "AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist."), providers.NotFound, ""},
		{reply("SSM", "GetParameter", 400, "ParameterNotFound", ""), providers.NotFound, ""},
		{reply("S3", "HeadBucket", 404, "NotFound", "Not Found"), providers.NotFound, ""},
		{lambdaReply(409, "ResourceConflictException", "Alias already exists: "+arn+":live"), providers.Conflict, ""},
		{lambdaReply(409, "ResourceConflictException", "The operation cannot be performed at this time. An update is in progress for resource: "+arn), providers.Conflict, "try again when it is done"},
		{lambdaReply(412, "PreconditionFailedException", "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id"), providers.Conflict, "ferry status"},
		{reply("S3", "PutObject", 412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold"), providers.Conflict, ""},
		{reply("IAM", "CreateRole", 409, "EntityAlreadyExists", "Role with name x already exists."), providers.Conflict, ""},
		{reply("S3", "CreateBucket", 409, "BucketAlreadyExists", "The requested bucket name is not available."), providers.Foreign, "'bucket'"},
		{reply("S3", "GetObject", 301, "PermanentRedirect", "The bucket you are attempting to access must be addressed using the specified endpoint."), providers.Invalid, "another region"},
		{lambdaReply(429, "TooManyRequestsException", "Rate Exceeded."), providers.Throttled, "try again"},
		{reply("IAM", "CreateRole", 400, "Throttling", "Rate exceeded"), providers.Throttled, "try again"},
		{reply("CloudWatch Logs", "CreateLogGroup", 400, "LimitExceededException", "Resource limit exceeded."), providers.Limit, ""},
		{lambdaReply(400, "CodeStorageExceededException", "Code storage limit exceeded."), providers.Limit, "releases.keep"},
		{lambdaReply(413, "RequestEntityTooLargeException", "Zipped size must be smaller than 52428800 bytes"), providers.Limit, "ferry package"},
		{lambdaReply(400, "InvalidParameterValueException", "Unzipped size must be smaller than 262144000 bytes"), providers.Limit, "ferry package"},
		{lambdaReply(400, "InvalidParameterValueException", "Cannot reference more than 5 layers."), providers.Limit, ""},
		{lambdaReply(400, "InvalidParameterValueException", "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [100]."), providers.Limit, "scaling.max"},
		{lambdaReply(400, "InvalidParameterValueException", "Specified ConcurrentExecutions for function is greater than account's unreserved concurrency [900]."), providers.Limit, "scaling.max"},
		{lambdaReply(400, "InvalidParameterValueException", " ReservedConcurrentExecutions  1 should not be lower than function's total provisioned concurrency [2]."), providers.Invalid, "scaling.max"},
		{lambdaReply(400, "InvalidParameterValueException", "Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function"), providers.Invalid, "scaling.min"},
		{lambdaReply(409, "ResourceConflictException", "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version"), providers.Conflict, "from the version itself"},
		{lambdaReply(409, "ResourceConflictException", "Version is pointed by a Provisioned Concurrency alias"), providers.Conflict, "from the version itself"},
		{lambdaReply(400, "InvalidParameterValueException", "Alias with weights can not be used with Provisioned Concurrency"), providers.Invalid, "ferry promote"},
		{lambdaReply(400, "InvalidParameterValueException", "Provisioned Concurrency Configs cannot be applied to unpublished function versions."), providers.Invalid, "deploy again"},
		{lambdaReply(400, "InvalidParameterValueException", "Lambda was unable to configure access to your environment variables because the KMS key is invalid for CreateGrant. Please check your KMS key settings."), providers.Invalid, "kms:CreateGrant"},
		{reply("Lambda", "Invoke", 502, "KMSAccessDeniedException", "Lambda was unable to decrypt the environment variables because KMS access was denied."), providers.Denied, "kms:Decrypt"},
		{reply("Lambda", "Invoke", 502, "KMSDisabledException", "Lambda was unable to decrypt the environment variables because the KMS key used is disabled."), providers.Denied, "enable the key"},
		{reply("Lambda", "Invoke", 502, "KMSInvalidStateException", "Lambda was unable to decrypt the environment variables because the state of the KMS key used is not valid for Decrypt."), providers.Denied, "cancel its deletion"},
		{reply("Lambda", "Invoke", 502, "KMSNotFoundException", "Lambda was unable to decrypt the environment variables because the KMS key was not found."), providers.Denied, "is gone"},
		{reply("Lambda", "Invoke", 403, "AccessDeniedException", "The role defined for the function cannot be assumed by Lambda."), providers.Denied, "check that the role exists"},
		{lambdaReply(400, "InvalidParameterValueException", "The role defined for the function cannot be assumed by Lambda."), providers.Invalid, "lambda.amazonaws.com"},
		{lambdaReply(400, "InvalidParameterValueException", "Could not unzip uploaded file. Please check your file, then try to upload again."), providers.Invalid, "rebuild the package"},
		{lambdaReply(400, "InvalidParameterValueException", "The runtime parameter of nodejs14.x is no longer supported for creating or updating AWS Lambda functions. We recommend you use a supported runtime while creating or updating functions."), providers.Invalid, "newer runtime"},
		{lambdaReply(400, "ValidationException", "1 validation error detected: Value 'example.com' at 'statementId' failed to satisfy constraint: Member must satisfy regular expression pattern: ([a-zA-Z0-9-_]+)"), providers.Invalid, ""},
		{lambdaReply(500, "ServiceException", "An error occurred and the request cannot be processed."), providers.Unavailable, "health.aws"},
		{lambdaReply(502, "EC2UnexpectedException", ""), providers.Unavailable, "health.aws"},
		{lambdaReply(400, "SomethingNewException", ""), providers.Invalid, ""},
		{lambdaReply(418, "", ""), providers.Invalid, ""},
		{&smithy.OperationError{ServiceID: "Lambda", OperationName: "GetFunction", Err: &smithyhttp.RequestSendError{
			Err: &url.Error{Op: "Get", URL: "https://lambda", Err: &net.DNSError{Err: "no such host", Name: "lambda"}},
		}}, providers.Unavailable, "network"},
		{fmt.Errorf("rate: Wait(n=1) would exceed context deadline"), providers.Timeout, ""},
		{&smithy.OperationError{Err: &smithy.CanceledError{Err: context.DeadlineExceeded}}, providers.Timeout, ""},
		{errors.New("what is this"), providers.Failed, ""},
	} {
		got := testClassify(c.err, nil)
		if got.Kind != c.kind || !strings.Contains(got.Hint, c.hint) || strings.Contains(got.Hint, "\n") {
			t.Errorf("%v\n  is %s with the hint %q, want %s and %q", got, got.Kind, got.Hint, c.kind, c.hint)
		}
		if !errors.Is(got, c.err) || got.Op != "publish" || got.Function != "api" {
			t.Errorf("the error lost its cause or place: %+v", got)
		}
	}
}

func TestAMissingPermissionPrintsTheStatementToAdd(t *testing.T) {
	const user = "User: arn:aws:iam::123456789012:user/ferry is not authorized to perform: "
	for _, c := range []struct {
		err  error
		hint string
	}{
		{
			lambdaReply(403, "AccessDeniedException", user+"lambda:CreateFunction on resource: arn:aws:lambda:eu-west-1:123456789012:function:shop-dev-api because no identity-based policy allows the lambda:CreateFunction action"),
			`add to the policies of the caller: {"Effect":"Allow","Action":"lambda:CreateFunction","Resource":"arn:aws:lambda:eu-west-1:123456789012:function:shop-dev-api"}`,
		},
		{
			reply("S3", "PutObject", 403, "AccessDenied", user+`s3:PutObject on resource: "arn:aws:s3:::b/k" because no identity-based policy allows the s3:PutObject action`),
			`add to the policies of the caller: {"Effect":"Allow","Action":"s3:PutObject","Resource":"arn:aws:s3:::b/k"}`,
		},
		{lambdaReply(403, "AccessDeniedException", ""), `add to the policies of the caller: {"Effect":"Allow","Action":"lambda:UpdateFunctionCode","Resource":"*"}`},
		{reply("S3", "ListObjectsV2", 403, "AccessDenied", "Access Denied"), `add to the policies of the caller: {"Effect":"Allow","Action":"s3:ListBucket","Resource":"*"}`},
		{reply("S3", "HeadBucket", 403, "Forbidden", "Forbidden"), `add to the policies of the caller: {"Effect":"Allow","Action":"s3:ListBucket","Resource":"*"}`},
		{reply("CloudWatch Logs", "FilterLogEvents", 400, "AccessDeniedException", ""), `add to the policies of the caller: {"Effect":"Allow","Action":"logs:FilterLogEvents","Resource":"*"}`},
		{reply("Secrets Manager", "DescribeSecret", 400, "AccessDeniedException", ""), `add to the policies of the caller: {"Effect":"Allow","Action":"secretsmanager:DescribeSecret","Resource":"*"}`},
		{
			reply("IAM", "CreateRole", 403, "AccessDenied", user+"iam:CreateRole on resource: arn:aws:iam::123456789012:role/x with an explicit deny in a service control policy"),
			"ask whoever manages the policies for iam:CreateRole: one of them denies it, so allowing it elsewhere does not help",
		},
	} {
		if got := testClassify(c.err, nil); got.Kind != providers.Denied || got.Hint != c.hint {
			t.Errorf("%v\n  is %s with the hint\n  %s, want\n  %s", got, got.Kind, got.Hint, c.hint)
		}
	}
}

func TestMissingCredentialsSayHowToGetThem(t *testing.T) {
	refresh := func(text string) error {
		return &smithy.OperationError{ServiceID: "STS", OperationName: "GetCallerIdentity", Err: errors.New("get identity: get credentials: failed to refresh cached credentials, " + text)}
	}
	none := refresh("no EC2 IMDS role found, operation error ec2imds: GetMetadata, canceled")
	for _, c := range []struct {
		err  error
		env  map[string]string
		hint string
	}{
		{none, nil, "aws configure sso"},
		{none, map[string]string{"AWS_PROFILE": "shop"}, "`aws sso login --profile shop`"},
		{refresh("the SSO session has expired or is invalid"), map[string]string{"AWS_PROFILE": "shop"}, "`aws sso login --profile shop`"},
		{none, map[string]string{"CI": "true", "GITHUB_ACTIONS": "true"}, "id-token: write"},
		{none, map[string]string{"CI": "true"}, "AWS_WEB_IDENTITY_TOKEN_FILE"},
		{
			refresh("operation error STS: AssumeRoleWithWebIdentity, api error AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity"),
			map[string]string{"CI": "true", "GITHUB_ACTIONS": "true"},
			"repo:OWNER@ID/REPO@ID",
		},
		{config.SharedConfigProfileNotExistError{Profile: "shop"}, nil, "--profile shop"},
		{lambdaReply(403, "ExpiredTokenException", "The security token included in the request is expired"), map[string]string{"AWS_ACCESS_KEY_ID": "AKIA"}, "AWS_SESSION_TOKEN"},
		{lambdaReply(403, "UnrecognizedClientException", "The security token included in the request is invalid."), nil, "aws configure sso"},
		{reply("STS", "GetCallerIdentity", 403, "InvalidClientTokenId", "The security token included in the request is invalid."), nil, "aws configure sso"},
		{reply("STS", "GetCallerIdentity", 403, "SignatureDoesNotMatch", "Signature expired: 20261123T000000Z is now earlier than 20261123T010000Z"), nil, "clock"},
		{reply("S3", "GetObject", 403, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large."), nil, "clock"},
	} {
		if got := testClassify(c.err, c.env); got.Kind != providers.Unauthenticated || !strings.Contains(got.Hint, c.hint) {
			t.Errorf("%v\n  is %s with the hint %q, want %q", got, got.Kind, got.Hint, c.hint)
		}
	}
}

func TestAnErrorIsShortAndShowsNoValue(t *testing.T) {
	err := fmt.Errorf("giving it a role: %w", lambdaReply(400, "InvalidParameterValueException", "Lambda was unable to configure your environment variables because the environment variables you have provided exceeded the 4KB limit. String measured: {\"TOKEN\":\"hunter2\"}"))
	got := testClassify(err, nil)
	want := "aws: publish api: giving it a role: Lambda UpdateFunctionCode: Lambda was unable to configure your environment variables because the " +
		"environment variables you have provided exceeded the 4KB limit. (InvalidParameterValueException, request 7-7)"
	if got.Error() != want || got.Kind != providers.Limit {
		t.Errorf("%s is\n%s, want\n%s", got.Kind, got, want)
	}
	for _, at := range []string{"environment.variables.TOKEN.member", "secretString"} {
		err := lambdaReply(400, "ValidationException", "1 validation error detected: Value '{TOKEN=hun'ter2}' at '"+at+"' failed to satisfy constraint: Member must have length less than or equal to 9")
		if text := testClassify(err, nil).Error(); strings.Contains(text, "ter2") || !strings.Contains(text, "at '"+at) {
			t.Error(text)
		}
	}
}

func TestALostConnectionIsToldInFewWords(t *testing.T) {
	got := testClassify(&smithy.OperationError{ServiceID: "STS", OperationName: "GetCallerIdentity", Err: fmt.Errorf(
		"exceeded maximum number of attempts, 10, https response error StatusCode: 0, RequestID: , %w",
		&smithyhttp.RequestSendError{Err: errors.New("dial tcp: connection refused")},
	)}, nil)
	if want := "aws: publish api: STS GetCallerIdentity: dial tcp: connection refused"; got.Error() != want {
		t.Errorf("it is %q, want %q", got, want)
	}
}

func TestAnInterruptionIsStillOne(t *testing.T) {
	got := testClassify(&smithy.OperationError{Err: &smithy.CanceledError{Err: context.Canceled}}, nil)
	if !errors.Is(got, context.Canceled) {
		t.Errorf("%v is no interruption", got)
	}
}

func TestRepeatingHelpsOnlyWhereItCan(t *testing.T) {
	for _, c := range []struct {
		err                     error
		exists, busy, roleIsNew bool
	}{
		{err: lambdaReply(409, "ResourceConflictException", "Function already exist: shop-dev-api"), exists: true},
		{err: lambdaReply(409, "ResourceConflictException", "Failed to create function url config for [functionArn = x]. Error message:  FunctionUrlConfig exists for this Lambda function"), exists: true},
		{err: lambdaReply(409, "ResourceConflictException", "The statement id (s1) provided already exists. Please provide a new statement id, or remove the existing statement."), exists: true},
		{err: reply("CloudWatch Logs", "CreateLogGroup", 400, "ResourceAlreadyExistsException", "The specified log group already exists"), exists: true},
		{err: reply("Scheduler", "CreateSchedule", 409, "ConflictException", "Schedule x already exists."), exists: true},
		{err: lambdaReply(409, "ResourceConflictException", "The operation cannot be performed at this time. The function is currently in the following state: Pending"), busy: true},
		{err: lambdaReply(409, "ResourceConflictException", "The operation cannot be performed at this time. An update is in progress for resource: x"), busy: true},
		{err: lambdaReply(400, "InvalidParameterValueException", "The role defined for the function cannot be assumed by Lambda."), roleIsNew: true},
		{err: lambdaReply(400, "InvalidParameterValueException", "The provided execution role does not have permissions to call CreateNetworkInterface on EC2"), roleIsNew: true},
		{err: lambdaReply(400, "InvalidParameterValueException", "Layer Version Cannot be less than 1")},
		{err: errors.New("other")},
		{},
	} {
		if e, b, r := isAlreadyExists(c.err), isInProgress(c.err), roleNotReady(c.err); e != c.exists || b != c.busy || r != c.roleIsNew {
			t.Errorf("%v: exists %v, in progress %v, role not ready %v", c.err, e, b, r)
		}
	}
}

func TestAFailedStateIsExplained(t *testing.T) {
	for code, want := range map[string]providers.Kind{
		"InvalidRuntime": providers.Invalid, "InvalidZipFileException": providers.Invalid, "InsufficientRolePermissions": providers.Denied,
		"EniLimitExceeded": providers.Limit, "SubnetOutOfIPAddresses": providers.Limit, "KMSKeyAccessDenied": providers.Denied,
		"DisabledKMSKey": providers.Denied, "FunctionError.InitTimeout": providers.Crashed, "FunctionError": providers.Crashed,
		"FunctionError.InvalidEntryPoint": providers.Crashed, "DependencyError": providers.Unavailable, "InternalError": providers.Unavailable,
		"EFSMountTimeout": providers.Unavailable, "ImageDeleted": providers.Invalid,
	} {
		kind, hint := explain(code, "")
		if kind != want || hint == "" {
			t.Errorf("%s is %s with the hint %q, want %s", code, kind, hint, want)
		}
	}
	if kind, _ := explain("SomethingNew", ""); kind != providers.Failed {
		t.Errorf("an unknown code is %s", kind)
	}
}

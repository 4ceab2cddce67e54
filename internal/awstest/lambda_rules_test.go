package awstest_test

import (
	"archive/zip"
	"bytes"
	"crypto/rand"
	"maps"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
)

func TestAFunctionThatLambdaWouldNotTakeIsRefused(t *testing.T) {
	c := start(t)
	c.role()
	layer := "arn:aws:lambda:eu-west-1:999999999999:layer:tools:"
	for name, test := range map[string]struct {
		change func(*lambda.CreateFunctionInput)
		code   string
		words  string
	}{
		"name":      {func(in *lambda.CreateFunctionInput) { in.FunctionName = new("a b") }, "ValidationException", "Value 'a b' at 'functionName'"},
		"long name": {func(in *lambda.CreateFunctionInput) { in.FunctionName = new(strings.Repeat("a", 65)) }, "InvalidParameterValueException", "less than or equal to 64"},
		"region": {func(in *lambda.CreateFunctionInput) {
			in.FunctionName = new("arn:aws:lambda:us-east-1:123456789012:function:fn")
		}, "ResourceNotFoundException", "Functions from 'us-east-1' are not reachable in this region ('eu-west-1')"},
		"memory":      {func(in *lambda.CreateFunctionInput) { in.MemorySize = new(int32(64)) }, "ValidationException", "greater than or equal to 128"},
		"much memory": {func(in *lambda.CreateFunctionInput) { in.MemorySize = new(int32(10241)) }, "InvalidParameterValueException", "'MemorySize' value failed"},
		"timeout":     {func(in *lambda.CreateFunctionInput) { in.Timeout = new(int32(901)) }, "ValidationException", "Value '901' at 'timeout'"},
		"disk": {func(in *lambda.CreateFunctionInput) {
			in.EphemeralStorage = &types.EphemeralStorage{Size: new(int32(511))}
		}, "ValidationException", "ephemeralStorage.size"},
		"description":  {func(in *lambda.CreateFunctionInput) { in.Description = new(strings.Repeat("x", 257)) }, "ValidationException", "less than or equal to 256"},
		"handler":      {func(in *lambda.CreateFunctionInput) { in.Handler = new("a b") }, "ValidationException", "at 'handler'"},
		"runtime":      {func(in *lambda.CreateFunctionInput) { in.Runtime = "node22" }, "InvalidParameterValueException", "Value node22 at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: ["},
		"old runtime":  {func(in *lambda.CreateFunctionInput) { in.Runtime = types.RuntimeNodejs14x }, "InvalidParameterValueException", "The runtime parameter of nodejs14.x is no longer supported"},
		"architecture": {func(in *lambda.CreateFunctionInput) { in.Architectures = []types.Architecture{"x86"} }, "ValidationException", "[x86_64, arm64]"},
		"both":         {func(in *lambda.CreateFunctionInput) { in.Architectures = types.Architecture("").Values() }, "ValidationException", "less than or equal to 1"},
		"reserved":     {environment("AWS_REGION", "x"), "InvalidParameterValueException", "Reserved keys used in this request: AWS_REGION"},
		"variable":     {environment("1A", "x"), "ValidationException", "[a-zA-Z]([a-zA-Z0-9_])+"},
		"environment":  {environment("LARGE_VAR", strings.Repeat("x", 4096)), "InvalidParameterValueException", `exceeded the 4KB limit. String measured: {"LARGE_VAR":"xxx`},
		"layers":       {layers(layer+"1", layer+"1", layer+"1", layer+"1", layer+"1", layer+"1"), "InvalidParameterValueException", "Cannot reference more than 5 layers."},
		"layer twice":  {layers(layer+"1", layer+"2"), "InvalidParameterValueException", "Two different versions of the same layer"},
		"own layer":    {layers("arn:aws:lambda:eu-west-1:123456789012:layer:x:1"), "InvalidParameterValueException", "layer:x:1 does not exist."},
		"far layer":    {layers("arn:aws:lambda:us-east-1:999999999999:layer:x:1"), "InvalidParameterValueException", "Layers are not in the same region"},
		"no layer":     {layers("x"), "ValidationException", "at 'layers'"},
		"subnet":       {network("net-1", "sg-1"), "ValidationException", "vpcConfig.subnetIds"},
		"group":        {network("subnet-1", "group"), "ValidationException", "vpcConfig.securityGroupIds"},
		"role":         {func(in *lambda.CreateFunctionInput) { in.Role = new("r1") }, "ValidationException", "Value 'r1' at 'role'"},
		"no role":      {func(in *lambda.CreateFunctionInput) { in.Role = new(roleARN + "2") }, "InvalidParameterValueException", "The role defined for the function cannot be assumed by Lambda."},
		"zip":          {func(in *lambda.CreateFunctionInput) { in.Code.ZipFile = []byte("x") }, "InvalidParameterValueException", "Could not unzip uploaded file."},
		"empty zip":    {func(in *lambda.CreateFunctionInput) { in.Code.ZipFile = zipped(t, nil) }, "InvalidParameterValueException", "non-empty zip"},
		"bucket": {func(in *lambda.CreateFunctionInput) {
			in.Code = &types.FunctionCode{S3Bucket: new("none"), S3Key: new("k")}
		}, "InvalidParameterValueException", "S3 Error Code: NoSuchBucket."},
		"image": {func(in *lambda.CreateFunctionInput) { in.Code = &types.FunctionCode{ImageUri: new("i")} }, "InvalidParameterValueException", "ImageUri"},
	} {
		t.Run(name, func(t *testing.T) {
			c := c
			c.T = t
			in := c.input()
			test.change(in)
			_, err := c.lambda.CreateFunction(t.Context(), in)
			c.refused(err, test.code, test.words)
		})
	}
}

func environment(name, value string) func(*lambda.CreateFunctionInput) {
	return func(in *lambda.CreateFunctionInput) {
		in.Environment = &types.Environment{Variables: map[string]string{name: value}}
	}
}

func layers(arns ...string) func(*lambda.CreateFunctionInput) {
	return func(in *lambda.CreateFunctionInput) { in.Layers = arns }
}

func network(subnet, group string) func(*lambda.CreateFunctionInput) {
	return func(in *lambda.CreateFunctionInput) {
		in.VpcConfig = &types.VpcConfig{SubnetIds: []string{subnet}, SecurityGroupIds: []string{group}}
	}
}

func TestCodeIsTakenFromABucketAndMeasured(t *testing.T) {
	c := start(t)
	c.role()
	_, err := c.s3.CreateBucket(t.Context(), &s3.CreateBucketInput{
		Bucket: new("code"), CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: "eu-west-1"},
	})
	c.ok(err)
	in := c.input()
	put := func(key string, data []byte) {
		t.Helper()
		_, err := c.s3.PutObject(t.Context(), &s3.PutObjectInput{Bucket: new("code"), Key: &key, Body: strings.NewReader(string(data))})
		c.ok(err)
	}
	var big bytes.Buffer
	archive := zip.NewWriter(&big)
	_, err = archive.CreateRaw(&zip.FileHeader{Name: "a", UncompressedSize64: 262144000})
	c.ok(err)
	c.ok(archive.Close())
	put("big", big.Bytes())
	put("fn.zip", in.Code.ZipFile)
	for key, words := range map[string]string{"none": "S3 Error Code: NoSuchKey.", "big": "Unzipped size must be smaller than 262144000 bytes"} {
		in.Code = &types.FunctionCode{S3Bucket: new("code"), S3Key: &key}
		_, err := c.lambda.CreateFunction(t.Context(), in)
		c.refused(err, "InvalidParameterValueException", words)
	}
	in.Code = &types.FunctionCode{S3Bucket: new("code"), S3Key: new("fn.zip")}
	_, err = c.lambda.CreateFunction(t.Context(), in)
	c.ok(err)
}

func TestAZipOverTheDirectLimitIsRefused(t *testing.T) {
	c := start(t)
	c.role()
	noise := make([]byte, 53<<20)
	_, _ = rand.Read(noise)
	in := c.input()
	for size, words := range map[int]string{52428800: "Zipped size must be smaller than 52428800 bytes", 53 << 20: "Request must be smaller than 70167211 bytes for the CreateFunction operation"} {
		in.Code.ZipFile = noise[:size]
		_, err := c.lambda.CreateFunction(t.Context(), in)
		c.refused(err, "RequestEntityTooLargeException", words)
	}
}

func TestARoleMustBeAssumableAndStrongEnough(t *testing.T) {
	c := start(t)
	c.role()
	c.cloud.RoleNotAssumable(2)
	for range 2 {
		_, err := c.lambda.CreateFunction(t.Context(), c.input())
		c.refused(err, "InvalidParameterValueException", "The role defined for the function cannot be assumed by Lambda.")
	}
	_, err := c.iam.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{
		RoleName: new("app"), PolicyName: new("all"), PolicyDocument: new(strings.Replace(allowsAll, `"Action":"*"`, `"Action":"logs:*"`, 1)),
	})
	c.ok(err)
	for words, change := range map[string]func(*lambda.CreateFunctionInput){
		"CreateNetworkInterface on EC2": network("subnet-1", "sg-1"),
		"PutTraceSegments on XRAY": func(in *lambda.CreateFunctionInput) {
			in.TracingConfig = &types.TracingConfig{Mode: types.TracingModeActive}
		},
		"SendMessage on SQS": func(in *lambda.CreateFunctionInput) {
			in.DeadLetterConfig = &types.DeadLetterConfig{TargetArn: new("arn:aws:sqs:eu-west-1:123456789012:dead")}
		},
		"Publish on SNS": func(in *lambda.CreateFunctionInput) {
			in.DeadLetterConfig = &types.DeadLetterConfig{TargetArn: new("arn:aws:sns:eu-west-1:123456789012:dead")}
		},
	} {
		in := c.input()
		change(in)
		_, err := c.lambda.CreateFunction(t.Context(), in)
		c.refused(err, "InvalidParameterValueException", "The provided execution role does not have permissions to call "+words)
	}
	_, err = c.lambda.CreateFunction(t.Context(), c.input())
	c.ok(err)
	_, err = c.iam.UpdateAssumeRolePolicy(t.Context(), &iam.UpdateAssumeRolePolicyInput{
		RoleName: new("app"), PolicyDocument: new(strings.ReplaceAll(trustsAll, "lambda.amazonaws", "ec2.amazonaws")),
	})
	c.ok(err)
	c.settle()
	_, err = c.lambda.UpdateFunctionConfiguration(t.Context(), &lambda.UpdateFunctionConfigurationInput{FunctionName: new("fn"), Timeout: new(int32(5))})
	c.refused(err, "InvalidParameterValueException", "cannot be assumed by Lambda")
}

func TestADeprecatedRuntimeRefusesUpdatesButNotAliases(t *testing.T) {
	c := start(t)
	c.function()
	c.publish("export const handler = async () => 2")
	c.cloud.DeprecateRuntime("nodejs22.x")
	_, err := c.lambda.UpdateFunctionConfiguration(t.Context(), &lambda.UpdateFunctionConfigurationInput{FunctionName: new("fn"), Timeout: new(int32(5))})
	c.refused(err, "InvalidParameterValueException", "The runtime parameter of nodejs22.x is no longer supported for creating or updating")
	_, err = c.lambda.UpdateFunctionCode(t.Context(), &lambda.UpdateFunctionCodeInput{FunctionName: new("fn"), ZipFile: c.input().Code.ZipFile})
	c.refused(err, "InvalidParameterValueException", "no longer supported")
	_, err = c.lambda.UpdateAlias(t.Context(), &lambda.UpdateAliasInput{FunctionName: new("fn"), Name: new("live"), FunctionVersion: new("2")})
	c.ok(err)
}

func TestNamesQualifiersAndWhatIsMissing(t *testing.T) {
	c := start(t)
	c.function()
	const whole = "arn:aws:lambda:eu-west-1:123456789012:function:fn"
	for _, name := range []string{"fn", "fn:live", "123456789012:function:fn:1", whole, whole + ":live"} {
		_, err := c.lambda.GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: &name})
		c.ok(err)
	}
	get := func(name string, qualifier *string) error {
		_, err := c.lambda.GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: &name, Qualifier: qualifier})
		return err
	}
	c.refused(get("fn", new("42")), "ResourceNotFoundException", "Function not found: "+whole+":42")
	c.refused(get("none", nil), "ResourceNotFoundException", "Function not found: arn:aws:lambda:eu-west-1:123456789012:function:none")
	c.refused(get("fn:live", new("1")), "InvalidParameterValueException", "The derived qualifier from the function name does not match")
	c.refused(get("arn:aws:lambda:eu-west-1:999999999999:function:fn", nil), "AccessDeniedException", "is not authorized to perform: lambda:GetFunction")
	c.refused(get("fn", new("?")), "ValidationException", "at 'qualifier'")
	_, err := c.lambda.UpdateFunctionConfiguration(t.Context(), &lambda.UpdateFunctionConfigurationInput{FunctionName: new("fn:live")})
	c.refused(err, "InvalidParameterValueException", "This operation is permitted on Lambda functions only.")
	_, err = c.lambda.GetAlias(t.Context(), &lambda.GetAliasInput{FunctionName: new("fn"), Name: new("none")})
	c.refused(err, "ResourceNotFoundException", "Cannot find alias arn: "+whole+":none")
	_, err = c.lambda.UpdateAlias(t.Context(), &lambda.UpdateAliasInput{FunctionName: new("fn"), Name: new("none")})
	c.refused(err, "ResourceNotFoundException", "Alias not found: "+whole+":none")
	for name, words := range map[string]string{"2024": "'2024' at 'name'", "a b": "'a b' at 'name'"} {
		_, err = c.lambda.CreateAlias(t.Context(), &lambda.CreateAliasInput{FunctionName: new("fn"), Name: &name, FunctionVersion: new("1")})
		c.refused(err, "ValidationException", words)
	}
	_, err = c.lambda.CreateAlias(t.Context(), &lambda.CreateAliasInput{FunctionName: new("fn"), Name: new("live"), FunctionVersion: new("1")})
	c.refused(err, "ResourceConflictException", "Alias already exists: "+whole+":live")
	_, err = c.lambda.CreateAlias(t.Context(), &lambda.CreateAliasInput{FunctionName: new("fn"), Name: new("next"), FunctionVersion: new("10")})
	c.refused(err, "ResourceNotFoundException", "Function not found: "+whole+":10")
	for qualifier, words := range map[string]string{"$LATEST": "$LATEST version cannot be deleted", "live": "Deletion of aliases"} {
		_, err = c.lambda.DeleteFunction(t.Context(), &lambda.DeleteFunctionInput{FunctionName: new("fn"), Qualifier: &qualifier})
		c.refused(err, "InvalidParameterValueException", words)
	}
	_, err = c.lambda.DeleteFunction(t.Context(), &lambda.DeleteFunctionInput{FunctionName: new("fn"), Qualifier: new("99")})
	c.ok(err)
}

func TestTagsBelongToTheFunction(t *testing.T) {
	c := start(t)
	c.function()
	const whole = "arn:aws:lambda:eu-west-1:123456789012:function:fn"
	_, err := c.lambda.TagResource(t.Context(), &lambda.TagResourceInput{Resource: new(whole), Tags: map[string]string{"a": "1", "b": "2"}})
	c.ok(err)
	_, err = c.lambda.UntagResource(t.Context(), &lambda.UntagResourceInput{Resource: new(whole), TagKeys: []string{"b"}})
	c.ok(err)
	list, err := c.lambda.ListTags(t.Context(), &lambda.ListTagsInput{Resource: new(whole)})
	c.ok(err)
	if !maps.Equal(list.Tags, map[string]string{"a": "1"}) {
		t.Errorf("tags %v", list.Tags)
	}
	_, err = c.lambda.ListTags(t.Context(), &lambda.ListTagsInput{Resource: new(whole + ":live")})
	c.refused(err, "InvalidParameterValueException", "Tags on function aliases and versions are not supported.")
	_, err = c.lambda.ListTags(t.Context(), &lambda.ListTagsInput{Resource: new("arn:aws:something")})
	c.refused(err, "ValidationException", "at 'resource'")
	many := map[string]string{}
	for i := range 51 {
		many[strings.Repeat("k", i+1)] = ""
	}
	_, err = c.lambda.TagResource(t.Context(), &lambda.TagResourceInput{Resource: new(whole), Tags: many})
	c.refused(err, "InvalidParameterValueException", "Number of tags exceeds resource tag limit.")
}

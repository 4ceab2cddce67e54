package awstest_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/ferryfn/ferry/internal/awstest"
)

// clients are the SDK's own clients of one cloud. They try once.
type clients struct {
	*testing.T
	cloud      *awstest.Cloud
	lambda     *lambda.Client
	iam        *iam.Client
	sts        *sts.Client
	logs       *cloudwatchlogs.Client
	s3         *s3.Client
	sqs        *sqs.Client
	sns        *sns.Client
	scheduler  *scheduler.Client
	secrets    *secretsmanager.Client
	parameters *ssm.Client
}

func start(t *testing.T) clients {
	t.Helper()
	return connect(t, awstest.Start(t), awstest.AccessKey, awstest.Region)
}

func connect(t *testing.T, c *awstest.Cloud, key, region string) clients {
	t.Helper()
	cfg := aws.Config{
		Region: region, BaseEndpoint: new(c.Endpoint()), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(key, awstest.SecretKey, ""),
	}
	return clients{
		T: t, cloud: c, lambda: lambda.NewFromConfig(cfg), iam: iam.NewFromConfig(cfg), sts: sts.NewFromConfig(cfg), logs: cloudwatchlogs.NewFromConfig(cfg),
		s3:  s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true }),
		sqs: sqs.NewFromConfig(cfg), sns: sns.NewFromConfig(cfg), scheduler: scheduler.NewFromConfig(cfg),
		secrets: secretsmanager.NewFromConfig(cfg), parameters: ssm.NewFromConfig(cfg),
	}
}

const (
	roleARN   = "arn:aws:iam::123456789012:role/app"
	trustsAll = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":["lambda.amazonaws.com","scheduler.amazonaws.com"]},"Action":"sts:AssumeRole"}]}`
	allowsAll = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
)

// role makes the role "app", which may do all.
func (c clients) role() {
	c.Helper()
	_, err := c.iam.CreateRole(c.Context(), &iam.CreateRoleInput{RoleName: new("app"), AssumeRolePolicyDocument: new(trustsAll)})
	c.ok(err)
	_, err = c.iam.PutRolePolicy(c.Context(), &iam.PutRolePolicyInput{RoleName: new("app"), PolicyName: new("all"), PolicyDocument: new(allowsAll)})
	c.ok(err)
}

// input creates the function "fn" with the role "app".
func (c clients) input() *lambda.CreateFunctionInput {
	c.Helper()
	return &lambda.CreateFunctionInput{
		FunctionName: new("fn"), Role: new(roleARN), Runtime: types.RuntimeNodejs22x, Handler: new("index.handler"),
		Code: &types.FunctionCode{ZipFile: zipped(c.T, map[string]string{"index.mjs": "export const handler = async e => ({v: 1, e})"})},
	}
}

// function makes an active function "fn" with version 1 and the alias "live".
func (c clients) function() {
	c.Helper()
	c.role()
	in := c.input()
	in.Publish = true
	_, err := c.lambda.CreateFunction(c.Context(), in)
	c.ok(err)
	c.settle()
	_, err = c.lambda.CreateAlias(c.Context(), &lambda.CreateAliasInput{FunctionName: new("fn"), Name: new("live"), FunctionVersion: new("1")})
	c.ok(err)
}

// settle waits until nothing is under way at "fn" and its versions.
func (c clients) settle() {
	c.Helper()
	list, err := c.lambda.ListVersionsByFunction(c.Context(), &lambda.ListVersionsByFunctionInput{FunctionName: new("fn")})
	c.ok(err)
	for _, v := range list.Versions {
		for range 20 {
			got, err := c.lambda.GetFunction(c.Context(), &lambda.GetFunctionInput{FunctionName: new("fn"), Qualifier: v.Version})
			c.ok(err)
			if got.Configuration.State == types.StateActive && got.Configuration.LastUpdateStatus == types.LastUpdateStatusSuccessful {
				break
			}
		}
	}
}

// publish gives "fn" other code and publishes it as the next version.
func (c clients) publish(source string) {
	c.Helper()
	_, err := c.lambda.UpdateFunctionCode(c.Context(), &lambda.UpdateFunctionCodeInput{
		FunctionName: new("fn"), Publish: true, ZipFile: zipped(c.T, map[string]string{"index.mjs": source}),
	})
	c.ok(err)
	c.settle()
}

func (c clients) ok(err error) {
	c.Helper()
	if err != nil {
		c.Fatal(err)
	}
}

// refused wants an error of a code whose message has all the words.
func (c clients) refused(err error, code string, words ...string) {
	c.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) {
		c.Fatalf("got %v, want %s", err, code)
	}
	if api.ErrorCode() != code {
		c.Errorf("code %q (%s), want %q", api.ErrorCode(), api.ErrorMessage(), code)
	}
	for _, w := range words {
		if !strings.Contains(api.ErrorMessage(), w) {
			c.Errorf("message %q lacks %q", api.ErrorMessage(), w)
		}
	}
}

func zipped(t testing.TB, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for name, content := range files {
		h := &zip.FileHeader{Name: name, Method: zip.Deflate}
		h.SetMode(0o755)
		f, err := w.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

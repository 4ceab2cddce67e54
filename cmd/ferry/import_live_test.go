//go:build unix

package main

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"google.golang.org/api/cloudfunctions/v2"
	"google.golang.org/api/option"
	"google.golang.org/api/run/v2"

	"github.com/ferryfn/ferry/internal/awstest"
	"github.com/ferryfn/ferry/internal/gcptest"
	"github.com/ferryfn/ferry/packager/packagertest"
)

// byHand is a function that somebody made without ferry.
type byHand struct {
	source  string // as it is imported
	url     string
	environ []string
	client  *http.Client
	lost    string // what of it cannot be carried
}

// archived is a zip of files.
func archived(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var data bytes.Buffer
	z := zip.NewWriter(&data)
	for name, text := range files {
		w, err := z.Create(name)
		if err == nil {
			_, err = io.WriteString(w, text)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return data.Bytes()
}

// onLambda makes a function that answers at an address, for messages of a queue, and for a service that ferry knows nothing of.
func onLambda(t *testing.T) byHand {
	account := awstest.Start(t)
	cfg := aws.Config{
		Region: awstest.Region, BaseEndpoint: new(account.Endpoint()), Credentials: credentials.NewStaticCredentialsProvider(awstest.AccessKey, awstest.SecretKey, ""),
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	role, err := iam.NewFromConfig(cfg).CreateRole(t.Context(), &iam.CreateRoleInput{
		RoleName: new("theirs"), AssumeRolePolicyDocument: new(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`),
	})
	must(err)
	functions, name := lambda.NewFromConfig(cfg), new("hello")
	_, err = functions.CreateFunction(t.Context(), &lambda.CreateFunctionInput{
		FunctionName: name, Role: role.Role.Arn, Runtime: types.RuntimeNodejs22x, Handler: new("src/app.handler"), Timeout: new(int32(7)), MemorySize: new(int32(256)), Publish: true,
		Environment: &types.Environment{Variables: map[string]string{"GREETING": "Hello ${x}", "API_TOKEN": "s3cr3t", "NONE": ""}}, Tags: map[string]string{"team": "other"},
		Code: &types.FunctionCode{ZipFile: archived(t, map[string]string{
			"src/app.js":     "const word = require('./word');\nexports.handler = async (e) => ({statusCode: 201, cookies: ['a=1'], headers: {'x-by': 'hand'}, body: word() + e.rawPath + e.rawQueryString});\n",
			"src/word.js":    "module.exports = () => process.env.GREETING + process.env.NONE;\n",
			"data/notes.txt": "kept\n",
		})},
	})
	must(err)
	_, err = functions.CreateAlias(t.Context(), &lambda.CreateAliasInput{FunctionName: name, Name: new("prod"), FunctionVersion: new("1")})
	must(err)
	url, err := functions.CreateFunctionUrlConfig(t.Context(), &lambda.CreateFunctionUrlConfigInput{FunctionName: name, Qualifier: new("prod"), AuthType: types.FunctionUrlAuthTypeNone})
	must(err)
	for id, in := range map[string]*lambda.AddPermissionInput{
		"url":    {Principal: new("*"), Action: new("lambda:InvokeFunctionUrl"), FunctionUrlAuthType: types.FunctionUrlAuthTypeNone},
		"invoke": {Principal: new("*"), Action: new("lambda:InvokeFunction"), InvokedViaFunctionUrl: new(true)},
		"iot":    {Principal: new("iot.amazonaws.com"), Action: new("lambda:InvokeFunction"), SourceArn: new("arn:aws:iot:eu-west-1:123456789012:rule/watch")},
	} {
		in.FunctionName, in.Qualifier, in.StatementId = name, new("prod"), new(id)
		_, err = functions.AddPermission(t.Context(), in)
		must(err)
	}
	_, err = sqs.NewFromConfig(cfg).CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: new("orders"), Attributes: map[string]string{"VisibilityTimeout": "60"}})
	must(err)
	_, err = iam.NewFromConfig(cfg).PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{
		RoleName: new("theirs"), PolicyName: new("all"), PolicyDocument: new(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sqs:*","Resource":"*"}]}`),
	})
	must(err)
	_, err = functions.CreateEventSourceMapping(t.Context(), &lambda.CreateEventSourceMappingInput{
		FunctionName: new("hello:prod"), EventSourceArn: new("arn:aws:sqs:eu-west-1:123456789012:orders"), BatchSize: new(int32(3)),
	})
	must(err)
	return byHand{
		source: "aws:hello:prod", url: *url.FunctionUrl, environ: account.Environ(), client: http.DefaultClient, lost: "the manifest has no events of the kind iot",
	}
}

// onFunctions makes a function that Google's framework calls.
func onFunctions(t *testing.T) byHand {
	project := gcptest.New(t)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	as := func(api string) []option.ClientOption {
		return []option.ClientOption{option.WithAuthCredentialsFile(option.ServiceAccount, project.KeyFile(gcptest.Deployer)), option.WithEndpoint(project.Endpoint(api))}
	}
	client, err := cloudfunctions.NewService(t.Context(), as("cloudfunctions")...)
	must(err)
	services, err := run.NewService(t.Context(), as("run")...)
	must(err)
	place := "projects/" + gcptest.Project + "/locations/" + gcptest.Region
	upload, err := client.Projects.Locations.Functions.GenerateUploadUrl(place, &cloudfunctions.GenerateUploadUrlRequest{}).Do()
	must(err)
	put, err := http.NewRequest(http.MethodPut, upload.UploadUrl, bytes.NewReader(archived(t, map[string]string{
		"index.js":       "const word = require('./src/word');\nexports.main = (req, res) => res.status(201).set('x-by', 'hand').cookie('a', '1').send(word() + req.path + req.query.x);\n",
		"src/word.js":    "module.exports = () => process.env.GREETING;\n",
		"package.json":   `{"dependencies": {"@google-cloud/functions-framework": "^5.0.0"}}`,
		"data/notes.txt": "kept\n",
	})))
	must(err)
	put.Header.Set("Content-Type", "application/zip")
	res, err := http.DefaultClient.Do(put)
	must(err)
	must(res.Body.Close())
	op, err := client.Projects.Locations.Functions.Create(place, &cloudfunctions.Function{
		Environment: "GEN_2",
		BuildConfig: &cloudfunctions.BuildConfig{Runtime: "nodejs22", EntryPoint: "main", Source: &cloudfunctions.Source{StorageSource: upload.StorageSource}},
		ServiceConfig: &cloudfunctions.ServiceConfig{
			EnvironmentVariables: map[string]string{"GREETING": "Hello ${x}", "API_TOKEN": "s3cr3t"}, TimeoutSeconds: 7, BinaryAuthorizationPolicy: "projects/x/platforms/cloudRun/policies/y",
		},
	}).FunctionId("hello").Do()
	must(err)
	for !op.Done {
		op, err = client.Projects.Locations.Operations.Get(op.Name).Do()
		must(err)
	}
	if op.Error != nil {
		t.Fatal(op.Error.Message)
	}
	_, err = services.Projects.Locations.Services.SetIamPolicy(place+"/services/hello", &run.GoogleIamV1SetIamPolicyRequest{
		Policy: &run.GoogleIamV1Policy{Bindings: []*run.GoogleIamV1Binding{{Role: "roles/run.invoker", Members: []string{"allUsers"}}}},
	}).Do()
	must(err)
	is, err := client.Projects.Locations.Functions.Get(place + "/functions/hello").Do()
	must(err)
	return byHand{source: "gcp:hello", url: is.ServiceConfig.Uri, environ: append(project.Env(), "GOOGLE_CLOUD_REGION="+gcptest.Region), client: http.DefaultClient, lost: "keep the policy with its own tool"}
}

// TestALiveFunctionIsImportedAndServesLocallyUnedited imports functions that were made through the clouds' own interfaces.
func TestALiveFunctionIsImportedAndServesLocallyUnedited(t *testing.T) {
	t.Parallel()
	packagertest.Needs(t, "node")
	for name, make := range map[string]func(*testing.T) byHand{"Lambda": onLambda, "Cloud Functions": onFunctions} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			theirs := make(t)
			s := newShop(t)
			dry := imported(s, theirs, "--dry-run")
			if left, err := os.ReadDir(s.dir); err != nil || len(left) > 0 || dry.File != "" {
				t.Fatalf("a dry run left %v (%v)", left, err)
			}
			got := imported(s, theirs)
			if got.Manifest != dry.Manifest || got.File != filepath.Join(s.dir, "hello", "ferry.yaml") {
				t.Errorf("a dry run says otherwise:\n%s\n%s", dry.Manifest, got.Manifest)
			}
			got.accounts(t, theirs.lost)
			s.dir = filepath.Dir(got.File)
			if text, err := os.ReadFile(filepath.Join(s.dir, "data", "notes.txt")); err != nil || string(text) != "kept\n" {
				t.Errorf("a file of the code is %q (%v)", text, err)
			}
			set := s.command("", nil, "secrets", "set", "api-token")
			set.Stdin = strings.NewReader("other")
			if code, out := ran(set); code != 0 {
				t.Fatalf("setting the secret exits %d: %s", code, out)
			}
			c := s.command("", nil, "deploy")
			if code, out := ran(c); code != 0 {
				t.Fatalf("deploying exits %d: %s", code, out)
			}
			s.learn(c)
			want, here := answer(t, theirs.client, theirs.url), answer(t, http.DefaultClient, s.urls["hello"])
			if want != here {
				t.Errorf("here it answers\n%s\nand there\n%s", here, want)
			}
		})
	}
}

// report is what an import says of itself.
type report struct {
	Manifest, File string
	Mapped         []struct {
		Path string
		Keys int
	}
	Unmapped []struct {
		Path, Reason string
		Serves       bool
		Keys         int
	}
	Keys  int
	Notes []string
}

func imported(s *shop, of byHand, flags ...string) report {
	s.Helper()
	c := s.command("", of.environ, append([]string{"import", of.source}, flags...)...)
	code, out := ran(c)
	var doc struct{ Result report }
	if err := json.Unmarshal(c.Stdout.(*bytes.Buffer).Bytes(), &doc); err != nil || code != 3 {
		s.Fatalf("import exits %d (%v): %s", code, err, out)
	}
	return doc.Result
}

// accounts expects a word for each value, the secret as a reference, and the lost as lost.
func (r report) accounts(t *testing.T, lost string) {
	t.Helper()
	keys := 0
	for _, m := range r.Mapped {
		keys += m.Keys
	}
	var reasons []string
	for _, u := range r.Unmapped {
		keys += u.Keys
		if u.Serves {
			reasons = append(reasons, u.Reason)
		} else if u.Reason == "ferry does not know this key" {
			t.Errorf("nothing is said of %s", u.Path)
		}
	}
	if keys != r.Keys || !slices.Equal(reasons, []string{lost}) {
		t.Errorf("of %d values %d are accounted for; lost is %q", r.Keys, keys, reasons)
	}
	if strings.Contains(fmt.Sprint(r), "s3cr3t") || !strings.Contains(r.Manifest, "API_TOKEN: api-token") || !strings.Contains(fmt.Sprint(r.Notes), "ferry secrets set api-token") {
		t.Errorf("the secret became\n%s\n%q", r.Manifest, r.Notes)
	}
}

// answer is what an address answers to a request.
func answer(t *testing.T, client *http.Client, url string) string {
	t.Helper()
	res, err := client.Get(strings.TrimSuffix(url, "/") + "/a/b?x=1&y=%26")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintln(res.StatusCode, res.Header["X-By"], res.Header["Set-Cookie"], string(body))
}

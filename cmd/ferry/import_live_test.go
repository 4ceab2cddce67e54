//go:build unix

package main

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
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
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"google.golang.org/api/cloudfunctions/v2"
	"google.golang.org/api/cloudscheduler/v1"
	"google.golang.org/api/option"
	"google.golang.org/api/pubsub/v1"
	cloudrun "google.golang.org/api/run/v2"

	"github.com/ferryfn/ferry/internal/awstest"
	"github.com/ferryfn/ferry/internal/azuretest"
	"github.com/ferryfn/ferry/internal/gcptest"
	"github.com/ferryfn/ferry/internal/standin"
	"github.com/ferryfn/ferry/packager/packagertest"
)

// byHand is a function that somebody made without ferry.
type byHand struct {
	source  string // as it is imported
	name    string // of the function that it becomes
	url     string
	environ []string
	client  *http.Client
	set     []string // where it is, where its environment does not say it
	lost    string   // what of it cannot be carried
	deny    func(func(standin.Call) standin.Fault)
}

// archived is a zip of files.
func archived(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var data bytes.Buffer
	z := zip.NewWriter(&data)
	for name, text := range files {
		header := &zip.FileHeader{Name: name, Method: zip.Deflate}
		header.SetMode(0o644)
		if name == "run" {
			header.SetMode(0o755)
		}
		w, err := z.CreateHeader(header)
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
		"topic":  {Principal: new("sns.amazonaws.com"), Action: new("lambda:InvokeFunction"), SourceArn: new("arn:aws:sns:eu-west-1:123456789012:signups")},
		"bucket": {Principal: new("s3.amazonaws.com"), Action: new("lambda:InvokeFunction"), SourceArn: new("arn:aws:s3:::uploads")},
		"iot":    {Principal: new("iot.amazonaws.com"), Action: new("lambda:InvokeFunction"), SourceArn: new("arn:aws:iot:eu-west-1:123456789012:rule/watch")},
	} {
		in.FunctionName, in.Qualifier, in.StatementId = name, new("prod"), new(id)
		_, err = functions.AddPermission(t.Context(), in)
		must(err)
	}
	topics := sns.NewFromConfig(cfg)
	topic, err := topics.CreateTopic(t.Context(), &sns.CreateTopicInput{Name: new("signups")})
	must(err)
	_, err = topics.Subscribe(t.Context(), &sns.SubscribeInput{TopicArn: topic.TopicArn, Protocol: new("lambda"), Endpoint: url.FunctionArn})
	must(err)
	buckets := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
	_, err = buckets.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: new("uploads"), CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: awstest.Region}})
	must(err)
	_, err = buckets.PutBucketNotificationConfiguration(t.Context(), &s3.PutBucketNotificationConfigurationInput{Bucket: new("uploads"), NotificationConfiguration: &s3types.NotificationConfiguration{
		LambdaFunctionConfigurations: []s3types.LambdaFunctionConfiguration{{LambdaFunctionArn: url.FunctionArn, Events: []s3types.Event{"s3:ObjectCreated:*"}}},
	}})
	must(err)
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
		source: "aws:hello:prod", name: "hello", url: *url.FunctionUrl, environ: account.Environ(), client: http.DefaultClient, lost: "the manifest has no events of the kind iot",
		deny: account.Intercept,
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
	services, err := cloudrun.NewService(t.Context(), as("run")...)
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
		BuildConfig: &cloudfunctions.BuildConfig{Runtime: "nodejs24", EntryPoint: "main", Source: &cloudfunctions.Source{StorageSource: upload.StorageSource}},
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
	_, err = services.Projects.Locations.Services.SetIamPolicy(place+"/services/hello", &cloudrun.GoogleIamV1SetIamPolicyRequest{
		Policy: &cloudrun.GoogleIamV1Policy{Bindings: []*cloudrun.GoogleIamV1Binding{{Role: "roles/run.invoker", Members: []string{"allUsers"}}}},
	}).Do()
	must(err)
	is, err := client.Projects.Locations.Functions.Get(place + "/functions/hello").Do()
	must(err)
	lost := append(calledBy(t, as, place, is.ServiceConfig.Uri), "keep the policy with its own tool")
	slices.Sort(lost)
	return byHand{
		source: "gcp:hello", name: "hello", url: is.ServiceConfig.Uri, environ: append(project.Env(), "GOOGLE_CLOUD_REGION="+gcptest.Region), client: http.DefaultClient, lost: strings.Join(lost, "\n"),
		deny: project.Intercept,
	}
}

// Why what calls a function of Google at its address is lost.
const (
	jobCalls          = "a job of Cloud Scheduler sends it requests at 0 3 * * * (Europe/Berlin): write a function of style gcf-event with a schedule, or send the job's requests to the new address"
	subscriptionCalls = "a subscription pushes the messages of the topic signups to it as requests: write a function of style gcf-event with that topic, or push them to the new address"
)

// calledBy has jobs and a subscription call an address, and others another one. It gives why those that do are lost.
func calledBy(t *testing.T, as func(string) []option.ClientOption, place, address string) []string {
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	times, err := cloudscheduler.NewService(t.Context(), as("cloudscheduler")...)
	must(err)
	for name, uri := range map[string]string{"nightly": address + "/night", "idle": address, "other": "https://example.com/night"} {
		job := &cloudscheduler.Job{Name: place + "/jobs/" + name, Schedule: "0 3 * * *", TimeZone: "Europe/Berlin", HttpTarget: &cloudscheduler.HttpTarget{Uri: uri, HttpMethod: "POST"}}
		_, err = times.Projects.Locations.Jobs.Create(place, job).Do()
		must(err)
	}
	_, err = times.Projects.Locations.Jobs.Pause(place+"/jobs/idle", &cloudscheduler.PauseJobRequest{}).Do()
	must(err)
	messages, err := pubsub.NewService(t.Context(), as("pubsub")...)
	must(err)
	of := "projects/" + gcptest.Project
	_, err = messages.Projects.Topics.Create(of+"/topics/signups", &pubsub.Topic{}).Do()
	must(err)
	for name, push := range map[string]string{"mine": address, "other": "https://example.com/"} {
		_, err = messages.Projects.Subscriptions.Create(of+"/subscriptions/"+name, &pubsub.Subscription{Topic: of + "/topics/signups", PushConfig: &pubsub.PushConfig{PushEndpoint: push}}).Do()
		must(err)
	}
	return []string{jobCalls, subscriptionCalls}
}

// onFlex makes an app with a program of its own, which Azure's host hands requests to.
func onFlex(t *testing.T) byHand {
	subscription := azuretest.Start(t)
	subscription.Polls(0)
	subscription.RoleLag(0)
	subscription.SyncLag(0)
	variable := func(name string) string {
		value, _ := subscription.Env(name)
		return value
	}
	client, token := subscription.Client(), ""
	ask := func(method, address string, body io.Reader, kind string) map[string]any {
		t.Helper()
		req, err := http.NewRequest(method, address, body)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", kind)
		req.Header.Set("Authorization", "Bearer "+token)
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode >= 300 {
			t.Fatalf("%s %s answers %s: %s (%v)", method, address, res.Status, text, err)
		}
		var answer map[string]any
		_ = json.Unmarshal(text, &answer) // some answer nothing, or a word
		return answer
	}
	token = ask(http.MethodPost, "https://login.microsoftonline.com/"+variable("AZURE_TENANT_ID")+"/oauth2/v2.0/token", strings.NewReader(url.Values{
		"grant_type": {"client_credentials"}, "scope": {"https://management.azure.com/.default"}, "client_id": {variable("AZURE_CLIENT_ID")}, "client_secret": {variable("AZURE_CLIENT_SECRET")},
	}.Encode()), "application/x-www-form-urlencoded")["access_token"].(string)
	type object = map[string]any
	arm := func(method, path string, body object) object {
		t.Helper()
		text, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		return ask(method, "https://management.azure.com/subscriptions/"+azuretest.Subscription+path, bytes.NewReader(text), "application/json")
	}
	const (
		group    = "/resourceGroups/theirs"
		account  = group + "/providers/Microsoft.Storage/storageAccounts/theirstore"
		identity = group + "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/packages"
		web      = group + "/providers/Microsoft.Web"
	)
	arm(http.MethodPut, group+"?api-version=2021-04-01", object{"location": "westeurope"})
	arm(http.MethodPut, account+"?api-version=2023-05-01", object{"location": "westeurope", "kind": "StorageV2", "sku": object{"name": "Standard_LRS"}})
	arm(http.MethodPut, account+"/blobServices/default/containers/code?api-version=2023-05-01", object{})
	made := arm(http.MethodPut, identity+"?api-version=2023-01-31", object{"location": "westeurope"})["properties"].(object)
	for i, principal := range []string{made["principalId"].(string), azuretest.Caller} {
		arm(http.MethodPut, fmt.Sprintf("%s/providers/Microsoft.Authorization/roleAssignments/0000000%d-0000-4000-8000-000000000000?api-version=2022-04-01", account, i), object{"properties": object{
			"roleDefinitionId": "/subscriptions/" + azuretest.Subscription + "/providers/Microsoft.Authorization/roleDefinitions/b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
			"principalId":      principal, "principalType": "ServicePrincipal",
		}})
	}
	arm(http.MethodPut, web+"/serverfarms/plan?api-version=2024-11-01", object{
		"location": "westeurope", "kind": "functionapp", "sku": object{"name": "FC1", "tier": "FlexConsumption"}, "properties": object{"reserved": true},
	})
	identityID := "/subscriptions/" + azuretest.Subscription + identity
	arm(http.MethodPut, web+"/sites/hello?api-version=2024-11-01", object{
		"location": "westeurope", "kind": "functionapp,linux", "identity": object{"type": "UserAssigned", "userAssignedIdentities": object{identityID: object{}}},
		"properties": object{
			"serverFarmId": "/subscriptions/" + azuretest.Subscription + web + "/serverfarms/plan", "httpsOnly": true,
			"functionAppConfig": object{
				"deployment": object{"storage": object{
					"type": "blobContainer", "value": "https://theirstore.blob.core.windows.net/code",
					"authentication": object{"type": "UserAssignedIdentity", "userAssignedIdentityResourceId": identityID},
				}},
				"scaleAndConcurrency": object{"maximumInstanceCount": 50, "instanceMemoryMB": 512}, "runtime": object{"name": "custom", "version": "1.0"},
			},
			"siteConfig": object{"minTlsVersion": "1.2", "appSettings": []object{
				{"name": "AzureWebJobsStorage__accountName", "value": "theirstore"},
				{"name": "AzureWebJobsStorage__credential", "value": "managedidentity"},
				{"name": "AzureWebJobsStorage__clientId", "value": made["clientId"]},
				{"name": "GREETING", "value": "Hello ${x}"},
				{"name": "API_TOKEN", "value": "s3cr3t"},
			}},
		},
	})
	ask(http.MethodPost, "https://hello.scm.azurewebsites.net/api/publish?RemoteBuild=false&Deployer=test", bytes.NewReader(archived(t, map[string]string{
		"host.json":         `{"version": "2.0", "extensions": {"http": {"routePrefix": ""}}, "customHandler": {"description": {"defaultExecutablePath": "run"}, "enableProxyingHttpRequest": true}}`,
		"web/function.json": `{"bindings": [{"type": "httpTrigger", "direction": "in", "name": "req", "authLevel": "anonymous", "route": "{*path}"}, {"type": "http", "direction": "out", "name": "res"}]}`,
		"run":               "#!/bin/sh\nexec node server.js\n",
		"server.js":         "require('http').createServer((q, r) => { r.writeHead(201, {'x-by': 'hand', 'set-cookie': 'a=1'}); r.end(process.env.GREETING + q.url); }).listen(process.env.FUNCTIONS_CUSTOMHANDLER_PORT || process.env.PORT, '127.0.0.1');\n",
		"data/notes.txt":    "kept\n",
	})), "application/zip")
	for ctx := t.Context(); ctx.Err() == nil; {
		arm(http.MethodPost, web+"/sites/hello/host/default/sync?api-version=2024-11-01", object{})
		if known := arm(http.MethodGet, web+"/sites/hello/functions?api-version=2024-11-01", nil); len(known["value"].([]any)) == 1 {
			break
		}
	}
	return byHand{
		source: "azure:hello", name: "web", url: "https://hello.azurewebsites.net", environ: subscription.Environ(), client: client,
		set: []string{"--set", "resource_group=theirs", "--set", "location=westeurope"}, deny: subscription.Intercept,
	}
}

// TestALiveFunctionIsImportedAndServesLocallyUnedited imports functions that were made through the clouds' own interfaces.
func TestALiveFunctionIsImportedAndServesLocallyUnedited(t *testing.T) {
	t.Parallel()
	packagertest.Needs(t, "node")
	for name, make := range map[string]func(*testing.T) byHand{"Lambda": onLambda, "Cloud Functions": onFunctions, "Flex Consumption": onFlex} {
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
			want, here := answer(t, theirs.client, theirs.url), answer(t, http.DefaultClient, s.urls[theirs.name])
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
	c := s.command("", of.environ, slices.Concat([]string{"import", of.source}, of.set, flags)...)
	code, out := ran(c)
	var doc struct{ Result report }
	if err := json.Unmarshal(c.Stdout.(*bytes.Buffer).Bytes(), &doc); err != nil || code == 0 != (of.lost == "") || code != 0 && code != 3 {
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
	reasons := r.losses()
	slices.Sort(reasons)
	for _, u := range r.Unmapped {
		keys += u.Keys
		if !u.Serves && u.Reason == "ferry does not know this key" {
			t.Errorf("nothing is said of %s", u.Path)
		}
	}
	if keys != r.Keys || strings.Join(reasons, "\n") != lost {
		t.Errorf("of %d values %d are accounted for; lost is %q", r.Keys, keys, reasons)
	}
	if strings.Contains(fmt.Sprint(r), "s3cr3t") || !strings.Contains(r.Manifest, "API_TOKEN: api-token") || !strings.Contains(fmt.Sprint(r.Notes), "ferry secrets set api-token") {
		t.Errorf("the secret became\n%s\n%q", r.Manifest, r.Notes)
	}
}

// losses are the reasons why what serves is not carried.
func (r report) losses() (reasons []string) {
	for _, u := range r.Unmapped {
		if u.Serves {
			reasons = append(reasons, u.Reason)
		}
	}
	return reasons
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

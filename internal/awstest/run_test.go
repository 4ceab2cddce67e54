package awstest_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/ferryfn/ferry/internal/awstest"
)

func needNode(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("node is missing")
	}
}

// echo answers with the event, and prints what version it is.
func echo(version string) string {
	return `console.log("I am ` + version + `")
export const handler = async (event) => {
  if (event.rawPath === "/throw") throw new Error("broken")
  if (event.rawPath === "/odd") return {statusCode: "x"}
  if (event.rawPath === "/plain") return "text"
  if (event.rawPath === "/cookies") return {statusCode: 201, cookies: ["a=1", "b=2"], headers: {"x-a": 1}, body: "aGk=", isBase64Encoded: true}
  return {statusCode: 200, headers: {"x-version": "` + version + `"}, body: JSON.stringify(event)}
}`
}

// public makes a URL for the alias and lets anybody in.
func (c clients) public() string {
	c.Helper()
	out, err := c.lambda.CreateFunctionUrlConfig(c.Context(), &lambda.CreateFunctionUrlConfigInput{
		FunctionName: new("fn"), Qualifier: new("live"), AuthType: types.FunctionUrlAuthTypeNone,
	})
	c.ok(err)
	_, err = c.lambda.AddPermission(c.Context(), &lambda.AddPermissionInput{
		FunctionName: new("fn"), Qualifier: new("live"), StatementId: new("url"), Principal: new("*"), Action: new("lambda:InvokeFunctionUrl"),
		FunctionUrlAuthType: types.FunctionUrlAuthTypeNone,
	})
	c.ok(err)
	if status, body, _ := c.get(*out.FunctionUrl); status != 403 || !strings.Contains(body, `{"Message":"Forbidden. For troubleshooting Function URL`) {
		c.Errorf("one statement is enough: %d %s", status, body)
	}
	_, err = c.lambda.AddPermission(c.Context(), &lambda.AddPermissionInput{
		FunctionName: new("fn"), Qualifier: new("live"), StatementId: new("invoke"), Principal: new("*"), Action: new("lambda:InvokeFunction"),
		InvokedViaFunctionUrl: new(true),
	})
	c.ok(err)
	return strings.TrimSuffix(*out.FunctionUrl, "/")
}

func (c clients) get(url string) (int, string, http.Header) {
	c.Helper()
	r, err := http.NewRequestWithContext(c.Context(), http.MethodGet, url, nil)
	c.ok(err)
	return c.send(r)
}

func (c clients) send(r *http.Request) (int, string, http.Header) {
	c.Helper()
	response, err := http.DefaultClient.Do(r)
	c.ok(err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	c.ok(err)
	return response.StatusCode, string(body), response.Header
}

// serving makes "fn" with the echo as version 2, live and public.
func (c clients) serving() string {
	c.Helper()
	c.function()
	c.publish(echo("2"))
	_, err := c.lambda.UpdateAlias(c.Context(), &lambda.UpdateAliasInput{FunctionName: new("fn"), Name: new("live"), FunctionVersion: new("2")})
	c.ok(err)
	return c.public()
}

func TestAURLTurnsRequestsIntoEventsAndResultsIntoResponses(t *testing.T) {
	needNode(t)
	c := start(t)
	url := c.serving()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/a%2Fb%20c?x=1&x=2&flag", strings.NewReader("name=value"))
	c.ok(err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header["X-Many"] = []string{"1", "2"}
	r.Header.Set("Cookie", "a=1; b=2")
	status, body, _ := c.send(r)
	var event struct {
		RawPath, RawQueryString, Body string
		Headers                       map[string]string
		Cookies                       []string
		IsBase64Encoded               bool
		RequestContext                struct{ HTTP struct{ Method, Path string } }
	}
	c.ok(json.Unmarshal([]byte(body), &event))
	text, _ := base64.StdEncoding.DecodeString(event.Body)
	if status != 200 || event.RawPath != "/a%2Fb%20c" || event.RawQueryString != "x=1&x=2&flag" || event.Headers["x-many"] != "1,2" ||
		len(event.Cookies) != 2 || !event.IsBase64Encoded || string(text) != "name=value" || event.RequestContext.HTTP.Path != "/a/b c" {
		t.Errorf("%d %s", status, body)
	}
	for path, want := range map[string]struct {
		status int
		body   string
	}{"/throw": {502, "Internal Server Error"}, "/odd": {500, `{"message":"Internal Server Error"}`}, "/plain": {200, `"text"`}, "/cookies": {201, "hi"}} {
		status, body, header := c.get(url + path)
		if status != want.status || body != want.body || path == "/cookies" && (len(header["Set-Cookie"]) != 2 || header.Get("X-A") != "1") {
			t.Errorf("%s: %d %s %v", path, status, body, header)
		}
	}
}

func TestAURLFollowsTheAliasAndItsWeights(t *testing.T) {
	needNode(t)
	c := start(t)
	url := c.serving()
	c.publish(echo("3"))
	move := func(main, other string, weight float64) {
		weights := map[string]float64{}
		if other != "" {
			weights[other] = weight
		}
		_, err := c.lambda.UpdateAlias(t.Context(), &lambda.UpdateAliasInput{
			FunctionName: new("fn"), Name: new("live"), FunctionVersion: &main, RoutingConfig: &types.AliasRoutingConfiguration{AdditionalVersionWeights: weights},
		})
		c.ok(err)
	}
	seen := func() map[string]int {
		counts := map[string]int{}
		for range 40 {
			_, _, header := c.get(url)
			counts[header.Get("X-Version")]++
		}
		return counts
	}
	if got := seen(); got["2"] != 40 {
		t.Errorf("before the split: %v", got)
	}
	move("2", "3", 0.5)
	if got := seen(); got["2"] == 0 || got["3"] == 0 {
		t.Errorf("half and half: %v", got)
	}
	move("3", "", 0)
	if got := seen(); got["3"] != 40 {
		t.Errorf("after promotion: %v", got)
	}
	_, err := c.lambda.PutFunctionConcurrency(t.Context(), &lambda.PutFunctionConcurrencyInput{FunctionName: new("fn"), ReservedConcurrentExecutions: new(int32(0))})
	c.ok(err)
	if status, body, _ := c.get(url); status != 429 || !strings.Contains(body, "ReservedFunctionConcurrentInvocationLimitExceeded") {
		t.Errorf("without concurrency: %d %s", status, body)
	}
}

func TestAPrivateURLWantsASignature(t *testing.T) {
	needNode(t)
	c := start(t)
	url := c.serving()
	_, err := c.lambda.UpdateFunctionUrlConfig(t.Context(), &lambda.UpdateFunctionUrlConfigInput{
		FunctionName: new("fn"), Qualifier: new("live"), AuthType: types.FunctionUrlAuthTypeAwsIam, Cors: &types.Cors{AllowOrigins: []string{"https://a.example"}, AllowMethods: []string{"GET"}},
	})
	c.ok(err)
	if status, _, _ := c.get(url); status != 403 {
		t.Errorf("without a signature: %d", status)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	c.ok(err)
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=x")
	r.Header.Set("Origin", "https://a.example")
	if status, _, header := c.send(r); status != 200 || header.Get("Access-Control-Allow-Origin") != "https://a.example" {
		t.Errorf("with a signature: %d %v", status, header)
	}
	r.Method = http.MethodOptions
	r.Header.Set("Access-Control-Request-Method", "GET")
	if status, body, header := c.send(r); status != 200 || body != "" || header.Get("Access-Control-Allow-Methods") != "GET" {
		t.Errorf("preflight: %d %s %v", status, body, header)
	}
}

func TestAStreamedResponseArrivesInPieces(t *testing.T) {
	needNode(t)
	c := start(t)
	url := c.serving()
	c.publish(`const write = async (event, out) => {
  out.setContentType("application/vnd.awslambda.http-integration-response")
  out.write(JSON.stringify({statusCode: 207, headers: {"content-type": "text/plain"}, cookies: ["a=1"]}))
  out.write(Buffer.alloc(8))
  out.write("one,"); out.write("two"); await new Promise(done => out.end(done))
}
write[Symbol.for("aws.lambda.runtime.handler.streaming")] = "response"
export const handler = write`)
	_, err := c.lambda.UpdateFunctionUrlConfig(t.Context(), &lambda.UpdateFunctionUrlConfigInput{FunctionName: new("fn"), Qualifier: new("live"), InvokeMode: types.InvokeModeResponseStream})
	c.ok(err)
	_, err = c.lambda.UpdateAlias(t.Context(), &lambda.UpdateAliasInput{FunctionName: new("fn"), Name: new("live"), FunctionVersion: new("3")})
	c.ok(err)
	status, body, header := c.get(url)
	if status != 207 || body != "one,two" || header.Get("Set-Cookie") != "a=1" {
		t.Errorf("%d %q %v", status, body, header)
	}
}

func TestAnInvocationGivesItsLogAndKeepsIt(t *testing.T) {
	needNode(t)
	c := start(t)
	c.serving()
	out, err := c.lambda.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: new("fn:live"), LogType: types.LogTypeTail, Payload: []byte(`{"rawPath":"/plain"}`)})
	c.ok(err)
	log, _ := base64.StdEncoding.DecodeString(*out.LogResult)
	if *out.ExecutedVersion != "2" || string(out.Payload) != `"text"` || !bytes.Contains(log, []byte("I am 2")) {
		t.Errorf("%s %s %s", *out.ExecutedVersion, out.Payload, log)
	}
	failed, err := c.lambda.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: new("fn:live"), Payload: []byte(`{"rawPath":"/throw"}`)})
	c.ok(err)
	if failed.FunctionError == nil || !strings.Contains(string(failed.Payload), `"errorMessage"`) {
		t.Errorf("%v %s", failed.FunctionError, failed.Payload)
	}
	_, err = c.lambda.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: new("fn"), Payload: []byte("{")})
	c.refused(err, "InvalidRequestContentException", "Could not parse request body into json")
	events, err := c.logs.FilterLogEvents(t.Context(), &cloudwatchlogs.FilterLogEventsInput{LogGroupName: new("/aws/lambda/fn"), FilterPattern: new(`"I am"`)})
	c.ok(err)
	if len(events.Events) != 1 || !regexp.MustCompile(`^\d{4}/\d\d/\d\d/\[2\][0-9a-f]{32}$`).MatchString(*events.Events[0].LogStreamName) {
		t.Errorf("%+v", events.Events)
	}
	all := 0
	pages := cloudwatchlogs.NewFilterLogEventsPaginator(c.logs, &cloudwatchlogs.FilterLogEventsInput{LogGroupName: new("/aws/lambda/fn"), Limit: new(int32(1)), StartTime: new(int64(1))})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		c.ok(err)
		all += len(page.Events)
	}
	if all < 3 {
		t.Errorf("%d events in pages of one", all)
	}
	streams, err := c.logs.DescribeLogStreams(t.Context(), &cloudwatchlogs.DescribeLogStreamsInput{LogGroupName: new("/aws/lambda/fn")})
	c.ok(err)
	if len(streams.LogStreams) != 1 {
		t.Errorf("%d streams", len(streams.LogStreams))
	}
}

func TestAFunctionMayDoWhatItsRoleMay(t *testing.T) {
	needNode(t)
	c := start(t)
	c.function()
	c.publish("export const handler = async () => process.env.AWS_ACCESS_KEY_ID")
	out, err := c.lambda.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: new("fn:2")})
	c.ok(err)
	var key string
	c.ok(json.Unmarshal(out.Payload, &key))
	made, err := c.secrets.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: new("stripe"), SecretString: new("v")})
	c.ok(err)
	function := connect(t, c.cloud, key, awstest.Region)
	for resource, want := range map[string]string{*made.ARN: "", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:other-*": "AccessDeniedException"} {
		document := strings.NewReplacer(`"Action":"*"`, `"Action":"secretsmanager:GetSecretValue"`, `"Resource":"*"`, `"Resource":"`+resource+`"`).Replace(allowsAll)
		_, err = c.iam.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: new("app"), PolicyName: new("all"), PolicyDocument: &document})
		c.ok(err)
		_, err = function.secrets.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: new("stripe")})
		if want == "" {
			c.ok(err)
		} else {
			c.refused(err, want, "assumed-role/app/function is not authorized to perform: secretsmanager:GetSecretValue on resource: ")
		}
	}
	if calls := c.cloud.Calls(); !strings.Contains(calls[len(calls)-1].Caller, "assumed-role/app/") {
		t.Errorf("the last call is %+v", calls[len(calls)-1])
	}
}

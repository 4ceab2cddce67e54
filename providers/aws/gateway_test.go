package aws

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// theirs makes a function in moto that an HTTP API, a REST API and rules call, and is moto's word for its ARN.
const theirs = `
import boto3, io, json, sys, zipfile
url, name, region, account = sys.argv[1], sys.argv[2], "eu-west-1", "123456789012"
def of(service):
    return boto3.client(service, endpoint_url=url, region_name=region, aws_access_key_id="AKIAMOTO", aws_secret_access_key="moto")
role = of("iam").create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}))["Role"]["Arn"]
code = io.BytesIO()
with zipfile.ZipFile(code, "w") as z:
    z.writestr("app.py", "def handler(event, context): return {}")
l = of("lambda")
arn = l.create_function(FunctionName=name, Runtime="python3.13", Role=role, Handler="app.handler", Code={"ZipFile": code.getvalue()})["FunctionArn"]
l.put_function_event_invoke_config(FunctionName=name, MaximumRetryAttempts=1, MaximumEventAgeInSeconds=60)
http = of("apigatewayv2")
api = http.create_api(Name=name, ProtocolType="HTTP", CorsConfiguration={"AllowOrigins": ["https://a.example"], "MaxAge": 60})["ApiId"]
mine = http.create_integration(ApiId=api, IntegrationType="AWS_PROXY", IntegrationUri=arn, PayloadFormatVersion="2.0")["IntegrationId"]
other = http.create_integration(ApiId=api, IntegrationType="AWS_PROXY", IntegrationUri=arn + "2", PayloadFormatVersion="2.0")["IntegrationId"]
for key, to in (("GET /items/{id}", mine), ("POST /items", mine), ("GET /else", other)):
    http.create_route(ApiId=api, RouteKey=key, Target="integrations/" + to, AuthorizationType="NONE")
rest = of("apigateway")
old = rest.create_rest_api(name=name)["id"]
root = rest.get_resources(restApiId=old)["items"][0]["id"]
at = rest.create_resource(restApiId=old, parentId=root, pathPart="old")["id"]
rest.put_method(restApiId=old, resourceId=at, httpMethod="ANY", authorizationType="AWS_IAM")
rest.put_integration(restApiId=old, resourceId=at, httpMethod="ANY", type="AWS_PROXY", integrationHttpMethod="POST",
    uri="arn:aws:apigateway:%s:lambda:path/2015-03-31/functions/%s/invocations" % (region, arn))
rules = of("events")
for rule, what in (("-nightly", {"ScheduleExpression": "cron(0 3 * * ? *)"}), ("-watch", {"EventPattern": '{"source": ["a"]}'})):
    rules.put_rule(Name=name + rule, State="ENABLED", **what)
    rules.put_targets(Rule=name + rule, Targets=[{"Id": "1", "Arn": arn}])
sources = ["arn:aws:execute-api:%s:%s:%s/*/GET/items/*" % (region, account, api), "arn:aws:execute-api:%s:%s:%s/*/*/old" % (region, account, old),
    "arn:aws:execute-api:%s:%s:gone/*" % (region, account)] + ["arn:aws:events:%s:%s:rule/%s%s" % (region, account, name, r) for r in ("-nightly", "-watch")]
for i, source in enumerate(sources):
    l.add_permission(FunctionName=name, StatementId="s%d" % i, Action="lambda:InvokeFunction", SourceArn=source,
        Principal="events.amazonaws.com" if ":events:" in source else "apigateway.amazonaws.com")
print(json.dumps({"api": api, "rest": old}))
`

func TestTheRoutesAndRulesThatCallAFunctionAreRead(t *testing.T) {
	t.Parallel()
	env := motoEnv(t)
	c := exec.Command("python3", "-c", theirs, motoURL(t), "routed")
	c.Stderr = os.Stderr
	out, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}
	var made struct{ API, Rest string }
	if err := json.Unmarshal(out, &made); err != nil {
		t.Fatal(err)
	}
	conn, err := newTestAdapter(t, env, `{}`).connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	name := "routed"
	o := original{connection: conn, function: &name, arn: conn.arn("lambda", "function:"+name), events: map[string]any{}, permitted: map[string][]string{}}
	for _, tell := range []func(context.Context) error{o.policy, o.tellGateways, o.tellRules} {
		if err := tell(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	type object = map[string]any
	got := map[string]any{}
	for _, e := range o.events {
		words, err := wordsOf(e)
		if err != nil {
			t.Fatal(err)
		}
		got[words["Type"].(string)+" "+text(bare(words["Properties"]))] = nil
	}
	cors := object{"AllowOrigins": []string{"https://a.example"}, "AllowCredentials": false, "MaxAge": 60}
	want := map[string]any{}
	for _, event := range []struct {
		kind       string
		properties object
	}{
		{"HttpApi", object{"ApiId": made.API, "Method": "GET", "Path": "/items/{id}", "PayloadFormatVersion": "2.0", "CorsConfiguration": cors}},
		{"HttpApi", object{"ApiId": made.API, "Method": "POST", "Path": "/items", "PayloadFormatVersion": "2.0", "CorsConfiguration": cors}},
		{"Api", object{"RestApiId": made.Rest, "Method": "ANY", "Path": "/old", "Auth": object{"Authorizer": "AWS_IAM"}}},
		{"apigateway", object{"SourceArn": "arn:aws:execute-api:eu-west-1:123456789012:gone/*"}},
		{"Schedule", object{"Name": "routed-nightly", "Schedule": "cron(0 3 * * ? *)"}},
		{"EventBridgeRule", object{"Name": "routed-watch", "Pattern": `{"source": ["a"]}`}},
	} {
		want[event.kind+" "+text(event.properties)] = nil
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what calls it (-want +got):\n%s", diff)
	}
	how, err := o.asynchronous(t.Context())
	if err != nil || !strings.Contains(text(how), `"MaximumEventAgeInSeconds":60,"MaximumRetryAttempts":1`) {
		t.Errorf("what becomes of its events is %v (%v)", text(how), err)
	}
}

func text(value any) string {
	made, err := json.Marshal(value)
	if err != nil {
		panic(err) // it came from JSON
	}
	return string(made)
}

package aws

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/release"
)

// three declares a function in each of three languages.
func (s *tenant) three() {
	public := []manifest.Event{{HTTP: &manifest.HTTPEvent{Auth: "public"}}}
	s.write("node/app.mjs", "export default { fetch(request) { return new Response('node ' + process.env.WORD) } }\n")
	s.write("edge/go.mod", "module example.com/edge\n\ngo 1.24\n")
	s.write("edge/edge.go", `package edge

import (
	"fmt"
	"net/http"
	"os"
)

var Handler http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "go "+os.Getenv("WORD")) })
`)
	env := map[string]string{"WORD": "a"}
	s.add(manifest.Function{Name: "node", Source: "node", Handler: "app.mjs", Runtime: "nodejs22", Style: manifest.StyleFetch, Events: public, Env: env})
	s.add(manifest.Function{Name: "edge", Source: "edge", Handler: ".", Runtime: "go", Style: manifest.StyleGo, Events: public, Env: env})
	s.declare("py", "python", public...)
}

func TestFunctionsInThreeLanguagesAreMadeAsTheManifestSays(t *testing.T) {
	t.Parallel()
	s := newTenant(t, "node", "go")
	s.three()
	s.own("py", `{"log_retention": 7, "tags": {"team": "store"}}`)
	r := s.deploy()
	if r.Outcome != release.OutcomeDone || len(r.Changed) != 3 {
		t.Fatalf("the deploy says %+v", r)
	}
	runtimes := map[string]string{"node": "nodejs22.x", "edge": "provided.al2023", "py": "python3.13"}
	for _, fn := range slices.Sorted(maps.Keys(runtimes)) {
		s.answers(fn, map[string]string{"node": "node a", "edge": "go a", "py": "python a"}[fn])
		equal(t, "the versions of "+fn, s.versions(fn), []string{"1"})
		s.points(fn, "1")
		version := s.at(fn, "1")
		if got := string(version.Configuration.Runtime); got != runtimes[fn] || aws.ToInt32(version.Configuration.MemorySize) != 256 || aws.ToInt32(version.Configuration.Timeout) != 10 {
			t.Errorf("%s runs on %s with %+v", fn, got, version.Configuration)
		}
		if r.Functions[fn].URL != *s.url(fn).FunctionUrl {
			t.Errorf("the result names %s, and the URL of %s is %s", r.Functions[fn].URL, fn, *s.url(fn).FunctionUrl)
		}
		s.open(fn)
		s.leastRights(fn, version)
		s.keepsLogs(fn, map[string]int32{"py": 7}[fn])
		want := s.tagged(fn)
		if fn == "py" {
			want["team"] = "store"
		}
		for key, value := range want {
			if version.Tags[key] != value {
				t.Errorf("%s has the tags %v, without %s=%s", fn, version.Tags, key, value)
			}
		}
	}
	if all := s.lines("url "); len(all) != 3 || slices.ContainsFunc(all, func(line string) bool { return !strings.Contains(line, ":live ") }) {
		t.Errorf("there are other URLs than those of the aliases: %v", all)
	}
}

// open checks that anybody may call the URL of the alias, by exactly two statements.
func (s *tenant) open(fn string) {
	s.Helper()
	out, err := s.lambda.GetPolicy(s.Context(), &lambda.GetPolicyInput{FunctionName: physical(fn), Qualifier: aws.String("live")})
	s.must(err)
	var policy struct{ Statement []map[string]any }
	s.must(json.Unmarshal([]byte(*out.Policy), &policy))
	alias := "arn:aws:lambda:eu-west-1:123456789012:function:shop-dev-" + fn + ":live"
	want := []map[string]any{
		{
			"Sid": "ferry-url", "Effect": "Allow", "Principal": "*", "Action": "lambda:InvokeFunctionUrl", "Resource": alias,
			"Condition": map[string]any{"StringEquals": map[string]any{"lambda:FunctionUrlAuthType": "NONE"}},
		},
		{
			"Sid": "ferry-url-invoke", "Effect": "Allow", "Principal": "*", "Action": "lambda:InvokeFunction", "Resource": alias,
			"Condition": map[string]any{"Bool": map[string]any{"lambda:InvokedViaFunctionUrl": "true"}},
		},
	}
	if diff := cmp.Diff(want, policy.Statement); diff != "" {
		s.Errorf("who may call %s (-want +got):\n%s", fn, diff)
	}
	if got := s.url(fn); got.AuthType != "NONE" || got.InvokeMode != "BUFFERED" || got.Cors != nil {
		s.Errorf("the URL of %s is %+v", fn, got)
	}
}

// leastRights checks that a function's role may write its log, and nothing else.
func (s *tenant) leastRights(fn string, version *lambda.GetFunctionOutput) {
	s.Helper()
	role := aws.String("shop-dev-" + fn + "-eu-west-1")
	found, err := s.iam.GetRole(s.Context(), &iam.GetRoleInput{RoleName: role})
	s.must(err)
	if *version.Configuration.Role != *found.Role.Arn {
		s.Errorf("%s runs as %s", fn, *version.Configuration.Role)
	}
	for key, value := range s.tagged(fn) {
		if tagsOf(found.Role.Tags)[key] != value {
			s.Errorf("the role of %s has the tags %v", fn, tagsOf(found.Role.Tags))
		}
	}
	s.document("the trust of "+fn, *found.Role.AssumeRolePolicyDocument, map[string]any{
		"Effect": "Allow", "Action": []any{"sts:AssumeRole"}, "Principal": map[string]any{"Service": "lambda.amazonaws.com"},
	})
	inlined, err := s.iam.ListRolePolicies(s.Context(), &iam.ListRolePoliciesInput{RoleName: role})
	s.must(err)
	managed, err := s.iam.ListAttachedRolePolicies(s.Context(), &iam.ListAttachedRolePoliciesInput{RoleName: role})
	s.must(err)
	if len(inlined.PolicyNames) != 1 || len(managed.AttachedPolicies) > 0 {
		s.Fatalf("the role of %s has the policies %v and %v", fn, inlined.PolicyNames, managed.AttachedPolicies)
	}
	own, err := s.iam.GetRolePolicy(s.Context(), &iam.GetRolePolicyInput{RoleName: role, PolicyName: &inlined.PolicyNames[0]})
	s.must(err)
	s.document("the rights of "+fn, *own.PolicyDocument, map[string]any{
		"Effect": "Allow", "Action": []any{"logs:CreateLogStream", "logs:PutLogEvents"},
		"Resource": []any{"arn:aws:logs:eu-west-1:123456789012:log-group:/aws/lambda/shop-dev-" + fn + ":*"},
	})
}

// keepsLogs checks a function's log group; 0 days are the default.
func (s *tenant) keepsLogs(fn string, days int32) {
	s.Helper()
	group := "/aws/lambda/shop-dev-" + fn
	out, err := s.logs.DescribeLogGroups(s.Context(), &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: &group})
	s.must(err)
	if days == 0 {
		days = 30
	}
	if len(out.LogGroups) != 1 || *out.LogGroups[0].LogGroupName != group || aws.ToInt32(out.LogGroups[0].RetentionInDays) != days {
		s.Errorf("the log groups of %s are %+v", fn, out.LogGroups)
	}
	tags, err := s.logs.ListTagsForResource(s.Context(), &cloudwatchlogs.ListTagsForResourceInput{
		ResourceArn: aws.String("arn:aws:logs:eu-west-1:123456789012:log-group:" + group),
	})
	s.must(err)
	for key, value := range s.tagged(fn) {
		if tags.Tags[key] != value {
			s.Errorf("the log group of %s has the tags %v", fn, tags.Tags)
		}
	}
}

// document checks that a policy has exactly these statements.
func (s *tenant) document(what, encoded string, want ...map[string]any) {
	s.Helper()
	plain, err := url.PathUnescape(encoded)
	s.must(err)
	statements, err := statementsOf(plain)
	s.must(err)
	var got []map[string]any
	for _, text := range statements {
		var one map[string]any
		s.must(json.Unmarshal([]byte(text), &one))
		got = append(got, one)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		s.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestAPrivateFunctionRefusesStrangersAndAnswersItsOwner(t *testing.T) {
	t.Parallel()
	s := newTenant(t)
	s.declare("vault", "hidden", manifest.Event{HTTP: &manifest.HTTPEvent{Auth: "private"}})
	s.deploy()
	if status, body := s.get("vault"); status != http.StatusForbidden {
		t.Errorf("a stranger gets %d %s", status, body)
	}
	if got := s.url("vault").AuthType; got != "AWS_IAM" {
		t.Errorf("its URL asks for %s", got)
	}
	equal(t, "who else may call it", s.lines("permission "), nil)
	res, err := s.invoker().Invoke(t.Context(), "vault", providers.Request{Method: "GET", Path: "/a?b=c"})
	if err != nil || res.Status != http.StatusOK || string(res.Body) != "hidden a" || !strings.Contains(res.Log, "REPORT") {
		t.Errorf("its owner gets %d %s with the log %q, %v", res.Status, res.Body, res.Log, err)
	}
}

func TestAnEventFunctionHasNoURLAndIsReachedWithoutAMethod(t *testing.T) {
	t.Parallel()
	s := newTenant(t)
	s.declare("nightly", "one", at("0 3 * * *"))
	s.write("nightly/app.py", "def on_event(event, ctx):\n    print('got', event['type'], event.data)\napp = None\n")
	r := s.deploy()
	if r.Functions["nightly"].URL != "" || len(s.lines("url "))+len(s.lines("permission ")) > 0 {
		t.Errorf("it can be called from outside: %+v\n%s", r.Functions["nightly"], s.Snapshot())
	}
	if schedules := s.lines("schedule "); len(schedules) != 1 || !strings.Contains(schedules[0], "cron(0 3 * * ? *)") || !strings.Contains(schedules[0], "shop-dev-nightly:live") {
		t.Errorf("the schedules are %v", schedules)
	}
	res, err := s.invoker().Invoke(t.Context(), "nightly", providers.Request{Body: []byte(`{"n": 7}`)})
	if err != nil || res.Status != http.StatusNoContent || !strings.Contains(res.Log, "got dev.ferry.invoke.v1 {'n': 7}") {
		t.Errorf("it answers %d %s with the log %q, %v", res.Status, res.Body, res.Log, err)
	}
}

package aws

import (
	"archive/zip"
	"bytes"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/internal/awstest"
	"github.com/ferryfn/ferry/internal/standin"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/release"
)

// failure is what a failed deploy says.
func (s *tenant) failure(o release.DeployOptions) (*providers.Error, release.Outcome) {
	s.Helper()
	r, err := s.engine().Deploy(s.Context(), o)
	var e *providers.Error
	if !errors.As(err, &e) {
		s.Fatalf("the deploy says %+v, %v", r, err)
	}
	var failed *release.Error
	if errors.As(err, &failed) {
		return e, failed.Outcome
	}
	return e, ""
}

// resources is the snapshot without the ledger.
func (s *tenant) resources() string {
	var all []string
	for line := range strings.Lines(s.Snapshot()) {
		if !strings.HasPrefix(line, "bucket ferry-") && !strings.HasPrefix(line, "object ferry-") {
			all = append(all, line)
		}
	}
	return strings.Join(all, "")
}

// foreign makes a function of ferry's name by hand, and returns the digest of its code.
func (s *tenant) foreign(fn string) string {
	s.Helper()
	return occupied(s.T, s.iam, s.lambda, physical(fn))
}

// occupy makes a function by hand under the name that the adapter gives one of its own.
func occupy(t testing.TB, a *Adapter, fn string) {
	t.Helper()
	c, err := a.connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	occupied(t, c.iam, c.lambda, aws.String(a.functionName(fn)))
}

func occupied(t testing.TB, roles *iam.Client, functions *lambda.Client, name *string) (digest string) {
	t.Helper()
	role, err := roles.CreateRole(t.Context(), &iam.CreateRoleInput{
		RoleName: aws.String("theirs"), AssumeRolePolicyDocument: aws.String(trust("lambda.amazonaws.com", nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	var code bytes.Buffer
	z := zip.NewWriter(&code)
	w, err := z.Create("index.py")
	if err == nil {
		_, err = w.Write([]byte("def handler(event, context):\n    return {'statusCode': 200, 'body': 'theirs'}\n"))
	}
	if err := errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	out, err := functions.CreateFunction(t.Context(), &lambda.CreateFunctionInput{
		FunctionName: name, Role: role.Role.Arn, Runtime: types.RuntimePython313, Handler: aws.String("index.handler"),
		Code: &types.FunctionCode{ZipFile: code.Bytes()}, Tags: map[string]string{"team": "other"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return *out.CodeSha256
}

func TestAForeignFunctionIsRefusedAndKept(t *testing.T) {
	s := newTenant(t)
	s.foreign("api")
	s.declare("api", "one")
	s.declare("web", "one")
	before := s.resources()
	e, _ := s.failure(release.DeployOptions{})
	if !errors.Is(e, providers.Foreign) || e.Function != "api" || !strings.Contains(e.Hint, "--adopt") {
		t.Errorf("the deploy says %v of %s, with the hint %q", e, e.Function, e.Hint)
	}
	if diff := cmp.Diff(before, s.resources()); diff != "" {
		t.Errorf("something changed (-before +after):\n%s", diff)
	}
}

func TestAnAdoptedFunctionCanBeRolledBackToWhatItWas(t *testing.T) {
	t.Parallel()
	s := newTenant(t)
	theirs := s.foreign("api")
	s.declare("api", "one")
	s.deployed(release.DeployOptions{Adopt: true})
	s.answers("api", "one a")
	if got := *s.at("api", "live").Configuration.CodeSha256; got == theirs {
		t.Error("their code still serves")
	}
	if tags := s.at("api", "live").Tags; tags["team"] != "other" || tags["ferry:service"] != "shop" {
		t.Errorf("its tags are %v", tags)
	}
	history, err := s.engine().Releases(t.Context(), 0)
	s.must(err)
	var kinds []release.Kind
	for _, r := range history.Releases {
		kinds = append(kinds, r.Kind)
	}
	slices.Sort(kinds)
	if diff := cmp.Diff([]release.Kind{release.KindAdopt, release.KindDeploy}, kinds); diff != "" {
		t.Errorf("the releases (-want +got):\n%s", diff)
	}
	s.Reset()
	s.rollback(1)
	if n := s.count("Invoke"); n > 0 {
		t.Errorf("a handler that knows nothing of ferry was called %d times", n)
	}
	if got := *s.at("api", "live").Configuration.CodeSha256; got != theirs {
		t.Error("the rollback did not bring their code back")
	}
	s.answers("api", "theirs")
	s.rollback(2)
	s.answers("api", "one a")
}

func TestAFailingHealthCheckRestoresAllFunctions(t *testing.T) {
	t.Parallel()
	s := newTenant(t)
	s.declare("api", "one")
	s.declare("web", "one")
	s.declare("nightly", "one", at("0 3 * * *"))
	s.deploy()
	before := s.lines("schedule ")
	s.declare("api", "two")
	s.declare("web", "two")
	s.declare("nightly", "two", at("0 4 * * *"))
	s.function("web").Health = &manifest.Health{Path: "/healthz", Status: 204, Timeout: manifest.Duration(300 * time.Millisecond)}
	e, outcome := s.failure(release.DeployOptions{})
	if outcome != release.OutcomeRestored || !errors.Is(e, providers.Unhealthy) || e.Function != "web" {
		t.Errorf("the deploy says %s: %v", outcome, e)
	}
	for _, fn := range []string{"api", "web", "nightly"} {
		s.points(fn, "1")
		equal(t, "the versions of "+fn, s.versions(fn), []string{"1", "2"})
	}
	s.answers("api", "one a")
	s.answers("web", "one a")
	equal(t, "the schedules", s.lines("schedule "), before)
}

func TestAHandlerThatThrowsWhenItIsLoadedNeverServes(t *testing.T) {
	t.Parallel()
	s := newTenant(t)
	s.declare("api", "one")
	s.write("api/app.py", "import os\nraise RuntimeError('no table ' + os.environ['WORD'])\n")
	for _, serves := range []bool{false, true} {
		if serves {
			s.declare("api", "one")
			s.deploy()
			s.write("api/app.py", "import os\nraise RuntimeError('no table ' + os.environ['WORD'])\n")
		}
		e, outcome := s.failure(release.DeployOptions{})
		if outcome != release.OutcomeUnchanged || !errors.Is(e, providers.Crashed) || e.Function != "api" {
			t.Errorf("the deploy says %s: %v", outcome, e)
		}
		if told := e.Error() + e.Log; !strings.Contains(told, "no table a") || !strings.Contains(e.Log, `app.py", line 2, in <module>`) {
			t.Errorf("it does not show why:\n%s\n%s", e, e.Log)
		}
		if serves {
			s.answers("api", "one a")
		} else if left := append(s.lines("alias "), s.lines("url ")...); len(left) > 0 {
			t.Errorf("something was activated: %v", left)
		}
	}
}

func TestCredentialsOfAnotherAccountAreRefusedBeforeAnything(t *testing.T) {
	s := newTenant(t)
	s.declare("api", "one")
	s.block = `{"account": "210987654321"}`
	e, _ := s.failure(release.DeployOptions{})
	if !errors.Is(e, providers.Denied) || !strings.Contains(e.Error(), awstest.Account) || !strings.Contains(e.Error(), "210987654321") {
		t.Errorf("the deploy says %v", e)
	}
	for _, c := range s.Calls() {
		if c.Service != "sts" || c.Operation != "GetCallerIdentity" {
			t.Errorf("it called %s %s", c.Service, c.Operation)
		}
	}
	equal(t, "what the account holds", s.lines(""), nil)
}

func TestAMissingPermissionNamesTheActionAndTheStatement(t *testing.T) {
	s := newTenant(t).imitated()
	s.declare("api", "one")
	s.Intercept(func(c standin.Call) standin.Fault {
		if c.Operation == "CreateFunction" {
			return standin.Deny()
		}
		return standin.Fault{}
	})
	e, outcome := s.failure(release.DeployOptions{})
	const statement = `{"Effect":"Allow","Action":"lambda:CreateFunction","Resource":"arn:aws:lambda:eu-west-1:123456789012:function:shop-dev-api"}`
	if outcome != release.OutcomeUnchanged || !errors.Is(e, providers.Denied) || e.Function != "api" {
		t.Errorf("the deploy says %s: %v", outcome, e)
	}
	if !strings.Contains(e.Error(), "lambda:CreateFunction") || !strings.Contains(e.Hint, statement) {
		t.Errorf("it says %v, with the hint %s", e, e.Hint)
	}
	if n := s.count("CreateFunction"); n != 1 {
		t.Errorf("it tried %d times", n)
	}
	s.Intercept(nil)
	s.deploy()
	if status, _ := s.get("api"); status != http.StatusOK {
		t.Errorf("with the permission it answers %d", status)
	}
}

package aws

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/ferryfn/ferry/internal/standin"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/release"
)

func TestASecondDeployWithoutChangeWritesNothingAndLooksOnceAtEachFunction(t *testing.T) {
	t.Parallel()
	s := newTenant(t, "node", "go").imitated()
	s.three()
	s.deploy()
	before := s.Snapshot()
	s.Reset()
	if r := s.deploy(); r.Outcome != release.OutcomeUnchanged || len(r.Unchanged) != 3 {
		t.Errorf("the deploy says %+v", r)
	}
	equal(t, "the writes", s.wrote(""), nil)
	equal(t, "the calls of Lambda", s.called("lambda"), []string{
		"GetFunction shop-dev-edge", "GetFunction shop-dev-node", "GetFunction shop-dev-py",
	})
	if s.Snapshot() != before {
		t.Error("something changed")
	}
}

// called are the calls of a service since the last Reset, sorted.
func (s *tenant) called(service string) []string {
	var all []string
	for _, c := range s.Calls() {
		if c.Service == service {
			all = append(all, c.Operation+" "+c.Resource)
		}
	}
	slices.Sort(all)
	return all
}

func TestAChangeOfTheEnvironmentIsOneVersionWithTheOldCode(t *testing.T) {
	t.Parallel()
	s := newTenant(t)
	s.declare("api", "one")
	s.deploy()
	s.function("api").Env["WORD"] = "b"
	s.Reset()
	s.deploy()
	equal(t, "the writes of Lambda", s.wrote("lambda"), []string{
		"PublishVersion shop-dev-api", "UpdateAlias shop-dev-api", "UpdateFunctionConfiguration shop-dev-api",
	})
	equal(t, "the writes of IAM and the logs", slices.Concat(s.wrote("iam"), s.wrote("logs")), nil)
	equal(t, "the versions", s.versions("api"), []string{"1", "2"})
	s.points("api", "2")
	s.answers("api", "one b")
	was, is := s.at("api", "1").Configuration, s.at("api", "2").Configuration
	if *was.CodeSha256 != *is.CodeSha256 || was.Environment.Variables["WORD"] != "a" || is.Environment.Variables["WORD"] != "b" {
		t.Errorf("version 1 is %s with %v, version 2 is %s with %v", *was.CodeSha256, was.Environment.Variables, *is.CodeSha256, is.Environment.Variables)
	}
}

func TestAChangeOfTheCodeIsTwoWritesAndARollbackOne(t *testing.T) {
	t.Parallel()
	s := newTenant(t)
	s.declare("api", "one")
	s.declare("web", "one")
	s.deploy()
	s.declare("api", "two")
	s.declare("web", "two")
	s.Reset()
	s.deploy()
	equal(t, "the writes of the deploy", s.wrote("lambda"), []string{
		"UpdateAlias shop-dev-api", "UpdateAlias shop-dev-web", "UpdateFunctionCode shop-dev-api", "UpdateFunctionCode shop-dev-web",
	})
	s.answers("api", "two a")
	s.Reset()
	s.rollback(0)
	equal(t, "the writes of the rollback", s.wrote("lambda"), []string{"UpdateAlias shop-dev-api", "UpdateAlias shop-dev-web"})
	for _, service := range []string{"iam", "logs", "scheduler"} {
		equal(t, "the writes to "+service, s.wrote(service), nil)
	}
	for _, fn := range []string{"api", "web"} {
		s.points(fn, "1")
		s.answers(fn, "one a")
	}
}

func TestAnEnvironmentChangedAfterARollbackKeepsTheCodeThatWasRolledBackTo(t *testing.T) {
	t.Parallel()
	s := newTenant(t)
	s.declare("api", "one")
	s.deploy()
	good := s.code("api", "1")
	s.declare("api", "two")
	s.deploy()
	if bytes.Equal(good, s.code("api", "2")) {
		t.Fatal("the second version has the first one's code")
	}
	s.rollback(0)
	if latest := s.at("api", "$LATEST").Configuration; *latest.CodeSha256 != *s.at("api", "2").Configuration.CodeSha256 {
		t.Fatal("$LATEST is not newer than what serves, so that this proves nothing")
	}
	s.declare("api", "one")
	s.function("api").Env["WORD"] = "b"
	s.deploy()
	equal(t, "the versions", s.versions("api"), []string{"1", "2", "3"})
	s.points("api", "3")
	if *s.at("api", "3").Configuration.CodeSha256 != *s.at("api", "1").Configuration.CodeSha256 || !bytes.Equal(s.code("api", "3"), good) {
		t.Error("what is new has other code than what was rolled back to")
	}
	s.answers("api", "one b")
}

func TestADeployWaitsForWhatAWSIsNotDoneWith(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		slow func(*tenant)
		tell string // the operation that is refused or repeated
		n    int    // how often it is called then, at least
	}{
		{"a role that cannot be assumed for three tries", func(s *tenant) { s.RoleNotAssumable(3) }, "CreateFunction", 4},
		{"a function that is Pending for five looks", func(s *tenant) { s.PendingPolls(5) }, "GetFunction", 6},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newTenant(t).imitated()
			s.declare("api", "one")
			c.slow(s)
			s.deploy()
			s.points("api", "1")
			equal(t, "the versions", s.versions("api"), []string{"1"})
			if n := s.count(c.tell); n < c.n {
				t.Errorf("%s was called %d times", c.tell, n)
			}
			if roles := s.lines("role "); len(roles) != 1 {
				t.Errorf("the roles are %v", roles)
			}
		})
	}
}

func (s *tenant) count(operation string) int {
	n := 0
	for _, c := range s.Calls() {
		if c.Operation == operation {
			n++
		}
	}
	return n
}

func TestADeployWaitsForAnUpdateThatIsInProgress(t *testing.T) {
	t.Parallel()
	s := newTenant(t).imitated()
	s.declare("api", "one")
	s.deploy()
	s.declare("api", "two")
	s.function("api").Env["WORD"] = "b"
	s.UpdatingPolls(5)
	s.deploy()
	s.points("api", "2")
	equal(t, "the versions", s.versions("api"), []string{"1", "2"})

	// Another's update is under way when the deploy begins, and AWS says so to whoever writes.
	s.function("api").Env["WORD"] = "c"
	s.function("api").Memory = 512 * manifest.MB
	refused := 0
	s.Intercept(func(c standin.Call) standin.Fault {
		if c.Operation != "PublishVersion" && c.Operation != "UpdateFunctionCode" || refused > 1 {
			return standin.Fault{}
		}
		refused++
		return standin.Fail(409, "ResourceConflictException", "The operation cannot be performed at this time. "+
			"An update is in progress for resource: arn:aws:lambda:eu-west-1:123456789012:function:shop-dev-api")
	})
	_, err := s.engine().Deploy(s.Context(), release.DeployOptions{})
	if err != nil || refused == 0 {
		t.Fatalf("after %d refusals the deploy says %v", refused, err)
	}
	s.points("api", "3")
	if is := s.at("api", "live").Configuration; is.Environment.Variables["WORD"] != "c" || aws.ToInt32(is.MemorySize) != 512 {
		t.Errorf("what serves is %+v", is)
	}
}

func TestEveryVersionSaysWhatItWasMadeOf(t *testing.T) {
	s := newTenant(t).imitated()
	s.declare("api", "one")
	s.deploy()
	s.function("api").Memory = 512 * manifest.MB
	s.deploy()
	seen := map[string]bool{}
	for _, version := range s.versions("api") {
		description := aws.ToString(s.at("api", version).Configuration.Description)
		if !strings.HasPrefix(description, "ferry sha256:") || seen[description] {
			t.Errorf("version %s is described as %q", version, description)
		}
		seen[description] = true
	}
	if memory := fmt.Sprint(aws.ToInt32(s.at("api", "live").Configuration.MemorySize)); memory != "512" {
		t.Errorf("what serves has %s MB", memory)
	}
}

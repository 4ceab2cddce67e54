package aws

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/ferryfn/ferry/internal/awstest"
	"github.com/ferryfn/ferry/internal/standin"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/release"
)

// ownRole is what ferry calls the role of a tenant's function.
func ownRole(fn string) string { return *physical(fn) + "-" + awstest.Region }

// loseRole deletes a role as a person would.
func (s *tenant) loseRole(role string) {
	s.Helper()
	policies, err := s.iam.ListRolePolicies(s.Context(), &iam.ListRolePoliciesInput{RoleName: &role})
	s.must(err)
	for _, policy := range policies.PolicyNames {
		_, err := s.iam.DeleteRolePolicy(s.Context(), &iam.DeleteRolePolicyInput{RoleName: &role, PolicyName: &policy})
		s.must(err)
	}
	_, err = s.iam.DeleteRole(s.Context(), &iam.DeleteRoleInput{RoleName: &role})
	s.must(err)
}

// remakeRole deletes a role and makes another of its name.
func (s *tenant) remakeRole(role, fn string) {
	s.Helper()
	s.loseRole(role)
	_, err := s.iam.CreateRole(s.Context(), &iam.CreateRoleInput{
		RoleName: &role, AssumeRolePolicyDocument: aws.String(trust("lambda.amazonaws.com", nil)), Tags: iamTags(s.tagged(fn)),
	})
	s.must(err)
}

// drifted checks what status and plan say of a function.
func (s *tenant) drifted(fn, want string) {
	s.Helper()
	st, err := s.engine().Status(s.Context())
	s.must(err)
	if got := st.Functions[fn].Drift; !strings.Contains(got, want) || want == "" && got != "" {
		s.Errorf("status says %q, not %q", got, want)
	}
	p, err := s.engine().Plan(s.Context(), nil)
	s.must(err)
	found := slices.ContainsFunc(p.Drift, func(d release.Drift) bool {
		return d.Function == fn && strings.Contains(d.Actual, want) && d.Lacks != ""
	})
	if found != (want != "") || p.Empty != (want == "") {
		s.Errorf("the plan is %+v", p)
	}
}

func TestARoleThatIsGoneOrWasMadeAgainIsDriftThatADeployMends(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		lose   func(s *tenant)
		want   string
		before string // what callers get meanwhile
	}{
		"deleted":    {func(s *tenant) { s.loseRole(ownRole("api")) }, "without its role shop-dev-api-eu-west-1", "cannot be assumed by Lambda"},
		"made again": {func(s *tenant) { s.remakeRole(ownRole("api"), "api") }, "without the role shop-dev-api-eu-west-1 that it was made with", "unable to decrypt the environment variables"},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			s := newTenant(t)
			s.declare("api", "one")
			s.deploy()
			s.answers("api", "one a")
			s.drifted("api", "")
			first := *s.at("api", "live").Configuration.Description

			c.lose(s)
			if status, body := s.get("api"); status < 400 || !strings.Contains(body, c.before) {
				t.Errorf("it answers %d %q", status, body)
			}
			s.drifted("api", c.want)
			r := s.deploy()
			if !slices.Contains(r.Changed, "api") {
				t.Errorf("the deploy says %+v", r)
			}
			s.points("api", "2")
			if now := *s.at("api", "live").Configuration.Description; now == first {
				t.Errorf("both versions say %s, so that AWS would not have made the second", now)
			}
			s.answers("api", "one a")
			s.drifted("api", "")

			s.declare("api", "two")
			s.deploy()
			s.rollback(1) // whose version was made with the role that is gone
			s.answers("api", "one a")
			s.declare("api", "one")
			s.drifted("api", "")
		})
	}
}

func TestASchedulesRoleThatIsGoneIsDriftThatADeployMends(t *testing.T) {
	s := newTenant(t).imitated()
	s.declare("jobs", "one", at("0 3 * * *"))
	s.deploy()
	s.drifted("jobs", "")
	before := s.lines("role ")
	s.loseRole(ownRole("jobs") + "-schedule")
	s.drifted("jobs", "without its schedules' role shop-dev-jobs-eu-west-1-schedule")
	s.deploy()
	s.drifted("jobs", "")
	equal(t, "the roles", s.lines("role "), before)
}

func TestARoleOfSomebodyElseUnderTheNameIsNamedAndKept(t *testing.T) {
	s := newTenant(t).imitated()
	s.declare("api", "one")
	s.deploy()
	s.remakeRole(ownRole("api"), "other")
	before := s.lines("role ")
	_, err := s.engine().Deploy(t.Context(), release.DeployOptions{})
	var e *providers.Error
	if !errors.As(err, &e) || e.Kind != providers.Foreign || !strings.Contains(e.Hint, "delete that role") {
		t.Errorf("the deploy says %v", err)
	}
	equal(t, "the roles", s.lines("role "), before)
}

const given = "arn:aws:iam::" + awstest.Account + ":role/given"

// giveRole makes a role that is the company's.
func (s *tenant) giveRole() {
	s.Helper()
	_, err := s.iam.CreateRole(s.Context(), &iam.CreateRoleInput{
		RoleName: aws.String("given"), AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole",
			"Principal":{"Service":["lambda.amazonaws.com","scheduler.amazonaws.com"]}}]}`),
	})
	s.must(err)
	_, err = s.iam.AttachRolePolicy(s.Context(), &iam.AttachRolePolicyInput{
		RoleName: aws.String("given"), PolicyArn: aws.String("arn:aws:iam::aws:policy/AdministratorAccess"),
	})
	s.must(err)
}

// With all roles given IAM is never asked, be it by a deploy, a look, a rollback, a removal or the doctor.
func TestWithAllRolesGivenNothingIsAskedOfIAM(t *testing.T) {
	for where, target := range map[string]string{
		"in the target":     `{"role": "` + given + `", "scheduler_role": "` + given + `"}`,
		"for each function": `{}`,
	} {
		t.Run(where, func(t *testing.T) {
			s := newTenant(t).imitated()
			s.giveRole()
			s.bound()
			s.own("worker", `{}`)
			s.declare("jobs", "one", at("0 3 * * *"))
			for _, fn := range []string{"web", "worker", "jobs"} { // the manifest lays the target's block under theirs
				s.own(fn, `{"role": "`+given+`", "scheduler_role": "`+given+`"}`)
			}
			s.block = target
			before := s.Snapshot()
			asked := 0
			s.Intercept(func(c standin.Call) standin.Fault {
				if c.Service != "iam" {
					return standin.Fault{}
				}
				asked++
				return standin.Deny()
			})
			s.deploy()
			s.function("jobs").Events[0] = at("0 4 * * *")
			s.function("web").Env["WORD"] = "b"
			s.deploy()
			s.drifted("jobs", "")
			s.rollback(0)
			s.function("jobs").Events = nil
			s.deploy()
			found := newTestAdapter(t, s.env, s.block).Diagnose(t.Context(), s.declared)
			if slices.ContainsFunc(found, func(f providers.Finding) bool { return f.Level != providers.LevelOK }) {
				t.Errorf("the doctor finds %+v", found)
			}
			s.remove(release.RemoveOptions{Purge: true})
			s.Intercept(nil)
			if asked > 0 {
				t.Errorf("IAM was asked %d times", asked)
			}
			equal(t, "what is left", strings.Split(s.Snapshot(), "\n"), strings.Split(before, "\n"))
		})
	}
}

func TestARoleThatFerryMadeGoesAlsoWhenOneWasGivenLater(t *testing.T) {
	s := newTenant(t).imitated()
	s.giveRole()
	before := s.Snapshot()
	s.declare("jobs", "one", at("0 3 * * *"))
	s.own("jobs", `{"role": "`+given+`", "scheduler_role": "`+given+`"}`)
	s.deploy()
	s.own("jobs", `{}`)
	s.deploy()
	if n := len(s.lines("role shop-")); n != 2 {
		t.Errorf("there are %d roles of ferry's", n)
	}
	s.own("jobs", `{"role": "`+given+`", "scheduler_role": "`+given+`"}`)
	s.deploy()
	s.remove(release.RemoveOptions{Purge: true})
	equal(t, "what is left", strings.Split(s.Snapshot(), "\n"), strings.Split(before, "\n"))
}

func TestABoundaryIsOfEveryRoleThatFerryMakesAndOneThatSomebodySetStays(t *testing.T) {
	const admin, reading = "arn:aws:iam::aws:policy/AdministratorAccess", "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
	s := newTenant(t).imitated()
	boundaries := func(want string) {
		t.Helper()
		for _, role := range []string{ownRole("jobs"), ownRole("jobs") + "-schedule"} {
			out, err := s.iam.GetRole(t.Context(), &iam.GetRoleInput{RoleName: &role})
			s.must(err)
			if out.Role.PermissionsBoundary == nil {
				out.Role.PermissionsBoundary = &iamtypes.AttachedPermissionsBoundary{}
			}
			if got := aws.ToString(out.Role.PermissionsBoundary.PermissionsBoundaryArn); got != want {
				t.Errorf("the boundary of %s is %q, not %q", role, got, want)
			}
		}
	}
	s.declare("jobs", "one", at("0 3 * * *"))
	s.own("jobs", `{"permissions_boundary": "`+admin+`"}`)
	s.deploy()
	boundaries(admin)
	s.own("jobs", `{"permissions_boundary": "`+reading+`"}`)
	s.deploy()
	boundaries(reading)
	s.rollback(0)
	boundaries(admin)
	s.own("jobs", `{}`)
	s.deploy()
	boundaries("")
	for _, role := range []string{ownRole("jobs"), ownRole("jobs") + "-schedule"} {
		_, err := s.iam.PutRolePermissionsBoundary(t.Context(), &iam.PutRolePermissionsBoundaryInput{RoleName: &role, PermissionsBoundary: aws.String(admin)})
		s.must(err)
	}
	s.own("jobs", `{"tags": {"team": "a"}}`)
	s.deploy()
	boundaries(admin)
}

func TestEverythingIsDoneAsTheRoleThatTheTargetAssumes(t *testing.T) {
	s := newTenant(t).imitated()
	s.block = `{"assume_role": "` + given + `"}`
	s.declare("api", "one")
	_, err := s.engine().Deploy(t.Context(), release.DeployOptions{})
	if !errors.Is(err, providers.Unauthenticated) || !strings.Contains(hintIn(err), "trust policy of "+given) {
		t.Errorf("a role that cannot be assumed: %v, with the hint %q", err, hintIn(err))
	}
	_, err = s.iam.CreateRole(t.Context(), &iam.CreateRoleInput{
		RoleName: aws.String("given"), AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole",
			"Principal":{"AWS":"` + awstest.Caller + `"}}]}`),
	})
	s.must(err)
	_, err = s.iam.AttachRolePolicy(t.Context(), &iam.AttachRolePolicyInput{
		RoleName: aws.String("given"), PolicyArn: aws.String("arn:aws:iam::aws:policy/AdministratorAccess"),
	})
	s.must(err)
	s.Reset()
	s.deploy()
	for _, c := range s.Calls() {
		if c.Operation != "AssumeRole" && c.Caller != "arn:aws:sts::"+awstest.Account+":assumed-role/given/function" {
			t.Errorf("%s %s is done as %s", c.Service, c.Operation, c.Caller)
		}
	}
	s.points("api", "1")
}

// hintIn is the next step that an error names.
func hintIn(err error) string {
	var e *providers.Error
	if !errors.As(err, &e) {
		return ""
	}
	return e.Hint
}

package aws

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/internal/standin"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
)

const readOnly = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"

// policies are the inline policies of a role.
func (acc *account) policies(role string) map[string][]string {
	acc.t.Helper()
	names, err := acc.c.inlinePolicies(acc.context(), role)
	acc.must(err)
	all := map[string][]string{}
	for _, policy := range names {
		all[policy], err = acc.c.getPolicy(acc.context(), role, policy)
		acc.must(err)
	}
	return all
}

func (acc *account) widen(s providers.Spec) (string, bool) {
	acc.t.Helper()
	role, err := acc.c.widenRole(acc.context(), specOf(s))
	acc.must(err)
	return role.arn, role.created
}

// statements are those of the spec's own document.
func (acc *account) statements(s providers.Spec) []string {
	all, err := statementsOf(acc.c.rights(specOf(s)))
	acc.must(err)
	return all
}

func TestARoleHoldsExactlyTheseStatements(t *testing.T) {
	acc := newAccount(t)
	s := eventful(t, "worker", `{
		"tracing": "active", "dead_letter": "arn:aws:sns:eu-west-1:123456789012:failed",
		"vpc": {"subnets": ["subnet-1"], "security_groups": ["sg-1"]}
	}`, at("0 3 * * *"), messages("orders", 1), messages("arn:aws:sqs:eu-west-1:210987654321:theirs", 1), published("signups"), stored("uploads", "", "created"))
	s.Secrets = map[string]string{
		"A": "secretsmanager:arn:aws:secretsmanager:eu-west-1:123456789012:secret:stripe-AbCdEf#0001",
		"B": "secretsmanager:arn:aws:secretsmanager:eu-west-1:123456789012:secret:stripe-AbCdEf#0002",
		"C": "ssm:/shop/key#3",
	}
	acc.widen(s)
	function := acc.a.functionName("worker")
	var got []string
	for _, statement := range acc.policies(acc.a.roleName("worker"))[inline] {
		var is struct {
			Effect           string
			Action, Resource []string
		}
		acc.must(json.Unmarshal([]byte(statement), &is))
		got = append(got, is.Effect+" "+strings.Join(is.Action, " ")+" on "+strings.Join(is.Resource, " "))
	}
	equal(t, "the statements", got, []string{
		"Allow logs:CreateLogStream logs:PutLogEvents on arn:aws:logs:eu-west-1:123456789012:log-group:/aws/lambda/" + function + ":*",
		"Allow sqs:DeleteMessage sqs:GetQueueAttributes sqs:ReceiveMessage on arn:aws:sqs:eu-west-1:123456789012:orders arn:aws:sqs:eu-west-1:210987654321:theirs",
		"Allow secretsmanager:GetSecretValue on arn:aws:secretsmanager:eu-west-1:123456789012:secret:stripe-AbCdEf",
		"Allow ssm:GetParameter on arn:aws:ssm:eu-west-1:123456789012:parameter/shop/key",
		"Allow sns:Publish on arn:aws:sns:eu-west-1:123456789012:failed",
		"Allow xray:PutTelemetryRecords xray:PutTraceSegments on *",
		"Allow ec2:AssignPrivateIpAddresses ec2:CreateNetworkInterface ec2:DeleteNetworkInterface ec2:DescribeNetworkInterfaces ec2:DescribeSubnets ec2:UnassignPrivateIpAddresses on *",
	})
}

func TestAnAppOfAzuresModelMayReadTheObjectsThatItHearsOf(t *testing.T) {
	acc := newAccount(t)
	s := eventful(t, "worker", "", stored("uploads", "raw/", "created"), stored("uploads", "", "deleted"))
	before := acc.statements(s)
	s.Function.Style = manifest.StyleAzure
	var added []string
	for _, one := range acc.statements(s) {
		if !slices.Contains(before, one) {
			added = append(added, one)
		}
	}
	equal(t, "the statements", added, []string{`{"Action":["s3:GetObject"],"Effect":"Allow","Resource":["arn:aws:s3:::uploads/*"]}`})
}

func TestAPlainFunctionMayOnlyWriteItsLog(t *testing.T) {
	acc := newAccount(t)
	s := eventful(t, "api", "")
	arn, created := acc.widen(s)
	if !created || arn != "arn:aws:iam::123456789012:role/"+acc.a.roleName("api") {
		t.Errorf("the role is %s, created: %v", arn, created)
	}
	role := acc.lines("role")
	if len(role) != 1 || strings.Count(role[0], `\"Effect\"`) != 1 {
		t.Errorf("the roles are %v", role)
	}
	for key, value := range acc.a.tags(functionOf(s.Function)) {
		if !strings.Contains(role[0], fmt.Sprintf("%q:%q", key, value)) {
			t.Errorf("the role lacks the tag %s=%s: %s", key, value, role[0])
		}
	}
}

func TestTheSchedulersRoleMayOnlyCallTheAlias(t *testing.T) {
	acc := newAccount(t)
	s := eventful(t, "nightly", "", at("0 3 * * *"))
	acc.deploy(s)
	acc.bind(s, providers.BindEnabled)
	want := map[string][]string{inline: {fmt.Sprintf(`{"Action":["lambda:InvokeFunction"],"Effect":"Allow","Resource":[%q]}`, acc.c.aliasARN("nightly"))}}
	if diff := cmp.Diff(want, acc.policies(acc.a.schedulerRoleName("nightly"))); diff != "" {
		t.Errorf("its policies (-want +got):\n%s", diff)
	}
	for _, role := range acc.lines("role") {
		if strings.Contains(role, "-schedule ") && !strings.Contains(role, `{"StringEquals":{"aws:SourceAccount":"123456789012"}}`) {
			t.Errorf("schedules of other accounts may take it: %s", role)
		}
	}
}

func TestARoleIsWidenedBesideWhatServesAndNarrowedAfterIt(t *testing.T) {
	acc := newAccount(t)
	role := acc.a.roleName("worker")
	old := eventful(t, "worker", "", messages("orders", 1))
	next := eventful(t, "worker", fmt.Sprintf(`{"policies": [%q], "dead_letter": "arn:aws:sqs:eu-west-1:123456789012:dead"}`, readOnly))
	acc.widen(old)
	if _, created := acc.widen(next); created {
		t.Error("the role was made twice")
	}
	served, needed := acc.statements(old), acc.statements(next)
	if diff := cmp.Diff(map[string][]string{inline: served, beside: needed[1:]}, acc.policies(role)); diff != "" {
		t.Errorf("while both are needed (-want +got):\n%s", diff)
	}
	acc.must(acc.c.narrowRole(t.Context(), specOf(next)))
	if diff := cmp.Diff(map[string][]string{inline: needed}, acc.policies(role)); diff != "" {
		t.Errorf("after the activation (-want +got):\n%s", diff)
	}
	has, err := acc.c.attached(t.Context(), role)
	acc.must(err)
	equal(t, "the managed policies", has, []string{readOnly})

	acc.widen(old)
	acc.must(acc.c.narrowRole(t.Context(), specOf(old)))
	has, err = acc.c.attached(t.Context(), role)
	acc.must(err)
	equal(t, "the managed policies after a rollback", has, nil)
}

func TestARevisionKeepsItsRightsWhenItsActivationWasNotFinished(t *testing.T) {
	acc := newAccount(t)
	first, second := eventful(t, "worker", ""), eventful(t, "worker", "", messages("orders", 1))
	third := eventful(t, "worker", `{"tracing": "active"}`)
	acc.widen(first)
	acc.widen(second) // and went live, and then ferry was killed
	acc.widen(third)
	var all []string
	for _, statements := range acc.policies(acc.a.roleName("worker")) {
		all = append(all, statements...)
	}
	for _, statement := range acc.statements(second) {
		if !slices.Contains(all, statement) {
			t.Errorf("what serves may no more %s", statement)
		}
	}
}

func TestWideningAndNarrowingTwiceWritesNothing(t *testing.T) {
	acc := newAccount(t)
	s := eventful(t, "worker", fmt.Sprintf(`{"policies": [%q], "tags": {"team": "shop"}}`, readOnly), messages("orders", 1))
	acc.widen(s)
	acc.must(acc.c.narrowRole(t.Context(), specOf(s)))
	acc.Reset()
	acc.widen(s)
	acc.must(acc.c.narrowRole(t.Context(), specOf(s)))
	equal(t, "what was written", acc.writes(), nil)
}

func TestARolesTagsFollowTheManifest(t *testing.T) {
	acc := newAccount(t)
	acc.widen(eventful(t, "api", `{"tags": {"team": "shop", "cost": "1"}}`))
	s := eventful(t, "api", `{"tags": {"team": "store"}}`)
	acc.widen(s)
	role, err := acc.c.getRole(t.Context(), acc.a.roleName("api"))
	acc.must(err)
	if diff := cmp.Diff(acc.a.tags(functionOf(s.Function)), tagsOf(role.Tags)); diff != "" {
		t.Errorf("the tags (-want +got):\n%s", diff)
	}
}

func TestAGivenRoleIsUsedAsItIs(t *testing.T) {
	acc := newAccount(t)
	s := eventful(t, "api", `{"role": "arn:aws:iam::123456789012:role/mine"}`)
	acc.Reset()
	arn, created := acc.widen(s)
	acc.must(acc.c.narrowRole(t.Context(), specOf(s)))
	if arn != "arn:aws:iam::123456789012:role/mine" || created || len(acc.Calls()) > 0 {
		t.Errorf("it is %s, created: %v, with the calls %v", arn, created, acc.Calls())
	}
}

func TestARoleThatFerryDidNotMakeIsRefusedAndKept(t *testing.T) {
	acc := newAccount(t)
	role := acc.a.roleName("api")
	_, err := acc.c.iam.CreateRole(t.Context(), &iam.CreateRoleInput{
		RoleName: &role, AssumeRolePolicyDocument: aws.String(trust("lambda.amazonaws.com", nil)),
	})
	acc.must(err)
	before := acc.Snapshot()
	if _, err := acc.c.widenRole(t.Context(), specOf(eventful(t, "api", ""))); !errors.Is(err, providers.Foreign) {
		t.Errorf("widening it says: %v", err)
	}
	acc.must(acc.c.removeRole(t.Context(), "api"))
	if diff := cmp.Diff(before, acc.Snapshot()); diff != "" {
		t.Errorf("the role changed (-before +after):\n%s", diff)
	}
}

func TestRemovingARoleLeavesNothingAndCanBeRepeated(t *testing.T) {
	acc := newAccount(t)
	empty := acc.Snapshot()
	acc.widen(eventful(t, "api", fmt.Sprintf(`{"policies": [%q]}`, readOnly)))
	acc.widen(eventful(t, "api", "", messages("orders", 1)))
	for range 2 {
		acc.must(acc.c.removeRole(t.Context(), "api"))
		if diff := cmp.Diff(empty, acc.Snapshot()); diff != "" {
			t.Errorf("this is left (-before +after):\n%s", diff)
		}
	}
}

func TestARoleIsMadeOnceByManyAndWhenRepliesAreLost(t *testing.T) {
	acc := newAccount(t)
	s := eventful(t, "worker", "", messages("orders", 1))
	acc.widen(s)
	want := acc.Snapshot()
	acc.must(acc.c.removeRole(t.Context(), "worker"))
	var lost atomic.Int32
	acc.Intercept(func(call standin.Call) standin.Fault {
		if call.Service == "iam" && call.Write && lost.Add(1) <= 4 {
			return standin.LoseReply()
		}
		return standin.Fault{}
	})
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if _, err := acc.c.widenRole(t.Context(), specOf(s)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if diff := cmp.Diff(want, acc.Snapshot()); diff != "" {
		t.Errorf("the role differs (-want +got):\n%s", diff)
	}
}

func TestEqualRightsHaveEqualDigests(t *testing.T) {
	acc := newAccount(t)
	digest := func(s providers.Spec) string { return acc.c.rightsDigest(specOf(s)) }
	two := eventful(t, "worker", `{"policies": ["arn:aws:iam::aws:policy/B", "arn:aws:iam::aws:policy/A"]}`, messages("a", 1), messages("b", 1))
	reordered := eventful(t, "worker", `{"policies": ["arn:aws:iam::aws:policy/A", "arn:aws:iam::aws:policy/B"]}`, messages("b", 9), messages("a", 1))
	if digest(two) != digest(reordered) {
		t.Error("the order of queues and policies changes the rights")
	}
	others := map[string]providers.Spec{
		"one queue": eventful(t, "worker", `{"policies": ["arn:aws:iam::aws:policy/A", "arn:aws:iam::aws:policy/B"]}`, messages("a", 1)),
		"no policy": eventful(t, "worker", "", messages("a", 1), messages("b", 1)),
		"a role":    eventful(t, "worker", `{"role": "arn:aws:iam::123456789012:role/mine"}`),
	}
	for _, what := range slices.Sorted(maps.Keys(others)) {
		if digest(others[what]) == digest(two) {
			t.Errorf("%s has the same rights", what)
		}
	}
}

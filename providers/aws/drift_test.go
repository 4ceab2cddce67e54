package aws

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	schedules "github.com/aws/aws-sdk-go-v2/service/scheduler/types"
	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/release"
)

func TestWhatWasChangedByHandIsShownFieldByFieldAndMendedByForce(t *testing.T) {
	s := newShop(t, newSources(t))
	s.deploys("one")
	clean := s.resources()
	c, err := s.judge.connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	api, jobs := aws.String("shop-dev-api"), aws.String("shop-dev-jobs.0")
	if _, err := c.lambda.UpdateFunctionUrlConfig(t.Context(), &lambda.UpdateFunctionUrlConfigInput{
		FunctionName: api, Qualifier: aws.String(live), AuthType: types.FunctionUrlAuthTypeAwsIam,
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.lambda.RemovePermission(t.Context(), &lambda.RemovePermissionInput{
		FunctionName: api, Qualifier: aws.String(live), StatementId: aws.String(statementInvoke),
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.lambda.PutFunctionConcurrency(t.Context(), &lambda.PutFunctionConcurrencyInput{FunctionName: api, ReservedConcurrentExecutions: aws.Int32(3)}); err != nil {
		t.Fatal(err)
	}
	was, err := c.scheduler.GetSchedule(t.Context(), &scheduler.GetScheduleInput{Name: jobs})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.scheduler.UpdateSchedule(t.Context(), &scheduler.UpdateScheduleInput{
		Name: jobs, State: schedules.ScheduleStateDisabled, ScheduleExpression: was.ScheduleExpression,
		FlexibleTimeWindow: was.FlexibleTimeWindow, Target: was.Target,
	}); err != nil {
		t.Fatal(err)
	}

	st, err := s.engine("one").Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string][]string{}
	for name, fn := range st.Functions {
		for _, d := range fn.Differences {
			shown[name] = append(shown[name], d.Path+": "+d.Actual)
		}
	}
	want := map[string][]string{
		"api":  {"scaling.max: 3", "url.auth: AWS_IAM", "url.permissions.ferry-url-invoke: "},
		"jobs": {"events: paused"},
	}
	if diff := cmp.Diff(want, shown); diff != "" {
		t.Errorf("what status shows (-want +got):\n%s", diff)
	}

	if _, err := s.engine("one").Deploy(t.Context(), release.DeployOptions{Force: true}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(clean, s.resources()); diff != "" {
		t.Errorf("what is there after deploy --force (-want +got):\n%s", diff)
	}
}

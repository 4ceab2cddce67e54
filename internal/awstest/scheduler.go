package awstest

import (
	"cmp"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"
)

func schedulerService() *service {
	return &service{name: "scheduler", protocol: restJSON, ops: []*operation{
		{name: "CreateSchedule", route: "POST /schedules/{Name}", run: typed((*Cloud).createSchedule)},
		{name: "GetSchedule", route: "GET /schedules/{Name}", run: typed((*Cloud).getSchedule)},
		{name: "UpdateSchedule", route: "PUT /schedules/{Name}", run: typed((*Cloud).updateSchedule)},
		{name: "DeleteSchedule", route: "DELETE /schedules/{Name}", run: typed((*Cloud).deleteSchedule)},
		{name: "ListSchedules", route: "GET /schedules", run: typed((*Cloud).listSchedules)},
	}}
}

// schedule is a schedule of EventBridge Scheduler.
type schedule struct {
	is     scheduler.GetScheduleOutput
	token  string // of the call that made it
	mapped string // what that call asked for
}

var scheduleName = regexp.MustCompile(`^[0-9a-zA-Z-_.]{1,64}$`)

func schedulerInvalid(format string, args ...any) error {
	return refuse(400, "ValidationException", format, args...)
}

func noSchedule(name string) error {
	return refuse(404, "ResourceNotFoundException", "Schedule %s does not exist.", name)
}

func (c *Cloud) createSchedule(in *scheduler.CreateScheduleInput) (any, error) {
	name := deref(in.Name)
	next := scheduler.GetScheduleOutput{
		Name: in.Name, Description: in.Description, ScheduleExpression: in.ScheduleExpression, ScheduleExpressionTimezone: in.ScheduleExpressionTimezone,
		FlexibleTimeWindow: in.FlexibleTimeWindow, Target: in.Target, State: in.State, ActionAfterCompletion: in.ActionAfterCompletion,
		StartDate: in.StartDate, EndDate: in.EndDate, KmsKeyArn: in.KmsKeyArn, GroupName: in.GroupName,
	}
	if err := c.checkSchedule(&next); err != nil {
		return nil, err
	}
	asked := canonical(next)
	if old := c.schedules[name]; old != nil {
		if deref(in.ClientToken) != "" && old.token == *in.ClientToken && old.mapped == asked {
			return &scheduler.CreateScheduleOutput{ScheduleArn: old.is.Arn}, nil
		}
		return nil, refuse(409, "ConflictException", "Schedule %s already exists.", name)
	}
	next.Arn = new(arn("scheduler", "schedule/default/"+name))
	next.CreationDate, next.LastModificationDate = new(now()), new(now())
	c.schedules[name] = &schedule{is: next, token: deref(in.ClientToken), mapped: asked}
	return &scheduler.CreateScheduleOutput{ScheduleArn: next.Arn}, nil
}

// updateSchedule replaces all: what the call leaves out is as if it had never been set.
func (c *Cloud) updateSchedule(in *scheduler.UpdateScheduleInput) (any, error) {
	old := c.schedules[deref(in.Name)]
	if old == nil || group(in.GroupName) != "default" {
		return nil, noSchedule(deref(in.Name))
	}
	next := scheduler.GetScheduleOutput{
		Name: in.Name, Description: in.Description, ScheduleExpression: in.ScheduleExpression, ScheduleExpressionTimezone: in.ScheduleExpressionTimezone,
		FlexibleTimeWindow: in.FlexibleTimeWindow, Target: in.Target, State: in.State, ActionAfterCompletion: in.ActionAfterCompletion,
		StartDate: in.StartDate, EndDate: in.EndDate, KmsKeyArn: in.KmsKeyArn, GroupName: in.GroupName,
		Arn: old.is.Arn, CreationDate: old.is.CreationDate, LastModificationDate: new(now()),
	}
	if err := c.checkSchedule(&next); err != nil {
		return nil, err
	}
	old.is = next
	return &scheduler.UpdateScheduleOutput{ScheduleArn: next.Arn}, nil
}

func group(name *string) string { return cmp.Or(deref(name), "default") }

// checkSchedule refuses what cannot run, and fills in what is left out.
func (c *Cloud) checkSchedule(s *scheduler.GetScheduleOutput) error {
	s.GroupName = new(group(s.GroupName))
	s.State = cmp.Or(s.State, types.ScheduleStateEnabled)
	s.ScheduleExpressionTimezone = cmp.Or(s.ScheduleExpressionTimezone, new("UTC"))
	s.ActionAfterCompletion = cmp.Or(s.ActionAfterCompletion, types.ActionAfterCompletionNone)
	switch {
	case !scheduleName.MatchString(deref(s.Name)):
		return schedulerInvalid("1 validation error detected: Value '%s' at 'name' failed to satisfy constraint: "+
			"Member must satisfy regular expression pattern: ^[0-9a-zA-Z-_.]+$", deref(s.Name))
	case *s.GroupName != "default":
		return refuse(404, "ResourceNotFoundException", "Schedule group %s does not exist.", *s.GroupName)
	case s.FlexibleTimeWindow == nil || s.FlexibleTimeWindow.Mode == "":
		return schedulerInvalid("1 validation error detected: Value null at 'flexibleTimeWindow' failed to satisfy constraint: Member must not be null")
	case s.FlexibleTimeWindow.Mode == types.FlexibleTimeWindowModeFlexible && s.FlexibleTimeWindow.MaximumWindowInMinutes == nil:
		return schedulerInvalid("MaximumWindowInMinutes must be provided when Mode is FLEXIBLE.")
	case len(deref(s.Description)) > 512:
		return schedulerInvalid("1 validation error detected: Value at 'description' failed to satisfy constraint: Member must have length less than or equal to 512")
	case !validExpression(deref(s.ScheduleExpression)):
		return schedulerInvalid("Invalid Schedule Expression %s.", deref(s.ScheduleExpression))
	}
	if _, err := time.LoadLocation(*s.ScheduleExpressionTimezone); err != nil || *s.ScheduleExpressionTimezone == "" {
		return schedulerInvalid("Invalid ScheduleExpressionTimezone %s.", *s.ScheduleExpressionTimezone)
	}
	return c.checkTarget(s.Target)
}

func (c *Cloud) checkTarget(t *types.Target) error {
	if t == nil || t.Arn == nil || t.RoleArn == nil {
		return schedulerInvalid("1 validation error detected: Value null at 'target' failed to satisfy constraint: Member must not be null")
	}
	if r := c.roleByARN(*t.RoleArn); r == nil || !r.trusts("scheduler.amazonaws.com") {
		return schedulerInvalid("The execution role you provide must allow AWS EventBridge Scheduler to assume the role.")
	}
	name, qualifier, err := reference(*t.Arn, "")
	f := c.functions[name]
	if err != nil || !strings.HasPrefix(*t.Arn, "arn:") || f == nil || f.find(qualifier) == nil {
		return schedulerInvalid("Provided Arn is not in correct format or does not exist: %s", *t.Arn)
	}
	if t.RetryPolicy == nil {
		t.RetryPolicy = &types.RetryPolicy{}
	}
	t.RetryPolicy.MaximumRetryAttempts = or(t.RetryPolicy.MaximumRetryAttempts, 185)
	t.RetryPolicy.MaximumEventAgeInSeconds = or(t.RetryPolicy.MaximumEventAgeInSeconds, 86400)
	if err := within("target.retryPolicy.maximumRetryAttempts", *t.RetryPolicy.MaximumRetryAttempts, 0, 185); err != nil {
		return err
	}
	return within("target.retryPolicy.maximumEventAgeInSeconds", *t.RetryPolicy.MaximumEventAgeInSeconds, 60, 86400)
}

func (c *Cloud) getSchedule(in *scheduler.GetScheduleInput) (any, error) {
	s := c.schedules[deref(in.Name)]
	if s == nil || group(in.GroupName) != "default" {
		return nil, noSchedule(deref(in.Name))
	}
	return &s.is, nil
}

func (c *Cloud) deleteSchedule(in *scheduler.DeleteScheduleInput) (any, error) {
	if c.schedules[deref(in.Name)] == nil || group(in.GroupName) != "default" {
		return nil, noSchedule(deref(in.Name))
	}
	delete(c.schedules, *in.Name)
	return struct{}{}, nil
}

func (c *Cloud) listSchedules(in *scheduler.ListSchedulesInput) (any, error) {
	var all []types.ScheduleSummary
	for _, name := range sorted(c.schedules) {
		s := c.schedules[name].is
		if !strings.HasPrefix(name, deref(in.NamePrefix)) || in.State != "" && in.State != s.State || group(in.GroupName) != "default" {
			continue
		}
		all = append(all, types.ScheduleSummary{
			Arn: s.Arn, Name: s.Name, GroupName: s.GroupName, State: s.State, CreationDate: s.CreationDate,
			LastModificationDate: s.LastModificationDate, Target: &types.TargetSummary{Arn: s.Target.Arn},
		})
	}
	items, next := page(all, in.NextToken, limit(in.MaxResults, 100))
	return &scheduler.ListSchedulesOutput{Schedules: items, NextToken: next}, nil
}

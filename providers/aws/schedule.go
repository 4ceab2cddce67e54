package aws

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"
	"github.com/netresearch/go-cron"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/check"
	"github.com/ferryfn/ferry/providers/names"
)

// A call that could not be handed to Lambda is tried again for an hour, as often as AWS lets it within that time: long
// enough for an outage, short enough that a nightly job does not begin at noon. How often a handler that fails is called
// again is Lambda's own matter: to the scheduler the event is delivered by then.
const (
	scheduleAge     = 3600 // seconds
	scheduleRetries = 185
)

// maxScheduleName leaves room for a dot and the number.
const maxScheduleName = maxName - 6

// schedulePrefix begins the names of a function's schedules. No name of a function has a dot.
func (p *place) schedulePrefix(fn string) string {
	return names.Rule{Most: maxScheduleName}.Of(p.functionName(fn)) + "."
}

const (
	scheduleMark = "made by ferry for " // begins the description of what ferry made
	eventMember  = `"dev.ferry.event"`  // holds the event for the shim
)

// checkSchedule reports times that EventBridge Scheduler cannot say.
func checkSchedule(_ function, field string, e manifest.Event) []providers.Issue {
	_, err := awsCron(e.Schedule.Cron)
	return check.When(err != nil).Block(field+".cron", "write two schedules", "EventBridge Scheduler cannot express %q: %v", e.Schedule.Cron, err)
}

// schedules are those that ferry made for the function, sorted by name. Schedules have no tags: it is told by their
// names, what they call, and their descriptions or what they call it with, of which a change by hand may leave out one.
func (b *binder) schedules(ctx context.Context) ([]*scheduler.GetScheduleOutput, error) {
	var all []*scheduler.GetScheduleOutput
	prefix := b.c.schedulePrefix(b.fn.Name)
	pages := scheduler.NewListSchedulesPaginator(b.c.scheduler, &scheduler.ListSchedulesInput{NamePrefix: &prefix})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, s := range page.Schedules {
			_, err := strconv.Atoi(strings.TrimPrefix(aws.ToString(s.Name), prefix))
			if err != nil || s.Target == nil || aws.ToString(s.Target.Arn) != b.alias {
				continue
			}
			is, err := b.c.scheduler.GetSchedule(ctx, &scheduler.GetScheduleInput{Name: s.Name})
			switch {
			case isNotFound(err):
			case err != nil:
				return nil, err
			case b.ownsSchedule(is):
				all = append(all, is)
			}
		}
	}
	return all, nil
}

// ownsSchedule reports whether ferry made a schedule for the function.
func (b *binder) ownsSchedule(s *scheduler.GetScheduleOutput) bool {
	return s.Target != nil && aws.ToString(s.Target.Arn) == b.alias &&
		(strings.HasPrefix(aws.ToString(s.Description), scheduleMark) || strings.Contains(aws.ToString(s.Target.Input), eventMember))
}

func (b *binder) callingSchedules(ctx context.Context) ([]bool, error) {
	found, err := b.schedules(ctx)
	if err != nil {
		return nil, err
	}
	var calling []bool
	role := b.c.schedulerRoleName(b.fn.Name)
	for _, s := range found {
		calling = append(calling, s.State == types.ScheduleStateEnabled)
		if b.lost == "" && aws.ToString(s.Target.RoleArn) == b.c.roleARN(role) {
			if _, err = b.c.getPolicy(ctx, role, inline); isNotFound(err) {
				b.lost, err = "its schedules' role "+role, nil
			}
		}
		if err != nil {
			return nil, err
		}
	}
	return calling, nil
}

func (b *binder) bindSchedules(ctx context.Context) error {
	found, err := b.schedules(ctx)
	if err != nil {
		return err
	}
	wanted, err := b.wantedSchedules()
	if err != nil {
		return err
	}
	for _, s := range found {
		if slices.ContainsFunc(wanted, named(*s.Name)) {
			continue
		}
		b.wrote = true
		if _, err := b.c.scheduler.DeleteSchedule(ctx, &scheduler.DeleteScheduleInput{Name: s.Name}); unlessMissing(err) != nil {
			return err
		}
	}
	if len(wanted) == 0 {
		return b.dropSchedulerRole(ctx, found)
	}
	if b.fn.own.SchedulerRole == "" {
		if err := b.c.claimRoles(ctx, b.fn, b.tags); err != nil {
			return err
		}
	}
	role, err := b.c.ensureSchedulerRole(ctx, b.fn)
	if err != nil {
		return err
	}
	for _, w := range wanted {
		w.Target.RoleArn = &role
		i := slices.IndexFunc(found, func(s *scheduler.GetScheduleOutput) bool { return *s.Name == *w.Name })
		if i < 0 {
			err = b.createSchedule(ctx, w)
		} else {
			err = b.updateSchedule(ctx, found[i], w)
		}
		if err != nil {
			return err
		}
	}
	if b.fn.own.SchedulerRole != "" {
		return b.dropSchedulerRole(ctx, found)
	}
	return nil
}

// dropSchedulerRole deletes the role of schedules that are gone or have another. One may be there when schedules had it,
// or when an interrupted removal of bindings has left it.
func (b *binder) dropSchedulerRole(ctx context.Context, had []*scheduler.GetScheduleOutput) error {
	role := b.c.schedulerRoleName(b.fn.Name)
	used := slices.ContainsFunc(had, func(s *scheduler.GetScheduleOutput) bool { return aws.ToString(s.Target.RoleArn) == b.c.roleARN(role) })
	if left := b.mayOwnRoles && b.wasBound && len(b.fn.Events) == 0; !used && !left {
		return nil
	}
	return b.c.deleteRole(ctx, b.fn.Name, role)
}

func named(name string) func(*scheduler.CreateScheduleInput) bool {
	return func(w *scheduler.CreateScheduleInput) bool { return *w.Name == name }
}

// createSchedule makes a schedule. One that is there by now is ferry's, or another's that calls something else.
func (b *binder) createSchedule(ctx context.Context, want *scheduler.CreateScheduleInput) error {
	b.wrote = true
	_, err := b.c.scheduler.CreateSchedule(ctx, want)
	var conflict *types.ConflictException
	if !errors.As(err, &conflict) {
		return err
	}
	has, err := b.c.scheduler.GetSchedule(ctx, &scheduler.GetScheduleInput{Name: want.Name})
	if err != nil {
		return err
	}
	if !b.ownsSchedule(has) {
		return b.foreign("delete it with `aws scheduler delete-schedule --name "+*want.Name+"`",
			"there is already a schedule %s that ferry did not make", *want.Name)
	}
	return b.updateSchedule(ctx, has, want)
}

// updateSchedule changes a schedule that differs.
func (b *binder) updateSchedule(ctx context.Context, has *scheduler.GetScheduleOutput, want *scheduler.CreateScheduleInput) error {
	if sameSchedule(has, want) {
		return nil
	}
	b.wrote = true
	_, err := b.c.scheduler.UpdateSchedule(ctx, &scheduler.UpdateScheduleInput{
		Name: want.Name, Description: want.Description, FlexibleTimeWindow: want.FlexibleTimeWindow,
		ScheduleExpression: want.ScheduleExpression, ScheduleExpressionTimezone: want.ScheduleExpressionTimezone,
		State: want.State, Target: want.Target,
	})
	return err
}

func sameSchedule(has *scheduler.GetScheduleOutput, want *scheduler.CreateScheduleInput) bool {
	t, w := has.Target, want.Target
	return aws.ToString(has.ScheduleExpression) == *want.ScheduleExpression &&
		aws.ToString(has.ScheduleExpressionTimezone) == *want.ScheduleExpressionTimezone &&
		has.FlexibleTimeWindow != nil && has.FlexibleTimeWindow.Mode == want.FlexibleTimeWindow.Mode &&
		has.State == want.State && has.StartDate == nil && has.EndDate == nil &&
		aws.ToString(t.RoleArn) == *w.RoleArn && aws.ToString(t.Input) == *w.Input && t.DeadLetterConfig == nil &&
		t.RetryPolicy != nil && aws.ToInt32(t.RetryPolicy.MaximumEventAgeInSeconds) == scheduleAge &&
		aws.ToInt32(t.RetryPolicy.MaximumRetryAttempts) == scheduleRetries
}

// wantedSchedules are the schedules of the function's events; they have no role yet.
func (b *binder) wantedSchedules() ([]*scheduler.CreateScheduleInput, error) {
	state := types.ScheduleStateEnabled
	if b.paused {
		state = types.ScheduleStateDisabled
	}
	var all []*scheduler.CreateScheduleInput
	for _, e := range b.fn.Events {
		if e.Schedule == nil {
			continue
		}
		expression, err := awsCron(e.Schedule.Cron)
		if err != nil {
			return nil, fmt.Errorf("the schedule %q: %w", e.Schedule.Cron, err)
		}
		schedule := b.c.schedulePrefix(b.fn.Name) + strconv.Itoa(len(all))
		all = append(all, &scheduler.CreateScheduleInput{
			Name: &schedule, Description: aws.String(b.c.scheduleDescription(b.fn, e.Schedule)),
			FlexibleTimeWindow: &types.FlexibleTimeWindow{Mode: types.FlexibleTimeWindowModeOff},
			ScheduleExpression: &expression, ScheduleExpressionTimezone: aws.String(e.Schedule.Timezone), State: state,
			Target: &types.Target{
				Arn: &b.alias, Input: aws.String(scheduleInput(schedule)),
				RetryPolicy: &types.RetryPolicy{
					MaximumEventAgeInSeconds: aws.Int32(scheduleAge), MaximumRetryAttempts: aws.Int32(scheduleRetries),
				},
			},
		})
	}
	return all, nil
}

func (p *place) scheduleDescription(fn function, e *manifest.ScheduleEvent) string {
	return fmt.Sprintf(scheduleMark+"%s of %s, stage %s: %s", fn.Name, p.service, p.stage, e.Cron)
}

// scheduleInput is the event that the shim hands on. AWS puts in what stands in angle brackets. The id is the same when
// a call is tried again, which <aws.scheduler.execution-id> is not. See
// https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html.
func scheduleInput(schedule string) string {
	type event struct {
		SpecVersion string   `json:"specversion"`
		Type        string   `json:"type"`
		ID          string   `json:"id"`
		Source      string   `json:"source"`
		Subject     string   `json:"subject"`
		Time        string   `json:"time"`
		Data        struct{} `json:"data"`
	}
	var text strings.Builder
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false) // the brackets must stay
	err := e.Encode(struct {
		Event   event  `json:"dev.ferry.event"`
		Attempt string `json:"attempt"`
	}{event{
		SpecVersion: "1.0", Type: "dev.ferry.schedule.v1", ID: schedule + "/<aws.scheduler.scheduled-time>",
		Source: "<aws.scheduler.schedule-arn>", Subject: schedule, Time: "<aws.scheduler.scheduled-time>",
	}, "<aws.scheduler.attempt-number>"})
	if err != nil {
		panic(fmt.Sprintf("an event always has a JSON form: %v", err))
	}
	return strings.TrimSpace(text.String())
}

// awsCron translates the standard five fields to the six of EventBridge Scheduler: the same times, or an error. AWS
// counts the days of the week from 1 for Sunday, so days get their names; one of the two day fields must be "?"; and
// there is a year. See https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html.
func awsCron(expression string) (string, error) {
	parsed, err := cron.ParseStandard(expression)
	if err != nil {
		return "", fmt.Errorf("reading the cron expression: %w", err)
	}
	spec, ok := parsed.(*cron.SpecSchedule)
	fields := strings.Fields(expression)
	if !ok || len(fields) != 5 || len(spec.DomConstraints)+len(spec.DowConstraints) > 0 {
		return "", errors.New("it is not of the standard five fields")
	}
	days, weekdays := fieldOf(spec.Dom, 1, 31), "?"
	switch everyDay, everyWeekday := isEvery(fields[2]), isEvery(fields[4]); {
	case !everyDay && !everyWeekday:
		return "", errors.New("it restricts both the day of the month and the day of the week, which EventBridge Scheduler cannot do")
	case !everyWeekday:
		days, weekdays = "?", weekdaysOf(spec.Dow)
	}
	return fmt.Sprintf("cron(%s %s %s %s %s *)",
		fieldOf(spec.Minute, 0, 59), fieldOf(spec.Hour, 0, 23), days, fieldOf(spec.Month, 1, 12), weekdays), nil
}

// isEvery reports whether a field restricts nothing. A list of all days does: with it, the other field counts too.
func isEvery(field string) bool { return field == "*" || field == "*/1" }

// fieldOf writes the values of a field: all, every so many, or a list with ranges.
func fieldOf(bits uint64, low, high int) string {
	values := valuesOf(bits, low, high)
	if len(values) == high-low+1 {
		return "*"
	}
	if step, ok := stepOf(values, high); ok {
		return fmt.Sprintf("%d/%d", values[0], step)
	}
	return listOf(values, strconv.Itoa)
}

// stepOf is the distance of values that are evenly spread and reach to the end.
func stepOf(values []int, high int) (int, bool) {
	if len(values) < 3 {
		return 0, false
	}
	step := values[1] - values[0]
	for i := range values[1:] {
		if values[i+1]-values[i] != step {
			return 0, false
		}
	}
	return step, step > 1 && values[len(values)-1]+step > high
}

func weekdaysOf(bits uint64) string {
	names := []string{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"}
	values := valuesOf(bits, 0, 6)
	if len(values) == len(names) {
		return "*"
	}
	return listOf(values, func(day int) string { return names[day] })
}

func valuesOf(bits uint64, low, high int) []int {
	var values []int
	for v := low; v <= high; v++ {
		if bits&(1<<v) != 0 {
			values = append(values, v)
		}
	}
	return values
}

// listOf writes ascending values, three and more that follow each other as a range.
func listOf(values []int, write func(int) string) string {
	var items []string
	for len(values) > 0 {
		n := 1
		for n < len(values) && values[n] == values[0]+n {
			n++
		}
		if n < 3 {
			items, values = append(items, write(values[0])), values[1:]
			continue
		}
		items, values = append(items, write(values[0])+"-"+write(values[n-1])), values[n:]
	}
	return strings.Join(items, ",")
}

// tellSchedules tells of the schedules that call a function, whoever made them.
func (o *original) tellSchedules(ctx context.Context) error {
	pages := scheduler.NewListSchedulesPaginator(o.scheduler, &scheduler.ListSchedulesInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return o.unlessDenied(err, "scheduler:ListSchedules: schedules that call it")
		}
		for _, s := range page.Schedules {
			if s.Target == nil || aws.ToString(s.Target.Arn) != o.arn {
				continue
			}
			is, err := o.scheduler.GetSchedule(ctx, &scheduler.GetScheduleInput{Name: s.Name, GroupName: s.GroupName})
			if err != nil {
				if err := o.unlessDenied(err, "scheduler:GetSchedule: the schedule "+aws.ToString(s.Name)); err != nil {
					return err
				}
				continue
			}
			o.calls("ScheduleV2", map[string]any{
				"Name": is.Name, "ScheduleExpression": is.ScheduleExpression, "ScheduleExpressionTimezone": is.ScheduleExpressionTimezone,
				"State": is.State, "Input": is.Target.Input, "StartDate": is.StartDate, "EndDate": is.EndDate,
			})
		}
	}
	return nil
}

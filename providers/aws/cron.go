package aws

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/netresearch/go-cron"
)

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
		return "", errors.New("it restricts both the day of the month and the day of the week, which EventBridge Scheduler cannot")
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

package lambda

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ferryfn/ferry/internal/pattern"
	"github.com/ferryfn/ferry/migrate/foreign"
)

var (
	rateForm = pattern.Of(`^rate\(\s*(\d+)\s+(minute|hour|day)s?\s*\)$`)
	cronForm = pattern.Of(`^cron\((.*)\)$`)
	stepForm = pattern.Of(`^(\*|\d+)(?:-(\d+))?/(\d+)$`)
)

// Schedule is the five fields of an expression such as rate(5 minutes) or cron(0 3 ? * MON-FRI *); else the reason why there
// are none. What cannot be said exactly is not said.
func Schedule(expression string) (cron, reason string) {
	text := strings.TrimSpace(expression)
	if m := rateForm().FindStringSubmatch(text); m != nil {
		return rate(m[1], m[2])
	}
	m := cronForm().FindStringSubmatch(text)
	if m == nil {
		return "", "the schedule " + foreign.Plain(expression) + " is neither rate(…) nor cron(…)"
	}
	fields := strings.Fields(m[1])
	switch {
	case len(fields) != 6:
		return "", fmt.Sprintf("the schedule has %d fields, and AWS writes six", len(fields))
	case strings.ContainsAny(fields[2]+numberless(fields[4]), "LW#"):
		return "", "cron has no L, W and #"
	case fields[5] != "*":
		return "", "cron has no years"
	}
	last := []int{59, 23, 31, 12, 7}
	for i := range last {
		field, reason := cronField(i, fields[i], last[i])
		if reason != "" {
			return "", reason
		}
		fields[i] = field
	}
	return strings.Join(fields[:5], " "), ""
}

var dayName = pattern.Of(`(?i)SUN|MON|TUE|WED|THU|FRI|SAT`)

// numberless is a field of weekdays without their names.
func numberless(field string) string { return dayName().ReplaceAllString(field, "") }

// rate is a rate that cron can say: one that divides an hour or a day.
func rate(number, unit string) (cron, reason string) {
	n, err := strconv.Atoi(number)
	switch {
	case err != nil || n < 1:
		return "", "a rate begins at 1"
	case unit == "minute" && n == 1:
		return "* * * * *", ""
	case unit == "minute" && n < 60 && 60%n == 0:
		return "*/" + number + " * * * *", ""
	case unit == "minute" && n == 60, unit == "hour" && n == 1:
		return "0 * * * *", ""
	case unit == "hour" && n < 24 && 24%n == 0:
		return "0 */" + number + " * * *", ""
	case unit == "hour" && n == 24, unit == "day" && n == 1:
		return "0 0 * * *", ""
	}
	return "", fmt.Sprintf("cron cannot say every %d %ss: choose a number that divides an hour or a day", n, unit)
}

// cronField is a field in the standard's words: AWS counts weekdays from 1 and writes ? and 0/5.
func cronField(at int, field string, last int) (plain, reason string) {
	if field == "?" {
		return "*", ""
	}
	items := strings.Split(field, ",")
	for i, item := range items {
		if at == 4 {
			day, reason := weekday(item)
			if reason != "" {
				return "", reason
			}
			items[i] = day
			continue
		}
		m := stepForm().FindStringSubmatch(item)
		if m == nil || m[1] == "*" || m[2] != "" {
			continue
		}
		items[i] = fmt.Sprintf("%s-%d/%s", m[1], last, m[3])
	}
	return strings.Join(items, ","), ""
}

// weekday is a day, or a range of days, counted from Sunday as 0.
func weekday(item string) (plain, reason string) {
	if item == "*" {
		return item, ""
	}
	if strings.Contains(item, "/") {
		return "", "steps of weekdays are counted from another day by AWS: list the days"
	}
	ends := strings.Split(item, "-")
	for i, end := range ends {
		n, err := strconv.Atoi(end)
		if err != nil {
			continue // a name, which means the same
		}
		if n < 1 || n > 7 {
			return "", "AWS counts weekdays from 1 to 7"
		}
		ends[i] = strconv.Itoa(n - 1)
	}
	if len(ends) == 2 && strings.EqualFold(ends[1], "SUN") && !slices.Contains([]string{"SUN", "0"}, strings.ToUpper(ends[0])) {
		return ends[0] + "-SAT,SUN", ""
	}
	return strings.Join(ends, "-"), ""
}

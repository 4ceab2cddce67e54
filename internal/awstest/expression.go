package awstest

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// cronField is what one of the six fields of a cron expression of AWS may hold.
type cronField struct {
	low, high int
	names     []string // for low and those after it
	letters   string   // what may follow a number: L and W
	open      bool     // whether ? is allowed
}

var cronFields = []cronField{
	{low: 0, high: 59},
	{low: 0, high: 23},
	{low: 1, high: 31, letters: "LW", open: true},
	{low: 1, high: 12, names: []string{"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"}},
	{low: 1, high: 7, names: []string{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"}, letters: "L#", open: true},
	{low: 1970, high: 2199},
}

var rate = regexp.MustCompile(`^([1-9][0-9]*) (minute|minutes|hour|hours|day|days)$`)

// validExpression says whether EventBridge Scheduler takes an expression: at(…), rate(…) or cron(…) with six fields.
func validExpression(text string) bool {
	kind, inner, ok := strings.Cut(strings.TrimSuffix(text, ")"), "(")
	if !ok || !strings.HasSuffix(text, ")") {
		return false
	}
	switch kind {
	case "at":
		_, err := time.Parse("2006-01-02T15:04:05", inner)
		return err == nil
	case "rate":
		return rate.MatchString(inner)
	case "cron":
		return validCron(strings.Fields(inner))
	}
	return false
}

// validCron wants one of day-of-month and day-of-week to be open, as AWS does.
func validCron(fields []string) bool {
	if len(fields) != len(cronFields) || (fields[2] == "?") == (fields[4] == "?") {
		return false
	}
	for i, text := range fields {
		if !cronFields[i].valid(text) {
			return false
		}
	}
	return true
}

func (f cronField) valid(text string) bool {
	if text == "?" {
		return f.open
	}
	for item := range strings.SplitSeq(text, ",") {
		base, step, stepped := strings.Cut(item, "/")
		if n, err := strconv.Atoi(step); stepped && (err != nil || n < 1) {
			return false
		}
		from, to, ranged := strings.Cut(base, "-")
		if base == "*" {
			continue
		}
		if !f.value(from) || ranged && !f.value(to) {
			return false
		}
	}
	return true
}

func (f cronField) value(text string) bool {
	if f.special(text) {
		return true
	}
	if slices.Contains(f.names, strings.ToUpper(text)) {
		return true
	}
	n, err := strconv.Atoi(text)
	return err == nil && n >= f.low && n <= f.high
}

// special takes L, 3W and LW in days of the month, and 6L and 2#1 in days of the week.
func (f cronField) special(text string) bool {
	if f.letters == "" {
		return false
	}
	if text == "L" || text == "LW" && strings.Contains(f.letters, "W") {
		return true
	}
	letter := f.letters[:1]
	if strings.Contains(f.letters, "W") {
		letter = "W"
	}
	if day, ok := strings.CutSuffix(text, letter); ok {
		return cronField{low: f.low, high: f.high, names: f.names}.value(day)
	}
	day, week, ok := strings.Cut(text, "#")
	n, err := strconv.Atoi(week)
	return ok && strings.Contains(f.letters, "#") && err == nil && n >= 1 && n <= 5 && cronField{low: f.low, high: f.high, names: f.names}.value(day)
}

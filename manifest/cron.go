package manifest

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // so that a zone means the same on a machine that has no zone files

	"github.com/netresearch/go-cron"
)

var (
	cronItem = regexp.MustCompile(`^(\*|\d{1,9}|\d{1,9}-\d{1,9})(/\d{1,9})?$`)
	cronName = regexp.MustCompile(`[A-Za-z]+`)
	// A range that ends on a Sunday needs its other number.
	cronUntilSunday = regexp.MustCompile(`(?i)-SUN\b`)

	monthNames = []string{"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"}
	dayNames   = []string{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"}
)

func (c *checker) schedule(at string, s *ScheduleEvent) {
	if s.Cron == "" {
		c.fail(at+".cron", `add cron: "0 3 * * *"`, "the schedule has no cron expression")
	} else if plain, message, hint := parseCron(s.Cron); message != "" {
		c.fail(at+".cron", hint, "the cron expression %s %s", quote(s.Cron), message)
	} else {
		s.Cron = plain
	}
	if s.Timezone == "" {
		s.Timezone = "UTC"
	}
	known, asked := c.zones[s.Timezone]
	if !asked {
		_, err := time.LoadLocation(s.Timezone) // reads a file
		known = err == nil && s.Timezone != "Local"
		c.zones[s.Timezone] = known
	}
	if !known {
		c.fail(at+".timezone", "use an IANA name, such as Europe/Berlin or UTC", "the time zone %s is not known", quote(s.Timezone))
	}
}

// parseCron returns the standard five-field form with one space between fields and with numbers for the names of
// months and days, or says what is wrong with the expression.
func parseCron(expression string) (plain, message, hint string) {
	const form = "write minute, hour, day of month, month and day of week, such as 0 3 * * *"
	if strings.HasPrefix(expression, "@") {
		return "", "is a nickname", cronNickname(expression)
	}
	fields := strings.Fields(expression)
	if len(fields) != 5 {
		if len(fields) == 6 {
			return "", "has 6 fields", "leave out the seconds or the year: cron has five fields"
		}
		return "", fmt.Sprintf("has %d fields", len(fields)), form
	}
	for i, field := range fields {
		field = cronNumbers(i, field)
		fields[i] = field
		for item := range strings.SplitSeq(field, ",") {
			if message, hint := cronPart(item); message != "" {
				return "", message, hint
			}
		}
	}
	plain = strings.Join(fields, " ")
	schedule, err := crontab(plain)
	if err != nil {
		return "", "is not valid: " + err.Error(), form
	}
	if schedule.Next(time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return "", "names a day that never comes", "check the day of month and the month"
	}
	return plain, "", ""
}

// crontab reads five fields as crontab(5) says: when both day fields restrict the days, one that matches is enough.
func crontab(plain string) (cron.Schedule, error) {
	return cron.MustNewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.DowOrDom).Parse(plain)
}

func cronPart(item string) (message, hint string) {
	m := cronItem.FindStringSubmatch(item)
	switch {
	case strings.Contains(item, "?"):
		return "holds ?", "write * instead of ?"
	case m == nil:
		return "holds " + quote(item) + ", which is not of the standard form", "use numbers, *, a-b, */n and lists with commas"
	case m[2] != "" && strings.Trim(m[2], "/0") == "":
		return "has a step of 0", "write a step of 1 or more"
	case m[2] != "" && !strings.ContainsAny(m[1], "*-"):
		return "has a step without a range", fmt.Sprintf("write the range out: %s-LAST%s", m[1], m[2])
	}
	if low, high, ok := strings.Cut(m[1], "-"); ok {
		a, errA := strconv.Atoi(low)
		b, errB := strconv.Atoi(high)
		if errA != nil || errB != nil || a > b {
			return "holds the range " + m[1] + ", which runs backwards", "write two ranges with a comma"
		}
	}
	return "", ""
}

// cronNumbers replaces the names that the month and the day of week may have.
func cronNumbers(field int, text string) string {
	var names []string
	first := 0
	switch field {
	case 3:
		first, names = 1, monthNames
	case 4:
		names = dayNames
	}
	if field == 4 {
		text = cronUntilSunday.ReplaceAllString(text, "-7")
	}
	return cronName.ReplaceAllStringFunc(text, func(name string) string {
		if i := slices.Index(names, strings.ToUpper(name)); i >= 0 {
			return strconv.Itoa(i + first)
		}
		return name
	})
}

func cronNickname(expression string) string {
	switch strings.ToLower(expression) {
	case "@yearly", "@annually":
		return "write 0 0 1 1 *"
	case "@monthly":
		return "write 0 0 1 * *"
	case "@weekly":
		return "write 0 0 * * 0"
	case "@daily", "@midnight":
		return "write 0 0 * * *"
	case "@hourly":
		return "write 0 * * * *"
	}
	return "write five fields, such as */5 * * * *"
}

package aws

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/netresearch/go-cron"
)

func TestCronIsTranslatedToTheSixFieldsOfAWS(t *testing.T) {
	for expression, want := range map[string]string{
		"0 3 * * *":            "cron(0 3 * * ? *)",
		"* * * * *":            "cron(* * * * ? *)",
		"*/15 * * * *":         "cron(0/15 * * * ? *)",
		"5-59/15 9-17 * * 1-5": "cron(5/15 9-17 ? * MON-FRI *)",
		"0 0 1 1 *":            "cron(0 0 1 1 ? *)",
		"0 0 */2 * *":          "cron(0 0 1/2 * ? *)",
		"0 0 * * 0":            "cron(0 0 ? * SUN *)",
		"0 0 * * 7":            "cron(0 0 ? * SUN *)",
		"0 0 * * 5-7":          "cron(0 0 ? * SUN,FRI,SAT *)",
		"0 0 * * 0-6":          "cron(0 0 ? * * *)",
		"0 0 1-31 * *":         "cron(0 0 * * ? *)",
		"0,30 0,1,2,5 * 3,6 *": "cron(0,30 0-2,5 * 3,6 ? *)",
		"0 12 * JAN-MAR MON":   "cron(0 12 ? 1-3 MON *)",
	} {
		if got, err := awsCron(expression); err != nil || got != want {
			t.Errorf("%s becomes %q (%v), not %q", expression, got, err, want)
		}
	}
}

func TestCronThatRestrictsBothDayFieldsIsRefused(t *testing.T) {
	for _, expression := range []string{"0 0 1 * 1", "0 0 */2 * 1", "0 0 1-31 * 1", "0 0 13 * 5", "0 0 1 * 0-6", "@daily", "0 0 L * *", "0 0 * * 1#2", "0 0 * *"} {
		if got, err := awsCron(expression); err == nil {
			t.Errorf("%s becomes %s", expression, got)
		}
	}
}

func TestCronFiresAtTheSameTimesInBothDialects(t *testing.T) {
	expressions := []string{
		"0 3 * * *", "*/7 * * * *", "3-58/5 */5 * * *", "0 0 31 * *", "0 0 29 2 *", "15 6 * * 0", "15 6 * * 7", "0 22 * * 1-5",
		"0 0 1,15 * *", "59 23 28-31 * *", "*/20 8-18 * 3-10 1,3,5", "0 */2 */3 * *", "30 4 * 12 6-7", "0-59 0-23 * * *",
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 40 {
		expressions = append(expressions, randomCron(random))
	}
	for _, expression := range expressions {
		t.Run(expression, func(t *testing.T) {
			t.Parallel()
			translated, err := awsCron(expression)
			if err != nil {
				t.Fatal(err)
			}
			if len(translated) > 256 {
				t.Errorf("%s has %d characters, more than AWS takes", translated, len(translated))
			}
			standard, err := cron.ParseStandard(expression)
			if err != nil {
				t.Fatal(err)
			}
			aws := parseAWSCron(t, translated)
			start := time.Date(2027, 12, 31, 23, 59, 0, 0, time.UTC) // before a leap year
			due := standard.Next(start)
			for at := start.Add(time.Minute); at.Year() == 2028; at = at.Add(time.Minute) {
				if aws.fires(at) != at.Equal(due) {
					t.Fatalf("at %s, %s fires: %v, and %s: %v", at, translated, aws.fires(at), expression, at.Equal(due))
				}
				if at.Equal(due) {
					due = standard.Next(at)
				}
			}
		})
	}
}

func randomCron(random *rand.Rand) string {
	field := func(low, high int) string {
		a, b := low+random.IntN(high-low+1), low+random.IntN(high-low+1)
		a, b = min(a, b), max(a, b)
		switch random.IntN(5) {
		case 0:
			return "*"
		case 1:
			return fmt.Sprintf("*/%d", 1+random.IntN(high/2))
		case 2:
			return fmt.Sprintf("%d-%d/%d", a, b, 1+random.IntN(max(1, min(4, b-a)))) // a longer step is no expression
		case 3:
			return fmt.Sprintf("%d,%d-%d", low, a, b)
		}
		return strconv.Itoa(a)
	}
	fields := []string{field(0, 59), field(0, 23), field(1, 28), field(1, 12), field(0, 7)}
	fields[2+2*random.IntN(2)] = "*"
	return strings.Join(fields, " ")
}

// awsSchedule is what AWS's page on cron expressions says, read by itself.
type awsSchedule struct{ minute, hour, day, month, weekday []int }

func (s awsSchedule) fires(at time.Time) bool {
	return slices.Contains(s.minute, at.Minute()) && slices.Contains(s.hour, at.Hour()) && slices.Contains(s.day, at.Day()) &&
		slices.Contains(s.month, int(at.Month())) && slices.Contains(s.weekday, int(at.Weekday())+1)
}

func parseAWSCron(t *testing.T, text string) awsSchedule {
	t.Helper()
	fields := strings.Fields(strings.TrimSuffix(strings.TrimPrefix(text, "cron("), ")"))
	if len(fields) != 6 || fields[5] != "*" || (fields[2] == "?") == (fields[4] == "?") {
		t.Fatalf("%s is not of AWS's form", text)
	}
	return awsSchedule{
		awsField(t, fields[0], 0, 59), awsField(t, fields[1], 0, 23), awsField(t, fields[2], 1, 31), awsField(t, fields[3], 1, 12),
		awsField(t, fields[4], 1, 7),
	}
}

func awsField(t *testing.T, text string, low, high int) []int {
	t.Helper()
	number := func(s string) int {
		if i := slices.Index([]string{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"}, s); i >= 0 {
			return i + 1
		}
		n, err := strconv.Atoi(s)
		if err != nil || n < low || n > high {
			t.Fatalf("%q is no value from %d to %d", s, low, high)
		}
		return n
	}
	var values []int
	for item := range strings.SplitSeq(text, ",") {
		first, last, step := low, high, 1
		if start, by, ok := strings.Cut(item, "/"); ok {
			if high == 7 {
				t.Fatalf("AWS has no steps of days of the week: %s", text)
			}
			first = number(start)
			if step, _ = strconv.Atoi(by); step < 1 {
				t.Fatalf("%q has no step", item)
			}
		} else if from, to, ok := strings.Cut(item, "-"); ok {
			first, last = number(from), number(to)
		} else if item != "*" && item != "?" {
			first, last = number(item), number(item)
		}
		for v := first; v <= last; v += step {
			values = append(values, v)
		}
	}
	return values
}

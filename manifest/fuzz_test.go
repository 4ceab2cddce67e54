package manifest

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ferryfn/ferry/internal/fuzzing"
)

// interpolated interpolates a text in which NAME has a value, and returns what is wrong with it.
func interpolated(text, value string) (*Node, Problems) {
	var r report
	ip := &interpolator{
		env:    func(name string) (string, bool) { return value, name == "NAME" },
		git:    func(string) (string, error) { return "0123abc", nil },
		values: map[string]string{"service": "shop", "stage": "dev", "target": "local"},
		report: &r,
	}
	src := newSource("/ferry.yaml", text)
	n := ip.resolve(&Node{kind: kindText, text: text, at: place{src, 1, 1}}, "env.A", "api")
	return n, r.done()
}

var interpolation = regexp.MustCompile(`\$\$\{|\$\{[^}]*\}`)

func FuzzInterpolation(f *testing.F) {
	fuzzing.LimitMinimizing(f)
	f.Add("a $${b} ${stage}", "secret")
	f.Add("${env:NAME}${env:NONE:-x}$${", "${stage}")
	f.Add("$$${env:NAME}${git:sha}${", "")
	f.Add("${env:NAME:-${stage}}}", "}")
	f.Fuzz(func(t *testing.T, text, value string) {
		escaped := strings.ReplaceAll(text, "${", "$${")
		if n, ps := interpolated(escaped, value); n.text != text || len(ps) > 0 || n.secret {
			t.Fatalf("%q means %q, not %q: %v", escaped, n.text, text, ps)
		}
		if n, ps := interpolated("a${env:NAME}"+escaped, value); n.text != "a"+value+text || len(ps) > 0 || !n.secret {
			t.Fatalf("a value before %q: %q, %v", escaped, n.text, ps)
		}
		n, ps := interpolated(text, value)
		for _, p := range ps[:min(len(ps), maxProblems)] {
			if p.Message == "" || p.Hint == "" || p.Line != 1 || p.Field != "env.A" || p.Function != "api" {
				t.Fatalf("%q: a problem without a place or a next step: %+v", text, p)
			}
		}
		if len(ps) > 0 {
			return
		}
		want := interpolation.ReplaceAllStringFunc(text, func(m string) string {
			name, fallback, _ := strings.Cut(strings.TrimSuffix(m[2:], "}"), ":-")
			switch {
			case m == "$${":
				return "${"
			case name == "env:NAME" && value != "":
				return value
			case strings.HasPrefix(name, "env:"):
				return fallback
			}
			return map[string]string{"service": "shop", "stage": "dev", "target": "local", "git:sha": "0123abc"}[name]
		})
		if n.text != want {
			t.Fatalf("%q becomes %q, not %q", text, n.text, want)
		}
	})
}

func FuzzCron(f *testing.F) {
	fuzzing.LimitMinimizing(f)
	for _, expression := range []string{
		"0 3 * * *", "*/15 9-17 * * MON-FRI", "0 0 1,15 * 5-7", "59 23 31 12 0", "0 0 29 2 *", "@daily", "0 0 * * SAT-SUN", "0 0 30 2 *", "5/15 * * * *", "* * * * * *", "0 0 30 2 1",
	} {
		f.Add(expression)
	}
	f.Fuzz(func(t *testing.T, expression string) {
		plain, message, hint := parseCron(expression)
		if message != "" {
			if hint == "" || plain != "" {
				t.Fatalf("%q %s: hint %q, form %q", expression, message, hint, plain)
			}
			return
		}
		if again, message, _ := parseCron(plain); again != plain {
			t.Fatalf("%q becomes %q, and that %q (%s)", expression, plain, again, message)
		}
		schedule, err := crontab(plain)
		if err != nil {
			t.Fatal(err)
		}
		due := cronTimes(t, plain)
		at := time.Date(2027, 12, 30, 22, 58, 0, 0, time.UTC)
		for next, end := schedule.Next(at), at.AddDate(0, 0, 70); at.Before(end); {
			if at = at.Add(time.Minute); due(at) != at.Equal(next) {
				t.Fatalf("%q at %s: due %v, and the next is %s", plain, at, due(at), next)
			}
			if at.Equal(next) {
				next = schedule.Next(at)
			}
		}
	})
}

// cronTimes reads five fields by themselves, as crontab(5) says.
func cronTimes(t *testing.T, plain string) func(time.Time) bool {
	t.Helper()
	var sets [5]map[int]bool
	var all [5]bool
	for i, field := range strings.Fields(plain) {
		low, high := [...]int{0, 0, 1, 1, 0}[i], [...]int{59, 23, 31, 12, 7}[i]
		sets[i] = map[int]bool{}
		for item := range strings.SplitSeq(field, ",") {
			all[i] = all[i] || item == "*" || item == "*/1"
			from, to, step := low, high, 1
			values, by, stepped := strings.Cut(item, "/")
			if stepped {
				step = integer(t, by)
			}
			if a, b, ok := strings.Cut(values, "-"); ok {
				from, to = integer(t, a), integer(t, b)
			} else if values != "*" {
				from = integer(t, values)
				to = from
			} else if i == 4 {
				to = 6
			}
			if from < low || to > high {
				t.Fatalf("%q is out of range in %q", item, plain)
			}
			for v := from; v <= to; v += step {
				sets[i][v] = true
			}
		}
	}
	sets[4][0] = sets[4][0] || sets[4][7]
	return func(at time.Time) bool {
		day, weekday := sets[2][at.Day()], sets[4][int(at.Weekday())]
		if days := day && weekday || !all[2] && !all[4] && (day || weekday); !days {
			return false
		}
		return sets[0][at.Minute()] && sets[1][at.Hour()] && sets[3][int(at.Month())]
	}
}

func integer(t *testing.T, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatalf("%q is no number", s)
	}
	return n
}

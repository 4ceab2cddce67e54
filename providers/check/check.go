// Package check has the rules that an adapter's Check is a table of: one line for each thing that its provider cannot honour.
package check

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
)

// Function is what the rules of a table have to say of a function, in their order.
func Function(name string, rules ...[]providers.Issue) []providers.Issue {
	all := slices.Concat(rules...)
	for i := range all {
		all[i].Function = name
	}
	return all
}

// When is whether a rule has something to say, as in When(len(layers) > 5).Block(…).
type When bool

// Block is what cannot be had.
func (w When) Block(field, hint, format string, args ...any) []providers.Issue {
	return w.say(providers.Blocker, field, hint, format, args)
}

// Warn is what will be otherwise.
func (w When) Warn(field, hint, format string, args ...any) []providers.Issue {
	return w.say(providers.Warning, field, hint, format, args)
}

func (w When) say(s providers.Severity, field, hint, format string, args []any) []providers.Issue {
	if !w {
		return nil
	}
	return []providers.Issue{{Severity: s, Field: field, Hint: hint, Message: fmt.Sprintf(format, args...)}}
}

// Range is the values from Least to Most in steps of Step; the zero Step is any.
type Range[T interface {
	~int64
	fmt.Stringer
}] struct {
	Least, Most, Step T
	Unit              string // as in "whole megabytes"
}

// String is the range in words, as in "whole megabytes from 128MB to 10240MB".
func (r Range[T]) String() string { return fmt.Sprintf("%s from %s to %s", r.Unit, r.Least, r.Most) }

// Has reports whether a value is one of the range.
func (r Range[T]) Has(v T) bool {
	return r.Least <= v && v <= r.Most && (r.Step == 0 || v%r.Step == 0)
}

// Steps are the values as a provider's Capabilities offer them.
func (r Range[T]) Steps() providers.Steps[T] { return providers.Steps[T]{Least: r.Least, Step: r.Step} }

// Block is for a value that the range has not.
func (r Range[T]) Block(field string, v T, format string, args ...any) []providers.Issue {
	return When(!r.Has(v)).Block(field, "choose "+r.String(), format, args...)
}

// Forms blocks the values that have not the form; want is what they should be, as in "the ARN of a role". An empty one is
// not set.
func Forms(field string, form *regexp.Regexp, want string, values ...string) []providers.Issue {
	var found []providers.Issue
	for _, v := range values {
		found = append(found, When(v != "" && !form.MatchString(v)).Block(field, "write "+want, "%q is not %s", v, want)...)
	}
	return found
}

// OneOf blocks what is not one of the values on offer; "" is not set.
func OneOf(field, value, what string, offered ...string) []providers.Issue {
	last := len(offered) - 1
	hint := "choose " + strings.Join(offered[:last], ", ") + " or " + offered[last]
	return When(value != "" && !slices.Contains(offered, value)).Block(field, hint, "%q is not a %s", value, what)
}

// Variables are the names that environment variables may have.
type Variables struct {
	Provider string         // who sets the reserved ones, as in "Lambda"
	Reserved []string       // names, and as in "X_GOOGLE_*" all that begin so
	Form     *regexp.Regexp // nil is any that the manifest takes
	Hint     string         // how to write one
}

// Block is for the names under env and secrets that cannot be had.
func (v Variables) Block(fn manifest.Function) []providers.Issue {
	var found []providers.Issue
	for _, part := range []struct {
		field string
		names map[string]string
	}{{"env.", fn.Env}, {"secrets.", fn.Secrets}} {
		for _, name := range slices.Sorted(maps.Keys(part.names)) {
			reserved := v.reserved(name)
			found = append(found, slices.Concat(
				When(reserved).Block(part.field+name, "choose another name", "%s sets %s itself", v.Provider, name),
				When(!reserved && v.Form != nil && !v.Form.MatchString(name)).Block(part.field+name, v.Hint, "%s does not accept a variable named %s", v.Provider, name),
			)...)
		}
	}
	return found
}

func (v Variables) reserved(name string) bool {
	return slices.ContainsFunc(v.Reserved, func(r string) bool {
		begin, several := strings.CutSuffix(r, "*")
		return r == name || several && strings.HasPrefix(name, begin)
	})
}

// Runtime is a runtime as a provider offers it.
type Runtime struct {
	ID string // the provider's name for it
	// Ends is the day from which the provider refuses new functions; zero is open.
	Ends time.Time
	// Preview marks one that the provider does not support for production yet.
	Preview bool
}

// Facts are a table of runtimes in the order of their names, for the provider's page in the docs.
func Facts(table map[manifest.Runtime]Runtime) []providers.RuntimeFact {
	var facts []providers.RuntimeFact
	for _, name := range slices.Sorted(maps.Keys(table)) {
		r := table[name]
		facts = append(facts, providers.RuntimeFact{Runtime: name, ID: r.ID, Ends: r.Ends, Preview: r.Preview})
	}
	return facts
}

// Day is a day of a table of runtimes.
func Day(year int, month time.Month, day int) time.Time {
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
}

// notice is how long before its end a runtime is warned of.
const notice = 180 * 24 * time.Hour

// Lifetime warns of a preview, and of the end of a runtime half a year before it; from that day on it blocks. meaning is
// what the end means, as in "it refuses new functions".
func (r Runtime) Lifetime(provider, meaning, newer string) []providers.Issue {
	const field = "runtime"
	if r.Preview {
		return When(true).Warn(field, "choose an earlier version for production", "%s offers %s as a preview only", provider, r.ID)
	}
	if r.Ends.IsZero() {
		return nil
	}
	day := r.Ends.Format(time.DateOnly)
	return []providers.Issue{
		{
			Severity: providers.Warning, Field: field, Hint: newer, From: r.Ends.Add(-notice),
			Message: fmt.Sprintf("%s deprecates %s on %s", provider, r.ID, day),
		},
		{
			Severity: providers.Blocker, Field: field, Hint: newer, From: r.Ends,
			Message: fmt.Sprintf("%s deprecated %s on %s: %s", provider, r.ID, day, meaning),
		},
	}
}

package providers

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager"
)

// Fit returns the function as the provider can run it, and what the provider cannot honour exactly. If a value is offered only
// in steps, it becomes the next one that is enough, with a warning that names both. So a move to another provider needs no
// edit. What Fit returns is what is published. Pure.
func Fit(a Adapter, fn manifest.Function) (manifest.Function, []Issue) {
	var issues []Issue
	offers := a.Capabilities()
	fn.Memory, issues = roundUp(issues, fn.Name, "memory", fn.Memory, offers.Memory)
	fn.Timeout, issues = roundUp(issues, fn.Name, "timeout", fn.Timeout, offers.Timeout)
	issues = append(issues, a.Check(fn)...)
	return fn, append(issues, packaging(a.Platform(fn), fn, issues)...)
}

// packaging refuses what no package can be made of, unless the adapter has said already that it never runs it: nobody
// should learn that only when a package is made.
func packaging(pl packager.Platform, fn manifest.Function, said []Issue) []Issue {
	refused := slices.ContainsFunc(said, func(i Issue) bool {
		return i.Severity == Blocker && i.From.IsZero() && (i.Field == "runtime" || i.Field == "style")
	})
	e := packager.Refusal(fn, pl)
	if e == nil || refused {
		return nil
	}
	return []Issue{{Function: fn.Name, Field: "style", Severity: Blocker, Hint: e.Hint, Message: e.Message}}
}

// Steps are the values that a provider offers for a setting: those listed, or else Least and every Step above it. The zero
// value allows any. Check refuses what is too much.
type Steps[T value] struct {
	Values      []T // ascending
	Least, Step T
}

type value interface {
	~int64
	fmt.Stringer
}

func roundUp[T value](issues []Issue, function, field string, asked T, s Steps[T]) (T, []Issue) {
	enough := s.enough(asked)
	if enough != asked {
		issues = append(issues, Issue{
			Function: function, Field: field, Severity: Warning,
			Message: fmt.Sprintf("%s is rounded up from %s to %s: this target offers %s", field, asked, enough, s),
		})
	}
	return enough, issues
}

// enough is the least value on offer that is not below what is asked for; where there is none, what is asked for.
func (s Steps[T]) enough(asked T) T {
	for _, v := range s.Values {
		if v >= asked {
			return v
		}
	}
	asked = max(asked, s.Least)
	if s.Step > 0 {
		asked += (s.Step - (asked-s.Least)%s.Step) % s.Step
	}
	return asked
}

func (s Steps[T]) String() string {
	if len(s.Values) == 0 {
		return fmt.Sprintf("%s or more in steps of %s", s.Least, s.Step)
	}
	all := make([]string, len(s.Values))
	for i, v := range s.Values {
		all[i] = v.String()
	}
	return strings.Join(all, ", ")
}

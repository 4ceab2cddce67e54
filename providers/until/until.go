// Package until looks again until what is waited for is so: with a context, a time, and pauses that grow.
package until

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// Rule is one thing that is waited for.
type Rule struct {
	// For is what is waited for, as in "the alias to be at one version". It is part of the error when it takes too long.
	For string
	// Passing are the failures that pass by themselves. True needs none.
	Passing func(error) bool
	// Within is how long, from the first try on; 0 is as long as the context lasts.
	Within time.Duration
	// First and Most are the pauses: each is twice as long as the one before, from First up to Most, and shortened by
	// chance so that many who wait do not come at once. Without a Most all are as the first.
	First, Most time.Duration
}

type haste struct{}

// Hasten has the pauses of all that waits with the context be so many times shorter. They count towards Within as long as they
// would have been, so that the looks and their number stay the same. It is for tests, whose counterparts are not slow.
func Hasten(ctx context.Context, times int) context.Context {
	return context.WithValue(ctx, haste{}, times)
}

// Late is what is still not so when its time is over. It is a context.DeadlineExceeded to errors.Is.
type Late struct{ Rule Rule }

func (l *Late) Error() string {
	return fmt.Sprintf("after %s still waiting for %s", l.Rule.Within, l.Rule.For)
}

// Is has those who ask about deadlines find one.
func (l *Late) Is(target error) bool { return target == context.DeadlineExceeded }

// Done does a thing again as long as it fails in a way that passes by one of the rules. When the time of that rule is over,
// the last failure is returned; when the context ends, both.
func Done(ctx context.Context, do func() error, rules ...Rule) error {
	began := time.Now()
	times, hasty := ctx.Value(haste{}).(int)
	for tries := 0; ; tries++ {
		err := do()
		r, passes := find(rules, err)
		if !passes || r.Within > 0 && time.Since(began) >= r.Within {
			return err
		}
		pause := r.pause(tries)
		if hasty {
			short := pause / time.Duration(times)
			began, pause = began.Add(short-pause), short
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("%w, waiting because of: %w", ctx.Err(), err)
		}
	}
}

// True looks until a look says that it is so. One that fails ends the wait; too late is a *Late.
func True(ctx context.Context, r Rule, look func() (bool, error)) error {
	late := &Late{Rule: r}
	r.Passing = func(err error) bool { return errors.Is(err, late) }
	err := Done(ctx, func() error {
		so, err := look()
		if err == nil && !so {
			return late
		}
		return err
	}, r)
	if ctx.Err() != nil && errors.Is(err, late) {
		return ctx.Err()
	}
	return err
}

// find is the first rule by which a failure passes.
func find(rules []Rule, err error) (Rule, bool) {
	if err == nil {
		return Rule{}, false
	}
	for _, r := range rules {
		if r.Passing(err) {
			return r, true
		}
	}
	return Rule{}, false
}

// pause is how long to wait after so many pauses.
func (r Rule) pause(before int) time.Duration {
	pause := r.First
	for range before {
		if pause >= r.Most {
			break
		}
		pause = min(2*pause, r.Most)
	}
	return pause - rand.N(max(pause/4, 1))
}

package shift

import (
	"context"
	"fmt"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/release"
)

// ended is the last migration between the two, if what serves on the old side is what it left; nil is none.
func (m *Move) ended(ctx context.Context) (*release.Move, error) {
	last, err := m.From.Moved(ctx)
	if err != nil || last == nil || last.From != m.from() || last.To != m.to() {
		return nil, err
	}
	return last, nil
}

// is reports whether a migration ended so.
func is(ended *release.Move, state string) bool { return ended != nil && ended.State == state }

// again is the report of a step that was done before; nil is of none.
func (m *Move) again(ended *release.Move) *Report {
	if ended == nil {
		return nil
	}
	return &Report{From: ended.From, To: ended.To, State: ended.State, Percent: ended.Percent, Ended: ended}
}

// in says how a migration ended.
func in(ended *release.Move) string {
	return fmt.Sprintf("the move to %s was %s by %s, %s", ended.To, ended.State, ended.Actor, ended.Since.UTC().Format("2006-01-02 15:04 MST"))
}

// goBack is a hint to what undoes a commit.
func (m *Move) goBack() string {
	return fmt.Sprintf("to go back, move it: `ferry migrate start --from %s --to %s`", m.to(), m.from())
}

// none is the error of a step that has no migration to go on with.
func (m *Move) none(ctx context.Context) error {
	missing := &providers.Error{
		Kind: providers.NotFound, Op: "migrate",
		Hint: fmt.Sprintf("run `ferry migrate start --from %s --to %s`, or see what serves with `ferry status -t %s`", m.from(), m.to(), m.to()),
		Err:  fmt.Errorf("no migration from %s to %s is under way", m.from(), m.to()),
	}
	last, err := m.ended(ctx)
	switch {
	case err != nil:
		return err
	case last != nil:
		missing.Err = fmt.Errorf("%w: %s", missing.Err, in(last))
	}
	if is(last, Committed) {
		missing.Hint = m.goBack()
	}
	return missing
}

// stillHere refuses to begin where the service was moved away from before: what serves here forwards.
func (m *Move) stillHere(ctx context.Context) error {
	last, err := m.From.Moved(ctx)
	if err != nil || !is(last, Committed) {
		return err
	}
	return conflict(fmt.Errorf("what is on %s forwards to %s: %s", m.from(), last.To, in(last)),
		fmt.Sprintf("move it from there: `ferry migrate start --from %s`", last.To))
}

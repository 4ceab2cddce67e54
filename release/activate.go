package release

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
)

// forward are the changes that make the record serve; a resumed attempt made some of them before.
func (a *attempt) forward() []providers.Change {
	var changes []providers.Change
	for _, name := range a.changed {
		f := a.record.Functions[name]
		if now := a.scene.states[name]; !now.Holds(&f.Revision) {
			changes = append(changes, providers.Change{Spec: f.spec(), From: now, To: &f.Revision})
		}
	}
	return changes
}

// activate makes the changes: as one where the provider can, else those that events call before those that
// people call.
func (a *attempt) activate(ctx context.Context, changes []providers.Change) error {
	if len(changes) == 0 {
		return nil
	}
	for i := range changes {
		changes[i].Epoch = a.lock.epoch()
	}
	if s, ok := providers.As[providers.Switcher](a.Adapter); ok {
		return a.track(ctx, StepActivate, "", len(changes), func(ctx context.Context) error {
			if err := a.lock.check(ctx); err != nil {
				return err
			}
			states, err := s.Switch(ctx, changes)
			for _, c := range changes {
				a.raced.set(c.Spec.Function.Name, errors.Is(err, providers.Conflict))
			}
			a.remember(states...)
			return err
		})
	}
	consumers := slices.DeleteFunc(slices.Clone(changes), func(c providers.Change) bool { return c.Spec.Function.HTTP() != nil })
	callable := slices.DeleteFunc(slices.Clone(changes), func(c providers.Change) bool { return c.Spec.Function.HTTP() == nil })
	for _, wave := range [][]providers.Change{consumers, callable} {
		err := each(ctx, wave, callLimit, func(ctx context.Context, c providers.Change) error {
			return a.track(ctx, StepActivate, c.Spec.Function.Name, len(changes), func(ctx context.Context) error {
				if err := a.lock.check(ctx); err != nil {
					return err
				}
				st, err := a.Adapter.Activate(ctx, c)
				a.raced.set(c.Spec.Function.Name, errors.Is(err, providers.Conflict))
				a.remember(st)
				return err
			})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// remember keeps the fences of what was activated.
func (a *attempt) remember(states ...providers.State) {
	for _, st := range states {
		a.fences.set(st.Function, st.Fence)
	}
}

// restore puts back what the snapshot holds and says what came of it.
func (a *attempt) restore(ctx context.Context, cause error) error {
	ctx, cancel := a.settle(ctx)
	defer cancel()
	failure := &Error{Outcome: OutcomePartial, Attempt: a.record.Number, Release: a.scene.head.Number, Err: cause}
	if a.lost(ctx) {
		return a.overtaken(cause)
	}
	var left []string
	err := a.track(ctx, StepRestore, "", len(a.changed), func(ctx context.Context) (err error) {
		left, err = a.putBack(ctx)
		return err
	})
	if err == nil && a.inherited() {
		err = a.discard(ctx)
	}
	if err == nil {
		a.record.State, a.record.Failure = StateRestored, cause.Error()
		failure.Outcome = OutcomeRestored
		if len(left) > 0 { // what serves now is somebody else's to say
			failure.Outcome, failure.Overtaken = OutcomeUnchanged, true
		}
		if err := errors.Join(a.save(ctx), a.close(ctx, a.record.Interrupted)); err != nil {
			failure.Err = errors.Join(cause, err)
		}
		return failure
	}
	ctx, cancel = a.settle(ctx) // what was put back in vain may have used up its time
	defer cancel()
	if a.lost(ctx) {
		return a.overtaken(cause)
	}
	failure.Err = errors.Join(cause, fmt.Errorf("restoring release %d: %w", a.scene.head.Number, err))
	failure.Partial = a.leftovers(ctx)
	a.record.Failure = failure.Err.Error()
	return errors.Join(failure, a.save(ctx), a.close(ctx, a.record.Number))
}

// putBack makes the snapshot serve again, and reads back that it does. What somebody else made serve before this attempt came to it
// stays, and is named.
func (a *attempt) putBack(ctx context.Context) (left []string, err error) {
	names := slices.Sorted(maps.Keys(a.record.Functions))
	states, err := a.statuses(ctx, names)
	if err != nil {
		return nil, err
	}
	var changes []providers.Change
	for _, name := range names {
		before := a.record.Before[name]
		switch now := states[name]; {
		case now.Holds(before.Revision):
		case a.others(name, now):
			left = append(left, name)
		default:
			changes = append(changes, providers.Change{Spec: a.specBefore(name), From: now, To: before.Revision})
		}
	}
	if err := a.activate(ctx, changes); err != nil {
		return nil, err
	}
	for _, name := range names {
		if !hasBindings(a.record.Functions[name].Function) && !hasBindings(a.specBefore(name).Function) {
			continue
		}
		if err := a.lock.check(ctx); err != nil {
			return nil, err
		}
		if err := a.Adapter.Bind(ctx, a.specBefore(name), a.record.Before[name].Bindings, a.lock.epoch()); err != nil {
			return nil, err
		}
	}
	if states, err = a.statuses(ctx, names); err != nil {
		return nil, err
	}
	if err := a.confirm(ctx, states, a.scene.liveFunctions()); err != nil {
		return nil, err
	}
	var errs []error
	for _, name := range names {
		if now := states[name]; !now.Holds(a.record.Before[name].Revision) && !slices.Contains(left, name) {
			errs = append(errs, noEffect("restore", a.Manifest.Target.Provider, name))
		}
	}
	return left, errors.Join(errs...)
}

// others reports whether a function serves what somebody else made it serve: its activation met something that it was not told of,
// and nothing of the attempt is live.
func (a *attempt) others(name string, now providers.State) bool {
	f := a.record.Functions[name]
	return a.raced.m[name] && !now.Serves(&f.Revision) && (now.Canary == nil || now.Canary.Revision.ID != f.Revision.ID)
}

// specBefore is the spec of what served before the attempt, or of the attempt where nothing did.
func (a *attempt) specBefore(name string) providers.Spec {
	if a.scene.live != nil {
		if f, ok := a.scene.live.Functions[name]; ok {
			return f.spec()
		}
	}
	f := a.record.Functions[name]
	return f.spec()
}

// leftovers says what serves where something else should.
func (a *attempt) leftovers(ctx context.Context) []Drift {
	states, err := a.statuses(ctx, slices.Collect(maps.Keys(a.record.Before)))
	if err != nil {
		return nil
	}
	now := &scene{states: states}
	var left []Drift
	for _, name := range slices.Sorted(maps.Keys(states)) {
		expected := ""
		if r := a.record.Before[name].Revision; r != nil && a.record.Kind != KindRemove {
			expected = r.ID
		}
		if d := now.drift(name, expected); d != nil {
			left = append(left, *d)
		}
	}
	return left
}

// bind converges the event bindings of the functions.
func (a *attempt) bind(ctx context.Context, names []string, m providers.Mode) error {
	return each(ctx, names, callLimit, func(ctx context.Context, name string) error {
		if err := a.lock.check(ctx); err != nil {
			return err
		}
		return a.Adapter.Bind(ctx, a.function(name).spec(), m, a.lock.epoch())
	})
}

// bound are the changed functions that events call.
func (a *attempt) bound() []string {
	return slices.DeleteFunc(slices.Clone(a.changed), func(name string) bool {
		return !hasBindings(a.record.Functions[name].Function)
	})
}

// unbound are the changed functions that events call no more.
func (a *attempt) unbound() []string {
	return slices.DeleteFunc(slices.Clone(a.changed), func(name string) bool {
		m := a.found()[name].Bindings
		return hasBindings(a.record.Functions[name].Function) || m == providers.BindNone || m == ""
	})
}

// newlyBound are the changed functions that events call and whose bindings do not exist yet.
func (a *attempt) newlyBound() []string {
	return slices.DeleteFunc(a.bound(), func(name string) bool {
		return a.scene.states[name].Bindings == providers.BindEnabled
	})
}

// unpause takes away the bindings that an attempt made ahead of an activation that never came.
func (a *attempt) unpause(ctx context.Context) error {
	var paused []string
	for _, name := range slices.Sorted(maps.Keys(a.record.Functions)) {
		if a.scene.states[name].Bindings == providers.BindPaused {
			paused = append(paused, name)
		}
	}
	return a.bind(ctx, paused, providers.BindNone)
}

// hasBindings reports whether anything but HTTP calls the function.
func hasBindings(fn manifest.Function) bool {
	return slices.ContainsFunc(fn.Events, func(e manifest.Event) bool { return e.HTTP == nil })
}

package release

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/ferryfn/ferry/providers"
)

// Remove takes the service off the target. It is an attempt like any other: Resume finishes it, and Rollback undoes it. Unless
// it is purged, the ledger stays, so that a rollback can bring the service back later, too.
func (e *Engine) Remove(ctx context.Context, o RemoveOptions) (*Removal, error) {
	return inTurn(e, claim{force: o.Force}, func(e *Engine) (*Removal, error) { return e.remove(ctx, o) })
}

func (e *Engine) remove(ctx context.Context, o RemoveOptions) (*Removal, error) {
	l, err := e.openLedger(ctx)
	if err != nil {
		return nil, err
	}
	made, err := e.made(ctx)
	if err != nil {
		return nil, err
	}
	s, err := e.look(ctx, l, made)
	if err != nil {
		return nil, err
	}
	if s.gone(made) && !o.Purge {
		return &Removal{Removed: []string{}}, nil
	}
	if s.gone(made) && s.lockTag == "" {
		left, err := l.store.List(ctx, l.prefix)
		if err == nil && len(left) == 0 { // of an interrupted purge the store may be left
			err = errors.Join(e.forget(ctx), l.dispose(ctx))
		}
		if err != nil || len(left) == 0 {
			return &Removal{Removed: []string{}, Purged: err == nil}, err
		}
	}
	a, ctx, err := e.begin(ctx, l, s, claim{force: o.Force, numbered: !s.gone(made) && s.removal() == nil})
	if err != nil {
		return nil, err
	}
	return a.takeDown(ctx, made, o)
}

// gone reports whether nothing is there and nothing was begun since the service was removed.
func (s *scene) gone(made []string) bool {
	return len(made) == 0 && s.last == nil && (s.lockTag == "" || s.head.removed(s.lock.Attempt))
}

// removal is the record of a removal that was not brought to its end; nil is none.
func (s *scene) removal() *Record {
	if s.last == nil || s.last.Kind != KindRemove {
		return nil
	}
	return s.last
}

// takeDown removes the service, and purges its ledger where that is asked for.
func (a *attempt) takeDown(ctx context.Context, made []string, o RemoveOptions) (*Removal, error) {
	r := &Removal{Removed: []string{}}
	if !a.scene.gone(made) {
		if err := a.beginRemoval(ctx); err != nil {
			return nil, a.quit(ctx, err, a.lock.taken.Unfinished)
		}
		r.Attempt, r.Removed = a.record.Number, a.record.removes(made...)
		if err := a.finishRemoval(ctx); err != nil {
			return nil, err
		}
	}
	if !o.Purge {
		return r, a.left(ctx)
	}
	err := a.vanish(ctx)
	r.Purged = err == nil
	return r, err
}

// left ends a committed removal.
func (a *attempt) left(ctx context.Context) error {
	err := a.close(ctx, 0)
	if err == nil {
		return nil
	}
	return &Error{
		Outcome: OutcomePartial, Kind: KindRemove, Attempt: a.record.Number,
		Err: fmt.Errorf("the service is removed, but tidying up after it failed (run `ferry resume` to finish): %w", err),
	}
}

// made are the functions that exist: as the provider lists them, else as the manifest names them.
func (e *Engine) made(ctx context.Context) ([]string, error) {
	if l, ok := providers.As[providers.Lister](e.Adapter); ok {
		return l.Functions(ctx)
	}
	return e.names(), nil
}

// removes are the functions that a removal takes away: those that served, and others that are known to exist.
func (r *Record) removes(made ...string) []string {
	for name, st := range r.Before {
		if st.Revision != nil {
			made = append(made, name)
		}
	}
	return slices.Compact(slices.Sorted(slices.Values(made)))
}

// beginRemoval writes down what is about to be removed, or takes the record of a removal that was interrupted.
func (a *attempt) beginRemoval(ctx context.Context) error {
	if a.scene.removal() != nil {
		return a.adopt(ctx)
	}
	if err := a.recollect(ctx); err != nil {
		return err
	}
	a.record = a.newRecord(a, KindRemove, "", map[string]FunctionRecord{})
	a.record.Source, a.record.State, a.record.Before = 0, StateRemoving, a.scene.states
	if last := a.scene.last; last != nil && last.unfinished(a.scene.head) {
		a.record.Interrupted = last.Number
	}
	return a.create(ctx)
}

// recollect adds the functions of the newest attempts to those that are looked at: one that failed may have left
// something of a function that was never made.
func (a *attempt) recollect(ctx context.Context) error {
	const attempts = 20
	newest := a.lock.taken.Attempt
	records, err := a.ledger.newest(ctx, newest, min(newest, attempts))
	for _, r := range records {
		if err == nil {
			err = a.also(ctx, a.scene, maps.Keys(r.Functions))
		}
	}
	return err
}

// finishRemoval takes everything away and commits that nothing is live. What fails leaves the removal to be finished or
// undone.
func (a *attempt) finishRemoval(ctx context.Context) error {
	var err error
	if a.record.unfinished(a.scene.head) {
		if err = a.takeAway(ctx, slices.Sorted(maps.Keys(a.record.Before))); err == nil {
			err = a.track(ctx, StepCommit, "", 1, func(ctx context.Context) error { return a.commit(ctx) })
		}
	}
	if err == nil {
		err = a.retire(ctx)
	}
	switch {
	case err == nil:
		return nil
	case a.lost(ctx):
		return a.overtaken(err)
	}
	ctx, cancel := a.part(ctx)
	defer cancel()
	failure := &Error{
		Outcome: OutcomePartial, Kind: KindRemove, Attempt: a.record.Number, Release: a.scene.head.Number, Err: err,
		Partial: a.leftovers(ctx),
	}
	return errors.Join(failure, a.close(ctx, a.record.Number))
}

// takeAway deletes functions, and reads back that they are gone.
func (a *attempt) takeAway(ctx context.Context, names []string) error {
	err := each(ctx, names, callLimit, func(ctx context.Context, name string) error {
		return a.track(ctx, StepRemove, name, len(names), func(ctx context.Context) error {
			if err := a.lock.check(ctx); err != nil {
				return err
			}
			return a.Adapter.Remove(ctx, name, a.lock.epoch())
		})
	})
	if err != nil {
		return err
	}
	states, err := a.statuses(ctx, names)
	if err != nil {
		return err
	}
	var errs []error
	for _, name := range names {
		if states[name].Revision != nil && !states[name].Foreign {
			errs = append(errs, noEffect("remove", a.Manifest.Target.Provider, name))
		}
		a.scene.states[name] = states[name]
	}
	return errors.Join(errs...)
}

// bringBack makes what is live by the ledger serve again after a removal was interrupted. It is a release of its own:
// what was removed is published anew.
func (a *attempt) bringBack(ctx context.Context, o RollbackOptions) (*Record, error) {
	if err := a.startHost(ctx); err != nil {
		return nil, err
	}
	live := a.scene.live
	var gone []string
	for name := range a.scene.last.Before {
		st := a.scene.states[name]
		if _, stays := live.Functions[name]; !stays || st.Revision == nil {
			gone = append(gone, name) // half of it may be left, which nothing can be built on
			continue
		}
		st.Unsettled = true // what belongs to it may be gone
		a.scene.states[name] = st
	}
	slices.Sort(gone)
	if err := a.takeAway(ctx, gone); err != nil {
		return nil, err
	}
	r := a.restoring(live, o.Message)
	r.Interrupted = a.scene.last.Number
	return r, nil
}

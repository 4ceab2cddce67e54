package release

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/ferryfn/ferry/providers"
)

// tidy ends a committed attempt: functions that left the service stop serving, and revisions and
// packages that no restorable release needs are deleted. It is safe to repeat.
func (a *attempt) tidy(ctx context.Context) error {
	err := a.track(ctx, StepClean, "", 1, func(ctx context.Context) error {
		if err := a.retire(ctx); err != nil {
			return err
		}
		if err := a.prune(ctx); err != nil {
			return err
		}
		return a.expire(ctx)
	})
	switch {
	case err == nil:
		if err = a.close(ctx, 0); err == nil {
			return nil
		}
	case a.lost(ctx):
		return a.overtaken(err)
	default:
		if failed := a.close(ctx, a.record.Number); failed != nil {
			err = fmt.Errorf("%w; %w", err, failed)
		}
	}
	return &Error{
		Outcome: OutcomePartial, Attempt: a.record.Number, Release: a.record.Number,
		Err: fmt.Errorf("release %d is live, but tidying up after it failed (run `ferry resume` to finish): %w", a.record.Number, err),
	}
}

// supersede ends the unfinished attempts that this one took the place of.
func (a *attempt) supersede(ctx context.Context) error {
	for n := a.record.Interrupted; n > 0; {
		r, _, err := a.ledger.record(ctx, n)
		if err != nil {
			return err
		}
		if !r.ended() {
			err = a.ledger.giveUp(ctx, r, fmt.Sprintf("interrupted, and ended by number %d", a.record.Number), a.now())
		}
		if err != nil {
			return err
		}
		n = r.Interrupted
	}
	return nil
}

// departed are the functions of the release before that this one does not have. What a removal took away is gone
// before its commit.
func (a *attempt) departed() []string {
	if a.record.Kind == KindRemove {
		return nil
	}
	var names []string
	for _, name := range slices.Sorted(maps.Keys(a.record.Before)) {
		if _, stays := a.record.Functions[name]; !stays {
			names = append(names, name)
		}
	}
	return names
}

// retire ends what the commit put an end to: the attempts that it took the place of, and the functions that left the
// service. Their revisions stay until they are pruned, so that a rollback has them.
func (a *attempt) retire(ctx context.Context) error {
	if err := a.supersede(ctx); err != nil {
		return err
	}
	names := a.departed()
	if len(names) == 0 {
		return nil
	}
	before := &Record{}
	if a.record.Previous > 0 { // else they are of an attempt that never went live
		var err error
		if before, _, err = a.ledger.record(ctx, a.record.Previous); err != nil {
			return err
		}
	}
	states, err := a.statuses(ctx, names)
	if err != nil {
		return err
	}
	return each(ctx, names, callLimit, func(ctx context.Context, name string) error {
		s := before.Functions[name].spec()
		s.Function.Name = name
		if err := a.lock.check(ctx); err != nil {
			return err
		}
		if hasBindings(s.Function) {
			if err := a.Adapter.Bind(ctx, s, providers.BindNone, a.lock.epoch()); err != nil {
				return err
			}
		}
		if states[name].Revision == nil {
			return nil
		}
		_, err := a.Adapter.Activate(ctx, providers.Change{Spec: s, From: states[name], Epoch: a.lock.epoch()})
		return err
	})
}

// prune deletes revisions beyond the releases that stay restorable at once. A pruned revision can be published again, as
// long as its package is stored.
func (a *attempt) prune(ctx context.Context) error {
	p, ok := providers.As[providers.Pruner](a.Adapter)
	if !ok {
		return nil
	}
	// Every release and attempt made at most one revision of a function.
	if a.record.Number <= a.record.Keep {
		return nil
	}
	names := slices.Concat(a.changed, a.departed())
	var stored table[[]providers.Revision]
	err := each(ctx, names, callLimit, func(ctx context.Context, name string) error {
		revisions, err := p.Revisions(ctx, name)
		if len(revisions) > a.record.Keep {
			stored.set(name, revisions)
		}
		return err
	})
	if err != nil || len(stored.m) == 0 {
		return err
	}
	needed, err := a.restorable(ctx)
	if err != nil {
		return err
	}
	return each(ctx, slices.Sorted(maps.Keys(stored.m)), callLimit, func(ctx context.Context, name string) error {
		for _, r := range stored.m[name] {
			if needed[name+" "+r.ID] {
				continue
			}
			if err := a.pruneOne(ctx, p, name, r); err != nil {
				return err
			}
		}
		return nil
	})
}

// inherited reports whether another process began the attempt.
func (a *attempt) inherited() bool { return a.record.Epoch != a.lock.taken.Epoch }

// discard deletes the revisions that only this attempt has. Who began it may be alive, and where nothing served before
// there may be no precondition that it misses: a revision that is gone cannot be activated.
func (a *attempt) discard(ctx context.Context) error {
	p, ok := providers.As[providers.Pruner](a.Adapter)
	if !ok {
		return nil
	}
	needed, err := a.restorable(ctx)
	if err != nil {
		return err
	}
	return each(ctx, slices.Sorted(maps.Keys(a.record.Functions)), callLimit, func(ctx context.Context, name string) error {
		revisions, err := p.Revisions(ctx, name)
		if err != nil {
			return err
		}
		for _, r := range revisions {
			if r.Digest != a.record.Functions[name].Digest || needed[name+" "+r.ID] || a.record.Before[name].Serves(&r) {
				continue
			}
			if err := a.pruneOne(ctx, p, name, r); err != nil {
				return err
			}
		}
		return nil
	})
}

func (a *attempt) pruneOne(ctx context.Context, p providers.Pruner, name string, r providers.Revision) error {
	if err := a.lock.check(ctx); err != nil {
		return err
	}
	return p.Prune(ctx, name, r, a.lock.epoch())
}

// restorable are the revisions of the newest releases that were live and of all that a rollback may choose.
func (a *attempt) restorable(ctx context.Context) (map[string]bool, error) {
	numbers := append(a.scene.head.newest(a.record.Keep), a.scene.head.Good...)
	slices.Sort(numbers)
	records, err := a.ledger.records(ctx, slices.Compact(numbers))
	if err != nil {
		return nil, err
	}
	needed := map[string]bool{}
	for _, r := range records {
		for name, f := range r.Functions {
			needed[name+" "+f.Revision.ID] = true
		}
	}
	return needed, nil
}

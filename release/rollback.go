package release

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/ferryfn/ferry/providers"
)

// Rollback makes an earlier release serve again as a new release, with its code and configuration. If an attempt was
// interrupted, it puts back what served before that attempt instead.
func (e *Engine) Rollback(ctx context.Context, o RollbackOptions) (*Result, error) {
	return inTurn(e, claim{force: o.Force}, func(e *Engine) (*Result, error) { return e.rollback(ctx, o) })
}

func (e *Engine) rollback(ctx context.Context, o RollbackOptions) (*Result, error) {
	began := time.Now()
	l, s, err := e.visit(ctx)
	if err != nil {
		return nil, err
	}
	if err := e.admits(s.lock.Migration); err != nil {
		return nil, err
	}
	if s.mustUndo(o) {
		o.announce(s.head.Number, e.plan(s, &goods{functions: s.liveFunctions()}))
		return e.undo(ctx, l, s, o, began)
	}
	source, err := e.restorePoint(ctx, l, s, o.To)
	if err != nil {
		return nil, err
	}
	p := e.plan(s, &goods{functions: source.Functions})
	if source.Source == s.head.Source && len(p.Drift) == 0 && s.last == nil {
		return e.unchanged(ctx, s, nil, began)
	}
	o.announce(source.Number, p)
	a, ctx, err := e.begin(ctx, l, s, claim{force: o.Force, numbered: true})
	if err != nil {
		return nil, err
	}
	a.noVerify = o.NoVerify
	if err := a.clear(ctx, p); err != nil {
		return nil, a.quit(ctx, err, a.lock.taken.Unfinished)
	}
	return a.carryOut(ctx, a.restoring(source, o.Message), p, began)
}

// restoring is a record with the content of an earlier release.
func (a *attempt) restoring(source *Record, message string) *Record {
	r := a.newRecord(a, KindRollback, message, source.Functions)
	r.Source, r.Manifest, r.Path = source.Source, source.Manifest, source.Path
	r.setProvenance(source.provenance())
	return r
}

func (o RollbackOptions) announce(number int, p *Plan) {
	if o.Announce != nil {
		o.Announce(number, p)
	}
}

// nowhere is why there is no last good release, and what can be done instead.
func (h head) nowhere() error {
	made := h.releases()
	switch {
	case len(made) == 0:
		return notFound("roll back", "", errors.New("nothing was deployed here yet"), "run `ferry deploy`")
	case !slices.ContainsFunc(made, func(c commit) bool { return c.Source != h.Source }):
		return notFound("roll back", "", fmt.Errorf("release %d is the only one that was ever live", h.Source), "run `ferry deploy` with what is to serve, or `ferry remove`")
	}
	return notFound("roll back", "", errors.New("there is no earlier good release to go back to"), "run `ferry releases` and choose one with --to")
}

// restorePoint finds what to roll back to, release number to or the last good one, and looks at its functions.
func (e *Engine) restorePoint(ctx context.Context, l *ledger, s *scene, to int) (*Record, error) {
	if to == 0 {
		if to = s.head.lastGood(); to == 0 {
			return nil, s.head.nowhere()
		}
	}
	r, _, err := l.record(ctx, to)
	if errors.Is(err, providers.NotFound) {
		return nil, notFound("roll back", "", fmt.Errorf("there is no release %d", to), "run `ferry releases` to list them")
	}
	if err != nil {
		return nil, err
	}
	if st := r.state(s.head); st != StateLive {
		return nil, notFound("roll back", "", fmt.Errorf("release %d was never live: it is %s", to, st), "run `ferry releases` and choose one that was live")
	}
	if err := e.checkRestorable(ctx, l, r); err != nil {
		return nil, err
	}
	return r, e.also(ctx, s, maps.Keys(r.Functions))
}

// mustUndo reports whether the newest attempt is unfinished, so that a rollback undoes that one. Whether its
// holder still lives is found out by taking the lock.
func (s *scene) mustUndo(o RollbackOptions) bool {
	return o.To == 0 && s.last != nil && s.last.unfinished(s.head)
}

func (s *scene) liveFunctions() map[string]FunctionRecord {
	if s.live == nil {
		return nil
	}
	return s.live.Functions
}

// undo puts back what served before an interrupted attempt.
func (e *Engine) undo(ctx context.Context, l *ledger, s *scene, o RollbackOptions, began time.Time) (*Result, error) {
	if s.removing() && s.live != nil {
		return e.undoRemoval(ctx, l, s, o, began)
	}
	a, ctx, err := e.begin(ctx, l, s, claim{force: o.Force})
	if err != nil {
		return nil, err
	}
	if err := a.adopt(ctx); err != nil {
		return nil, a.quit(ctx, err, s.last.Number)
	}
	if a.record.begun() {
		if err := a.track(ctx, StepRestore, "", len(a.record.Functions), func(ctx context.Context) error {
			_, err := a.putBack(ctx)
			return err
		}); err != nil {
			failure := &Error{Outcome: OutcomePartial, Attempt: a.record.Number, Release: s.head.Number, Err: err}
			if a.lost(ctx) {
				return nil, a.overtaken(err)
			}
			failure.Partial = a.leftovers(ctx)
			return nil, errors.Join(failure, a.close(ctx, a.record.Number))
		}
		a.record.State = StateRestored
	} else {
		if err := a.unpause(ctx); err != nil {
			return nil, a.quit(ctx, err, a.record.Number)
		}
		a.record.State = StateFailed
	}
	if err := a.discard(ctx); err != nil {
		return nil, a.quit(ctx, err, a.record.Number)
	}
	if a.record.Percent > 0 { // it was judged by what it answered; one that was only interrupted was not
		h := Hold{Release: a.record.Number, Actor: e.Origin.Actor, At: e.now(), Message: o.Message}
		if err := a.setHolds(ctx, hold(s.head.Holds, h, a.record.Functions, s.liveFunctions())); err != nil {
			return nil, a.quit(ctx, err, a.record.Number)
		}
	}
	a.record.Failure = "undone by " + e.Origin.Actor + " before it was finished"
	if err := a.save(ctx); err != nil {
		return nil, a.quit(ctx, err, a.record.Number)
	}
	if err := a.close(ctx, a.record.Interrupted); err != nil {
		return nil, err
	}
	if a.record.Interrupted > 0 { // it would have taken the place of that one, which is what to undo now
		return e.rollback(ctx, o)
	}
	return e.undone(ctx, s, a.record, began)
}

// undoRemoval makes what is live by the ledger serve again, whatever a removal took away of it.
func (e *Engine) undoRemoval(ctx context.Context, l *ledger, s *scene, o RollbackOptions, began time.Time) (*Result, error) {
	p := e.plan(s, &goods{functions: s.liveFunctions()})
	if len(p.Drift) > 0 && !o.Force {
		return nil, drifted(p.Drift, e.Manifest.Target.Provider)
	}
	a, ctx, err := e.begin(ctx, l, s, claim{force: o.Force, numbered: true})
	if err != nil {
		return nil, err
	}
	a.noVerify = o.NoVerify
	r, err := a.bringBack(ctx, o)
	if err != nil {
		return nil, a.quit(ctx, err, s.last.Number)
	}
	return a.carryOut(ctx, r, p, began)
}

// undone tells what serves after an attempt was undone.
func (e *Engine) undone(ctx context.Context, s *scene, undone *Record, began time.Time) (*Result, error) {
	live := s.live
	if live == nil {
		live = &Record{}
	}
	var err error
	if s.states, err = e.statuses(ctx, slices.Collect(maps.Keys(live.Functions))); err != nil {
		return nil, err
	}
	r := e.result(s, live, began)
	r.Outcome, r.State, r.Attempt = OutcomeDone, undone.State, undone.Number
	return r, nil
}

// adopt takes the interrupted attempt's own record, as it is now.
func (a *attempt) adopt(ctx context.Context) error {
	if err := a.startHost(ctx); err != nil {
		return err
	}
	var err error
	if a.record, a.tag, err = a.ledger.record(ctx, a.scene.last.Number); err != nil {
		a.record = nil
		return err
	}
	if a.record.State == StateFailed || a.record.State == StateRestored {
		a.record = nil
		return overrun()
	}
	return nil
}

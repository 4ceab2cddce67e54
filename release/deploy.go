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

// Deploy makes the manifest what serves: all of it or nothing. A failure after its record was written is an *Error.
func (e *Engine) Deploy(ctx context.Context, o DeployOptions) (*Result, error) {
	if _, err := e.Check(); err != nil {
		return nil, err
	}
	return inTurn(e, claim{force: o.Force}, func(e *Engine) (*Result, error) { return e.deploy(ctx, o) })
}

func (e *Engine) deploy(ctx context.Context, o DeployOptions) (*Result, error) {
	began := time.Now()
	l, err := e.openLedger(ctx)
	if err != nil {
		return nil, err
	}
	g, s, err := e.survey(ctx, l, o.Functions)
	if err != nil {
		return nil, err
	}
	if err := e.splits(o.Traffic); err != nil {
		return nil, err
	}
	if err := s.fit(g); err != nil {
		return nil, err
	}
	if o.Force {
		if err := e.lookClosely(ctx, s); err != nil {
			return nil, err
		}
	}
	if s.sharing(g) && o.Traffic > 0 {
		return e.shift(ctx, l, s, o, g, began)
	}
	p := e.plan(s, g)
	doubt, err := e.outdated(ctx, s, g)
	if p.Empty && s.last == nil {
		return e.unchanged(ctx, s, g.issues, began)
	}
	if err != nil {
		return nil, err
	}
	g.issues = append(g.issues, doubt...)
	if err := refuse(p.Held, o.Again); err != nil {
		return nil, err
	}
	if len(g.turns) > 0 && !o.OneWay {
		return nil, &OneWay{g.turns}
	}
	a, ctx, err := e.begin(ctx, l, s, claim{force: o.Force, numbered: true})
	if err != nil {
		return nil, err
	}
	a.built, a.noVerify, a.traffic, a.takeOver = g.built, o.NoVerify, o.Traffic, o.Adopt
	if err := a.clear(ctx, p); err != nil {
		return nil, a.quit(ctx, err, a.lock.taken.Unfinished)
	}
	p = e.plan(s, g)
	if p.Empty {
		if err := a.close(ctx, 0); err != nil {
			return nil, err
		}
		return e.unchanged(ctx, s, g.issues, began)
	}
	p.Issues = append(p.Issues, e.elsewhere(s)...)
	if err := a.keep(ctx, g.functions); err != nil {
		return nil, a.quit(ctx, err, 0)
	}
	r := e.newRecord(a, e.kind(), o.Message, g.functions)
	if e.part != nil && e.part.Base > 0 {
		r.Source = e.part.Base
	}
	r.Path = e.Path
	r.credit(e.Origin)
	return a.carryOut(ctx, r, p, began)
}

// clear refuses to build on what was not settled, and settles what can be: an attempt that activated
// nothing is marked as failed, one that was committed is tidied up.
func (a *attempt) clear(ctx context.Context, p *Plan) error {
	if err := a.startHost(ctx); err != nil {
		return err
	}
	if err := a.takeForeign(ctx, p); err != nil {
		return err
	}
	last := a.scene.last
	switch {
	case last == nil:
	case !last.unfinished(a.scene.head):
		done := &attempt{Engine: a.Engine, ledger: a.ledger, lock: a.lock, scene: a.scene, record: last}
		if err := done.retire(ctx); err != nil {
			return err
		}
		stopped, err := a.statuses(ctx, done.departed())
		if err != nil {
			return err
		}
		maps.Copy(a.scene.states, stopped)
		p.Drift = slices.DeleteFunc(p.Drift, func(d Drift) bool { _, was := stopped[d.Function]; return was })
	case last.State == StateCanary:
		return waiting(last)
	case last.begun():
		return interruptedBefore(last)
	default:
		stale := &attempt{Engine: a.Engine, ledger: a.ledger, lock: a.lock, scene: a.scene, record: last}
		if err := stale.unpause(ctx); err != nil {
			return err
		}
		if err := a.ledger.giveUp(ctx, last, early, a.now()); err != nil {
			return err
		}
		before, err := a.ledger.unsettled(ctx, last.Interrupted)
		if err != nil {
			return err
		}
		if before != nil { // what that one would have taken the place of has to be decided on
			a.lock.taken.Unfinished = before.Number
			return interruptedBefore(before)
		}
	}
	changed := slices.DeleteFunc(slices.Clone(p.Drift), func(d Drift) bool { return d.Lacks != "" }) // nobody's work is lost with that
	switch {
	case len(changed) == 0 || a.force:
		return nil
	case a.takeOver:
		return a.baseline(ctx)
	default:
		return drifted(changed, a.Manifest.Target.Provider)
	}
}

// interruptedBefore says that an attempt was left between two releases, so that a person has to decide.
func interruptedBefore(r *Record) error {
	what := fmt.Sprintf("release %d was interrupted while it was being activated", r.Number)
	if r.Kind == KindRemove {
		what = fmt.Sprintf("the removal of the service (number %d) was interrupted", r.Number)
	}
	return &providers.Error{
		Kind: providers.Conflict, Op: "deploy",
		Hint: "run `ferry resume` to finish it or `ferry rollback` to undo it", Err: errors.New(what),
	}
}

// giveUp ends an attempt that was interrupted, if it came no further than was seen: one that may have changed what serves
// counts as restored, any other as failed.
func (l *ledger) giveUp(ctx context.Context, seen *Record, why string, now time.Time) error {
	r, tag, err := l.record(ctx, seen.Number)
	if err != nil {
		return err
	}
	if r.State != seen.State {
		return overrun()
	}
	if r.State = StateFailed; seen.begun() {
		r.State = StateRestored
	}
	r.Failure, r.Updated = why, now
	_, err = l.setRecord(ctx, r, tag)
	return err
}

// early is why an attempt ended that had changed nothing that serves.
const early = "interrupted before anything was activated"

func drifted(drift []Drift, provider string) error {
	errs := make([]error, len(drift))
	for i, d := range drift {
		errs[i] = &providers.Error{
			Kind: providers.Conflict, Op: "deploy", Provider: provider, Function: d.Function,
			Hint: "run `ferry plan` to see it, `ferry deploy --adopt` to record it as a release first, or `--force` to overwrite it",
			Err:  fmt.Errorf("it was changed by hand, or by another target that leads to the same place: %s is live, but the ledger says %s", nothing(d.Actual), nothing(d.Expected)),
		}
	}
	return errors.Join(errs...)
}

func nothing(revision string) string {
	if revision == "" {
		return "nothing"
	}
	return "revision " + revision
}

// startHost makes sure that what serves can be reached.
func (e *Engine) startHost(ctx context.Context) error {
	if s, ok := providers.As[providers.Starter](e.Adapter); ok {
		return s.Start(ctx)
	}
	return nil
}

func (e *Engine) newRecord(a *attempt, k Kind, message string, functions map[string]FunctionRecord) *Record {
	m := e.Manifest
	n := a.lock.taken.Attempt
	return &Record{
		Format: format, Number: n, Source: n, Kind: k, State: StatePublishing,
		Service: m.Service, Stage: m.Stage, Target: m.Target.Name,
		Created: e.now(), Updated: e.now(), Actor: e.Origin.Actor, Message: message, Ferry: e.Origin.Version,
		Manifest: m.Digest, Keep: m.Releases.Keep, Archive: m.Releases.Archive, Epoch: a.lock.taken.Epoch,
		Functions: functions, Previous: a.scene.head.Number,
	}
}

// carryOut writes the record, runs the attempt and tells what it did.
func (a *attempt) carryOut(ctx context.Context, r *Record, p *Plan, began time.Time) (*Result, error) {
	a.record = r
	if err := a.create(ctx); err != nil {
		a.record = nil
		return nil, a.quit(ctx, err, r.Interrupted)
	}
	if err := a.run(ctx); err != nil {
		return nil, err
	}
	return a.result(p, began), nil
}

// result tells what a finished attempt did.
func (a *attempt) result(p *Plan, began time.Time) *Result {
	r := a.Engine.result(a.scene, a.record, began)
	r.Outcome, r.Attempt, r.Issues = OutcomeDone, a.record.Number, slices.Concat(p.Issues, a.issues)
	switch {
	case a.record.State == StateCanary:
		r.Release, r.State = a.scene.head.Number, StateCanary
	case a.record.Kind == KindRemove:
		r.Release, r.State, r.Removed = 0, StateRemoved, a.record.removes()
		r.Changed, r.Unchanged = []string{}, []string{}
		return r
	}
	for _, c := range p.Changes {
		switch c.Action {
		case ActionRemove:
			r.Removed = append(r.Removed, c.Function)
		default:
			f := r.Functions[c.Function]
			f.Action = c.Action
			r.Functions[c.Function] = f
		}
	}
	for _, name := range a.changed {
		f := r.Functions[name]
		if f.Action == ActionNone {
			f.Action = ActionUpdate // its content is as before, but something else served
			r.Functions[name] = f
		}
	}
	r.Changed, r.Unchanged = []string{}, []string{}
	for _, name := range slices.Sorted(maps.Keys(r.Functions)) {
		if r.Functions[name].Action == ActionNone {
			r.Unchanged = append(r.Unchanged, name)
		} else {
			r.Changed = append(r.Changed, name)
		}
	}
	return r
}

// result describes a live record: every function unchanged.
func (e *Engine) result(s *scene, live *Record, began time.Time) *Result {
	r := &Result{
		Service: e.Manifest.Service, Stage: e.Manifest.Stage, Target: e.Manifest.Target.Name,
		Release: live.Number, Source: live.Source, Commit: live.Commit, Dirty: live.Dirty, State: StateLive, Outcome: OutcomeUnchanged,
		Changed: []string{}, Unchanged: []string{}, Removed: []string{}, Functions: map[string]FunctionResult{},
		Seconds: time.Since(began).Seconds(),
	}
	for _, name := range slices.Sorted(maps.Keys(live.Functions)) {
		f := live.Functions[name]
		r.Unchanged = append(r.Unchanged, name)
		r.Functions[name] = FunctionResult{
			Action: ActionNone, Revision: f.Revision.ID, URL: s.states[name].URL, Digest: f.Artifact.Digest, Size: f.Artifact.Size,
		}
	}
	return r
}

func (e *Engine) unchanged(ctx context.Context, s *scene, issues []providers.Issue, began time.Time) (*Result, error) {
	if err := e.ready(ctx, s.liveFunctions()); err != nil {
		return nil, err
	}
	r := e.result(s, s.live, began)
	r.Issues = issues
	return r, nil
}

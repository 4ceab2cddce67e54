package release

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/providers"
)

// writeTime bounds what is written down after an interruption, beside the time that the provider needs to put back what served.
const writeTime = time.Minute

// attempt takes one record to what serves. Deploy, rollback and resume differ only in where it comes from.
type attempt struct {
	*Engine
	ledger   *ledger
	lock     *lock
	scene    *scene
	record   *Record
	tag      providers.Tag                // of the stored record, "" before it is written
	built    map[string]packager.Artifact // packages that lie on this machine, by function
	changed  []string                     // functions that the attempt makes serve something else, sorted
	noVerify bool
	force    bool
	takeOver bool // what serves unknown to the ledger is written down as a release first
	traffic  int  // percent of the requests; 0 is all

	starts table[time.Duration] // how long the probe of a function took
	fences table[string]        // of the functions that were activated
	raced  table[bool]          // functions of which something else was live than their activation was told
	issues []providers.Issue    // warnings that the work gave

	mu sync.Mutex // guards record.Functions while functions are published
}

// begin takes the lock on the scene that was seen, and returns the context of the work under it. What an earlier
// process left behind is for clear or adopt. Other releases since then are a Conflict.
func (e *Engine) begin(ctx context.Context, l *ledger, s *scene, c claim) (*attempt, context.Context, error) {
	if err := e.admits(s.lock.Migration); err != nil && !c.finishes {
		return nil, nil, err
	}
	var err error
	if c.shown, err = e.shown(ctx, s, c); err != nil {
		return nil, nil, err
	}
	k, err := e.take(ctx, l, s.lock, s.lockTag, c)
	if err != nil {
		return nil, nil, err
	}
	a := &attempt{Engine: e, ledger: l, lock: k, scene: s, force: c.force}
	ctx = k.while(ctx)
	switch {
	case k.was.Epoch != s.lock.Epoch || (k.was.Holder == nil) != (s.lock.Holder == nil):
		err = overrun()
	case s.lock.Holder != nil:
		if err = a.fence(ctx); err == nil {
			err = a.lookAgain(ctx)
		}
	}
	if err != nil {
		return nil, nil, a.quit(ctx, err, k.taken.Unfinished)
	}
	return a, ctx, nil
}

// shown is the highest epoch that the place was shown, asked where the ledger may be behind it: a new ledger at a place
// that outlived another one, and when somebody forces his way.
func (e *Engine) shown(ctx context.Context, s *scene, c claim) (providers.Epoch, error) {
	f, ok := providers.As[providers.Fencer](e.Adapter)
	if !ok || s.lockTag != "" && !c.force {
		return 0, nil
	}
	var live []string // what does not serve shows nothing
	for name, st := range s.states {
		if st.Revision != nil {
			live = append(live, name)
		}
	}
	return f.Epoch(ctx, slices.Sorted(slices.Values(live)))
}

// fence makes all that the holder before read too old to write with: at the place by the epoch, in live.json, the one
// commit point, by writing it anew. It may be alive, and about to write.
func (a *attempt) fence(ctx context.Context) error {
	if f, ok := providers.As[providers.Fencer](a.Adapter); ok {
		if err := f.Fence(ctx, slices.Sorted(maps.Keys(a.scene.states)), a.lock.epoch()); err != nil {
			return err
		}
	}
	h := a.scene.head
	h.Epoch, h.Fences = a.lock.taken.Epoch, nil // the fence changed what those were of
	tag, err := a.ledger.setHead(ctx, h, a.scene.headTag)
	if errors.Is(err, providers.Conflict) {
		return overrun()
	}
	if err == nil {
		a.scene.head, a.scene.headTag = h, tag
	}
	return err
}

// lookAgain fails when the former holder came further after the scene was looked at: its lock shows that only
// when it was renewed since.
func (a *attempt) lookAgain(ctx context.Context) error {
	last, err := a.ledger.pending(ctx, a.scene)
	if err != nil {
		return err
	}
	seen := a.scene.last
	if (last == nil) != (seen == nil) || last != nil && last.State != seen.State {
		return overrun()
	}
	a.scene.states, err = a.statuses(ctx, slices.Collect(maps.Keys(a.scene.states)))
	return err
}

// close frees the lock and says which attempt it leaves unfinished.
func (a *attempt) close(ctx context.Context, unfinished int) error {
	ctx, cancel := a.part(ctx)
	defer cancel()
	if err := a.lock.release(ctx, unfinished); err != nil && !errors.Is(err, providers.Conflict) {
		return fmt.Errorf("freeing the lock: %w", err)
	}
	return nil
}

// settle is a context for what must be brought to an end even when ctx was interrupted. It ends when the lock is lost.
func (a *attempt) settle(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(a.lock.while(context.WithoutCancel(ctx)), a.settling())
}

// settling is how long all functions take to be put back, if each takes as long as it may: those that events call come before
// those that people call, and of either so many at once as there are calls.
func (a *attempt) settling() time.Duration {
	rounds := 2 + len(a.scene.states)/callLimit
	return writeTime + time.Duration(rounds)*a.Adapter.Capabilities().Settling
}

// run is the order of work. What fails before anything is activated leaves all as it was; what fails until
// the commit puts back what served; what fails after it is finished by Resume.
func (a *attempt) run(ctx context.Context) error {
	if err := a.prepare(ctx); err != nil {
		return a.abandon(ctx, err)
	}
	if err := a.snapshot(ctx); err != nil {
		return a.abandon(ctx, err)
	}
	if a.traffic > 0 {
		return a.share(ctx)
	}
	if err := a.goLive(ctx); err != nil {
		return a.restore(ctx, err)
	}
	return a.tidy(ctx)
}

// prepare gets every changed revision ready without touching what serves.
func (a *attempt) prepare(ctx context.Context) error {
	a.changed = a.differing(a.found())
	if err := a.publish(ctx); err != nil {
		return err
	}
	if a.Adapter.Capabilities().PausesEvents {
		if err := a.bind(ctx, a.newlyBound(), providers.BindPaused); err != nil {
			return err
		}
	}
	return a.probe(ctx)
}

// goLive makes the record what serves, and commits it.
func (a *attempt) goLive(ctx context.Context) error {
	if err := a.activate(ctx, a.forward()); err != nil {
		return err
	}
	if err := a.track(ctx, StepVerify, "", len(a.record.Functions), func(ctx context.Context) error { return a.readBack(ctx) }); err != nil {
		return err
	}
	if err := a.health(ctx); err != nil {
		return err
	}
	if err := a.bind(ctx, a.bound(), providers.BindEnabled); err != nil {
		return err
	}
	if err := a.bind(ctx, a.unbound(), providers.BindNone); err != nil {
		return err
	}
	if err := a.bindingsHold(ctx); err != nil {
		return err
	}
	return a.track(ctx, StepCommit, "", 1, func(ctx context.Context) error { return a.commit(ctx) })
}

// save writes the record over the one that was written before.
func (a *attempt) save(ctx context.Context) error {
	a.record.Updated = a.now()
	tag, err := a.ledger.setRecord(ctx, a.record, a.tag)
	if err == nil {
		a.tag = tag
		a.lock.used = max(a.lock.used, a.record.Number)
	}
	return err
}

// create writes the record for the first time. A holder that was overtaken may have written one under the same
// number, after the number was given back: then that one is closed and the next number is taken.
func (a *attempt) create(ctx context.Context) error {
	err := a.save(ctx)
	if !errors.Is(err, providers.Conflict) {
		return err
	}
	number := a.record.Number
	stray, _, reading := a.ledger.record(ctx, number)
	if reading != nil || stray.Epoch >= a.record.Epoch {
		return err
	}
	if stray.State == StatePublishing {
		if err := a.ledger.giveUp(ctx, stray, early, a.now()); err != nil {
			return err
		}
	}
	a.lock.used = number
	if err := a.lock.renumber(ctx); err != nil {
		return err
	}
	a.record.Number = a.lock.taken.Attempt
	if a.record.Source == number {
		a.record.Source = a.record.Number
	}
	return a.save(ctx)
}

// snapshot writes down what serves, so that it can be put back, and that activation begins.
func (a *attempt) snapshot(ctx context.Context) error {
	states, err := a.statuses(ctx, slices.Collect(maps.Keys(a.scene.states)))
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(states)) {
		seen, now := a.scene.states[name], states[name]
		if !now.Serves(seen.Revision) {
			return &providers.Error{
				Kind: providers.Conflict, Op: "compare what serves", Function: name,
				Hint: "run `ferry status` to see what serves", Err: errors.New("what serves changed while the release was being prepared"),
			}
		}
		now.Unsettled = now.Unsettled || seen.Unsettled // also for who finishes this
		states[name] = now
	}
	if err := a.lock.check(ctx); err != nil {
		return err
	}
	if a.record.State != StatePublishing {
		return a.save(ctx)
	}
	a.record.Before, a.record.State = states, StateActivating
	err = a.save(ctx)
	if err != nil {
		a.record.State = StatePublishing // nothing is activated under a record that does not say so
	}
	return err
}

// commit makes the record the live one: the single write that decides.
func (a *attempt) commit(ctx context.Context) error {
	if a.record.Kind == KindRemove {
		return a.setHead(ctx, a.scene.head.clear(a.record.Number))
	}
	next := a.scene.head.advance(a.record, a.fences.m)
	next.Holds = a.holds()
	return a.setHead(ctx, next)
}

// setHead writes live.json under this lock.
func (a *attempt) setHead(ctx context.Context, next head) error {
	if err := a.lock.check(ctx); err != nil {
		return err
	}
	next.Epoch = a.lock.taken.Epoch
	tag, err := a.ledger.setHead(ctx, next, a.scene.headTag)
	if err != nil {
		return err
	}
	a.scene.head, a.scene.headTag = next, tag
	return nil
}

// abandon ends an attempt that has activated nothing.
func (a *attempt) abandon(ctx context.Context, cause error) error {
	ctx, cancel := a.part(ctx)
	defer cancel()
	failure := &Error{Outcome: OutcomeUnchanged, Attempt: a.record.Number, Release: a.scene.head.Number, Err: cause}
	if a.lost(ctx) {
		return a.overtaken(cause)
	}
	if a.record.begun() {
		// Only a resumed attempt or a canary comes here: it stays as it was found.
		if a.scene.last.State != StateCanary {
			failure.Outcome = OutcomePartial
		}
		return errors.Join(failure, a.close(ctx, a.record.Number))
	}
	a.record.State, a.record.Failure = StateFailed, cause.Error()
	if a.Adapter.Capabilities().PausesEvents {
		if err := a.bind(ctx, a.newlyBound(), providers.BindNone); err != nil {
			failure.Err = errors.Join(cause, err)
		}
	}
	if err := errors.Join(a.save(ctx), a.close(ctx, a.record.Interrupted)); err != nil {
		failure.Err = errors.Join(failure.Err, err)
	}
	return failure
}

// lost looks whether the lock is another's now: then nothing more may be written.
func (a *attempt) lost(ctx context.Context) bool {
	_ = a.lock.check(ctx)
	if a.lock.lost() == nil {
		return false
	}
	a.lock.stop()
	return true
}

// overtaken is the failure of an attempt whose lock is another's now. Nothing more was written, and what serves
// is the other's to say.
func (a *attempt) overtaken(cause error) *Error {
	return &Error{Outcome: OutcomeUnchanged, Attempt: a.record.Number, Release: a.scene.head.Number, Overtaken: true, Err: a.because(cause)}
}

// because is why the work ended: that the lock was lost explains what was broken off.
func (a *attempt) because(cause error) error {
	switch lost := a.lock.lost(); {
	case lost == nil || errors.Is(cause, lost):
		return cause
	case errors.Is(cause, context.Canceled):
		return lost
	default:
		return errors.Join(cause, lost)
	}
}

// quit frees the lock of an attempt that ended before it had a record of its own, and says which one is left unfinished.
func (a *attempt) quit(ctx context.Context, cause error, unfinished int) error {
	return errors.Join(a.because(cause), a.close(ctx, unfinished))
}

// differing lists the functions of the record that do not serve in these states.
func (a *attempt) differing(states map[string]providers.State) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(a.record.Functions)) {
		r := states[name].Revision
		if r == nil || r.Digest != a.record.Functions[name].Digest || states[name].Unsettled || states[name].Lacks != "" {
			names = append(names, name)
		}
	}
	return names
}

// found is what served when the attempt began.
func (a *attempt) found() map[string]providers.State {
	if a.record.begun() {
		return a.record.Before
	}
	return a.scene.states
}

// function returns a function's record.
func (a *attempt) function(name string) FunctionRecord {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.record.Functions[name]
}

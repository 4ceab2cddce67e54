package release

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/providers"
)

// Releases lists the newest releases and attempts, newest first; limit 0 is all.
func (e *Engine) Releases(ctx context.Context, limit int) (*History, error) {
	l, err := e.openLedger(ctx)
	if err != nil {
		return nil, err
	}
	s := &scene{}
	if s.lock, _, err = l.lockState(ctx); err != nil {
		return nil, err
	}
	if err := s.read(ctx, l); err != nil {
		return nil, err
	}
	all := &History{Releases: []Summary{}, NextRollback: s.nextRollback(), Held: append([]Hold{}, s.head.Holds...), Migration: s.lock.Migration.shown()}
	for next := s.lock.Attempt; next > 0 && (limit == 0 || len(all.Releases) < limit); {
		batch := next
		if limit > 0 {
			batch = min(next, limit-len(all.Releases))
		}
		records, err := l.newest(ctx, next, batch)
		if err != nil {
			return nil, err
		}
		lines, err := l.summaries(ctx, s.head, records)
		if err != nil {
			return nil, err
		}
		all.Releases = append(all.Releases, lines...)
		next -= batch
	}
	return all, nil
}

// nextRollback is the release that a rollback would make serve again now; 0 is none.
func (s *scene) nextRollback() int {
	if s.mustUndo(RollbackOptions{}) {
		return s.head.Number
	}
	return s.head.lastGood()
}

// newest reads count records from number on downwards. One whose process died before it was written is left out.
func (l *ledger) newest(ctx context.Context, number, count int) ([]*Record, error) {
	numbers := make([]int, count)
	for i := range numbers {
		numbers[i] = number - i
	}
	return l.records(ctx, numbers)
}

// summaries are the lines of records.
func (l *ledger) summaries(ctx context.Context, h head, records []*Record) ([]Summary, error) {
	gone, err := l.gone(ctx, records...)
	if err != nil {
		return nil, err
	}
	lines := make([]Summary, len(records))
	for i, r := range records {
		// While the revision is kept nothing else is needed.
		kept := len(gone[r.Number]) == 0 || slices.Contains(append(h.newest(r.Keep), h.Good...), r.Number)
		functions := slices.Sorted(maps.Keys(r.Functions))
		if r.Kind == KindRemove {
			functions = r.removes()
		}
		lines[i] = Summary{
			Number: r.Number, Source: r.Source, Kind: r.Kind, State: r.state(h), Live: r.Number == h.Number,
			Created: r.Created, Actor: r.Actor, Message: r.Message,
			Commit: r.Commit, Dirty: r.Dirty, Made: r.madeApart(), Checkout: r.Checkout,
			Restorable: kept && r.state(h) == StateLive, Functions: functions,
			RolledBack: h.rolledBack(r.Number),
			Held:       slices.ContainsFunc(h.Holds, func(held Hold) bool { return held.Release == r.Number }),
		}
	}
	return lines, nil
}

// Status compares what serves with the ledger.
func (e *Engine) Status(ctx context.Context) (*Status, error) {
	_, s, err := e.visit(ctx, e.names()...)
	if err != nil {
		return nil, err
	}
	st := &Status{
		Service: e.Manifest.Service, Stage: e.Manifest.Stage, Target: e.Manifest.Target.Name,
		Release: s.head.Number, Source: s.head.Source, Functions: map[string]FunctionStatus{},
		Held: append([]Hold{}, s.head.Holds...),
	}
	st.Unfinished, st.Canary, st.Percent = s.undecided()
	st.Removing, st.Migration, st.Moved = st.Unfinished > 0 && s.removing(), s.lock.Migration.shown(), s.lock.left()
	live := s.liveFunctions()
	found, err := e.inspect(ctx, s)
	if err != nil {
		return nil, err
	}
	for name, state := range s.states {
		f, recorded := live[name]
		if !recorded && state.Revision == nil && !state.Foreign {
			continue // in the manifest, not deployed yet
		}
		one := statusOf(state, s.drift(name, f.Revision.ID))
		if one.Differences = found[name]; one.Drift == "" && len(one.Differences) > 0 {
			one.Drift = differing(one.Differences)
		}
		st.Functions[name] = one
	}
	st.Obstacles, err = e.obstacles(ctx, live)
	st.stop()
	return st, err
}

// stop marks the functions that an obstacle keeps from being reached or started.
func (s *Status) stop() {
	for name, f := range s.Functions {
		if f.State == serving && slices.ContainsFunc(s.Obstacles, func(o Obstacle) bool { return o.concerns(name) }) {
			f.State = "stopped"
			s.Functions[name] = f
		}
	}
}

// inspect compares what the live functions have with their records, where the provider can.
func (e *Engine) inspect(ctx context.Context, s *scene) (map[string][]providers.Difference, error) {
	i, ok := providers.As[providers.Inspector](e.Adapter)
	if !ok || s.removing() {
		return nil, nil
	}
	var found table[[]providers.Difference]
	live := s.liveFunctions()
	err := each(ctx, slices.Sorted(maps.Keys(live)), callLimit, func(ctx context.Context, name string) error {
		f := live[name]
		if !s.states[name].Serves(&f.Revision) {
			return nil // something else serves, which is the difference
		}
		diff, err := i.Inspect(ctx, f.spec())
		found.set(name, diff)
		return err
	})
	return found.m, err
}

// lookClosely marks the functions whose settings were changed by hand where a look at what serves does not show it, so
// that they are put right. Those that serve something else may have other settings as well.
func (e *Engine) lookClosely(ctx context.Context, s *scene) error {
	if _, ok := providers.As[providers.Inspector](e.Adapter); !ok {
		return nil
	}
	found, err := e.inspect(ctx, s)
	for name, f := range s.liveFunctions() {
		if st := s.states[name]; st.Revision != nil && (len(found[name]) > 0 || !st.Serves(&f.Revision)) {
			st.Unsettled = true
			s.states[name] = st
		}
	}
	return err
}

// differing says in a line what was changed.
func differing(diff []providers.Difference) string {
	paths := make([]string, len(diff))
	for i, d := range diff {
		paths[i] = d.Path
	}
	return "changed by hand: " + strings.Join(paths, ", ")
}

const serving = "serving" // the state of a function

func statusOf(s providers.State, d *Drift) FunctionStatus {
	f := FunctionStatus{Live: revisionID(s), URL: s.URL, State: serving, AsWritten: s.AsWritten}
	switch {
	case s.Foreign:
		f.State = "foreign"
	case s.Revision == nil:
		f.State = "missing"
	}
	if d != nil {
		f.Drift = fmt.Sprintf("%s is live, but the ledger says %s", nothing(d.Actual), nothing(d.Expected))
	}
	return f
}

package release

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/ferryfn/ferry/providers"
)

// Releases lists the newest releases and attempts, newest first; limit 0 is all.
func (e *Engine) Releases(ctx context.Context, limit int) ([]Summary, error) {
	l, err := e.openLedger(ctx)
	if err != nil {
		return nil, err
	}
	f, _, err := l.lockState(ctx)
	if err != nil {
		return nil, err
	}
	h, _, err := l.head(ctx)
	if err != nil {
		return nil, err
	}
	first := 1
	if limit > 0 {
		first = max(1, f.Attempt-limit+1)
	}
	var numbers []int
	for n := f.Attempt; n >= first; n-- {
		numbers = append(numbers, n)
	}
	var records table[*Record]
	err = each(ctx, numbers, callLimit, func(ctx context.Context, n int) error {
		r, _, err := l.record(ctx, n)
		if errors.Is(err, providers.NotFound) {
			return nil // its process died before it wrote the record
		}
		records.set(recordKey(n), r)
		return err
	})
	if err != nil {
		return nil, err
	}
	summaries := []Summary{}
	for _, key := range slices.Backward(slices.Sorted(maps.Keys(records.m))) {
		summaries = append(summaries, records.m[key].summary(h))
	}
	return summaries, nil
}

func (r *Record) summary(h head) Summary {
	return Summary{
		Number: r.Number, Source: r.Source, Kind: r.Kind, State: r.state(h), Live: r.Number == h.Number,
		Created: r.Created, Actor: r.Actor, Message: r.Message, Commit: r.Commit,
		Functions: slices.Sorted(maps.Keys(r.Functions)),
	}
}

// Status compares what serves with the ledger.
func (e *Engine) Status(ctx context.Context) (*Status, error) {
	l, err := e.openLedger(ctx)
	if err != nil {
		return nil, err
	}
	s, err := e.look(ctx, l, e.names())
	if err != nil {
		return nil, err
	}
	st := &Status{
		Service: e.Manifest.Service, Stage: e.Manifest.Stage, Target: e.Manifest.Target.Name,
		Release: s.head.Number, Source: s.head.Source, Functions: map[string]FunctionStatus{},
	}
	if s.last != nil && s.interrupted() {
		st.Unfinished = s.last.Number
	}
	live := s.liveFunctions()
	for name, state := range s.states {
		f, recorded := live[name]
		if !recorded && state.Revision == nil {
			continue // in the manifest, not deployed yet
		}
		st.Functions[name] = statusOf(state, s.drift(name, f.Revision.ID))
	}
	return st, nil
}

func statusOf(s providers.State, d *Drift) FunctionStatus {
	f := FunctionStatus{Live: revisionID(s), URL: s.URL, State: "serving"}
	switch {
	case s.Revision == nil:
		f.State = "missing"
	case s.Stopped != "":
		f.State = "stopped"
	}
	if d != nil {
		f.Drift = fmt.Sprintf("%s serves, the ledger says %s", nothing(d.Actual), nothing(d.Expected))
	}
	return f
}

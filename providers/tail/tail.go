// Package tail follows the log of a place that is asked again and again: the last lines first, then what is new, each once.
package tail

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/ferryfn/ferry/providers"
)

// Log is a function's log at a provider.
type Log struct {
	// Read hands on the entries from a time on, before another one unless that is zero, in the order that the provider has
	// them. Who hands on gets an error back when it is to stop. Its own errors have their kind.
	Read func(ctx context.Context, from, to time.Time, each func(Entry) error) error
	// Late is how late an entry may arrive after one that is younger.
	Late time.Duration
	// Every is how often it is asked for what is new.
	Every time.Duration
}

// Entry is what a function wrote at once.
type Entry struct {
	ID    string // unique in the log
	At    time.Time
	Lines []providers.LogLine
}

// Tail hands on what the options ask for. An error of emit is returned as it is. Following ends with the context, and that
// is no error.
func (l Log) Tail(ctx context.Context, o providers.TailOptions, emit func(providers.LogLine) error) error {
	r := &reader{Log: l, seen: map[string]time.Time{}}
	var refused error
	out := func(l providers.LogLine) error {
		refused = emit(l)
		return refused
	}
	err := r.past(ctx, o, out)
	if err == nil {
		o.Reached()
	}
	if err == nil && o.Follow {
		err = r.follow(ctx, out)
	}
	if refused == nil && o.Follow && ctx.Err() != nil {
		return nil
	}
	return err
}

// reader is one reading of a log.
type reader struct {
	Log
	floor  time.Time            // what is older is past and stays so
	newest time.Time            // of the entries that were seen
	seen   map[string]time.Time // the times of the entries, by id, that following may meet again
	many   int                  // with so many it is time to forget
}

// past hands on the last lines. It looks back in windows of which each is ten times as long as the one after it, so
// that a long log is not read whole.
func (r *reader) past(ctx context.Context, o providers.TailOptions, emit func(providers.LogLine) error) error {
	now, lines, first := time.Now(), o.Lines, o.Since
	if first.Before(time.Unix(0, 0)) {
		first = time.Unix(0, 0)
	}
	if lines == 0 {
		r.floor = first
		return r.read(ctx, first, time.Time{}, emit)
	}
	var last []providers.LogLine
	var end time.Time // the first window has none, as this clock may be behind
	for window := r.Late; ; window *= 10 {
		r.floor = now.Add(-window)
		if r.floor.Before(first) || window > 365*24*time.Hour {
			r.floor = first
		}
		var found []providers.LogLine
		err := r.read(ctx, r.floor, end, func(l providers.LogLine) error {
			if found = append(found, l); len(found) >= 2*lines {
				found = slices.Delete(found, 0, len(found)-lines)
			}
			return nil
		})
		if err != nil {
			return err
		}
		if last = append(found, last...); len(last) >= lines || r.floor.Equal(first) {
			break
		}
		end = r.floor
	}
	for _, l := range last[max(len(last)-lines, 0):] {
		if err := emit(l); err != nil {
			return err
		}
	}
	return nil
}

// follow asks again and again for what is new, from a while before the newest entry on: entries do not arrive in the
// order of their times.
func (r *reader) follow(ctx context.Context, emit func(providers.LogLine) error) error {
	tick := time.NewTicker(r.Every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		from := r.since()
		if from.Before(r.floor) {
			from = r.floor
		}
		if err := r.read(ctx, from, time.Time{}, emit); err != nil {
			return err
		}
	}
}

// since is from when on entries may still arrive.
func (r *reader) since() time.Time { return r.newest.Add(-r.Late) }

// read hands on the entries of a time that were not seen before.
func (r *reader) read(ctx context.Context, from, to time.Time, emit func(providers.LogLine) error) error {
	return r.Read(ctx, from, to, func(e Entry) error {
		if _, again := r.seen[e.ID]; again {
			return nil
		}
		r.remember(e)
		for _, l := range e.Lines {
			if err := emit(l); err != nil {
				return err
			}
		}
		return nil
	})
}

// remember keeps what may be met again; what is too old for that is forgotten from time to time.
func (r *reader) remember(e Entry) {
	r.seen[e.ID] = e.At
	if e.At.After(r.newest) {
		r.newest = e.At
	}
	if len(r.seen) < r.many {
		return
	}
	maps.DeleteFunc(r.seen, func(_ string, at time.Time) bool { return at.Before(r.since()) })
	r.many = max(1000, 2*len(r.seen))
}

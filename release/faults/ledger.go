package faults

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/release"
)

// Ledger is what a store holds of one service, stage and target, read past the engine.
type Ledger struct {
	Lock    Lock
	Live    Live
	Records map[int]*release.Record
}

// Lock is lock.json.
type Lock struct {
	Epoch      int64
	Attempt    int
	Holder     *struct{ Actor string } // nil is free
	Unfinished int
}

// Live is live.json.
type Live struct {
	Number  int
	Source  int
	History []struct{ Number, Source int }
	Good    []int
}

// ReadLedger reads every file of a ledger; prefix is "service/stage/target/". A file that does not parse is
// an error.
func ReadLedger(ctx context.Context, s providers.Store, prefix string) (*Ledger, error) {
	l := &Ledger{Records: map[int]*release.Record{}}
	keys, err := s.List(ctx, prefix)
	if err != nil {
		return nil, err
	}
	for _, key := range keys {
		var into any
		name := strings.TrimPrefix(key, prefix)
		if strings.HasPrefix(name, providers.Packages) {
			continue
		}
		switch name {
		case "lock.json":
			into = &l.Lock
		case "live.json":
			into = &l.Live
		default:
			n, err := strconv.Atoi(strings.TrimSuffix(path.Base(name), ".json"))
			if err != nil || path.Dir(name) != "releases" {
				return nil, fmt.Errorf("%s is no file of a ledger", key)
			}
			l.Records[n] = &release.Record{}
			into = l.Records[n]
		}
		if err := readJSON(ctx, s, key, into); err != nil {
			return nil, err
		}
	}
	return l, nil
}

func readJSON(ctx context.Context, s providers.Store, key string, into any) error {
	o, err := s.Get(ctx, key)
	if err != nil {
		return err
	}
	data, err := io.ReadAll(o.Body)
	if err := errors.Join(err, o.Body.Close()); err != nil {
		return err
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("%s does not parse: %w\n%s", key, err, data)
	}
	return nil
}

// Problems are the ways in which the files contradict each other. A number without a record is one, unless
// the lock is held: then the newest number's record may not be written yet.
func (l *Ledger) Problems() []string {
	var found []string
	bad := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }
	for n := 1; n <= l.Lock.Attempt; n++ {
		if l.Records[n] == nil && (n < l.Lock.Attempt || l.Lock.Holder == nil) {
			bad("record %d is missing, and no lock explains it", n)
		}
	}
	epoch := int64(0)
	for _, n := range slices.Sorted(maps.Keys(l.Records)) {
		r := l.Records[n]
		stray := n > l.Lock.Attempt && r.Epoch < l.Lock.Epoch // of a holder that was overtaken before it wrote it
		if r.Number != n || n > l.Lock.Attempt && !stray {
			bad("record %d says that it is %d, and the newest is %d", n, r.Number, l.Lock.Attempt)
		}
		if r.Epoch < epoch || r.Epoch > l.Lock.Epoch {
			bad("record %d has epoch %d, after %d and before %d", n, r.Epoch, epoch, l.Lock.Epoch)
		}
		epoch = r.Epoch
	}
	last := 0
	for _, h := range l.Live.History {
		if h.Number <= last || l.Records[h.Number] == nil {
			bad("live.json names commit %d after %d", h.Number, last)
		}
		last = h.Number
	}
	for _, n := range append(slices.Clone(l.Live.Good), l.Live.Source) {
		if n != 0 && l.Records[n] == nil {
			bad("live.json names release %d, which has no record", n)
		}
	}
	if n := l.Live.Number; n != 0 && n != last {
		bad("live.json says that %d is live, and its newest commit is %d", n, last)
	}
	return found
}

// Message is the message of the release whose content live.json says is live; "" is nothing.
func (l *Ledger) Message() string {
	if r := l.Records[l.Live.Source]; r != nil {
		return r.Message
	}
	return ""
}

// Pending is the attempt that was left half way; nil is none.
func (l *Ledger) Pending() *release.Record {
	n := l.Lock.Unfinished
	if l.Lock.Holder != nil && l.Records[l.Lock.Attempt] != nil {
		n = l.Lock.Attempt
	}
	for {
		r := l.Records[n]
		switch {
		case r == nil || n <= l.Live.Number || l.committed(n):
			return nil
		case r.State != release.StateFailed && r.State != release.StateRestored:
			return r
		}
		n = r.Interrupted
	}
}

func (l *Ledger) committed(number int) bool {
	return slices.ContainsFunc(l.Live.History, func(c struct{ Number, Source int }) bool { return c.Number == number })
}

// wentLive reports whether a release with that message was ever committed.
func (l *Ledger) wentLive(message string) bool {
	return slices.ContainsFunc(l.Live.History, func(c struct{ Number, Source int }) bool {
		r := l.Records[c.Number]
		return r != nil && r.Message == message
	})
}

// LastGood is what a rollback has to go back to: the newest release below the one that is live that was live
// once and that nobody rolled away from since, or what was live before a removal; 0 is none. It is told from the
// history alone.
func (l *Ledger) LastGood() int {
	away := map[int]bool{}
	source, removed := 0, 0
	for _, h := range l.Live.History {
		if h.Source == 0 {
			removed = source
		}
		if r := l.Records[h.Number]; r != nil && r.Kind == release.KindRollback {
			away[source] = true
		}
		delete(away, h.Source)
		source = h.Source
	}
	if source == 0 {
		return removed
	}
	good := 0
	for _, h := range l.Live.History {
		if h.Source < source && !away[h.Source] {
			good = max(good, h.Source)
		}
	}
	return good
}

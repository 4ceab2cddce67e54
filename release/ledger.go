package release

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/ferryfn/ferry/providers"
)

// format is the version of the ledger's files. A newer one is refused rather than misread.
const format = 1

const headName = "live.json"

// historyLen bounds the commits that live.json remembers, unless more are archived. An attempt older than all of them was
// settled.
const historyLen = 200

// ledger is the releases of one service, stage and target in the target's own store.
type ledger struct {
	store  providers.Store
	prefix string // "shop/dev/aws/"
}

// head is live.json, the one commit point: a release is live when this file says so.
type head struct {
	Format  int      `json:"format"`
	Number  int      `json:"number"` // what serves; 0 is nothing
	Source  int      `json:"source"` // the release whose content that is
	History []commit `json:"history"`
	// Good are the releases that rollback may go back to, ascending: they were live and nobody rolled
	// away from them since.
	Good []int `json:"good"`
	// Epoch is of the lock that this was written under.
	Epoch int64 `json:"epoch,omitempty"`
	// Fences make the next change of each live function conditional, where the provider hands them out.
	Fences map[string]string `json:"fences,omitempty"`
	// Holds are what must not be deployed again unasked, oldest first.
	Holds []Hold `json:"holds,omitempty"`
}

// commit is one step of what was live. A removal has no source: nothing was live from then on.
type commit struct {
	Number int `json:"number"`
	Source int `json:"source"`
}

// committed reports whether an attempt went live, for attempts without a final state of their own.
func (h head) committed(number int) bool {
	if len(h.History) > 0 && number < h.History[0].Number {
		return true
	}
	return slices.ContainsFunc(h.History, func(c commit) bool { return c.Number == number })
}

// advance is the head after a record went live. The fences are of the functions that it activated; the others keep
// theirs.
func (h head) advance(r *Record, fences map[string]string) head {
	next := head{Format: format, Number: r.Number, Source: r.Source}
	for name := range r.Functions {
		fence, activated := fences[name]
		if !activated {
			fence = h.Fences[name]
		}
		if fence != "" {
			if next.Fences == nil {
				next.Fences = map[string]string{}
			}
			next.Fences[name] = fence
		}
	}
	next.History = bounded(append(slices.Clone(h.History), commit{r.Number, r.Source}), r.Archive)
	good := slices.Clone(h.Good)
	if r.Kind == KindRollback {
		good = slices.DeleteFunc(good, func(n int) bool { return n == h.Source })
	}
	if !slices.Contains(good, r.Source) {
		good = append(good, r.Source)
		slices.Sort(good)
	}
	if n := len(good); n > max(r.Keep, 1) {
		good = good[n-max(r.Keep, 1):]
	}
	next.Good = good
	return next
}

// clear is the head after a removal. A rollback from there goes back to what was live.
func (h head) clear(number int) head {
	h.Format, h.Number, h.Source, h.Fences = format, 0, 0, nil
	h.History = bounded(append(slices.Clone(h.History), commit{Number: number}), len(h.History))
	return h
}

// bounded are the newest commits, at least that many.
func bounded(history []commit, least int) []commit {
	return history[max(0, len(history)-max(historyLen, least)):]
}

// removed reports whether that attempt was a removal and nothing was committed since.
func (h head) removed(number int) bool {
	return len(h.History) > 0 && (h.History[len(h.History)-1] == commit{Number: number})
}

// releases are the commits that made something live.
func (h head) releases() []commit {
	return slices.DeleteFunc(slices.Clone(h.History), func(c commit) bool { return c.Source == 0 })
}

// lastGood is what a rollback goes back to: the greatest good release below the source of what is live, or after a
// removal what was live before it. 0 is none.
func (h head) lastGood() int {
	if made := h.releases(); h.Number == 0 && len(made) > 0 {
		return made[len(made)-1].Source
	}
	found := 0
	for _, n := range h.Good {
		if n < h.Source {
			found = n
		}
	}
	return found
}

// rolledBack reports whether somebody rolled away from a release, and nobody went back to it since.
func (h head) rolledBack(number int) bool {
	if slices.Contains(h.Good, number) {
		return false
	}
	served, away := 0, false
	for _, c := range h.History {
		switch {
		case c.Source == number:
			away = false
		case served == number && c.Source != c.Number && c.Source != 0: // a removal is no judgement
			away = true
		}
		served = c.Source
	}
	return away
}

// head reads live.json; before the first release it is the zero head with an empty tag.
func (l *ledger) head(ctx context.Context) (head, providers.Tag, error) {
	var h head
	tag, err := l.read(ctx, headName, &h)
	if errors.Is(err, providers.NotFound) {
		return head{Format: format}, "", nil
	}
	return h, tag, err
}

// setHead writes live.json if it is still the one that was read.
func (l *ledger) setHead(ctx context.Context, h head, was providers.Tag) (providers.Tag, error) {
	return l.write(ctx, headName, h, since(was))
}

func recordKey(number int) string { return fmt.Sprintf("releases/%06d.json", number) }

// record reads one release.
func (l *ledger) record(ctx context.Context, number int) (*Record, providers.Tag, error) {
	var r Record
	tag, err := l.read(ctx, recordKey(number), &r)
	if err != nil {
		return nil, "", err
	}
	if r.Number != number {
		return nil, "", fmt.Errorf("%s%s is not the record of release %d, but of %d", l.prefix, recordKey(number), number, r.Number)
	}
	for name, fn := range r.Functions {
		if fn.Function.Name != name {
			return nil, "", fmt.Errorf("%s%s holds the function %q as %q", l.prefix, recordKey(number), fn.Function.Name, name)
		}
	}
	return &r, tag, nil
}

// records reads several releases. One that is not there is left out.
func (l *ledger) records(ctx context.Context, numbers []int) ([]*Record, error) {
	found := make([]*Record, len(numbers))
	places := make([]int, len(numbers))
	for i := range places {
		places[i] = i
	}
	err := each(ctx, places, callLimit, func(ctx context.Context, i int) (err error) {
		found[i], _, err = l.record(ctx, numbers[i])
		if errors.Is(err, providers.NotFound) {
			return nil
		}
		return err
	})
	return slices.DeleteFunc(found, func(r *Record) bool { return r == nil }), err
}

// setRecord writes a release: a new one when was is empty, else over the one that was read.
func (l *ledger) setRecord(ctx context.Context, r *Record, was providers.Tag) (providers.Tag, error) {
	return l.write(ctx, recordKey(r.Number), r, since(was))
}

// since is the condition that nothing was written after that tag was read.
func since(was providers.Tag) providers.Condition {
	if was == "" {
		return providers.IfAbsent()
	}
	return providers.IfTag(was)
}

func (l *ledger) read(ctx context.Context, name string, v any) (providers.Tag, error) {
	data, tag, err := l.bytes(ctx, name)
	if err != nil {
		return "", fmt.Errorf("reading %s%s: %w", l.prefix, name, err)
	}
	var version struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(data, &version); err != nil {
		return "", fmt.Errorf("%s%s is not a ledger file: %w", l.prefix, name, err)
	}
	if version.Format != format {
		return "", fmt.Errorf("%s%s has format %d and this ferry reads %d: use the ferry that wrote it", l.prefix, name, version.Format, format)
	}
	if err := json.Unmarshal(data, v); err != nil {
		return "", fmt.Errorf("%s%s is not a ledger file: %w", l.prefix, name, err)
	}
	return tag, nil
}

// write stores a file when the condition holds. An error does not always mean that nothing was written: the
// reply may be lost, and a repeated request then meets its own write. So it reads back, and what it finds
// decides: no two writers ever write the same bytes.
func (l *ledger) write(ctx context.Context, name string, v any, c providers.Condition) (providers.Tag, error) {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return "", fmt.Errorf("encoding %s: %w", name, err)
	}
	data = append(data, '\n')
	tag, err := l.store.Put(ctx, l.prefix+name, bytes.NewReader(data), c)
	if err == nil {
		return tag, nil
	}
	if found, tag, reading := l.bytes(ctx, name); reading == nil && bytes.Equal(found, data) {
		return tag, nil
	}
	return "", fmt.Errorf("writing %s%s: %w", l.prefix, name, err)
}

// bytes reads a file as it is.
func (l *ledger) bytes(ctx context.Context, name string) ([]byte, providers.Tag, error) {
	o, err := l.store.Get(ctx, l.prefix+name)
	if err != nil {
		return nil, "", err
	}
	data, err := io.ReadAll(o.Body)
	return data, o.Tag, errors.Join(err, o.Body.Close())
}

package tail_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/tail"
)

// book is a log that keeps everything.
type book struct {
	entries []tail.Entry
	read    time.Duration // the longest time that was asked for at once, of those that ended
}

func (b *book) write(at time.Time, texts ...string) {
	e := tail.Entry{ID: fmt.Sprint(len(b.entries)), At: at}
	for _, text := range texts {
		e.Lines = append(e.Lines, providers.LogLine{Time: at, Text: text})
	}
	b.entries = append(b.entries, e)
}

func (b *book) log() tail.Log {
	return tail.Log{Late: time.Minute, Every: time.Second, Read: func(_ context.Context, from, to time.Time, each func(tail.Entry) error) error {
		if !to.IsZero() {
			b.read = max(b.read, to.Sub(from))
		}
		inOrder := slices.SortedFunc(slices.Values(b.entries), func(x, y tail.Entry) int { return x.At.Compare(y.At) })
		for _, e := range inOrder {
			if e.At.Before(from) || !to.IsZero() && !e.At.Before(to) {
				continue
			}
			if err := each(e); err != nil {
				return err
			}
		}
		return nil
	}}
}

// told is what a reading hands on.
func told(t *testing.T, l tail.Log, o providers.TailOptions) []string {
	t.Helper()
	var got []string
	if err := l.Tail(t.Context(), o, func(l providers.LogLine) error { got = append(got, l.Text); return nil }); err != nil {
		t.Fatal(err)
	}
	return got
}

func TestTheLastLinesAreHandedOnWithoutReadingALongLogWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b book
		now := time.Now()
		for i := range 100 {
			b.write(now.Add(time.Duration(i-100)*time.Minute), fmt.Sprint(i, "a"), fmt.Sprint(i, "b"))
		}
		if got := told(t, b.log(), providers.TailOptions{}); len(got) != 200 || got[0] != "0a" {
			t.Errorf("all of the past is %v", got)
		}
		if diff := cmp.Diff([]string{"98b", "99a", "99b"}, told(t, b.log(), providers.TailOptions{Lines: 3})); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{"97a", "97b", "98a", "98b", "99a", "99b"}, told(t, b.log(), providers.TailOptions{Since: now.Add(-3 * time.Minute)})); diff != "" {
			t.Error(diff)
		}
		if b.read > 15*time.Minute {
			t.Errorf("for three lines it reads %s", b.read)
		}
		if got := told(t, b.log(), providers.TailOptions{Lines: 500}); len(got) != 200 {
			t.Errorf("%d lines of 200", len(got))
		}
	})
}

func TestFollowingHandsOnWhatIsNewOnceAndInsideOfItsWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b book
		start := time.Now()
		b.write(start.Add(-time.Hour), "old")
		b.write(start.Add(-time.Second), "last")
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var got []string
		reached := false
		step := 0
		o := providers.TailOptions{Lines: 1, Follow: true, Past: func() { reached = true }}
		err := b.log().Tail(ctx, o, func(l providers.LogLine) error {
			got = append(got, l.Text)
			switch step++; step {
			case 1:
				b.write(start, "new")
			case 2:
				b.write(start.Add(-30*time.Second), "late") // older than what was seen
			case 3:
				b.write(start.Add(time.Second), "newer")
			case 4:
				cancel()
			}
			return nil
		})
		if diff := cmp.Diff([]string{"last", "new", "late", "newer"}, got); diff != "" || err != nil || !reached {
			t.Errorf("%v, reached %t: %s", err, reached, diff)
		}
	})
}

func TestAnErrorOfWhoReadsIsReturnedAsItIs(t *testing.T) {
	var b book
	b.write(time.Now(), "one")
	full := errors.New("the pipe is closed")
	if err := b.log().Tail(t.Context(), providers.TailOptions{}, func(providers.LogLine) error { return full }); !errors.Is(err, full) {
		t.Errorf("got %v", err)
	}
	broken := tail.Log{Late: time.Minute, Every: time.Second, Read: func(context.Context, time.Time, time.Time, func(tail.Entry) error) error {
		return providers.Denied
	}}
	if err := broken.Tail(t.Context(), providers.TailOptions{Follow: true}, nil); !errors.Is(err, providers.Denied) {
		t.Errorf("got %v", err)
	}
}

// Package waits lets work say what it waits for, so that nobody looks at silence: a place that does not answer, a
// lock that another process holds.
package waits

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"
)

// Board knows all that the work of one command waits for. Its methods may be called from several goroutines.
type Board struct {
	mu    sync.Mutex
	waits map[*Wait]bool
}

// Wait is one thing that is waited for. A nil Wait takes every call and does nothing.
type Wait struct {
	board *Board
	what  string
	began time.Time
	tries int
	err   error
}

// Entry is what a board says of one thing.
type Entry struct {
	For   string // a host, or what holds a lock
	Since time.Time
	Tries int   // how often it was tried; 0 is no matter of trying
	Err   error // of the last try that failed, nil when none did
}

type key struct{}

// Context returns a context whose work is seen on the board.
func (b *Board) Context(ctx context.Context) context.Context { return context.WithValue(ctx, key{}, b) }

// For says that work waits for something from now on, until Done.
func For(ctx context.Context, what string) *Wait {
	b, _ := ctx.Value(key{}).(*Board)
	if b == nil {
		return nil
	}
	w := &Wait{board: b, what: what, began: time.Now()}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.waits == nil {
		b.waits = map[*Wait]bool{}
	}
	b.waits[w] = true
	return w
}

// Try says that it is tried now, once more.
func (w *Wait) Try() {
	w.change(func() { w.tries++ })
}

// Failed says that the last try came to nothing.
func (w *Wait) Failed(err error) {
	w.change(func() { w.err = err })
}

// Done ends the wait.
func (w *Wait) Done() {
	w.change(func() { delete(w.board.waits, w) })
}

func (w *Wait) change(do func()) {
	if w == nil {
		return
	}
	w.board.mu.Lock()
	defer w.board.mu.Unlock()
	do()
}

// Before lists what is waited for since then or longer, by name. Several waits for the same are one: the longest, with
// the most tries.
func (b *Board) Before(then time.Time) []Entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := map[string]Entry{}
	for w := range b.waits {
		e, known := all[w.what]
		if !known || w.began.Before(e.Since) {
			e.Since = w.began
		}
		if e.Err == nil || w.tries > e.Tries && w.err != nil {
			e.Err = w.err
		}
		e.For, e.Tries = w.what, max(e.Tries, w.tries)
		all[w.what] = e
	}
	var list []Entry
	for _, e := range all {
		if !e.Since.After(then) {
			list = append(list, e)
		}
	}
	slices.SortFunc(list, func(a, b Entry) int { return strings.Compare(a.For, b.For) })
	return list
}

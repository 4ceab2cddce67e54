package faults

import (
	"errors"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/internal/sample"
	"github.com/ferryfn/ferry/internal/standin"
	"github.com/ferryfn/ferry/providers"
)

// Late has each request of a deploy stand still on its way, or a sample of them, until somebody has taken over by force, and
// arrive after all. Whichever it was, what serves is what the other one made serve, and live.json says so; or the next deploy
// sees that it is not, where the provider has no precondition for the call.
func Late(t *testing.T, o Options, open func(t *testing.T) Network) {
	t.Helper()
	calls, _ := open(t).deploys(t, 0, Mishap{})
	cases := sample.Of(t, o.Every)
	var tried, changed atomic.Int64
	t.Run("requests", func(t *testing.T) {
		for _, by := range rivals()[1:] { // by force
			for n := 1; n <= calls; n++ {
				if !cases.Takes() {
					continue
				}
				t.Run(fmt.Sprintf("%d, by %s", n, by.name), func(t *testing.T) {
					t.Parallel()
					if open(t).late(t, n, by) {
						tried.Add(1)
					}
					if t.Failed() {
						changed.Add(1)
					}
				})
			}
		}
	})
	t.Logf("%d of %d late requests changed what serves", changed.Load(), tried.Load())
}

// late reports whether the deploy had its lock when it stood still, so that there was something to overtake.
func (p Network) late(t *testing.T, at int, by overtaker) bool {
	c := &trial{T: t, Place: p.Place}
	c.release("one", before)
	reached, released := make(chan standin.Call, 1), make(chan struct{})
	p.Control.Reset()
	var once sync.Once
	p.Control.Intercept(func(call standin.Call) standin.Fault {
		if call.Number != at {
			return standin.Fault{}
		}
		once.Do(func() { reached <- call })
		return standin.Late(released)
	})
	done := make(chan error, 1)
	go func() { done <- c.deploy(c.Engine("three"), "three") }()
	var late standin.Call
	select {
	case late = <-reached:
	case err := <-done: // it needed fewer requests this time
		if err != nil {
			t.Fatal(err)
		}
		return false
	}
	found := c.ledger()
	if found.Lock.Holder == nil {
		close(released)
		t.Logf("it ended with %v", <-done)
		return false
	}
	if err := by.do(c); err != nil {
		close(released)
		ended := <-done
		if ended == nil && cmp.Diff(found.Live, c.ledger().Live) != "" { // only its lock's renewal stood still, and the other one saw its release
			c.serves("three")
			return false
		}
		t.Logf("the deploy ended with %v", ended)
		t.Fatalf("overtaking at %s %s %s: %v", late.Service, late.Operation, late.Resource, err)
	}
	want, head := c.Serving(), c.ledger().Live
	close(released)
	err := <-done
	got := c.Serving()
	if !maps.Equal(got, want) && p.Unfenced != nil && p.Unfenced(late) {
		if err := c.deploy(c.Engine(fresh), fresh); !errors.Is(err, providers.Conflict) {
			t.Errorf("a late %s %s made %v serve in place of %v, and the next deploy ends with %v", late.Service, late.Operation, got, want, err)
		}
		return true
	}
	if !maps.Equal(got, want) {
		t.Errorf("a late %s %s %s made %v serve in place of %v", late.Service, late.Operation, late.Resource, got, want)
	}
	now := c.ledger()
	if diff := cmp.Diff(head, now.Live); diff != "" {
		t.Errorf("a late %s %s %s changed live.json (-was +is):\n%s", late.Service, late.Operation, late.Resource, diff)
	}
	if err == nil && !now.wentLive("three") { // it may have, where only its lock's renewal stood still
		t.Errorf("the overtaken deploy says that it is done, after a late %s %s %s", late.Service, late.Operation, late.Resource)
	}
	c.release(fresh)
	c.serves(fresh)
	return true
}

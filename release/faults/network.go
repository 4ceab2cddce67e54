package faults

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/internal/sample"
	"github.com/ferryfn/ferry/internal/standin"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/release"
)

// Network is a place whose adapter calls a stand-in, which can have each call go wrong.
type Network struct {
	Place
	Control *standin.Control
	// Left are all things at the provider, without those that depend on what went wrong on the way.
	Left func() []string
	// Everything is all that there is at the provider. Only Purges asks for it.
	Everything func() []string
	// Conflict is how the provider says that something else is changing the same thing.
	Conflict standin.Fault
	// Unfenced are the calls for which the provider has no precondition: a late one may change what serves, and then the next
	// deploy says so. Nil is none.
	Unfenced func(standin.Call) bool
}

// Mishap is what goes wrong with one call over the network.
type Mishap struct {
	Name  string
	Fault standin.Fault
	kinds []providers.Kind // of the error where the deploy fails
}

// Mishaps are all that can go wrong with a call where that is how the provider says that something else is changing the same thing.
func Mishaps(conflict standin.Fault) []Mishap {
	failed := []providers.Kind{providers.Conflict, providers.Denied, providers.Unauthenticated, providers.Unavailable, providers.Throttled}
	return []Mishap{
		{"is throttled", standin.Throttle(), failed},
		{"meets a failure of the service", standin.ServerError(), failed},
		{"loses its reply", standin.LoseReply(), failed},
		{"does not arrive", standin.Cut(), failed},
		{"meets a conflict", conflict, append(slices.Clone(failed), providers.Failed, providers.Invalid)},
		{"is denied", standin.Deny(), failed},
	}
}

// Calls has every call of a deploy, to whichever service, go wrong once in every way, or a sample of that, on a new place each
// time, and the process die before and after it. What served before serves, or the deploy completes; the next command ends what
// was left, and then there is what a clean run leaves.
func Calls(t *testing.T, o Options, open func(t *testing.T) Network) {
	t.Helper()
	calls, clean := open(t).deploys(t, 0, Mishap{})
	cases, tried := sample.Of(t, o.Every), 0
	try := func(n int, name string, left func(t *testing.T) []string) {
		if !cases.Takes() {
			return
		}
		tried++
		t.Run(fmt.Sprintf("call %d %s", n, name), func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(clean, left(t)); diff != "" {
				t.Errorf("what is left is not what a clean run leaves (-clean +left):\n%s", diff)
			}
		})
	}
	mishaps := Mishaps(open(t).Conflict)
	for n := 1; n <= calls; n++ {
		for _, m := range mishaps {
			try(n, m.Name, func(t *testing.T) []string {
				_, left := open(t).deploys(t, n, m)
				return left
			})
		}
		for i, d := range deaths() {
			next := afterwards()[(n+i)%len(afterwards())]
			try(n, d.name+", then "+next.name, func(t *testing.T) []string { return open(t).dies(t, n, d, next) })
		}
	}
	t.Logf("%d of %d calls × %d mishaps are tried", tried, calls, len(mishaps)+len(deaths()))
}

// deploys releases three versions, with a mishap at a call of the third deploy, then a fourth, and returns how many calls the
// third made and what there is in the end.
func (p Network) deploys(t *testing.T, at int, m Mishap) (calls int, left []string) {
	t.Helper()
	c := &trial{T: t, Place: p.Place}
	c.release("one", before)
	p.Control.Reset()
	p.Control.Intercept(func(c standin.Call) standin.Fault {
		if c.Number == at {
			return m.Fault
		}
		return standin.Fault{}
	})
	err := c.deploy(c.Engine("three"), "three")
	p.Control.Intercept(nil)
	calls = len(p.Control.Calls())
	hit := "nothing"
	if at > 0 && at <= calls {
		call := p.Control.Calls()[at-1]
		hit = call.Service + " " + call.Operation
	}
	var failed *release.Error
	if err == nil || errors.As(err, &failed) && failed.Release == 3 {
		c.serves("three")
	} else {
		c.serves(before)
		if !slices.ContainsFunc(m.kinds, func(k providers.Kind) bool { return errors.Is(err, k) }) {
			t.Errorf("the deploy of which %s went wrong fails with %v", hit, err)
		}
	}
	if err != nil {
		t.Logf("%s: %v", hit, err)
	}
	c.goesOn(hit)
	return calls, p.Left()
}

// goesOn deploys the newest version, once what was left half way is undone.
func (c *trial) goesOn(after string) {
	c.Helper()
	switch err := c.deploy(c.Engine(fresh), fresh); {
	case errors.Is(err, providers.Conflict):
		if _, err := c.Engine(fresh).Rollback(c.Context(), release.RollbackOptions{}); err != nil {
			c.Fatalf("rolling back what %s left: %v", after, err)
		}
		c.release(fresh)
	case err != nil:
		c.Fatalf("deploying after %s went wrong: %v", after, err)
	}
	c.serves(fresh)
}

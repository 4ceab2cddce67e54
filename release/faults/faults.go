// Package faults breaks an adapter and its store on purpose: at a scripted call it fails, waits, loses the
// reply or ends the process. Run proves with it that releases survive all of that, on any adapter.
package faults

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/ferryfn/ferry/providers"
)

// Call is one call of an adapter or of its store, made by one process.
type Call struct {
	Number int    // from 1, in the order in which the calls begin
	Op     string // "publish", "store put"
	About  string // the function, the first of several, or the key
}

func (c Call) String() string { return c.Op + " " + c.About }

// Fault is what happens to a call.
type Fault struct {
	Name string
	// Before runs before the work; an error fails the call, and the work is not done. nil does nothing.
	Before func(c Call) error
	// After runs when the work is done; an error is the call's in place of the reply. nil does nothing.
	After func(c Call) error
	// Lasting breaks every later call, too.
	Lasting bool
	// Late does the work although the caller may have given up, as with a request that was on its way.
	Late bool
}

// Fail refuses the call with an error of that kind.
func Fail(k providers.Kind) Fault {
	return Fault{Name: "fails: " + string(k), Before: func(c Call) error { return failure(c, k, "it was told to fail") }}
}

// Lose does the work and loses the reply.
func Lose() Fault {
	return Fault{Name: "its reply is lost", After: func(c Call) error { return failure(c, providers.Unavailable, "the reply was lost") }}
}

// Stop holds this call and all later ones until the channel is closed, as a stopped process does.
func Stop(until <-chan struct{}) Fault {
	return Fault{Name: "the process is stopped", Lasting: true, Before: func(Call) error {
		<-until
		return nil
	}}
}

// Die ends the process before the call. When end returns, as within a test's own process, this call and all
// later ones fail with Dead: nothing that the process still does has an effect.
func Die(end func()) Fault {
	return Fault{Name: "the process dies", Lasting: true, Before: func(Call) error {
		end()
		return Dead
	}}
}

// Dead is the error of the calls of a process that died.
const Dead = deadError("the process is dead")

type deadError string

func (e deadError) Error() string { return string(e) }

func failure(c Call, k providers.Kind, what string) error {
	return &providers.Error{Kind: k, Op: c.Op, Provider: "faults", Function: c.About, Err: errors.New(what)}
}

// Process is one process's view of an adapter: its calls are counted, and one of them is broken. It may be
// used from several goroutines.
type Process struct {
	// At chooses the call that is broken; nil chooses none. It is asked of one call at a time.
	At    func(Call) bool
	Fault Fault
	// Life ends with the process: calls under way are given up then, and later ones are not made. nil never ends.
	Life context.Context

	mu    sync.Mutex
	calls []Call
	hit   *Call
}

// Number chooses a call by its number.
func Number(n int) func(Call) bool { return func(c Call) bool { return c.Number == n } }

// First chooses the first call of one of these ops.
func First(ops ...string) func(Call) bool {
	return func(c Call) bool { return slices.Contains(ops, c.Op) }
}

// Next chooses the call after the one that first chooses.
func Next(first func(Call) bool) func(Call) bool {
	seen := false
	return func(c Call) bool {
		if seen {
			return true
		}
		seen = first(c)
		return false
	}
}

// Calls are the calls so far.
func (p *Process) Calls() []Call {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.calls)
}

// Hit is the call that was broken; nil is none.
func (p *Process) Hit() *Call {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.hit
}

// begin counts a call and says what is to happen to it.
func (p *Process) begin(op, about string) (Call, Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := Call{Number: len(p.calls) + 1, Op: op, About: about}
	p.calls = append(p.calls, c)
	switch {
	case p.hit != nil && p.Fault.Lasting:
		return c, p.Fault
	case p.hit == nil && p.At != nil && p.At(c):
		p.hit = &c
		return c, p.Fault
	}
	return c, Fault{}
}

// run makes one call.
func run[T any](ctx context.Context, p *Process, op, about string, work func(context.Context) (T, error)) (T, error) {
	var none T
	ctx = p.while(ctx)
	c, f := p.begin(op, about)
	if p.died() {
		return none, Dead
	}
	if f.Before != nil {
		if err := f.Before(c); err != nil {
			return none, err
		}
	}
	if f.Late {
		ctx = context.WithoutCancel(ctx)
	}
	done, err := work(ctx)
	if p.died() {
		return none, Dead
	}
	if f.After != nil {
		if lost := f.After(c); lost != nil {
			return none, lost
		}
	}
	return done, err
}

// while is a context that also ends with the process. It does not end with the call, whose reply may still be read then.
func (p *Process) while(ctx context.Context) context.Context {
	if p.Life == nil {
		return ctx
	}
	ctx, cancel := context.WithCancel(ctx)
	context.AfterFunc(p.Life, cancel)
	return ctx
}

// died reports whether the process has ended.
func (p *Process) died() bool { return p.Life != nil && p.Life.Err() != nil }

// try is run for calls that return an error only.
func try(ctx context.Context, p *Process, op, about string, work func(context.Context) error) error {
	_, err := run(ctx, p, op, about, func(ctx context.Context) (struct{}, error) { return struct{}{}, work(ctx) })
	return err
}

// Package memory is the reference adapter: a whole provider in one process, without a network or a disk. It
// keeps the contract to the letter, serves what is live over HTTP, and can be told to fail at any call.
package memory

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/check"
)

// Adapter deploys to a World.
type Adapter struct {
	world *World
	place Place
}

var (
	_ providers.Adapter  = (*Adapter)(nil)
	_ providers.Prober   = (*Adapter)(nil)
	_ providers.Switcher = (*Adapter)(nil)
	_ providers.Splitter = (*Adapter)(nil)
	_ providers.Invoker  = (*Adapter)(nil)
	_ providers.Pruner   = (*Adapter)(nil)
	_ providers.Lister   = (*Adapter)(nil)
	_ providers.Fencer   = (*Adapter)(nil)
	_ providers.Adopter  = (*Adapter)(nil)
	_ providers.Stepwise = (*Adapter)(nil)

	_ providers.Inspector = (*Adapter)(nil)
)

// New returns an adapter for a world. Several adapters of one world are several machines with one account.
func New(w *World) *Adapter { return &Adapter{world: w} }

// At is an adapter of the same world for a service, stage and target.
func (a *Adapter) At(p Place) *Adapter { return &Adapter{world: a.world, place: p} }

// write runs one call that changes something, unless the ledger has shown a higher epoch.
func (a *Adapter) write(ctx context.Context, op, function string, e providers.Epoch, work func() error) error {
	return a.world.do(ctx, op, function, func() error {
		if shown := a.world.epochs[a.place]; e < shown {
			return failed(providers.Conflict, op, function, fmt.Errorf("epoch %d was shown, and this is of epoch %d", shown, e))
		}
		a.world.epochs[a.place] = e
		return work()
	})
}

// function returns the function of that name, made when it does not exist; one that ferry did not make is not touched.
// The lock is held.
func (a *Adapter) function(op, name string) (*function, error) {
	f, ok := a.world.functions[a.place.key(name)]
	if !ok {
		f = &function{bindings: providers.BindNone, builds: map[string]time.Time{}}
		a.world.functions[a.place.key(name)] = f
	}
	if f.foreign {
		e := failed(providers.Foreign, op, name, fmt.Errorf("a function of that name exists, and ferry did not make it"))
		e.Hint = "run `ferry deploy --adopt` to take it over, or rename the function"
		return nil, e
	}
	return f, nil
}

// own is the function of that name if ferry made it, else nil. The lock is held.
func (a *Adapter) own(name string) *function {
	if f := a.world.functions[a.place.key(name)]; f != nil && !f.foreign {
		return f
	}
	return nil
}

// state is what is live. The lock is held.
func (a *Adapter) state(name string) providers.State { return a.world.state(a.place.key(name)) }

// Check refuses what needs a secret manager, which a world has not, and more memory than it offers.
func (a *Adapter) Check(fn manifest.Function) []providers.Issue {
	most := fn.Memory
	if sizes := a.world.Memory; len(sizes) > 0 {
		most = sizes[len(sizes)-1]
	}
	return check.Function(fn.Name,
		check.When(len(fn.Secrets) > 0).Block("secrets", "remove secrets or choose another target", "memory has no secret manager"),
		check.When(fn.Memory > most).Block("memory", "lower memory or choose another target", "%s is more than the %s on offer", fn.Memory, most),
	)
}

// Platform is this machine: nothing is ever started.
func (a *Adapter) Platform(fn manifest.Function) packager.Platform {
	return packager.Platform{Shim: "local", Runtime: fn.Runtime}.OnHost()
}

// Capabilities are all, at the pace of the world.
func (a *Adapter) Capabilities() providers.Capabilities {
	return providers.Capabilities{
		Fenced: true, PausesEvents: true, Probes: true, Splits: true, Settling: a.world.settling(),
		Memory: providers.Steps[manifest.Size]{Values: a.world.Memory},
	}
}

// Publish stores a revision.
func (a *Adapter) Publish(ctx context.Context, s providers.Spec, e providers.Epoch) (providers.Revision, error) {
	var r providers.Revision
	if err := a.built(ctx, s, e); err != nil {
		return r, err
	}
	err := a.write(ctx, "publish", s.Function.Name, e, func() error {
		f, err := a.function("publish", s.Function.Name)
		if err != nil {
			return err
		}
		for i, have := range f.revisions {
			if have.Digest == s.Digest {
				f.revisions[i].lost = false
				r = have.Revision
				return nil
			}
		}
		code, err := entryOf(s.Artifact)
		if err != nil {
			return failed(providers.Invalid, "publish", s.Function.Name, err)
		}
		f.published++
		r = providers.Revision{ID: fmt.Sprintf("%s-%d", s.Function.Name, f.published), Digest: s.Digest}
		f.revisions = append(f.revisions, revision{Revision: r, function: s.Function, code: code})
		return nil
	})
	return r, err
}

// Activate makes a revision live.
func (a *Adapter) Activate(ctx context.Context, c providers.Change) (providers.State, error) {
	states, err := a.change(ctx, "activate", []providers.Change{c}, 0)
	return states[0], err
}

// Switch does several Activates as one.
func (a *Adapter) Switch(ctx context.Context, changes []providers.Change) ([]providers.State, error) {
	return a.change(ctx, "switch", changes, 0)
}

// Split sends every so many-th request to the new revisions.
func (a *Adapter) Split(ctx context.Context, changes []providers.Change, percent int) ([]providers.State, error) {
	return a.change(ctx, "split", changes, percent)
}

// change makes the new revisions live, or with a percentage gives them that share.
func (a *Adapter) change(ctx context.Context, op string, changes []providers.Change, percent int) ([]providers.State, error) {
	err := a.write(ctx, op, changes[0].Spec.Function.Name, changes[0].Epoch, func() error {
		for _, c := range changes {
			name := c.Spec.Function.Name
			f, err := a.function(op, name)
			if err != nil {
				return err
			}
			if !a.state(name).Serves(c.From.Revision) {
				return failed(providers.Conflict, op, name, fmt.Errorf("something else is live"))
			}
			if c.To != nil && !f.has(c.To.ID) {
				return failed(providers.NotFound, op, name, fmt.Errorf("there is no revision %s, or not its image", c.To.ID))
			}
			if op == "split" && (c.From.Revision == nil || c.To == nil || percent < 1 || percent > 99) {
				return failed(providers.Invalid, op, name, fmt.Errorf("%d%% of nothing cannot be split off", percent))
			}
		}
		for _, c := range changes {
			f, to := a.own(c.Spec.Function.Name), ""
			if c.To != nil {
				to = c.To.ID
			}
			f.canary, f.percent = "", 0 // every change ends an earlier split
			switch {
			case percent == 0:
				f.tag = to
				f.goLive(to, a.world.Pace)
			case f.live != to:
				f.canary, f.percent = to, percent
			}
		}
		return nil
	})
	if err == nil {
		err = a.arrived(ctx, op, changes)
	}
	states := make([]providers.State, len(changes))
	a.world.mu.Lock()
	defer a.world.mu.Unlock()
	for i, c := range changes {
		states[i] = a.state(c.Spec.Function.Name)
	}
	return states, err
}

// Bind sets the mode of the function's bindings.
func (a *Adapter) Bind(ctx context.Context, s providers.Spec, m providers.Mode, e providers.Epoch) error {
	return a.write(ctx, "bind", s.Function.Name, e, func() error {
		f, err := a.function("bind", s.Function.Name)
		if err == nil {
			f.bindings = m
		}
		return err
	})
}

// Status is what is live.
func (a *Adapter) Status(ctx context.Context, function string) (providers.State, error) {
	var st providers.State
	err := a.world.do(ctx, "status", function, func() error {
		st = a.state(function)
		return nil
	})
	return st, err
}

// Inspect sees which revision serves, whatever is written down.
func (a *Adapter) Inspect(ctx context.Context, s providers.Spec) ([]providers.Difference, error) {
	var found providers.Differences
	err := a.world.do(ctx, "inspect", s.Function.Name, func() error {
		serves := ""
		if f := a.own(s.Function.Name); f != nil {
			if r := f.find(f.live); r != nil {
				serves = r.Digest
			}
		}
		found.Compare("revision", s.Digest, serves)
		return nil
	})
	return found, err
}

// Remove forgets the function, if ferry made it.
func (a *Adapter) Remove(ctx context.Context, function string, e providers.Epoch) error {
	return a.write(ctx, "remove", function, e, func() error {
		if a.own(function) != nil {
			delete(a.world.functions, a.place.key(function))
		}
		return nil
	})
}

// Store is the world's store.
func (a *Adapter) Store(context.Context) (providers.Store, error) { return &store{a.world}, nil }

// Probe refuses code that does not start, and what answers as something else.
func (a *Adapter) Probe(ctx context.Context, s providers.Spec, r providers.Revision) error {
	return a.world.do(ctx, "probe", s.Function.Name, func() error {
		have := a.own(s.Function.Name).find(r.ID)
		switch {
		case have == nil:
			return failed(providers.NotFound, "probe", s.Function.Name, fmt.Errorf("there is no revision %s", r.ID))
		case have.broken():
			e := failed(providers.Crashed, "probe", s.Function.Name, fmt.Errorf("the handler does not start"))
			e.Log = have.code
			return e
		case have.digest() != s.Digest:
			return failed(providers.Unhealthy, "probe", s.Function.Name, fmt.Errorf("revision %s answered with %s", r.ID, have.digest()))
		}
		return nil
	})
}

// Invoke answers as the function does over HTTP.
func (a *Adapter) Invoke(ctx context.Context, function string, r providers.Request) (providers.Response, error) {
	var res providers.Response
	err := a.world.do(ctx, "invoke", function, func() error {
		res.Status, res.Body = a.world.answer(a.place.key(function), r.Path)
		return nil
	})
	return res, err
}

// Revisions are the stored revisions, oldest first.
func (a *Adapter) Revisions(ctx context.Context, function string) ([]providers.Revision, error) {
	var list []providers.Revision
	err := a.world.do(ctx, "revisions", function, func() error {
		if f := a.own(function); f != nil {
			for _, r := range f.revisions {
				list = append(list, r.Revision)
			}
		}
		return nil
	})
	return list, err
}

// Stored reports whether a revision is there, and its image.
func (a *Adapter) Stored(ctx context.Context, function string, r providers.Revision) (bool, error) {
	var stored bool
	err := a.world.do(ctx, "stored", function, func() error {
		f := a.own(function)
		stored = f != nil && f.has(r.ID) && f.find(r.ID).Revision == r
		return nil
	})
	return stored, err
}

// Prune deletes a revision that gets no requests.
func (a *Adapter) Prune(ctx context.Context, function string, r providers.Revision, e providers.Epoch) error {
	return a.write(ctx, "prune", function, e, func() error {
		f := a.own(function)
		if f == nil {
			return nil
		}
		if f.live == r.ID || f.canary == r.ID {
			return failed(providers.Conflict, "prune", function, fmt.Errorf("revision %s serves", r.ID))
		}
		f.revisions = slices.DeleteFunc(f.revisions, func(have revision) bool { return have.ID == r.ID })
		return nil
	})
}

// Functions are the names of all functions of the service and stage that ferry made.
func (a *Adapter) Functions(ctx context.Context) ([]string, error) {
	var names []string
	err := a.world.do(ctx, "functions", "", func() error {
		for k, f := range a.world.functions {
			if k == a.place.key(k.function) && !f.foreign {
				names = append(names, k.function)
			}
		}
		slices.Sort(names)
		return nil
	})
	return names, err
}

// Fence shows the world an epoch of this ledger.
func (a *Adapter) Fence(ctx context.Context, _ []string, e providers.Epoch) error {
	return a.write(ctx, "fence", "", e, func() error { return nil })
}

// Epoch is the highest that the world was shown for this ledger.
func (a *Adapter) Epoch(ctx context.Context, _ []string) (providers.Epoch, error) {
	var e providers.Epoch
	err := a.world.do(ctx, "epoch", "", func() error {
		e = a.world.epochs[a.place]
		return nil
	})
	return e, err
}

// Adopt makes a function ferry's; it goes on serving what it served.
func (a *Adapter) Adopt(ctx context.Context, function string, e providers.Epoch) (providers.State, error) {
	var st providers.State
	err := a.write(ctx, "adopt", function, e, func() error {
		f, ok := a.world.functions[a.place.key(function)]
		if !ok {
			return failed(providers.NotFound, "adopt", function, fmt.Errorf("there is no function of that name"))
		}
		f.foreign, f.tag = false, f.live
		st = a.state(function)
		return nil
	})
	return st, err
}

func failed(k providers.Kind, op, function string, err error) *providers.Error {
	return &providers.Error{Kind: k, Op: op, Provider: "memory", Function: function, Err: err}
}

// Package memory is the reference adapter: a whole provider in one process, without a network or a disk. It
// keeps the contract to the letter, serves what is live over HTTP, and can be told to fail at any call.
package memory

import (
	"fmt"
	"time"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/providers"
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

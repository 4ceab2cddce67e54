package faults

import (
	"context"
	"fmt"
	"reflect"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/providers"
)

// adapter makes every call of the contract through a Process. It has all optional interfaces; Wrap shows
// those that the inner adapter has.
type adapter struct {
	inner   providers.Adapter
	process *Process
}

var (
	_ providers.Adapter   = (*adapter)(nil)
	_ providers.Prober    = (*adapter)(nil)
	_ providers.Switcher  = (*adapter)(nil)
	_ providers.Splitter  = (*adapter)(nil)
	_ providers.Starter   = (*adapter)(nil)
	_ providers.Invoker   = (*adapter)(nil)
	_ providers.LogTailer = (*adapter)(nil)
	_ providers.Pruner    = (*adapter)(nil)
	_ providers.Lister    = (*adapter)(nil)
	_ providers.Vault     = (*adapter)(nil)
	_ providers.Pinner    = (*adapter)(nil)
	_ providers.Inspector = (*adapter)(nil)
	_ providers.Adopter   = (*adapter)(nil)
	_ providers.Fencer    = (*adapter)(nil)
	_ providers.Purger    = (*adapter)(nil)
	_ providers.Readier   = (*adapter)(nil)
	_ providers.Stepwise  = (*adapter)(nil)
)

// optional are the interfaces that an adapter may have.
func optional() []reflect.Type {
	return []reflect.Type{
		reflect.TypeFor[providers.Prober](), reflect.TypeFor[providers.Switcher](), reflect.TypeFor[providers.Splitter](),
		reflect.TypeFor[providers.Starter](), reflect.TypeFor[providers.Invoker](), reflect.TypeFor[providers.LogTailer](),
		reflect.TypeFor[providers.Pruner](), reflect.TypeFor[providers.Lister](),
		reflect.TypeFor[providers.Vault](), reflect.TypeFor[providers.Pinner](), reflect.TypeFor[providers.Inspector](),
		reflect.TypeFor[providers.Adopter](), reflect.TypeFor[providers.Fencer](),
		reflect.TypeFor[providers.Purger](), reflect.TypeFor[providers.Readier](), reflect.TypeFor[providers.Stepwise](),
	}
}

// shapes are the sets of optional interfaces that adapters have, one line each. Go builds no type at run time
// that has methods, so that a new set needs a new line.
func shapes(a *adapter) []providers.Adapter {
	type (
		core    = providers.Adapter
		prober  = providers.Prober
		as1     = providers.Switcher
		split   = providers.Splitter
		start   = providers.Starter
		invoke  = providers.Invoker
		tail    = providers.LogTailer
		prune   = providers.Pruner
		list    = providers.Lister
		vault   = providers.Vault
		pin     = providers.Pinner
		inspect = providers.Inspector
		adopt   = providers.Adopter
		fence   = providers.Fencer
		purge   = providers.Purger
		ready   = providers.Readier
		apart   = providers.Stepwise
	)
	return []providers.Adapter{
		struct{ core }{a},
		struct {
			core
			prober
			as1
			split
			invoke
			prune
			list
			inspect
			fence
			apart
			adopt
		}{a, a, a, a, a, a, a, a, a, a, a},
		struct {
			core
			prober
			as1
			split
			start
			invoke
			tail
			prune
			list
			vault
			fence
			purge
			ready
		}{a, a, a, a, a, a, a, a, a, a, a, a, a},
		struct {
			core
			prober
			split
			invoke
			tail
			prune
			list
			vault
			pin
			inspect
			adopt
			fence
		}{a, a, a, a, a, a, a, a, a, a, a, a},
	}
}

// Wrap puts the process between its caller and an adapter. What it returns has exactly the optional
// interfaces that the adapter has; it panics for a set of them that it has no shape for, which is an entry in shapes to add
// with the adapter.
func (p *Process) Wrap(inner providers.Adapter) providers.Adapter {
	for _, shape := range shapes(&adapter{inner: inner, process: p}) {
		if alike(shape, inner) {
			return shape
		}
	}
	panic(fmt.Sprintf("faults has no shape for the optional interfaces of %T: add a line to shapes", inner))
}

func alike(a, b providers.Adapter) bool {
	for _, t := range optional() {
		if reflect.TypeOf(a).Implements(t) != reflect.TypeOf(b).Implements(t) {
			return false
		}
	}
	return true
}

// Check is pure, so it is no call.
func (a *adapter) Check(fn manifest.Function) []providers.Issue { return a.inner.Check(fn) }

// Platform is pure, so it is no call.
func (a *adapter) Platform(fn manifest.Function) packager.Platform { return a.inner.Platform(fn) }

// Capabilities is pure, so it is no call.
func (a *adapter) Capabilities() providers.Capabilities { return a.inner.Capabilities() }

// Apart is pure, so it is no call.
func (a *adapter) Apart(from, to providers.Spec) bool {
	return a.inner.(providers.Stepwise).Apart(from, to)
}

// Publish is one call.
func (a *adapter) Publish(ctx context.Context, s providers.Spec, e providers.Epoch) (providers.Revision, error) {
	return run(ctx, a.process, "publish", s.Function.Name, func(ctx context.Context) (providers.Revision, error) {
		return a.inner.Publish(ctx, s, e)
	})
}

// Activate is one call.
func (a *adapter) Activate(ctx context.Context, c providers.Change) (providers.State, error) {
	return run(ctx, a.process, "activate", c.Spec.Function.Name, func(ctx context.Context) (providers.State, error) {
		return a.inner.Activate(ctx, c)
	})
}

// Bind is one call.
func (a *adapter) Bind(ctx context.Context, s providers.Spec, m providers.Mode, e providers.Epoch) error {
	return try(ctx, a.process, "bind", s.Function.Name, func(ctx context.Context) error { return a.inner.Bind(ctx, s, m, e) })
}

// Status is one call.
func (a *adapter) Status(ctx context.Context, function string) (providers.State, error) {
	return run(ctx, a.process, "status", function, func(ctx context.Context) (providers.State, error) {
		return a.inner.Status(ctx, function)
	})
}

// Remove is one call.
func (a *adapter) Remove(ctx context.Context, function string, e providers.Epoch) error {
	return try(ctx, a.process, "remove", function, func(ctx context.Context) error { return a.inner.Remove(ctx, function, e) })
}

// Store is no call; those of the store are.
func (a *adapter) Store(ctx context.Context) (providers.Store, error) {
	s, err := a.inner.Store(ctx)
	return a.process.Store(s), err
}

// Probe is one call.
func (a *adapter) Probe(ctx context.Context, s providers.Spec, r providers.Revision) error {
	return try(ctx, a.process, "probe", s.Function.Name, func(ctx context.Context) error {
		return a.inner.(providers.Prober).Probe(ctx, s, r)
	})
}

// Switch is one call.
func (a *adapter) Switch(ctx context.Context, changes []providers.Change) ([]providers.State, error) {
	return run(ctx, a.process, "switch", changes[0].Spec.Function.Name, func(ctx context.Context) ([]providers.State, error) {
		return a.inner.(providers.Switcher).Switch(ctx, changes)
	})
}

// Split is one call.
func (a *adapter) Split(ctx context.Context, changes []providers.Change, percent int) ([]providers.State, error) {
	return run(ctx, a.process, "split", changes[0].Spec.Function.Name, func(ctx context.Context) ([]providers.State, error) {
		return a.inner.(providers.Splitter).Split(ctx, changes, percent)
	})
}

// Start is one call.
func (a *adapter) Start(ctx context.Context) error {
	return try(ctx, a.process, "start", "", func(ctx context.Context) error { return a.inner.(providers.Starter).Start(ctx) })
}

// Purge is one call.
func (a *adapter) Purge(ctx context.Context) error {
	return try(ctx, a.process, "purge", "", func(ctx context.Context) error { return a.inner.(providers.Purger).Purge(ctx) })
}

// Obstacles is one call.
func (a *adapter) Obstacles(ctx context.Context, specs []providers.Spec) ([]providers.Obstacle, error) {
	return run(ctx, a.process, "obstacles", "", func(ctx context.Context) ([]providers.Obstacle, error) {
		return a.inner.(providers.Readier).Obstacles(ctx, specs)
	})
}

// Invoke is one call.
func (a *adapter) Invoke(ctx context.Context, function string, r providers.Request) (providers.Response, error) {
	return run(ctx, a.process, "invoke", function, func(ctx context.Context) (providers.Response, error) {
		return a.inner.(providers.Invoker).Invoke(ctx, function, r)
	})
}

// Tail is one call.
func (a *adapter) Tail(ctx context.Context, function string, o providers.TailOptions, emit func(providers.LogLine) error) error {
	return try(ctx, a.process, "tail", function, func(ctx context.Context) error {
		return a.inner.(providers.LogTailer).Tail(ctx, function, o, emit)
	})
}

// Revisions is one call.
func (a *adapter) Revisions(ctx context.Context, function string) ([]providers.Revision, error) {
	return run(ctx, a.process, "revisions", function, func(ctx context.Context) ([]providers.Revision, error) {
		return a.inner.(providers.Pruner).Revisions(ctx, function)
	})
}

// Stored is one call.
func (a *adapter) Stored(ctx context.Context, function string, r providers.Revision) (bool, error) {
	return run(ctx, a.process, "stored", function, func(ctx context.Context) (bool, error) {
		return a.inner.(providers.Pruner).Stored(ctx, function, r)
	})
}

// Prune is one call.
func (a *adapter) Prune(ctx context.Context, function string, r providers.Revision, e providers.Epoch) error {
	return try(ctx, a.process, "prune", function, func(ctx context.Context) error {
		return a.inner.(providers.Pruner).Prune(ctx, function, r, e)
	})
}

// Functions is one call.
func (a *adapter) Functions(ctx context.Context) ([]string, error) {
	return run(ctx, a.process, "functions", "", func(ctx context.Context) ([]string, error) {
		return a.inner.(providers.Lister).Functions(ctx)
	})
}

// SetSecret is one call.
func (a *adapter) SetSecret(ctx context.Context, name string, value []byte) error {
	return try(ctx, a.process, "set secret", name, func(ctx context.Context) error {
		return a.inner.(providers.Vault).SetSecret(ctx, name, value)
	})
}

// Secrets is one call.
func (a *adapter) Secrets(ctx context.Context) ([]string, error) {
	return run(ctx, a.process, "secrets", "", func(ctx context.Context) ([]string, error) {
		return a.inner.(providers.Vault).Secrets(ctx)
	})
}

// RemoveSecret is one call.
func (a *adapter) RemoveSecret(ctx context.Context, name string) error {
	return try(ctx, a.process, "remove secret", name, func(ctx context.Context) error {
		return a.inner.(providers.Vault).RemoveSecret(ctx, name)
	})
}

// Pin is one call.
func (a *adapter) Pin(ctx context.Context, fn manifest.Function) (map[string]string, error) {
	return run(ctx, a.process, "pin", fn.Name, func(ctx context.Context) (map[string]string, error) {
		return a.inner.(providers.Pinner).Pin(ctx, fn)
	})
}

// Inspect is one call.
func (a *adapter) Inspect(ctx context.Context, s providers.Spec) ([]providers.Difference, error) {
	return run(ctx, a.process, "inspect", s.Function.Name, func(ctx context.Context) ([]providers.Difference, error) {
		return a.inner.(providers.Inspector).Inspect(ctx, s)
	})
}

// Adopt is one call.
func (a *adapter) Adopt(ctx context.Context, function string, e providers.Epoch) (providers.State, error) {
	return run(ctx, a.process, "adopt", function, func(ctx context.Context) (providers.State, error) {
		return a.inner.(providers.Adopter).Adopt(ctx, function, e)
	})
}

// Fence is one call.
func (a *adapter) Fence(ctx context.Context, functions []string, e providers.Epoch) error {
	return try(ctx, a.process, "fence", first(functions), func(ctx context.Context) error {
		return a.inner.(providers.Fencer).Fence(ctx, functions, e)
	})
}

// Epoch is one call.
func (a *adapter) Epoch(ctx context.Context, functions []string) (providers.Epoch, error) {
	return run(ctx, a.process, "epoch", first(functions), func(ctx context.Context) (providers.Epoch, error) {
		return a.inner.(providers.Fencer).Epoch(ctx, functions)
	})
}

func first(functions []string) string {
	if len(functions) == 0 {
		return ""
	}
	return functions[0]
}

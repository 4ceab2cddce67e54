package faults

import (
	"context"
	"fmt"
	"io"
	"reflect"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/providers"
)

// adapter makes every call of the contract through a Process. It has the methods of all optional abilities, and the
// abilities of the inner adapter.
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
	_ providers.Keyholder = (*adapter)(nil)
	_ providers.LogTailer = (*adapter)(nil)
	_ providers.Pruner    = (*adapter)(nil)
	_ providers.Lister    = (*adapter)(nil)
	_ providers.Vault     = (*adapter)(nil)
	_ providers.Pinner    = (*adapter)(nil)
	_ providers.Inspector = (*adapter)(nil)
	_ providers.Adopter   = (*adapter)(nil)
	_ providers.Reader    = (*adapter)(nil)
	_ providers.Fencer    = (*adapter)(nil)
	_ providers.Purger    = (*adapter)(nil)
	_ providers.Readier   = (*adapter)(nil)
	_ providers.Stepwise  = (*adapter)(nil)
	_ providers.Paced     = (*adapter)(nil)
	_ providers.Turner    = (*adapter)(nil)
	_ providers.Baser     = (*adapter)(nil)
	_ providers.Doctor    = (*adapter)(nil)
	_ providers.Warmer    = (*adapter)(nil)
	_ providers.Restarter = (*adapter)(nil)
	_ providers.Pager     = (*adapter)(nil)
	_ providers.Announcer = (*adapter)(nil)
	_ providers.Recorder  = (*adapter)(nil)
)

// Wrap puts the process between its caller and an adapter. What it returns has the optional abilities of the adapter and no
// other, as providers.As tells.
func (p *Process) Wrap(inner providers.Adapter) providers.Adapter {
	return &adapter{inner: inner, process: p}
}

// Unwrap is the adapter that is called; see providers.As.
func (a *adapter) Unwrap() providers.Adapter { return a.inner }

// able is an ability of what is wrapped, which has it: nobody asks for it else.
func able[T, O any](inner O) T {
	ability, ok := providers.As[T](inner)
	if !ok {
		panic(fmt.Sprintf("%T was asked to be a %v, which it is not: ask with providers.As", inner, reflect.TypeFor[T]()))
	}
	return ability
}

// Check is pure, so it is no call.
func (a *adapter) Check(fn manifest.Function) []providers.Issue { return a.inner.Check(fn) }

// Platform is pure, so it is no call.
func (a *adapter) Platform(fn manifest.Function) packager.Platform { return a.inner.Platform(fn) }

// Capabilities is pure, so it is no call.
func (a *adapter) Capabilities() providers.Capabilities { return a.inner.Capabilities() }

// Apart is pure, so it is no call.
func (a *adapter) Apart(from, to providers.Spec) bool {
	return able[providers.Stepwise](a.inner).Apart(from, to)
}

// Floor is pure, so it is no call.
func (a *adapter) Floor(specs []providers.Spec) string {
	return able[providers.Paced](a.inner).Floor(specs)
}

// Turn is pure, so it is no call.
func (a *adapter) Turn(now providers.State, to providers.Spec) (string, error) {
	return able[providers.Turner](a.inner).Turn(now, to)
}

// Over is pure, so it is no call.
func (a *adapter) Over(fn manifest.Function, base string) bool {
	return able[providers.Baser](a.inner).Over(fn, base)
}

// Base is one call.
func (a *adapter) Base(ctx context.Context, fn manifest.Function) (string, error) {
	return run(ctx, a.process, "base", fn.Name, func(ctx context.Context) (string, error) {
		return able[providers.Baser](a.inner).Base(ctx, fn)
	})
}

// FreshBase is one call.
func (a *adapter) FreshBase(ctx context.Context, fn manifest.Function) (string, error) {
	return run(ctx, a.process, "fresh base", fn.Name, func(ctx context.Context) (string, error) {
		return able[providers.Baser](a.inner).FreshBase(ctx, fn)
	})
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
		return able[providers.Prober](a.inner).Probe(ctx, s, r)
	})
}

// Switch is one call.
func (a *adapter) Switch(ctx context.Context, changes []providers.Change) ([]providers.State, error) {
	return run(ctx, a.process, "switch", changes[0].Spec.Function.Name, func(ctx context.Context) ([]providers.State, error) {
		return able[providers.Switcher](a.inner).Switch(ctx, changes)
	})
}

// Split is one call.
func (a *adapter) Split(ctx context.Context, changes []providers.Change, percent int) ([]providers.State, error) {
	return run(ctx, a.process, "split", changes[0].Spec.Function.Name, func(ctx context.Context) ([]providers.State, error) {
		return able[providers.Splitter](a.inner).Split(ctx, changes, percent)
	})
}

// Start is one call.
func (a *adapter) Start(ctx context.Context) error {
	return try(ctx, a.process, "start", "", func(ctx context.Context) error { return able[providers.Starter](a.inner).Start(ctx) })
}

// Purge is one call.
func (a *adapter) Purge(ctx context.Context) error {
	return try(ctx, a.process, "purge", "", func(ctx context.Context) error { return able[providers.Purger](a.inner).Purge(ctx) })
}

// Warm is one call.
func (a *adapter) Warm(ctx context.Context, s providers.Spec) error {
	return try(ctx, a.process, "warm", s.Function.Name, func(ctx context.Context) error {
		return able[providers.Warmer](a.inner).Warm(ctx, s)
	})
}

// Restart is one call.
func (a *adapter) Restart(ctx context.Context) error {
	return try(ctx, a.process, "restart", "", func(ctx context.Context) error {
		return able[providers.Restarter](a.inner).Restart(ctx)
	})
}

// Page is one call.
func (a *adapter) Page(ctx context.Context) (string, error) {
	return run(ctx, a.process, "page", "", func(ctx context.Context) (string, error) {
		return able[providers.Pager](a.inner).Page(ctx)
	})
}

// Announce is one call.
func (a *adapter) Announce(ctx context.Context, text string) error {
	return try(ctx, a.process, "announce", "", func(ctx context.Context) error {
		return able[providers.Announcer](a.inner).Announce(ctx, text)
	})
}

// Record is one call.
func (a *adapter) Record(ctx context.Context, each func(providers.Exchange) error) error {
	return try(ctx, a.process, "record", "", func(ctx context.Context) error {
		return able[providers.Recorder](a.inner).Record(ctx, each)
	})
}

// Obstacles is one call.
func (a *adapter) Obstacles(ctx context.Context, specs []providers.Spec) ([]providers.Obstacle, error) {
	return run(ctx, a.process, "obstacles", "", func(ctx context.Context) ([]providers.Obstacle, error) {
		return able[providers.Readier](a.inner).Obstacles(ctx, specs)
	})
}

// Invoke is one call.
func (a *adapter) Invoke(ctx context.Context, function string, r providers.Request) (providers.Response, error) {
	return run(ctx, a.process, "invoke", function, func(ctx context.Context) (providers.Response, error) {
		return able[providers.Invoker](a.inner).Invoke(ctx, function, r)
	})
}

// KeyHeader is no call.
func (a *adapter) KeyHeader() string { return able[providers.Keyholder](a.inner).KeyHeader() }

// Key is one call.
func (a *adapter) Key(ctx context.Context, function string) (string, error) {
	return run(ctx, a.process, "key", function, func(ctx context.Context) (string, error) {
		return able[providers.Keyholder](a.inner).Key(ctx, function)
	})
}

// Tail is one call.
func (a *adapter) Tail(ctx context.Context, function string, o providers.TailOptions, emit func(providers.LogLine) error) error {
	return try(ctx, a.process, "tail", function, func(ctx context.Context) error {
		return able[providers.LogTailer](a.inner).Tail(ctx, function, o, emit)
	})
}

// Revisions is one call.
func (a *adapter) Revisions(ctx context.Context, function string) ([]providers.Revision, error) {
	return run(ctx, a.process, "revisions", function, func(ctx context.Context) ([]providers.Revision, error) {
		return able[providers.Pruner](a.inner).Revisions(ctx, function)
	})
}

// Stored is one call.
func (a *adapter) Stored(ctx context.Context, function string, r providers.Revision) (bool, error) {
	return run(ctx, a.process, "stored", function, func(ctx context.Context) (bool, error) {
		return able[providers.Pruner](a.inner).Stored(ctx, function, r)
	})
}

// Prune is one call.
func (a *adapter) Prune(ctx context.Context, function string, r providers.Revision, e providers.Epoch) error {
	return try(ctx, a.process, "prune", function, func(ctx context.Context) error {
		return able[providers.Pruner](a.inner).Prune(ctx, function, r, e)
	})
}

// Functions is one call.
func (a *adapter) Functions(ctx context.Context) ([]string, error) {
	return run(ctx, a.process, "functions", "", func(ctx context.Context) ([]string, error) {
		return able[providers.Lister](a.inner).Functions(ctx)
	})
}

// SetSecret is one call.
func (a *adapter) SetSecret(ctx context.Context, name string, value []byte) error {
	return try(ctx, a.process, "set secret", name, func(ctx context.Context) error {
		return able[providers.Vault](a.inner).SetSecret(ctx, name, value)
	})
}

// Secrets is one call.
func (a *adapter) Secrets(ctx context.Context) ([]string, error) {
	return run(ctx, a.process, "secrets", "", func(ctx context.Context) ([]string, error) {
		return able[providers.Vault](a.inner).Secrets(ctx)
	})
}

// RemoveSecret is one call.
func (a *adapter) RemoveSecret(ctx context.Context, name string) error {
	return try(ctx, a.process, "remove secret", name, func(ctx context.Context) error {
		return able[providers.Vault](a.inner).RemoveSecret(ctx, name)
	})
}

// Pin is one call.
func (a *adapter) Pin(ctx context.Context, fn manifest.Function) (map[string]string, error) {
	return run(ctx, a.process, "pin", fn.Name, func(ctx context.Context) (map[string]string, error) {
		return able[providers.Pinner](a.inner).Pin(ctx, fn)
	})
}

// Inspect is one call.
func (a *adapter) Inspect(ctx context.Context, s providers.Spec) ([]providers.Difference, error) {
	return run(ctx, a.process, "inspect", s.Function.Name, func(ctx context.Context) ([]providers.Difference, error) {
		return able[providers.Inspector](a.inner).Inspect(ctx, s)
	})
}

// Diagnose is one call, whose failure is a finding.
func (a *adapter) Diagnose(ctx context.Context, functions []manifest.Function) []providers.Finding {
	findings, err := run(ctx, a.process, "diagnose", "", func(ctx context.Context) ([]providers.Finding, error) {
		return able[providers.Doctor](a.inner).Diagnose(ctx, functions), nil
	})
	if err != nil {
		return []providers.Finding{{Subject: "diagnose", Level: providers.LevelFailed, Message: err.Error()}}
	}
	return findings
}

// Adopt is one call.
func (a *adapter) Adopt(ctx context.Context, function string, e providers.Epoch) (providers.State, error) {
	return run(ctx, a.process, "adopt", function, func(ctx context.Context) (providers.State, error) {
		return able[providers.Adopter](a.inner).Adopt(ctx, function, e)
	})
}

// Read is one call.
func (a *adapter) Read(ctx context.Context, name string, code io.Writer) ([]byte, error) {
	return run(ctx, a.process, "read", name, func(ctx context.Context) ([]byte, error) {
		return able[providers.Reader](a.inner).Read(ctx, name, code)
	})
}

// Fence is one call.
func (a *adapter) Fence(ctx context.Context, functions []string, e providers.Epoch) error {
	return try(ctx, a.process, "fence", first(functions), func(ctx context.Context) error {
		return able[providers.Fencer](a.inner).Fence(ctx, functions, e)
	})
}

// Epoch is one call.
func (a *adapter) Epoch(ctx context.Context, functions []string) (providers.Epoch, error) {
	return run(ctx, a.process, "epoch", first(functions), func(ctx context.Context) (providers.Epoch, error) {
		return able[providers.Fencer](a.inner).Epoch(ctx, functions)
	})
}

func first(functions []string) string {
	if len(functions) == 0 {
		return ""
	}
	return functions[0]
}

// Package local deploys to the platform embedded in ferry: this machine, without an account.
package local

import (
	"time"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/local/platform"
)

// Provider is the local platform's registration.
func Provider() providers.Provider {
	return providers.Provider{
		Name:   name,
		Blocks: manifest.Blocks{Target: &target{}, Function: &function{}},
		Facts:  providers.Facts{Limits: limits()},
		New:    New,
		Host:   func(h providers.Home, version string) providers.Host { return newHost(h, version) },
	}
}

const name = "local"

// Adapter deploys one service and stage to the platform of one home.
type Adapter struct {
	scope        platform.Scope
	ledger       string // the target's name
	target       target
	home         platform.Home
	client       *platform.Client
	interpreters *interpreters
	table        snapshot
}

var (
	_ providers.Adapter   = (*Adapter)(nil)
	_ providers.Prober    = (*Adapter)(nil)
	_ providers.Switcher  = (*Adapter)(nil)
	_ providers.Splitter  = (*Adapter)(nil)
	_ providers.Starter   = (*Adapter)(nil)
	_ providers.Restarter = (*Adapter)(nil)
	_ providers.Warmer    = (*Adapter)(nil)
	_ providers.Pager     = (*Adapter)(nil)
	_ providers.Invoker   = (*Adapter)(nil)
	_ providers.LogTailer = (*Adapter)(nil)
	_ providers.Pruner    = (*Adapter)(nil)
	_ providers.Lister    = (*Adapter)(nil)
	_ providers.Vault     = (*Adapter)(nil)
	_ providers.Fencer    = (*Adapter)(nil)
	_ providers.Purger    = (*Adapter)(nil)
)

// New makes an adapter. It touches no disk.
func New(c providers.Config) (providers.Adapter, error) {
	a := &Adapter{
		scope:        platform.Scope{Service: c.Service, Stage: c.Stage},
		ledger:       c.Target,
		home:         platform.Home(c.Home.State),
		client:       newHost(c.Home, "").client,
		interpreters: newInterpreters(c),
	}
	if problems := c.Block.Decode(&a.target); len(problems) > 0 {
		return nil, problems
	}
	if err := a.target.check(c.Target); err != nil {
		return nil, err
	}
	return a, nil
}

// Platform is this machine, with the interpreter that it has.
func (a *Adapter) Platform(fn manifest.Function) packager.Platform {
	return hostPlatform(a.interpreters.runtime(fn.Runtime))
}

// Capabilities are all.
func (a *Adapter) Capabilities() providers.Capabilities {
	return providers.Capabilities{
		Fenced: true, PausesEvents: true, Probes: true, Splits: true, Settling: time.Minute,
	}
}

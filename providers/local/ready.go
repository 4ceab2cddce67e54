package local

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/local/platform"
)

var _ providers.Readier = (*Adapter)(nil)

// Obstacles looks at what runs functions, at the values of their secrets, and whether what is live can be reached. It
// needs no running platform.
func (a *Adapter) Obstacles(ctx context.Context, specs []providers.Spec) ([]providers.Obstacle, error) {
	const op = "start"
	t, err := a.table.read(a.home, a.scope)
	set, listing := a.home.Secrets(a.scope)
	if err := errors.Join(err, listing); err != nil {
		return nil, a.classify(op, "", err)
	}
	var found []providers.Obstacle
	add := func(fn string, err error, passing bool) {
		var e *providers.Error
		if errors.As(a.classify(op, fn, err), &e) {
			found = append(found, providers.Obstacle{Err: e, Passing: passing})
		}
	}
	for _, s := range specs {
		fn := s.Function
		add(fn.Name, secretsExist(fn.Name, s.Secrets, set), false)
		passing, err := a.runs(fn, t.Functions[fn.Name].Revision)
		add(fn.Name, err, passing)
	}
	err = a.reached(ctx, t)
	add("", err, platform.CodeOf(err) == platform.CodeNotRunning)
	return found, nil
}

// runs fails when a function cannot be started, or its live revision, if it has one. It says whether a start finds what
// is missing.
func (a *Adapter) runs(fn manifest.Function, live string) (passing bool, err error) {
	if interpreted(fn.Runtime) && a.interpreters.find(fn.Runtime).Path == "" {
		return false, missing(fn.Name, fn.Runtime)
	}
	if live == "" {
		return false, nil
	}
	r, err := a.home.Revision(a.scope, fn.Name, live)
	switch {
	case platform.CodeOf(err) == platform.CodeNotFound || err == nil && !a.home.Unpacked(a.scope, fn.Name, r):
		return false, a.lost(fn.Name, live)
	case err != nil || !programGone(r):
		return false, err
	}
	gone := &providers.Error{
		Kind: providers.NotFound, Op: "start", Provider: name, Function: fn.Name, Hint: "run `ferry remove`, then `ferry deploy`",
		Err: fmt.Errorf("%s, which runs it, is gone", interpreterOf(r)),
	}
	passing = a.interpreters.find(manifest.Runtime(r.Interpreter)).Path != ""
	if passing {
		gone.Hint = "run `ferry deploy`, which finds another one"
	}
	return passing, gone
}

// lost is the failure of a live revision whose files are gone, unless it is live no more.
func (a *Adapter) lost(fn, id string) error {
	t, err := a.home.Table(a.scope)
	if err != nil || t.Functions[fn].Revision != id {
		return err
	}
	return &providers.Error{
		Kind: providers.NotFound, Op: "start", Provider: name, Function: fn, Hint: "run `ferry remove`, then `ferry deploy`",
		Err: fmt.Errorf("the files of its live revision %s are gone", id),
	}
}

// interpreterOf is the program that a revision is started by, where ferry's own link to it leads.
func interpreterOf(r platform.Revision) string {
	if to, err := os.Readlink(r.Command[0]); err == nil {
		return to
	}
	return r.Command[0]
}

func programGone(r platform.Revision) bool {
	_, err := os.Stat(r.Command[0])
	return filepath.IsAbs(r.Command[0]) && err != nil
}

// follow has the live revisions start by interpreters that are there.
func (a *Adapter) follow(t platform.Table) error {
	for fn, e := range t.Functions {
		for _, id := range e.Revisions() {
			r, err := a.home.Revision(a.scope, fn, id)
			if err != nil || !programGone(r) {
				continue // it is no case for a start
			}
			if found := a.interpreters.find(manifest.Runtime(r.Interpreter)); found.Path != "" {
				if r.Command[0], err = a.program(found, manifest.Runtime(r.Interpreter)); err != nil {
					return err
				}
				if err := a.home.Describe(a.scope, fn, r); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// reached fails when what is live does not answer, or could not; CodeNotRunning is what a start takes away.
func (a *Adapter) reached(ctx context.Context, t platform.Table) error {
	if err := platform.Usable(); err != nil {
		return err
	}
	address := a.target.address()
	if a.home.Running() {
		const patience = 10 * time.Second // it answers at once, unless it waits for requests to finish
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		return a.client.Reach(ctx, platform.OpenRequest{Scope: a.scope, Address: address})
	}
	for _, fn := range slices.Sorted(maps.Keys(t.Functions)) {
		if err := platform.PortFree(a.scope, fn, t.Functions[fn].Port); err != nil {
			return err
		}
	}
	if err := platform.PortFree(a.scope, "", cmp.Or(address.Port, t.Port)); err != nil || t.Port == 0 {
		return err
	}
	return &platform.Error{Code: platform.CodeNotRunning, Message: "the local platform is not running"}
}

// Start starts the platform, has it listen for what is live, and looks for interpreters that moved.
func (a *Adapter) Start(ctx context.Context) error {
	err := a.start(ctx)
	if err == nil {
		var t platform.Table
		if t, err = a.table.read(a.home, a.scope); err == nil {
			err = a.follow(t)
		}
		if err == nil && t.Port != 0 {
			_, err = a.client.Open(ctx, platform.OpenRequest{Scope: a.scope, Address: a.target.address()})
		}
	}
	return a.classify("start", "", err)
}

// Restart replaces all instances.
func (a *Adapter) Restart(ctx context.Context) error {
	err := a.start(ctx)
	if err == nil {
		err = a.client.Renew(ctx, platform.SecretRequest{Scope: a.scope})
	}
	return a.classify("restart", "", err)
}

func (a *Adapter) start(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !a.home.Running() {
		if providers.IsAttended(ctx) {
			return &platform.Error{Code: platform.CodeNotRunning, Message: "the local platform has ended"}
		}
		providers.Stage(ctx, "starting the local platform")
	}
	return a.client.Ensure(ctx)
}

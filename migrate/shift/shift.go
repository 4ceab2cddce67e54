// Package shift moves a service that is live on one target to another, a share of its requests after the other.
//
// Each side has a ledger of its own, and the file of its lock names the migration until it ends: what is no part of it is
// refused there. The old side's says how far it came; every step writes it down before it begins, and can be taken again after
// a kill. The code of the user is the same on both sides all the time: what changes is the shim, which on the old side hands
// requests over and on the new side takes them (see manifest.MigrationVariable).
//
//	start   the new side is deployed beside, without events
//	shift   a revision of each function of the old side that forwards its share; no share is the release that served before
//	commit  all requests are forwarded, the new side is deployed as the manifest says, with its events; then the events of
//	        the old side end
//	abort   the release that served before serves again; the new side goes back to what it was
package shift

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/release"
)

// The states of a migration, on the old side.
const (
	Starting   = "starting"
	Started    = "started"
	Committing = "committing"
	Aborting   = "aborting"
)

// How a migration ends, and that there is none.
const (
	Committed = release.Committed
	Aborted   = release.Aborted
	None      = "none"
)

// Move is a service on the way from one target to another.
type Move struct {
	From, To *release.Engine
}

// Report is how things stand with a migration.
type Report struct {
	From    string            `json:"from"`
	To      string            `json:"to"`
	State   string            `json:"state"` // of those above
	Percent int               `json:"percent"`
	URLs    map[string]string `json:"urls,omitempty"` // of the functions on the new side
	Stays   []Stay            `json:"stays,omitempty"`
	// Changing says what each change of the share costs.
	Changing string `json:"changing,omitempty"`
	// Ended is how the last one ended, where nothing was released on the old side since.
	Ended *release.Move `json:"ended,omitempty"`
}

func (m *Move) from() string { return m.From.Manifest.Target.Name }

func (m *Move) to() string { return m.To.Manifest.Target.Name }

// Status is how things stand. It changes nothing.
func (m *Move) Status(ctx context.Context) (*Report, error) {
	now, err := m.From.Migration(ctx)
	if err != nil {
		return nil, err
	}
	if now == nil || now.From != m.from() || now.To != m.to() {
		ended, err := m.ended(ctx)
		return &Report{From: m.from(), To: m.to(), State: None, Ended: ended}, err
	}
	return m.report(now), nil
}

func (m *Move) report(now *release.Migration) *Report {
	return &Report{From: now.From, To: now.To, State: now.State, Percent: now.Percent, URLs: now.URLs, Stays: m.stays(), Changing: m.changing()}
}

// current is the migration that a step goes on with.
func (m *Move) current(ctx context.Context) (*release.Migration, error) {
	now, err := m.From.Migration(ctx)
	switch {
	case err != nil:
		return nil, err
	case now == nil:
		return nil, m.none(ctx)
	}
	return now, m.same(now)
}

// same refuses to go on with a migration of other targets.
func (m *Move) same(now *release.Migration) error {
	if now.From == m.from() && now.To == m.to() {
		return nil
	}
	return conflict(fmt.Errorf("the service is being moved from %s to %s", now.From, now.To), now.Ending())
}

// Start deploys the service beside, where nothing is sent to it yet.
func (m *Move) Start(ctx context.Context) (*Report, error) {
	now, err := m.begin(ctx)
	if err != nil {
		return nil, err
	}
	if now.State != Starting {
		return m.report(now), nil
	}
	sum := sha256.Sum256([]byte(now.Secret))
	accepts := func(fn manifest.Function) told {
		return told{To: m.to(), Accepts: hex.EncodeToString(sum[:]), Key: m.keyHeader(fn.Name)}
	}
	side := m.To.As(release.Part{ID: now.ID, Functions: func(all []manifest.Function) []manifest.Function { return silent(telling(all, accepts)) }})
	if err := m.deploy(ctx, side); err != nil {
		return nil, err
	}
	if now.URLs, err = m.addresses(ctx, side); err != nil {
		return nil, err
	}
	if err := m.admit(ctx, now); err != nil {
		return nil, err
	}
	now.State = Started
	return m.report(now), m.From.As(release.Part{ID: now.ID}).SetMigration(ctx, now)
}

// begin writes the migration down on both sides, or finds the one that was begun.
func (m *Move) begin(ctx context.Context) (*release.Migration, error) {
	now, err := m.From.Migration(ctx)
	if err != nil {
		return nil, err
	}
	if now == nil {
		if now, err = m.prepare(ctx); err != nil {
			return nil, err
		}
		if err := m.From.As(release.Part{ID: now.ID}).SetMigration(ctx, now); err != nil {
			return nil, err
		}
	}
	if err := m.same(now); err != nil || now.State != Starting {
		return now, err
	}
	there, err := m.To.Migration(ctx)
	if err != nil || there != nil {
		return now, err // of another one the deploy says so
	}
	status, err := m.To.Status(ctx)
	if err != nil {
		return nil, err
	}
	other := *now
	other.Base, other.Secret, other.State = status.Release, "", Started
	return now, m.To.As(release.Part{ID: now.ID}).SetMigration(ctx, &other)
}

// prepare is a migration that nothing keeps from starting.
func (m *Move) prepare(ctx context.Context) (*release.Migration, error) {
	if err := m.possible(ctx); err != nil {
		return nil, err
	}
	status, err := m.From.Status(ctx)
	if err != nil {
		return nil, err
	}
	if err := settled(status, m.from()); err != nil {
		return nil, err
	}
	if err := m.stillHere(ctx); err != nil {
		return nil, err
	}
	if err := m.apart(ctx, status); err != nil {
		return nil, err
	}
	if err := m.unchanged(ctx, status.Release); err != nil {
		return nil, err
	}
	if _, err := m.To.As(release.Part{}).Plan(ctx, nil); err != nil { // what commit would fail at, such as a queue that is not there
		return nil, err
	}
	there, err := m.To.Status(ctx)
	if err != nil {
		return nil, err
	}
	if err := finished(there, m.to()); err != nil {
		return nil, err
	}
	return &release.Migration{
		ID: rand.Text(), From: m.from(), To: m.to(), State: Starting, Base: status.Release, Secret: rand.Text(),
	}, nil
}

// Shift has the old side forward a share of its requests. None is what served before.
func (m *Move) Shift(ctx context.Context, percent int) (*Report, error) {
	now, err := m.current(ctx)
	if err != nil {
		return nil, err
	}
	if now.State != Started {
		return nil, conflict(fmt.Errorf("the migration is %s", now.State), "finish that with `ferry migrate "+Step(now.State)+"`")
	}
	if err := m.shift(ctx, now, percent); err != nil {
		return nil, err
	}
	now.Percent = percent
	done := m.report(now)
	done.Stays = nil // as the start listed it
	return done, m.From.As(release.Part{ID: now.ID}).SetMigration(ctx, now)
}

func (m *Move) shift(ctx context.Context, now *release.Migration, percent int) error {
	if percent == 0 {
		_, err := m.From.As(release.Part{ID: now.ID}).Return(ctx, now.Base)
		return err
	}
	return m.forward(ctx, now, func(all []manifest.Function) []manifest.Function {
		return m.forwarding(all, now, told{Percent: percent})
	})
}

// forward makes what forwards of the old side's functions serve there. Their code is what served when the migration began.
func (m *Move) forward(ctx context.Context, now *release.Migration, functions func([]manifest.Function) []manifest.Function) error {
	if err := m.unchanged(ctx, now.Base); err != nil {
		return err
	}
	return m.deploy(ctx, m.From.As(release.Part{ID: now.ID, Base: now.Base, Functions: functions}))
}

// Commit gives everything to the new side: requests first, then events.
func (m *Move) Commit(ctx context.Context) (*Report, error) {
	if done, err := m.ended(ctx); err != nil || is(done, Committed) {
		return m.again(done), err
	}
	now, err := m.current(ctx)
	if err != nil {
		return nil, err
	}
	if now.State != Started && now.State != Committing {
		return nil, conflict(fmt.Errorf("the migration is %s", now.State), "finish that with `ferry migrate "+Step(now.State)+"`")
	}
	part := release.Part{ID: now.ID}
	if now.State == Started {
		if err := m.committable(ctx, now); err != nil {
			return nil, err
		}
	}
	now.State = Committing
	if err := m.From.As(part).SetMigration(ctx, now); err != nil {
		return nil, err
	}
	final := func(all []manifest.Function) []manifest.Function {
		return m.forwarding(all, now, told{Percent: 100, Final: true})
	}
	requests := m.From.Manifest.Functions
	if slices.ContainsFunc(requests, callable) {
		if err := m.forward(ctx, now, final); err != nil {
			return nil, err
		}
	}
	if err := m.deploy(ctx, m.To.As(part)); err != nil {
		return nil, err
	}
	if err := m.retire(ctx, now, final); err != nil {
		return nil, err
	}
	now.Percent = 100
	return m.end(ctx, now)
}

// retire leaves on the old side what forwards, without events.
func (m *Move) retire(ctx context.Context, now *release.Migration, final func([]manifest.Function) []manifest.Function) error {
	if !slices.ContainsFunc(m.From.Manifest.Functions, callable) {
		_, err := m.From.As(release.Part{ID: now.ID}).Remove(ctx, release.RemoveOptions{})
		return err
	}
	return m.forward(ctx, now, func(all []manifest.Function) []manifest.Function {
		return slices.DeleteFunc(silent(final(all)), func(fn manifest.Function) bool { return !callable(fn) })
	})
}

// Abort makes what served before serve again on both sides. Where nothing is being moved it has nothing to do, unless it was moved.
func (m *Move) Abort(ctx context.Context) (*Report, error) {
	switch done, err := m.ended(ctx); {
	case err != nil:
		return nil, err
	case is(done, Committed):
		return nil, conflict(fmt.Errorf("%s is not what serves any more: %s", m.from(), in(done)), m.goBack())
	case is(done, Aborted):
		return m.again(done), nil
	}
	if now, err := m.From.Migration(ctx); err == nil && now == nil {
		return &Report{From: m.from(), To: m.to(), State: None}, nil
	}
	now, err := m.current(ctx)
	if err != nil {
		return nil, err
	}
	there, err := m.To.Migration(ctx)
	if err != nil {
		return nil, err
	}
	ours := there != nil && there.ID == now.ID
	if now.State == Committing && !ours { // commit ends it on the new side when all is done
		return nil, conflict(fmt.Errorf("%s has taken everything over: the migration can only be committed", m.to()), "finish that with `ferry migrate commit`")
	}
	part := release.Part{ID: now.ID}
	now.State = Aborting
	if err := m.From.As(part).SetMigration(ctx, now); err != nil {
		return nil, err
	}
	if _, err := m.From.As(part).Return(ctx, now.Base); err != nil {
		return nil, err
	}
	if err := m.forgetKeys(ctx); err != nil {
		return nil, err
	}
	if ours {
		if err := m.clear(ctx, m.To.As(part), there.Base); err != nil {
			return nil, err
		}
	}
	now.Percent = 0
	return m.end(ctx, now)
}

// clear makes of the new side what it was.
func (m *Move) clear(ctx context.Context, side *release.Engine, base int) error {
	if base > 0 {
		_, err := side.Return(ctx, base)
		return err
	}
	if err := side.Undo(ctx); err != nil {
		return err
	}
	_, err := side.Remove(ctx, release.RemoveOptions{})
	return err
}

// end takes the migration out of both ledgers.
func (m *Move) end(ctx context.Context, now *release.Migration) (*Report, error) {
	part := release.Part{ID: now.ID}
	there, err := m.To.Migration(ctx)
	if err == nil && there != nil && there.ID == now.ID {
		err = m.To.As(part).SetMigration(ctx, nil)
	}
	done := m.report(now)
	done.State = Committed
	if now.State == Aborting {
		done.State = Aborted
	}
	if err == nil {
		err = m.From.As(part).EndMigration(ctx, now, done.State)
	}
	if err != nil {
		return nil, err
	}
	return done, nil
}

// deploy makes a side what its part says. An attempt at it that was left half way is finished first.
func (m *Move) deploy(ctx context.Context, side *release.Engine) error {
	status, err := side.Status(ctx)
	if err != nil {
		return err
	}
	if status.Unfinished > 0 {
		if _, err := side.Resume(ctx, false); err != nil {
			return err
		}
	}
	_, err = side.Deploy(ctx, release.DeployOptions{})
	return err
}

// addresses are where the functions of the new side answer.
func (m *Move) addresses(ctx context.Context, side *release.Engine) (map[string]string, error) {
	status, err := side.Status(ctx)
	if err != nil {
		return nil, err
	}
	urls := map[string]string{}
	for _, fn := range side.Manifest.Functions {
		if !callable(fn) {
			continue
		}
		if urls[fn.Name] = status.Functions[fn.Name].URL; urls[fn.Name] == "" {
			return nil, fmt.Errorf("%s has no address on %s", fn.Name, m.to())
		}
	}
	return urls, nil
}

package release

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/providers"
)

// Remove takes the service off the target. The ledger stays, so that a rollback can bring it back, unless
// it is purged.
func (e *Engine) Remove(ctx context.Context, o RemoveOptions) (*Removal, error) {
	l, err := e.openLedger(ctx)
	if err != nil {
		return nil, err
	}
	made, err := e.made(ctx)
	if err != nil {
		return nil, err
	}
	s, err := e.look(ctx, l, made)
	if err != nil {
		return nil, err
	}
	if len(made) == 0 && s.lockTag == "" {
		if o.Purge { // of an interrupted purge something may be left
			err = errors.Join(e.forget(ctx), l.dispose(ctx))
		}
		return &Removal{Removed: []string{}, Purged: o.Purge && err == nil}, err
	}
	a, ctx, err := e.begin(ctx, l, s, claim{force: o.Force})
	if err != nil {
		return nil, err
	}
	if err := a.recollect(ctx); err != nil {
		return nil, a.quit(ctx, err, a.lock.taken.Unfinished)
	}
	removed, err := a.remove(ctx, made)
	if err != nil {
		failure := &Error{Outcome: OutcomePartial, Release: s.head.Number, Err: err}
		if a.lost(ctx) {
			return nil, failure
		}
		return nil, errors.Join(failure, a.close(ctx, a.lock.taken.Unfinished))
	}
	if err := a.close(ctx, 0); err != nil {
		return nil, err
	}
	if o.Purge {
		if err = e.forget(ctx); err == nil {
			err = l.purge(ctx)
		}
	}
	return &Removal{Removed: removed, Purged: o.Purge && err == nil}, err
}

// forget has the place forget what it keeps of the service beside functions and store.
func (e *Engine) forget(ctx context.Context) error {
	if p, ok := e.Adapter.(providers.Purger); ok {
		return p.Purge(ctx)
	}
	return nil
}

// made are the functions that exist: as the provider lists them, else as the manifest names them.
func (e *Engine) made(ctx context.Context) ([]string, error) {
	if l, ok := e.Adapter.(providers.Lister); ok {
		return l.Functions(ctx)
	}
	return e.names(), nil
}

// recollect adds the functions of the newest attempts to those that are looked at: one that failed may have left
// something of a function that was never made.
func (a *attempt) recollect(ctx context.Context) error {
	const attempts = 20
	newest := a.lock.taken.Attempt
	records, err := a.ledger.newest(ctx, newest, min(newest, attempts))
	for _, r := range records {
		if err == nil {
			err = a.also(ctx, a.scene, r.Functions)
		}
	}
	return err
}

// remove deletes every function that exists or that the ledger knows, then commits that nothing is live. It
// returns the names of those that were there.
func (a *attempt) remove(ctx context.Context, made []string) ([]string, error) {
	names := slices.Collect(maps.Keys(a.scene.states))
	if a.scene.last != nil {
		names = append(names, slices.Collect(maps.Keys(a.scene.last.Functions))...)
	}
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	err := each(ctx, names, callLimit, func(ctx context.Context, name string) error {
		if err := a.lock.check(ctx); err != nil {
			return err
		}
		return a.Adapter.Remove(ctx, name, a.lock.epoch())
	})
	if err != nil {
		return nil, err
	}
	states, err := a.statuses(ctx, names)
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, name := range names {
		if states[name].Revision != nil {
			errs = append(errs, noEffect("remove", a.Manifest.Target.Provider, name))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if last := a.scene.last; last != nil && last.unfinished(a.scene.head) {
		if err := a.ledger.giveUp(ctx, last, a.now()); err != nil {
			return nil, err
		}
	}
	if a.scene.head.Number == 0 {
		return made, nil
	}
	next := a.scene.head
	next.Number, next.Source, next.Epoch, next.Fences = 0, 0, a.lock.taken.Epoch, nil
	_, err = a.ledger.setHead(ctx, next, a.scene.headTag)
	return made, err
}

// purge deletes the service's ledger, the packages that no other ledger in the store names, and the store itself
// when that was all.
func (l *ledger) purge(ctx context.Context) error {
	keys, err := l.store.List(ctx, "")
	if err != nil {
		return err
	}
	used := map[string]bool{}
	var own []string
	for _, key := range keys {
		switch {
		case strings.HasPrefix(key, l.prefix):
			own = append(own, key)
		case strings.Contains(key, "/releases/"):
			if err := l.packagesOf(ctx, key, used); err != nil {
				return err
			}
		}
	}
	for _, key := range keys {
		if strings.HasPrefix(key, "artifacts/") && !used[key] {
			own = append(own, key)
		}
	}
	if err := each(ctx, own, callLimit, func(ctx context.Context, key string) error {
		return l.store.Delete(ctx, key, providers.Condition{})
	}); err != nil {
		return err
	}
	return l.dispose(ctx)
}

// dispose takes away a store in which nothing is left, where that is something that can be taken away.
func (l *ledger) dispose(ctx context.Context) error {
	if d, ok := l.store.(providers.Disposer); ok {
		return d.Dispose(ctx)
	}
	return nil
}

// packagesOf adds the packages that a record names.
func (l *ledger) packagesOf(ctx context.Context, key string, used map[string]bool) error {
	o, err := l.store.Get(ctx, key)
	if err != nil {
		return err
	}
	data, err := io.ReadAll(o.Body)
	if err := errors.Join(err, o.Body.Close()); err != nil {
		return err
	}
	var r Record
	if err := json.Unmarshal(data, &r); err != nil {
		return err
	}
	for _, f := range r.Functions {
		used[f.Artifact.key()] = true
	}
	return nil
}

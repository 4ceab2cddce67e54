package release

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
)

// takeForeign takes over functions that ferry did not make, or refuses them all at once.
func (a *attempt) takeForeign(ctx context.Context, p *Plan) error {
	adopter, able := providers.As[providers.Adopter](a.Adapter)
	hint := "rename the function, or remove what has its name"
	if able {
		hint = "run `ferry deploy --adopt` to take it over, or rename the function"
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(a.scene.states)) {
		if !a.scene.states[name].Foreign {
			continue
		}
		if !a.takeOver || !able {
			errs = append(errs, &providers.Error{
				Kind: providers.Foreign, Op: "deploy", Provider: a.Manifest.Target.Provider, Function: name, Hint: hint,
				Err: errors.New(foreign),
			})
			continue
		}
		if err := a.lock.check(ctx); err != nil {
			return err
		}
		st, err := adopter.Adopt(ctx, name, a.lock.epoch())
		if err != nil {
			return err
		}
		a.scene.states[name] = st
		if d := a.scene.drift(name, a.scene.liveFunctions()[name].Revision.ID); d != nil {
			p.Drift = append(p.Drift, *d)
		}
	}
	return errors.Join(errs...)
}

const foreign = "something with its name already exists, and ferry did not make it"

// baseline writes down what serves as a release of its own, so that a rollback can come back to it. Nothing
// at the provider changes. What the ledger knows of a function is kept; of one that was changed by hand only
// the revision is known.
func (a *attempt) baseline(ctx context.Context) error {
	functions := map[string]FunctionRecord{}
	for _, name := range slices.Sorted(maps.Keys(a.scene.states)) {
		r := a.scene.states[name].Revision
		if r == nil {
			continue
		}
		f, known := a.scene.liveFunctions()[name]
		if !known || f.Revision.ID != r.ID {
			f = FunctionRecord{Function: manifest.Function{Name: name}, Digest: r.Digest, Revision: *r}
		} else {
			f = f.madeFor(a.scene.live)
		}
		functions[name] = f
	}
	taken := &attempt{Engine: a.Engine, ledger: a.ledger, lock: a.lock, scene: a.scene}
	taken.record = a.newRecord(a, KindAdopt, "what served when it was adopted", functions)
	taken.record.State, taken.record.Before = StateActivating, a.scene.states
	if err := taken.save(ctx); err != nil {
		return err
	}
	if err := taken.commit(ctx); err != nil {
		return err
	}
	a.scene.live = taken.record
	return a.lock.renumber(ctx)
}

// renumber takes the next number, for a second record under the same lock.
func (k *lock) renumber(ctx context.Context) error {
	k.taken.Attempt++
	return k.update(ctx, func(f *lockFile) { f.Attempt = k.taken.Attempt })
}

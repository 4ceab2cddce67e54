package release

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"slices"
	"time"

	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/providers"
)

// publish stores the package and the revision of every changed function, and writes down the revisions of
// the others.
func (a *attempt) publish(ctx context.Context) error {
	for name, f := range a.record.Functions {
		if !slices.Contains(a.changed, name) {
			f.Revision = *a.found()[name].Revision
			a.record.Functions[name] = f
		}
	}
	all := func(ctx context.Context) error {
		return each(ctx, a.changed, callLimit, func(ctx context.Context, name string) error {
			return a.track(ctx, StepPublish, name, len(a.changed), func(ctx context.Context) error { return a.publishOne(ctx, name) })
		})
	}
	floor := a.floor(a.unpublished())
	if floor == "" {
		return all(ctx)
	}
	return a.track(ctx, StepPublish, "", len(a.changed), func(ctx context.Context) error {
		providers.Stage(ctx, floor)
		return all(ctx)
	})
}

// unpublished are the changed functions that have no revision yet.
func (a *attempt) unpublished() []providers.Spec {
	var specs []providers.Spec
	for _, name := range a.changed {
		if f := a.record.Functions[name]; f.Revision.ID == "" {
			specs = append(specs, f.spec())
		}
	}
	return specs
}

// floor says how long publishing these takes at the least, where the provider knows.
func (e *Engine) floor(specs []providers.Spec) string {
	p, ok := providers.As[providers.Paced](e.Adapter)
	if !ok {
		return ""
	}
	return p.Floor(specs)
}

func (a *attempt) publishOne(ctx context.Context, name string) error {
	f := a.function(name)
	if kept, err := a.kept(ctx, name, f.Revision); err != nil || kept {
		return err
	}
	var r providers.Revision
	publish := func(path string) (err error) {
		s := f.spec()
		s.Artifact.Path = path
		if err := a.lock.check(ctx); err != nil {
			return err
		}
		r, err = a.Adapter.Publish(ctx, s, a.lock.epoch())
		return err
	}
	var err error
	if _, ok := a.built[name]; ok {
		err = a.withBuilt(ctx, name, func(p packager.Artifact) error { return publish(p.Path) })
	} else {
		err = a.withStored(ctx, name, f.Artifact, publish)
	}
	if err != nil {
		return err
	}
	if r.Digest != f.Digest {
		return &providers.Error{
			Kind: providers.Conflict, Op: "publish", Provider: a.Manifest.Target.Provider, Function: name,
			Err: fmt.Errorf("revision %s holds %s instead of %s", r.ID, short(r.Digest), short(f.Digest)),
		}
	}
	f.Revision = r
	a.mu.Lock()
	defer a.mu.Unlock()
	a.record.Functions[name] = f
	return nil
}

// kept reports whether the provider still holds a revision that was published before.
func (e *Engine) kept(ctx context.Context, name string, r providers.Revision) (bool, error) {
	p, ok := providers.As[providers.Pruner](e.Adapter)
	if !ok || r.ID == "" {
		return false, nil
	}
	return p.Stored(ctx, name, r)
}

// keep stores the packages that were built for these functions. It comes before their record is written, so
// that every release can be published from the store alone.
func (a *attempt) keep(ctx context.Context, functions map[string]FunctionRecord) error {
	first := map[string]string{} // functions by the key of their package
	for name := range a.built {
		if r := functions[name].Artifact; !a.scene.stored(r) {
			first[a.ledger.packageKey(r)] = name
		}
	}
	return each(ctx, slices.Sorted(maps.Keys(first)), callLimit, func(ctx context.Context, key string) error {
		return a.withBuilt(ctx, first[key], func(p packager.Artifact) error { return a.keepOne(ctx, key, p) })
	})
}

func (a *attempt) keepOne(ctx context.Context, key string, p packager.Artifact) error {
	content, err := p.Open()
	if err != nil {
		return err
	}
	defer content.Close()
	_, err = a.ledger.store.Put(ctx, key, content, providers.IfAbsent())
	if errors.Is(err, providers.Conflict) {
		return nil // the key is the content's digest: it is there already
	}
	return err
}

// withBuilt does something with a package that was built. One that turns out to be damaged when it is read is built again.
func (a *attempt) withBuilt(ctx context.Context, name string, do func(packager.Artifact) error) error {
	a.mu.Lock()
	p := a.built[name]
	a.mu.Unlock()
	err := do(p)
	if !errors.Is(err, packager.ErrDamaged) {
		return err
	}
	fn, err := a.fit(name)
	if err != nil {
		return err
	}
	if p, err = a.Packager.Rebuild(ctx, fn, a.Adapter.Platform(fn), p); err != nil {
		return err
	}
	a.mu.Lock()
	a.built[name] = p
	a.mu.Unlock()
	return do(p)
}

// stored reports whether the live release has this package, so that it need not be sent again.
func (s *scene) stored(r packager.Description) bool {
	if s.live == nil {
		return false
	}
	for f := range maps.Values(s.live.Functions) {
		if f.Artifact.ZipDigest == r.ZipDigest {
			return true
		}
	}
	return false
}

// withStored does something with a package from the store, which is proved to be the recorded one.
func (a *attempt) withStored(ctx context.Context, name string, r packager.Description, do func(path string) error) error {
	o, err := a.ledger.openPackage(ctx, r)
	if errors.Is(err, providers.NotFound) {
		return notFound("fetch the package", name, err, "deploy that version's sources again")
	}
	if err != nil {
		return err
	}
	defer o.Body.Close()
	file, err := os.CreateTemp("", "ferry-"+name+"-*.zip")
	if err != nil {
		return fmt.Errorf("fetching the package of %s: %w", name, err)
	}
	defer os.Remove(file.Name())
	_, err = io.Copy(file, packager.Verified(o.Body, r.ZipDigest))
	if err := errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("fetching the package of %s: %s: %w", name, path.Base(a.ledger.packageKey(r)), err)
	}
	return do(file.Name())
}

// probe starts every changed revision that can be started before it goes live.
func (a *attempt) probe(ctx context.Context) error {
	p, ok := providers.As[providers.Prober](a.Adapter)
	if !ok {
		return nil
	}
	var skipped table[error]
	err := each(ctx, a.changed, callLimit, func(ctx context.Context, name string) error {
		f := a.function(name)
		return a.track(ctx, StepProbe, name, len(a.changed), func(ctx context.Context) error {
			began := time.Now()
			err := p.Probe(ctx, f.spec(), f.Revision)
			a.starts.set(name, time.Since(began))
			if errors.Is(err, providers.Unsupported) {
				skipped.set(name, err)
				return nil
			}
			return err
		})
	})
	for _, name := range slices.Sorted(maps.Keys(skipped.m)) {
		a.issues = append(a.issues, providers.Issue{
			Function: name, Severity: providers.Warning, Message: "it was not probed before it went live: " + skipped.m[name].Error(),
		})
	}
	return err
}

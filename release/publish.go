package release

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"

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
	return each(ctx, a.changed, callLimit, func(ctx context.Context, name string) error {
		return a.track(StepPublish, name, len(a.changed), func() error { return a.publishOne(ctx, name) })
	})
}

func (a *attempt) publishOne(ctx context.Context, name string) error {
	f := a.function(name)
	if kept, err := a.kept(ctx, name, f.Revision); err != nil || kept {
		return err
	}
	s := f.spec()
	if built, ok := a.built[name]; ok {
		s.Artifact.Path = built.Path
	} else {
		path, err := a.fetch(ctx, name, f.Artifact)
		if err != nil {
			return err
		}
		defer os.Remove(path)
		s.Artifact.Path = path
	}
	if err := a.lock.check(ctx); err != nil {
		return err
	}
	r, err := a.Adapter.Publish(ctx, s, a.lock.epoch())
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
func (a *attempt) kept(ctx context.Context, name string, r providers.Revision) (bool, error) {
	p, ok := a.Adapter.(providers.Pruner)
	if !ok || r.ID == "" {
		return false, nil
	}
	return p.Stored(ctx, name, r)
}

// keep stores the packages that were built for these functions. It comes before their record is written, so
// that every release can be published from the store alone.
func (a *attempt) keep(ctx context.Context, functions map[string]FunctionRecord) error {
	packages := map[string]packager.Artifact{}
	for name, p := range a.built {
		if r := functions[name].Artifact; !a.scene.stored(r) {
			packages[r.key()] = p
		}
	}
	return each(ctx, slices.Sorted(maps.Keys(packages)), callLimit, func(ctx context.Context, key string) error {
		return a.keepOne(ctx, key, packages[key])
	})
}

func (a *attempt) keepOne(ctx context.Context, key string, p packager.Artifact) error {
	file, err := os.Open(p.Path)
	if err != nil {
		return fmt.Errorf("opening the package: %w", err)
	}
	defer file.Close()
	if err := copyWhole(io.Discard, file, p.ZipDigest); err != nil {
		return &providers.Error{
			Kind: providers.Invalid, Op: "store the package", Hint: "run `ferry package --no-cache` to build it again, then deploy",
			Err: fmt.Errorf("%s: %w", p.Path, err),
		}
	}
	_, err = a.ledger.store.Put(ctx, key, file, providers.IfAbsent())
	if errors.Is(err, providers.Conflict) {
		return nil // the key is the content's digest: it is there already
	}
	return err
}

// stored reports whether the live release has this package, so that it need not be sent again.
func (s *scene) stored(r ArtifactRecord) bool {
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

// fetch brings a package from the store into a temporary file, and proves that it is the recorded one.
func (a *attempt) fetch(ctx context.Context, name string, r ArtifactRecord) (path string, err error) {
	o, err := a.ledger.store.Get(ctx, r.key())
	if errors.Is(err, providers.NotFound) {
		return "", notFound("fetch the package", name, err, "deploy that version's sources again")
	}
	if err != nil {
		return "", err
	}
	defer o.Body.Close()
	file, err := os.CreateTemp("", "ferry-"+name+"-*.zip")
	if err != nil {
		return "", fmt.Errorf("fetching the package of %s: %w", name, err)
	}
	err = errors.Join(copyWhole(file, o.Body, r.ZipDigest), file.Close())
	if err != nil {
		return "", errors.Join(fmt.Errorf("fetching the package of %s: %s: %w", name, filepath.Base(r.key()), err), os.Remove(file.Name()))
	}
	return file.Name(), nil
}

// copyWhole copies a package and proves that it is the one of the digest.
func copyWhole(to io.Writer, from io.Reader, zipDigest string) error {
	sum := sha256.New()
	if _, err := io.Copy(io.MultiWriter(to, sum), from); err != nil {
		return err
	}
	if "sha256:"+hex.EncodeToString(sum.Sum(nil)) != zipDigest {
		return errors.New("the file is damaged: its content does not match its digest")
	}
	return nil
}

// probe starts every changed revision that can be started before it goes live.
func (a *attempt) probe(ctx context.Context) error {
	p, ok := a.Adapter.(providers.Prober)
	if !ok {
		return nil
	}
	var skipped table[error]
	err := each(ctx, a.changed, callLimit, func(ctx context.Context, name string) error {
		f := a.function(name)
		return a.track(StepProbe, name, len(a.changed), func() error {
			err := p.Probe(ctx, f.spec(), f.Revision)
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

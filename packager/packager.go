// Package packager builds a function into a deterministic zip for one platform, and remembers what it built.
package packager

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"sync"

	"golang.org/x/sync/semaphore"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager/node"
	"github.com/ferryfn/ferry/packager/source"
)

// Platform is what a package is built for.
type Platform = source.Platform

// Error is a package that could not be built for a reason that is the user's to mend.
type Error = source.Error

// Errors are several reasons why one package could not be built, in the order of the sources.
type Errors = source.Errors

// Description is what is known of a finished package, wherever it is kept.
type Description struct {
	Digest    string `json:"digest"`     // "sha256:…" of the tree: paths, modes, contents
	ZipDigest string `json:"zip_digest"` // "sha256:…" of the zip's bytes
	Size      int64  `json:"size"`       // of the zip, in bytes
	Unzipped  int64  `json:"unzipped"`   // in bytes
	Files     int    `json:"files"`
	Entry     string `json:"entry"` // what the platform starts: a slash path inside the package
}

// Artifact is a finished package on this machine.
type Artifact struct {
	Path string `json:"path"` // the zip file
	Description
	Cached bool `json:"cached"` // true when nothing was built
	// Warnings are about its sources. They are known of a cached package too.
	Warnings []source.Warning `json:"warnings,omitempty"`
	// Made is what a package that was saved before was made from; nil is what is here now.
	Made *Provenance `json:"-"`
}

// Packager builds functions below one folder. It sees a source folder that goes in as it is as it was at one time: what
// changes later is for another Packager.
type Packager struct {
	Root    string // the manifest's folder, absolute
	Cache   string // folder of the build cache, absolute
	NoCache bool   // build even when nothing changed
	// From is a folder that packages were saved to. Build takes them from there and builds nothing; "" is to build.
	From string

	shared shared
}

// shared is what the builds of one Packager have in common. All but slots and squeezers is ready as it is.
type shared struct {
	once      sync.Once
	slots     *semaphore.Weighted // real builds at once; looking into the cache needs none
	hashes    source.Hashes
	squeezers squeezers
	blocks    blocks
	commands  commands
	looks     source.Findings[*source.Look]
	folders   sync.Map
	bundles   node.Together
	shims     source.Findings[[]byte]
	tools     source.Findings[string]
	checked   source.Findings[bool] // whether the inputs of a look are what they were, by the key of its entry
	evict     sync.Once             // a look at the whole cache is enough for all builds of a run
}

// Build packages one function. It is safe to call from several goroutines and several processes at once.
// What the user can mend is reported as *Error or, when there are several, as Errors.
func (p *Packager) Build(ctx context.Context, fn manifest.Function, pl Platform) (Artifact, error) {
	var b built
	var err error
	if p.From != "" {
		b.Artifact, err = p.saved(fn, pl)
	} else {
		b, err = p.build(ctx, fn, pl)
	}
	return b.Artifact, p.attribute(fn, err)
}

// Rebuild makes a package that turned out to be damaged once more, and fails when that gives another one. One that was
// saved to a folder cannot be made again.
func (p *Packager) Rebuild(ctx context.Context, fn manifest.Function, pl Platform, damaged Artifact) (Artifact, error) {
	if p.From != "" {
		return Artifact{}, p.attribute(fn, p.spoiled(fn, damaged, ErrDamaged))
	}
	made, err := p.anew().build(ctx, fn, pl)
	if err == nil && made.Artifact.ZipDigest != damaged.ZipDigest {
		err = source.Problem("", "run the command again", "%s was damaged in the build cache, and its sources changed since it was built", fn.Name)
	}
	return made.Artifact, p.attribute(fn, err)
}

// anew is a packager that sees the sources as they are now, and builds.
func (p *Packager) anew() *Packager { return &Packager{Root: p.Root, Cache: p.Cache, NoCache: true} }

// built is a package with what it was made from.
type built struct {
	entry
	torn bool // something changed while it was read: the package may hold a part from before and one from after
}

func (p *Packager) build(ctx context.Context, fn manifest.Function, pl Platform) (built, error) {
	p.shared.once.Do(func() {
		p.shared.slots = semaphore.NewWeighted(int64(runtime.GOMAXPROCS(0)))
		p.shared.squeezers = newSqueezers()
	})
	j, err := newJob(p, fn, pl)
	if err != nil {
		return built{}, err
	}
	key := j.key()
	c := cache{dir: p.Cache, hashes: &p.shared.hashes, checked: &p.shared.checked}
	if !p.NoCache {
		if e, ok := c.lookup(ctx, key); ok {
			return built{entry: e}, nil
		}
	}
	if j.in.expect != nil {
		defer j.in.expect(j.Job, j.shim)()
	}
	if err := p.shared.slots.Acquire(ctx, 1); err != nil {
		return built{}, err
	}
	defer p.shared.slots.Release(1)
	unlock, err := c.lock(ctx, key)
	if err != nil {
		return built{}, err
	}
	defer unlock()
	if !p.NoCache { // another process may have built it meanwhile
		if e, ok := c.lookup(ctx, key); ok {
			return built{entry: e}, nil
		}
	}
	if err := j.runCommand(ctx, c); err != nil {
		return built{}, err
	}
	return j.pack(ctx, c, key)
}

// attribute names the function in errors that do not, and makes their files relative to the root.
func (p *Packager) attribute(fn manifest.Function, err error) error {
	if err == nil {
		return nil
	}
	var many Errors
	if !errors.As(err, &many) {
		var one *Error
		if !errors.As(err, &one) {
			return fmt.Errorf("packaging %s: %w", fn.Name, err)
		}
		many = Errors{one}
	}
	for _, e := range many {
		if e.Function == "" {
			e.Function = fn.Name
		}
		if rel, relErr := filepath.Rel(p.Root, e.File); relErr == nil && filepath.IsAbs(e.File) {
			e.File = filepath.ToSlash(rel)
		}
	}
	return err
}

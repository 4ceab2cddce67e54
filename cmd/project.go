package cmd

import (
	"errors"
	"path/filepath"
	"slices"
	"time"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/release"
)

// project is a manifest with the place that it goes to.
type project struct {
	manifest *manifest.Manifest
	adapter  providers.Adapter
	home     providers.Home
	from     string // a folder of saved packages to take instead of building; "" is to build
}

// blocks are the providers' parts of the manifest.
func (a *app) blocks() map[string]manifest.Blocks {
	blocks := map[string]manifest.Blocks{}
	for _, p := range a.Providers() {
		blocks[p.Name] = p.Blocks
	}
	return blocks
}

// provider is that of a manifest's target.
func (a *app) provider(m *manifest.Manifest) providers.Provider {
	all := a.Providers()
	return all[slices.IndexFunc(all, func(p providers.Provider) bool { return p.Name == m.Target.Provider })]
}

// manifestOptions choose the manifest, its stage and its target.
func (a *app) manifestOptions() manifest.Options {
	file := a.global.file
	if file != "" && !filepath.IsAbs(file) {
		file = filepath.Join(a.dir(), file)
	}
	return manifest.Options{
		Dir: a.dir(), Here: a.global.dir != "", File: file, Stage: a.global.stage, Target: a.global.target,
		Env: a.lookup, Git: gitSHA, Providers: a.blocks(),
	}
}

// project loads the manifest and configures the adapter of its target. Neither touches the network.
func (a *app) project() (*project, error) { return a.projectOn(a.global.target) }

// projectOn is project for another target than the one that was chosen; "" is the manifest's default.
func (a *app) projectOn(target string) (*project, error) {
	options := a.manifestOptions()
	options.Target = target
	m, err := manifest.Load(options)
	if err != nil {
		return nil, err
	}
	return a.at(m)
}

// deployed is a project without the manifest's functions: enough for what was deployed, whatever became of
// the manifest since.
func (a *app) deployed() (*project, error) {
	m, err := manifest.LoadPlace(a.manifestOptions())
	if err != nil {
		return nil, err
	}
	return a.at(m)
}

// at configures the adapter of the manifest's target.
func (a *app) at(m *manifest.Manifest) (*project, error) {
	a.root = m.Dir
	home, err := a.home()
	if err != nil {
		return nil, err
	}
	all := a.Providers()
	at := slices.IndexFunc(all, func(p providers.Provider) bool { return p.Name == m.Target.Provider })
	if at < 0 {
		var names []string
		for _, p := range all {
			names = append(names, p.Name)
		}
		return nil, usagef(suggest(m.Target.Provider, names), "target %s: unknown provider %q", m.Target.Name, m.Target.Provider)
	}
	adapter, err := configured(all[at], providers.Config{
		Service: m.Service, Stage: m.Stage, Target: m.Target.Name, Block: m.Target.Config, Home: home, Env: a.lookup,
	})
	if err != nil {
		return nil, err
	}
	return &project{manifest: m, adapter: adapter, home: home}, nil
}

// check warns of what the target does other than the manifest says. What it cannot do is an error that says where in the
// manifest that stands, all at once.
func (a *app) check(e *release.Engine) error {
	warnings, err := e.Check()
	a.warn(warnings...)
	return blockers(e.Manifest, e.Manifest.Functions, err)
}

// blockers is what a check found that the target cannot do at all with these functions, at its places in the manifest.
func blockers(m *manifest.Manifest, of []manifest.Function, err error) error {
	var blocked release.Blocked
	if !errors.As(err, &blocked) {
		return err
	}
	var problems manifest.Problems
	for _, i := range blocked {
		if slices.ContainsFunc(of, func(fn manifest.Function) bool { return fn.Name == i.Function }) {
			problems = append(problems, manifest.Problem{
				Position: m.Locate(i.Function, i.Field), Function: i.Function,
				Field: "functions." + i.Function + "." + i.Field, Message: i.Message, Hint: i.Hint,
			})
		}
	}
	if len(problems) == 0 {
		return nil
	}
	return problems
}

// warn keeps the issues to be shown, each once.
func (a *app) warn(issues ...providers.Issue) {
	for _, i := range issues {
		w := warning{Function: i.Function, Field: i.Field, Message: plainly(i.Message), Hint: i.Hint}
		if !slices.Contains(a.warnings, w) {
			a.warnings = append(a.warnings, w)
		}
	}
}

// packager builds into the cache of this home.
func (p *project) packager() *packager.Packager {
	return &packager.Packager{Root: p.manifest.Dir, Cache: filepath.Join(p.home.Cache, "build"), From: p.from}
}

// engine is the release engine of the project. It comes from no commit: what was made before needs none.
func (a *app) engine(p *project) *release.Engine {
	return &release.Engine{
		Manifest: p.manifest, Adapter: p.adapter, Packager: p.packager(), Path: inRepository(p.manifest.Dir), Origin: release.Origin{Actor: a.actor(), Version: a.version().Version},
		Now: a.Now, LockTTL: a.LockTTL, Wait: time.Duration(a.wait),
	}
}

package cmd

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/release"
)

type packageOptions struct {
	app     *app
	output  string
	noCache bool
	list    bool
	explain string
}

// packageResult are the packages by function, with what was asked about them.
type packageResult struct {
	Artifacts map[string]packager.Artifact `json:"artifacts"`
	// Entries are what the packages hold, the biggest first; only with --list.
	Entries map[string][]packager.Entry `json:"entries,omitempty"`
	// Explained is why a file is in a package or not, by function; only with --explain.
	Explained []packager.Explanation `json:"explained,omitempty"`
}

func newPackage(a *app, out *outcome) *cobra.Command {
	o := &packageOptions{app: a}
	c := a.command(out, &cobra.Command{
		Use:   "package [function...]",
		Short: "Build the packages that a deploy would upload",
		Long: `Build the packages that a deploy to the chosen target would upload. The same source gives the same bytes,
on every machine.

With --output, <function>.zip and <function>.json go into a folder: the package, and a record of what went in (sources
with digests, libraries and tools with versions). "ferry deploy --from" deploys such a folder without building anything.`,
		Example: `  ferry package --list
  ferry package api --explain src/views/index.html
  ferry package --target aws -o artifacts && ferry deploy --target aws --from artifacts`,
		Args:              between(0, -1, ""),
		ValidArgsFunction: a.completeFunctions,
	}, o.run)
	f := c.Flags()
	f.StringVarP(&o.output, "output", "o", "", "save the packages, and a record of what went in, in this `folder`")
	f.BoolVar(&o.noCache, "no-cache", false, "build even what has not changed")
	f.BoolVar(&o.list, "list", false, "list what the packages hold, the biggest first")
	f.StringVar(&o.explain, "explain", "", "say why this `file` is in or out: a path on disk or in a package")
	return c
}

func (o *packageOptions) run(ctx context.Context, args []string) (result, error) {
	var origin func() release.Origin
	if o.output != "" {
		o.output = o.app.inDir(o.output)
		origin = o.app.origin(ctx, o.output)
	}
	p, err := o.app.project()
	if err != nil {
		return nil, err
	}
	functions, err := release.Choose(p.manifest, args)
	if err != nil {
		return nil, err
	}
	_, err = o.app.engine(p).Check()
	if err := blockers(p.manifest, functions, err); err != nil { // as validate and deploy say it
		return nil, err
	}
	bills, err := o.build(ctx, p, functions)
	if err != nil {
		return nil, err
	}
	if o.output != "" {
		if err := o.save(bills, origin()); err != nil {
			return nil, err
		}
	}
	r := packageResult{Artifacts: map[string]packager.Artifact{}}
	for i, fn := range functions {
		r.Artifacts[fn.Name] = bills[i].Artifact
		for _, w := range bills[i].Artifact.Warnings {
			o.app.warn(providers.Issue{Function: fn.Name, Severity: providers.Warning, Message: w.Message, Hint: w.Hint})
		}
		if err := o.look(ctx, p, fn, &r); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// save puts the packages into the output folder, with what they were made from.
func (o *packageOptions) save(bills []packager.Bill, from release.Origin) (err error) {
	made := packager.Provenance{Commit: from.Commit, Dirty: from.Dirty, Ferry: from.Version, Time: o.app.Now().UTC()}
	for i := range bills {
		bills[i].Provenance = made
		if bills[i], err = packager.Save(bills[i], o.output); err != nil {
			return err
		}
	}
	return nil
}

// look adds what was asked about a package.
func (o *packageOptions) look(ctx context.Context, p *project, fn manifest.Function, r *packageResult) error {
	if o.list {
		entries, err := packager.List(r.Artifacts[fn.Name])
		if err != nil {
			return err
		}
		if r.Entries == nil {
			r.Entries = map[string][]packager.Entry{}
		}
		r.Entries[fn.Name] = entries
	}
	if o.explain == "" {
		return nil
	}
	file := o.explain
	if here := o.app.inDir(file); exists(here) {
		file = here
	}
	x, err := p.packager().Explain(ctx, fn, p.adapter.Platform(fn), file)
	r.Explained = append(r.Explained, x)
	return err
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// inDir makes a path absolute that is relative to the folder ferry runs in.
func (a *app) inDir(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(a.dir(), name)
}

// writable finds out before any work is done for files that they cannot be written. A name that is "" is of none.
func (a *app) writable(names ...string) error {
	var errs []error
	for _, name := range names {
		if name == "" {
			continue
		}
		file := a.inDir(name)
		_, missing := os.Lstat(file)
		f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE, 0o644)
		if err == nil {
			err = f.Close()
		}
		if err == nil && missing != nil {
			err = os.Remove(file)
		}
		if err != nil {
			errs = append(errs, usagef("name another file, or make its folder", "%s cannot be written: %s", name, err))
		}
	}
	return errors.Join(errs...)
}

// build builds all functions at once and reports every one that cannot be built.
func (o *packageOptions) build(ctx context.Context, p *project, functions []manifest.Function) ([]packager.Bill, error) {
	builder := p.packager()
	builder.NoCache = o.noCache
	shown := o.app.startProgress()
	defer shown.close()
	bills, errs := make([]packager.Bill, len(functions)), make([]error, len(functions))
	var group errgroup.Group // the packager bounds the work
	for i, fn := range functions {
		group.Go(func() error {
			event := release.Event{Step: release.StepBuild, Function: fn.Name, Total: len(functions)}
			shown.event(event)
			if o.output != "" {
				bills[i], errs[i] = builder.Bill(ctx, fn, p.adapter.Platform(fn))
			} else {
				bills[i].Artifact, errs[i] = builder.Build(ctx, fn, p.adapter.Platform(fn))
			}
			event.Done, event.Cached, event.Err = true, bills[i].Artifact.Cached, errs[i]
			shown.event(event)
			return nil
		})
	}
	return bills, errors.Join(group.Wait(), errors.Join(errs...))
}

func (r packageResult) text(p *printer) {
	if r.Explained != nil {
		for _, x := range r.Explained {
			in := p.style.bad.Render("out")
			if x.In {
				in = p.style.good.Render("in")
			}
			p.linef("%s  %s  %s: %s", p.style.bold.Render(x.Function), in, x.File, x.Why)
		}
		return
	}
	var rows [][]string
	for _, name := range slices.Sorted(maps.Keys(r.Artifacts)) {
		a := r.Artifacts[name]
		cached := ""
		if a.Cached {
			cached = "unchanged"
		}
		rows = append(rows, []string{
			p.style.bold.Render(name), size(a.Size), count(a.Files, "file"), p.style.dim.Render(short(a.Digest)),
			p.file(a.Path), p.style.dim.Render(cached),
		})
	}
	p.table(nil, rows)
	for _, name := range slices.Sorted(maps.Keys(r.Entries)) {
		p.linef("\n%s", p.style.bold.Render(name))
		rows = nil
		for _, e := range r.Entries[name] {
			rows = append(rows, []string{size(e.Size), p.style.dim.Render(size(e.Packed) + " packed"), e.Name})
		}
		p.table(nil, rows)
	}
}

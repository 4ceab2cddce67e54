package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/release"
)

type packageOptions struct {
	app     *app
	output  string
	noCache bool
}

// packageResult are the packages by function.
type packageResult struct {
	Artifacts map[string]packager.Artifact `json:"artifacts"`
}

func newPackage(a *app, out *outcome) *cobra.Command {
	o := &packageOptions{app: a}
	c := a.command(out, &cobra.Command{
		Use:   "package [function...]",
		Short: "Build the packages that a deploy would upload",
		Long: `Build the packages that a deploy to the chosen target would upload. The same source gives the same bytes,
on every machine.`,
		Args:              between(0, -1, ""),
		ValidArgsFunction: a.completeFunctions,
	}, o.run)
	c.Flags().StringVarP(&o.output, "output", "o", "", "copy the packages into this `folder`, as <function>.zip")
	c.Flags().BoolVar(&o.noCache, "no-cache", false, "build also what did not change")
	return c
}

func (o *packageOptions) run(ctx context.Context, args []string) (result, error) {
	p, err := o.app.project()
	if err != nil {
		return nil, err
	}
	functions, err := p.functions(args)
	if err != nil {
		return nil, err
	}
	built, err := o.build(ctx, p, functions)
	if err == nil && o.output != "" {
		err = o.copy(built)
	}
	if err != nil {
		return nil, err
	}
	return packageResult{Artifacts: built}, nil
}

// build builds all functions at once and reports every one that cannot be built.
func (o *packageOptions) build(
	ctx context.Context, p *project, functions []manifest.Function,
) (map[string]packager.Artifact, error) {
	builder := p.packager()
	builder.NoCache = o.noCache
	shown := o.app.startProgress()
	defer shown.close()
	artifacts, errs := make([]packager.Artifact, len(functions)), make([]error, len(functions))
	var group errgroup.Group
	group.SetLimit(runtime.NumCPU())
	for i, fn := range functions {
		group.Go(func() error {
			event := release.Event{Step: release.StepBuild, Function: fn.Name, Total: len(functions)}
			shown.event(event)
			artifacts[i], errs[i] = builder.Build(ctx, fn, p.adapter.Platform(fn))
			event.Done, event.Cached, event.Err = true, artifacts[i].Cached, errs[i]
			shown.event(event)
			return nil
		})
	}
	if err := errors.Join(group.Wait(), errors.Join(errs...)); err != nil {
		return nil, err
	}
	built := map[string]packager.Artifact{}
	for i, fn := range functions {
		built[fn.Name] = artifacts[i]
	}
	return built, nil
}

// copy puts the packages where they were asked for, and has the artifacts name the copies.
func (o *packageOptions) copy(built map[string]packager.Artifact) error {
	folder := o.output
	if !filepath.IsAbs(folder) {
		folder = filepath.Join(o.app.dir(), folder)
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("making the output folder: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(built)) {
		artifact := built[name]
		to := filepath.Join(folder, name+".zip")
		if err := copyFile(artifact.Path, to); err != nil {
			return fmt.Errorf("copying the package of %s: %w", name, err)
		}
		artifact.Path = to
		built[name] = artifact
	}
	return nil
}

func copyFile(from, to string) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	copied, err := os.Create(to)
	if err != nil {
		return err
	}
	if _, err := io.Copy(copied, source); err != nil {
		return errors.Join(err, copied.Close())
	}
	return copied.Close()
}

func (r packageResult) text(p *printer) {
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
}

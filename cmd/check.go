package cmd

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/migrate/portability"
	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/release"
	"github.com/ferryfn/ferry/templates"
)

type checkOptions struct {
	app     *app
	targets []string
	sarif   string
	sources *portability.Sources
}

// checkResult is what a move to each target meets.
type checkResult struct {
	Targets map[string]targetCheck `json:"targets"`
}

// targetCheck is one target's.
type targetCheck struct {
	Score    int                   `json:"score"` // 0 to 100
	Blockers []portability.Finding `json:"blockers"`
	Changes  []portability.Finding `json:"warnings"`
	Hints    []portability.Finding `json:"hints"`
}

func newCheck(a *app, out *outcome) *cobra.Command {
	o := &checkOptions{app: a}
	c := a.command(out, &cobra.Command{
		Use:   "check",
		Short: "Say what keeps the service from moving to other targets",
		Long: `Say what keeps the service from moving to other targets, and what would change there: settings that a target does not
honour, packages that cannot be made for it, code that calls another provider's services, reads its variables or writes to the
local disk, and code that depends on what the target's ingress does not carry. It builds the packages, and asks no provider. It exits with 3 when there is a blocker.

The score is the share of functions without a blocker, less a tenth of a function for each change.`,
		Example: `  ferry check --targets aws,gcp
  ferry check --targets azure --sarif ferry.sarif`,
		Args: noArgs(),
	}, o.run)
	c.Flags().StringSliceVar(&o.targets, "targets", nil, "the `names` of targets, with commas between (default: all of the manifest)")
	c.Flags().StringVar(&o.sarif, "sarif", "", "write the findings to this `file`, too, as SARIF for code scanning")
	offer(c, "targets", a.completeNames(func(c manifest.Choices) []string { return c.Targets }))
	return c
}

func (o *checkOptions) run(ctx context.Context, _ []string) (result, error) {
	if o.targets = listOf(o.targets); len(o.targets) == 0 {
		o.targets = manifest.Names(o.app.manifestOptions()).Targets
	}
	if err := o.known(); err != nil {
		return nil, err
	}
	r, found := checkResult{Targets: map[string]targetCheck{}}, map[string][]portability.Finding{}
	file := manifest.FileName
	for _, target := range o.targets {
		functions, all, at, err := o.look(ctx, target)
		if err != nil {
			return nil, err
		}
		if at != "" {
			file = at
		}
		found[target] = all
		r.Targets[target] = targetCheck{
			Score:    portability.Score(functions, all),
			Blockers: of(portability.Blocker, all), Changes: of(portability.Change, all), Hints: of(portability.Hint, all),
		}
	}
	if o.sarif == "" {
		return r, nil
	}
	text, err := portability.SARIF(file, o.app.version().Version, found)
	if err == nil {
		err = os.WriteFile(o.app.inDir(o.sarif), text, 0o644)
	}
	if err != nil {
		return nil, fmt.Errorf("writing %s: %w", o.sarif, err)
	}
	return r, nil
}

// known fails where there is no manifest, and for targets that are none of it.
func (o *checkOptions) known() error {
	all := manifest.Names(o.app.manifestOptions()).Targets
	if len(all) == 0 {
		_, err := o.app.deployed()
		return err
	}
	var errs []error
	for _, target := range o.targets {
		if !slices.Contains(all, target) {
			errs = append(errs, usagef(suggest(target, all)+"; or add it under targets: in the manifest", "the target %q does not exist", target))
		}
	}
	return errors.Join(errs...)
}

// of are the findings of a level.
func of(level portability.Level, all []portability.Finding) []portability.Finding {
	some := []portability.Finding{}
	for _, f := range all {
		if f.Level == level {
			some = append(some, f)
		}
	}
	return some
}

// look finds what one target meets. What the target or the packager refuses is a finding; only what has nothing to do with
// them is an error.
func (o *checkOptions) look(ctx context.Context, target string) (functions []string, all []portability.Finding, file string, err error) {
	options := o.app.manifestOptions()
	options.Target = target
	m, err := manifest.Load(options)
	if err != nil {
		return nil, o.blockers("setting", options.Dir, err), "", nil
	}
	for _, fn := range m.Functions {
		functions = append(functions, fn.Name)
	}
	file, _ = filepath.Rel(m.Dir, m.File)
	p, err := o.app.at(m)
	if err != nil {
		return functions, o.blockers("setting", m.Dir, err), file, nil
	}
	e := o.app.engine(p)
	warnings, err := e.Check()
	for _, w := range warnings {
		at := m.Locate(w.Function, w.Field)
		all = append(all, portability.Finding{
			Level: portability.Change, Rule: "setting", Function: w.Function, Message: plainly(w.Message), Hint: w.Hint,
			File: file, Line: at.Line, Column: at.Column,
		})
	}
	all = append(all, o.located(m, file, err)...)
	code, err := o.code(ctx, p, slices.DeleteFunc(slices.Clone(m.Functions), func(fn manifest.Function) bool {
		return slices.ContainsFunc(all, func(f portability.Finding) bool { return f.Level == portability.Blocker && f.Function == fn.Name })
	}))
	return functions, append(all, code...), file, err
}

// located are blockers with their places in the manifest.
func (o *checkOptions) located(m *manifest.Manifest, file string, err error) []portability.Finding {
	blocked, ok := err.(release.Blocked) //nolint:errorlint // the engine returns it as it is
	if !ok {
		return o.blockers("setting", m.Dir, err)
	}
	var all []portability.Finding
	for _, i := range blocked {
		at := m.Locate(i.Function, i.Field)
		all = append(all, portability.Finding{
			Level: portability.Blocker, Rule: "setting", Function: i.Function, Message: i.Message, Hint: i.Hint,
			File: file, Line: at.Line, Column: at.Column,
		})
	}
	return all
}

// blockers are findings of an error, one for each that it holds.
func (o *checkOptions) blockers(rule, dir string, err error) []portability.Finding {
	var all []portability.Finding
	for _, r := range reports(err) {
		file := r.File
		if rel, err := filepath.Rel(dir, file); err == nil && filepath.IsAbs(file) {
			file = filepath.ToSlash(rel)
		}
		all = append(all, portability.Finding{
			Level: portability.Blocker, Rule: rule, Function: r.Function, Message: r.Message, Hint: r.Hint, File: file, Line: r.Line, Column: r.Column,
		})
	}
	return all
}

// code packages functions for the target and looks through what went in.
func (o *checkOptions) code(ctx context.Context, p *project, functions []manifest.Function) ([]portability.Finding, error) {
	builder := p.packager()
	shown := o.app.startProgress()
	defer shown.close()
	found, codes := make([][]portability.Finding, len(functions)), make([]*portability.Code, len(functions))
	var group errgroup.Group // the packager bounds the work
	for i, fn := range functions {
		group.Go(func() error {
			event := release.Event{Step: release.StepBuild, Function: fn.Name, Total: len(found)}
			shown.event(event)
			bill, err := builder.Bill(ctx, fn, p.adapter.Platform(fn))
			event.Done, event.Cached, event.Err = true, bill.Artifact.Cached, err
			shown.event(event)
			if err != nil {
				found[i] = o.blockers("package", p.manifest.Dir, err)
				return ctx.Err()
			}
			codes[i] = codeOf(p, fn, bill)
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	sources := o.sourcesOf(p.manifest.Dir)
	var files []string
	for _, c := range codes {
		if c != nil {
			files = append(files, c.Files...)
		}
	}
	sources.Parse(ctx, files)
	for i, c := range codes {
		if c == nil {
			continue
		}
		c.Sources = sources
		more, err := c.Find(p.manifest.Target.Provider)
		if err != nil {
			return nil, err
		}
		found[i] = more
	}
	return slices.Concat(found...), nil
}

// sourcesOf are the files below a manifest's folder, which targets share.
func (o *checkOptions) sourcesOf(dir string) *portability.Sources {
	if o.sources == nil {
		o.sources = portability.NewSources(dir)
	}
	return o.sources
}

func codeOf(p *project, fn manifest.Function, bill packager.Bill) *portability.Code {
	c := &portability.Code{
		Function: fn.Name, Env: map[string]string{}, Lost: templates.LostOn(p.adapter.Platform(fn).Shim, fn.Runtime, fn.Style),
	}
	for _, in := range bill.Inputs {
		c.Files = append(c.Files, in.Path)
	}
	for _, pack := range bill.Packages {
		c.Packages = append(c.Packages, pack.Name)
	}
	maps.Copy(c.Env, fn.Env)
	maps.Copy(c.Env, fn.Secrets)
	return c
}

func (r checkResult) exitCode() int {
	for _, t := range r.Targets {
		if len(t.Blockers) > 0 {
			return exitDiffers
		}
	}
	return exitDone
}

func (r checkResult) text(p *printer) {
	for i, name := range slices.Sorted(maps.Keys(r.Targets)) {
		t := r.Targets[name]
		if i > 0 {
			p.linef("")
		}
		mark := p.style.good.Render("✓")
		if len(t.Blockers) > 0 {
			mark = p.style.bad.Render("✗")
		}
		p.linef("%s %s  %s", mark, p.style.bold.Render(name), p.style.dim.Render("score "+strconv.Itoa(t.Score)+" of 100"))
		p.moves("blocks", t.Blockers)
		p.moves("changes", t.Changes)
		p.moves("worth a look", t.Hints)
	}
}

// moves shows findings, one a paragraph: what, where, and what to do.
func (p *printer) moves(title string, all []portability.Finding) {
	for _, f := range together(all) {
		what := f.Message
		if f.Function != "" {
			what = f.Function + ": " + what
		}
		p.linef("  %s  %s", p.style.dim.Render(title), what)
		if f.File != "" {
			p.linef("    --> %s", strings.TrimSuffix(fmt.Sprintf("%s:%d", f.File, f.Line), ":0"))
		}
		if f.Hint != "" {
			p.linef("    hint: %s", f.Hint)
		}
	}
}

// together makes one finding of those that differ in their function alone, which is then a list.
func together(all []portability.Finding) []portability.Finding {
	var some []portability.Finding
	at := map[string]int{}
	for _, f := range all {
		alike := f
		alike.Function = ""
		key := fmt.Sprintf("%+v", alike)
		if i, there := at[key]; there {
			some[i].Function += ", " + f.Function
			continue
		}
		at[key] = len(some)
		some = append(some, f)
	}
	return some
}

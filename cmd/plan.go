package cmd

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ferryfn/ferry/release"
)

type planOptions struct {
	app      *app
	exitCode bool
	refresh  bool
}

// planResult is what a deploy would do.
type planResult struct {
	*release.Plan
	place     string
	functions int              // of the manifest
	differs   int              // the exit code when something would change
	detailed  []release.Action // whose fields are shown
}

func newPlan(a *app, out *outcome) *cobra.Command {
	o := &planOptions{app: a}
	c := a.command(out, &cobra.Command{
		Use:               "plan [function...]",
		Short:             "Show what a deploy would change",
		Long:              "Show what a deploy would change. It builds the packages and looks at what is live; it changes nothing.",
		Args:              between(0, -1, ""),
		ValidArgsFunction: a.completeFunctions,
	}, o.run)
	refreshBase(c.Flags(), &o.refresh)
	c.Flags().BoolVar(&o.exitCode, "exit-code", false, "exit with 3 when something would change")
	return c
}

func (o *planOptions) run(ctx context.Context, args []string) (result, error) {
	p, err := o.app.project()
	if err != nil {
		return nil, err
	}
	e := o.app.engine(p)
	e.RefreshBase = o.refresh
	if err := o.app.check(e); err != nil {
		return nil, err
	}
	shown := o.app.startProgress()
	e.Progress = shown.event
	plan, err := e.Plan(ctx, args)
	shown.close()
	if err != nil {
		return nil, err
	}
	o.app.warn(plan.Issues...)
	r := planResult{Plan: plan, place: p.place(), functions: len(p.manifest.Functions), detailed: updates()}
	if o.app.global.verbose {
		r.detailed = append(r.detailed, release.ActionCreate)
	}
	if o.exitCode {
		r.differs = exitDiffers
	}
	return r, nil
}

func (r planResult) exitCode() int {
	if r.Empty {
		return exitDone
	}
	return r.differs
}

func (r planResult) text(p *printer) {
	if r.Unfinished > 0 {
		p.interrupted(halfDone{r.Unfinished, r.Removing})
	}
	if r.Removing && len(r.Changes)+len(r.Drift) == 0 {
		return // what a deploy would find is not decided yet
	}
	if r.Canary > 0 {
		p.canary(r.Canary, r.Percent)
		p.linef("")
	}
	p.moving(r.Migration)
	if r.Release > 0 {
		p.movedAway(r.Moved)
	}
	p.obstacles(r.Obstacles)
	if r.Empty && len(r.Obstacles) > 0 {
		p.linef("nothing to change, but release %d is not serving: a deploy fixes that  %s", r.Release, p.style.dim.Render(r.place))
		return
	}
	if len(r.Obstacles) > 0 {
		p.linef("")
	}
	if r.Empty {
		p.linef("nothing to do: release %d is live  %s", r.Release, p.style.dim.Render(r.place))
		return
	}
	from := "nothing is deployed yet"
	if r.Release > 0 {
		from = fmt.Sprintf("compared with release %d", r.Release)
	}
	p.linef("%s  %s", p.style.bold.Render(r.place), p.style.dim.Render(from))
	p.linef("")
	p.changes(r.Changes, r.detailed)
	p.drift(r.Drift)
	p.linef("  %s", r.summary())
	if r.Floor != "" {
		p.linef("  %s", r.Floor)
	}
	if len(r.Held) > 0 {
		p.linef("")
		p.linef("a deploy would be refused, because this was rolled back:")
		p.held(r.Held)
	}
}

// summary counts the actions: "1 to create, 2 unchanged".
func (r planResult) summary() string {
	counts := map[release.Action]int{}
	for _, c := range r.Changes {
		counts[c.Action]++
	}
	unchanged := r.functions - counts[release.ActionCreate] - counts[release.ActionUpdate]
	var parts []string
	for _, part := range []struct {
		n    int
		what string
	}{
		{counts[release.ActionCreate], "to create"},
		{counts[release.ActionUpdate], "to update"},
		{counts[release.ActionRemove], "to remove"},
		{unchanged, "unchanged"},
	} {
		if part.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", part.n, part.what))
		}
	}
	return strings.Join(parts, ", ")
}

// updates are the actions whose fields are shown unless a person asks for more.
func updates() []release.Action { return []release.Action{release.ActionUpdate} }

// changes prints one block per function, with the fields of those actions that are to be detailed.
func (p *printer) changes(changes []release.Change, detailed []release.Action) {
	name, path := 0, 0
	for _, c := range changes {
		name = max(name, len(c.Function))
		for _, f := range c.Fields {
			path = max(path, len(f.Path))
		}
	}
	for _, c := range changes {
		about := ""
		if c.Action == release.ActionCreate && !slices.Contains(detailed, c.Action) {
			about = "  " + p.style.dim.Render(gist(c.Fields))
		}
		p.linef("  %s %s  %s%s", p.symbol(c.Action), p.style.bold.Render(pad(c.Function, name)), c.Action, about)
		if slices.Contains(detailed, c.Action) {
			for _, f := range c.Fields {
				p.linef("      %s  %s", pad(f.Path, path), p.values(f))
			}
		}
	}
	if len(changes) > 0 {
		p.linef("")
	}
}

// gist is what a person wants to know of a new function.
func gist(fields []release.FieldChange) string {
	var parts []string
	for _, path := range []string{"runtime", "handler", "memory", "timeout"} {
		for _, f := range fields {
			if f.Path == path && f.To != nil && f.To != "" {
				parts = append(parts, fmt.Sprint(f.To))
			}
		}
	}
	return strings.Join(parts, " · ")
}

func (p *printer) values(f release.FieldChange) string {
	switch {
	case f.From == nil:
		return p.style.add.Render("+ " + value(f.To))
	case f.To == nil:
		return p.style.remove.Render("- " + value(f.From))
	}
	return value(f.From) + p.style.dim.Render(" → ") + p.style.change.Render(value(f.To))
}

// value prints a setting on one line.
func value(v any) string {
	s := fmt.Sprint(v)
	if s == "" || strings.ContainsAny(s, "\n\t") {
		return fmt.Sprintf("%q", s)
	}
	return s
}

func (p *printer) symbol(a release.Action) string {
	switch a {
	case release.ActionCreate:
		return p.style.add.Render("+")
	case release.ActionUpdate:
		return p.style.change.Render("~")
	case release.ActionRemove:
		return p.style.remove.Render("-")
	}
	return p.style.dim.Render("=")
}

func (p *printer) drift(all []release.Drift) {
	for _, d := range all {
		p.linef("  %s %s serves %s, but ferry left it at %s", p.style.warn.Render("!"), p.style.bold.Render(d.Function),
			orNothing(d.Actual), orNothing(d.Expected))
	}
	switch {
	case len(all) == 0:
		return
	case slices.ContainsFunc(all, func(d release.Drift) bool { return d.Lacks == "" }):
		p.linef("    changed outside ferry; `ferry deploy --force` overwrites it")
	default:
		p.linef("    changed outside ferry; `ferry deploy` fixes it")
	}
	p.linef("")
}

func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-len(s)))
}

// place says where a project goes.
func (p *project) place() string {
	return where(p.manifest.Service, p.manifest.Stage, p.manifest.Target.Name)
}

package cmd

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/migrate/compare"
	"github.com/ferryfn/ferry/migrate/shift"
	"github.com/ferryfn/ferry/release"
)

type migrateOptions struct {
	app      *app
	from, to string
	percent  int
	compare  *compareOptions
}

// migrateResult is how things stand with a migration.
type migrateResult struct {
	*shift.Report
}

func newMigrate(a *app, out *outcome) *cobra.Command {
	c := &cobra.Command{
		Use:   "migrate",
		Short: "Move the service from one target to another, step by step",
		Long: `Move the service from one target to another: it is deployed there beside, gets a growing share of the requests of the
old side, and in the end all of them and the events. Until then one command takes everything back. No domain has to change:
the old side forwards.

The steps are start, verify, shift, commit; abort ends it, status tells how far it is. Each can be repeated, also after it was
interrupted. Until commit or abort no other release is made on either side.`,
		Args: unknownCommand,
		RunE: a.needsSubcommand,
	}
	o := &migrateOptions{app: a}
	c.AddCommand(
		o.command(out, &cobra.Command{
			Use:   "start",
			Short: "Deploy the service beside, where nothing is sent to it yet",
			Long: `Deploy the service to the new side, without events. What serves on the old side must be what the manifest and the sources
here say, and stays as it is. What a migration cannot move is listed.`,
			Example: `  ferry migrate start --from aws --to gcp`,
		}, (*shift.Move).Start),
		o.command(out, &cobra.Command{Use: "status", Short: "Show how far the migration is"}, (*shift.Move).Status),
		o.verify(out),
		o.shift(out),
		o.command(out, &cobra.Command{
			Use:   "commit",
			Short: "Give the new side all requests and the events",
			Long: `Have the old side forward all requests, deploy the new side with its events, then end those of the old side. An event in
between can reach both. The old side goes on forwarding until the service is removed there.`,
		}, (*shift.Move).Commit),
		o.command(out, &cobra.Command{
			Use:   "abort",
			Short: "Have everything serve as it did before the start",
			Long:  `Make the release of the old side serve again that served before, and of the new side what it was: removed, if it was not there.`,
		}, (*shift.Move).Abort),
	)
	return c
}

func (o *migrateOptions) command(out *outcome, c *cobra.Command, do func(*shift.Move, context.Context) (*shift.Report, error)) *cobra.Command {
	c.Args = noArgs()
	return o.sides(o.app.command(out, c, func(ctx context.Context, _ []string) (result, error) {
		return o.run(ctx, func(m *shift.Move) (*shift.Report, error) { return do(m, ctx) })
	}))
}

// sides are the flags that every step has.
func (o *migrateOptions) sides(c *cobra.Command) *cobra.Command {
	f := c.Flags()
	f.StringVar(&o.from, "from", "", "the `target` that serves today")
	f.StringVar(&o.to, "to", "", "the `target` that is to serve")
	targets := o.app.completeNames(func(c manifest.Choices) []string { return c.Targets })
	offer(c, "from", targets)
	offer(c, "to", targets)
	return c
}

func (o *migrateOptions) shift(out *outcome) *cobra.Command {
	c := o.command(out, &cobra.Command{
		Use:   "shift",
		Short: "Have the old side forward a share of its requests",
		Long: `Have the old side forward a share of its requests to the new one, and answer the rest itself. Where the new side fails it
answers these, too, if nothing can be done twice by that. The header ferry-side of an answer says who gave it.`,
		Example: `  ferry migrate shift --from aws --to gcp --percent 10`,
	}, func(m *shift.Move, ctx context.Context) (*shift.Report, error) { return m.Shift(ctx, o.percent) })
	c.Flags().IntVar(&o.percent, "percent", 0, "the `share` of the requests, 0 to 100")
	c.PreRunE = func(c *cobra.Command, _ []string) error {
		if !c.Flags().Changed("percent") {
			return usagef("write --percent 10, or another share from 0 to 100", "no share of the requests is given")
		}
		return bounded("percent", o.percent, 0, 100)
	}
	return c
}

func (o *migrateOptions) verify(out *outcome) *cobra.Command {
	o.compare = &compareOptions{app: o.app}
	c := o.app.command(out, &cobra.Command{
		Use:   "verify",
		Short: "Compare the answers of both sides",
		Long: `Send the same requests to both sides and compare the answers, as "ferry compare" does. What the old side forwards is left
out of it: it answers these itself.`,
		Example: `  ferry migrate verify --from aws --to gcp --requests requests.jsonl`,
		Args:    noArgs(),
	}, func(ctx context.Context, _ []string) (result, error) {
		if err := errors.Join(o.complete(), o.compare.named()); err != nil {
			return nil, err
		}
		o.compare.from, o.compare.to, o.compare.prepare = o.from, o.to, answeredThere
		return o.compare.run(ctx, nil)
	})
	o.compare.flags(c)
	return o.sides(c)
}

// answeredThere is a request that is not forwarded: it looks as if it had been already.
func answeredThere(r compare.Request) compare.Request {
	if r.Header = maps.Clone(r.Header); r.Header == nil {
		r.Header = map[string][]string{}
	}
	r.Header["Ferry-Forwarded"] = []string{"verify"}
	return r
}

// complete checks that two targets are named.
func (o *migrateOptions) complete() error {
	var errs []error
	for _, f := range [][2]string{{"from", o.from}, {"to", o.to}} {
		if f[1] == "" {
			errs = append(errs, usagef("see `ferry migrate --help`", "--%s is missing", f[0]))
		}
	}
	if o.from != "" && o.from == o.to {
		errs = append(errs, usagef("name two targets, with --from and --to", "%s cannot be moved to itself", o.from))
	}
	return errors.Join(errs...)
}

func (o *migrateOptions) run(ctx context.Context, do func(*shift.Move) (*shift.Report, error)) (result, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	origin := o.app.origin(ctx, "")
	from, err := o.side(o.from)
	if err != nil {
		return nil, err
	}
	to, err := o.side(o.to)
	if err != nil {
		return nil, err
	}
	shown := o.app.startProgress()
	made := origin()
	for _, e := range []*release.Engine{from, to} {
		e.Origin, e.Progress = made, shown.event
	}
	done, err := do(&shift.Move{From: from, To: to})
	shown.close()
	if err != nil {
		return nil, err
	}
	return migrateResult{done}, nil
}

// side is the engine of a target.
func (o *migrateOptions) side(target string) (*release.Engine, error) {
	p, err := o.app.projectOn(target)
	if err != nil {
		return nil, err
	}
	e := o.app.engine(p)
	return e, o.app.check(e)
}

func (r migrateResult) text(p *printer) {
	mark, place := p.style.good.Render("✓"), p.style.dim.Render("from "+r.From+" to "+r.To)
	switch r.State {
	case shift.None:
		p.linef("nothing is being moved  %s", place)
		p.ended(r.Ended)
		return
	case shift.Committed:
		p.linef("%s %s serves everything; %s forwards to it until the service is removed there  %s", mark, r.To, r.From, place)
		p.ended(r.Ended)
	case shift.Aborted:
		p.linef("%s all is as it was before the migration  %s", mark, place)
		p.ended(r.Ended)
		return
	case shift.Started:
		p.linef("%s %s gets %d%% of the requests of %s  %s", mark, r.To, r.Percent, r.From, place)
	default:
		p.linef("%s the migration was interrupted: it is %s  %s", p.style.warn.Render("◐"), r.State, place)
		hint := fmt.Sprintf("finish it with `ferry migrate %s --from %s --to %s`", shift.Step(r.State), r.From, r.To)
		if r.State != shift.Aborting {
			hint += ", or take it back with `abort`"
		}
		p.linef("  %s %s", p.style.good.Render("hint:"), hint)
		return
	}
	var rows [][]string
	for _, name := range slices.Sorted(maps.Keys(r.URLs)) {
		rows = append(rows, []string{"  " + p.style.bold.Render(name), p.style.link.Render(r.URLs[name])})
	}
	if len(rows) > 0 {
		p.linef("")
		p.table(nil, rows)
	}
	if r.State != shift.Started {
		return
	}
	p.linef("")
	if len(r.Stays) > 0 {
		p.linef("what stays as it is:")
		for _, s := range r.Stays {
			p.linef("  %s: %s", p.style.bold.Render(s.What), s.Why)
		}
		p.linef("")
	}
	p.linef("%s", p.style.dim.Render(r.Changing))
	p.linef("%s", p.style.dim.Render(fmt.Sprintf("next: ferry migrate shift --from %s --to %s --percent N, then commit, or abort", r.From, r.To)))
}

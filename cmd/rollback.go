package cmd

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/release"
)

type rollbackOptions struct {
	app      *app
	to       int
	message  string
	noVerify bool
	force    bool
}

func newRollback(a *app, out *outcome) *cobra.Command {
	o := &rollbackOptions{app: a}
	c := a.command(out, &cobra.Command{
		Use:   "rollback",
		Short: "Restore the last good release",
		Long: `Make an earlier release live again, with its code and its configuration. Without --to that is the last good
one, which is never one that was itself rolled back. A rollback is a new release, so it can be undone.

The data of your services is not part of a release and stays as it is. On the local platform, so do the values of
secrets; on AWS each release has its own versions of them, which are restored too.`,
		Example: `  ferry rollback
  ferry rollback --to 12`,
		Args: noArgs(),
	}, o.run)
	f := c.Flags()
	f.IntVar(&o.to, "to", 0, "the `number` of the release to restore")
	offer(c, "to", a.completeReleases)
	f.StringVarP(&o.message, "message", "m", "", "a `line` describing this rollback, kept with it")
	f.BoolVar(&o.noVerify, "no-verify", false, "skip the health checks; ferry still reads back what is live")
	f.BoolVar(&o.force, "force", false, "overwrite changes made outside ferry, and take the lock from another deploy")
	a.waits(c)
	c.PreRunE = func(c *cobra.Command, _ []string) error {
		if c.Flags().Changed("to") && o.to < 1 {
			return usagef("see `ferry releases` for their numbers", "--to %d: releases are numbered from 1", o.to)
		}
		return nil
	}
	return c
}

func (o *rollbackOptions) run(ctx context.Context, _ []string) (result, error) {
	origin := o.app.origin(ctx, "")
	p, err := o.app.deployed()
	if err != nil {
		return nil, err
	}
	options := release.RollbackOptions{To: o.to, Message: o.message, NoVerify: o.noVerify, Force: o.force}
	if !o.app.global.json && !o.app.global.quiet {
		options.Announce = func(number int, plan *release.Plan) { o.app.errors().restoring(number, plan, kept(p.adapter)) }
	}
	e := o.app.engine(p)
	e.Origin = origin()
	return o.app.release(e, func() (*release.Result, error) { return e.Rollback(ctx, options) })
}

// kept says what a rollback does not bring back.
func kept(a providers.Adapter) string {
	if _, ok := providers.As[providers.Pinner](a); ok {
		return "secrets go back to the versions that the release had; data stays as it is"
	}
	return "secret values and data stay as they are"
}

// restoring says what a rollback is about to do.
func (p *printer) restoring(number int, plan *release.Plan, kept string) {
	switch {
	case plan.Removing && number > 0:
		p.linef("restoring release %d, which was partly removed", number)
	case plan.Unfinished > 0 && number == plan.Release:
		p.linef("undoing the interrupted release %d", plan.Unfinished)
	case number == plan.Release: // it ends a canary, or what was changed by hand
		p.linef("restoring release %d for all requests", number)
	case plan.Release > 0:
		p.linef("restoring release %d in place of release %d", number, plan.Release)
	default:
		p.linef("restoring release %d", number)
	}
	p.linef("%s", p.style.dim.Render(kept))
	p.linef("")
	p.changes(plan.Changes, updates())
}

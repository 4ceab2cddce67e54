package cmd

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/ferryfn/ferry/release"
)

func newPromote(a *app, out *outcome) *cobra.Command {
	var o release.PromoteOptions
	c := a.command(out, &cobra.Command{
		Use:   "promote",
		Short: "Give all requests to the release that has a share of them",
		Long: `Give all requests to the release that ` + "`ferry deploy --traffic`" + ` gave a share of them. It is checked again
like a deploy; if that fails, the release that serves the rest gets all of them back. ` + "`ferry rollback`" + ` ends the share instead.`,
		Args: noArgs(),
	}, func(ctx context.Context, _ []string) (result, error) {
		return a.finishing(func(e *release.Engine) (*release.Result, error) {
			return e.Promote(ctx, o)
		})
	})
	f := c.Flags()
	f.BoolVar(&o.NoVerify, "no-verify", false, "skip the health checks; ferry still reads back what is live")
	f.BoolVar(&o.Force, "force", false, "overwrite changes made outside ferry, and take the lock from another deploy")
	a.waits(c)
	return c
}

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
		Short: "Give all requests to the release that gets a share of them",
		Long: `Give all requests to the release that ` + "`ferry deploy --traffic`" + ` gave a share of them. It is checked again
as by a deploy; when that fails, what served the rest serves all. ` + "`ferry rollback`" + ` ends the share instead.`,
		Args: noArgs(),
	}, func(ctx context.Context, _ []string) (result, error) {
		return a.finishing(func(e *release.Engine) (*release.Result, error) {
			return e.Promote(ctx, o)
		})
	})
	f := c.Flags()
	f.BoolVar(&o.NoVerify, "no-verify", false, "skip the health checks; what serves is read back all the same")
	f.BoolVar(&o.Force, "force", false, "overwrite changes made outside ferry, and take the lock from another deploy")
	a.waits(c)
	return c
}

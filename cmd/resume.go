package cmd

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/ferryfn/ferry/release"
)

func newResume(a *app, out *outcome) *cobra.Command {
	force := false
	c := a.command(out, &cobra.Command{
		Use:   "resume",
		Short: "Finish a release or a removal that was interrupted",
		Long:  "Finish a release or a removal that was interrupted. It is safe to repeat; `ferry rollback` undoes it instead.",
		Args:  noArgs(),
	}, func(ctx context.Context, _ []string) (result, error) {
		return a.finishing(func(e *release.Engine) (*release.Result, error) {
			return e.Resume(ctx, force)
		})
	})
	c.Flags().BoolVar(&force, "force", false, "overwrite changes made outside ferry, and take the lock from another deploy")
	a.waits(c)
	return c
}

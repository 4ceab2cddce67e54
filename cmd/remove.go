package cmd

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/release"
)

type removeOptions struct {
	app   *app
	purge bool
	force bool
}

// removeResult is what was taken off the target.
type removeResult struct {
	*release.Removal
	place string
}

func newRemove(a *app, out *outcome) *cobra.Command {
	o := &removeOptions{app: a}
	c := a.command(out, &cobra.Command{
		Use:   "remove",
		Short: "Remove the service from the target",
		Long: `Remove exactly what ferry made for this service, stage and target. The releases are kept, so that a later
` + "`ferry rollback`" + ` brings the service back; --purge deletes them too, and on the local platform the values of secrets.
If a removal is interrupted, the same command finishes it.`,
		Args: noArgs(),
	}, o.run)
	c.Flags().BoolVar(&o.purge, "purge", false, "also delete the releases and their packages; this cannot be undone")
	c.Flags().BoolVar(&o.force, "force", false, "take the lock from another deploy")
	a.waits(c)
	return c
}

func (o *removeOptions) run(ctx context.Context, _ []string) (result, error) {
	p, err := o.app.deployed()
	if err != nil {
		return nil, err
	}
	if err := o.confirm(p); err != nil {
		return nil, err
	}
	shown := o.app.startProgress()
	e := o.app.engine(p)
	e.Progress = shown.event
	removal, err := e.Remove(ctx, release.RemoveOptions{Purge: o.purge, Force: o.force})
	shown.close()
	if removal == nil {
		return nil, err
	}
	if removal.Removed == nil {
		removal.Removed = []string{}
	}
	return removeResult{Removal: removal, place: p.place()}, err
}

// confirm has a person type the service's name; where nobody can be asked, --yes is needed.
func (o *removeOptions) confirm(p *project) error {
	if o.app.global.yes {
		return nil
	}
	if !o.app.interactive() {
		return usagef("add --yes if you mean it", "remove takes %s down, and there is no terminal to ask for confirmation", p.place())
	}
	ask := o.app.errors()
	ask.linef("This takes %s down.", ask.style.bold.Render(p.place()))
	if o.purge {
		what := "Its releases are deleted too"
		if _, ok := providers.As[providers.Purger](p.adapter); ok {
			what = "Its releases and the values of its secrets are deleted too"
		}
		ask.linef("%s: this cannot be undone.", what)
	}
	answer, err := o.app.ask("Type " + p.manifest.Service + " to continue:")
	if err != nil || answer == p.manifest.Service {
		return err
	}
	return usagef("type the name of the service exactly, or use --yes", "not confirmed: nothing was removed")
}

func (r removeResult) text(p *printer) {
	p.removed(r.Removed, r.place)
	if r.Purged {
		p.linef("  its releases were deleted")
	} else if len(r.Removed) > 0 {
		p.linef("  %s `ferry rollback` brings it back, `ferry remove --purge` deletes the releases too", p.style.good.Render("hint:"))
	}
}

// removed says what was taken off a place.
func (p *printer) removed(functions []string, place string) {
	what := strings.Join(functions, ", ")
	switch n := len(functions); {
	case n == 0:
		p.linef("nothing to remove  %s", p.style.dim.Render(place))
		return
	case n > manyFunctions:
		what = count(n, "function")
	}
	p.linef("%s removed %s  %s", p.style.good.Render("✓"), what, p.style.dim.Render(place))
}

package cmd

import (
	"context"
	"fmt"
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
	if err := o.app.confirm(o.question(p)); err != nil {
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

// question says what is taken down.
func (o *removeOptions) question(p *project) question {
	says := fmt.Sprintf("This takes %s down.", o.app.errors().style.bold.Render(p.place()))
	if o.purge {
		what := "Its releases are deleted too"
		if _, ok := providers.As[providers.Purger](p.adapter); ok {
			what = "Its releases and the values of its secrets are deleted too"
		}
		says += "\n" + what + ": this cannot be undone."
	}
	return question{kind: "service", name: p.manifest.Service, says: says, does: fmt.Sprintf("remove takes %s down", p.place()), spared: "removed"}
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

package cmd

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
)

// urlResult is where a function answers.
type urlResult struct {
	Function string `json:"function"`
	URL      string `json:"url"`
}

func newURL(a *app, out *outcome) *cobra.Command {
	return a.command(out, &cobra.Command{
		Use:   "url function",
		Short: "Print the URL of a function",
		Long: `Print the URL of the live function, alone on a line and without the function's own path.

On the local platform the URL stays the same while the platform is stopped; a warning then says so.`,
		Example:           `  curl $(ferry url api)`,
		Args:              between(1, 1, "the name of a function"),
		ValidArgsFunction: a.completeFunctions,
	}, func(ctx context.Context, args []string) (result, error) {
		p, err := a.deployed()
		if err != nil {
			return nil, err
		}
		state, err := p.live(ctx, args[0])
		if err != nil {
			return nil, err
		}
		return urlResult{Function: args[0], URL: state.URL}, a.warnUnreached(ctx, p, args[0])
	})
}

// warnUnreached warns of what keeps a function from being reached.
func (a *app) warnUnreached(ctx context.Context, p *project, function string) error {
	r, ok := providers.As[providers.Readier](p.adapter)
	if !ok {
		return nil
	}
	found, err := r.Obstacles(ctx, []providers.Spec{{Function: manifest.Function{Name: function}}})
	for _, o := range found {
		a.warn(providers.Issue{Function: function, Message: "it cannot be reached at the moment: " + o.Err.Error(), Hint: o.Err.Hint})
	}
	return err
}

// live is the state of a function that answers HTTP.
func (p *project) live(ctx context.Context, function string) (providers.State, error) {
	state, err := p.adapter.Status(ctx, function)
	switch {
	case err != nil:
		return state, err
	case state.Foreign:
		return state, &failure{
			kind: providers.Foreign, message: "the function " + function + " of " + p.place() + " was not made by ferry",
			hint: "run `ferry status` to see what serves",
		}
	case state.Revision == nil:
		return state, p.undeployed(ctx, function)
	case state.URL == "":
		return state, &failure{
			kind: providers.NotFound, message: "the function " + function + " has no URL, because it has no http event",
			hint: "add - http: {} under its events and deploy, or call it with `ferry invoke " + function + "`",
		}
	}
	return state, nil
}

func (p *project) undeployed(ctx context.Context, function string) error {
	return &failure{
		kind: providers.NotFound, message: "the function " + function + " is not deployed at " + p.place(),
		hint: p.nearestDeployed(ctx, function),
	}
}

// nearestDeployed is a hint towards what is deployed, where the provider can list it.
func (p *project) nearestDeployed(ctx context.Context, function string) string {
	hint := "run `ferry deploy`, or `ferry status` to see what serves"
	if lister, ok := providers.As[providers.Lister](p.adapter); ok {
		if names, err := lister.Functions(ctx); err == nil && !slices.Contains(names, function) && len(nearest(function, names)) > 0 {
			return suggest(function, names) + " otherwise " + hint
		}
	}
	return hint
}

func (r urlResult) text(p *printer) { p.raw([]byte(r.URL + "\n")) }

package cmd

import (
	"context"
	"net"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ferryfn/ferry/providers"
)

func newOpen(a *app, out *outcome) *cobra.Command {
	path := ""
	c := a.command(out, &cobra.Command{
		Use:   "open [function]",
		Short: "Open a function, or the local status page, in the browser",
		Long: `Open the live function in the browser, and print its URL. The local platform is started if it is not running.
Without a function it is the status page of the local platform, with queues and logs: whoever knows its URL sees them.
A private function does not answer a browser: call it with ` + "`ferry invoke`" + `.`,
		Example: `  ferry open api
  ferry open api --path /items/7`,
		Args:              between(0, 1, "at most the name of a function"),
		ValidArgsFunction: a.completeFunctions,
	}, func(ctx context.Context, args []string) (result, error) {
		if len(args) == 0 {
			return a.openPage(ctx)
		}
		return a.open(ctx, args[0], path)
	})
	c.Flags().StringVarP(&path, "path", "p", "", "the `path` and query to open")
	c.PreRun = func(*cobra.Command, []string) {
		if path != "" && !strings.HasPrefix(path, "/") {
			path = "/" + path
		}
	}
	return c
}

// named is the address of a function at this machine by a name of its own. Cookies know no ports: at 127.0.0.1 those of one
// function would reach all others, and who logs in to one is logged out of another.
func named(address, function string) string {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() != "127.0.0.1" || u.Path != "/" {
		return address
	}
	u.Host = net.JoinHostPort(strings.ToLower(function)+".localhost", u.Port())
	return u.String()
}

func (a *app) open(ctx context.Context, function, path string) (result, error) {
	p, err := a.deployed()
	if err != nil {
		return nil, err
	}
	state, err := p.live(ctx, function)
	if err != nil {
		return nil, err
	}
	if starter, ok := providers.As[providers.Starter](p.adapter); ok {
		if err := starter.Start(ctx); err != nil {
			return nil, err
		}
	}
	return a.browse(ctx, urlResult{Function: function, URL: strings.TrimSuffix(named(state.URL, function), "/") + path})
}

// openPage shows the status page of a place that has one.
func (a *app) openPage(ctx context.Context) (result, error) {
	p, err := a.deployed()
	if err != nil {
		return nil, err
	}
	pager, ok := providers.As[providers.Pager](p.adapter)
	if !ok {
		return nil, usagef("name a function: ferry open NAME", "the provider %s has no status page", p.manifest.Target.Provider)
	}
	url, err := pager.Page(ctx)
	if err != nil {
		return nil, err
	}
	return a.browse(ctx, urlResult{URL: url})
}

// browse shows a URL in the browser.
func (a *app) browse(ctx context.Context, shown urlResult) (result, error) {
	switch err := a.Browse(ctx, shown.URL); {
	case ctx.Err() != nil:
		return shown, ctx.Err()
	case err != nil:
		return shown, &failure{
			kind: providers.Failed, message: "no browser could be opened: " + err.Error(), hint: "open " + shown.URL + " yourself",
		}
	}
	return shown, nil
}

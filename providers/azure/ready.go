package azure

import (
	"context"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/ferryfn/ferry/providers"
)

// Obstacles are apps that somebody stopped, so that what is live there is not reached, and a quota of the region that is too low.
func (a *Adapter) Obstacles(ctx context.Context, specs []providers.Spec) ([]providers.Obstacle, error) {
	if len(specs) == 0 {
		return nil, nil
	}
	c, err := a.connect(ctx)
	if err != nil {
		return nil, err
	}
	all, err := c.appsOf(ctx, specs)
	if err != nil {
		return nil, a.classify("look at the apps", "", err)
	}
	stopped := map[string]bool{}
	for _, s := range all {
		if strings.EqualFold(s.Properties.State, "Stopped") {
			stopped[s.Tags[tagged().Key("function")]] = stopped[s.Tags[tagged().Key("function")]] || a.owns(s.Tags, s.Tags[tagged().Key("function")])
		}
	}
	var mu sync.Mutex
	var found []providers.Obstacle
	if low := c.exceeds(ctx, specs, all); low != nil {
		found = append(found, providers.Obstacle{Err: low})
	}
	g, within := errgroup.WithContext(ctx)
	g.SetLimit(16)
	for _, s := range specs {
		if !stopped[s.Function.Name] {
			continue
		}
		g.Go(func() error {
			at, err := c.app(s.Function.Name)
			if err != nil {
				return err
			}
			is, _, err := at.claim(within)
			if err != nil || is.Live == "" || is.Next != "" { // a deploy starts what it makes live
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			found = append(found, providers.Obstacle{Err: fail(providers.Unavailable, "reach", s.Function.Name,
				"run `az functionapp start --name "+at.name+" --resource-group "+a.target.ResourceGroup+"`", "somebody stopped the app %s", at.name)})
			return nil
		})
	}
	return found, a.classify("look at the apps", "", g.Wait())
}

// appsOf are the apps of functions: as Status saw them a moment ago, or all of the resource group.
func (c *connection) appsOf(ctx context.Context, specs []providers.Spec) ([]site, error) {
	var all []site
	for _, s := range specs {
		is, seen := c.sights.of(c.appName(s.Function.Name))
		if !seen {
			return c.sites(ctx)
		}
		if is != nil {
			all = append(all, *is)
		}
	}
	return all, nil
}

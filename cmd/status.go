package cmd

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ferryfn/ferry/release"
)

// statusResult is what serves now.
type statusResult struct {
	*release.Status
}

func newStatus(a *app, out *outcome) *cobra.Command {
	return a.command(out, &cobra.Command{
		Use:   "status",
		Short: "Show what is live, and whether it is what ferry left there",
		Args:  noArgs(),
	}, func(ctx context.Context, _ []string) (result, error) {
		p, err := a.deployed()
		if err != nil {
			return nil, err
		}
		s, err := a.engine(p).Status(ctx)
		if err != nil {
			return nil, err
		}
		return statusResult{s}, nil
	})
}

func (r statusResult) text(p *printer) {
	place := where(r.Service, r.Stage, r.Target)
	if r.Unfinished > 0 {
		p.interrupted(halfDone{r.Unfinished, r.Removing})
	}
	switch {
	case r.Release == 0 && r.Moved != nil:
		p.linef("nothing is deployed  %s", p.style.dim.Render(place))
		p.ended(r.Moved)
	case r.Release == 0:
		p.linef("nothing is deployed  %s", p.style.dim.Render(place))
		p.linef("  %s run `ferry deploy`", p.style.good.Render("hint:"))
	case r.Source != r.Release:
		p.linef("release %d, with the content of release %d  %s", r.Release, r.Source, p.style.dim.Render(place))
	default:
		p.linef("release %d  %s", r.Release, p.style.dim.Render(place))
	}
	if r.Canary > 0 {
		p.canary(r.Canary, r.Percent)
	}
	p.moving(r.Migration)
	if r.Release > 0 {
		p.movedAway(r.Moved)
	}
	p.held(r.Held)
	p.obstacles(r.Obstacles)
	if len(r.Functions) == 0 {
		return
	}
	p.linef("")
	var rows [][]string
	for _, name := range slices.Sorted(maps.Keys(r.Functions)) {
		fn := r.Functions[name]
		note := ""
		if fn.Drift != "" {
			note = p.style.warn.Render("! " + fn.Drift)
		}
		if fn.AsWritten {
			note = strings.TrimSpace(note + p.style.dim.Render("  as last written"))
		}
		rows = append(rows, []string{p.style.bold.Render(name), p.state(fn.State), p.style.link.Render(fn.URL), note})
	}
	p.table([]string{"function", "state", "url", ""}, rows)
	for _, name := range slices.Sorted(maps.Keys(r.Functions)) {
		for _, d := range r.Functions[name].Differences {
			p.linef("  %s %s: %s instead of %s", p.style.warn.Render("!"), name+"."+d.Path, orNone(d.Actual), orNone(d.Spec))
		}
	}
}

func orNone(value string) string {
	if value == "" {
		return "nothing"
	}
	return value
}

func (p *printer) state(s string) string {
	switch s {
	case "serving":
		return p.style.good.Render(s)
	case "missing":
		return p.style.bad.Render(s)
	}
	return p.style.warn.Render(fmt.Sprint(s))
}

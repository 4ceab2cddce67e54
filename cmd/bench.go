package cmd

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/spf13/cobra"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/migrate/bench"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/release"
)

type benchOptions struct {
	app  *app
	cold int
	html string
	warm bench.Options
}

// benchResult is how long a function takes on each target.
type benchResult struct {
	Function string                  `json:"function"`
	Targets  map[string]bench.Target `json:"targets"`
}

func newBench(a *app, out *outcome) *cobra.Command {
	o := &benchOptions{app: a}
	c := a.command(out, &cobra.Command{
		Use:   "bench [function]",
		Short: "Measure how long a function takes to start and to answer on each target",
		Long: `Measure how long a function that is deployed takes to start and to answer, on each target that --target names.

Answers are those to GET requests, one after the other, from this machine. Starts are forced by a change of configuration that
serves nobody: a revision of what is live with one more variable is published beside it, started until its handler is loaded,
and taken away again, under the lock. What is live is not touched. Where a target cannot start what does not serve, only
starts that come by themselves are told.`,
		Example: `  ferry bench api --target local,aws
  ferry bench --target aws,gcp --cold 20 --requests 200 --rate 20 --html bench.html`,
		Args:              between(0, 1, "one function"),
		ValidArgsFunction: a.completeFunctions,
	}, o.run)
	f := c.Flags()
	f.IntVar(&o.cold, "cold", 5, "the `number` of starts that are forced; 0 forces none")
	f.IntVar(&o.warm.Requests, "requests", 50, "the `number` of requests")
	f.Float64Var(&o.warm.PerSecond, "rate", 10, "the `number` of requests a second, at most")
	f.StringVarP(&o.warm.Path, "path", "p", "", "the `path` that is asked for (default: that of health, else /)")
	f.StringVar(&o.html, "html", "", "write the report to this `file`, too, as a page")
	return c
}

func (o *benchOptions) run(ctx context.Context, args []string) (result, error) {
	if err := errors.Join(bounded("cold", o.cold, 0, 100), bounded("requests", o.warm.Requests, 0, 10000), bounded("rate", o.warm.PerSecond, 0.1, 1000), o.app.writable(o.html)); err != nil {
		return nil, err
	}
	r := benchResult{Targets: map[string]bench.Target{}}
	shown := o.app.startProgress()
	defer shown.close()
	for _, target := range o.app.targets([]string{""}) { // "" is the manifest's default
		p, err := o.app.projectOn(target)
		if err != nil {
			return nil, err
		}
		fn, err := o.function(p.manifest, args)
		if err != nil {
			return nil, err
		}
		r.Function, target = fn.Name, p.manifest.Target.Name
		if r.Targets[target], err = o.target(ctx, p, fn); err != nil {
			return nil, fmt.Errorf("measuring %s on %s: %w", fn.Name, target, err)
		}
	}
	if o.html == "" {
		return r, nil
	}
	if err := os.WriteFile(o.app.inDir(o.html), bench.HTML(r.Function, r.Targets), 0o644); err != nil {
		return nil, fmt.Errorf("writing %s: %w", o.html, err)
	}
	return r, nil
}

// function is the one that is named, else the one that answers HTTP.
func (o *benchOptions) function(m *manifest.Manifest, args []string) (manifest.Function, error) {
	if len(args) > 0 {
		some, err := release.Choose(m, args)
		if err != nil {
			return manifest.Function{}, err
		}
		return some[0], nil
	}
	answer := slices.DeleteFunc(slices.Clone(m.Functions), func(fn manifest.Function) bool { return fn.HTTP() == nil })
	if len(answer) != 1 {
		return manifest.Function{}, usagef("name one", "%d functions answer HTTP", len(answer))
	}
	return answer[0], nil
}

// target measures one target.
func (o *benchOptions) target(ctx context.Context, p *project, fn manifest.Function) (bench.Target, error) {
	invoker, ok := providers.As[providers.Invoker](p.adapter)
	if !ok {
		return bench.Target{}, &failure{kind: providers.Unsupported, message: "the target " + p.manifest.Target.Name + " cannot invoke functions", hint: "name another with --target"}
	}
	if starter, ok := providers.As[providers.Starter](p.adapter); ok {
		if err := starter.Start(ctx); err != nil {
			return bench.Target{}, err
		}
	}
	options := o.warm
	if options.Path == "" && fn.Health != nil {
		options.Path = fn.Health.Path
	}
	if options.Path == "" {
		options.Path = "/"
	}
	warm, cold, failed, err := bench.Warm(ctx, invoker, fn.Name, options)
	if err != nil {
		return bench.Target{}, err
	}
	t := bench.Target{Warm: bench.Of(warm), Failed: failed}
	if o.cold > 0 {
		var starts []float64
		err := o.app.engine(p).Starts(ctx, fn.Name, o.cold, func(took time.Duration) { starts = append(starts, took.Seconds()) })
		switch {
		case errors.Is(err, providers.Unsupported):
			t.Unforced = "this target starts nothing that does not serve"
		case err != nil:
			return t, err
		default:
			cold = starts
		}
	}
	t.Cold = bench.Of(cold)
	return t, nil
}

func (r benchResult) text(p *printer) {
	p.linef("%s", p.style.bold.Render(r.Function))
	p.linef("")
	bars := bench.Bars(r.Targets)
	most, widest := 0.0, 0
	for _, b := range bars {
		most, widest = max(most, b.Seconds), max(widest, ansi.StringWidth(b.Name))
	}
	room := max(10, min(40, p.width-widest-12))
	for _, b := range bars {
		length := 1
		if most > 0 {
			length = max(1, int(float64(room)*b.Seconds/most))
		}
		p.linef("  %s%s  %s %s", b.Name, strings.Repeat(" ", widest-ansi.StringWidth(b.Name)), p.style.link.Render(strings.Repeat("█", length)), seconds(b.Seconds))
	}
	for _, name := range slices.Sorted(maps.Keys(r.Targets)) {
		t := r.Targets[name]
		p.linef("")
		p.linef("%s: %s, %s", name, count(t.Cold.Count, "start"), count(t.Warm.Count, "answer"))
		if t.Failed > 0 {
			p.linef("  %s failed", count(t.Failed, "request"))
		}
		if t.Unforced != "" {
			p.linef("  no start was forced: %s", t.Unforced)
		}
	}
}

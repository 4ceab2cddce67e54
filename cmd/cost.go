package cmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/migrate/cost"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/release"
)

type costOptions struct {
	app      *app
	load     providers.Load
	memory   string
	cold     float64 // of 100 requests
	measured string
	since    time.Duration
	counted  bool // --requests was given
}

// costResult is what a month costs on each target.
type costResult struct {
	Load     providers.Load        `json:"load"`
	Targets  map[string]cost.Month `json:"targets"`
	Unpriced map[string]string     `json:"unpriced"` // the targets that have no price, with the reason
	Why      []string              `json:"why"`
}

func newCost(a *app, out *outcome) *cobra.Command {
	o := &costOptions{app: a}
	c := a.command(out, &cobra.Command{
		Use:   "cost [function...]",
		Short: "Say what a month costs on each target, and why it differs",
		Long: `Say what a month of the functions costs on each target, and why it differs: how finely a request is billed, whether the
start of an instance is, what is kept warm, and what is free. It makes no network calls, unless --measured reads a target's
logs.

It counts what functions cost by themselves, at list prices in dollars, each of which --json prints with its source and its
day. Traffic, logs, queues, buckets and builds are not in it. All functions have the same load.`,
		Example: `  ferry cost --requests 10000000 --duration 43ms
  ferry cost --target aws,gcp --requests 1e6 --duration 120ms --cold 1 --init 800ms
  ferry cost api --target aws,azure --measured aws --since 24h`,
		Args:              between(0, -1, ""),
		ValidArgsFunction: a.completeFunctions,
	}, o.run)
	f := c.Flags()
	f.Float64Var(&o.load.Requests, "requests", 1e6, "the `number` of requests to each function in a month")
	f.DurationVar(&o.load.Duration, "duration", 100*time.Millisecond, "how long a request takes, as a `time` such as 43ms")
	f.StringVar(&o.memory, "memory", "", "the `size` of an instance, such as 512MB (default: the manifest's)")
	f.Float64Var(&o.cold, "cold", 0, "the `percentage` of requests that start an instance")
	f.DurationVar(&o.load.Init, "init", 500*time.Millisecond, "how long such a start takes, as a `time`")
	f.Float64Var(&o.load.AtOnce, "at-once", 1, "the `number` of requests that an instance answers at once, where it can")
	f.StringVar(&o.measured, "measured", "", "take all of that from the logs of this `target`, where they tell it")
	f.DurationVar(&o.since, "since", 24*time.Hour, "with --measured, how far back the logs are read, as a `time`")
	offer(c, "measured", a.completeNames(func(c manifest.Choices) []string { return c.Targets }))
	c.PreRun = func(c *cobra.Command, _ []string) { o.counted = c.Flags().Changed("requests") }
	return c
}

func (o *costOptions) run(ctx context.Context, args []string) (result, error) {
	o.load.Cold = o.cold / 100
	if err := o.bounds(); err != nil {
		return nil, err
	}
	if o.measured != "" {
		if err := o.measure(ctx, args); err != nil {
			return nil, err
		}
	}
	targets := o.app.targets(manifest.Names(o.app.manifestOptions()).Targets)
	if len(targets) == 0 {
		targets = []string{"local"}
	}
	r := costResult{Load: o.load, Targets: map[string]cost.Month{}, Unpriced: map[string]string{}}
	for _, target := range targets {
		p, err := o.app.projectOn(target)
		if err != nil {
			return nil, err
		}
		coster, ok := providers.As[providers.Coster](p.adapter)
		if !ok {
			r.Unpriced[target] = "nobody sends a bill for a function: it runs on machines of your own"
			continue
		}
		functions, err := release.Choose(p.manifest, args)
		if err != nil {
			return nil, err
		}
		if functions, err = o.fitted(p.adapter, functions); err != nil {
			return nil, err
		}
		r.Targets[target] = cost.Of(coster, functions, o.load)
	}
	r.Why = cost.Differ(r.Targets)
	return r, nil
}

// bounds are those of a month that can be.
func (o *costOptions) bounds() error {
	return errors.Join(
		bounded("requests", o.load.Requests, 0, 1e12),
		bounded("duration", o.load.Duration, time.Microsecond, 24*time.Hour),
		bounded("cold", o.cold, 0, 100),
		bounded("init", o.load.Init, 0, time.Hour),
		bounded("at-once", o.load.AtOnce, 1, 1000),
		bounded("since", o.since, time.Second, 365*24*time.Hour),
	)
}

// fitted are the functions as the target runs them.
func (o *costOptions) fitted(a providers.Adapter, functions []manifest.Function) ([]manifest.Function, error) {
	var all []manifest.Function
	for _, fn := range functions {
		if o.memory != "" {
			if err := fn.Memory.UnmarshalText([]byte(o.memory)); err != nil {
				return nil, usagef("write it like 512MB", "--memory %q: %s", o.memory, err)
			}
		}
		fit, issues := providers.Fit(a, fn)
		for _, i := range issues {
			if i.Field == "memory" {
				o.app.warn(i)
			}
		}
		all = append(all, fit)
	}
	return all, nil
}

// measure takes the load from what a target's functions logged.
func (o *costOptions) measure(ctx context.Context, args []string) error {
	p, err := o.app.projectOn(o.measured)
	if err != nil {
		return err
	}
	tailer, tails := providers.As[providers.LogTailer](p.adapter)
	reads, ok := providers.As[providers.Measurer](p.adapter)
	if !tails || !ok {
		return &failure{kind: providers.Unsupported, message: "the logs of " + o.measured + " do not tell how long requests took", hint: "give --requests and --duration"}
	}
	functions, err := release.Choose(p.manifest, args)
	if err != nil {
		return err
	}
	var took, started time.Duration
	requests, starts := 0, 0
	for _, fn := range functions {
		err := tailer.Tail(ctx, fn.Name, providers.TailOptions{Since: o.app.Now().Add(-o.since)}, func(line providers.LogLine) error {
			if m, ok := reads.Measured(line); ok {
				requests, took, started = requests+1, took+m.Duration, started+m.Init
				if m.Init > 0 {
					starts++
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	if requests == 0 {
		return &failure{kind: providers.NotFound, message: fmt.Sprintf("nothing was called on %s in the last %s", o.measured, o.since), hint: "look further back with --since, or give --requests and --duration"}
	}
	o.load.Duration, o.load.Cold = took/time.Duration(requests), float64(starts)/float64(requests)
	o.load.Init = started / time.Duration(max(1, starts))
	if !o.counted {
		o.load.Requests = float64(requests) / float64(len(functions)) * float64(providers.Month) / float64(o.since)
	}
	return nil
}

func (r costResult) text(p *printer) {
	p.linef("%s requests a month to each function, %s each%s", amount(r.Load.Requests), r.Load.Duration.Round(time.Microsecond), colds(r.Load))
	p.linef("")
	var rows [][]string
	for _, name := range slices.SortedFunc(maps.Keys(r.Targets), func(a, b string) int {
		return cmp.Or(cmp.Compare(r.Targets[a].Total, r.Targets[b].Total), strings.Compare(a, b))
	}) {
		m := r.Targets[name]
		rows = append(rows, []string{p.style.bold.Render(name), p.style.bold.Render(cost.Dollars(m.Total)), ""})
		for _, l := range m.Lines {
			free := ""
			if l.Free > 0 {
				free = p.style.dim.Render("less " + amount(min(l.Free, l.Amount)) + " free")
			}
			rows = append(rows, []string{"", cost.Dollars(l.Cost), amount(l.Amount) + " " + l.What, free})
		}
	}
	p.table([]string{"", "a month", "for", ""}, rows)
	for _, name := range slices.Sorted(maps.Keys(r.Unpriced)) {
		p.linef("%s: %s", name, r.Unpriced[name])
	}
	if len(r.Why) > 0 {
		p.linef("")
	}
	for _, why := range r.Why {
		p.linef("%s", why)
	}
}

func colds(l providers.Load) string {
	if l.Cold == 0 {
		return ""
	}
	return fmt.Sprintf(", %.2g of 100 with a start of %s", 100*l.Cold, l.Init.Round(time.Millisecond))
}

// amount writes a number with the digits that matter.
func amount(n float64) string {
	switch {
	case n >= 1e6:
		return strconv.FormatFloat(n/1e6, 'f', -1, 32) + " million"
	case n >= 100:
		return strconv.FormatFloat(n, 'f', 0, 64)
	}
	return strconv.FormatFloat(n, 'g', 3, 64)
}

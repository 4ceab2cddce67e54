package cmd

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/ferryfn/ferry/providers"
)

type logsOptions struct {
	app    *app
	lines  int
	follow bool
}

// logsResult are log lines, oldest first.
type logsResult struct {
	Lines []providers.LogLine `json:"lines"`
}

func newLogs(a *app, out *outcome) *cobra.Command {
	o := &logsOptions{app: a}
	c := a.command(out, &cobra.Command{
		Use:   "logs function",
		Short: "Print what a function wrote",
		Long: `Print what a function wrote to stdout and stderr, oldest first. With --follow and --json every line is a JSON
document of its own.`,
		Args:              between(1, 1, "the name of a function"),
		ValidArgsFunction: a.completeFunctions,
	}, o.written)
	c.Flags().IntVarP(&o.lines, "lines", "n", 100, "print this `number` of last lines; 0 prints all")
	// -f is --follow here, as with every other tool that prints logs; the manifest has its long name only.
	c.Flags().StringVar(&a.global.file, "file", "", "the manifest `file` (default: ferry.yaml here or in a folder above)")
	c.Flags().BoolVarP(&o.follow, "follow", "f", false, "go on printing what comes, until Ctrl-C")
	return c
}

// written runs it, and tells what wrote nothing from what was never deployed.
func (o *logsOptions) written(ctx context.Context, args []string) (result, error) {
	r, err := o.run(ctx, args)
	if found, ok := r.(logsResult); !ok || err != nil || len(found.Lines) > 0 {
		return r, err
	}
	p, err := o.app.project()
	if err != nil {
		return nil, err
	}
	functions, err := p.functions(args)
	if err != nil {
		return nil, err
	}
	for _, fn := range functions {
		if state, err := p.adapter.Status(ctx, fn.Name); err != nil || state.Revision != nil {
			return r, err
		}
	}
	return nil, p.undeployed(ctx, functions[0].Name)
}

func (o *logsOptions) run(ctx context.Context, args []string) (result, error) {
	if o.lines < 0 {
		return nil, usagef("use 0 to print all", "--lines %d is below zero", o.lines)
	}
	p, err := o.app.project()
	if err != nil {
		return nil, err
	}
	if _, err := p.functions(args); err != nil {
		return nil, err
	}
	tailer, ok := p.adapter.(providers.LogTailer)
	if !ok {
		return nil, &failure{
			kind: providers.Unsupported, message: "the provider " + p.manifest.Target.Provider + " has no logs that ferry can read",
			hint: "look at them with the provider's own tools",
		}
	}
	tail := providers.TailOptions{Lines: o.lines, Follow: o.follow}
	if o.follow {
		return nil, errors.Join(tailer.Tail(ctx, args[0], tail, o.emit()), ctx.Err())
	}
	lines := []providers.LogLine{}
	err = tailer.Tail(ctx, args[0], tail, func(l providers.LogLine) error {
		lines = append(lines, l)
		return nil
	})
	return logsResult{Lines: lines}, err
}

// emit prints lines as they come.
func (o *logsOptions) emit() func(providers.LogLine) error {
	if o.app.global.json {
		return func(l providers.LogLine) error { return writeJSON(o.app.Streams.Out, l) }
	}
	p := o.app.printer(o.app.Streams.Out)
	return func(l providers.LogLine) error {
		p.log(l)
		return p.failed
	}
}

func (r logsResult) text(p *printer) {
	for _, l := range r.Lines {
		p.log(l)
	}
}

// log prints one line of a function; what the platform adds is dim.
func (p *printer) log(l providers.LogLine) {
	at := p.style.dim.Render(l.Time.In(p.zone).Format("15:04:05.000"))
	switch l.Stream {
	case "stderr":
		p.verbatim(at + " " + p.style.warn.Render("!") + " " + l.Text)
	case "stdout":
		p.verbatim(at + "   " + l.Text)
	default:
		p.verbatim(at + "   " + p.style.dim.Render("["+l.Text+"]"))
	}
}

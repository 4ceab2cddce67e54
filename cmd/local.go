package cmd

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"github.com/ferryfn/ferry/providers"
)

// localResult describes the platform of this machine.
type localResult struct {
	providers.HostInfo
	stopped bool
}

func newLocal(a *app, out *outcome) *cobra.Command {
	c := &cobra.Command{
		Use:   "local",
		Short: "Start, stop and inspect the local platform",
		Long: `The local platform serves the functions that were deployed to a target of provider local: one background
process per FERRY_HOME, which other machines cannot reach. A deploy starts it when needed.`,
		Args: unknownCommand,
		RunE: a.needsSubcommand,
	}
	ask := func(name, short string, do func(providers.Host, context.Context) (providers.HostInfo, error)) *cobra.Command {
		return a.command(out, &cobra.Command{Use: name, Short: short, Args: noArgs()},
			func(ctx context.Context, _ []string) (result, error) {
				host, err := a.host()
				if err != nil {
					return nil, err
				}
				info, err := do(host, ctx)
				if err != nil {
					return nil, err
				}
				if info.Services == nil {
					info.Services = []providers.HostService{}
				}
				return localResult{HostInfo: info, stopped: name == "stop"}, nil
			})
	}
	c.AddCommand(
		ask("start", "Start the platform if it is not running", providers.Host.Start),
		ask("stop", "Stop the platform and everything it runs", providers.Host.Stop),
		ask("status", "Show whether the platform is running, and what it serves", providers.Host.Info),
		a.command(out, &cobra.Command{
			Use:   "serve",
			Short: "Run the platform in the foreground, until Ctrl-C",
			Args:  noArgs(),
		}, func(ctx context.Context, _ []string) (result, error) {
			host, err := a.host()
			if err != nil {
				return nil, err
			}
			// Half of the processors are for the functions: a gateway on all of them takes their turns away, and wanders from one to the next.
			runtime.GOMAXPROCS(max(1, runtime.GOMAXPROCS(0)/2))
			waitTurns()
			return nil, host.Serve(ctx, a.Streams.Err)
		}),
	)
	return c
}

// host is the platform that runs on this machine.
func (a *app) host() (providers.Host, error) {
	home, err := a.home()
	if err != nil {
		return nil, err
	}
	for _, p := range a.Providers() {
		if p.Host != nil {
			return p.Host(home, a.version().Version), nil
		}
	}
	return nil, &failure{
		kind: providers.Unsupported, message: "this ferry has no local platform", hint: "choose another target with --target",
	}
}

func (r localResult) text(p *printer) {
	switch {
	case r.stopped:
		p.linef("%s the local platform is stopped", p.style.good.Render("✓"))
		return
	case !r.Running:
		p.linef("the local platform is not running")
		p.linef("  %s `ferry deploy` or `ferry local start` starts it", p.style.good.Render("hint:"))
		return
	}
	up := (time.Duration(r.Uptime) * time.Second).String()
	p.linef("%s the local platform is running  %s", p.style.good.Render("●"), p.style.dim.Render(fmt.Sprintf("%s, pid %d, up %s", cmp.Or(r.Version, "unknown version"), r.PID, up)))
	p.linef("")
	var rows [][]string
	for _, s := range r.Services {
		problem := ""
		if s.Problem != "" {
			problem = p.style.warn.Render("! " + s.Problem)
		}
		functions := count(s.Functions, "function")
		if s.Canaries > 0 {
			functions += fmt.Sprintf(", %d with a canary", s.Canaries)
		}
		starts := ""
		if s.ColdStarts > 0 {
			starts = p.style.dim.Render(count(s.ColdStarts, "cold start") + ", half within " + seconds(s.ColdSeconds))
		}
		rows = append(rows, []string{
			p.style.bold.Render(s.Service + " · " + s.Stage), p.style.link.Render(s.URL),
			functions, count(s.Instances, "instance"), starts, problem,
		})
	}
	rows = append(rows, []string{p.style.dim.Render("home"), p.file(r.Home)}, []string{p.style.dim.Render("log"), p.file(r.LogFile)})
	p.table(nil, rows)
}

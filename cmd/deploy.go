package cmd

import (
	"context"
	"errors"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ferryfn/ferry/release"
)

type deployOptions struct {
	app      *app
	message  string
	noVerify bool
	force    bool
	adopt    bool
	traffic  int
	from     string
	again    []int
	refresh  bool
}

func newDeploy(a *app, out *outcome) *cobra.Command {
	o := &deployOptions{app: a}
	c := a.command(out, &cobra.Command{
		Use:   "deploy [function...]",
		Short: "Deploy the manifest: every function, or none",
		Long: `Build the functions, publish them, and make them live. If any of them fails, the previous release keeps
serving. If nothing has changed, no release is made.

If you name functions, only those are deployed; the others stay as they are.

With --traffic the release gets only that percentage of the requests, chosen request by request. The previous release
serves the rest until you run ` + "`ferry promote` or `ferry rollback`" + `. Deploying the same content again with another
percentage changes the share.

What was rolled back is not deployed again by accident: a repeated CI job would undo what somebody just did. ferry
exits with 6 and names the release. Pass its number with --again (or FERRY_AGAIN) to deploy it anyway;
` + "`ferry releases allow`" + ` lets every later deploy do so.

Before it does what the provider cannot undo, such as taking a function from Cloud Functions, ferry asks; where there is
no terminal it needs --yes.`,
		Example: `  ferry deploy
  ferry deploy api worker -m "fix the date"
  ferry deploy --target aws --stage prod
  ferry deploy --traffic 10
  ferry deploy --from artifacts`,
		Args:              between(0, -1, ""),
		ValidArgsFunction: a.completeFunctions,
	}, o.run)
	f := c.Flags()
	f.StringVarP(&o.message, "message", "m", "", "a `line` describing this release, kept with it")
	f.StringVar(&o.from, "from", "", "deploy the packages that \"ferry package -o\" saved in this `folder`, without building anything")
	f.BoolVar(&o.noVerify, "no-verify", false, "skip the health checks; ferry still reads back what is live")
	f.BoolVar(&o.force, "force", false, "overwrite changes made outside ferry, and take the lock from another deploy")
	f.BoolVar(&o.adopt, "adopt", false, "record what was changed outside ferry as a release first, so that a rollback can restore it")
	f.IntVar(&o.traffic, "traffic", 0, "the `percentage` of requests that the release gets at first, 1 to 99")
	f.IntSliceVar(&o.again, "again", nil, "deploy the content of the release with this `number` anyway, although it was rolled back")
	refreshBase(f, &o.refresh)
	a.waits(c)
	offer(c, "again", a.completeReleases)
	c.PreRunE = func(c *cobra.Command, _ []string) error {
		if c.Flags().Changed("traffic") && (o.traffic < 1 || o.traffic > 99) {
			return usagef("leave it out to give the release all requests", "--traffic %d: a share is between 1 and 99 percent", o.traffic)
		}
		return a.fromEnvironment(c.Flags(), "again", "set it to a release number, or unset it")
	}
	return c
}

// refreshBase is the option of commands that decide what functions are laid over.
func refreshBase(f *pflag.FlagSet, to *bool) {
	f.BoolVar(to, "refresh-base", false, "take the newest edition of base images, where the provider lays packages over one")
}

func (o *deployOptions) run(ctx context.Context, args []string) (result, error) {
	if o.from != "" {
		o.from = o.app.inDir(o.from)
	}
	origin := o.app.origin(ctx, o.from)
	p, err := o.app.project()
	if err != nil {
		return nil, err
	}
	p.from = o.from
	e := o.app.engine(p)
	if err := o.app.check(e); err != nil {
		return nil, err
	}
	e.Origin, e.RefreshBase = origin(), o.refresh
	options := release.DeployOptions{
		Functions: args, Message: o.message, NoVerify: o.noVerify, Force: o.force, Adopt: o.adopt, Traffic: o.traffic, Again: o.again, OneWay: o.app.global.yes,
	}
	deploy := func() (*release.Result, error) { return e.Deploy(ctx, options) }
	done, err := o.app.release(e, deploy)
	var final *release.OneWay
	if errors.As(err, &final) {
		said := final.Error()
		if err := o.app.confirm(question{kind: "service", name: p.manifest.Service, says: said, does: said, spared: "deployed"}); err != nil {
			return nil, err
		}
		options.OneWay = true
		done, err = o.app.release(e, deploy)
	}
	if r, ok := done.(releaseResult); ok && r.State == release.StateCanary {
		r.Percent = o.traffic
		done = r
	}
	return done, o.app.held(err, o.again)
}

// release runs work that makes a release, showing its progress.
func (a *app) release(e *release.Engine, work func() (*release.Result, error)) (result, error) {
	shown := a.startProgress()
	e.Progress = shown.event
	done, err := work()
	shown.close()
	if done != nil {
		a.warn(done.Issues...)
	}
	if done == nil {
		return nil, err
	}
	return releaseResult{Result: done}, err
}

// finishing runs work on a release that was begun before. Nothing is built, so it comes from no commit.
func (a *app) finishing(work func(*release.Engine) (*release.Result, error)) (result, error) {
	p, err := a.deployed()
	if err != nil {
		return nil, err
	}
	e := a.engine(p)
	return a.release(e, func() (*release.Result, error) { return work(e) })
}

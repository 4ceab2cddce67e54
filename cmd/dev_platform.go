package cmd

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/until"
)

// platform runs the local platform in this process, unless it runs already. What it returns ends it, and says when there is none any
// more, as when another ferry dev, whose it was, has ended.
func (d *dev) platform(ctx context.Context, p *project) (end func(), gone <-chan struct{}, err error) {
	if d.app.provider(p.manifest).Host == nil {
		return func() {}, nil, usagef("choose a target of provider local with --target", "ferry dev serves on this machine, and the target %s is not there", p.manifest.Target.Name)
	}
	host, err := d.app.host()
	if err != nil {
		return func() {}, nil, err
	}
	if i, err := host.Info(ctx); err != nil || i.Running {
		return func() {}, absenceOf(ctx, host), err
	}
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	var failed error
	ended := make(chan struct{})
	go func() {
		failed = host.Serve(serving, io.Discard)
		close(ended)
	}()
	end = func() {
		stop()
		<-ended
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ended:
			stop()
			if i, err := host.Info(ctx); err == nil && i.Running { // somebody else started one meanwhile
				return func() {}, absenceOf(ctx, host), nil
			}
			return func() {}, nil, failed
		case <-ctx.Done():
			end()
			return func() {}, nil, ctx.Err()
		case <-tick.C:
		}
		if i, err := host.Info(ctx); err == nil && i.Running {
			return end, ended, nil
		}
	}
}

// absenceOf is closed when no platform runs any more.
func absenceOf(ctx context.Context, host providers.Host) <-chan struct{} {
	gone := make(chan struct{})
	go func() {
		ends := until.Rule{For: "the platform to end", First: 500 * time.Millisecond}
		err := until.True(ctx, ends, func() (bool, error) {
			return absent(ctx, host), nil
		})
		if err == nil {
			close(gone)
		}
	}()
	return gone
}

// absent reports whether no platform runs. One that does not answer may be busy.
func absent(ctx context.Context, host providers.Host) bool {
	i, err := host.Info(ctx)
	return err == nil && !i.Running
}

// join has this command serve beside others of the same service and stage only with the same variables: each deploys whenever a file
// is saved, and would replace what the others serve.
func (d *dev) join(ctx context.Context, p *project) (leave func(), err error) {
	const none = "no --env-file"
	mine := none
	if d.envFile != "" {
		if mine, err = filepath.EvalSymlinks(d.app.inDir(d.envFile)); err != nil {
			return nil, err
		}
		mine = "--env-file " + mine
	}
	theirs, leave, err := beside(ctx, filepath.Join(p.home.State, "dev", p.manifest.Service, p.manifest.Stage), mine)
	if err != nil || theirs == mine {
		return leave, err
	}
	leave()
	return nil, &providers.Error{
		Kind: providers.Conflict, Op: "dev", Hint: "end that one, give both the same --env-file, or serve this one beside it with another --stage",
		Err: fmt.Errorf("another ferry dev serves %s with %s, and this one has %s: each would replace what the other serves",
			where(p.manifest.Service, p.manifest.Stage, p.manifest.Target.Name), theirs, mine),
	}
}

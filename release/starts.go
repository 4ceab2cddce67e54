package release

import (
	"context"
	"crypto/rand"
	"errors"
	"maps"
	"time"

	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/providers"
)

// startVariable makes a revision of what is live that has no instance yet. Nobody reads it.
const startVariable = "FERRY_START"

// Starts has a function start so many times and hands on how long each start took, until its handler was loaded. What is live
// stays and is not touched: each start is of a revision of its own, which serves nobody and is taken away again. It holds the
// lock meanwhile, so that nothing is deployed at the same time.
func (e *Engine) Starts(ctx context.Context, function string, times int, each func(time.Duration)) error {
	_, err := inTurn(e, claim{}, func(e *Engine) (any, error) { return nil, e.starts(ctx, function, times, each) })
	return err
}

func (e *Engine) starts(ctx context.Context, function string, times int, each func(time.Duration)) error {
	prober, probes := providers.As[providers.Prober](e.Adapter)
	pruner, prunes := providers.As[providers.Pruner](e.Adapter)
	if !probes || !prunes {
		return &providers.Error{
			Kind: providers.Unsupported, Op: "start", Provider: e.Manifest.Target.Provider, Function: function,
			Err: errors.New("this target starts nothing that does not serve"),
		}
	}
	l, s, err := e.visit(ctx, function)
	if err != nil {
		return err
	}
	live, there := s.liveFunctions()[function]
	if !there {
		return notFound("start", function, errors.New("it is not deployed"), "run `ferry deploy` first")
	}
	a, ctx, err := e.begin(ctx, l, s, claim{})
	if err != nil {
		return err
	}
	err = a.withStored(ctx, function, live.Artifact, func(path string) error {
		for range times {
			took, err := a.start(ctx, prober, pruner, live, path)
			if err != nil {
				return err
			}
			each(took)
		}
		return nil
	})
	if err != nil {
		return a.quit(ctx, err, a.lock.taken.Unfinished)
	}
	return a.close(ctx, a.lock.taken.Unfinished)
}

// start publishes a revision that nothing was ever started of, starts it, and takes it away, also after an interruption.
func (a *attempt) start(ctx context.Context, prober providers.Prober, pruner providers.Pruner, live FunctionRecord, path string) (took time.Duration, err error) {
	fn := live.Function
	if fn.Env = maps.Clone(fn.Env); fn.Env == nil {
		fn.Env = map[string]string{}
	}
	fn.Env[startVariable] = rand.Text()
	f := recordOf(fn, live.Secrets, live.Artifact)
	f.Base = live.Base
	s := f.spec()
	s.Artifact = packager.Artifact{Path: path, Description: live.Artifact}
	if err := a.lock.check(ctx); err != nil {
		return 0, err
	}
	r, err := a.Adapter.Publish(ctx, s, a.lock.epoch())
	if err != nil {
		return 0, err
	}
	defer func() {
		within, cancel := a.settle(ctx)
		defer cancel()
		err = errors.Join(err, pruner.Prune(within, fn.Name, r, a.lock.epoch()))
	}()
	begun := time.Now()
	err = prober.Probe(ctx, s, r)
	return time.Since(begun), err
}

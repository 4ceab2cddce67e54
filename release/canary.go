package release

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ferryfn/ferry/providers"
)

// splits refuses a share that the target cannot give.
func (e *Engine) splits(percent int) error {
	if percent == 0 {
		return nil
	}
	if percent < 0 || percent > 99 {
		return &providers.Error{
			Kind: providers.Invalid, Op: "split the traffic", Provider: e.Manifest.Target.Provider,
			Err: fmt.Errorf("%d percent is not a share: it must be between 1 and 99", percent),
		}
	}
	_, err := e.splitter()
	return err
}

func (e *Engine) splitter() (providers.Splitter, error) {
	s, ok := providers.As[providers.Splitter](e.Adapter)
	if !ok {
		return nil, &providers.Error{
			Kind: providers.Unsupported, Op: "split the traffic", Provider: e.Manifest.Target.Provider,
			Hint: "deploy without --traffic: the release then gets all requests at once",
			Err:  errors.New("this provider cannot send a share of the requests to a release"),
		}
	}
	return s, nil
}

// share gives the release its share of the requests, and leaves it so: the attempt waits to be promoted or
// rolled back.
func (a *attempt) share(ctx context.Context) error {
	if err := a.track(ctx, StepActivate, "", len(a.changed), func(ctx context.Context) error { return a.split(ctx) }); err != nil {
		return a.restore(ctx, err)
	}
	a.record.State, a.record.Percent = StateCanary, a.traffic
	if err := a.track(ctx, StepCommit, "", 1, func(ctx context.Context) error { return a.save(ctx) }); err != nil {
		return a.restore(ctx, err)
	}
	return a.close(ctx, a.record.Number)
}

// split sends the share to every changed function that serves already, and reads back that it goes there. A
// new function has nothing to share with: it begins to serve when the release is promoted.
func (a *attempt) split(ctx context.Context) error {
	var changes []providers.Change
	for _, name := range a.changed {
		if now := a.scene.states[name]; now.Revision != nil {
			f := a.record.Functions[name]
			changes = append(changes, providers.Change{Spec: f.spec(), From: now, To: &f.Revision, Epoch: a.lock.epoch()})
		}
	}
	if len(changes) == 0 {
		return &providers.Error{
			Kind: providers.Invalid, Op: "split the traffic", Provider: a.Manifest.Target.Provider,
			Hint: "deploy without --traffic", Err: errors.New("no changed function is live yet, so there is nothing to share with"),
		}
	}
	if err := a.lock.check(ctx); err != nil {
		return err
	}
	splitter, err := a.splitter()
	if err != nil {
		return err
	}
	if _, err := splitter.Split(ctx, changes, a.traffic); err != nil {
		return err
	}
	var errs []error
	for _, c := range changes {
		name := c.Spec.Function.Name
		st, err := a.Adapter.Status(ctx, name)
		if err == nil && (!st.Serves(c.From.Revision) || st.Canary == nil || st.Canary.Revision.ID != c.To.ID || st.Canary.Percent != a.traffic) {
			err = noEffect("split the traffic of", a.Manifest.Target.Provider, name)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// sharing reports whether a canary with just this content is at work.
func (s *scene) sharing(g *goods) bool {
	if s.last == nil || s.last.State != StateCanary || !s.last.unfinished(s.head) || len(s.last.Functions) != len(g.functions) {
		return false
	}
	for name, f := range g.functions {
		if s.last.Functions[name].Digest != f.Digest {
			return false
		}
	}
	return true
}

// shift changes the share of the canary that is at work.
func (e *Engine) shift(ctx context.Context, l *ledger, s *scene, o DeployOptions, g *goods, began time.Time) (*Result, error) {
	a, ctx, err := e.begin(ctx, l, s, claim{force: o.Force})
	if err != nil {
		return nil, err
	}
	if err := a.adopt(ctx); err != nil {
		return nil, a.quit(ctx, err, s.last.Number)
	}
	a.traffic, a.changed = o.Traffic, a.differing(a.found())
	if err := a.share(ctx); err != nil {
		return nil, err
	}
	return a.result(e.plan(s, g), began), nil
}

// Promote gives all requests to the release that gets a share of them.
func (e *Engine) Promote(ctx context.Context, o PromoteOptions) (*Result, error) {
	return inTurn(e, claim{force: o.Force}, func(e *Engine) (*Result, error) { return e.promote(ctx, o) })
}

func (e *Engine) promote(ctx context.Context, o PromoteOptions) (*Result, error) {
	began := time.Now()
	l, s, err := e.visit(ctx)
	if err != nil {
		return nil, err
	}
	if err := e.admits(s.lock.Migration); err != nil {
		return nil, err
	}
	if s.last == nil || s.last.State != StateCanary || !s.last.unfinished(s.head) {
		return nil, notFound("promote", "", errors.New("no release has a share of the requests"), "run `ferry deploy --traffic 10` first")
	}
	a, ctx, err := e.begin(ctx, l, s, claim{force: o.Force})
	if err != nil {
		return nil, err
	}
	if err := a.adopt(ctx); err != nil {
		return nil, a.quit(ctx, err, s.last.Number)
	}
	a.noVerify = o.NoVerify
	p := e.plan(s, &goods{functions: a.record.Functions})
	a.record.State = StateActivating
	if err := a.finish(ctx); err != nil {
		return nil, err
	}
	return a.result(p, began), nil
}

// waiting says that a canary must be decided on first.
func waiting(r *Record) error {
	return &providers.Error{
		Kind: providers.Conflict, Op: "deploy",
		Hint: "run `ferry promote` to give it all requests or `ferry rollback` to end it",
		Err:  fmt.Errorf("release %d gets %d%% of the requests", r.Number, r.Percent),
	}
}

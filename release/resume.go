package release

import (
	"context"
	"errors"
	"time"

	"github.com/ferryfn/ferry/providers"
)

// Resume finishes an interrupted attempt.
func (e *Engine) Resume(ctx context.Context, force bool) (*Result, error) {
	return inTurn(e, claim{force: force}, func(e *Engine) (*Result, error) { return e.resume(ctx, force) })
}

func (e *Engine) resume(ctx context.Context, force bool) (*Result, error) {
	began := time.Now()
	l, s, err := e.visit(ctx)
	if err != nil {
		return nil, err
	}
	if s.last == nil {
		if s.live == nil {
			return nil, notFound("resume", "", errors.New("nothing is deployed here, and nothing was interrupted"), "run `ferry deploy`")
		}
		return e.unchanged(ctx, s, nil, began)
	}
	if s.last.State == StateCanary && s.last.unfinished(s.head) {
		return nil, waiting(s.last)
	}
	a, ctx, err := e.begin(ctx, l, s, claim{force: force, finishes: true})
	if err != nil {
		return nil, err
	}
	if err := a.adopt(ctx); err != nil {
		return nil, a.quit(ctx, err, s.last.Number)
	}
	p := e.plan(s, &goods{functions: a.record.Functions})
	switch {
	case a.record.Kind == KindRemove:
		if err = a.finishRemoval(ctx); err == nil {
			err = a.left(ctx)
		}
	case !a.record.unfinished(s.head):
		err = a.tidy(ctx)
	default:
		err = a.finish(ctx)
	}
	if err != nil {
		return nil, err
	}
	return a.result(p, began), nil
}

// finish runs the rest of an interrupted attempt. What serves must be what the attempt found or what it made.
func (a *attempt) finish(ctx context.Context) error {
	if a.record.State == StateActivating {
		var strange []Drift
		for _, name := range a.differing(a.scene.states) {
			made, before, now := a.record.Functions[name].Revision, a.record.Before[name], a.scene.states[name]
			if !now.Serves(before.Revision) && !now.Serves(&made) {
				strange = append(strange, *a.scene.drift(name, revisionID(before)))
			}
		}
		if len(strange) > 0 && !a.force {
			return a.quit(ctx, drifted(strange, a.Manifest.Target.Provider), a.record.Number)
		}
	}
	return a.run(ctx)
}

func revisionID(s providers.State) string {
	if s.Revision == nil {
		return ""
	}
	return s.Revision.ID
}

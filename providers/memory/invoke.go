package memory

import (
	"context"
	"fmt"

	"github.com/ferryfn/ferry/providers"
)

// Probe refuses code that does not start, and what answers as something else.
func (a *Adapter) Probe(ctx context.Context, s providers.Spec, r providers.Revision) error {
	return a.world.do(ctx, "probe", s.Function.Name, func() error {
		have := a.own(s.Function.Name).find(r.ID)
		switch {
		case have == nil:
			return failed(providers.NotFound, "probe", s.Function.Name, fmt.Errorf("there is no revision %s", r.ID))
		case have.broken():
			e := failed(providers.Crashed, "probe", s.Function.Name, fmt.Errorf("the handler does not start"))
			e.Log = have.code
			return e
		case have.digest() != s.Digest:
			return failed(providers.Unhealthy, "probe", s.Function.Name, fmt.Errorf("revision %s answered with %s", r.ID, have.digest()))
		}
		return nil
	})
}

// Invoke answers as the function does over HTTP.
func (a *Adapter) Invoke(ctx context.Context, function string, r providers.Request) (providers.Response, error) {
	var res providers.Response
	err := a.world.do(ctx, "invoke", function, func() error {
		res.Status, res.Body = a.world.answer(a.place.key(function), r.Path)
		return nil
	})
	return res, err
}

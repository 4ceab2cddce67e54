package local

import (
	"context"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/local/platform"
)

// Tail reads the function's log; it needs no running platform.
func (a *Adapter) Tail(ctx context.Context, fn string, o providers.TailOptions, emit func(providers.LogLine) error) error {
	var refused error
	options := platform.TailOptions{Lines: o.Lines, Since: o.Since, Follow: o.Follow, Past: o.Reached}
	err := a.home.Tail(ctx, a.scope, fn, options, func(l platform.Line) error {
		refused = emit(providers.LogLine{
			Time: l.Time, Function: fn, Revision: l.Revision, Instance: l.Instance, Stream: l.Stream, Text: l.Text,
		})
		return refused
	})
	if refused != nil {
		return refused
	}
	return a.classify("logs", fn, err)
}

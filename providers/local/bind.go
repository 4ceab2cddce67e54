package local

import (
	"context"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/local/platform"
)

// Bind keeps the mode of the function's bindings in the table.
func (a *Adapter) Bind(ctx context.Context, s providers.Spec, m providers.Mode, e providers.Epoch) error {
	fn := s.Function.Name
	st, err := a.Status(ctx, fn)
	if err != nil || st.Bindings == m {
		return err
	}
	q := platform.BindRequest{Scope: a.scope, Writer: a.writer(e), Function: fn, Bindings: string(m)}
	if m == providers.BindNone {
		q.Bindings = ""
	}
	if err = a.start(ctx); err == nil {
		err = a.client.Bind(ctx, q)
	}
	return a.classify("bind", fn, err)
}

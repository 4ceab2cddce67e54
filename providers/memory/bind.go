package memory

import (
	"context"

	"github.com/ferryfn/ferry/providers"
)

// Bind sets the mode of the function's bindings.
func (a *Adapter) Bind(ctx context.Context, s providers.Spec, m providers.Mode, e providers.Epoch) error {
	return a.write(ctx, "bind", s.Function.Name, e, func() error {
		f, err := a.function("bind", s.Function.Name)
		if err == nil {
			f.bindings = m
		}
		return err
	})
}

package memory

import (
	"context"

	"github.com/ferryfn/ferry/providers"
)

// Inspect sees which revision serves, whatever is written down.
func (a *Adapter) Inspect(ctx context.Context, s providers.Spec) ([]providers.Difference, error) {
	var found providers.Differences
	err := a.world.do(ctx, "inspect", s.Function.Name, func() error {
		serves := ""
		if f := a.own(s.Function.Name); f != nil {
			if r := f.find(f.live); r != nil {
				serves = r.Digest
			}
		}
		found.Compare("revision", s.Digest, serves)
		return nil
	})
	return found, err
}

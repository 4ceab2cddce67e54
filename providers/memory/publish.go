package memory

import (
	"context"
	"fmt"

	"github.com/ferryfn/ferry/providers"
)

// Publish stores a revision.
func (a *Adapter) Publish(ctx context.Context, s providers.Spec, e providers.Epoch) (providers.Revision, error) {
	var r providers.Revision
	if err := a.built(ctx, s, e); err != nil {
		return r, err
	}
	err := a.write(ctx, "publish", s.Function.Name, e, func() error {
		f, err := a.function("publish", s.Function.Name)
		if err != nil {
			return err
		}
		for i, have := range f.revisions {
			if have.Digest == s.Digest {
				f.revisions[i].lost = false
				r = have.Revision
				return nil
			}
		}
		code, err := entryOf(s.Artifact)
		if err != nil {
			return failed(providers.Invalid, "publish", s.Function.Name, err)
		}
		f.published++
		r = providers.Revision{ID: fmt.Sprintf("%s-%d", s.Function.Name, f.published), Digest: s.Digest}
		f.revisions = append(f.revisions, revision{Revision: r, function: s.Function, code: code})
		return nil
	})
	return r, err
}

package local

import (
	"context"

	"github.com/ferryfn/ferry/providers"
)

// Publish unpacks the package into a folder of its own. It needs no running platform.
func (a *Adapter) Publish(ctx context.Context, s providers.Spec, e providers.Epoch) (providers.Revision, error) {
	const op = "publish"
	fn := s.Function.Name
	r, err := a.revision(s)
	var set []string
	if err == nil {
		set, err = a.home.Secrets(a.scope)
	}
	if err == nil {
		err = secretsExist(fn, s.Secrets, set)
	}
	if err == nil {
		err = ctx.Err()
	}
	if err == nil {
		err = a.home.Admit(a.scope, a.writer(e))
	}
	if err == nil {
		providers.Stage(ctx, "unpacking the package")
		err = s.Artifact.Lend(func(path string) error { return a.home.PutRevision(ctx, a.scope, fn, r, path) })
	}
	if err != nil {
		return providers.Revision{}, a.classify(op, fn, err)
	}
	return providers.Revision{ID: r.ID, Digest: r.Digest}, nil
}

package local

import (
	"context"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/local/platform"
)

// Publish unpacks the package into a folder of its own. It needs no running platform.
func (a *Adapter) Publish(ctx context.Context, s providers.Spec, e providers.Epoch) (providers.Revision, error) {
	var r platform.Revision
	err := a.home.Admit(a.scope, a.writer(e))
	if err == nil {
		r, err = a.put(ctx, s)
	}
	return providers.Revision{ID: r.ID, Digest: r.Digest}, a.classify("publish", s.Function.Name, err)
}

// Warm stores the revision and has the platform start it.
func (a *Adapter) Warm(ctx context.Context, s providers.Spec) error {
	r, err := a.put(ctx, s)
	if err == nil {
		err = a.start(ctx)
	}
	if err == nil {
		err = a.client.Warm(ctx, platform.FunctionRequest{Scope: a.scope, Function: s.Function.Name, Revision: r.ID})
	}
	return a.classify("warm", s.Function.Name, err)
}

// put stores the revision of a spec whose secrets are there.
func (a *Adapter) put(ctx context.Context, s providers.Spec) (platform.Revision, error) {
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
		providers.Stage(ctx, "unpacking the package")
		err = s.Artifact.Lend(func(path string) error { return a.home.PutRevision(ctx, a.scope, fn, r, path) })
	}
	if err != nil {
		return platform.Revision{}, err
	}
	return r, nil
}

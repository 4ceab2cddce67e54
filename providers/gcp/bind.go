package gcp

import (
	"context"

	run "google.golang.org/api/run/v2"

	"github.com/ferryfn/ferry/providers"
)

// Bind converges the event bindings of a function. One that only HTTP calls has none, and Check refuses others.
func (a *Adapter) Bind(ctx context.Context, s providers.Spec, _ providers.Mode, e providers.Epoch) error {
	c, err := a.connect(ctx)
	if err == nil {
		err = c.admitted(ctx, s.Function.Name, e)
	}
	return a.classify("bind", s.Function.Name, err)
}

// bindings are those of a function, and what of them is lost.
func (c *connection) bindings(_ context.Context, _ string, _ *run.GoogleCloudRunV2Service) (mode providers.Mode, lacks string, err error) {
	return providers.BindNone, "", nil
}

// unbind takes away what calls a function. Its service may be gone.
func (c *connection) unbind(context.Context, string, *run.GoogleCloudRunV2Service) error { return nil }

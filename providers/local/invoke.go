package local

import (
	"context"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/local/platform"
)

// Probe starts an instance of the revision beside what serves.
func (a *Adapter) Probe(ctx context.Context, s providers.Spec, r providers.Revision) error {
	err := a.start(ctx)
	if err == nil {
		err = a.client.Probe(ctx, platform.FunctionRequest{Scope: a.scope, Function: s.Function.Name, Revision: r.ID})
	}
	return a.classify("probe", s.Function.Name, err)
}

// Invoke calls what is live, through the platform's own connection.
func (a *Adapter) Invoke(ctx context.Context, fn string, r providers.Request) (providers.Response, error) {
	const op = "invoke"
	st, err := a.Status(ctx, fn)
	if err != nil {
		return providers.Response{}, err
	}
	if st.Revision == nil {
		return providers.Response{}, a.classify(op, fn, &platform.Error{Code: platform.CodeNotFound, Message: "nothing is live as " + fn})
	}
	var res platform.InvokeResponse
	if err = a.start(ctx); err == nil {
		res, err = a.client.Invoke(ctx, a.invocation(fn, r))
	}
	return providers.Response{
		Status: res.Status, Header: res.Header, Body: res.Body, Cold: res.Cold, ColdSeconds: res.Start.Seconds(), Seconds: res.Took.Seconds(),
	}, a.classify(op, fn, err)
}

// invocation is a call as the platform makes it: events come as CloudEvents, the first time.
func (a *Adapter) invocation(fn string, r providers.Request) platform.InvokeRequest {
	q := platform.InvokeRequest{Scope: a.scope, Function: fn, Method: r.Method, Path: r.Path, Header: r.Header, Body: r.Body}
	if r.Event == nil {
		return q
	}
	attributes, contentType, data := r.CloudEvent()
	q.Header, q.Body = map[string][]string{"Content-Type": {contentType}, "Ferry-Attempt": {"1"}}, data
	for name, value := range attributes {
		q.Header["Ce-"+name] = []string{value}
	}
	return q
}

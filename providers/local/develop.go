package local

import (
	"context"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/local/platform"
)

var (
	_ providers.Announcer = (*Adapter)(nil)
	_ providers.Recorder  = (*Adapter)(nil)
)

// Announce has the platform show a text to browsers.
func (a *Adapter) Announce(ctx context.Context, text string) error {
	return a.classify("announce", "", a.client.Announce(ctx, platform.AnnounceRequest{Scope: a.scope, Text: text}))
}

// Record hands over what the platform's gateway answers.
func (a *Adapter) Record(ctx context.Context, each func(providers.Exchange) error) error {
	return a.classify("record", "", a.client.Record(ctx, platform.RecordRequest{Scope: a.scope}, func(e platform.Exchange) error {
		return each(providers.Exchange{
			Function: e.Function, Cut: e.Cut,
			Request:  providers.Request{Method: e.Method, Path: e.Path, Header: e.Header, Body: e.Body},
			Response: providers.Response{Status: e.Answer.Status, Header: e.Answer.Header, Body: e.Answer.Body, Seconds: e.Answer.Took.Seconds()},
		})
	}))
}

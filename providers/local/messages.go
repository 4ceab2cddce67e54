package local

import (
	"context"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/local/platform"
)

var _ providers.Messenger = (*Adapter)(nil)

// Send puts a message through the platform's own connection.
func (a *Adapter) Send(ctx context.Context, m providers.Message) (providers.Sent, error) {
	var sent platform.SendResponse
	err := a.start(ctx)
	if err == nil {
		sent, err = a.client.Send(ctx, platform.SendRequest{
			Scope: a.scope, Kind: m.Kind, Name: m.Name, ContentType: m.ContentType, Group: m.Group, Attributes: m.Attributes, Body: m.Body,
		})
	}
	step := "bind a function to it, as by `events: [{" + m.Kind + ": {name: " + m.Name + "}}]`, and run `ferry deploy`"
	return providers.Sent(sent), hinted(a.classify("send", "", err), providers.NotFound, step)
}

// Queues asks the platform, which owns the file of messages.
func (a *Adapter) Queues(ctx context.Context) ([]providers.Queue, error) {
	err := a.start(ctx)
	var all []platform.QueueInfo
	if err == nil {
		all, err = a.client.Queues(ctx, a.scope)
	}
	found := make([]providers.Queue, len(all))
	for i, q := range all {
		found[i] = providers.Queue{Kind: q.Kind, Name: q.Name, Function: q.Function, Depth: q.Depth, Oldest: q.Oldest}
		for _, d := range q.Dead {
			found[i].Dead = append(found[i].Dead, providers.DeadLetter(d))
		}
	}
	return found, a.classify("list queues", "", err)
}

// Redrive has dead letters delivered again.
func (a *Adapter) Redrive(ctx context.Context, name string) (int, error) {
	err := a.start(ctx)
	var r platform.RedriveResponse
	if err == nil {
		r, err = a.client.Redrive(ctx, platform.RedriveRequest{Scope: a.scope, Name: name})
	}
	return r.Messages, hinted(a.classify("redrive", "", err), providers.NotFound, "run `ferry queues` for the names that there are")
}

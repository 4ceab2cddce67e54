package local

import (
	"context"
	"reflect"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/local/platform"
)

// Bind makes the function's bindings those of its events, in the table.
func (a *Adapter) Bind(ctx context.Context, s providers.Spec, m providers.Mode, e providers.Epoch) error {
	fn := s.Function.Name
	q := platform.BindRequest{Scope: a.scope, Writer: a.writer(e), Function: fn}
	if m != providers.BindNone {
		q.Bindings, q.Events = string(m), bindings(s.Function)
	}
	t, err := a.table.read(a.home, a.scope)
	if had := t.Functions[fn]; err == nil && had.Bindings == q.Bindings && reflect.DeepEqual(had.Events, q.Events) {
		return ctx.Err()
	}
	if err == nil {
		err = a.start(ctx)
	}
	if err == nil {
		err = a.client.Bind(ctx, q)
	}
	return a.classify("bind", fn, err)
}

// bindings are the sources of a function's events. Requests are none: they come with the revision.
func bindings(fn manifest.Function) []platform.Binding {
	var all []platform.Binding
	for _, e := range fn.Events {
		switch {
		case e.Schedule != nil:
			all = append(all, platform.Binding{Kind: platform.KindSchedule, Cron: e.Schedule.Cron, Zone: e.Schedule.Timezone})
		case e.Queue != nil:
			q := e.Queue
			all = append(all, platform.Binding{Kind: platform.KindQueue, Name: q.Name, Batch: q.Batch, Attempts: q.Attempts, Backoff: q.Backoff.Std()})
		case e.Topic != nil:
			all = append(all, platform.Binding{Kind: platform.KindTopic, Name: e.Topic.Name})
		case e.Object != nil:
			o := e.Object
			all = append(all, platform.Binding{Kind: platform.KindObject, Name: o.Bucket, On: o.On, Prefix: o.Prefix, Suffix: o.Suffix})
		}
	}
	return all
}

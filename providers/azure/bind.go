package azure

import (
	"context"
	"maps"
	"strings"

	"github.com/ferryfn/ferry/providers"
)

// Bind turns events on, or holds them back. Triggers are in the package, so that timers and queues call a function as soon as its
// package is live; they can only be disabled, by settings, which has the app start anew. What is pushed needs a subscription,
// which can be made only when the function is there.
func (a *Adapter) Bind(ctx context.Context, s providers.Spec, m providers.Mode, e providers.Epoch) error {
	c, err := a.connect(ctx)
	if err == nil {
		err = c.bind(ctx, specOf(s), m, e)
	}
	return a.classify("bind", s.Function.Name, err)
}

func (c *connection) bind(ctx context.Context, s spec, m providers.Mode, e providers.Epoch) error {
	if there, err := c.hasStorage(ctx); err != nil || !there {
		return err
	}
	at, err := c.app(s.function.Name)
	if err != nil {
		return err
	}
	is, tag, err := at.claim(ctx)
	if err != nil {
		return err
	}
	if tag == "" {
		return at.free(ctx)
	}
	if err := at.admit(is, e); err != nil {
		return err
	}
	var wanted map[string]gridBinding
	var heard []string
	if m == providers.BindEnabled {
		wanted = at.gridOf(s.function)
	}
	if m != providers.BindNone {
		heard = ofTopics(at.reads(s.function))
	}
	if len(is.Triggers) == 0 && len(wanted)+len(heard) == 0 && !is.Subscribed {
		return nil
	}
	if err := at.toggle(ctx, is.Triggers, m); err != nil {
		return err
	}
	if err := at.alter(ctx, e, func(c *claim) bool { return c.subscribes(len(wanted)+len(heard) > 0) }); err != nil {
		return err
	}
	if err := at.subscribe(ctx, wanted, heard); err != nil {
		return err
	}
	return at.alter(ctx, e, func(c *claim) bool {
		left := len(wanted)+len(heard) > 0
		changed := c.Bindings != m || c.Subscribed != left
		c.Bindings, c.Subscribed = m, left
		return changed
	})
}

// toggle disables the functions of the app that events call, or takes that back, where it is not so.
func (a *app) toggle(ctx context.Context, triggers []string, m providers.Mode) error {
	has, err := a.appSettings(ctx, a.name)
	if err != nil {
		return err
	}
	want := maps.Clone(has)
	maps.DeleteFunc(want, func(name, _ string) bool {
		return strings.HasPrefix(name, "AzureWebJobs.") && strings.HasSuffix(name, ".Disabled")
	})
	maps.Copy(want, disabling(triggers, m))
	if maps.Equal(has, want) {
		return nil
	}
	if err := a.putSettings(ctx, want); err != nil {
		return err
	}
	return a.synchronise(ctx, a.name)
}

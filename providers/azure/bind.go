package azure

import (
	"context"
	"errors"
	"maps"
	"slices"
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
	return at.converge(ctx, s.function, is, m, e)
}

// converge makes the triggers and the subscriptions of the app those of the mode.
func (a *app) converge(ctx context.Context, fn function, is claim, m providers.Mode, e providers.Epoch) error {
	var wanted map[string]gridBinding
	var heard []string
	if m == providers.BindEnabled {
		wanted = a.gridOf(fn)
	}
	if m != providers.BindNone {
		heard = ofTopics(a.reads(fn))
	}
	some := len(wanted)+len(heard) > 0
	if len(is.Triggers) == 0 && !some && !is.Subscribed {
		return nil
	}
	if err := a.toggle(ctx, is.Triggers, m); err != nil {
		return err
	}
	err := a.alter(ctx, e, func(c *claim) bool {
		subscribes, silences := c.subscribes(some), c.silences(heard)
		return subscribes || silences
	})
	if err != nil {
		return err
	}
	if err := errors.Join(a.silence(ctx, heard), a.subscribe(ctx, wanted)); err != nil {
		return err
	}
	missing := slices.DeleteFunc(slices.Clone(heard), func(id string) bool { return slices.Contains(is.Heard, id) })
	if err := a.hearAgain(ctx, fn, missing); err != nil {
		return err
	}
	return a.alter(ctx, e, func(c *claim) bool {
		changed := c.Bindings != m || c.Subscribed != some || !slices.Equal(c.Heard, heard)
		c.Bindings, c.Subscribed, c.Heard = m, some, heard
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

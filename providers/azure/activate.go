package azure

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/ferryfn/ferry/providers"
)

// packageBlob is the package that an app runs. Azure overwrites it with each deployment.
const packageBlob = "released-package.zip"

// Activate makes a revision live in two steps: the configuration in one write of the app, if it differs, and then the package.
// It holds the lease of the app's blob, which it got on the condition that nothing had changed, and returns when the address
// answers as the revision.
func (a *Adapter) Activate(ctx context.Context, ch providers.Change) (providers.State, error) {
	const op = "activate"
	fn := ch.Spec.Function.Name
	c, err := a.connect(ctx)
	if err != nil {
		return ch.From, err
	}
	at, err := c.app(fn)
	if err != nil {
		return ch.From, a.classify(op, fn, err)
	}
	st, err := at.activate(ctx, ch)
	if err == nil {
		return st, nil
	}
	err = a.classify(op, fn, err)
	now, reading := at.status(context.WithoutCancel(ctx))
	if reading != nil {
		return ch.From, errors.Join(err, a.classify(op, fn, reading))
	}
	return now, err
}

// Apart is so for every change of what is the app's and not the package's: a setting, how it scales, as who it runs.
func (a *Adapter) Apart(from, to providers.Spec) bool {
	f, t := specOf(from), specOf(to)
	return !maps.Equal(fixed(f), fixed(t)) || !sameScale(a.scaleOf(f.function), a.scaleOf(t.function)) || runtimeOf(f.function) != runtimeOf(t.function) ||
		f.function.own.Identity != t.function.own.Identity || f.function.bus() != t.function.bus() || !maps.Equal(a.tags(f.function), a.tags(t.function))
}

func (a *app) activate(ctx context.Context, ch providers.Change) (providers.State, error) {
	none := providers.State{Function: a.function, Bindings: providers.BindNone}
	if there, err := a.hasStorage(ctx); err != nil || !there {
		return none, errors.Join(err, a.unknown(ch))
	}
	is, tag, err := a.claim(ctx)
	if err != nil {
		return none, err
	}
	if tag == "" {
		return none, errors.Join(a.free(ctx), a.unknown(ch))
	}
	if err := a.admit(is, ch.Epoch); err != nil {
		return none, err
	}
	look, err := a.look(ctx, is, ch)
	if err != nil {
		return none, err
	}
	s, to := look.site, look.to
	h, within, err := a.take(ctx, is, tag, ch.Epoch)
	if err != nil {
		return none, err
	}
	defer h.release(ctx)
	if to == nil {
		return none, h.overtaken(ctx, within, h.down(within, s, ch.Epoch))
	}
	if err := h.overtaken(ctx, within, h.change(within, look, ch)); err != nil {
		return none, err
	}
	return a.live(h.claim, s, h.claim.revision(), ""), nil
}

// looked is what a change begins with.
type looked struct {
	site *site
	to   *record // what is to be live; nil is nothing
	was  *record // whose configuration the app has
}

// look asks for all that a change begins with, at once.
func (a *app) look(ctx context.Context, is claim, ch providers.Change) (found looked, err error) {
	g, part := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		found.site, err = a.reachable(part, is, ch)
		return err
	})
	g.Go(func() (err error) {
		found.was, err = a.record(part, is.Settings)
		return err
	})
	if ch.To != nil {
		g.Go(func() (err error) {
			found.to, err = a.stored(part, ch.To.ID)
			if err == nil && found.to == nil {
				err = fail(providers.NotFound, "activate", a.function, "", "there is no revision %s", ch.To.ID)
			}
			return err
		})
	}
	return found, g.Wait()
}

// reachable is the app, which must still serve what the caller saw.
func (a *app) reachable(ctx context.Context, is claim, ch providers.Change) (*site, error) {
	s, err := a.site(ctx, a.name)
	switch {
	case err != nil:
		return nil, err
	case s == nil:
		return nil, fail(providers.NotFound, "activate", a.function, "deploy again: publishing makes it anew", "the app %s is gone", a.name)
	case !a.owns(s.Tags, a.function):
		return nil, a.foreign("activate")
	}
	serving, _, err := a.serving(ctx, is, s)
	if err != nil {
		return nil, err
	}
	if live := (providers.State{Revision: serving}); !live.Serves(ch.From.Revision) {
		return nil, a.stale(whatServes(serving))
	}
	return s, nil
}

// overtaken is the failure of a work, or that its lease was lost.
func (h *held) overtaken(ctx, within context.Context, err error) error {
	if cause := context.Cause(within); err != nil && cause != nil && ctx.Err() == nil {
		return cause
	}
	return err
}

// unknown is what an app that ferry has not is asked for.
func (a *app) unknown(ch providers.Change) error {
	switch {
	case ch.To != nil && ch.From.Revision == nil:
		return fail(providers.NotFound, "activate", a.function, "", "there is no revision %s", ch.To.ID)
	case ch.From.Revision != nil:
		return a.stale("nothing is live")
	}
	return nil
}

func whatServes(r *providers.Revision) string {
	if r == nil {
		return "nothing is live"
	}
	return "revision " + r.ID + " is live"
}

// change makes a revision live.
func (h *held) change(ctx context.Context, look looked, ch providers.Change) error {
	s, to := look.site, *look.to
	pending := h.claim.Next != "" || ch.From.Unsettled || ch.From.Lacks != ""
	before, err := h.packageTag(ctx)
	if err != nil {
		return err
	}
	fresh := h.claim.Live != to.ID || h.claim.Next != "" || string(before) != h.claim.Package
	if err := h.write(ctx, func(c *claim) { c.Next, c.Epochs = to.ID, shown(c.Epochs, h.targetName, ch.Epoch) }); err != nil {
		return err
	}
	if pending || h.claim.Live == "" || look.was == nil || !look.was.configured(to) {
		if s, err = h.configure(ctx, s, look.was, to); err != nil {
			return err
		}
		if err := h.write(ctx, func(c *claim) { c.Settings = to.ID }); err != nil {
			return err
		}
	}
	if fresh {
		err = h.replace(ctx, s, to, before)
	} else {
		err = h.wake(ctx, s, to)
	}
	if err != nil {
		return err
	}
	if err := h.prove(ctx, s, to); err != nil {
		return err
	}
	tag, err := h.packageTag(ctx)
	if err != nil {
		return err
	}
	return h.write(ctx, func(c *claim) {
		c.Live, c.Digest, c.Next, c.Package, c.Triggers, c.HTTP = to.ID, to.Digest, "", string(tag), to.Triggers, to.HTTP != ""
		if c.Bindings == "" && len(to.Triggers) > 0 {
			c.Bindings = providers.BindEnabled // they call it from now on
		}
	})
}

func shown(epochs map[string]providers.Epoch, target string, e providers.Epoch) map[string]providers.Epoch {
	all := maps.Clone(epochs)
	all[target] = max(all[target], e)
	return all
}

// configure gives the app the configuration of a revision, in one write of all of it. What others set stays.
func (h *held) configure(ctx context.Context, s *site, was *record, to record) (*site, error) {
	providers.Stage(ctx, "changing the configuration")
	has, err := h.appSettings(ctx, h.name)
	if err != nil {
		return nil, err
	}
	base, err := h.kept(ctx, has, was)
	if err != nil {
		return nil, err
	}
	for name, value := range disabling(to.Triggers, h.claim.Bindings) {
		base[name] = value
	}
	want := h.desired(to, s, base)
	if chosen := was != nil && was.Scale.concurrency() != to.Scale.concurrency(); !chosen && h.alike(s, has, want) {
		return s, nil
	}
	now, err := h.putSite(ctx, h.name, want)
	if err != nil {
		return nil, fmt.Errorf("changing the configuration of %s: %w", h.name, err)
	}
	if now.scmHost() == "" {
		return h.site(ctx, h.name)
	}
	return now, nil
}

// kept are the settings of an app that stay: those of others and of its host. What Azure injected goes, and what an earlier
// revision had.
func (a *app) kept(ctx context.Context, has map[string]string, was *record) (map[string]string, error) {
	base := maps.Clone(has)
	if base == nil {
		base = map[string]string{}
	}
	for name := range base {
		if was != nil && was.Settings[name] != "" || strings.HasPrefix(name, "AzureWebJobs.") && strings.HasSuffix(name, ".Disabled") {
			delete(base, name)
		}
	}
	if was != nil && was.Adopted || base["AzureWebJobsStorage__clientId"] == "" && base["AzureWebJobsStorage"] != "" {
		return base, nil // the storage of an app that ferry did not make is its own matter
	}
	for _, name := range injected() {
		delete(base, name)
	}
	if slices.ContainsFunc(hostNames(), func(n string) bool { return base[n] == "" }) {
		shared, err := a.foundation(ctx)
		if err != nil {
			return nil, err
		}
		maps.Copy(base, a.hostSettings(shared))
	}
	return base, nil
}

// disabling are the settings that hold functions back in a mode.
func disabling(triggers []string, m providers.Mode) map[string]string {
	settings := map[string]string{}
	if m == providers.BindNone || m == providers.BindPaused {
		for _, name := range triggers {
			settings["AzureWebJobs."+name+".Disabled"] = "true"
		}
	}
	return settings
}

// desired is the app as a revision needs it, with these settings besides. Nothing is in it that Azure may refuse.
func (a *app) desired(r record, is *site, settings map[string]string) site {
	yes := true
	all := maps.Clone(settings)
	maps.Copy(all, r.Settings)
	scale, runs := r.Scale, r.Runtime
	if is != nil && scale.concurrency() == 0 { // Azure chooses one, which then is not ferry's to change
		scale.Triggers = nil
	}
	s := site{
		Location: a.target.Location, Kind: "functionapp,linux", Tags: r.Tags,
		Properties: siteProperties{
			ServerFarmID: a.planID(a.name), HTTPSOnly: &yes, KeyVaultReferenceIdentity: r.Own,
			FunctionAppConfig: &functionConfig{Scale: &scale, Runtime: &runs, UpdateStrategy: &updateStrategy{Type: "Recreate"}},
			SiteConfig:        &siteConfig{MinTLSVersion: "1.2"},
		},
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		s.Properties.SiteConfig.AppSettings = append(s.Properties.SiteConfig.AppSettings, setting{name, all[name]})
	}
	if is == nil {
		return s
	}
	s.Location, s.Tags = is.Location, mergedTags(r.Tags, is.Tags)
	s.Identity = withIdentities(is.Identity, r.Own)
	s.Properties.ServerFarmID = is.Properties.ServerFarmID
	if f := is.Properties.FunctionAppConfig; f != nil {
		s.Properties.FunctionAppConfig.Deployment = f.Deployment
		if r.Adopted {
			s.Properties.FunctionAppConfig.Scale, s.Properties.FunctionAppConfig.Runtime = f.Scale, f.Runtime
		}
	}
	return s
}

// mergedTags are the tags that an app gets: those of others stay.
func mergedTags(want, has map[string]string) map[string]string {
	all := maps.Clone(has)
	if all == nil {
		all = map[string]string{}
	}
	for _, key := range strings.Fields(has[tagTags]) {
		delete(all, key)
	}
	delete(all, tagTags)
	maps.Copy(all, want)
	return all
}

// alike reports whether the app is as it is wanted already.
func (a *app) alike(is *site, has map[string]string, want site) bool {
	settings := map[string]string{}
	for _, s := range want.Properties.SiteConfig.AppSettings {
		settings[s.Name] = s.Value
	}
	f := is.Properties.FunctionAppConfig
	return maps.Equal(settings, has) && maps.Equal(is.Tags, want.Tags) && f != nil && f.Runtime != nil && f.Scale != nil &&
		*f.Runtime == *want.Properties.FunctionAppConfig.Runtime && sameScale(settled(*f.Scale, *want.Properties.FunctionAppConfig.Scale), *want.Properties.FunctionAppConfig.Scale) &&
		sameID(is.Properties.KeyVaultReferenceIdentity, want.Properties.KeyVaultReferenceIdentity) && sameIdentities(is.Identity, want.Identity)
}

// settled is how an app scales, without the concurrency that Azure chose where none is wanted.
func settled(is, want scaleConfig) scaleConfig {
	if want.concurrency() == 0 {
		is.Triggers = nil
	}
	return is
}

func sameIdentities(a, b *siteIdentity) bool {
	if a == nil || b == nil {
		return a == b
	}
	if len(a.UserAssigned) != len(b.UserAssigned) {
		return false
	}
	for id := range a.UserAssigned {
		if !slices.ContainsFunc(keys(b.UserAssigned), func(other string) bool { return sameID(id, other) }) {
			return false
		}
	}
	return true
}

// sameID compares ids of resources, which Azure spells in any case. No identity for references is the one of the system.
func sameID(a, b string) bool {
	plain := func(id string) string {
		if id == "" {
			return "systemassigned"
		}
		return strings.ToLower(id)
	}
	return plain(a) == plain(b)
}

// down takes the app out of reach: its triggers first, since an app that is stopped may still be called by them, and then the app.
func (h *held) down(ctx context.Context, s *site, e providers.Epoch) error {
	if err := h.write(ctx, func(c *claim) { c.Next, c.Epochs = nothing, shown(c.Epochs, h.targetName, e) }); err != nil {
		return err
	}
	if err := h.hold(ctx, h.claim.Triggers); err != nil {
		return err
	}
	if !strings.EqualFold(s.Properties.State, "Stopped") {
		if err := h.act(ctx, h.name, "stop"); err != nil {
			return err
		}
	}
	return h.write(ctx, func(c *claim) { c.Live, c.Digest, c.Next, c.Package = "", "", "", "" })
}

// hold disables functions of the app.
func (a *app) hold(ctx context.Context, triggers []string) error {
	if len(triggers) == 0 {
		return nil
	}
	has, err := a.appSettings(ctx, a.name)
	if err != nil {
		return err
	}
	want := maps.Clone(has)
	maps.Copy(want, disabling(triggers, providers.BindNone))
	if maps.Equal(has, want) {
		return nil
	}
	return a.putSettings(ctx, want)
}

// Adopt makes an app of the name that somebody else made ferry's. It goes on serving what it served.
func (a *Adapter) Adopt(ctx context.Context, fn string, e providers.Epoch) (providers.State, error) {
	const op = "adopt"
	st := providers.State{Function: fn, Bindings: providers.BindNone}
	c, err := a.connect(ctx)
	if err != nil {
		return st, err
	}
	at, err := c.app(fn)
	if err == nil {
		err = at.adopt(ctx, e)
	}
	if err == nil {
		st, err = at.status(ctx)
	}
	return st, a.classify(op, fn, err)
}

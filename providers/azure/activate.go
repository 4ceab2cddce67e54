package azure

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
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
	look, err := a.look(ctx, ch)
	if err != nil {
		return none, err
	}
	if look.tag == "" {
		return none, errors.Join(a.free(ctx), a.unknown(ch))
	}
	h, within, err := a.take(ctx, look.claim, look.tag, ch.Epoch)
	if err != nil {
		return none, err
	}
	defer h.release(ctx)
	if look.to == nil {
		return none, h.overtaken(ctx, within, h.down(within, look.site, ch.Epoch))
	}
	if err := h.overtaken(ctx, within, h.change(within, look, ch)); err != nil {
		return none, err
	}
	return a.live(h.claim, look.site, h.claim.revision(), ""), nil
}

// looked is what a change begins with.
type looked struct {
	claim    claim
	tag      azcore.ETag // of the blob that says it
	packaged azcore.ETag // of the package that the app runs
	site     *site
	to       *record // what is to be live; nil is nothing
	was      *record // whose configuration the app has
}

// look asks for all that a change begins with, at once: for the app only where Status did not see it a moment ago, or where what it is
// decides. What keeps the change from being made is said in the order of what it needs.
func (a *app) look(ctx context.Context, ch providers.Change) (found looked, err error) {
	var unclaimed, unstored, unreached, untagged error
	var g errgroup.Group
	g.Go(func() error {
		found.claim, found.tag, unclaimed = a.claim(ctx)
		if unclaimed == nil {
			found.was, unclaimed = a.record(ctx, found.claim.Settings)
		}
		return nil
	})
	g.Go(func() error {
		found.packaged, untagged = a.packageTag(ctx)
		return nil
	})
	if ch.To != nil {
		found.site = a.sights.take(a.name)
		g.Go(func() error {
			found.to, unstored = a.stored(ctx, ch.To.ID)
			return nil
		})
	}
	if found.site == nil {
		g.Go(func() error {
			found.site, unreached = a.site(ctx, a.name)
			return nil
		})
	}
	_ = g.Wait()
	switch {
	case unclaimed != nil:
		return found, unclaimed
	case found.tag == "": // the rest is of no app of ferry's
		return found, nil
	}
	if err := a.admit(found.claim, ch.Epoch); err != nil {
		return found, err
	}
	if err := cmp.Or(unreached, untagged); err != nil {
		return found, err
	}
	if err := a.reachable(ctx, &found, ch); err != nil {
		return found, err
	}
	if unstored == nil && ch.To != nil && found.to == nil {
		unstored = fail(providers.NotFound, "activate", a.function, "", "there is no revision %s", ch.To.ID)
	}
	return found, unstored
}

// reachable refuses an app that does not serve what the caller saw.
func (a *app) reachable(ctx context.Context, found *looked, ch providers.Change) error {
	switch s := found.site; {
	case s == nil:
		return a.vanished()
	case !a.owns(s.Tags, a.function):
		return a.foreign("activate")
	}
	serving, _, err := a.serving(ctx, found.claim, found.site, found.packaged)
	if err != nil {
		return err
	}
	if live := (providers.State{Revision: serving}); !live.Serves(ch.From.Revision) {
		return a.stale(whatServes(serving))
	}
	if a.packages != a.box {
		found.packaged, err = a.packageTag(ctx)
	}
	return err
}

func (a *app) vanished() error {
	return fail(providers.NotFound, "activate", a.function, "deploy again: publishing makes it anew", "the app %s is gone", a.name)
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
	configured := h.configured(look, ch)
	pkg, err := h.begin(ctx, look, ch)
	if err != nil {
		return err
	}
	defer pkg.close()
	if !configured {
		if s, err = h.configure(ctx, look.was, to); err != nil {
			return err
		}
		if err := h.write(ctx, func(c *claim) { c.Settings = to.ID }); err != nil {
			return err
		}
	}
	if pkg != nil {
		err = h.replace(ctx, s, to, pkg, look.packaged)
	} else {
		err = h.wake(ctx, s, to)
	}
	if err != nil {
		return h.orVanished(ctx, err)
	}
	tag, err := h.prove(ctx, s, to)
	if err != nil {
		return h.orVanished(ctx, err)
	}
	return h.write(ctx, func(c *claim) {
		c.Live, c.Digest, c.Next, c.Package, c.Triggers, c.HTTP = to.ID, to.Digest, "", string(tag), to.Triggers, to.HTTP != ""
		if c.Bindings == "" && len(to.Triggers) > 0 {
			c.Bindings = providers.BindEnabled // they call it from now on
		}
	})
}

// begin says what the app is being changed to, and meanwhile fetches the package that it gets; nil is that it has it.
func (h *held) begin(ctx context.Context, look looked, ch providers.Change) (pkg *packed, err error) {
	var unfetched error
	var g errgroup.Group
	if h.claim.Live != look.to.ID || h.claim.Next != "" || string(look.packaged) != h.claim.Package {
		g.Go(func() error {
			pkg, unfetched = h.fetchPackage(ctx, *look.to)
			return nil
		})
	}
	err = h.write(ctx, func(c *claim) { c.Next, c.Epochs = look.to.ID, shown(c.Epochs, h.targetName, ch.Epoch) })
	_ = g.Wait()
	if err == nil {
		err = unfetched
	}
	if err != nil {
		pkg.close()
	}
	return pkg, err
}

// configured reports whether the app has the configuration of the revision: that of what was live had the same, or it was made with it
// a moment ago.
func (h *held) configured(look looked, ch providers.Change) bool {
	if h.claim.Next != "" || ch.From.Unsettled || ch.From.Lacks != "" || look.was == nil || !look.was.configured(*look.to) {
		return false
	}
	made, fresh := h.fresh.LoadAndDelete(h.name)
	return h.claim.Live != "" || fresh && made == look.was.ID && h.claim.Bindings == ""
}

// orVanished is the failure of a change, or that somebody deleted the app meanwhile, which is why.
func (h *held) orVanished(ctx context.Context, err error) error {
	if s, looking := h.site(ctx, h.name); looking == nil && s == nil {
		return h.vanished()
	}
	return err
}

func shown(epochs map[string]providers.Epoch, target string, e providers.Epoch) map[string]providers.Epoch {
	all := maps.Clone(epochs)
	all[target] = max(all[target], e)
	return all
}

// configure gives the app the configuration of a revision, in one write of all of it. What others set stays, as it is now.
func (h *held) configure(ctx context.Context, was *record, to record) (*site, error) {
	providers.Stage(ctx, "changing the configuration")
	var s *site
	var has map[string]string
	g, part := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		if s, err = h.site(part, h.name); err == nil && s == nil {
			err = h.vanished()
		}
		return err
	})
	g.Go(func() (err error) {
		has, err = h.appSettings(part, h.name)
		return err
	})
	if err := g.Wait(); err != nil {
		return nil, h.orVanished(ctx, err)
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

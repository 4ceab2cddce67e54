package azure

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/ferryfn/ferry/providers"
)

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

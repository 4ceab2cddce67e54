package azure

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/providers"
)

// Inspect compares field by field what is live with its spec: the app's configuration and settings, as far as they are ferry's,
// its package, and its events. What others set is theirs.
func (a *Adapter) Inspect(ctx context.Context, s providers.Spec) ([]providers.Difference, error) {
	c, err := a.connect(ctx)
	if err != nil {
		return nil, err
	}
	diff, err := c.inspect(ctx, specOf(s))
	return diff, a.classify("inspect", s.Function.Name, err)
}

func (c *connection) inspect(ctx context.Context, s spec) ([]providers.Difference, error) {
	if there, err := c.hasStorage(ctx); err != nil || !there {
		return nil, err
	}
	at, err := c.app(s.function.Name)
	if err != nil {
		return nil, err
	}
	is, tag, err := at.claim(ctx)
	if err != nil || tag == "" || is.Live == "" || s.function.Runtime == "" {
		return nil, err
	}
	found, err := at.site(ctx, at.name)
	if err != nil || found == nil {
		return nil, err
	}
	packaged, err := at.packageTag(ctx)
	if err != nil {
		return nil, err
	}
	live, half, err := at.serving(ctx, is, found, packaged)
	if err != nil {
		return nil, err
	}
	has, err := at.appSettings(ctx, at.name)
	if err != nil {
		return nil, err
	}
	r, err := at.record(ctx, s.revision())
	if err != nil {
		return nil, err
	}
	want := c.recordOf(s, identity{}, nil, "")
	if r != nil {
		want.Own, want.Adopted = r.Own, r.Adopted
		if client := r.Settings[busClient]; client != "" {
			want.Settings[busClient] = client
		}
	}
	d := at.differences(found, has, want)
	serves := ""
	if live != nil {
		serves = live.Digest
	}
	d.Compare("code", s.digest, serves)
	d.Compare("configuration", "", half)
	d.Compare("events", string(expected(want, is)), string(at.bound(has, want, is)))
	return d, nil
}

// expected is the mode that events should be in.
func expected(want record, is claim) providers.Mode {
	if len(want.Triggers) == 0 {
		return providers.BindNone
	}
	return is.mode()
}

// bound is the mode that the app's settings give its functions.
func (a *app) bound(has map[string]string, want record, is claim) providers.Mode {
	if len(want.Triggers) == 0 {
		return providers.BindNone
	}
	for name := range disabling(want.Triggers, providers.BindNone) {
		if !strings.EqualFold(has[name], "true") {
			return providers.BindEnabled
		}
	}
	if is.Bindings == providers.BindEnabled {
		return providers.BindNone
	}
	return is.mode()
}

// differences are the fields of the app that are ferry's and not as they are wanted.
func (a *app) differences(is *site, has map[string]string, want record) providers.Differences {
	var d providers.Differences
	scale, runs := is.scale(), runtimeConfig{}
	if f := is.Properties.FunctionAppConfig; f != nil && f.Runtime != nil {
		runs = *f.Runtime
	}
	d.Compare("runtime", want.Runtime.Name+" "+want.Runtime.Version, runs.Name+" "+runs.Version)
	d.Compare("memory", fmt.Sprint(want.Scale.InstanceMemoryMB), fmt.Sprint(scale.InstanceMemoryMB))
	d.Compare("scaling.max", fmt.Sprint(want.Scale.MaximumInstanceCount), fmt.Sprint(scale.MaximumInstanceCount))
	d.Compare("azure.always_ready", warm(want.Scale), warm(scale))
	if n := want.Scale.concurrency(); n > 0 {
		d.Compare("scaling.concurrency", fmt.Sprint(n), fmt.Sprint(scale.concurrency()))
	}
	d.Compare("state", "Running", is.Properties.State)
	if want.Own != "" {
		ids := withIdentities(is.Identity, want.Own)
		if !sameIdentities(ids, is.Identity) {
			d.Compare("azure.identity", want.Own, strings.Join(is.identities(), " "))
		}
	}
	var missing []string
	for _, name := range hostNames() {
		if has[name] == "" && !want.Adopted && has["AzureWebJobsStorage"] == "" {
			missing = append(missing, name)
		}
	}
	d.Compare("settings of the host", "", strings.Join(missing, " "))
	mine := maps.Clone(has)
	maps.DeleteFunc(mine, func(name, _ string) bool { return want.Settings[name] == "" })
	d.CompareHidden("settings", want.Settings, mine)
	for _, key := range slices.Sorted(maps.Keys(want.Tags)) {
		d.Compare("azure.tags."+key, want.Tags[key], is.Tags[key])
	}
	return d
}

func warm(s scaleConfig) string {
	var all []string
	for _, w := range s.AlwaysReady {
		all = append(all, fmt.Sprintf("%s=%d", w.Name, w.InstanceCount))
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// Read is an app with its settings and the functions that Azure knows of in it. Its package is the one that it runs. The name is
// the app's own, or its id.
func (a *Adapter) Read(ctx context.Context, fn string, code io.Writer) ([]byte, error) {
	c, err := a.connect(ctx)
	if err != nil {
		return nil, err
	}
	described, err := c.describe(ctx, fn, code)
	return described, a.classify("read", fn, err)
}

func (c *connection) describe(ctx context.Context, fn string, code io.Writer) ([]byte, error) {
	name := lastPart(fn)
	if strings.Contains(fn, "/") && !strings.EqualFold(fn, c.siteID(name)) {
		return nil, fail(providers.NotFound, "read", name, "choose its subscription and group with --set subscription=… and --set resource_group=…", "it is not in %s", c.groupID())
	}
	s, err := c.site(ctx, name)
	if err == nil {
		err = readable(name, s)
	}
	if err != nil {
		return nil, err
	}
	settings, err := orUnread(c.appSettings(ctx, name))("Microsoft.Web/sites/config/list/action: its variables")
	if err != nil {
		return nil, err
	}
	functions, err := orUnread(c.functionsOf(ctx, name))("Microsoft.Web/sites/functions/read: which functions Azure knows of")
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(map[string]any{
		"site": map[string]any{
			"kind": s.Kind, "location": s.Location, "tags": s.Tags, "identity": s.Identity, "functionAppConfig": s.Properties.FunctionAppConfig,
		},
		"settings": settings, "functions": functions,
	})
	if err != nil {
		return nil, err
	}
	packages, err := c.boxAt(strings.TrimSuffix(s.packages(), "/"))
	if err != nil {
		return nil, err
	}
	out, err := packages.get(ctx, packageBlob)
	if err != nil {
		return nil, fmt.Errorf("downloading its package: %w", err)
	}
	defer out.Body.Close()
	_, err = io.Copy(code, out.Body)
	return text, err
}

// orUnread is what was read, or what stands for it where the caller lacks a right.
func orUnread(is any, err error) func(right string) (any, error) {
	return func(right string) (any, error) {
		if err != nil && kindOf(err) == providers.Denied {
			return providers.Unread(right), nil
		}
		return is, err
	}
}

// readable refuses an app whose package is not to be had, or is ferry's.
func readable(name string, s *site) error {
	switch {
	case s == nil:
		return fail(providers.NotFound, "read", name, "list the apps with `az functionapp list`", "there is no function app %s in the resource group", name)
	case s.Tags[tagged().Key("service")] != "":
		return fail(providers.Unsupported, "read", name, "deploy it from the manifest that it came from",
			"ferry deployed it, as the function %s of the service %s", s.Tags[tagged().Key("function")], s.Tags[tagged().Key("service")])
	case !s.flexible() || s.packages() == "":
		return fail(providers.Unsupported, "read", name, "unpack https://"+s.scmHost()+"/api/zip/site/wwwroot/ into a folder, and import that",
			"the app %s is not on Flex Consumption, where packages lie in a container", name)
	}
	return nil
}

package azure

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"golang.org/x/sync/errgroup"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/until"
)

// packageTag is the entity tag of the package that the app runs.
func (a *app) packageTag(ctx context.Context) (azcore.ETag, error) {
	return a.packages.tag(ctx, packageBlob)
}

// replace has the app run the package of a revision instead of that with this tag, once its secrets are there: else what the
// deployment starts gets the text of the references.
func (a *app) replace(ctx context.Context, s *site, to record, pkg *packed, before azcore.ETag) error {
	if _, err := a.resolved(ctx, to); err != nil {
		return err
	}
	err := a.deploy(ctx, s.scmHost(), pkg, before)
	if errors.Is(err, errNobody) {
		if err = a.rehost(ctx, to); err == nil {
			err = a.deploy(ctx, s.scmHost(), pkg, before)
		}
	}
	if err != nil {
		return err
	}
	return a.start(ctx, s)
}

// rehost makes the identity of the hosts, which somebody deleted, and has the app be of it: one of the same name is another one.
func (a *app) rehost(ctx context.Context, to record) error {
	providers.Stage(ctx, "making the identity of the hosts anew")
	shared, err := a.foundation(ctx)
	if err != nil {
		return err
	}
	s, err := a.site(ctx, a.name)
	if err != nil || s == nil {
		return err
	}
	has, err := a.appSettings(ctx, a.name)
	if err != nil {
		return err
	}
	maps.Copy(has, a.hostSettings(shared))
	want := a.desired(to, s, has)
	want.Identity = withIdentities(want.Identity, shared.identity.id)
	_, err = a.putSite(ctx, a.name, want)
	return err
}

// wake has the app run the package that it has, with its secrets.
func (a *app) wake(ctx context.Context, s *site, to record) error {
	if err := a.start(ctx, s); err != nil {
		return err
	}
	late, err := a.resolved(ctx, to)
	if err == nil && late { // what runs was started before
		err = a.act(ctx, a.name, "restart")
	}
	return err
}

func (a *app) start(ctx context.Context, s *site) error {
	if !strings.EqualFold(s.Properties.State, "Stopped") {
		return nil
	}
	return a.act(ctx, a.name, "start")
}

// prove waits until what was deployed is what serves: Azure knows its triggers, and its address answers as the revision. The tag is that
// of the package which does.
func (a *app) prove(ctx context.Context, s *site, r record) (tag azcore.ETag, err error) {
	g, part := errgroup.WithContext(ctx)
	g.Go(func() error { return a.known(part, r) })
	g.Go(func() error { return a.answers(part, s, r) })
	g.Go(func() (err error) {
		tag, err = a.packageTag(part)
		return err
	})
	return tag, g.Wait()
}

// known has Azure look at the triggers until the functions of the app are those of the revision. A deployment that ended well says
// nothing about that.
func (a *app) known(ctx context.Context, r record) error {
	if r.Adopted {
		return a.synchronise(ctx, a.name)
	}
	var found []string
	rule := until.Rule{For: "the functions of the app", Within: triggerTime, First: 500 * time.Millisecond, Most: 5 * time.Second}
	err := until.True(ctx, rule, func() (bool, error) {
		if err := a.synchronise(ctx, a.name); err != nil && !unavailableKind(err) && kindOf(err) != providers.Invalid {
			return false, err
		}
		var err error
		if found, err = a.functionsOf(ctx, a.name); err != nil {
			return false, passing(err)
		}
		slices.Sort(found)
		return r.complete(found), nil
	})
	var late *until.Late
	if errors.As(err, &late) {
		return fail(providers.Unhealthy, "activate", a.function, "see `ferry logs`: what registers the functions may fail when it is loaded",
			"after %s the app %s has the functions [%s] instead of [%s]", triggerTime, a.name, strings.Join(found, " "), strings.Join(r.Names, " "))
	}
	return err
}

// complete reports whether the functions that Azure lists are those of the revision. Of an app that registers them by itself only
// its package knows them, but for the one that marks the package; what Azure adds by itself is none of them.
func (r record) complete(found []string) bool {
	switch {
	case r.Names != nil:
		return slices.Equal(r.Names, found)
	case r.Marker != "":
		return len(found) > 1 && slices.Contains(found, r.Marker)
	}
	return len(found) > 0 && !slices.Equal(found, []string{"WarmUp"})
}

// passing is nil for a failure that passes by itself while the app starts.
func passing(err error) error {
	if unavailableKind(err) || isNotFound(err) {
		return nil
	}
	return err
}

// resolved waits until the references to secrets have become values, and says whether that took more than a look: an app whose
// references have not gets their text instead.
func (a *app) resolved(ctx context.Context, r record) (late bool, err error) {
	secret := map[string]bool{}
	for name, v := range r.Settings {
		secret[name] = strings.HasPrefix(v, "@Microsoft.KeyVault(")
	}
	if !slices.Contains(slicesOf(secret), true) {
		return false, nil
	}
	var open []string
	looks := 0
	rule := until.Rule{For: "the secrets", Within: resolveTime, First: time.Second, Most: 5 * time.Second}
	err = until.True(ctx, rule, func() (bool, error) {
		looks++
		states, err := a.references(ctx)
		if err != nil {
			return false, passing(err)
		}
		open = nil
		for name := range secret {
			if secret[name] && states[name] != "Resolved" {
				open = append(open, name+" ("+states[name]+")")
			}
		}
		slices.Sort(open)
		return len(open) == 0, nil
	})
	var over *until.Late
	if errors.As(err, &over) {
		err = fail(providers.Unhealthy, "activate", a.function, "see that the secrets are there, that the vault takes roles for access, and that the function's identity still has the role \"Key Vault Secrets User\" on each",
			"the app %s cannot read its secrets: %s", a.name, strings.Join(open, ", "))
	}
	return looks > 1, err
}

func slicesOf(m map[string]bool) []bool {
	var all []bool
	for _, v := range m {
		all = append(all, v)
	}
	return all
}

// references are the states of the app's references to secrets, by the names of their settings.
func (a *app) references(ctx context.Context) (map[string]string, error) {
	var list struct {
		Value []struct {
			Name       string
			Properties struct{ Status string }
		}
	}
	err := a.call(ctx, http.MethodGet, a.siteID(a.name)+"/config/configreferences/appsettings", webVersion, nil, &list)
	states := map[string]string{}
	for _, one := range list.Value {
		states[lastPart(one.Name)] = one.Properties.Status
	}
	return states, err
}

// answers asks the address until it answers as the revision: an app is made anew instance by instance. Only who shows the
// revision's nonce is told. A program without a shim is not asked at all: its host is, for the function that marks the package.
func (a *app) answers(ctx context.Context, s *site, r record) error {
	host := s.Properties.DefaultHostName
	if host == "" || r.HTTP == "" && r.Marker == "" {
		return nil
	}
	providers.Stage(ctx, "waiting for the address to answer")
	address, header := "https://"+host+"/.ferry/probe", http.Header{"Ferry-Digest": {r.Digest}, "Ferry-Instance": {nonce(r.Digest)}}
	if !r.Probed && r.Marker != "" {
		address, header = "https://"+host+"/admin/functions", http.Header{}
	}
	if !r.Probed && r.Marker != "" || r.HTTP == "private" {
		keys, err := a.hostKeys(ctx, a.name)
		if err != nil {
			return err
		}
		header.Set(keyHeader, keys.MasterKey)
	}
	said := ""
	rule := until.Rule{For: "the address to answer as the revision", Within: answerTime, First: 300 * time.Millisecond, Most: 5 * time.Second}
	err := until.True(ctx, rule, func() (bool, error) {
		status, body, err := a.fetch(ctx, address, header)
		if err != nil {
			said = brief(err).Error()
			return false, nil //nolint:nilerr // it is not there yet
		}
		said = fmt.Sprintf("status %d: %.200s", status, strings.TrimSpace(string(body)))
		return r.is(status, body), nil
	})
	var late *until.Late
	if errors.As(err, &late) {
		return fail(providers.Unhealthy, "activate", a.function, "see `ferry logs`: the handler may fail when it is loaded",
			"after %s %s does not answer as revision %s: %s", answerTime, host, r.ID, said)
	}
	return err
}

// is reports whether an answer is the revision's. One that cannot be known by its answers is there when it answers at all.
func (r record) is(status int, body []byte) bool {
	var answer struct{ Digest string }
	var loaded []struct{ Name string }
	switch {
	case r.Probed:
		return json.Unmarshal(body, &answer) == nil && answer.Digest == r.Digest
	case r.Marker != "":
		_ = json.Unmarshal(body, &loaded) // else nothing is loaded
		return slices.ContainsFunc(loaded, func(f struct{ Name string }) bool { return strings.EqualFold(f.Name, r.Marker) })
	}
	return status < http.StatusInternalServerError
}

// keyHeader is where a function's key goes; never into an address, which is written down on the way.
const keyHeader = "X-Functions-Key"

// fetch asks an address of the app.
func (c *connection) fetch(ctx context.Context, address string, header http.Header) (int, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return 0, nil, err
	}
	req.Header = header.Clone()
	res, err := c.plain.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	data, err := io.ReadAll(io.LimitReader(res.Body, 1<<16))
	return res.StatusCode, data, err
}

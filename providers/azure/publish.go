package azure

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/ferryfn/ferry/providers"
)

// Publish lays a revision into the app's container: its package and its configuration. For the first one of a function it makes
// the container, the identity with its roles, the plan and the app, in the order in which Azure needs them; the app has no
// package then. What serves is not touched.
func (a *Adapter) Publish(ctx context.Context, s providers.Spec, e providers.Epoch) (providers.Revision, error) {
	var r providers.Revision
	c, err := a.connect(ctx)
	if err == nil {
		r, err = c.publish(ctx, specOf(s), e)
	}
	return r, a.classify("publish", s.Function.Name, err)
}

func (c *connection) publish(ctx context.Context, s spec, e providers.Epoch) (providers.Revision, error) {
	at, err := c.app(s.function.Name)
	if err != nil {
		return providers.Revision{}, err
	}
	there, err := c.hasStorage(ctx)
	if err != nil {
		return providers.Revision{}, err
	}
	w := &work{app: at, spec: s, epoch: e}
	if there {
		done, err := w.look(ctx)
		if err != nil || done != nil {
			return value(done), err
		}
	}
	return w.publish(ctx)
}

// look finds what there is of the app, and the revision where it is stored with all that it needs.
func (w *work) look(ctx context.Context) (*providers.Revision, error) {
	is, tag, r, err := w.claimed(ctx, w.spec.revision())
	if err != nil || tag == "" {
		return nil, err
	}
	if err := w.admit(is, w.epoch); err != nil {
		return nil, err
	}
	if _, gone := w.gone.LoadAndDelete(w.name); gone { // it is made again, and nothing is live then
		return nil, w.alter(ctx, w.epoch, func(c *claim) bool {
			c.Live, c.Digest, c.Next, c.Package = "", "", "", ""
			return true
		})
	}
	w.known, w.is = true, is
	if r == nil || !is.holds(r.Roles) {
		return nil, nil
	}
	done := r.revision()
	return &done, nil
}

// work is the making of one revision.
type work struct {
	*app
	spec  spec
	known bool  // ferry has made the app before
	is    claim // what its blob says, where it has
	epoch providers.Epoch
}

// holds reports whether the function's identity has these roles.
func (c claim) holds(roles []roleGrant) bool { return covered(roles, c.Granted) }

// covered reports whether all of some roles are among others.
func covered(roles, by []roleGrant) bool {
	return !slices.ContainsFunc(roles, func(r roleGrant) bool { return !slices.Contains(by, r) })
}

// publish lays the package and the record down, and makes the app where ferry has none.
func (w *work) publish(ctx context.Context) (providers.Revision, error) {
	pkg, err := w.pack(w.spec)
	if err != nil {
		return providers.Revision{}, err
	}
	defer pkg.close()
	roles, err := w.needs(ctx, w.spec, w.is.Granted)
	if err != nil {
		return providers.Revision{}, err
	}
	if w.known {
		r, err := w.revise(ctx, pkg, roles)
		return r.revision(), err
	}
	if err := w.free(ctx); err != nil {
		return providers.Revision{}, err
	}
	if err := w.ensureStorage(ctx); err != nil {
		return providers.Revision{}, err
	}
	var shared foundation
	var r record
	g, part := errgroup.WithContext(ctx) // none needs another
	g.Go(func() (err error) {
		shared, err = w.foundation(part)
		return err
	})
	g.Go(func() error { return w.makePlan(part) })
	g.Go(func() (err error) {
		if err := w.makeContainer(part, w.box.name); err != nil {
			return fmt.Errorf("making the container %s: %w", w.box.name, err)
		}
		r, err = w.revise(part, pkg, roles)
		return err
	})
	if err := g.Wait(); err != nil {
		return providers.Revision{}, err
	}
	return r.revision(), w.create(ctx, r, shared)
}

// revise lays the revision down, once what it names is there: as who it runs, and from where it gets messages.
func (w *work) revise(ctx context.Context, pkg *packed, roles []roleGrant) (record, error) {
	if err := w.hear(ctx); err != nil {
		return record{}, err
	}
	own, err := w.executor(ctx, roles)
	if err != nil {
		return record{}, err
	}
	r := w.recordOf(w.spec, own, roles, pkg.digest)
	return r, w.lay(ctx, pkg, r)
}

// free refuses an app of the name that ferry did not make.
func (a *app) free(ctx context.Context) error {
	found, err := a.site(ctx, a.name)
	if err != nil || found == nil || a.owns(found.Tags, a.function) {
		return err
	}
	return a.foreign("publish")
}

func (a *app) foreign(op string) error {
	return fail(providers.Foreign, op, a.function, "run `ferry deploy --adopt` to take it over, or rename the function",
		"the function app %s exists, and ferry did not make it", a.name)
}

// executor is the identity that the function runs as: one that was given, or one of its own where it needs roles. They are given
// before anything needs them; those of other revisions stay until none needs them. Roles of the revision whose configuration the app
// has were given already: who deploys nothing but code needs no right to give any.
func (w *work) executor(ctx context.Context, roles []roleGrant) (identity, error) {
	if given := w.spec.function.own.Identity; given != "" {
		return w.given(ctx, given)
	}
	if len(roles) == 0 {
		return identity{}, nil
	}
	if w.known {
		was, err := w.record(ctx, w.is.Settings)
		if err != nil {
			return identity{}, err
		}
		if was != nil && was.Own != "" && covered(roles, was.Roles) && w.is.holds(roles) {
			return identity{id: was.Own, client: was.Settings[busClient]}, nil
		}
	}
	own, err := w.makeIdentity(ctx, w.name, w.tags(w.spec.function))
	if err != nil {
		return identity{}, err
	}
	if w.known {
		err := w.alter(ctx, w.epoch, func(c *claim) bool {
			if c.holds(roles) {
				return false
			}
			c.Granted = union(c.Granted, roles) // before they are given, so that they are found again
			return true
		})
		if err != nil {
			return identity{}, err
		}
	}
	return own, w.assignAll(ctx, own, roles)
}

// given is an identity that the manifest names, whose client id is needed where it reads Service Bus.
func (w *work) given(ctx context.Context, id string) (identity, error) {
	if w.spec.function.bus() == "" {
		return identity{id: id}, nil
	}
	var is struct{ Properties struct{ ClientID string } }
	err := w.call(ctx, http.MethodGet, id, "2023-01-31", nil, &is)
	return identity{id: id, client: is.Properties.ClientID}, err
}

func union(a, b []roleGrant) []roleGrant {
	all := slices.Clone(a)
	for _, r := range b {
		if !slices.Contains(all, r) {
			all = append(all, r)
		}
	}
	return all
}

// lay puts a package and then its record into the container.
func (w *work) lay(ctx context.Context, pkg *packed, r record) error {
	_, err := w.box.put(ctx, packageKey(r.Package), pkg.file, condition{absent: true})
	if err != nil && !conditionFailed(err) { // else it is there
		return fmt.Errorf("storing the package: %w", err)
	}
	_, err = w.box.write(ctx, recordKey(r.ID), r, condition{})
	return err
}

func (w *work) makePlan(ctx context.Context) error {
	err := w.call(ctx, http.MethodPut, w.planID(w.name), webVersion, plan{
		Location: w.target.Location, Kind: "functionapp", Tags: w.tags(w.spec.function), SKU: planSKU{Name: "FC1", Tier: "FlexConsumption"},
		Properties: planProperties{Reserved: true},
	}, nil)
	if err != nil {
		return fmt.Errorf("making the plan %s: %w", w.name, err)
	}
	return nil
}

// create makes the app, and then the blob that says that ferry has it.
func (w *work) create(ctx context.Context, r record, shared foundation) error {
	providers.Stage(ctx, "making the app "+w.name)
	if _, err := w.putSite(ctx, w.name, w.newSite(r, shared)); err != nil {
		if says(err, "already exists", "not available") && kindOf(err) == providers.Conflict {
			return fail(providers.Foreign, "publish", w.function, "rename the service, or name an app under apps of the target", "somebody else has an app of the name %s", w.name)
		}
		return fmt.Errorf("making the app %s: %w", w.name, err)
	}
	if err := w.uninject(ctx, w.hostSettings(shared)); err != nil {
		return err
	}
	heard := ofTopics(r.Reads)
	first := claim{Epochs: map[string]providers.Epoch{w.targetName: w.epoch}, Settings: r.ID, Granted: r.Roles, Subscribed: len(heard) > 0, Heard: heard}
	_, err := w.box.write(ctx, claimKey, first, condition{absent: true})
	if conditionFailed(err) {
		return nil // another one made it at the same time
	}
	if err == nil {
		w.fresh.Store(w.name, r.ID)
	}
	return err
}

// newSite is an app that has no package yet.
func (a *app) newSite(r record, shared foundation) site {
	s := a.desired(r, nil, a.hostSettings(shared))
	s.Properties.FunctionAppConfig.Deployment = a.packaged(shared.identity)
	s.Identity = withIdentities(nil, shared.identity.id, r.Own)
	s.Properties.ServerFarmID = a.planID(a.name)
	return s
}

// packaged is where the app has its package, and as who it reads and writes it.
func (a *app) packaged(by identity) *deploymentConfig {
	d := new(deploymentConfig)
	d.Storage.Type, d.Storage.Value = "blobContainer", a.cloud.endpoint(a.storageName(), "blob")+"/"+a.box.name
	d.Storage.Authentication.Type, d.Storage.Authentication.IdentityID = "UserAssignedIdentity", by.id
	return d
}

// withIdentities are the identities that an app has, and those.
func withIdentities(has *siteIdentity, ids ...string) *siteIdentity {
	all := map[string]struct{}{}
	kind := "UserAssigned"
	if has != nil {
		for id := range has.UserAssigned {
			all[id] = struct{}{}
		}
		if has.Type == "SystemAssigned" || has.Type == "SystemAssigned, UserAssigned" {
			kind = "SystemAssigned, UserAssigned"
		}
	}
	for _, id := range ids {
		if id != "" && !slices.ContainsFunc(keys(all), func(has string) bool { return sameID(has, id) }) {
			all[id] = struct{}{}
		}
	}
	if len(all) == 0 {
		return has
	}
	return &siteIdentity{Type: kind, UserAssigned: all}
}

// uninject takes away what Azure set by itself although the app's storage goes by an identity: its host would prefer it.
func (a *app) uninject(ctx context.Context, want map[string]string) error {
	has, err := a.appSettings(ctx, a.name)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(injected(), func(n string) bool { _, there := has[n]; return there }) {
		return nil
	}
	for _, n := range injected() {
		delete(has, n)
	}
	for n, v := range want {
		has[n] = v
	}
	return a.putSettings(ctx, has)
}

// putSettings replaces all settings of the app: whoever calls has read them before.
func (a *app) putSettings(ctx context.Context, all map[string]string) error {
	return a.call(ctx, http.MethodPut, a.siteID(a.name)+"/config/appsettings", webVersion, struct {
		Properties map[string]string `json:"properties"`
	}{all}, nil)
}

func keys(m map[string]struct{}) []string {
	var all []string
	for k := range m {
		all = append(all, k)
	}
	slices.Sort(all)
	return all
}

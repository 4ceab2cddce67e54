package azure

import (
	"cmp"
	"context"
	"errors"
	"maps"
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
	now, reading := at.status(ctx)
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

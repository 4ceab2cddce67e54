package azure

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/providers"
)

// Remove takes away what ferry made for the function: subscriptions first, which lie with others, then the app and its plan, the
// identity with its roles, and last the container, whose blob is what all of that is known by.
func (a *Adapter) Remove(ctx context.Context, fn string, e providers.Epoch) error {
	c, err := a.connect(ctx)
	if err == nil {
		err = c.remove(ctx, fn, e)
	}
	return a.classify("remove", fn, err)
}

func (c *connection) remove(ctx context.Context, fn string, e providers.Epoch) error {
	at, err := c.app(fn)
	if err != nil {
		return err
	}
	there, err := c.hasStorage(ctx)
	if err != nil || !there {
		return err
	}
	is, tag, err := at.claim(ctx)
	if err == nil && tag != "" {
		err = at.admit(is, e)
	}
	if err != nil {
		return err
	}
	s, err := c.site(ctx, at.name)
	if err != nil {
		return err
	}
	if s != nil && !c.owns(s.Tags, fn) {
		return at.foreign("remove")
	}
	if err := errors.Join(at.silence(ctx, nil), at.subscribe(ctx, nil)); err != nil {
		return err
	}
	if s != nil {
		if err := c.deleteSite(ctx, at.name); err != nil {
			return err
		}
	}
	if err := at.removePlan(ctx); err != nil {
		return err
	}
	if err := at.removeIdentity(ctx, is.Granted); err != nil {
		return err
	}
	if tag == "" && s == nil {
		if _, err := c.containers.Get(ctx, c.target.ResourceGroup, c.storageName(), at.box.name, nil); err != nil {
			return unlessMissing(err)
		}
	}
	_, err = c.containers.Delete(ctx, c.target.ResourceGroup, c.storageName(), at.box.name, nil)
	return unlessMissing(err)
}

// removePlan takes a plan away that the app was to have, as after a kill before there was one.
func (a *app) removePlan(ctx context.Context) error {
	var is plan
	err := a.call(ctx, http.MethodGet, a.planID(a.name), webVersion, nil, &is)
	if err != nil || !a.owns(is.Tags, a.function) {
		return unlessMissing(err)
	}
	return unlessMissing(a.call(ctx, http.MethodDelete, a.planID(a.name), webVersion, nil, nil))
}

// removeIdentity takes the function's identity away, its roles first: Azure keeps roles of nobody for ever.
func (a *app) removeIdentity(ctx context.Context, granted []roleGrant) error {
	own, err := a.findIdentity(ctx, a.name)
	if err != nil || own.id == "" {
		return err
	}
	out, err := a.identities.Get(ctx, a.target.ResourceGroup, a.name, nil)
	if err != nil || !a.owns(values(out.Tags), a.function) {
		return unlessMissing(err)
	}
	if err := errors.Join(a.revoke(ctx, own, granted), a.revokeAll(ctx, own)); err != nil {
		return err
	}
	_, err = a.identities.Delete(ctx, a.target.ResourceGroup, a.name, nil)
	return unlessMissing(err)
}

// Prune deletes a revision that is not live. Its package goes when no other revision has it, which none has that is of another
// digest: a package says of which it is.
func (a *Adapter) Prune(ctx context.Context, fn string, r providers.Revision, e providers.Epoch) error {
	c, err := a.connect(ctx)
	if err == nil {
		err = c.prune(ctx, fn, r, e)
	}
	return a.classify("prune", fn, err)
}

func (c *connection) prune(ctx context.Context, fn string, r providers.Revision, e providers.Epoch) error {
	if there, err := c.hasStorage(ctx); err != nil || !there {
		return err
	}
	at, err := c.app(fn)
	if err != nil {
		return err
	}
	is, tag, err := at.claim(ctx)
	if err != nil || tag == "" {
		return err
	}
	if err := at.admit(is, e); err != nil {
		return err
	}
	if is.Live == r.ID || is.Next == r.ID {
		return fail(providers.Conflict, "prune", fn, "", "revision %s is live", r.ID)
	}
	found, err := at.record(ctx, r.ID)
	if err != nil || found == nil {
		return err
	}
	if is.Settings == r.ID { // what it set is looked up by it: the live one set it anew since, or will
		err := at.alter(ctx, e, func(c *claim) bool {
			c.Settings = c.Live
			return true
		})
		if err != nil {
			return err
		}
	}
	if err := unlessMissing(at.box.delete(ctx, packageKey(found.Package), condition{})); err != nil {
		return err
	}
	if err := unlessMissing(at.box.delete(ctx, recordKey(r.ID), condition{})); err != nil || len(found.Roles) == 0 {
		return err
	}
	return at.narrow(ctx, e)
}

// narrow takes roles from the function's identity that no stored revision needs any more.
func (a *app) narrow(ctx context.Context, e providers.Epoch) error {
	keys, err := a.box.list(ctx, "revisions/")
	if err != nil {
		return err
	}
	var needed []roleGrant
	for _, key := range keys {
		r, err := a.record(ctx, strings.TrimSuffix(lastPart(key), ".json"))
		if err != nil {
			return err
		}
		if r != nil {
			needed = union(needed, r.Roles)
		}
	}
	is, _, err := a.claim(ctx)
	if err != nil {
		return err
	}
	surplus := slices.DeleteFunc(slices.Clone(is.Granted), func(r roleGrant) bool { return slices.Contains(needed, r) })
	own, err := a.findIdentity(ctx, a.name)
	if err != nil || own.id == "" || len(surplus) == 0 {
		return err
	}
	if err := a.revoke(ctx, own, surplus); err != nil {
		return err
	}
	return a.alter(ctx, e, func(c *claim) bool {
		c.Granted = slices.DeleteFunc(c.Granted, func(r roleGrant) bool { return slices.Contains(surplus, r) })
		return true
	})
}

// Purge takes away what the functions of the service shared: the identity of their hosts with its roles, and where logs went.
func (a *Adapter) Purge(ctx context.Context) error {
	c, err := a.connect(ctx)
	if err == nil {
		err = c.purge(ctx)
	}
	return a.classify("purge", "", err)
}

func (c *connection) purge(ctx context.Context) error {
	c.mu.Lock()
	c.shared = nil
	c.mu.Unlock()
	group, name := c.target.ResourceGroup, c.sharedName()
	own, err := c.identities.Get(ctx, group, name, nil)
	if err == nil && c.owns(values(own.Tags), "") {
		if err := c.revokeAll(ctx, identityOf(own.Identity)); err != nil {
			return err
		}
		_, err = c.identities.Delete(ctx, group, name, nil)
	}
	if unlessMissing(err) != nil {
		return err
	}
	component, err := c.components.Get(ctx, group, name, nil)
	if err == nil && c.owns(values(component.Tags), "") {
		_, err = c.components.Delete(ctx, group, name, nil)
	}
	if unlessMissing(err) != nil {
		return err
	}
	workspace, err := c.workspaces.Get(ctx, group, name, nil)
	if err != nil || !c.owns(values(workspace.Tags), "") {
		return unlessMissing(err)
	}
	poller, err := c.workspaces.BeginDelete(ctx, group, name, nil)
	_, err = ended(ctx, poller, err)
	return unlessMissing(err)
}

package azure

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ferryfn/ferry/internal/azuretest"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/providertest"
	"github.com/ferryfn/ferry/providers/until"
)

// ground is a subscription whose administrator has made a resource group and a key vault in it, and nothing else.
type ground struct {
	*testing.T
	cloud *azuretest.Cloud
	conn  *connection // of the administrator
}

func newGround(t *testing.T) *ground {
	t.Parallel()
	c := azuretest.Start(t)
	c.Polls(0)
	c.RoleLag(0)
	makeVault(t, c)
	conn, err := adapterOf(t, c).connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return &ground{t, c, conn}
}

// as is the adapter of somebody with these roles, each on the resource group, the storage account or the vault, and with no right on
// the subscription.
func (g *ground) as(name string, roles map[string]string) *Adapter {
	g.Helper()
	id, env := g.cloud.Principal(name)
	for role, on := range roles {
		g.cloud.Grant(id, role, map[string]string{
			"group": g.conn.groupID(), "storage": g.conn.storageID(), "vault": g.conn.id("Microsoft.KeyVault/vaults", "shopvault"),
		}[on])
	}
	return newAdapter(g, env, "shop", "dev", block)
}

// spec is a function with a secret, which says a version.
func (g *ground) spec(a *Adapter, version string, memory manifest.Size) providers.Spec {
	g.Helper()
	s := programSpec(g, a, "api", version, version)
	s.Function.Memory, s.Function.Secrets = memory, map[string]string{"KEY": "key"}
	var err error
	if s.Secrets, err = a.Pin(g.Context(), s.Function); err != nil {
		g.Fatal(err)
	}
	return providertest.Digested(s)
}

// deploys makes a version live as somebody, if they may.
func (g *ground) deploys(a *Adapter, version string, memory manifest.Size) error {
	g.Helper()
	ctx := until.Hasten(g.Context(), 200)
	spec := g.spec(a, version, memory)
	r, err := a.Publish(ctx, spec, 0)
	if err != nil {
		return err
	}
	from, err := a.Status(ctx, "api")
	if err != nil {
		return err
	}
	_, err = a.Activate(ctx, providers.Change{Spec: spec, From: from, To: &r})
	return err
}

// first and later are the roles of the page's table, and on what.
func first() map[string]string {
	return map[string]string{"Contributor": "group", "Role Based Access Control Administrator": "group", "Key Vault Secrets Officer": "vault"}
}

func later() map[string]string {
	return map[string]string{
		"Website Contributor": "group", "Managed Identity Operator": "group", "Storage Blob Data Contributor": "storage", "Key Vault Secrets Officer": "vault",
	}
}

func TestADeployerNeedsRolesInOneResourceGroupAndEachOfThem(t *testing.T) {
	g := newGround(t)
	bootstrap := g.as("bootstrap", first())
	if err := bootstrap.SetSecret(t.Context(), "key", []byte("value")); err != nil {
		t.Fatal(err)
	}
	if err := g.deploys(bootstrap, "one", 512*manifest.MB); err != nil {
		t.Fatalf("the first deploy: %v, hint %q", err, hint(err))
	}
	ci := g.as("ci", later())
	if err := g.deploys(ci, "two", 512*manifest.MB); err != nil {
		t.Errorf("other code: %v, hint %q", err, hint(err))
	}
	if err := g.deploys(ci, "three", 2048*manifest.MB); err != nil {
		t.Errorf("other code and another configuration: %v, hint %q", err, hint(err))
	}
	for role := range later() {
		without := later()
		delete(without, role)
		if role == "Key Vault Secrets Officer" { // without it no version is pinned
			continue
		}
		err := g.deploys(g.as("without "+role, without), "with "+role, 4096*manifest.MB)
		if !errors.Is(err, providers.Denied) || !strings.Contains(hint(err), role) {
			t.Errorf("without %s: %v, hint %q", role, err, hint(err))
		}
	}
}

// eventful are the roles of the page's table for who binds events of Event Grid that are new, beside those of later deploys.
func eventful() map[string]string {
	roles := later()
	roles["EventGrid EventSubscription Contributor"] = "group"
	return roles
}

func TestWhoBindsEventsOfEventGridNeedsARoleForThat(t *testing.T) {
	g := newGround(t)
	bootstrap := g.as("bootstrap", first())
	plain := programSpec(t, bootstrap, "api", "one", "a")
	goLive(t, bootstrap, plain)
	binds := func(name string, roles map[string]string) error {
		a := g.as(name, roles)
		with := programSpec(t, a, "api", name, "a", manifest.Event{Object: &manifest.ObjectEvent{Bucket: "uploads", On: []string{"created"}}})
		goLive(t, a, with)
		return a.Bind(until.Hasten(t.Context(), haste), with, providers.BindEnabled, 0)
	}
	if err := binds("eventful", eventful()); err != nil {
		t.Errorf("%v, hint %q", err, hint(err))
	}
	if err := binds("ci", later()); !errors.Is(err, providers.Denied) || !strings.Contains(hint(err), "EventGrid EventSubscription Contributor") {
		t.Errorf("without the role: %v, hint %q", err, hint(err))
	}
}

func TestThePageListsTheRolesOfADeployer(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "azure.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, roles, _ := strings.Cut(string(page), "## What a deployer may do")
	roles, _, _ = strings.Cut(roles, "\n## ")
	for _, all := range []map[string]string{first(), later(), eventful()} {
		for role := range all {
			if !strings.Contains(roles, role) {
				t.Errorf("docs/azure.md does not name the role %s", role)
			}
		}
	}
}

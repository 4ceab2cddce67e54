package gcp

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	iam "google.golang.org/api/iam/v1"
	run "google.golang.org/api/run/v2"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/names"
	"github.com/ferryfn/ferry/providers/until"
)

// The roles that ferry grants.
const (
	readsSecret = "roles/secretmanager.secretAccessor"
	publishes   = "roles/pubsub.publisher"
	subscribes  = "roles/pubsub.subscriber"
)

// Accounts have no labels: their descriptions say whose they are.
const (
	accountMark = "made by ferry for "
	roleMark    = ", with roles in the project"
)

// accountNaming is how service accounts are named: 6 to 30 characters.
func accountNaming() names.Rule {
	return names.Rule{Most: 30, Spell: func(name string) string { return strings.TrimRight(names.Lower(name), "-") }}
}

// ownAccount is the service account that ferry makes for a function.
func (p *place) ownAccount(fn string) string {
	id := p.prefix() + fn
	if len(id) < 6 {
		id += "-ferry"
	}
	return accountNaming().Of(id) + "@" + p.accountDomain()
}

// accountDomain is that of the accounts of the project. One of a domain, example.com:name, has its name turned round.
func (p *place) accountDomain() string {
	domain, id, ok := strings.Cut(p.target.Project, ":")
	if !ok {
		return p.target.Project + ".iam.gserviceaccount.com"
	}
	return id + "." + domain + ".iam.gserviceaccount.com"
}

// account is the service account that a function runs as.
func (p *place) account(fn function) string {
	if fn.own.ServiceAccount != "" {
		return fn.own.ServiceAccount
	}
	return p.ownAccount(fn.Name)
}

func (p *place) accountPath(email string) string {
	return "projects/" + p.target.Project + "/serviceAccounts/" + email
}

func (p *place) accountMarkOf(fn string) string {
	return accountMark + p.service + "/" + p.stage + "/" + fn
}

// ensureAccount makes what a function runs as, and gives it the rights that the function needs and has not. An account that the
// manifest names stays as it is. It says whether the account may read a secret that it could not read before.
func (c *connection) ensureAccount(ctx context.Context, s spec) (granted bool, err error) {
	fn := s.function
	if fn.own.ServiceAccount != "" {
		return false, nil
	}
	found, err := c.makeAccount(ctx, fn.Name)
	if err != nil {
		return false, err
	}
	for _, secret := range s.secretsOf() {
		given, err := c.grant(ctx, c.secretPolicy(ctx, secret), readsSecret, "serviceAccount:"+found.Email)
		if err != nil {
			return false, fmt.Errorf("letting the function read the secret %s: %w", idOf(secret), err)
		}
		granted = granted || given
	}
	return granted, c.grantRoles(ctx, fn, found)
}

// grantRoles gives the account the roles of the manifest.
func (c *connection) grantRoles(ctx context.Context, fn function, account *iam.ServiceAccount) error {
	if len(fn.own.Roles) == 0 {
		return nil
	}
	if err := c.noteRoles(ctx, account); err != nil {
		return err
	}
	err := c.changeGrants(ctx, c.projectPolicy(ctx), func(p *grants) bool {
		changed := false
		for _, role := range fn.own.Roles {
			changed = p.add(role, "serviceAccount:"+account.Email) || changed
		}
		return changed
	})
	if err != nil {
		return fmt.Errorf("granting gcp.roles: %w", err)
	}
	return nil
}

// secretsOf are the secrets that the manifest has a function read, by their full names, sorted.
func (s spec) secretsOf() []string {
	var all []string
	for _, reference := range s.secrets {
		all = append(all, secretOf(reference))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// makeAccount makes the account, or finds the one that ferry made.
func (c *connection) makeAccount(ctx context.Context, fn string) (*iam.ServiceAccount, error) {
	email := c.ownAccount(fn)
	found, err := c.findAccount(ctx, fn)
	if err != nil || found != nil {
		return found, err
	}
	id, _, _ := strings.Cut(email, "@")
	providers.Stage(ctx, "making the service account")
	found, err = c.iam.Projects.ServiceAccounts.Create("projects/"+c.target.Project, &iam.CreateServiceAccountRequest{
		AccountId: id, ServiceAccount: &iam.ServiceAccount{DisplayName: "ferry " + c.serviceName(fn), Description: c.accountMarkOf(fn)},
	}).Context(ctx).Do()
	if !isAlreadyExists(err) {
		return found, err
	}
	err = until.True(ctx, newAccount(nil), func() (bool, error) { // the reply was lost, or somebody else was faster
		found, err = c.findAccount(ctx, fn)
		return found != nil, err
	})
	return found, err
}

// findAccount finds the account that ferry made for a function, nil for none.
func (c *connection) findAccount(ctx context.Context, fn string) (*iam.ServiceAccount, error) {
	email := c.ownAccount(fn)
	found, err := c.iam.Projects.ServiceAccounts.Get(c.accountPath(email)).Context(ctx).Do()
	switch {
	case isNotFound(err):
		return nil, nil
	case err != nil:
		return nil, err
	case strings.TrimSuffix(found.Description, roleMark) == c.accountMarkOf(fn):
		return found, nil
	}
	return nil, &providers.Error{
		Kind: providers.Foreign, Op: "make the service account", Provider: name, Function: fn,
		Hint: "rename the function, or name the account as gcp.service_account",
		Err:  fmt.Errorf("the service account %s exists, and ferry did not make it", email),
	}
}

// noteRoles writes on an account that it gets roles in the project, before it does: they have to go with it.
func (c *connection) noteRoles(ctx context.Context, account *iam.ServiceAccount) error {
	if strings.HasSuffix(account.Description, roleMark) {
		return nil
	}
	_, err := c.iam.Projects.ServiceAccounts.Patch(c.accountPath(account.Email), &iam.PatchServiceAccountRequest{
		ServiceAccount: &iam.ServiceAccount{Description: account.Description + roleMark, Etag: account.Etag}, UpdateMask: "description",
	}).Context(ctx).Do()
	return err
}

// removeAccount takes away the account that ferry made for a function, and before it all that it was granted: Google would keep
// those grants, for an account that is no more.
func (c *connection) removeAccount(ctx context.Context, fn string, secrets []string) error {
	found, err := c.findAccount(ctx, fn)
	if errors.Is(err, providers.Foreign) {
		return nil
	}
	if err != nil || found == nil {
		return err
	}
	member := "serviceAccount:" + found.Email
	for _, secret := range secrets {
		if err := c.changeGrants(ctx, c.secretPolicy(ctx, secret), func(p *grants) bool { return p.remove("", member) }); err != nil && !isNotFound(err) {
			return err
		}
	}
	if strings.HasSuffix(found.Description, roleMark) {
		if err := c.changeGrants(ctx, c.projectPolicy(ctx), func(p *grants) bool { return p.remove("", member) }); err != nil {
			return err
		}
	}
	_, err = c.iam.Projects.ServiceAccounts.Delete(c.accountPath(found.Email)).Context(ctx).Do()
	if isNotFound(err) {
		return nil
	}
	return err
}

// secretsRead are the secrets that revisions of a function read, by their full names, sorted.
func (c *connection) secretsRead(revisions []*run.GoogleCloudRunV2Revision) []string {
	all := map[string]bool{}
	for _, r := range revisions {
		for _, container := range r.Containers {
			for _, v := range container.Env {
				if v.ValueSource != nil && v.ValueSource.SecretKeyRef != nil {
					all[c.secretPath(v.ValueSource.SecretKeyRef.Secret)] = true
				}
			}
		}
	}
	return slices.Sorted(maps.Keys(all))
}

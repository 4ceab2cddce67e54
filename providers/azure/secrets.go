package azure

import (
	"cmp"
	"context"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/names"
	"github.com/ferryfn/ferry/providers/until"
	"github.com/ferryfn/ferry/providers/vault"
)

const (
	tagSecret    = ours + "secret" // the name of a secret as the manifest has it
	tagOrder     = ours + "order"  // of its versions, of which Azure tells seconds only
	vaultVersion = "2023-07-01"    // of Resource Manager's definition of key vaults

	// secretSize is how long a value may be, in bytes.
	secretSize = 25 << 10
)

// secretName is the name of a secret in the vault, which takes letters, digits and hyphens.
func secretName(name string) string {
	return names.Rule{Most: 127, Spell: func(s string) string { return regexp.MustCompile(`[^0-9a-zA-Z-]`).ReplaceAllString(s, "-") }}.Of(name)
}

// secretIn is the name of the secret that a reference is of.
func secretIn(reference string) string {
	_, after, _ := strings.Cut(reference, "/secrets/")
	name, _, _ := strings.Cut(after, "/")
	return name
}

// vault is the client of the target's key vault.
func (c *connection) vault() (*azsecrets.Client, error) {
	if c.target.KeyVault == "" {
		return nil, fail(providers.Invalid, "open the key vault", "", "add key_vault to targets."+c.targetName+", the name of a vault with access by roles", "the target names no key vault")
	}
	return azsecrets.NewClient("https://"+c.target.KeyVault+"."+c.cloud.vault, c.credential, &azsecrets.ClientOptions{ClientOptions: c.options.ClientOptions})
}

// vaultID is the id of the key vault: as roles on its secrets name it, of the resource group, or of any in the subscription, which
// takes rights on all of it to see.
func (c *connection) vaultID(ctx context.Context, given []roleGrant) (string, error) {
	const kind = "Microsoft.KeyVault/vaults"
	for _, r := range given {
		id, _, _ := strings.Cut(r.Scope, "/secrets/")
		if strings.HasSuffix(strings.ToLower(id), strings.ToLower("/"+kind+"/"+c.target.KeyVault)) {
			return id, nil
		}
	}
	var found struct{ ID string }
	err := c.call(ctx, http.MethodGet, c.id(kind, c.target.KeyVault), vaultVersion, nil, &found)
	if unlessMissing(err) != nil || err == nil {
		return found.ID, err
	}
	all, err := entries[struct{ ID, Name string }](ctx, c, "/subscriptions/"+c.subscription+"/providers/"+kind, vaultVersion)
	if err != nil {
		return "", err
	}
	for _, v := range all {
		if strings.EqualFold(v.Name, c.target.KeyVault) {
			return v.ID, nil
		}
	}
	return "", fail(providers.NotFound, "find the key vault", "", "run `az keyvault create --name "+c.target.KeyVault+" --resource-group "+c.target.ResourceGroup+" --enable-rbac-authorization`",
		"the subscription has no key vault %s that the caller sees", c.target.KeyVault)
}

// Pin finds the versions that the function's secrets have now. It looks at what is told of them, never at a value.
func (a *Adapter) Pin(ctx context.Context, fn manifest.Function) (map[string]string, error) {
	if len(fn.Secrets) == 0 {
		return nil, nil
	}
	const op = "find the secrets of"
	c, err := a.connect(ctx)
	if err != nil {
		return nil, err
	}
	v, err := c.vault()
	if err != nil {
		return nil, a.classify(op, fn.Name, err)
	}
	return vault.Pinned(ctx, fn, func(ctx context.Context, secret string) (string, error) {
		now, err := c.current(ctx, v, secret)
		if err == nil && now == nil {
			err = fail(providers.NotFound, op, fn.Name, "run `ferry secrets set "+secret+" --target "+a.targetName+" --stage "+a.stage+"`", "the secret %s has no value", secret)
		}
		if err != nil {
			return "", a.classify(op, fn.Name, err)
		}
		return string(*now.ID), nil
	})
}

// current is the newest version of a secret that is in force; nil is that there is none.
func (c *connection) current(ctx context.Context, v *azsecrets.Client, secret string) (*azsecrets.SecretProperties, error) {
	var newest *azsecrets.SecretProperties
	pages := v.NewListSecretPropertiesVersionsPager(secretName(secret), nil)
	for pages.More() {
		var page azsecrets.ListSecretPropertiesVersionsResponse
		err := until.Done(ctx, func() (err error) {
			page, err = pages.NextPage(ctx)
			return err
		}, c.spread.rights(lacksRole))
		if err != nil {
			return nil, unlessMissing(err)
		}
		for _, p := range page.Value {
			if p.ID != nil && p.Attributes != nil && value(p.Attributes.Enabled) && (newest == nil || ordered(newest, p)) {
				newest = p
			}
		}
	}
	return newest, nil
}

// ordered reports whether the first of two versions is the older one.
func ordered(a, b *azsecrets.SecretProperties) bool {
	order := func(p *azsecrets.SecretProperties) int64 {
		n, _ := strconv.ParseInt(values(p.Tags)[tagOrder], 10, 64) // of another's it has none
		return n
	}
	before := cmp.Or(value(a.Attributes.Created).Compare(value(b.Attributes.Created)), cmp.Compare(order(a), order(b)))
	return before < 0
}

// SetSecret keeps the value as a new version. The next deploy brings it to what runs: a revision gets the versions that were
// current when it was made.
func (a *Adapter) SetSecret(ctx context.Context, secret string, value []byte) error {
	const op = "set secret"
	if err := vault.Keepable(name, secret, value, secretSize); err != nil {
		return err
	}
	c, err := a.connect(ctx)
	if err == nil {
		err = c.setSecret(ctx, secret, string(value))
	}
	return a.classify(op, "", err)
}

func (c *connection) setSecret(ctx context.Context, secret, text string) error {
	v, err := c.vault()
	if err != nil {
		return err
	}
	if err := c.ownSecret(ctx, v, secret); err != nil {
		return err
	}
	tags := tagged().Of(c.owner(""))
	tags[tagSecret], tags[tagOrder] = secret, strconv.FormatInt(time.Now().UnixNano(), 10)
	set := func() error {
		_, err := v.SetSecret(ctx, secretName(secret), azsecrets.SetSecretParameters{Value: &text, Tags: pointers(tags)}, nil)
		return err
	}
	err = set()
	if is(err, "Conflict") && says(err, "deleted but recoverable", "ObjectIsDeletedButRecoverable") {
		if _, err = v.RecoverDeletedSecret(ctx, secretName(secret), nil); err == nil {
			err = until.Done(ctx, set, patiently("the secret to be recovered", 2*time.Minute, func(err error) bool { return is(err, "Conflict", "ObjectIsBeingRecovered") }))
		}
	}
	return err
}

// ownSecret refuses a secret that ferry did not make for this service and stage.
func (c *connection) ownSecret(ctx context.Context, v *azsecrets.Client, secret string) error {
	is, err := c.current(ctx, v, secret)
	if err != nil || is == nil || c.owns(values(is.Tags), "") {
		return err
	}
	return fail(providers.Foreign, "set secret", "", "choose another name under secrets", "the key vault %s has a secret %s that ferry did not make for %s, stage %s", c.target.KeyVault, secret, c.service, c.stage)
}

// Secrets lists those of the vault whose tags say that they are of the service and stage.
func (a *Adapter) Secrets(ctx context.Context) ([]string, error) {
	const op = "list secrets"
	c, err := a.connect(ctx)
	if err != nil {
		return nil, err
	}
	v, err := c.vault()
	if err != nil {
		return nil, a.classify(op, "", err)
	}
	var found []string
	for pages := v.NewListSecretPropertiesPager(nil); pages.More(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, a.classify(op, "", err)
		}
		for _, p := range page.Value {
			if tags := values(p.Tags); a.owns(tags, "") {
				found = append(found, tags[tagSecret])
			}
		}
	}
	slices.Sort(found)
	return found, nil
}

// RemoveSecret deletes the secret with all its versions. The vault keeps it for a while, for who takes it back.
func (a *Adapter) RemoveSecret(ctx context.Context, secret string) error {
	const op = "remove secret"
	c, err := a.connect(ctx)
	if err != nil {
		return err
	}
	v, err := c.vault()
	if err == nil {
		err = c.ownSecret(ctx, v, secret)
	}
	if err == nil {
		_, err = v.DeleteSecret(ctx, secretName(secret), nil)
	}
	return a.classify(op, "", unlessMissing(err))
}

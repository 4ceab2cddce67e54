package gcp

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	secrets "google.golang.org/api/secretmanager/v1"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/vault"
)

var (
	_ providers.Pinner = (*Adapter)(nil)
	_ providers.Vault  = (*Adapter)(nil)
)

// Pin finds the versions that the function's secrets have now. A reference is the full name of a version.
func (a *Adapter) Pin(ctx context.Context, fn manifest.Function) (map[string]string, error) {
	if len(fn.Secrets) == 0 {
		return nil, nil
	}
	c, err := a.connect(ctx)
	if err != nil {
		return nil, err
	}
	return vault.Pinned(ctx, fn, func(ctx context.Context, secret string) (string, error) {
		reference, err := c.pin(ctx, secret)
		if err != nil {
			return "", a.unpinned(fn.Name, secret, err)
		}
		return reference, nil
	})
}

// errNoValue is a secret that exists and cannot be read.
var errNoValue = errors.New("its newest version is disabled or destroyed")

func (c *connection) pin(ctx context.Context, secret string) (string, error) {
	v, err := c.secrets.Projects.Secrets.Versions.Get(c.secretPath(secret) + "/versions/latest").Context(ctx).Do()
	switch {
	case err != nil:
		return "", err
	case v.State != "ENABLED":
		return "", errNoValue
	}
	return v.Name, nil
}

// secretPath is the full name of a secret, which the manifest may write out for one of another project.
func (p *place) secretPath(secret string) string {
	if strings.HasPrefix(secret, "projects/") {
		return secret
	}
	return "projects/" + p.target.Project + "/secrets/" + secret
}

func (p *place) unpinned(fn, secret string, err error) error {
	const op = "find the secrets of"
	if !isNotFound(err) && !errors.Is(err, errNoValue) {
		return p.classify(op, fn, fmt.Errorf("%s: %w", secret, err))
	}
	return &providers.Error{
		Kind: providers.NotFound, Op: op, Provider: name, Function: fn, Err: providers.Reword(err, fmt.Sprintf("the secret %s has no value", secret)),
		Hint: "run `ferry secrets set " + secret + " --target " + p.targetName + " --stage " + p.stage + "`",
	}
}

// secretOf is the secret of a reference, without its version.
func secretOf(reference string) string {
	secret, _, _ := strings.Cut(reference, "/versions/")
	return secret
}

// secretSize is how long the value of a secret may be, in bytes.
const secretSize = 65536

// SetSecret keeps the value as a new version. The next deploy brings it to what runs: a revision gets the versions
// that were newest when it was made.
func (a *Adapter) SetSecret(ctx context.Context, secret string, value []byte) error {
	const op = "set secret"
	if err := keepable(secret, value); err != nil {
		return err
	}
	c, err := a.connect(ctx)
	if err != nil {
		return err
	}
	err = c.ensureSecret(ctx, secret, tagged().Of(a.owner("")))
	if err == nil {
		err = c.addVersion(ctx, secret, value)
	}
	return a.classify(op, "", err)
}

// keepable refuses what cannot be a secret's name, or the value of an environment variable.
func keepable(secret string, value []byte) error {
	if !regexp.MustCompile(`^[\w-]{1,255}$`).MatchString(secret) {
		return &providers.Error{
			Kind: providers.Invalid, Op: "set secret", Provider: name, Hint: "use letters, digits, _ and -",
			Err: fmt.Errorf("%q is not a valid name for a secret", secret),
		}
	}
	return vault.Keepable(name, secret, value, secretSize)
}

// ensureSecret makes a secret with these labels, or finds the one that has them.
func (c *connection) ensureSecret(ctx context.Context, secret string, labels map[string]string) error {
	_, err := c.describeSecret(ctx, secret, labels)
	if !isNotFound(err) {
		return err
	}
	_, err = c.secrets.Projects.Secrets.Create("projects/"+c.target.Project, &secrets.Secret{
		Labels: labels, Replication: &secrets.Replication{Automatic: &secrets.Automatic{}},
	}).SecretId(secret).Context(ctx).Do()
	if isAlreadyExists(err) { // the reply was lost, or somebody else was faster
		_, err = c.describeSecret(ctx, secret, labels)
	}
	return err
}

func (c *connection) addVersion(ctx context.Context, secret string, value []byte) error {
	_, err := c.secrets.Projects.Secrets.AddVersion(c.secretPath(secret), &secrets.AddSecretVersionRequest{
		Payload: &secrets.SecretPayload{Data: base64.StdEncoding.EncodeToString(value)},
	}).Context(ctx).Do()
	return err
}

// describeSecret looks at a secret, and refuses one that has other labels.
func (c *connection) describeSecret(ctx context.Context, secret string, labels map[string]string) (*secrets.Secret, error) {
	found, err := c.secrets.Projects.Secrets.Get(c.secretPath(secret)).Context(ctx).Do()
	if err != nil {
		return nil, err
	}
	_, function := labels[tagged().Key("function")]
	if _, has := found.Labels[tagged().Key("function")]; has == function && contains(found.Labels, labels) {
		return found, nil
	}
	return nil, &providers.Error{
		Kind: providers.Foreign, Op: "look at the secret", Provider: name,
		Hint: "use a separate name for each service and stage, such as " + secret + "-${stage}, or use gcloud",
		Err:  fmt.Errorf("the secret %s already exists, and ferry did not make it for %s in stage %s", secret, c.service, c.stage),
	}
}

func contains(has, want map[string]string) bool {
	for key, value := range want {
		if has[key] != value {
			return false
		}
	}
	return true
}

// Secrets names those that ferry keeps; others that functions read are not among them.
func (a *Adapter) Secrets(ctx context.Context) ([]string, error) {
	c, err := a.connect(ctx)
	if err != nil {
		return nil, err
	}
	found, err := c.keptSecrets(ctx)
	return found, a.classify("list secrets", "", err)
}

func (c *connection) keptSecrets(ctx context.Context) ([]string, error) {
	var found []string
	err := c.eachSecret(ctx, "labels."+tagged().Key("service")+"="+c.service, func(s *secrets.Secret) {
		if tagged().Owned(s.Labels, c.owner("")) {
			found = append(found, idOf(s.Name))
		}
	})
	slices.Sort(found)
	return found, err
}

// allSecrets are those of the project, by their full names.
func (c *connection) allSecrets(ctx context.Context) ([]string, error) {
	var found []string
	err := c.eachSecret(ctx, "", func(s *secrets.Secret) { found = append(found, c.secretPath(idOf(s.Name))) })
	return found, err
}

// eachSecret looks at the secrets of the project that are so; "" is all.
func (c *connection) eachSecret(ctx context.Context, so string, look func(*secrets.Secret)) error {
	list := c.secrets.Projects.Secrets.List("projects/" + c.target.Project)
	if so != "" {
		list.Filter(so)
	}
	return list.Pages(ctx, func(page *secrets.ListSecretsResponse) error {
		for _, s := range page.Secrets {
			look(s)
		}
		return nil
	})
}

// RemoveSecret deletes the secret with all of its versions, for good.
func (a *Adapter) RemoveSecret(ctx context.Context, secret string) error {
	c, err := a.connect(ctx)
	if err != nil {
		return err
	}
	return a.classify("remove secret", "", c.removeSecret(ctx, secret, tagged().Of(a.owner(""))))
}

// removeSecret deletes a secret that has these labels. Removing nothing is no error.
func (c *connection) removeSecret(ctx context.Context, secret string, labels map[string]string) error {
	found, err := c.describeSecret(ctx, secret, labels)
	if err == nil {
		_, err = c.secrets.Projects.Secrets.Delete(found.Name).Context(ctx).Do()
	}
	if isNotFound(err) {
		return nil
	}
	return err
}

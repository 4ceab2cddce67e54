package gcp

import (
	"context"
	"crypto/rand"
	"encoding/base64"

	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/providers/names"
)

// A function that everybody may call takes an event only with a token for an audience that nobody else knows: a secret of its own,
// which stays the same in all of its revisions.

// audienceSecret is the name of that secret.
func (p *place) audienceSecret(fn string) string {
	return names.Rule{Most: 255}.Of(p.prefix() + fn + "-events")
}

// audienceVersion is the one version of that secret.
const audienceVersion = "1"

// ensureAudience makes the secret of a function that is guarded, and lets the account that the function runs as read it. It says whether that is new.
func (c *connection) ensureAudience(ctx context.Context, fn function) (granted bool, err error) {
	if !packager.Guarded(fn.Function) {
		return false, nil
	}
	id := c.audienceSecret(fn.Name)
	if err := c.ensureSecret(ctx, id, tagged().Of(c.owner(fn.Name))); err != nil {
		return false, err
	}
	_, err = c.secrets.Projects.Secrets.Versions.Get(c.secretPath(id) + "/versions/" + audienceVersion).Context(ctx).Do()
	if isNotFound(err) {
		err = c.addVersion(ctx, id, []byte(rand.Text()+rand.Text()))
	}
	if err != nil {
		return false, err
	}
	return c.grant(ctx, c.secretPolicy(ctx, c.secretPath(id)), readsSecret, "serviceAccount:"+c.account(fn))
}

// removeAudience takes the secret away.
func (c *connection) removeAudience(ctx context.Context, fn string) error {
	return unlessOff(c.removeSecret(ctx, c.audienceSecret(fn), tagged().Of(c.owner(fn))))
}

// audienceOf is whom the tokens are for with which Google calls the function: of one that is not public Cloud Run asks for the
// function's address.
func (b *binder) audienceOf(ctx context.Context) (string, error) {
	if b.audience != "" {
		return b.audience, nil
	}
	b.audience = b.uri
	if !packager.Guarded(b.fn.Function) {
		return b.audience, nil
	}
	found, err := b.secrets.Projects.Secrets.Versions.Access(b.secretPath(b.audienceSecret(b.fn.Name)) + "/versions/" + audienceVersion).Context(ctx).Do()
	if err != nil {
		return "", err
	}
	value, err := base64.StdEncoding.DecodeString(found.Payload.Data)
	b.audience = string(value)
	return b.audience, err
}

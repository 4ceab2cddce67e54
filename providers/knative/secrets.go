package knative

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/names"
	"github.com/ferryfn/ferry/providers/vault"
)

// A secret is a row of immutable Secrets, one for each value that it had; a reference is the name of one.
const (
	labelSecret  = ours + "secret" // the name, as a label takes it
	noteSecret   = ours + "name"   // the name as it is
	noteVersion  = ours + "version"
	labelRetired = ours + "retired" // what runs may still need it, and nothing new gets it
)

func labelValue(secret string) string { return names.Rule{Most: 30, Spell: names.Lower}.Of(secret) }

// Pin finds the versions that the function's secrets have now.
func (a *Adapter) Pin(ctx context.Context, fn manifest.Function) (map[string]string, error) {
	if len(fn.Secrets) == 0 {
		return nil, nil
	}
	const op = "find the secrets of"
	return vault.Pinned(ctx, fn, func(ctx context.Context, one string) (string, error) {
		all, err := with(ctx, a, op, fn.Name, func(c *connection) ([]secret, error) { return c.versions(ctx, one) })
		if err != nil {
			return "", err
		}
		if latest := current(all); latest != nil {
			return latest.Name, nil
		}
		return "", fail(providers.NotFound, op, fn.Name, "run `ferry secrets set "+one+" --target "+a.targetName+" --stage "+a.stage+"`", "the secret %s has no value", one)
	})
}

// versions are those of a secret, oldest first; "" is all secrets.
func (c *connection) versions(ctx context.Context, of string) ([]secret, error) {
	labels := c.labels("")
	if of != "" {
		labels[labelSecret] = labelValue(of)
	}
	all, err := list[secret](ctx, c, secretObjects, labels)
	all = slices.DeleteFunc(all, func(s secret) bool { return s.Labels[labelSecret] == "" || !c.owns(&s.meta, "") })
	slices.SortFunc(all, func(a, b secret) int { return versionOf(a) - versionOf(b) })
	return all, err
}

func versionOf(s secret) int {
	n, _ := strconv.Atoi(s.Annotations[noteVersion]) // 0 of what somebody changed
	return n
}

// current is the newest version; nil is that the secret has no value.
func current(all []secret) *secret {
	if len(all) == 0 || all[len(all)-1].Labels[labelRetired] != "" {
		return nil
	}
	return &all[len(all)-1]
}

// SetSecret keeps the value as a new version. The next deploy brings it to what runs.
func (a *Adapter) SetSecret(ctx context.Context, one string, value []byte) error {
	const op = "set secret"
	if one == "" {
		return fail(providers.Invalid, op, "", "", "a secret needs a name")
	}
	if err := vault.Keepable(name, one, value, maxSecret); err != nil {
		return err
	}
	return a.done(ctx, op, "", func(c *connection) (err error) {
		for taken := true; err == nil && taken; {
			taken, err = c.addVersion(ctx, one, value)
		}
		return err
	})
}

// addVersion makes the version after the newest, and reports whether somebody else did so before.
func (c *connection) addVersion(ctx context.Context, one string, value []byte) (taken bool, err error) {
	all, err := c.versions(ctx, one)
	if err != nil {
		return false, err
	}
	version := 1
	if len(all) > 0 {
		version = versionOf(all[len(all)-1]) + 1
	}
	id := fmt.Sprintf("%s-%s-v%d", names.Rule{Most: 80}.Of(c.service+"-"+c.stage), labelValue(one), version)
	made := &secret{object: of(secretObjects, id, c.labels("")), Immutable: true, Data: map[string][]byte{keyValue: value}}
	made.Annotations = map[string]string{noteSecret: one, noteVersion: strconv.Itoa(version), noteWrite: nonce()}
	made.Labels[labelSecret] = labelValue(one)
	if _, err = create(ctx, c, secretObjects, made); !isTaken(err) {
		return false, err
	}
	there, err := find[secret](ctx, c, secretObjects, made.Name)
	if err == nil && there != nil && !c.owns(&there.meta, "") {
		err = fail(providers.Foreign, "set secret", "", "choose another name", "the Secret %s is not ferry's", made.Name)
	}
	return there == nil || there.Annotations[noteWrite] != made.Annotations[noteWrite], err
}

// Secrets names those that have a value.
func (a *Adapter) Secrets(ctx context.Context) ([]string, error) {
	all, err := with(ctx, a, "list secrets", "", func(c *connection) ([]secret, error) { return c.versions(ctx, "") })
	newest := map[string]bool{}
	for _, one := range all {
		newest[one.Annotations[noteSecret]] = one.Labels[labelRetired] == ""
	}
	maps.DeleteFunc(newest, func(_ string, valued bool) bool { return !valued })
	return slices.Sorted(maps.Keys(newest)), err
}

// RemoveSecret deletes the versions that no revision refers to, and retires the others: an instance of what runs already may
// start at any time, and needs them.
func (a *Adapter) RemoveSecret(ctx context.Context, one string) error {
	return a.done(ctx, "remove secret", "", func(c *connection) error { return c.forget(ctx, one) })
}

func (c *connection) forget(ctx context.Context, one string) error {
	all, err := c.versions(ctx, one)
	if err != nil || len(all) == 0 {
		return err
	}
	made, err := list[revision](ctx, c, revisions, c.labels(""))
	if err != nil {
		return err
	}
	used := map[string]bool{}
	for _, r := range made {
		for _, k := range r.Spec.Containers {
			for _, v := range k.Env {
				if v.From != nil && v.From.Secret != nil {
					used[v.From.Secret.Name] = true
				}
			}
		}
	}
	for _, version := range slices.Backward(all) { // the newest first: it says whether the secret has a value
		if used[version.Name] {
			_, err = change[secret](ctx, c, secretObjects, version.Name, func(*secret) (*merge, error) {
				return &merge{labels: map[string]any{labelRetired: "true"}}, nil
			})
		} else {
			err = c.erase(ctx, secretObjects, unversioned(version.meta), "")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

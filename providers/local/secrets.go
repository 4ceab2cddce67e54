package local

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/providers/local/platform"
)

// SetSecret keeps the value in a file, and has the instances that run with an earlier one replaced.
func (a *Adapter) SetSecret(ctx context.Context, name string, value []byte) error {
	err := ctx.Err()
	if err == nil {
		err = a.home.SetSecret(a.scope, name, value)
	}
	if err == nil && a.home.Running() {
		err = a.client.Renew(ctx, platform.SecretRequest{Scope: a.scope, Secret: name})
		if platform.CodeOf(err) == platform.CodeNotRunning { // it was stopping, and its instances with it
			err = nil
		}
	}
	return a.classify("set secret", "", err)
}

// Secrets names those that have a value.
func (a *Adapter) Secrets(ctx context.Context) ([]string, error) {
	found, err := a.home.Secrets(a.scope)
	return found, a.classify("list secrets", "", errors.Join(err, ctx.Err()))
}

// RemoveSecret deletes the file.
func (a *Adapter) RemoveSecret(ctx context.Context, name string) error {
	err := ctx.Err()
	if err == nil {
		err = a.home.RemoveSecret(a.scope, name)
	}
	return a.classify("remove secret", "", err)
}

// secretsExist refuses functions whose instances could not start: set are the secrets that have a value.
func secretsExist(fn string, needed map[string]string, set []string) error {
	missing := slices.Sorted(maps.Values(needed))
	missing = slices.DeleteFunc(slices.Compact(missing), func(name string) bool { return slices.Contains(set, name) })
	if len(missing) == 0 {
		return nil
	}
	what := "the secret " + missing[0] + " has no value"
	if len(missing) > 1 {
		what = "the secrets " + strings.Join(missing, ", ") + " have no value"
	}
	return &platform.Error{Code: platform.CodeSecret, Function: fn, Name: missing[0], Message: what}
}

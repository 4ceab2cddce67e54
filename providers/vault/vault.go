// Package vault has what adapters share about secrets: which are looked up, and which values one may have.
package vault

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"

	"golang.org/x/sync/errgroup"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
)

// atOnce is how many secrets are looked up side by side.
const atOnce = 8

// Pinned is, for each variable of a function that has a secret, the reference to the version that the secret has now. A secret
// is looked up once, however many variables have it. The error is of all that could not be found.
func Pinned(ctx context.Context, fn manifest.Function, current func(ctx context.Context, secret string) (reference string, err error)) (map[string]string, error) {
	secrets := slices.Compact(slices.Sorted(maps.Values(fn.Secrets)))
	references, failed := make([]string, len(secrets)), make([]error, len(secrets))
	var g errgroup.Group
	g.SetLimit(atOnce)
	for i, secret := range secrets {
		g.Go(func() error {
			references[i], failed[i] = current(ctx, secret)
			return nil
		})
	}
	_ = g.Wait() // all that failed is told
	if err := errors.Join(failed...); err != nil {
		return nil, err
	}
	pinned := map[string]string{}
	for variable, secret := range fn.Secrets {
		at, _ := slices.BinarySearch(secrets, secret)
		pinned[variable] = references[at]
	}
	return pinned, nil
}

// Keepable refuses a value that an environment variable cannot have, or that is longer than so many bytes.
func Keepable(provider, secret string, value []byte, most int) error {
	e := &providers.Error{Kind: providers.Invalid, Op: "set secret", Provider: provider}
	switch {
	case len(value) == 0:
		e.Err = fmt.Errorf("the value of the secret %s is empty", secret)
	case len(value) > most:
		e.Err = fmt.Errorf("the value of the secret %s is longer than %d bytes", secret, most)
		e.Hint = "keep it as a file in a bucket, and its name in the secret"
	case !utf8.Valid(value) || slices.Contains(value, 0):
		e.Err = fmt.Errorf("the value of the secret %s holds bytes that an environment variable cannot", secret)
		e.Hint = "encode it, for instance with base64"
	default:
		return nil
	}
	return e
}

package release

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/ferryfn/ferry/providers"
)

// vanish purges the ledger, and takes the store away when that was all it held.
func (a *attempt) vanish(ctx context.Context) error {
	err := a.purge(ctx)
	if err != nil {
		err = errors.Join(err, a.close(ctx, 0))
	} else if err = a.ledger.dispose(ctx); err == nil {
		return nil
	}
	return &Error{
		Outcome: OutcomePartial, Kind: KindRemove,
		Err: fmt.Errorf("the service is removed, but not all of its releases were deleted (run `ferry remove --purge` again to finish): %w", err),
	}
}

// purge deletes the service's ledger and the packages that no other ledger in the store names. The lock's own object
// goes last: until then nobody else begins, and who comes after an interruption finds that there is something to finish.
func (a *attempt) purge(ctx context.Context) error {
	if err := a.forget(ctx); err != nil {
		return err
	}
	keys, err := a.ledger.purgeable(ctx)
	if err != nil {
		return err
	}
	// Without live.json no record counts: what is left of them misleads nobody. It goes as it was read, and not as somebody
	// wrote it who overtook this.
	if a.scene.headTag != "" {
		if err := a.lock.erase(ctx, a.ledger.prefix+headName, providers.IfTag(a.scene.headTag)); err != nil {
			return err
		}
		a.scene.headTag = ""
	}
	err = each(ctx, keys, callLimit, func(ctx context.Context, key string) error {
		return a.lock.erase(ctx, key, providers.Condition{})
	})
	if err != nil {
		return err
	}
	return a.lock.dissolve(ctx)
}

// forget has the place forget what it keeps of the service beside functions and store.
func (e *Engine) forget(ctx context.Context) error {
	if p, ok := providers.As[providers.Purger](e.Adapter); ok {
		return p.Purge(ctx)
	}
	return nil
}

// purgeable are the keys that a purge deletes, but for the lock's.
func (l *ledger) purgeable(ctx context.Context) ([]string, error) {
	keys, err := l.store.List(ctx, "")
	if err != nil {
		return nil, err
	}
	used := map[string]bool{}
	var own []string
	for _, key := range keys {
		switch {
		case key == l.prefix+lockName, key == l.prefix+headName:
		case strings.HasPrefix(key, l.prefix):
			own = append(own, key)
		case strings.Contains(key, "/releases/"):
			if err := l.packagesOf(ctx, key, used); err != nil {
				return nil, err
			}
		}
	}
	for _, key := range keys {
		if strings.HasPrefix(key, providers.SharedPackages) && !used[key] {
			own = append(own, key)
		}
	}
	return own, nil
}

// dispose takes away a store in which nothing is left, where that is something that can be taken away.
func (l *ledger) dispose(ctx context.Context) error {
	if d, ok := providers.As[providers.Disposer](l.store); ok {
		return d.Dispose(ctx)
	}
	return nil
}

// packagesOf adds the packages that a record names.
func (l *ledger) packagesOf(ctx context.Context, key string, used map[string]bool) error {
	o, err := l.store.Get(ctx, key)
	if err != nil {
		return err
	}
	data, err := io.ReadAll(o.Body)
	if err := errors.Join(err, o.Body.Close()); err != nil {
		return err
	}
	var r Record
	if err := json.Unmarshal(data, &r); err != nil {
		return err
	}
	for _, f := range r.Functions {
		used[providers.SharedPackageKey(f.Artifact.ZipDigest)] = true
	}
	return nil
}

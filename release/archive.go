package release

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/providers"
)

func (l *ledger) packageKey(a packager.Description) string {
	return providers.PackageKey(l.prefix, a.ZipDigest)
}

// openPackage opens a stored package, also one that an earlier version of ferry stored for all ledgers.
func (l *ledger) openPackage(ctx context.Context, a packager.Description) (providers.Object, error) {
	o, err := l.store.Get(ctx, l.packageKey(a))
	if errors.Is(err, providers.NotFound) {
		return l.store.Get(ctx, providers.SharedPackageKey(a.ZipDigest))
	}
	return o, err
}

// gone are the functions of records whose packages the store does not have, sorted, by the record's number.
func (l *ledger) gone(ctx context.Context, records ...*Record) (map[int][]string, error) {
	keys, err := l.store.List(ctx, l.prefix+providers.Packages)
	if err != nil {
		return nil, err
	}
	own := setOf(keys)
	missing := map[int][]string{}
	for _, r := range records {
		for _, name := range slices.Sorted(maps.Keys(r.Functions)) {
			if !own[l.packageKey(r.Functions[name].Artifact)] {
				missing[r.Number] = append(missing[r.Number], name)
			}
		}
	}
	if len(missing) == 0 {
		return nil, nil
	}
	if keys, err = l.store.List(ctx, providers.SharedPackages); err != nil {
		return nil, err
	}
	shared := setOf(keys)
	for _, r := range records {
		missing[r.Number] = slices.DeleteFunc(missing[r.Number], func(name string) bool {
			return shared[providers.SharedPackageKey(r.Functions[name].Artifact.ZipDigest)]
		})
	}
	return missing, nil
}

func setOf(keys []string) map[string]bool {
	set := map[string]bool{}
	for _, key := range keys {
		set[key] = true
	}
	return set
}

// checkRestorable fails when something of a release is nowhere any more: neither the package nor the revision.
func (e *Engine) checkRestorable(ctx context.Context, l *ledger, r *Record) error {
	gone, err := l.gone(ctx, r)
	if err != nil {
		return err
	}
	var lost []string
	for _, name := range gone[r.Number] {
		kept, err := e.kept(ctx, name, r.Functions[name].Revision)
		if err != nil {
			return err
		}
		if !kept {
			lost = append(lost, name)
		}
	}
	if len(lost) == 0 {
		return nil
	}
	hint := "run `ferry releases` to see which ones can be restored"
	if r.Commit != "" {
		hint += ", or deploy the sources of commit " + r.Commit + " again"
	}
	return notFound("roll back", "", fmt.Errorf("release %d is not restorable: the package of %s is gone (`releases.archive` in the manifest says how many releases keep theirs)",
		r.Number, strings.Join(lost, ", ")), hint)
}

// newest are the newest releases that went live, that many at most.
func (h head) newest(count int) []int {
	var numbers []int
	live := h.releases()
	for _, c := range live[max(0, len(live)-count):] {
		numbers = append(numbers, c.Number)
	}
	return numbers
}

// lasting are the releases whose packages stay in the store.
func (a *attempt) lasting() []int {
	h := a.scene.head
	numbers := h.newest(max(a.record.Archive, a.record.Keep))
	numbers = append(numbers, h.Good...)
	numbers = append(numbers, h.Number, h.Source, a.lock.taken.Unfinished)
	for _, held := range h.Holds {
		numbers = append(numbers, held.Release)
	}
	if last := a.scene.last; last != nil {
		numbers = append(numbers, last.Number)
	}
	slices.Sort(numbers)
	return slices.DeleteFunc(slices.Compact(numbers), func(n int) bool { return n == 0 })
}

// expire deletes the packages of releases that are too old to stay restorable. Their records stay.
func (a *attempt) expire(ctx context.Context) error {
	// Every release and attempt stores at most one package of a function.
	if a.record.Archive == 0 || a.record.Number <= max(a.record.Archive, a.record.Keep) {
		return nil
	}
	keys, err := a.ledger.store.List(ctx, a.ledger.prefix+providers.Packages)
	if err != nil || len(keys) == 0 {
		return err
	}
	records, err := a.ledger.records(ctx, a.lasting())
	if err != nil {
		return err
	}
	needed := map[string]bool{}
	for _, r := range records {
		for _, f := range r.Functions {
			needed[a.ledger.packageKey(f.Artifact)] = true
		}
	}
	keys = slices.DeleteFunc(keys, func(key string) bool { return needed[key] })
	return each(ctx, keys, callLimit, func(ctx context.Context, key string) error {
		return a.lock.erase(ctx, key, providers.Condition{})
	})
}

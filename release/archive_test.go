package release_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/memory"
	"github.com/ferryfn/ferry/release"
	"github.com/ferryfn/ferry/release/faults"
)

// single is a service of one function, whose every deploy makes one package.
func single(t *testing.T, keep, archive int) *service {
	s := newService(t)
	s.keep, s.archive = keep, archive
	s.adjust = func(fn *manifest.Function) { fn.Health = nil }
	return s
}

func (s *service) deployEach(codes ...string) {
	s.Helper()
	for _, code := range codes {
		s.write(map[string]string{"api": code}).deploy()
	}
}

// below are the keys of the store that begin with a prefix.
func (s *service) below(prefix string) []string {
	s.Helper()
	keys, err := s.store().List(s.Context(), prefix)
	if err != nil {
		s.Fatal(err)
	}
	return keys
}

// packages are the keys of the packages that releases of the ledger have, sorted, each once.
func (s *service) packagesOf(numbers ...int) []string {
	s.Helper()
	l, err := faults.ReadLedger(s.Context(), s.store(), "shop/dev/here/")
	if err != nil {
		s.Fatal(err)
	}
	var keys []string
	for _, n := range numbers {
		for _, f := range l.Records[n].Functions {
			keys = append(keys, providers.PackageKey("shop/dev/here/", f.Artifact.ZipDigest))
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// restorable are the releases that say so, oldest first.
func (s *service) restorable() []int {
	s.Helper()
	list, err := s.engine().Releases(s.Context(), 0)
	if err != nil {
		s.Fatal(err)
	}
	var numbers []int
	for _, r := range slices.Backward(list.Releases) {
		if r.Restorable {
			numbers = append(numbers, r.Number)
		}
	}
	return numbers
}

func (s *service) same(what string, got, want any) {
	s.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		s.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestPackagesBelowTheLedgersOwnPrefixStayForTheNewestReleasesOnly(t *testing.T) {
	s := single(t, 1, 3)
	s.deployEach("1", "2", "3", "4", "5", "6")
	s.same("what is stored", s.below("shop/dev/here/packages/"), s.packagesOf(4, 5, 6))
	s.same("what lies elsewhere", len(s.below("artifacts/")), 0)
	s.same("restorable", s.restorable(), []int{4, 5, 6})

	_, err := s.engine().Rollback(t.Context(), release.RollbackOptions{To: 2})
	if !errors.Is(err, providers.NotFound) || !strings.Contains(err.Error(), "release 2 is not restorable: the package of api is gone") {
		t.Errorf("got %v", err)
	}
	if got := len(s.states()); got != 6 {
		t.Errorf("a refused rollback left a record: %v", s.states())
	}
	s.rollback(4)
	s.serves(map[string]string{"api": "4"})
}

func TestThePackagesOfWhatServesAgainAndOfWhatIsHeldStay(t *testing.T) {
	s := single(t, 1, 2)
	s.deployEach("1", "2")
	s.rollback(1)
	s.deployEach("3")
	s.same("what is stored", s.below("shop/dev/here/packages/"), s.packagesOf(2, 3, 4))
	s.same("restorable", s.restorable(), []int{1, 2, 3, 4})
	if _, err := s.engine().Allow(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	s.deployEach("4", "5")
	s.same("restorable when it is no longer held", s.restorable(), []int{5, 6})
}

func TestNoFewerPackagesAreKeptThanRevisions(t *testing.T) {
	s := single(t, 4, 1)
	s.deployEach("1", "2", "3", "4", "5", "6")
	s.same("restorable", s.restorable(), []int{3, 4, 5, 6})
}

func TestADayOfDeploysDoesNotGrowTheStore(t *testing.T) {
	s := single(t, 5, 20)
	for n := range 100 {
		s.all(fmt.Sprint(n)).deploy()
		if got := len(s.below("shop/dev/here/packages/")); got > 21 {
			t.Fatalf("after %d deploys of one package each %d are stored", n+1, got)
		}
	}
	if got := len(s.restorable()); got != 20 {
		t.Errorf("%d releases are restorable, want 20", got)
	}
}

func TestAPackageUnderTheSharedKeyIsReadAndOnlyPurged(t *testing.T) {
	s := single(t, 1, 2)
	s.deployEach("1")
	key := s.packagesOf(1)[0]
	o, err := s.store().Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	shared := strings.Replace(key, "shop/dev/here/packages/", "artifacts/", 1)
	var data strings.Builder
	_, err = io.Copy(&data, o.Body)
	if err := errors.Join(err, o.Body.Close(), s.store().Delete(t.Context(), key, providers.Condition{}),
		second(s.store().Put(t.Context(), shared, strings.NewReader(data.String()), providers.IfAbsent()))); err != nil {
		t.Fatal(err)
	}
	s.deployEach("2", "3", "4", "5")
	s.same("restorable", s.restorable(), []int{1, 4, 5})
	s.rollback(1)
	s.serves(map[string]string{"api": "1"})
	s.same("what lies elsewhere", s.below("artifacts/"), []string{shared})
	if _, err := s.engine().Remove(t.Context(), release.RemoveOptions{Purge: true}); err != nil {
		t.Fatal(err)
	}
	s.same("what is left", len(s.below("")), 0)
}

func TestWhoeverLostTheLockDeletesNoPackage(t *testing.T) {
	s := single(t, 1, 1)
	s.deployEach("1")
	s.ttl = 300 * time.Millisecond
	o := &overtaken{noticed: make(chan struct{})}
	s.adapter = func(a *memory.Adapter) providers.Adapter { o.Adapter = a; return o }
	s.write(map[string]string{"api": "2"})
	if _, err := s.engine().Deploy(t.Context(), release.DeployOptions{}); err == nil {
		t.Error("it did not notice")
	}
	s.same("what is stored", len(s.below("shop/dev/here/packages/")), 2)
}

// overtaken loses the lock when it looks which packages there are, and notices before it knows.
type overtaken struct {
	*memory.Adapter
	noticed chan struct{}
	once    sync.Once
}

func (o *overtaken) Store(ctx context.Context) (providers.Store, error) {
	store, err := o.Adapter.Store(ctx)
	return &overtakenStore{store, o}, err
}

type overtakenStore struct {
	providers.Store
	*overtaken
}

const lockKey = "shop/dev/here/lock.json"

func (s *overtakenStore) List(ctx context.Context, prefix string) ([]string, error) {
	o, err := s.Get(ctx, lockKey)
	if err != nil {
		return nil, err
	}
	var lock map[string]any
	if err := errors.Join(json.NewDecoder(o.Body).Decode(&lock), o.Body.Close()); err != nil {
		return nil, err
	}
	lock["epoch"] = lock["epoch"].(float64) + 1
	data, err := json.Marshal(lock)
	if err != nil {
		return nil, err
	}
	if _, err := s.Store.Put(ctx, lockKey, bytes.NewReader(data), providers.IfTag(o.Tag)); err != nil {
		return nil, err
	}
	select {
	case <-s.noticed:
	case <-time.After(time.Minute):
		return nil, errors.New("the holder does not renew its lock")
	}
	return s.Store.List(ctx, prefix)
}

func (s *overtakenStore) Put(ctx context.Context, key string, body io.ReadSeeker, c providers.Condition) (providers.Tag, error) {
	tag, err := s.Store.Put(ctx, key, body, c)
	if key == lockKey && errors.Is(err, providers.Conflict) {
		s.once.Do(func() { close(s.noticed) })
	}
	return tag, err
}

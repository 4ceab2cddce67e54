package release_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/memory"
	"github.com/ferryfn/ferry/release"
	"github.com/ferryfn/ferry/release/faults"
)

// far is an adapter whose store is far away: a write of the lock takes its time, and has its effect also when its
// caller went away meanwhile. live.json is written just when the next write of the lock is on its way.
type far struct {
	providers.Adapter
	began chan struct{}
}

func (f far) Store(ctx context.Context) (providers.Store, error) {
	s, err := f.Adapter.Store(ctx)
	return farStore{s, f.began}, err
}

type farStore struct {
	providers.Store
	began chan struct{}
}

func (s farStore) Put(ctx context.Context, key string, body io.ReadSeeker, c providers.Condition) (providers.Tag, error) {
	switch {
	case strings.HasSuffix(key, "/lock.json"):
		select {
		case s.began <- struct{}{}:
		default: // nobody waits for it
		}
		<-time.After(50 * time.Millisecond)
		tag, err := s.Store.Put(context.WithoutCancel(ctx), key, body, c)
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		return tag, err
	case strings.HasSuffix(key, "/live.json"):
		<-s.began
	}
	return s.Store.Put(ctx, key, body, c)
}

func TestALockThatIsBeingRenewedWhenTheWorkEndsIsFreed(t *testing.T) {
	s := newService(t)
	s.ttl = 300 * time.Millisecond // so that it is renewed after 100
	s.adapter = func(a *memory.Adapter) providers.Adapter { return far{a, make(chan struct{})} }
	for _, code := range []string{"one", "two"} {
		s.all(code).deploy()
		store, err := memory.New(s.world).Store(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		l, err := faults.ReadLedger(t.Context(), store, "shop/dev/here/")
		if err != nil {
			t.Fatal(err)
		}
		if l.Lock.Holder != nil {
			t.Errorf("after %s the lock is left: %+v", code, l.Lock)
		}
	}
}

// mute is an adapter whose store never answers a renewal of the lock, which it does, and takes longer to delete than a renewal is away.
type mute struct{ providers.Adapter }

func (m mute) Store(ctx context.Context) (providers.Store, error) {
	s, err := m.Adapter.Store(ctx)
	return &muteStore{Store: s}, err
}

type muteStore struct {
	providers.Store
	writes atomic.Int64 // of the lock
}

func (s *muteStore) Put(ctx context.Context, key string, body io.ReadSeeker, c providers.Condition) (providers.Tag, error) {
	tag, err := s.Store.Put(ctx, key, body, c)
	if err != nil || !strings.HasSuffix(key, "/lock.json") || s.writes.Add(1) == 1 {
		return tag, err
	}
	<-ctx.Done()
	return "", ctx.Err()
}

func (s *muteStore) Delete(ctx context.Context, key string, c providers.Condition) error {
	if !strings.HasSuffix(key, "/lock.json") {
		<-time.After(200 * time.Millisecond)
	}
	return s.Store.Delete(ctx, key, c)
}

func TestAPurgeEndsAlthoughARenewalOfTheLockGotNoReply(t *testing.T) {
	s := newService(t)
	s.all("one").deploy()
	s.ttl = 300 * time.Millisecond // so that it is renewed after 100
	s.adapter = func(a *memory.Adapter) providers.Adapter { return mute{a} }
	if r, err := s.engine().Remove(t.Context(), release.RemoveOptions{Purge: true}); err != nil || !r.Purged {
		t.Errorf("it ends with %v", err)
	}
}

func TestWhoDiesWithoutAReleaseOfItsOwnLeavesNoneUnfinished(t *testing.T) {
	s := takenBack(t)
	s.ttl = 20 * time.Millisecond
	s.dies("store put shop/dev/here/live.json")
	if _, err := s.engine().Allow(t.Context(), 2); !errors.Is(err, faults.Dead) {
		t.Fatal(err)
	}
	s.lives()
	if _, err := s.engine().Allow(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	if st, err := s.engine().Status(t.Context()); err != nil || st.Unfinished != 0 || st.Release != 3 {
		t.Errorf("got %+v, %v", st, err)
	}
}

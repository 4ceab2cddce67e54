package release_test

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/memory"
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

package release_test

import (
	"context"
	"errors"
	"testing"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/memory"
	"github.com/ferryfn/ferry/release"
)

// disposable is a world whose store can be taken away.
type disposable struct {
	*memory.Adapter
	disposed int   // how often
	left     int   // how many keys were left in it then
	failure  error // of disposing
}

func (d *disposable) Store(ctx context.Context) (providers.Store, error) {
	s, err := d.Adapter.Store(ctx)
	return &disposableStore{s, d}, err
}

type disposableStore struct {
	providers.Store
	of *disposable
}

func (s *disposableStore) Dispose(ctx context.Context) error {
	keys, err := s.List(ctx, "")
	s.of.disposed, s.of.left = s.of.disposed+1, len(keys)
	return errors.Join(err, s.of.failure)
}

func TestAPurgeTakesAwayTheStoreLast(t *testing.T) {
	s := newService(t).all("one")
	d := &disposable{}
	s.adapter = func(a *memory.Adapter) providers.Adapter {
		d.Adapter = a
		return d
	}
	s.deploy()
	if _, err := s.engine().Remove(t.Context(), release.RemoveOptions{}); err != nil || d.disposed != 0 {
		t.Fatalf("without a purge the store is disposed of %d times, %v", d.disposed, err)
	}
	d.failure = errors.New("cut off")
	if _, err := s.engine().Remove(t.Context(), release.RemoveOptions{Purge: true}); !errors.Is(err, d.failure) {
		t.Fatalf("that the store is left is no error: %v", err)
	}
	if d.disposed != 1 || d.left != 0 {
		t.Errorf("the store was disposed of %d times, with %d keys left", d.disposed, d.left)
	}
	d.failure = nil
	r, err := s.engine().Remove(t.Context(), release.RemoveOptions{Purge: true})
	if err != nil || !r.Purged || d.disposed != 2 {
		t.Errorf("purging again disposes of the store %d times, %v", d.disposed, err)
	}
}

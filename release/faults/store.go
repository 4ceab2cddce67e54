package faults

import (
	"context"
	"io"

	"github.com/ferryfn/ferry/providers"
)

// store makes every call of a store through a Process.
type store struct {
	inner   providers.Store
	process *Process
}

var (
	_ providers.Store    = (*store)(nil)
	_ providers.Disposer = (*store)(nil)
)

// Store puts the process between its caller and a store.
func (p *Process) Store(inner providers.Store) providers.Store {
	return &store{inner: inner, process: p}
}

// Get is one call; reading the body is part of none.
func (s *store) Get(ctx context.Context, key string) (providers.Object, error) {
	var opened providers.Object
	o, err := run(ctx, s.process, "store get", key, func(ctx context.Context) (_ providers.Object, err error) {
		opened, err = s.inner.Get(ctx, key)
		return opened, err
	})
	if err != nil && opened.Body != nil {
		_ = opened.Body.Close() // the reply was lost
	}
	return o, err
}

// Put is one call.
func (s *store) Put(ctx context.Context, key string, body io.ReadSeeker, c providers.Condition) (providers.Tag, error) {
	return run(ctx, s.process, "store put", key, func(ctx context.Context) (providers.Tag, error) {
		return s.inner.Put(ctx, key, body, c)
	})
}

// Delete is one call.
func (s *store) Delete(ctx context.Context, key string, c providers.Condition) error {
	return try(ctx, s.process, "store delete", key, func(ctx context.Context) error { return s.inner.Delete(ctx, key, c) })
}

// List is one call.
func (s *store) List(ctx context.Context, prefix string) ([]string, error) {
	return run(ctx, s.process, "store list", prefix, func(ctx context.Context) ([]string, error) {
		return s.inner.List(ctx, prefix)
	})
}

// Unwrap is the store that is called; see providers.As.
func (s *store) Unwrap() providers.Store { return s.inner }

// Dispose is one call.
func (s *store) Dispose(ctx context.Context) error {
	return try(ctx, s.process, "store dispose", "", able[providers.Disposer](s.inner).Dispose)
}

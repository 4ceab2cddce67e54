package release

import (
	"context"
	"errors"
	"sync"

	"golang.org/x/sync/errgroup"
)

// each calls do for every item, at most limit at once, waits for all, and joins the errors in the items'
// order: one failure does not hide another.
func each[T any](ctx context.Context, items []T, limit int, do func(context.Context, T) error) error {
	errs := make([]error, len(items))
	var g errgroup.Group
	g.SetLimit(max(limit, 1))
	for i, item := range items {
		g.Go(func() error {
			if errs[i] = ctx.Err(); errs[i] == nil {
				errs[i] = do(ctx, item)
			}
			return nil
		})
	}
	_ = g.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return errors.Join(errs...)
}

// table is a map that several goroutines fill.
type table[V any] struct {
	mu sync.Mutex
	m  map[string]V
}

func (t *table[V]) set(key string, v V) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.m == nil {
		t.m = map[string]V{}
	}
	t.m[key] = v
}

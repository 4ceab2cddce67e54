package azure

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/cas"
)

// storeContainer is the container that releases and packages are in, of all services and stages.
const storeContainer = "ferry"

// store keeps objects in a container of blobs.
type store struct {
	place *place
	box   *box
	// exists reports whether the account is there, and make makes it, with the container; nil is that both are.
	exists  func(context.Context) (bool, error)
	make    func(context.Context) error
	dispose func(context.Context) error
}

var (
	_ providers.Store    = (*store)(nil)
	_ providers.Disposer = (*store)(nil)
)

// Store is the container of the target. The first Put makes it.
func (a *Adapter) Store(ctx context.Context) (providers.Store, error) {
	c, err := a.connect(ctx)
	if err != nil {
		return nil, err
	}
	b, err := c.box(storeContainer)
	if err != nil {
		return nil, a.classify("open the store", "", err)
	}
	return &store{place: &a.place, box: b, exists: c.hasStorage, make: c.makeStorage, dispose: c.disposeStorage}, nil
}

// Get opens an object.
func (s *store) Get(ctx context.Context, key string) (providers.Object, error) {
	const op = "store get"
	if err := rules().Admit(key); err != nil {
		return providers.Object{}, s.failed(op, key, err)
	}
	there, err := s.there(ctx)
	if err != nil {
		return providers.Object{}, s.failed(op, key, err)
	}
	absent := fail(providers.NotFound, op, "", "", "%s does not exist in the container %s", key, s.box.name)
	if !there {
		return providers.Object{}, absent
	}
	out, err := s.box.get(ctx, key)
	if isNotFound(err) {
		return providers.Object{}, absent
	}
	if err != nil {
		return providers.Object{}, s.failed(op, key, err)
	}
	return providers.Object{
		Body: cas.Body(out.Body, func(err error) error { return s.failed(op, key, err) }),
		Size: value(out.ContentLength), Tag: providers.Tag(value(out.ETag)),
	}, nil
}

// Put writes an object, into a container that is made if need be.
func (s *store) Put(ctx context.Context, key string, body io.ReadSeeker, c providers.Condition) (providers.Tag, error) {
	const op = "store put"
	if err := rules().Admit(key); err != nil {
		return "", s.failed(op, key, err)
	}
	there, err := s.there(ctx)
	if err == nil && there {
		err = s.guarded(ctx, c.While)
	}
	if err == nil && !there && c.Tag != "" {
		err = rules().Holds(key, "", c)
	}
	if err == nil && !there {
		err = s.make(ctx)
	}
	if err != nil {
		return "", s.failed(op, key, err)
	}
	k := condition{absent: c.Absent, tag: azcore.ETag(c.Tag)}
	tag, err := s.box.put(ctx, key, body, k)
	if is(err, "ContainerNotFound") && c.Tag == "" && s.make != nil {
		if err = s.make(ctx); err == nil {
			tag, err = s.box.put(ctx, key, body, k)
		}
	}
	return providers.Tag(tag), s.failed(op, key, conflicting(key, c, err))
}

// Delete removes an object.
func (s *store) Delete(ctx context.Context, key string, c providers.Condition) error {
	const op = "store delete"
	if err := rules().Admit(key); err != nil {
		return s.failed(op, key, err)
	}
	there, err := s.there(ctx)
	if err == nil && there {
		err = s.guarded(ctx, c.While)
	}
	if err != nil {
		return s.failed(op, key, err)
	}
	if there {
		err = s.box.delete(ctx, key, condition{tag: azcore.ETag(c.Tag)})
	}
	if c.Tag == "" && isNotFound(err) {
		return nil
	}
	if !there {
		err = rules().Holds(key, "", c)
	}
	return s.failed(op, key, conflicting(key, c, err))
}

// List asks for the keys some thousands at a time.
func (s *store) List(ctx context.Context, prefix string) ([]string, error) {
	there, err := s.there(ctx)
	var keys []string
	if err == nil && there {
		keys, err = s.box.list(ctx, prefix)
	}
	slices.Sort(keys)
	return keys, s.failed("store list", cmp.Or(prefix, s.box.name), err)
}

// Dispose takes the container away if nothing is left in it, and the account if ferry made it and nothing else is left there.
func (s *store) Dispose(ctx context.Context) error {
	keys, err := s.List(ctx, "")
	if err == nil && len(keys) == 0 && s.dispose != nil {
		err = s.dispose(ctx)
	}
	return s.failed("dispose of the store", s.box.name, err)
}

// there reports whether there is an account at all: the name of one that is not has no address.
func (s *store) there(ctx context.Context) (bool, error) {
	if s.exists == nil {
		return true, nil
	}
	return s.exists(ctx)
}

func (s *store) guarded(ctx context.Context, g providers.Guard) error {
	return rules().Guarded(ctx, s, g)
}

func (s *store) failed(op, key string, err error) error {
	var done *providers.Error
	if err == nil || errors.As(err, &done) {
		return err
	}
	return s.place.classify(op, "", fmt.Errorf("%s in the container %s: %w", key, s.box.name, err))
}

func rules() cas.Rules { return cas.Rules{Provider: name} }

// conflicting makes a failed condition of the absence of an object that must have a tag.
func conflicting(key string, c providers.Condition, err error) error {
	switch {
	case err == nil:
		return nil
	case c.Tag != "" && isNotFound(err):
		return rules().Holds(key, "", c)
	case conditionFailed(err) && c.Absent:
		return rules().Conflict(key, "exists")
	case conditionFailed(err):
		return rules().Conflict(key, "was changed")
	}
	return err
}

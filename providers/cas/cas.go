// Package cas has the rules of compare-and-swap that every store keeps, whatever it keeps objects in.
package cas

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/ferryfn/ferry/providers"
)

// Rules are those of a provider's store: the errors bear its name.
type Rules struct{ Provider string }

// Admit refuses what is no key.
func (r Rules) Admit(key string) error {
	if !providers.ValidKey(key) {
		return r.refuse(providers.Invalid, fmt.Errorf("%q is not a key", key))
	}
	return nil
}

// Holds refuses a write whose condition does not hold for its object, which has this tag; "" is an absent one. For a store
// that compares and writes under one lock.
func (r Rules) Holds(key string, has providers.Tag, c providers.Condition) error {
	switch {
	case c.Absent && has != "":
		return r.Conflict(key, "exists")
	case c.Tag != "" && has == "":
		return r.Conflict(key, "is gone")
	case c.Tag != "" && has != c.Tag:
		return r.Conflict(key, "was changed")
	}
	return nil
}

// Guarded refuses a write that relies on an object which is not as it was read. For a store that compares no other object
// with a write: it compares just before, and a change may come in between.
func (r Rules) Guarded(ctx context.Context, s providers.Store, g providers.Guard) error {
	if g.Key == "" {
		return nil
	}
	tag, err := TagOf(ctx, s, g.Key)
	if err != nil {
		return err
	}
	return r.Holds(g.Key, tag, providers.IfTag(g.Tag))
}

// Conflict is a condition that does not hold.
func (r Rules) Conflict(key, why string) error {
	return r.refuse(providers.Conflict, fmt.Errorf("%s %s", key, why))
}

func (r Rules) refuse(k providers.Kind, err error) error {
	return &providers.Error{Kind: k, Op: "store", Provider: r.Provider, Err: err}
}

// Ended is the outcome of a write that was sent and whose reply is an error: when the object is as the write makes it, it
// was done and its reply was lost. want is the tag that the bytes give; "" is that the object is gone.
func Ended(ctx context.Context, s providers.Store, key string, want providers.Tag, reply error) error {
	if reply == nil {
		return nil
	}
	if has, err := TagOf(ctx, s, key); err != nil || has != want {
		return reply
	}
	return nil
}

// TagOf is the tag of an object, "" of one that does not exist.
func TagOf(ctx context.Context, s providers.Store, key string) (providers.Tag, error) {
	o, err := s.Get(ctx, key)
	if errors.Is(err, providers.NotFound) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return o.Tag, o.Body.Close()
}

// Body is an object's content whose failures of reading get their kind from failed.
func Body(content io.ReadCloser, failed func(error) error) io.ReadCloser {
	return &body{content, failed}
}

type body struct {
	io.ReadCloser
	failed func(error) error
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = b.failed(err)
	}
	return n, err
}

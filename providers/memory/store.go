package memory

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/cas"
)

// store keeps objects in the world.
type store struct{ world *World }

var _ providers.Store = (*store)(nil)

func (s *store) Get(ctx context.Context, key string) (providers.Object, error) {
	var o object
	err := s.world.do(ctx, "store get", key, func() error {
		var ok bool
		if o, ok = s.world.objects[key]; !ok {
			return failed(providers.NotFound, "store get", "", fmt.Errorf("%s does not exist", key))
		}
		return nil
	})
	return providers.Object{Body: io.NopCloser(bytes.NewReader(o.data)), Size: int64(len(o.data)), Tag: o.tag}, err
}

func (s *store) Put(ctx context.Context, key string, body io.ReadSeeker, c providers.Condition) (providers.Tag, error) {
	if err := rules().Admit(key); err != nil {
		return "", err
	}
	if _, err := body.Seek(0, io.SeekStart); err != nil {
		return "", failed(providers.Invalid, "store put", "", err)
	}
	data, err := io.ReadAll(body)
	if err != nil {
		return "", failed(providers.Invalid, "store put", "", err)
	}
	sum := sha256.Sum256(data)
	tag := providers.Tag(hex.EncodeToString(sum[:]))
	sent := false
	err = s.world.do(ctx, "store put", key, func() error {
		if err := s.holds(key, c); err != nil {
			return err
		}
		s.world.objects[key] = object{data: data, tag: tag}
		sent = true
		return nil
	})
	if sent {
		err = cas.Ended(ctx, s, key, tag, err)
	}
	if err != nil {
		return "", err
	}
	return tag, nil
}

func (s *store) Delete(ctx context.Context, key string, c providers.Condition) error {
	sent := false
	err := s.world.do(ctx, "store delete", key, func() error {
		if err := s.holds(key, c); err != nil {
			return err
		}
		delete(s.world.objects, key)
		sent = true
		return nil
	})
	if sent {
		err = cas.Ended(ctx, s, key, "", err)
	}
	return err
}

func (s *store) List(ctx context.Context, prefix string) ([]string, error) {
	var keys []string
	err := s.world.do(ctx, "store list", prefix, func() error {
		keys = slices.DeleteFunc(slices.Sorted(maps.Keys(s.world.objects)), func(k string) bool { return !strings.HasPrefix(k, prefix) })
		return nil
	})
	return keys, err
}

// holds checks a condition, and what it relies on. The lock is held.
func (s *store) holds(key string, c providers.Condition) error {
	if g := c.While; g.Key != "" {
		if err := s.holds(g.Key, providers.IfTag(g.Tag)); err != nil {
			return err
		}
	}
	return rules().Holds(key, s.world.objects[key].tag, c)
}

func rules() cas.Rules { return cas.Rules{Provider: "memory"} }

// Store is the world's store.
func (a *Adapter) Store(context.Context) (providers.Store, error) { return &store{a.world}, nil }

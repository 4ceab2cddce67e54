package memory

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/providers"
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
	if !providers.ValidKey(key) {
		return "", failed(providers.Invalid, "store put", "", fmt.Errorf("%q is no key", key))
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
		if err := s.holds("store put", key, c); err != nil {
			return err
		}
		s.world.objects[key] = object{data: data, tag: tag}
		sent = true
		return nil
	})
	if err != nil && sent { // the reply was lost
		if o, reading := s.Get(ctx, key); reading == nil && o.Tag == tag {
			return tag, nil
		}
	}
	if err != nil {
		return "", err
	}
	return tag, nil
}

func (s *store) Delete(ctx context.Context, key string, c providers.Condition) error {
	sent := false
	err := s.world.do(ctx, "store delete", key, func() error {
		if err := s.holds("store delete", key, c); err != nil {
			return err
		}
		delete(s.world.objects, key)
		sent = true
		return nil
	})
	if err != nil && sent { // the reply was lost
		if _, reading := s.Get(ctx, key); errors.Is(reading, providers.NotFound) {
			return nil
		}
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

// holds checks a condition. The lock is held.
func (s *store) holds(op, key string, c providers.Condition) error {
	if g := c.While; g.Key != "" {
		if err := s.holds(op, g.Key, providers.IfTag(g.Tag)); err != nil {
			return err
		}
	}
	o, exists := s.world.objects[key]
	switch {
	case c.Absent && exists:
		return failed(providers.Conflict, op, "", fmt.Errorf("%s exists", key))
	case c.Tag != "" && !exists:
		return failed(providers.Conflict, op, "", fmt.Errorf("%s is gone", key))
	case c.Tag != "" && o.tag != c.Tag:
		return failed(providers.Conflict, op, "", fmt.Errorf("%s was changed", key))
	}
	return nil
}

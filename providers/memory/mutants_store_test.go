package memory_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/providertest"
)

// storeMutant is a store with one defect.
type storeMutant struct {
	name   string
	mutate func(providers.Store) providers.Store
}

// wrongStore does one method wrong.
type wrongStore struct {
	providers.Store
	get    func(context.Context, string) (providers.Object, error)
	put    func(context.Context, string, io.ReadSeeker, providers.Condition) (providers.Tag, error)
	remove func(context.Context, string, providers.Condition) error
	list   func(context.Context, string) ([]string, error)
}

func (w *wrongStore) Get(ctx context.Context, key string) (providers.Object, error) {
	return w.get(ctx, key)
}

func (w *wrongStore) Put(ctx context.Context, key string, body io.ReadSeeker, c providers.Condition) (providers.Tag, error) {
	return w.put(ctx, key, body, c)
}

func (w *wrongStore) Delete(ctx context.Context, key string, c providers.Condition) error {
	return w.remove(ctx, key, c)
}

func (w *wrongStore) List(ctx context.Context, prefix string) ([]string, error) {
	return w.list(ctx, prefix)
}

func badStore(name string, spoil func(w *wrongStore, s providers.Store)) storeMutant {
	return storeMutant{name, func(s providers.Store) providers.Store {
		w := &wrongStore{s, s.Get, s.Put, s.Delete, s.List}
		spoil(w, s)
		return w
	}}
}

// losing is the place of a store that does not look what became of a write whose reply was lost.
func losing(t testing.TB) providertest.StorePlace {
	var lost atomic.Bool
	w := badStore("", func(w *wrongStore, s providers.Store) {
		gone := &providers.Error{Kind: providers.Unavailable, Op: "store", Provider: "memory", Err: errors.New("the reply was lost")}
		w.put = func(ctx context.Context, key string, body io.ReadSeeker, c providers.Condition) (providers.Tag, error) {
			tag, err := s.Put(ctx, key, body, c)
			if lost.Swap(false) {
				return "", gone
			}
			return tag, err
		}
		w.remove = func(ctx context.Context, key string, c providers.Condition) error {
			err := s.Delete(ctx, key, c)
			if lost.Swap(false) {
				return gone
			}
			return err
		}
	})
	p := storePlace(t, w.mutate)
	p.Lose = func() { lost.Store(true) }
	return p
}

func storeMutants() []storeMutant {
	return slices.Concat(conditionMutants(), bodyMutants())
}

func conditionMutants() []storeMutant {
	return []storeMutant{
		badStore("a store overwrites what is there", func(w *wrongStore, s providers.Store) {
			w.put = func(ctx context.Context, key string, body io.ReadSeeker, c providers.Condition) (providers.Tag, error) {
				c.Absent = false
				return s.Put(ctx, key, body, c)
			}
		}),
		badStore("a store ignores the tag of a put", func(w *wrongStore, s providers.Store) {
			w.put = func(ctx context.Context, key string, body io.ReadSeeker, c providers.Condition) (providers.Tag, error) {
				c.Tag = ""
				return s.Put(ctx, key, body, c)
			}
		}),
		badStore("a store looks at the tag, then writes", func(w *wrongStore, s providers.Store) {
			w.put = func(ctx context.Context, key string, body io.ReadSeeker, c providers.Condition) (providers.Tag, error) {
				if o, err := s.Get(ctx, key); c.Tag != "" && err == nil && o.Tag == c.Tag {
					c.Tag = ""
				}
				return s.Put(ctx, key, body, c)
			}
		}),
		badStore("a store ignores the tag of a delete", func(w *wrongStore, s providers.Store) {
			w.remove = func(ctx context.Context, key string, _ providers.Condition) error {
				return s.Delete(ctx, key, providers.Condition{})
			}
		}),
		badStore("a store ignores what a write relies on", func(w *wrongStore, s providers.Store) {
			w.remove = func(ctx context.Context, key string, c providers.Condition) error {
				c.While = providers.Guard{}
				return s.Delete(ctx, key, c)
			}
		}),
		badStore("deleting nothing is an error", func(w *wrongStore, s providers.Store) {
			w.remove = func(ctx context.Context, key string, c providers.Condition) error {
				if _, err := s.Get(ctx, key); err != nil && c.Tag == "" {
					return err
				}
				return s.Delete(ctx, key, c)
			}
		}),
		badStore("tags are those of the key", func(w *wrongStore, s providers.Store) {
			w.put = func(ctx context.Context, key string, body io.ReadSeeker, c providers.Condition) (providers.Tag, error) {
				_, err := s.Put(ctx, key, body, c)
				return providers.Tag(key), err
			}
		}),
	}
}

func bodyMutants() []storeMutant {
	return []storeMutant{
		badStore("a store reads what it remembers", func(w *wrongStore, s providers.Store) {
			var kept remembered[[]byte]
			w.get = func(ctx context.Context, key string) (providers.Object, error) {
				o, err := s.Get(ctx, key)
				if data, ok := kept.get(key); ok && err == nil {
					o.Body, o.Size = io.NopCloser(bytes.NewReader(data)), int64(len(data))
				}
				return o, err
			}
			w.put = func(ctx context.Context, key string, body io.ReadSeeker, c providers.Condition) (providers.Tag, error) {
				tag, err := s.Put(ctx, key, body, c)
				if err == nil {
					_, _ = body.Seek(0, io.SeekStart)
					data, _ := io.ReadAll(body)
					kept.put(key, data)
				}
				return tag, err
			}
		}),
		badStore("a put goes on where its body was read to", func(w *wrongStore, s providers.Store) {
			w.put = func(ctx context.Context, key string, body io.ReadSeeker, c providers.Condition) (providers.Tag, error) {
				rest, err := io.ReadAll(body)
				if err != nil {
					return "", err
				}
				return s.Put(ctx, key, bytes.NewReader(rest), c)
			}
		}),
		badStore("a large body is cut", func(w *wrongStore, s providers.Store) {
			w.put = func(ctx context.Context, key string, body io.ReadSeeker, c providers.Condition) (providers.Tag, error) {
				_, _ = body.Seek(0, io.SeekStart)
				head, err := io.ReadAll(io.LimitReader(body, 1<<20))
				if err != nil {
					return "", err
				}
				return s.Put(ctx, key, bytes.NewReader(head), c)
			}
		}),
		badStore("a list is of whole segments", func(w *wrongStore, s providers.Store) {
			w.list = func(ctx context.Context, prefix string) ([]string, error) {
				return s.List(ctx, strings.TrimSuffix(prefix, "/"))
			}
		}),
		badStore("a list has its newest first", func(w *wrongStore, s providers.Store) {
			w.list = func(ctx context.Context, prefix string) ([]string, error) {
				keys, err := s.List(ctx, prefix)
				slices.Reverse(keys)
				return keys, err
			}
		}),
		badStore("any key is accepted", func(w *wrongStore, s providers.Store) {
			w.put = func(ctx context.Context, key string, body io.ReadSeeker, c providers.Condition) (providers.Tag, error) {
				if !providers.ValidKey(key) {
					key = "other"
				}
				return s.Put(ctx, key, body, c)
			}
		}),
		badStore("what is missing is denied", func(w *wrongStore, s providers.Store) {
			w.get = func(ctx context.Context, key string) (providers.Object, error) {
				o, err := s.Get(ctx, key)
				if err != nil {
					err = &providers.Error{Kind: providers.Denied, Op: "store get", Provider: "memory", Err: errors.New("it may be there")}
				}
				return o, err
			}
		}),
	}
}

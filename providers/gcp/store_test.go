package gcp

import (
	"errors"
	"strings"
	"testing"

	storage "google.golang.org/api/storage/v1"

	"github.com/ferryfn/ferry/internal/gcptest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/providertest"
)

// openStore is the store of the project as another process opens it.
func (p project) openStore(t testing.TB, more ...map[string]any) *store {
	t.Helper()
	s, err := p.adapter(t, more...).Store(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s.(*store)
}

func TestStoreKeepsTheStoreContract(t *testing.T) {
	providertest.RunStore(t, func(t *testing.T) providertest.StorePlace {
		p := newProject(t)
		open := func(t testing.TB) providers.Store { return p.openStore(t) }
		return providertest.StorePlace{
			Store: open(t), Again: open, Lose: func() { p.lose("objects.insert", "objects.delete") },
			Hold: func() (<-chan struct{}, func()) { return p.hold("objects.insert") },
		}
	})
}

func TestTheFirstPutMakesABucketThatNobodyElseSees(t *testing.T) {
	p := newProject(t)
	s := p.openStore(t)
	if keys, err := s.List(t.Context(), ""); err != nil || len(keys) > 0 {
		t.Fatalf("a bucket that does not exist lists %v, %v", keys, err)
	}
	if err := errors.Join(s.Dispose(t.Context()), s.Delete(t.Context(), "a", providers.Condition{})); err != nil {
		t.Error(err)
	}
	if _, err := s.Put(t.Context(), "a/b", strings.NewReader("one"), providers.IfTag("7")); !errors.Is(err, providers.Conflict) {
		t.Errorf("want a conflict, got %v", err)
	}
	if _, err := s.look(t.Context()); !isNotFound(err) {
		t.Fatalf("a read, or a write that must fail, made the bucket: %v", err)
	}
	if _, err := s.Put(t.Context(), "a/b", strings.NewReader("one"), providers.IfAbsent()); err != nil {
		t.Fatal(err)
	}
	made, err := s.look(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if c := made.IamConfiguration; c == nil || c.PublicAccessPrevention != "enforced" || !c.UniformBucketLevelAccess.Enabled || made.Labels[labelStore] == "" {
		t.Errorf("the bucket is %+v with %+v", made, c)
	}
	if err := s.Dispose(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := s.look(t.Context()); err != nil {
		t.Fatalf("a bucket that is not empty went: %v", err)
	}
	if err := errors.Join(s.Delete(t.Context(), "a/b", providers.Condition{}), s.Dispose(t.Context())); err != nil {
		t.Fatal(err)
	}
	if _, err := s.look(t.Context()); !isNotFound(err) {
		t.Errorf("the empty bucket is there: %v", err)
	}
}

func TestABucketOfThatNameOfAnotherProjectIsNotUsed(t *testing.T) {
	p := newProject(t)
	s := p.openStore(t)
	if _, err := s.storage.Buckets.Insert(gcptest.Project, &storage.Bucket{Name: s.bucket, Location: gcptest.Region}).Do(); err != nil {
		t.Fatal(err)
	}
	s.number = "999"
	for _, err := range []error{
		func() error { _, err := s.Get(t.Context(), "a"); return err }(),
		func() error { _, err := s.List(t.Context(), ""); return err }(),
		func() error {
			_, err := s.Put(t.Context(), "a", strings.NewReader("x"), providers.Condition{})
			return err
		}(),
	} {
		if !errors.Is(err, providers.Foreign) {
			t.Errorf("want Foreign, got %v", err)
		}
	}
}

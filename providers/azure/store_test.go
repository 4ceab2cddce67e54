package azure

import (
	"errors"
	"strings"
	"testing"

	"github.com/ferryfn/ferry/internal/azuretest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/providertest"
)

func openStore(t testing.TB, c *azuretest.Cloud) providers.Store {
	t.Helper()
	s, err := adapterOf(t, c).Store(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTheStoreKeepsItsContract(t *testing.T) {
	providertest.RunStore(t, func(t *testing.T) providertest.StorePlace {
		c := azuretest.Start(t)
		return providertest.StorePlace{
			Store: openStore(t, c), Again: func(t testing.TB) providers.Store { return openStore(t, c) },
		}
	})
}

func TestTheFirstPutMakesTheStorageAndLetsTheCallerIn(t *testing.T) {
	c := azuretest.Start(t)
	s := openStore(t, c)
	if keys, err := s.List(t.Context(), ""); err != nil || len(keys) > 0 {
		t.Fatalf("a store that does not exist lists %v, %v", keys, err)
	}
	if err := errors.Join(s.(providers.Disposer).Dispose(t.Context()), s.Delete(t.Context(), "a", providers.Condition{})); err != nil {
		t.Error(err)
	}
	if _, err := s.Put(t.Context(), "a/b", strings.NewReader("one"), providers.IfTag("x")); !errors.Is(err, providers.Conflict) {
		t.Errorf("want a conflict, got %v", err)
	}
	for _, call := range c.Calls() {
		if call.Write && call.Service != "login" {
			t.Errorf("nothing was to be written, and %s %s was", call.Operation, call.Resource)
		}
	}
	if _, err := s.Put(t.Context(), "a/b", strings.NewReader("one"), providers.IfAbsent()); err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(t.Context(), "a/b", providers.Condition{}); err != nil {
		t.Error(err)
	}
	if err := s.(providers.Disposer).Dispose(t.Context()); err != nil {
		t.Error(err)
	}
}

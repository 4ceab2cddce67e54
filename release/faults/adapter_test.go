package faults

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/memory"
	"github.com/ferryfn/ferry/providers/providertest"
)

// abilities are the optional interfaces of the contract, with the names of their methods.
func abilities(t *testing.T) map[string][]string {
	t.Helper()
	declared := map[string][]string{}
	for _, name := range []string{"adapter.go", "doctor.go"} {
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", "..", "providers", name), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if spec, ok := n.(*ast.TypeSpec); ok && spec.Name.Name != "Adapter" {
				if i, ok := spec.Type.(*ast.InterfaceType); ok {
					for _, m := range i.Methods.List {
						declared[spec.Name.Name] = append(declared[spec.Name.Name], m.Names[0].Name)
					}
				}
			}
			return true
		})
	}
	return declared
}

func TestEveryCallOfTheContractCanBeBroken(t *testing.T) {
	wrapper := reflect.TypeFor[*adapter]()
	for ability, methods := range abilities(t) {
		for _, m := range methods {
			if _, has := wrapper.MethodByName(m); !has {
				t.Errorf("a wrapped adapter has no %s, so that it is never a %s", m, ability)
			}
		}
	}
}

func TestAWrappedAdapterHasTheAbilitiesOfTheInnerOneAndNoOther(t *testing.T) {
	world := memory.New(memory.NewWorld())
	only := struct {
		providers.Adapter
		providers.Lister
	}{world, world}
	for _, inner := range []providers.Adapter{world, struct{ providers.Adapter }{world}, only, (&Process{}).Wrap(only)} {
		wrapped := (&Process{}).Wrap(inner)
		for name, has := range map[string]func(providers.Adapter) bool{
			"Lister": has[providers.Lister], "Splitter": has[providers.Splitter], "Starter": has[providers.Starter], "Doctor": has[providers.Doctor],
		} {
			if has(wrapped) != has(inner) {
				t.Errorf("%T wrapped is a %s: %t, and by itself: %t", inner, name, has(wrapped), has(inner))
			}
		}
	}
	if !has[providers.Lister]((&Process{}).Wrap(only)) || has[providers.Splitter]((&Process{}).Wrap(only)) {
		t.Error("an adapter that lists and does nothing else beside was wrapped as something else")
	}
}

func has[T any](a providers.Adapter) bool {
	_, ok := providers.As[T](a)
	return ok
}

func TestAWrappedStoreCanBeTakenAwayWhereTheInnerOneCan(t *testing.T) {
	s, err := memory.New(memory.NewWorld()).Store(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, inner := range []providers.Store{s, struct{ providers.Store }{s}} {
		_, want := inner.(providers.Disposer)
		if _, got := providers.As[providers.Disposer]((&Process{}).Store(inner)); got != want {
			t.Errorf("%T wrapped can be taken away: %t, and by itself: %t", inner, got, want)
		}
	}
}

func TestAWrappedStoreKeepsTheStoreContract(t *testing.T) {
	providertest.RunStore(t, func(t *testing.T) providertest.StorePlace {
		s, err := (&Process{}).Wrap(memory.New(memory.NewWorld())).Store(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return providertest.StorePlace{Store: s}
	})
}

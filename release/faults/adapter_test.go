package faults

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/memory"
	"github.com/ferryfn/ferry/providers/providertest"
)

func TestEveryOptionalInterfaceOfTheContractIsKnown(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", "..", "providers", "adapter.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var declared []string
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.TypeSpec); ok {
			if _, ok := spec.Type.(*ast.InterfaceType); ok && spec.Name.Name != "Adapter" {
				declared = append(declared, spec.Name.Name)
			}
		}
		return true
	})
	var known []string
	for _, i := range optional() {
		known = append(known, i.Name())
	}
	slices.Sort(declared)
	slices.Sort(known)
	if diff := cmp.Diff(declared, known); diff != "" {
		t.Error(diff)
	}
}

func TestAWrappedAdapterHasTheInterfacesOfTheInnerOneAndNoOther(t *testing.T) {
	world := memory.New(memory.NewWorld())
	for _, inner := range []providers.Adapter{world, struct{ providers.Adapter }{world}} {
		wrapped := (&Process{}).Wrap(inner)
		for _, i := range optional() {
			if has, want := reflect.TypeOf(wrapped).Implements(i), reflect.TypeOf(inner).Implements(i); has != want {
				t.Errorf("%T wrapped is a %s: %t, and by itself: %t", inner, i.Name(), has, want)
			}
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

package all

import (
	"cmp"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// places says in which file of its folder an adapter does what, so that whoever has read one adapter finds everything
// in the next. The name of the adapter's own file stands for "".
func places() map[string]string {
	return map[string]string{
		// methods of the contract
		"Platform": "", "Capabilities": "", "Check": "check", "Publish": "publish", "Warm": "publish", "Bind": "bind", "Store": "store",
		"Activate": "activate", "Switch": "activate", "Split": "activate", "Apart": "activate", "Over": "base", "Base": "base", "FreshBase": "base", "Turn": "turn", "Adopt": "activate",
		"Status": "status", "Functions": "status", "Revisions": "status", "Stored": "status", "Inspect": "inspect", "Read": "inspect",
		"Remove": "remove", "Prune": "remove", "Purge": "remove", "Fence": "fence", "Epoch": "fence",
		"Probe": "invoke", "Invoke": "invoke", "KeyHeader": "invoke", "Key": "invoke", "Tail": "logs", "Diagnose": "doctor", "Start": "ready", "Obstacles": "ready", "Restart": "ready", "Page": "status",
		"Eject": "eject", "Prices": "cost", "Uses": "cost", "Measured": "cost", "Announce": "develop", "Record": "develop",
		"Send": "messages", "Queues": "messages", "Redrive": "messages",
		"Pin": "secrets", "SetSecret": "secrets", "Secrets": "secrets", "RemoveSecret": "secrets",
		"Floor": "call",
		// what an adapter has besides, where it has it
		"Provider": "", "New": "", "Adapter": "", "target": "config", "classify": "errors", "store": "store",
	}
}

// parsed are the files of a folder but its tests, by their names without the ending.
func parsed(t *testing.T, folder string) map[string]*ast.File {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("there is no code in %s: %v", folder, err)
	}
	files := map[string]*ast.File{}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files[strings.TrimSuffix(filepath.Base(path), ".go")] = f
	}
	return files
}

// contract are the methods that the interfaces of adapters have.
func contract(t *testing.T) []string {
	t.Helper()
	var methods []string
	for _, f := range parsed(t, "..") {
		ast.Inspect(f, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok || slices.Contains([]string{"Store", "Disposer", "Host"}, spec.Name.Name) {
				return true
			}
			if i, ok := spec.Type.(*ast.InterfaceType); ok {
				for _, m := range i.Methods.List {
					for _, name := range m.Names {
						methods = append(methods, name.Name)
					}
				}
			}
			return true
		})
	}
	return methods
}

// declared are the functions, the methods of Adapter and the types of a file.
func declared(f *ast.File) []string {
	var names []string
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil || receiver(d) == "Adapter" {
				names = append(names, d.Name.Name)
			}
		case *ast.GenDecl:
			for _, s := range d.Specs {
				if s, ok := s.(*ast.TypeSpec); ok {
					names = append(names, s.Name.Name)
				}
			}
		}
	}
	return names
}

func receiver(d *ast.FuncDecl) string {
	of := d.Recv.List[0].Type
	if star, ok := of.(*ast.StarExpr); ok {
		of = star.X
	}
	name, _ := of.(*ast.Ident)
	return name.Name
}

func TestThePartsOfAnAdapterStandInTheFilesOfTheirNames(t *testing.T) {
	for _, method := range contract(t) {
		if _, known := places()[method]; !known {
			t.Errorf("the contract has a method %s, for which there is no file: add it to the table", method)
		}
	}
	adapters := []string{"memory"}
	for _, p := range Providers() {
		adapters = append(adapters, p.Name)
	}
	for _, adapter := range adapters {
		files := parsed(t, filepath.Join("..", adapter))
		for _, file := range slices.Sorted(maps.Keys(files)) {
			for _, name := range declared(files[file]) {
				if want, listed := places()[name]; listed && cmp.Or(want, adapter) != file {
					t.Errorf("%s/%s.go has %s, which belongs in %s.go", adapter, file, name, cmp.Or(want, adapter))
				}
			}
		}
	}
}

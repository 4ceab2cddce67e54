package providers_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// A type assertion asks a decorator for its methods, and not what it decorates for its abilities.
func TestAbilitiesAreAskedForByAsAlone(t *testing.T) {
	for _, folder := range []string{".", "../release", "../cmd"} {
		err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			set := token.NewFileSet()
			file, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			for _, at := range assertions(file) {
				t.Errorf("%s: ask with providers.As", set.Position(at))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// assertions are where a file asks for a type of the contract by an assertion or a switch.
func assertions(file *ast.File) (at []token.Pos) {
	ofContract := func(e ast.Expr) bool {
		s, ok := e.(*ast.SelectorExpr)
		if !ok {
			return false
		}
		of, ok := s.X.(*ast.Ident)
		return ok && of.Name == "providers"
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.TypeAssertExpr:
			if ofContract(n.Type) {
				at = append(at, n.Pos())
			}
		case *ast.TypeSwitchStmt:
			for _, clause := range n.Body.List {
				for _, e := range clause.(*ast.CaseClause).List {
					if ofContract(e) {
						at = append(at, e.Pos())
					}
				}
			}
		}
		return true
	})
	return at
}

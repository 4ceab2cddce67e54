package golang

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/ferryfn/ferry/packager/source"
)

// declaration is where a name stands at the top of a package.
type declaration struct {
	token.Position
	function bool
}

// declarations are the names at the top of a package, in the files that are compiled for the platform.
func declarations(p pkg) (map[string]*declaration, error) {
	names := map[string]*declaration{}
	for _, name := range p.GoFiles {
		set := token.NewFileSet()
		f, err := parser.ParseFile(set, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, source.Problem(filepath.Join(p.Dir, name), "fix the syntax error; `go vet` shows it", "%v", err)
		}
		for _, d := range f.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Recv == nil {
					names[d.Name.Name] = &declaration{set.Position(d.Name.Pos()), true}
				}
			case *ast.GenDecl:
				for _, s := range d.Specs {
					if v, ok := s.(*ast.ValueSpec); ok {
						for _, n := range v.Names {
							names[n.Name] = &declaration{set.Position(n.Pos()), false}
						}
					}
				}
			}
		}
	}
	return names, nil
}

// shimUse finds which name of the user's package a line of the shim does not compile with.
var shimUse = regexp.MustCompile(`\bhandler\.(Handler|OnEvent)\b`)

// inUserCode moves what the compiler says of the shim, which lies in a folder of the cache, to the declaration of the
// user that the shim cannot take.
func inUserCode(err error, target pkg, shim string) error {
	var many source.Errors
	var one *source.Error
	if !errors.As(err, &many) {
		if !errors.As(err, &one) {
			return err
		}
		many = source.Errors{one}
	}
	for i, e := range many {
		m := shimUse.FindStringSubmatch(e.Message)
		if m == nil || !strings.HasPrefix(e.File, shim) {
			continue
		}
		declared, failed := declarations(target)
		if at := declared[m[1]]; failed == nil && at != nil {
			many[i] = misdeclared(m[1], *at)
		}
	}
	return many.Join()
}

// misdeclared says how the shim needs a name to be declared.
func misdeclared(name string, at declaration) *source.Error {
	const event = "declare func OnEvent(ctx context.Context, e cloudevents.Event) error"
	e := source.Problem(at.Filename, event, "OnEvent is not a func(context.Context, cloudevents.Event) error")
	if name == "Handler" {
		e = source.Problem(at.Filename, "declare `var Handler http.Handler`", "Handler is not an http.Handler")
		if at.function {
			e.Message, e.Hint = "Handler is a function, not an http.Handler",
				"rename it to handle and add: var Handler http.Handler = http.HandlerFunc(handle)"
		}
	}
	e.Line, e.Column = at.Line, at.Column
	return e
}

package golang

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/ferryfn/ferry/packager/source"
	"github.com/ferryfn/ferry/templates"
)

// upgrades warns of where the user's module takes over connections, on a target that has none: a WebSocket that is served
// there answers every client with an error.
func upgrades(packages []pkg, dir, shim string) (all []source.Warning) {
	if templates.Connected(shim) {
		return nil
	}
	target := packages[len(packages)-1]
	for _, p := range packages {
		if p.Module == nil || target.Module == nil || p.Module.Path != target.Module.Path {
			continue
		}
		for _, name := range p.GoFiles {
			at, what := takesOver(filepath.Join(p.Dir, name))
			if what == "" {
				continue
			}
			file := name
			if rel, err := filepath.Rel(dir, at.Filename); err == nil {
				file = filepath.ToSlash(rel)
			}
			all = append(all, source.Warning{
				File: file, Line: at.Line,
				Message: file + ":" + strconv.Itoa(at.Line) + " takes over a connection (" + what + "), and " + shim + " has none: such a request is answered with an error there",
				Hint:    "serve it on a target with connections, such as local, or send events as they come (text/event-stream)",
			})
		}
	}
	return all
}

// takesOver is where a file serves a WebSocket or takes a connection over, and by what; "" is nowhere.
func takesOver(file string) (at token.Position, what string) {
	set := token.NewFileSet()
	f, err := parser.ParseFile(set, file, nil, parser.SkipObjectResolution)
	if err != nil {
		return at, ""
	}
	servers := map[string][]string{
		"net/http": {"Hijacker"}, "github.com/gorilla/websocket": {"Upgrader"}, "github.com/coder/websocket": {"Accept"}, "nhooyr.io/websocket": {"Accept"},
		"golang.org/x/net/websocket": {"Handler", "Server"}, "github.com/gobwas/ws": {"UpgradeHTTP", "HTTPUpgrader"}, "github.com/olahol/melody": {"New"},
	}
	names := map[string][]string{}
	for _, i := range f.Imports {
		whole, _ := strconv.Unquote(i.Path.Value)
		local := whole[strings.LastIndex(whole, "/")+1:]
		if i.Name != nil {
			local = i.Name.Name
		}
		if uses, ok := servers[whole]; ok {
			names[local] = uses
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		s, ok := n.(*ast.SelectorExpr)
		if !ok || what != "" {
			return what == ""
		}
		of, plain := s.X.(*ast.Ident)
		if s.Sel.Name == "Hijack" || plain && slices.Contains(names[of.Name], s.Sel.Name) {
			at, what = set.Position(s.Pos()), s.Sel.Name
			if plain && s.Sel.Name != "Hijack" {
				what = of.Name + "." + what
			}
		}
		return true
	})
	return at, what
}

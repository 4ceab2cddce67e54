package golang

import (
	"context"
	"fmt"
	"go/ast"
	"go/constant"
	"go/token"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/ferryfn/ferry/packager/source"
)

// What one's own packages read by paths from the working folder, which is that of the package, comes along: templates, static
// files, settings.

// readers are the functions that read what an argument of theirs names, by the package that has them, and which argument
// it is. Those of "" are methods of templates and of frameworks, of which the name alone is known. All arguments that follow
// are read too.
func readers() map[string]map[string]int {
	template := map[string]int{"ParseFiles": 0, "ParseGlob": 0}
	return map[string]map[string]int{
		"os":            {"ReadFile": 0, "Open": 0, "OpenFile": 0, "ReadDir": 0, "DirFS": 0},
		"io/ioutil":     {"ReadFile": 0, "ReadDir": 0},
		"net/http":      {"Dir": 0, "ServeFile": 2},
		"path/filepath": {"Glob": 0, "Walk": 0, "WalkDir": 0},
		"html/template": template,
		"text/template": template,
		"":              {"ParseFiles": 0, "ParseGlob": 0, "LoadHTMLGlob": 0, "LoadHTMLFiles": 0, "Static": 1, "StaticFile": 1},
	}
}

// read is a path that a line of code names, as far as it is known.
type read struct {
	line string // file:line, the file from the source folder
	path string
	open bool // it goes on with what is known only when the code runs
}

// along are the files that the manifest includes and those that the code reads. What a rule leaves out is warned of.
func (j *job) along(ctx context.Context, packages []pkg) ([]source.File, error) {
	files, err := j.Included(ctx)
	if err != nil {
		return nil, err
	}
	wanted := map[string]read{}
	for _, p := range packages {
		if p.Standard || p.Module == nil || !p.Module.local(p.Dir) || p.Module.folder() == "" {
			continue
		}
		for _, r := range j.readsOf(p) {
			named, err := j.named(r)
			if err != nil {
				return nil, err
			}
			for _, name := range named {
				if _, known := wanted[name]; !known {
					wanted[name] = r
				}
			}
		}
	}
	names := slices.Sorted(maps.Keys(wanted))
	read, err := j.Only(ctx, names)
	if err != nil {
		return nil, err
	}
	files = slices.DeleteFunc(append(files, read...), source.Duplicate())
	j.made.Read = map[string]string{}
	for _, name := range names {
		if slices.ContainsFunc(files, func(f source.File) bool { return f.Name == name || strings.HasPrefix(f.Name, name+"/") }) {
			j.made.Read[name] = wanted[name].line + " reads it"
		} else if err := j.missed(name, wanted[name]); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// named are the files and folders that a path means, from the source folder. The whole of it is not meant: a program does not need
// its sources. Where they lie or may appear is an input.
func (j *job) named(r read) (names []string, err error) {
	at := filepath.FromSlash(r.path)
	if r.open {
		at = filepath.Dir(at + "x") // the folder of a name that goes on
	}
	if !filepath.IsLocal(at) {
		return nil, nil
	}
	found, err := filepath.Glob(filepath.Join(j.Dir, at))
	if err != nil {
		return nil, nil //nolint:nilerr // no pattern, and no file either
	}
	for _, full := range append(found, filepath.Join(j.Dir, at)) {
		dir := filepath.Dir(full)
		for info, err := os.Stat(dir); dir != j.Dir && (err != nil || !info.IsDir()); info, err = os.Stat(dir) {
			dir = filepath.Dir(dir)
		}
		if err := j.In.Folder(dir); err != nil {
			return nil, source.ReadProblem(dir, j.shown(dir), err)
		}
	}
	for _, full := range found {
		if name := j.shown(full); name != "." {
			names = append(names, name)
		}
	}
	return names, nil
}

// missed warns of what is read and stays out by a rule.
func (j *job) missed(name string, r read) error {
	lacks, err := j.LeftOut(name)
	if err != nil || lacks == "" || strings.HasPrefix(lacks, "build.exclude") {
		return err
	}
	file, number, _ := strings.Cut(r.line, ":")
	line, _ := strconv.Atoi(number)
	hint := "take it in with build.include, or name it in build.exclude if the function works without"
	if source.SecretName(name) {
		hint = "give its values by `env` and `secrets` in the manifest"
	}
	j.made.Warnings = append(j.made.Warnings, source.Warning{
		File: file, Line: line, Hint: hint, Message: fmt.Sprintf("%s reads %s, which is not in the package: %s", r.line, name, lacks),
	})
	return nil
}

// readsOf are the relative paths that a package reads.
func (j *job) readsOf(p pkg) (out []read) {
	constants := map[string]string{}
	var files []*ast.File
	set := token.NewFileSet()
	for _, name := range p.GoFiles {
		if f := parsedInto(set, p, name); f != nil {
			files = append(files, f)
			noteConstants(f, constants)
		}
	}
	for _, f := range files {
		imported := importsOf(f)
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			first, ok := reader(call.Fun, imported)
			for i := first; ok && i < len(call.Args); i++ {
				text, open := known(call.Args[i], constants)
				if at := set.Position(call.Pos()); text != "" {
					out = append(out, read{fmt.Sprintf("%s:%d", j.shown(at.Filename), at.Line), text, open})
				}
			}
			return true
		})
	}
	return out
}

// shown is a file's path from the source folder.
func (j *job) shown(file string) string {
	rel, err := filepath.Rel(j.Dir, file)
	if err != nil {
		return filepath.ToSlash(file)
	}
	return filepath.ToSlash(rel)
}

// importsOf are the packages of a file by the names that it has for them.
func importsOf(f *ast.File) map[string]string {
	out := map[string]string{}
	for _, i := range f.Imports {
		from, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			continue
		}
		name := path.Base(from)
		if i.Name != nil {
			name = i.Name.Name
		}
		out[name] = from
	}
	return out
}

// reader is the first argument of a function that names what is read, false for another function.
func reader(fun ast.Expr, imported map[string]string) (first int, ok bool) {
	s, ok := fun.(*ast.SelectorExpr)
	if !ok {
		return 0, false
	}
	from := ""
	if of, plain := s.X.(*ast.Ident); plain {
		from = imported[of.Name]
	}
	first, ok = readers()[from][s.Sel.Name]
	return first, ok
}

// noteConstants notes the names that a file has for texts.
func noteConstants(f *ast.File, into map[string]string) {
	ast.Inspect(f, func(n ast.Node) bool {
		d, ok := n.(*ast.GenDecl)
		if !ok || d.Tok != token.CONST {
			return true
		}
		for _, s := range d.Specs {
			v := s.(*ast.ValueSpec) // constants have no other
			for i, name := range v.Names {
				if i < len(v.Values) {
					if text, open := known(v.Values[i], into); text != "" && !open {
						into[name.Name] = text
					}
				}
			}
		}
		return true
	})
}

// known is a text as far as the code says it: a literal, a constant, several that are added or joined.
func known(e ast.Expr, constants map[string]string) (text string, open bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		if v := constant.MakeFromLiteral(e.Value, e.Kind, 0); v.Kind() == constant.String {
			return constant.StringVal(v), false
		}
	case *ast.Ident:
		text := constants[e.Name]
		return text, text == ""
	case *ast.ParenExpr:
		return known(e.X, constants)
	case *ast.BinaryExpr:
		text, open := known(e.X, constants)
		if open || e.Op != token.ADD {
			return text, true
		}
		more, open := known(e.Y, constants)
		return text + more, open
	case *ast.CallExpr:
		if s, ok := e.Fun.(*ast.SelectorExpr); !ok || s.Sel.Name != "Join" {
			return "", true
		}
		for i, part := range e.Args {
			more, open := known(part, constants)
			if i > 0 {
				text += "/"
			}
			if text += more; open {
				return text, true
			}
		}
		return text, false
	}
	return "", true
}

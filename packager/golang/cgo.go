package golang

import (
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/packager/source"
)

// needsC refuses packages that are C in part. Packages are compiled without a C compiler, so that they run on every libc;
// what such a package has instead then often compiles, and fails when it is called.
func (j *job) needsC(packages []pkg) error {
	var bad source.Errors
	target := packages[len(packages)-1]
	for _, p := range packages {
		if p.Standard || len(p.IgnoredGoFiles) == 0 {
			continue
		}
		own := p.Module != nil && target.Module != nil && p.Module.Path == target.Module.Path
		left := j.leftOut(p, func(name string) bool { return own || ast.IsExported(name) })
		switch {
		case left == "":
		case own:
			bad = append(bad, source.Problem(filepath.Join(p.Dir, left), "write it in Go alone, or build the program with a C compiler and deploy it with runtime: custom",
				"%s imports \"C\", and packages are built without C", left))
		default:
			e := source.Problem("", "use a package that is Go alone, or build the program with a C compiler and deploy it with runtime: custom",
				"%s is written in C in part, and packages are built without C: %s", p.ImportPath, strings.Join(importers(packages, p.ImportPath), " imports "))
			if instead := inGo(p.ImportPath); instead != "" {
				e.Hint = "use " + instead + ", which is Go alone"
			}
			bad = append(bad, e)
		}
	}
	if len(bad) == 0 {
		return nil
	}
	return bad.Join()
}

// leftOut is a file with C for the platform without which the package lacks something that matters: a name that no other
// file declares. A package that has all of them in Go too does without C.
func (j *job) leftOut(p pkg, matters func(name string) bool) string {
	platform := build.Default
	platform.GOOS, platform.GOARCH, platform.CgoEnabled = j.Platform.OS, j.Platform.Arch, true
	there := map[string]bool{}
	for _, name := range p.GoFiles {
		for _, declared := range namesOf(parsed(p, name)) {
			there[declared] = true
		}
	}
	for _, name := range p.IgnoredGoFiles {
		fits, err := platform.MatchFile(p.Dir, name)
		if err != nil || !fits || strings.HasSuffix(name, "_test.go") {
			continue
		}
		f := parsed(p, name)
		if f == nil || !slices.ContainsFunc(f.Imports, func(i *ast.ImportSpec) bool { return i.Path.Value == `"C"` }) {
			continue
		}
		if len(p.GoFiles) == 0 || slices.ContainsFunc(namesOf(f), func(name string) bool { return matters(name) && !there[name] }) {
			return name
		}
	}
	return ""
}

// parsed is a file of a package, nil where the compiler will say what is wrong with it.
func parsed(p pkg, name string) *ast.File { return parsedInto(token.NewFileSet(), p, name) }

func parsedInto(set *token.FileSet, p pkg, name string) *ast.File {
	f, err := parser.ParseFile(set, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
	if err != nil {
		return nil
	}
	return f
}

// namesOf are the names that a file declares at the top of its package.
func namesOf(f *ast.File) (names []string) {
	if f == nil {
		return nil
	}
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil {
				names = append(names, d.Name.Name)
			}
		case *ast.GenDecl:
			for _, s := range d.Specs {
				switch s := s.(type) {
				case *ast.TypeSpec:
					names = append(names, s.Name.Name)
				case *ast.ValueSpec:
					for _, n := range s.Names {
						names = append(names, n.Name)
					}
				}
			}
		}
	}
	return names
}

// importers is the shortest way from the handler's package to another one.
func importers(packages []pkg, to string) []string {
	by := map[string]pkg{}
	for _, p := range packages {
		by[p.ImportPath] = p
	}
	start := packages[len(packages)-1].ImportPath
	from := map[string]string{start: ""}
	for queue := []string{start}; len(queue) > 0; queue = queue[1:] {
		if queue[0] == to {
			break
		}
		for _, next := range by[queue[0]].Imports {
			if _, seen := from[next]; !seen {
				from[next] = queue[0]
				queue = append(queue, next)
			}
		}
	}
	var chain []string
	for at := to; at != ""; at = from[at] {
		chain = append(chain, at)
	}
	slices.Reverse(chain)
	return chain
}

// inGo is what does the same as a known package without C, "" where none is known.
func inGo(name string) string {
	for _, known := range [][2]string{
		{"github.com/mattn/go-sqlite3", "modernc.org/sqlite (for GORM: github.com/glebarez/sqlite)"},
		{"github.com/mutecomm/go-sqlcipher", "modernc.org/sqlite"},
		{"github.com/DataDog/zstd", "github.com/klauspost/compress/zstd"},
		{"github.com/valyala/gozstd", "github.com/klauspost/compress/zstd"},
		{"github.com/confluentinc/confluent-kafka-go", "github.com/twmb/franz-go"},
		{"github.com/godror/godror", "github.com/sijms/go-ora/v2"},
		{"github.com/mattn/go-oci8", "github.com/sijms/go-ora/v2"},
		{"github.com/h2non/bimg", "github.com/disintegration/imaging"},
		{"github.com/davidbyttow/govips", "github.com/disintegration/imaging"},
		{"github.com/linxGnu/grocksdb", "github.com/cockroachdb/pebble"},
		{"github.com/tecbot/gorocksdb", "github.com/cockroachdb/pebble"},
		{"github.com/jmhodges/levigo", "github.com/syndtr/goleveldb"},
		{"github.com/libgit2/git2go", "github.com/go-git/go-git/v5"},
		{"github.com/bytecodealliance/wasmtime-go", "github.com/tetratelabs/wazero"},
		{"github.com/wasmerio/wasmer-go", "github.com/tetratelabs/wazero"},
		{"rogchap.com/v8go", "github.com/dop251/goja"},
	} {
		if name == known[0] || strings.HasPrefix(name, known[0]+"/") {
			return known[1]
		}
	}
	return ""
}

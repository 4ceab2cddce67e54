package packager

import (
	"context"
	"debug/elf"
	"errors"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager/source"
)

const goHandler = `package api

import "net/http"

var Handler http.Handler = http.NotFoundHandler()
`

func TestAGoHandlerBecomesOneStaticProgram(t *testing.T) {
	needs(t, "go")
	root := project(t, "go.mod", "module example.com/shop\n\ngo 1.24\n", "internal/api/api.go", goHandler, "views/a.html", "a")
	fn := goFn("internal/api")
	fn.Build.Include = []string{"views/**"}
	a := build(t, newPackager(t, root), fn)
	if a.Entry != "bootstrap" {
		t.Errorf("entry is %s", a.Entry)
	}
	got := contents(t, a)
	if got["views/a.html"] != "a" || len(got) != 2 {
		t.Errorf("got %d entries", len(got))
	}
	if strings.Contains(got["bootstrap"], root) {
		t.Error("the program holds the path of the source folder")
	}
	contains(t, got["bootstrap"], "example.com/shop/internal/api")
}

func TestTheModuleMayLieAboveTheSource(t *testing.T) {
	needs(t, "go")
	root := project(t, "go.mod", "module example.com/shop\n\ngo 1.24\n", "fns/api/api.go", goHandler)
	fn := goFn(".")
	fn.Source = "fns/api"
	p := newPackager(t, root)
	build(t, p, fn)
	if !build(t, p, fn).Cached {
		t.Error("the second build was no hit")
	}
	write(t, filepath.Join(root, "go.mod"), "module example.com/shop\n\ngo 1.25\n")
	if build(t, p, fn).Cached {
		t.Error("go.mod changed, and the package came from the cache")
	}
}

func TestGoBuildsForTheArchitectureOfThePlatform(t *testing.T) {
	needs(t, "go")
	root := project(t, "go.mod", "module example.com/shop\n\ngo 1.24\n", "main.go", "package main\n\nfunc main() {}\n")
	fn := goFn(".")
	fn.Style = manifest.StyleServer
	a, err := newPackager(t, root).Build(context.Background(), fn, Platform{Shim: "local", OS: "linux", Arch: "arm64"})
	if err != nil {
		t.Fatal(err)
	}
	f, err := elf.Open(filepath.Join(unpack(t, a), "bootstrap"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if f.Machine != elf.EM_AARCH64 {
		t.Errorf("the program is for %s", f.Machine)
	}
}

func TestCompileErrorsHaveFileAndLine(t *testing.T) {
	needs(t, "go")
	root := project(t, "go.mod", "module example.com/shop\n\ngo 1.24\n", "api/api.go",
		"package api\n\nimport \"net/http\"\n\nvar Handler http.Handler = nothing\n\nvar x int = \"\"\n")
	_, err := newPackager(t, root).Build(context.Background(), goFn("api"), local("go"))
	many, ok := err.(Errors) //nolint:errorlint // the very type is what is promised
	if !ok || len(many) != 2 {
		t.Fatalf("got %T %v, want two problems", err, err)
	}
	if e := many[0]; e.File != "api/api.go" || e.Line != 5 || e.Column != 28 {
		t.Errorf("got %+v", e)
	}
	contains(t, many[0].Message, "undefined: nothing")
}

func TestGoMistakesSayWhatToDo(t *testing.T) {
	needs(t, "go")
	const mod = "module example.com/shop\n\ngo 1.24\n"
	for name, c := range map[string]struct {
		files         []string
		message, hint string
	}{
		"a program with style go":  {[]string{"go.mod", mod, "a.go", "package main\n\nfunc main() {}\n"}, "package main", "style: server"},
		"a package of nothing":     {[]string{"go.mod", mod, "a.go", "package api\n"}, "neither Handler nor OnEvent", "var Handler"},
		"no module":                {[]string{"a.go", goHandler}, "no go.mod", "go mod init"},
		"a module that is missing": {[]string{"go.mod", mod, "a.go", "package api\n\nimport \"example.com/none\"\n\nvar Handler = none.H\n"}, "example.com/none", "go mod tidy"},
		"Handler for another OS":   {[]string{"go.mod", mod, "a.go", "package api\n", "h_plan9.go", goHandler}, "neither Handler", "var Handler"},
	} {
		t.Run(name, func(t *testing.T) {
			e := failure(t, newPackager(t, project(t, c.files...)), goFn("."))
			contains(t, e.Message, c.message)
			contains(t, e.Hint, c.hint)
		})
	}
}

func TestAWrongDeclarationIsShownWhereItStands(t *testing.T) {
	needs(t, "go")
	for name, c := range map[string]struct {
		code, message, hint string
		column              int
	}{
		"a function": {"func Handler(w http.ResponseWriter, r *http.Request) {}", "Handler is a function, not an http.Handler", "http.HandlerFunc(handle)", 6},
		"a value":    {"var Handler = http.StatusOK", "Handler is not an http.Handler", "declare `var Handler http.Handler`", 5},
	} {
		t.Run(name, func(t *testing.T) {
			root := project(t, "go.mod", "module example.com/shop\n\ngo 1.24\n", "api/api.go", "package api\n\nimport \"net/http\"\n\n"+c.code+"\n\nvar _ http.Handler\n")
			e := failure(t, newPackager(t, root), goFn("api"))
			contains(t, e.Message, c.message)
			contains(t, e.Hint, c.hint)
			if e.File != "api/api.go" || e.Line != 5 || e.Column != c.column {
				t.Errorf("it is shown at %s:%d:%d", e.File, e.Line, e.Column)
			}
		})
	}
}

func TestGoFlagsOfTheUserDoNotChangeThePackage(t *testing.T) {
	needs(t, "go")
	root := project(t, "go.mod", "module example.com/shop\n\ngo 1.24\n", "api.go", goHandler)
	plain := build(t, newPackager(t, root), goFn("."))
	t.Setenv("GOFLAGS", "-trimpath=false -race -tags=x")
	t.Setenv("GOAMD64", "v3")
	equal(t, build(t, newPackager(t, root), goFn(".")).ZipDigest, plain.ZipDigest)
}

func TestAChangedDependencyInsideTheTreeIsRebuilt(t *testing.T) {
	needs(t, "go")
	root := project(t, "go.mod", "module example.com/shop\n\ngo 1.24\n", "lib/lib.go", "package lib\n\nconst Name = \"one\"\n", "lib/page.html", "x",
		"api/api.go", "package api\n\nimport (\n\t\"net/http\"\n\n\t\"example.com/shop/lib\"\n)\n\nvar Handler = http.RedirectHandler(lib.Name, 302)\n")
	p := newPackager(t, root)
	before := build(t, p, goFn("api"))
	write(t, filepath.Join(root, "lib/lib.go"), "package lib\n\nconst Name = \"two\"\n")
	after := build(t, p, goFn("api"))
	if after.Cached || after.Digest == before.Digest {
		t.Error("the change of a dependency was not seen")
	}
	if runtime.GOOS == "linux" {
		age(t, root)
		build(t, p, goFn("api"))
		write(t, filepath.Join(root, "lib/new.go"), "package lib\n\nfunc init() { println() }\n")
		if build(t, p, goFn("api")).Cached {
			t.Error("a new file of a dependency was not seen")
		}
	}
}

func TestAWrongEventHandlerIsShownWhereItStands(t *testing.T) {
	root := project(t, "api.go", "package api\n\nfunc OnEvent() {}\n")
	target := goPackage{Dir: root, GoFiles: []string{"api.go"}}
	shim := filepath.Join(root, "cache")
	var e *Error
	said := source.Problem(filepath.Join(shim, "shim", "3.go"), "", "3.go:9: too many arguments in call to handler.OnEvent")
	if err := inUserCode(said, target, shim); !errors.As(err, &e) || e.File != filepath.Join(root, "api.go") || e.Line != 3 || e.Column != 6 {
		t.Errorf("got %+v", err)
	}
	contains(t, e.Hint, "func OnEvent(ctx context.Context, e cloudevents.Event) error")
	own := source.Problem(filepath.Join(root, "api.go"), "", "api.go:9: undefined: handler.OnEvent")
	if err := inUserCode(own, target, shim); !errors.As(err, &e) || e.Message != own.Message {
		t.Errorf("an error of the user's own code became %v", err)
	}
}

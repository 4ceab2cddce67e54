package packager

import (
	"context"
	"debug/elf"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager/packagertest"
)

const goHandler = `package api

import "net/http"

var Handler http.Handler = http.NotFoundHandler()
`

func TestAGoHandlerBecomesOneStaticProgram(t *testing.T) {
	t.Parallel()
	packagertest.Needs(t, "go")
	root := packagertest.Project(t, "go.mod", "module example.com/shop\n\ngo 1.24\n", "internal/api/api.go", "package api\n\nimport \"net/http\"\n\nvar Handler = http.FileServer(http.Dir(\"static\"))\n", "views/a.html", "a", "static/b.css", "b")
	fn := packagertest.Go("internal/api")
	fn.Build.Include = []string{"views/**"}
	a := build(t, newPackager(t, root), fn)
	if a.Entry != "bootstrap" {
		t.Errorf("entry is %s", a.Entry)
	}
	got := contents(t, a)
	if got["views/a.html"] != "a" || got["static/b.css"] != "b" || len(got) != 3 {
		t.Errorf("got %d entries", len(got))
	}
	if strings.Contains(got["bootstrap"], root) {
		t.Error("the program holds the path of the source folder")
	}
	packagertest.Contains(t, got["bootstrap"], "example.com/shop/internal/api")
}

func TestTheModuleMayLieAboveTheSource(t *testing.T) {
	t.Parallel()
	packagertest.Needs(t, "go")
	root := packagertest.Project(t, "go.mod", "module example.com/shop\n\ngo 1.24\n", "fns/api/api.go", goHandler)
	fn := packagertest.Go(".")
	fn.Source = "fns/api"
	p := newPackager(t, root)
	build(t, p, fn)
	if !build(t, p, fn).Cached {
		t.Error("the second build was no hit")
	}
	packagertest.Write(t, filepath.Join(root, "go.mod"), "module example.com/shop\n\ngo 1.25\n")
	if build(t, p, fn).Cached {
		t.Error("go.mod changed, and the package came from the cache")
	}
}

func TestAVendoredModuleIsCompiledAndSeenWhenItChanges(t *testing.T) {
	t.Parallel()
	packagertest.Needs(t, "go")
	root := packagertest.Project(t, "go.mod", "module example.com/shop\n\ngo 1.24\n\nrequire example.com/shout v1.0.0\n",
		"api.go", strings.Replace(goHandler, `import "net/http"`, "import (\n\t\"net/http\"\n\n\t_ \"example.com/shout\"\n)", 1),
		"vendor/modules.txt", "# example.com/shout v1.0.0\n## explicit; go 1.24\nexample.com/shout\n", "vendor/example.com/shout/shout.go", "package shout\n")
	p, fn := newPackager(t, root), packagertest.Go(".")
	build(t, p, fn)
	if !build(t, p, fn).Cached {
		t.Error("the second build was no hit")
	}
	packagertest.Write(t, filepath.Join(root, "vendor/example.com/shout/shout.go"), "package shout\n\nvar Loud = len(\"!\")\n")
	if build(t, p, fn).Cached {
		t.Error("the vendored module changed, and the package came from the cache")
	}
}

func TestGoBuildsForTheArchitectureOfThePlatform(t *testing.T) {
	t.Parallel()
	packagertest.Needs(t, "go")
	root := packagertest.Project(t, "go.mod", "module example.com/shop\n\ngo 1.24\n", "main.go", "package main\n\nfunc main() {}\n")
	fn := packagertest.Go(".")
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
	t.Parallel()
	packagertest.Needs(t, "go")
	root := packagertest.Project(t, "go.mod", "module example.com/shop\n\ngo 1.24\n", "api/api.go",
		"package api\n\nimport \"net/http\"\n\nvar Handler http.Handler = nothing\n\nvar x int = \"\"\n")
	_, err := newPackager(t, root).Build(context.Background(), packagertest.Go("api"), packagertest.Local("go"))
	many, ok := err.(Errors) //nolint:errorlint // the very type is what is promised
	if !ok || len(many) != 2 {
		t.Fatalf("got %T %v, want two problems", err, err)
	}
	if e := many[0]; e.File != "api/api.go" || e.Line != 5 || e.Column != 28 {
		t.Errorf("got %+v", e)
	}
	packagertest.Contains(t, many[0].Message, "undefined: nothing")
}

func TestGoMistakesSayWhatToDo(t *testing.T) {
	t.Parallel()
	packagertest.Needs(t, "go")
	const mod = "module example.com/shop\n\ngo 1.24\n"
	for name, c := range map[string]struct {
		files         []string
		message, hint string
	}{
		"a program with style go": {[]string{"go.mod", mod, "a.go", "package main\n\nfunc main() {}\n"}, "package main", "style: server"},
		"a program of Lambda": {
			[]string{
				"go.mod", mod + "\nrequire github.com/aws/aws-lambda-go v1.0.0\n\nreplace github.com/aws/aws-lambda-go => ./lib\n", "lib/go.mod", "module github.com/aws/aws-lambda-go\n",
				"lib/lambda/a.go", "package lambda\n\nfunc Start(any) {}\n", "a.go", "package main\n\nimport \"github.com/aws/aws-lambda-go/lambda\"\n\nfunc main() { lambda.Start(nil) }\n",
			}, "a program for AWS Lambda", "style: lambda",
		},
		"functions of Google's framework": {
			[]string{
				"go.mod", mod + "\nrequire github.com/GoogleCloudPlatform/functions-framework-go v1.0.0\n\nreplace github.com/GoogleCloudPlatform/functions-framework-go => ./lib\n",
				"lib/go.mod", "module github.com/GoogleCloudPlatform/functions-framework-go\n", "lib/functions/a.go", "package functions\n\nfunc HTTP(string, any) {}\n",
				"a.go", "package api\n\nimport \"github.com/GoogleCloudPlatform/functions-framework-go/functions\"\n\nfunc init() { functions.HTTP(\"A\", nil) }\n",
			},
			"registers its functions", "style: gcf",
		},
		"a package of nothing":     {[]string{"go.mod", mod, "a.go", "package api\n"}, "neither Handler nor OnEvent", "var Handler"},
		"no module":                {[]string{"a.go", goHandler}, "no go.mod", "go mod init"},
		"a module that is missing": {[]string{"go.mod", mod, "a.go", "package api\n\nimport \"example.com/none\"\n\nvar Handler = none.H\n"}, "example.com/none", "go mod tidy"},
		"Handler for another OS":   {[]string{"go.mod", mod, "a.go", "package api\n", "h_plan9.go", goHandler}, "neither Handler", "var Handler"},
	} {
		t.Run(name, func(t *testing.T) {
			e := failure(t, newPackager(t, packagertest.Project(t, c.files...)), packagertest.Go("."))
			packagertest.Contains(t, e.Message, c.message)
			packagertest.Contains(t, e.Hint, c.hint)
		})
	}
}

func TestAWrongDeclarationIsShownWhereItStands(t *testing.T) {
	t.Parallel()
	packagertest.Needs(t, "go")
	for name, c := range map[string]struct {
		code, message, hint string
		column              int
	}{
		"a function": {"func Handler(w http.ResponseWriter, r *http.Request) {}", "Handler is a function, not an http.Handler", "http.HandlerFunc(handle)", 6},
		"a value":    {"var Handler = http.StatusOK", "Handler is not an http.Handler", "declare `var Handler http.Handler`", 5},
	} {
		t.Run(name, func(t *testing.T) {
			root := packagertest.Project(t, "go.mod", "module example.com/shop\n\ngo 1.24\n", "api/api.go", "package api\n\nimport \"net/http\"\n\n"+c.code+"\n\nvar _ http.Handler\n")
			e := failure(t, newPackager(t, root), packagertest.Go("api"))
			packagertest.Contains(t, e.Message, c.message)
			packagertest.Contains(t, e.Hint, c.hint)
			if e.File != "api/api.go" || e.Line != 5 || e.Column != c.column {
				t.Errorf("it is shown at %s:%d:%d", e.File, e.Line, e.Column)
			}
		})
	}
}

func TestGoFlagsOfTheUserDoNotChangeThePackage(t *testing.T) {
	packagertest.Needs(t, "go")
	root := packagertest.Project(t, "go.mod", "module example.com/shop\n\ngo 1.24\n", "api.go", goHandler)
	plain := build(t, newPackager(t, root), packagertest.Go("."))
	t.Setenv("GOFLAGS", "-trimpath=false -race -tags=x")
	t.Setenv("GOAMD64", "v3")
	packagertest.Equal(t, build(t, newPackager(t, root), packagertest.Go(".")).ZipDigest, plain.ZipDigest)
}

func TestAChangedDependencyInsideTheTreeIsRebuilt(t *testing.T) {
	t.Parallel()
	packagertest.Needs(t, "go")
	root := packagertest.Project(t, "go.mod", "module example.com/shop\n\ngo 1.24\n", "lib/lib.go", "package lib\n\nconst Name = \"one\"\n", "lib/page.html", "x",
		"api/api.go", "package api\n\nimport (\n\t\"net/http\"\n\n\t\"example.com/shop/lib\"\n)\n\nvar Handler = http.RedirectHandler(lib.Name, 302)\n")
	p := newPackager(t, root)
	before := build(t, p, packagertest.Go("api"))
	packagertest.Write(t, filepath.Join(root, "lib/lib.go"), "package lib\n\nconst Name = \"two\"\n")
	after := build(t, p, packagertest.Go("api"))
	if after.Cached || after.Digest == before.Digest {
		t.Error("the change of a dependency was not seen")
	}
	if runtime.GOOS == "linux" {
		packagertest.Age(t, root)
		build(t, p, packagertest.Go("api"))
		packagertest.Write(t, filepath.Join(root, "lib/new.go"), "package lib\n\nfunc init() { println() }\n")
		if build(t, p, packagertest.Go("api")).Cached {
			t.Error("a new file of a dependency was not seen")
		}
	}
}

func TestWhatNeedsCIsRefusedByName(t *testing.T) {
	t.Parallel()
	packagertest.Needs(t, "go")
	const (
		mod     = "module example.com/shop\n\ngo 1.24\n"
		with    = mod + "\nrequire github.com/mattn/go-sqlite3 v1.0.0\n\nreplace github.com/mattn/go-sqlite3 => ./db\n"
		actual  = "package sqlite3\n\nimport \"C\"\n\nconst Name = \"real\"\n\nfunc Open() {}\n"
		without = "//go:build !cgo\n\npackage sqlite3\n\nconst Name = \"in Go\"\n"
		own     = "package api\n\n// int one(void) { return 1; }\nimport \"C\"\n\nfunc one() int { return int(C.one()) }\n"
	)
	library := func(files ...string) []string {
		return append(files, "go.mod", with, "db/go.mod", "module github.com/mattn/go-sqlite3\n\ngo 1.24\n",
			"store/store.go", "package store\n\nimport sqlite3 \"github.com/mattn/go-sqlite3\"\n\nconst Name = sqlite3.Name\n",
			"api.go", "package api\n\nimport (\n\t\"net/http\"\n\n\t\"example.com/shop/store\"\n)\n\nvar Handler = http.RedirectHandler(store.Name, 302)\n")
	}
	chain := "github.com/mattn/go-sqlite3 is written in C in part, and packages are built without C: example.com/shop imports example.com/shop/store imports github.com/mattn/go-sqlite3"
	for name, c := range map[string]struct {
		files         []string
		message, hint string
	}{
		"a file of one's own":        {[]string{"go.mod", mod, "api.go", goHandler, "fast.go", own}, `fast.go imports "C"`, "runtime: custom"},
		"a package with stubs":       {library("db/db.go", actual, "db/stub.go", without), chain, "modernc.org/sqlite"},
		"a package of nothing but C": {library("db/db.go", actual), chain, "modernc.org/sqlite"},
	} {
		t.Run(name, func(t *testing.T) {
			e := failure(t, newPackager(t, packagertest.Project(t, c.files...)), packagertest.Go("."))
			packagertest.Contains(t, e.Message, c.message)
			packagertest.Contains(t, e.Hint, c.hint)
		})
	}
	for name, more := range map[string]string{
		"all in Go too":        without + "\nfunc Open() {}\n",
		"C for another system": "//go:build plan9\n\npackage sqlite3\n\nimport \"C\"\n\nfunc Other() {}\n",
	} {
		t.Run(name, func(t *testing.T) {
			plain := "package sqlite3\n\nconst Name = \"in Go\"\n"
			files := library("db/db.go", plain, "db/more.go", more)
			if strings.Contains(more, "!cgo") {
				files = library("db/db.go", actual, "db/more.go", more)
			}
			build(t, newPackager(t, packagertest.Project(t, files...)), packagertest.Go("."))
		})
	}
}

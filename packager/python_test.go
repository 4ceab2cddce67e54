package packager

import (
	"archive/zip"
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/ferryfn/ferry/manifest"
)

// wheel writes a package of one module for pip.
func wheel(t *testing.T, dir, text string) {
	t.Helper()
	path := filepath.Join(dir, "greet-1.0-py3-none-any.whl")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := zip.NewWriter(f)
	record := ""
	for _, e := range [][2]string{
		{"greet/__init__.py", text},
		{"greet/cacert.pem", pemCert},
		{"greet-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: greet\nVersion: 1.0\n"},
		{"greet-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"},
		{"greet-1.0.dist-info/entry_points.txt", "[console_scripts]\ngreet = greet:main\n"},
		{"greet-1.0.dist-info/RECORD", ""},
	} {
		record += e[0] + ",,\n"
		if strings.HasSuffix(e[0], "RECORD") {
			e[1] = record
		}
		part, err := w.Create(e[0])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := part.Write([]byte(e[1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func needsPip(t *testing.T) {
	t.Helper()
	needs(t, "python3")
	if !(tool{dir: t.TempDir(), name: "python3", args: []string{"-c", "import pip"}}).works(t.Context()) {
		t.Skip("pip is not installed")
	}
}

func TestRequirementsLieBesideTheCode(t *testing.T) {
	needsPip(t)
	root := project(t, "app.py", "import greet\napp = greet.HELLO\n", "requirements.txt", "# ours\n./wheels/greet-1.0-py3-none-any.whl\n", ".ferryignore", "wheels\n")
	wheel(t, filepath.Join(root, "wheels"), "HELLO = 'hello'\ndef main(): pass\n")
	age(t, root)
	p := newPackager(t, root)
	a := build(t, p, pythonFn("app:app"))
	got := contents(t, a)
	var names []string
	for name := range got {
		names = append(names, name)
	}
	equal(t, sorted(names), []string{
		"app.py", "ferry_config.json", "ferry_entry.py",
		"greet-1.0.dist-info/METADATA", "greet-1.0.dist-info/RECORD", "greet-1.0.dist-info/WHEEL", "greet-1.0.dist-info/entry_points.txt",
		"greet/__init__.py", "greet/cacert.pem", "requirements.txt",
	})
	if strings.Contains(got["greet-1.0.dist-info/RECORD"], "bin/") {
		t.Errorf("RECORD names what is not there:\n%s", got["greet-1.0.dist-info/RECORD"])
	}
	if said := output(t, unpack(t, a), "python3", "-c", "import app; print(app.app)"); said != "hello\n" {
		t.Errorf("got %q", said)
	}
	equal(t, build(t, newPackager(t, root), pythonFn("app:app")).ZipDigest, a.ZipDigest)
	if !build(t, p, pythonFn("app:app")).Cached {
		t.Error("nothing changed, and it was built")
	}
	wheel(t, filepath.Join(root, "wheels"), "HELLO = 'changed'\n")
	if got := contents(t, build(t, p, pythonFn("app:app"))); !strings.Contains(got["greet/__init__.py"], "changed") {
		t.Error("a changed wheel was not seen")
	}
}

func TestFunctionsOfOneListShareOneInstallation(t *testing.T) {
	needsPip(t)
	root := t.TempDir()
	for _, fn := range []string{"a", "b"} {
		fill(t, filepath.Join(root, fn), "app.py", "", "requirements.txt", "./greet-1.0-py3-none-any.whl\n")
		wheel(t, filepath.Join(root, fn), "")
	}
	p := newPackager(t, root)
	for _, source := range []string{"a", "b"} {
		fn := pythonFn("app:app")
		fn.Source = source
		build(t, p, fn)
	}
	if n := len(readDir(filepath.Join(p.Cache, "python"))); n != 1 {
		t.Errorf("%d installations", n)
	}
}

func TestAPackageWithoutAWheelIsNamed(t *testing.T) {
	needsPip(t)
	t.Setenv("PIP_NO_INDEX", "1")
	t.Setenv("UV_OFFLINE", "1")
	e := failure(t, newPackager(t, project(t, "app.py", "", "requirements.txt", "no-such-thing-as-this==1.0\n")), pythonFn("app:app"))
	contains(t, e.Message, "no-such-thing-as-this has no wheel for Python 3.11 on "+runtime.GOOS)
	contains(t, e.Hint, "no-such-thing-as-this")
	if e.File != "requirements.txt" {
		t.Errorf("got file %s", e.File)
	}
}

func TestMissingToolsAreNamedWithHowToGetThem(t *testing.T) {
	py := project(t, "app.py", "", "requirements.txt", "flask\n")
	goRoot := project(t, "go.mod", "module example.com/x\n", "a.go", goHandler)
	t.Setenv("PATH", t.TempDir())
	e := failure(t, newPackager(t, py), pythonFn("app:app"))
	contains(t, e.Message, "uv or pip")
	contains(t, e.Hint, "install uv", "Python 3.11")
	e = failure(t, newPackager(t, goRoot), goFn("."))
	contains(t, e.Message, "go command was not found")
	contains(t, e.Hint, "go.dev/dl")
}

func TestDependenciesThatAreNotReadYetAreNoSilentLoss(t *testing.T) {
	root := project(t, "app.py", "", "pyproject.toml", "[project]\nname = 'x'\ndependencies = [\n  'flask',\n]\n")
	contains(t, failure(t, newPackager(t, root), pythonFn("app:app")).Message, "pyproject.toml are not read yet")
	build(t, newPackager(t, project(t, "app.py", "", "pyproject.toml", "[project]\ndependencies = []\n[tool.ruff]\n")), pythonFn("app:app"))
}

func TestAMissingModuleNamesTheNearest(t *testing.T) {
	e := failure(t, newPackager(t, project(t, "shop/main.py", "")), pythonFn("shop.mian:app"))
	contains(t, e.Message, "there is no module shop.mian")
	contains(t, e.Hint, "shop.main")
}

func TestPythonProgramsAreFilesOrModules(t *testing.T) {
	root := project(t, "main.py", "", "pkg/__main__.py", "", "pkg/web.py", "")
	for handler, entry := range map[string]string{"main.py": "main.py", "pkg": "pkg/__main__.py", "pkg.web": "pkg/web.py", "pkg/web.py": "pkg/web.py"} {
		equal(t, build(t, newPackager(t, root), serverFn(handler)).Entry, entry)
	}
}

func TestAPrebuiltProgramMustFitThePlatform(t *testing.T) {
	data, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	root := project(t, "bin/run", string(data), "views/a", "", "text", "not a program", "script", "#!/bin/sh\n")
	fn := manifest.Function{Name: "c", Source: ".", Handler: "bin/run", Runtime: "custom", Style: manifest.StyleServer, Build: manifest.Build{Include: []string{"views"}}}
	p := newPackager(t, root)
	a := build(t, p, fn)
	if a.Entry != "bin/run" || a.Files != 2 {
		t.Errorf("got %+v", a)
	}
	pl := local("custom")
	pl.Arch = map[string]string{"amd64": "arm64", "arm64": "amd64"}[runtime.GOARCH]
	_, err = p.Build(context.Background(), fn, pl)
	contains(t, asProblem(t, err).Message, "is a program for "+runtime.GOOS+"/"+runtime.GOARCH)
	fn.Handler = "text"
	contains(t, failure(t, p, fn).Message, "neither an ELF nor a Mach-O")
	fn.Handler = "script"
	build(t, p, fn)
	_, err = p.Build(context.Background(), fn, Platform{Shim: "aws", OS: "linux", Arch: "amd64"})
	contains(t, asProblem(t, err).Message, "is a script")
	fn.Handler = "bin/rum"
	contains(t, failure(t, p, fn).Hint, "bin/run")
}

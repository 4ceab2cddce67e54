package packager

import (
	"archive/zip"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager/source"
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
	if !(source.Command{Dir: t.TempDir(), Name: "python3", Args: []string{"-c", "import pip"}}).Works(t.Context()) {
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

// asked are the requirements that a project's files ask for.
func asked(t *testing.T, files ...string) []string {
	t.Helper()
	root := project(t, append(files, "app.py", "")...)
	j, err := newJob(&Packager{Root: root}, pythonFn("app:app"), local("python3.11"))
	if err != nil {
		t.Fatal(err)
	}
	j.In = source.NewRecorder(&source.Hashes{})
	w, err := j.wishes()
	if err != nil {
		t.Fatal(err)
	}
	if w == nil {
		return nil
	}
	return w.lines
}

func TestAUvLockIsFollowedFromTheProject(t *testing.T) {
	got := asked(t, "pyproject.toml", "[project]\nname = 'My_App'\ndependencies = ['web[fast]', 'Odd.Name']\n", "uv.lock", `
version = 1
[[package]]
name = "my-app"
version = "1"
source = { virtual = "." }
dependencies = [{ name = "web", extra = ["fast"] }, { name = "odd-name", marker = "sys_platform == 'win32'" }]
[package.dev-dependencies]
dev = [{ name = "pytest" }]
[[package]]
name = "web"
version = "2"
source = { registry = "https://example.com/simple" }
dependencies = [{ name = "both" }, { name = "web", extra = ["fast"] }]
wheels = [{ url = "w", hash = "sha256:b" }, { url = "w", hash = "sha256:a" }]
[package.optional-dependencies]
fast = [{ name = "loop", marker = "os_name == 'posix'" }]
[[package]]
name = "odd-name"
version = "3"
dependencies = [{ name = "both" }, { name = "deep" }]
wheels = [{ hash = "sha256:c" }]
[[package]]
name = "both"
version = "4"
wheels = [{ hash = "sha256:d" }]
[[package]]
name = "deep"
version = "5"
dependencies = [{ name = "odd-name" }]
wheels = [{ hash = "sha256:e" }]
[[package]]
name = "loop"
version = "6"
dependencies = [{ name = "deep" }]
wheels = [{ hash = "sha256:f" }]
[[package]]
name = "pytest"
version = "7"
`)
	equal(t, got, []string{
		"both==4 --hash=sha256:d",
		"deep==5 ; ((os_name == 'posix')) or ((sys_platform == 'win32')) --hash=sha256:e",
		"loop==6 ; (os_name == 'posix') --hash=sha256:f",
		"odd-name==3 ; ((os_name == 'posix')) or ((sys_platform == 'win32')) --hash=sha256:c",
		"web==2 --hash=sha256:a --hash=sha256:b",
	})
}

func TestALockWithTooManyWaysToAPackageIsRefusedAtOnce(t *testing.T) {
	lock := "[[package]]\nname = 'x'\nversion = '1'\ndependencies = [{ name = 'p0' }]\n"
	for i := range 40 {
		lock += fmt.Sprintf("[[package]]\nname = 'p%d'\nversion = '1'\n", i)
		if i < 39 {
			lock += fmt.Sprintf("dependencies = [{ name = 'p%d', marker = 'a%d' }, { name = 'p%d', marker = 'b%d' }]\n", i+1, i, i+1, i)
		}
	}
	root := project(t, "app.py", "", "pyproject.toml", "[project]\nname = 'x'\ndependencies = ['p0']\n", "uv.lock", lock)
	e := failure(t, newPackager(t, root), pythonFn("app:app"))
	contains(t, e.Message, "uv.lock asks for p", "more than 500 conditions")
	contains(t, e.Hint, "uv export")
}

func TestAPoetryLockIsFollowedFromTheProject(t *testing.T) {
	got := asked(t, "pyproject.toml", `
[tool.poetry.dependencies]
python = ">=3.11"
requests = {version = "*", extras = ["socks"]}
tomli = {version = "*", python = "<3.11"}
idle = {version = "*", optional = true}
[tool.poetry.group.dev.dependencies]
pytest = "*"
`, "poetry.lock", `
[[package]]
name = "requests"
version = "1"
files = [{file = "a.whl", hash = "sha256:a"}]
[package.dependencies]
idna = ">=2"
PySocks = {version = ">=1", optional = true, markers = "extra == \"socks\" and os_name == \"posix\""}
chardet = {version = ">=1", optional = true, markers = "extra == \"chardet\""}
[package.extras]
socks = ["PySocks (>=1)"]
chardet = ["chardet"]
[[package]]
name = "idna"
version = "2"
files = []
[[package]]
name = "pysocks"
version = "3"
[[package]]
name = "chardet"
version = "4"
[[package]]
name = "tomli"
version = "5"
[[package]]
name = "idle"
version = "6"
[[package]]
name = "pytest"
version = "7"
`)
	equal(t, got, []string{
		"idna==2", `pysocks==3 ; (os_name == "posix")`, "requests==1", `tomli==5 ; (python_full_version < "3.11")`,
	})
}

func TestAProjectWithoutALockIsInstalledAsItSays(t *testing.T) {
	equal(t, asked(t, "pyproject.toml", "[project]\nname = 'x'\ndependencies = [\n  'flask>=2',\n]\n"), []string{"flask>=2"})
	equal(t, asked(t, "pyproject.toml", "[project]\ndependencies = []\n[tool.ruff]\n"), []string(nil))
}

func TestDependenciesThatCannotBeReadAreNoSilentLoss(t *testing.T) {
	project1 := "[project]\nname = 'x'\ndependencies = ['a']\n"
	for _, c := range []struct{ name, text, lock, message, hint string }{
		{"dynamic", "[project]\nname = 'x'\ndynamic = ['dependencies']\n", "", "dynamic", "requirements.txt"},
		{"poetry without lock", "[tool.poetry.dependencies]\na = '*'\n", "", "no poetry.lock", "poetry lock"},
		{"broken", "[project", "", "pyproject.toml cannot be read", "correct"},
		{"old lock", project1, "[[package]]\nname='x'\nversion='1'\n", "older than pyproject.toml", "uv lock"},
		{"no project", project1, "", "does not hold the project x", "uv lock"},
		{"git", project1, "[[package]]\nname='x'\nversion='1'\ndependencies=[{name='a'}]\n[[package]]\nname='a'\nversion='1'\nsource={git='g'}\n", "a comes from a git repository", "wheel"},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := project(t, "app.py", "", "pyproject.toml", c.text)
			if c.lock != "" || c.name == "no project" {
				fill(t, root, "uv.lock", c.lock)
			}
			e := failure(t, newPackager(t, root), pythonFn("app:app"))
			contains(t, e.Message, c.message)
			contains(t, e.Hint, c.hint)
		})
	}
	e := failure(t, newPackager(t, project(t, "app.py", "", "Pipfile", "")), pythonFn("app:app"))
	contains(t, e.Hint, "pipenv requirements")
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
	if _, err = p.Build(context.Background(), fn, Platform{Shim: "aws", OS: "linux", Arch: "amd64", Scripts: true}); err != nil {
		t.Errorf("a platform that starts scripts: %v", err)
	}
	fn.Handler = "bin/rum"
	contains(t, failure(t, p, fn).Hint, "bin/run")
}

func TestTheCLibraryOfAPlatformIsWhatItSaysWhateverItsName(t *testing.T) {
	for _, name := range []string{"local", "aws"} {
		for _, c := range []struct{ os, said, want string }{{"linux", "musl", "musl"}, {"linux", "", "glibc"}, {"darwin", "", ""}} {
			if got := (Platform{Shim: name, OS: c.os, Libc: c.said}).CLibrary(); got != c.want {
				t.Errorf("%s, %s, %q: got %q", name, c.os, c.said, got)
			}
		}
	}
}

package packager

import (
	"archive/zip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/ferryfn/ferry/packager/packagertest"
	"github.com/ferryfn/ferry/packager/source"
)

// wheel writes a package of one module for pip.
func wheel(t *testing.T, dir, text string) {
	t.Helper()
	wheelOf(t, dir, "1.0", "py3-none-any", text)
}

// wheelOf is a version of greet for some platforms.
func wheelOf(t *testing.T, dir, version, tag, text string) {
	t.Helper()
	path := filepath.Join(dir, "greet-"+version+"-"+tag+".whl")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := zip.NewWriter(f)
	record, info := "", "greet-"+version+".dist-info"
	for _, e := range [][2]string{
		{"greet/__init__.py", text},
		{"greet/cacert.pem", pemCert},
		{info + "/METADATA", "Metadata-Version: 2.1\nName: greet\nVersion: " + version + "\n"},
		{info + "/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: " + tag + "\n"},
		{info + "/entry_points.txt", "[console_scripts]\ngreet = greet:main\n"},
		{info + "/RECORD", ""},
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
	packagertest.Needs(t, "python3")
	if !(source.Command{Dir: t.TempDir(), Name: "python3", Args: []string{"-c", "import pip"}}).Works(t.Context()) {
		t.Skip("pip is not installed")
	}
}

func TestRequirementsLieBesideTheCode(t *testing.T) {
	t.Parallel()
	needsPip(t)
	root := packagertest.Project(t, "app.py", "import greet\napp = greet.HELLO\n", "requirements.txt", "# ours\n./wheels/greet-1.0-py3-none-any.whl\n", ".ferryignore", "wheels\n")
	wheel(t, filepath.Join(root, "wheels"), "HELLO = 'hello'\ndef main(): pass\n")
	packagertest.Age(t, root)
	p := newPackager(t, root)
	a := build(t, p, packagertest.Python("app:app"))
	got := contents(t, a)
	var names []string
	for name := range got {
		names = append(names, name)
	}
	packagertest.Equal(t, packagertest.Sorted(names), []string{
		"app.py", "ferry_config.json", "ferry_entry.py",
		"greet-1.0.dist-info/METADATA", "greet-1.0.dist-info/RECORD", "greet-1.0.dist-info/WHEEL", "greet-1.0.dist-info/entry_points.txt",
		"greet/__init__.py", "greet/cacert.pem", "requirements.txt",
	})
	if strings.Contains(got["greet-1.0.dist-info/RECORD"], "bin/") {
		t.Errorf("RECORD names what is not there:\n%s", got["greet-1.0.dist-info/RECORD"])
	}
	if said := packagertest.Output(t, unpack(t, a), "python3", "-c", "import app; print(app.app)"); said != "hello\n" {
		t.Errorf("got %q", said)
	}
	packagertest.Equal(t, build(t, newPackager(t, root), packagertest.Python("app:app")).ZipDigest, a.ZipDigest)
	if !build(t, p, packagertest.Python("app:app")).Cached {
		t.Error("nothing changed, and it was built")
	}
	wheel(t, filepath.Join(root, "wheels"), "HELLO = 'changed'\n")
	if got := contents(t, build(t, p, packagertest.Python("app:app"))); !strings.Contains(got["greet/__init__.py"], "changed") {
		t.Error("a changed wheel was not seen")
	}
}

func TestFunctionsOfOneListShareOneInstallation(t *testing.T) {
	t.Parallel()
	needsPip(t)
	root := t.TempDir()
	for _, fn := range []string{"a", "b"} {
		packagertest.Fill(t, filepath.Join(root, fn), "app.py", "", "requirements.txt", "./greet-1.0-py3-none-any.whl\n")
		wheel(t, filepath.Join(root, fn), "")
	}
	p := newPackager(t, root)
	for _, source := range []string{"a", "b"} {
		fn := packagertest.Python("app:app")
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
	e := failure(t, newPackager(t, packagertest.Project(t, "app.py", "", "requirements.txt", "no-such-thing-as-this==1.0\n")), packagertest.Python("app:app"))
	packagertest.Contains(t, e.Message, "no-such-thing-as-this has no wheel for Python 3.11 on "+runtime.GOOS)
	packagertest.Contains(t, e.Hint, "no-such-thing-as-this")
	if e.File != "requirements.txt" {
		t.Errorf("got file %s", e.File)
	}
}

func TestWheelsAreForTheCLibraryOfTheRuntime(t *testing.T) {
	needsPip(t)
	root := packagertest.Project(t, "app.py", "", "requirements.txt", "greet\n")
	links := filepath.Join(t.TempDir(), "wheels")
	for version, minor := range map[string]string{"1.0": "17", "2.0": "28", "3.0": "34"} {
		wheelOf(t, links, version, "py3-none-manylinux_2_"+minor+"_x86_64", "VERSION = '"+version+"'")
	}
	for _, variable := range []string{"PIP_FIND_LINKS", "UV_FIND_LINKS"} {
		t.Setenv(variable, links)
	}
	for _, variable := range []string{"PIP_NO_INDEX", "UV_NO_INDEX", "UV_OFFLINE"} {
		t.Setenv(variable, "1")
	}
	for glibc, version := range map[int]string{0: "2.0", 26: "1.0", 34: "3.0"} {
		pl := Platform{Shim: "aws", OS: "linux", Arch: "amd64", Libc: "glibc", Glibc: glibc, Runtime: "python3.11"}
		a, err := newPackager(t, root).Build(t.Context(), packagertest.Python("app:app"), pl)
		if err != nil {
			t.Fatal(err)
		}
		packagertest.Equal(t, contents(t, a)["greet/__init__.py"], "VERSION = '"+version+"'")
	}
}

func TestMissingToolsAreNamedWithHowToGetThem(t *testing.T) {
	py := packagertest.Project(t, "app.py", "", "requirements.txt", "flask\n")
	goRoot := packagertest.Project(t, "go.mod", "module example.com/x\n", "a.go", goHandler)
	t.Setenv("PATH", t.TempDir())
	e := failure(t, newPackager(t, py), packagertest.Python("app:app"))
	packagertest.Contains(t, e.Message, "uv or pip")
	packagertest.Contains(t, e.Hint, "install uv", "Python 3.11")
	e = failure(t, newPackager(t, goRoot), packagertest.Go("."))
	packagertest.Contains(t, e.Message, "go command was not found")
	packagertest.Contains(t, e.Hint, "go.dev/dl")
}

func TestPythonProgramsAreFilesOrModules(t *testing.T) {
	t.Parallel()
	root := packagertest.Project(t, "main.py", "", "pkg/__main__.py", "", "pkg/web.py", "")
	for handler, entry := range map[string]string{"main.py": "main.py", "pkg": "pkg/__main__.py", "pkg.web": "pkg/web.py", "pkg/web.py": "pkg/web.py"} {
		packagertest.Equal(t, build(t, newPackager(t, root), packagertest.Server(handler)).Entry, entry)
	}
}

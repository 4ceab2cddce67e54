package python

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ferryfn/ferry/internal/sample"
	"github.com/ferryfn/ferry/packager/packagertest"
	"github.com/ferryfn/ferry/packager/source"
	"github.com/ferryfn/ferry/templates"
)

// backend builds wheels without anything else, and leaves a file beside what it builds, as setuptools does.
const backend = `import os, zipfile
def build_wheel(into, config_settings=None, metadata_directory=None):
    name, tag, *needs = open("wheel.txt").read().split()
    if tag == "broken":
        raise RuntimeError("the compiler is missing")
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(os.path.join(into, f"{name}-1.0-{tag}.whl"), "w") as z:
        z.write("code.py", f"{name}/__init__.py")
        z.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n" + "".join(f"Requires-Dist: {n}\n" for n in needs))
        z.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n")
        z.writestr(f"{info}/RECORD", f"{name}/__init__.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
    open("leftover", "w").close()
    return f"{name}-1.0-{tag}.whl"
build_editable = build_wheel
`

const pure = "py3-none-any"

// library are the files of a package that is built into a wheel of a tag, in a folder.
func library(dir, name, tag, project string, needs ...string) []string {
	if project == "" {
		project = "dynamic = ['dependencies', 'version']\n"
	}
	return []string{
		dir + "/pyproject.toml", "[project]\nname = '" + name + "'\n" + project +
			"[build-system]\nrequires = []\nbuild-backend = 'backend'\nbackend-path = ['.']\n",
		dir + "/backend.py", backend,
		dir + "/wheel.txt", strings.Join(append([]string{name, tag}, needs...), " "),
		dir + "/code.py", "NAME = '" + name + "'\n",
	}
}

// archive writes a package as the archive of its sources.
func archive(t *testing.T, dir, name, tag string, needs ...string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(dir, name+"-1.0.tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	z := gzip.NewWriter(f)
	w := tar.NewWriter(z)
	files := append(library(name+"-1.0", name, tag, "", needs...), name+"-1.0/PKG-INFO", "Metadata-Version: 2.1\nName: "+name+"\nVersion: 1.0\n")
	for i := 0; i < len(files); i += 2 {
		if err := w.WriteHeader(&tar.Header{Name: files[i], Mode: 0o644, ModTime: time.Now(), Size: int64(len(files[i+1]))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(files[i+1])); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []interface{ Close() error }{w, z, f} {
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// wheel writes a package that need not be built.
func wheel(t *testing.T, dir, name, version string) {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, name+"-"+version+"-"+pure+".whl"))
	if err != nil {
		t.Fatal(err)
	}
	z, info := zip.NewWriter(f), name+"-"+version+".dist-info/"
	for _, file := range [][2]string{
		{name + "/__init__.py", "NAME = '" + name + "'\n"},
		{info + "METADATA", "Metadata-Version: 2.1\nName: " + name + "\nVersion: " + version + "\n"},
		{info + "WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: " + pure + "\n"},
		{info + "RECORD", name + "/__init__.py,,\n" + info + "METADATA,,\n" + info + "WHEEL,,\n" + info + "RECORD,,\n"},
	} {
		w, err := z.Create(file[0])
		if err == nil {
			_, err = w.Write([]byte(file[1]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(z.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
}

// eachInstaller runs a test with uv and with pip, each where it is there. pip, which takes ten times as long, has its turn in some of
// the tests.
func eachInstaller(t *testing.T, test func(t *testing.T)) {
	packagertest.Needs(t, "python3")
	python := strings.TrimSpace(packagertest.Output(t, t.TempDir(), "python3", "-c", "import sys; print(sys.executable)"))
	t.Run("uv", func(t *testing.T) {
		packagertest.Needs(t, "uv")
		test(t)
	})
	if testing.Short() || !sample.Of(t, 8).Takes() {
		return
	}
	t.Run("pip", func(t *testing.T) {
		if exec.Command(python, "-m", "pip", "--version").Run() != nil {
			t.Skip("pip is not installed")
		}
		path := t.TempDir()
		for _, name := range []string{"python3", "git"} {
			program := python
			if name != "python3" {
				program, _ = exec.LookPath(name)
			}
			if err := os.WriteFile(filepath.Join(path, name), []byte("#!/bin/sh\nexec "+program+" \"$@\"\n"), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		t.Setenv("PATH", path)
		test(t)
	})
}

// packed are the files of a package by their names.
func packed(t *testing.T, root, of string, change ...func(*source.Job)) (map[string]string, error) {
	t.Helper()
	fn := packagertest.Python("app:app")
	fn.Source = of
	job := packagertest.Job(t, root, fn)
	for _, c := range change {
		c(job)
	}
	made, err := Content(t.Context(), job, templates.Shim{})
	out := map[string]string{}
	for _, f := range made.Files {
		data, err := os.ReadFile(f.Path)
		if err != nil && f.Path != "" {
			t.Fatal(err)
		}
		out[f.Name] = string(data)
	}
	return out, err
}

// holds wants the packages of some names to be in a package.
func holds(t *testing.T, files map[string]string, names ...string) {
	t.Helper()
	for _, name := range names {
		if got := files[name+"/__init__.py"]; got != "NAME = '"+name+"'\n" {
			t.Errorf("%s is not packaged: %q", name, got)
		}
		if files[name+"-1.0.dist-info/METADATA"] == "" {
			t.Errorf("importlib.metadata finds nothing of %s", name)
		}
	}
	for name := range files {
		if strings.HasSuffix(name, ".pth") || strings.HasSuffix(name, "leftover") {
			t.Errorf("%s is packaged", name)
		}
	}
}

func TestSourcesAndFoldersAreBuilt(t *testing.T) {
	eachInstaller(t, func(t *testing.T) {
		root := packagertest.Project(t, slices.Concat([]string{
			"fn/app.py", "", "fn/requirements.txt", "--no-index\n--find-links ../dist\nold==1.0 # of sources only\n../lib\n-e ../edited\n./near ; python_version > '3'\n",
		}, library("lib", "lib", pure, "", "deep"), library("edited", "edited", pure, ""), library("fn/near", "near", pure, ""))...)
		archive(t, filepath.Join(root, "dist"), "old", pure)
		archive(t, filepath.Join(root, "dist"), "deep", pure)
		files, err := packed(t, root, "fn")
		if err != nil {
			t.Fatal(err)
		}
		holds(t, files, "old", "deep", "lib", "edited", "near")
		for _, left := range []string{"lib", "edited", "fn/near"} {
			if source.Exists(filepath.Join(root, left, "leftover")) {
				t.Errorf("the build wrote into %s", left)
			}
		}
	})
}

// A project whose modules lie in src is imported by whoever installs it, as its tools do.
func TestAProjectWithItsModulesInSrcIsInstalled(t *testing.T) {
	eachInstaller(t, func(t *testing.T) {
		own := append(library("fn", "shop", pure, "version = '1.0'\n"), "fn/src/shop/__init__.py", "NAME = 'shop'\n", "fn/src/shop/web.py", "", "fn/app.py", "import shop")
		for _, handler := range []string{"app:app", "shop.web:app"} {
			files, err := packed(t, packagertest.Project(t, own...), "fn", func(j *source.Job) { j.Function.Handler = handler })
			if err != nil {
				t.Fatal(err)
			}
			holds(t, files, "shop")
		}
	})
	for name, project := range map[string]string{"uv": "[tool.uv]\npackage = false\n", "Poetry": "[tool.poetry]\npackage-mode = false\n", "no build system": ""} {
		t.Run("not by "+name, func(t *testing.T) {
			text := "[project]\nname = 'shop'\nversion = '1.0'\n" + project
			if project != "" {
				text += "[build-system]\nrequires = []\nbuild-backend = 'backend'\nbackend-path = ['.']\n"
			}
			files, err := packed(t, packagertest.Project(t, "fn/pyproject.toml", text, "fn/app.py", "", "fn/src/shop/__init__.py", ""), "fn")
			if _, there := files["shop/__init__.py"]; there || err != nil {
				t.Errorf("it is installed: %v", err)
			}
		})
	}
}

// A handler that is found only there is one that its users import from there.
func TestTheModulesInSrcOfAProjectThatIsNotInstalledAreFoundWhereTheyLie(t *testing.T) {
	for handler, looks := range map[string]bool{"shop.web:app": true, "src.shop.web:app": false, "app:app": false} {
		project := packagertest.Project(t, "fn/requirements.txt", "", "fn/app.py", "", "fn/src/shop/__init__.py", "", "fn/src/shop/web.py", "")
		files, err := packed(t, project, "fn", func(j *source.Job) { j.Function.Handler = handler })
		if err != nil {
			t.Fatal(err)
		}
		if _, there := files["ferry-src.pth"]; there != looks {
			t.Errorf("%s: the package has %v", handler, slices.Sorted(maps.Keys(files)))
		}
	}
}

func TestAChangeInAFolderIsAnotherInstallation(t *testing.T) {
	root := packagertest.Project(t, append(library("lib", "lib", pure, ""), "app.py", "", "requirements.txt", "./lib\n")...)
	sum := func() string {
		of := packagertest.Job(t, root, packagertest.Python("app:app"))
		w, err := (&job{Job: of}).wishes(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		seen := false
		for _, in := range of.In.List() {
			seen = seen || in.Path == filepath.Join(root, "lib/code.py")
		}
		if !seen {
			t.Error("the folder is no input of the package")
		}
		return w.sum + w.held
	}
	was := sum()
	packagertest.Equal(t, sum(), was)
	packagertest.Fill(t, root, "lib/code.py", "NAME = 'changed'\n")
	if sum() == was {
		t.Error("a change in the folder is not seen")
	}
}

// The wheel is taken away, so that who installed it again would fail.
func TestAChangeInAFolderInstallsNothingElseAnew(t *testing.T) {
	wheels := t.TempDir()
	for name, value := range map[string]string{
		"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": wheels, "UV_OFFLINE": "1", "UV_FIND_LINKS": wheels, "UV_NO_CACHE": "1",
	} {
		t.Setenv(name, value)
	}
	eachInstaller(t, func(t *testing.T) {
		wheel(t, wheels, "other", "1.0")
		root := packagertest.Project(t, append(library("core", "core", pure, ""),
			"api/app.py", "", "api/pyproject.toml", "[tool.poetry.dependencies]\npython = '^3.9'\ncore = {path = '../core'}\nother = '*'\n",
			"api/poetry.lock", "[[package]]\nname = 'core'\nversion = '1.0'\nfiles = []\n[package.source]\ntype = 'directory'\nurl = '../core'\n"+
				"[[package]]\nname = 'other'\nversion = '1.0'\nfiles = []\n")...)
		kept := t.TempDir()
		install := func(_ context.Context, of source.Installation, fill func(dir string) error) (string, error) {
			dir := filepath.Join(kept, of.Kind+source.DigestOf(of.Of...))
			if source.Exists(dir) {
				return dir, nil
			}
			return dir, errors.Join(os.Mkdir(dir, 0o755), fill(dir))
		}
		files := func() map[string]string {
			files, err := packed(t, root, "api", func(j *source.Job) { j.Install = install })
			if err != nil {
				t.Fatal(err)
			}
			return files
		}
		before := files()
		holds(t, before, "core", "other")
		if err := os.Remove(filepath.Join(wheels, "other-1.0-"+pure+".whl")); err != nil {
			t.Fatal(err)
		}
		packagertest.Fill(t, root, "core/code.py", "NAME = 'changed'\n")
		after := files()
		packagertest.Equal(t, after["core/__init__.py"], "NAME = 'changed'\n")
		after["core/__init__.py"] = before["core/__init__.py"]
		packagertest.Equal(t, after, before)
	})
}

func TestWheelsAreSharedBetweenFileSystemsAndNeverInPart(t *testing.T) {
	other := t.TempDir()
	if dir, err := os.MkdirTemp("/dev/shm", "ferry"); err == nil { //nolint:usetesting // another file system, where there is one
		other = dir
		t.Cleanup(func() { _ = os.RemoveAll(dir) })
	}
	from := packagertest.Project(t, "pkg/__init__.py", "NAME = 'pkg'\n")
	if err := link(from, other); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(filepath.Join(other, "pkg/__init__.py")); err != nil || string(data) != "NAME = 'pkg'\n" {
		t.Errorf("got %q, %v", data, err)
	}
	if err := link(filepath.Join(from, "gone"), other); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("wheels that another run took away: %v", err)
	}
}

// A release that has no wheel for the platform must not make what was packaged yesterday impossible.
func TestAnOlderVersionWithAWheelGoesBeforeOneThatMustBeBuilt(t *testing.T) {
	eachInstaller(t, func(t *testing.T) {
		root := packagertest.Project(t, "app.py", "", "requirements.txt", "--no-index\n--find-links ./dist\nasks\nnewer>=1.0\n")
		dist := filepath.Join(root, "dist")
		archive(t, dist, "asks", pure, "deep")
		archive(t, dist, "deep", "cp27-cp27-linux_m68k")
		archive(t, dist, "newer", pure)
		wheel(t, dist, "deep", "0.9")
		wheel(t, dist, "newer", "0.9")
		files, err := packed(t, root, ".")
		if err != nil {
			t.Fatal(err)
		}
		holds(t, files, "asks", "newer")
		packagertest.Contains(t, files["deep-0.9.dist-info/METADATA"], "Version: 0.9")
	})
}

func TestAPinIsToldFromARange(t *testing.T) {
	for line, want := range map[string]bool{
		"a==1": true, "a[b]===1.0 ; os_name == 'c'": true, "a == 1.0": true, "a==1,<2": true, "a==1 --hash=sha256:0": true,
		"a": false, "a==1.*": false, "a>=1": false, "a!=1": false, "a<=1 ; os_name == 'c'": false, "a ; python_version == '3'": false,
	} {
		if got := pin().MatchString(line); got != want {
			t.Errorf("%s is a pin: %v", line, got)
		}
	}
}

func TestAllThatCannotBeHadIsNamedAtOnce(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the wheels are for Linux")
	}
	tag := "cp311-cp311-linux_" + map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[runtime.GOARCH]
	eachInstaller(t, func(t *testing.T) {
		root := packagertest.Project(t, "app.py", "", "requirements.txt", "--no-index\n--find-links ./dist\nfast==1.0\nquick==1.0\nfine==1.0\n")
		for name, tag := range map[string]string{"fast": tag, "quick": tag, "fine": pure} {
			archive(t, filepath.Join(root, "dist"), name, tag)
			wheel(t, filepath.Join(root, "dist"), name, "0.9") // a pin is not moved for it
		}
		if runtime.GOARCH == "amd64" { // what a build gives for this machine is taken for it
			files, err := packed(t, root, ".")
			if packagertest.ThisPython(t) == "python3.11" && err != nil {
				t.Error(err)
			} else if err == nil {
				holds(t, files, "fast", "quick", "fine")
			}
		}
		job := packagertest.Job(t, root, packagertest.Python("app:app"))
		job.Platform.Arch = map[string]string{"amd64": "arm64", "arm64": "amd64"}[runtime.GOARCH]
		_, err := Content(t.Context(), job, templates.Shim{})
		if err == nil {
			t.Fatal("programs for this machine are packaged for another one")
		}
		for _, name := range []string{"fast", "quick"} {
			packagertest.Contains(t, err.Error(), name+" 1.0 has no wheel for Python 3.11 on linux/"+job.Platform.Arch+", and what is built")
		}
		if strings.Contains(err.Error(), "fine") {
			t.Errorf("what can be built is refused: %v", err)
		}
		packagertest.OfUser(t, err)
	})
}

func TestABuildThatFailsIsToldFromAVersionThatIsNotThere(t *testing.T) {
	eachInstaller(t, func(t *testing.T) {
		root := packagertest.Project(t, append(library("lib", "lib", "broken", "version = '1.0'\n"), "app.py", "", "requirements.txt", "./lib\n")...)
		_, err := packed(t, root, ".")
		e := packagertest.OfUser(t, err)
		packagertest.Contains(t, e.Message, "the compiler is missing")
		if strings.Contains(e.Message, "no such version") {
			t.Errorf("the version is there: %s", e.Message)
		}
		archive(t, filepath.Join(root, "dist"), "old", pure)
		packagertest.Fill(t, root, "requirements.txt", "--no-index\n--find-links ./dist\nold==2.0\n")
		_, err = packed(t, root, ".")
		e = packagertest.OfUser(t, err)
		packagertest.Contains(t, e.Message, "old has no wheel for Python 3.11", "or no such version")
		if pip := strings.HasSuffix(t.Name(), "pip"); strings.Contains(e.Hint, "install uv") != pip {
			t.Errorf("the hint is %q", e.Hint)
		}
	})
}

func TestAnIndexThatDoesNotAnswerIsNoMissingWheel(t *testing.T) {
	for name, value := range map[string]string{
		"PIP_INDEX_URL": "http://127.0.0.1:1/simple", "PIP_RETRIES": "1", "PIP_NO_INDEX": "", "UV_DEFAULT_INDEX": "http://127.0.0.1:1/simple",
		"UV_HTTP_RETRIES": "0", "UV_CACHE_DIR": t.TempDir(), "PIP_CONFIG_FILE": os.DevNull, "UV_NO_CONFIG": "1",
	} {
		t.Setenv(name, value)
	}
	eachInstaller(t, func(t *testing.T) {
		_, err := packed(t, packagertest.Project(t, "app.py", "", "requirements.txt", "idna\n"), ".")
		e := packagertest.OfUser(t, err)
		packagertest.Contains(t, e.Message, "the package index does not answer")
		packagertest.Contains(t, e.Hint, "network")
		if strings.Contains(e.Message, "wheel") {
			t.Errorf("nobody knows whether there is a wheel: %s", e.Message)
		}
	})
}

func TestMembersOfAWorkspaceAreBuilt(t *testing.T) {
	packagertest.Needs(t, "uv", "python3")
	const member = "version = '1.0'\nrequires-python = '>=3.9'\n"
	root := packagertest.Project(t, slices.Concat([]string{
		"pyproject.toml", "[tool.uv.workspace]\nmembers = ['api', 'libs/*']\n", "api/app.py", "",
		"api/pyproject.toml", "[project]\nname = 'api'\n" + member + "dependencies = ['core']\n[tool.uv.sources]\ncore = {workspace = true}\n",
	}, library("libs/core", "core", pure, member+"dependencies = ['deep']\n[tool.uv.sources]\ndeep = {workspace = true}\n", "deep"),
		library("libs/deep", "deep", pure, member), library("libs/unused", "unused", "broken", member))...)
	packagertest.Output(t, root, "uv", "lock", "-q", "--offline")
	packagertest.Age(t, root)
	eachInstaller(t, func(t *testing.T) {
		files, err := packed(t, root, "api")
		if err != nil {
			t.Fatal(err)
		}
		holds(t, files, "core", "deep")
	})
	packagertest.Fill(t, root, "api/pyproject.toml", "[project]\nname = 'api'\n"+member+"dependencies = ['core', 'deep', 'unheard-of']\n[tool.uv.sources]\ncore = {workspace = true}\n")
	t.Setenv("UV_OFFLINE", "1")
	_, err := packed(t, root, "api")
	e := packagertest.OfUser(t, err)
	packagertest.Contains(t, e.Message, "uv.lock does not say what pyproject.toml asks for")
	packagertest.Contains(t, e.Hint, "uv lock")
}

func TestFoldersOfPoetryAreBuilt(t *testing.T) {
	root := packagertest.Project(t, append(library("core", "core", pure, ""),
		"api/app.py", "", "api/pyproject.toml", "[tool.poetry.dependencies]\npython = '^3.9'\ncore = {path = '../core', develop = true}\n",
		"api/poetry.lock", "[[package]]\nname = 'core'\nversion = '1.0'\nfiles = []\n[package.source]\ntype = 'directory'\nurl = '../core'\n")...)
	eachInstaller(t, func(t *testing.T) {
		files, err := packed(t, root, "api")
		if err != nil {
			t.Fatal(err)
		}
		holds(t, files, "core")
	})
}

func TestAProjectThatOnlyItsBuildKnowsIsInstalledAsAWhole(t *testing.T) {
	for name, files := range map[string][]string{
		"the project itself":   {"requirements.txt", "--no-index\n--find-links dist\n-e .\n"},
		"dynamic dependencies": {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("PIP_NO_INDEX", "1")
			t.Setenv("PIP_FIND_LINKS", "dist")
			t.Setenv("UV_NO_INDEX", "1")
			t.Setenv("UV_FIND_LINKS", "dist")
			eachInstaller(t, func(t *testing.T) {
				root := packagertest.Project(t, slices.Concat(files, []string{"app.py", ""}, library(".", "whole", pure, "", "deep"))...)
				archive(t, filepath.Join(root, "dist"), "deep", pure)
				got, err := packed(t, root, ".")
				if err != nil {
					t.Fatal(err)
				}
				holds(t, got, "whole", "deep")
			})
		})
	}
}

func TestWhatIsBuiltForACloudNeedsOnlyWhatIsThere(t *testing.T) {
	packagertest.Needs(t, "cc")
	if runtime.GOOS != "linux" {
		t.Skip("it is about ELF")
	}
	dir := packagertest.Project(t, "site/fast/a.c", "int rare(void) { return 1; }", "b.c", "int rare(void); int both(void) { return rare(); }")
	packagertest.Output(t, dir, "cc", "-shared", "-fPIC", "-o", "site/fast/librare.so", "site/fast/a.c")
	if why := (&job{Job: &source.Job{}}).foreign(filepath.Join(dir, "site")); why != "" {
		t.Error(why)
	}
	packagertest.Output(t, dir, "cc", "-shared", "-fPIC", "-o", "site/fast/_b.so", "b.c", "-Lsite/fast", "-lrare")
	if why := (&job{Job: &source.Job{}}).foreign(filepath.Join(dir, "site")); why != "" {
		t.Errorf("its own library: %s", why)
	}
	if err := os.Remove(filepath.Join(dir, "site/fast/librare.so")); err != nil {
		t.Fatal(err)
	}
	packagertest.Contains(t, (&job{Job: &source.Job{}}).foreign(filepath.Join(dir, "site")), "_b.so", "the library librare.so")
}

func TestWhatIsBuiltForThisMachineIsNotTakenForACloud(t *testing.T) {
	root := packagertest.Project(t, append(library("lib", "lib", pure, ""), "app.py", "", "requirements.txt", "./lib\n")...)
	key := func(shim string) string {
		of := packagertest.Job(t, root, packagertest.Python("app:app"))
		of.Platform.Shim = shim
		var asked source.Installation
		of.Install = func(_ context.Context, i source.Installation, _ func(dir string) error) (string, error) {
			asked = i
			return t.TempDir(), os.ErrNotExist
		}
		if _, err := (&job{Job: of}).requirements(t.Context()); err == nil {
			t.Fatal("nothing was installed")
		}
		return source.DigestOf(asked.Of...)
	}
	packagertest.Equal(t, key("local"), key("local"))
	packagertest.Equal(t, key("aws"), key("gcp"))
	if key("local") == key("aws") {
		t.Error("an installation for this machine serves a cloud")
	}
}

func TestWhatNamesAWheelIsNotBuilt(t *testing.T) {
	for line, want := range map[string]bool{
		"idna": false, "idna==3 ; os_name == 'posix'": false, "-c /a/list.txt": false, "/a/x-1-py3-none-any.whl": false,
		"x @ https://example.com/x-1-py3-none-any.whl#sha256=0": false, "x @ https://example.com/x.tar.gz ; os_name == 'nt'": true,
		"x @ git+https://example.com/x@1": true, "./lib[fast]": true, "/a/lib": true, "x @ file:///a/lib": true, "x ://": false, "://": false,
	} {
		if got := mustBuild(line); got != want {
			t.Errorf("%s is built: %v", line, got)
		}
	}
}

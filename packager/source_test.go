package packager

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager/packagertest"
)

// sourcePackage packages a function for a cloud that builds by itself.
func sourcePackage(t *testing.T, root string, fn manifest.Function) Artifact {
	t.Helper()
	pl := packagertest.Local(fn.Runtime)
	pl.OS, pl.Arch, pl.Source = "linux", "amd64", true
	a, err := newPackager(t, root).Build(t.Context(), fn, pl)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestAGoSourcePackageCompilesWithoutAnyModuleFromElsewhere(t *testing.T) {
	packagertest.Needs(t, "go")
	root := packagertest.Project(t, "api/go.mod", "module example.com/api\n\ngo 1.24\n\nrequire example.com/lib v0.0.0\n\nreplace example.com/lib => ../lib\n",
		"api/web/web.go", strings.Replace(goHandler, "package api", "package web", 1)+"\nvar _ = lib.Hello\n", "api/web/web_test.go", "package web\n",
		"api/.env", "SECRET=1", "lib/go.mod", "module example.com/lib\n", "lib/lib.go", "package lib\n\nconst Hello = 1\n")
	text, err := os.ReadFile(root + "/api/web/web.go")
	if err != nil {
		t.Fatal(err)
	}
	packagertest.Fill(t, root, "api/web/web.go", strings.Replace(string(text), `import "net/http"`, "import (\n\t\"net/http\"\n\n\t\"example.com/lib\"\n)", 1))
	fn := packagertest.Go("web")
	fn.Source = "api"
	a := sourcePackage(t, root, fn)
	got := contents(t, a)
	for _, name := range []string{"go.mod", "web/web.go", "vendor/modules.txt", "vendor/example.com/lib/lib.go"} {
		if _, ok := got[name]; !ok {
			t.Errorf("%s is missing", name)
		}
	}
	for name := range got {
		if strings.HasSuffix(name, "_test.go") || strings.Contains(name, ".env") {
			t.Errorf("%s is in the package", name)
		}
	}
	packagertest.Equal(t, a.Entry, "web/ferryentry")
	build := exec.Command("go", "build", "-o", os.DevNull, "./"+a.Entry)
	build.Dir = unpack(t, a)
	build.Env = append(os.Environ(), "GOPROXY=off", "GOFLAGS=-mod=vendor", "GOWORK=off")
	if out, err := build.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestANodeSourcePackageNamesWhatIsToBeInstalled(t *testing.T) {
	root := packagertest.Project(t, "package.json", `{"name":"x"}`, "app.js", "import b from 'bcrypt'; export default { b, fetch() {} }",
		"node_modules/bcrypt/package.json", `{"name":"bcrypt","version":"6.0.0"}`, "node_modules/bcrypt/binding.gyp", "", "node_modules/bcrypt/index.js", "")
	got := contents(t, sourcePackage(t, root, packagertest.Node("app.js")))
	packagertest.Equal(t, got["package.json"], "{\n  \"dependencies\": {\n    \"bcrypt\": \"6.0.0\"\n  },\n  \"main\": \"ferry-entry.mjs\",\n  \"private\": true\n}\n")
	for name := range got {
		if strings.HasPrefix(name, "node_modules") {
			t.Errorf("%s is in the package", name)
		}
	}
	fn := packagertest.Node("app.js")
	no := false
	fn.Build.Bundle = &no
	packagertest.Equal(t, contents(t, sourcePackage(t, root, fn))["package.json"], "{\n  \"main\": \"ferry-entry.mjs\",\n  \"name\": \"x\"\n}\n")
}

func TestAPythonSourcePackageListsWhatIsToBeInstalled(t *testing.T) {
	root := packagertest.Project(t, "app.py", "", "pyproject.toml", "[project]\nname = 'x'\ndependencies = ['flask>=3']\n")
	packagertest.Equal(t, contents(t, sourcePackage(t, root, packagertest.Python("app:app")))["requirements.txt"], "flask>=3\n")
}

package packager

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager/packagertest"
	"github.com/ferryfn/ferry/packager/source"
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
	t.Parallel()
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
	t.Parallel()
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
	t.Parallel()
	root := packagertest.Project(t, "app.py", "", "pyproject.toml", "[project]\nname = 'x'\ndependencies = ['flask>=3']\n")
	packagertest.Equal(t, contents(t, sourcePackage(t, root, packagertest.Python("app:app")))["requirements.txt"], "flask>=3\n")
}

func TestAGoPackageForGooglesFrameworkIsAModuleThatNeedsNoOther(t *testing.T) {
	t.Parallel()
	packagertest.Needs(t, "go")
	if testing.Short() {
		t.Skip("-short: nothing is downloaded")
	}
	files := []string{
		"api/go.mod", "module example.com/api\n\ngo 1.24\n\nrequire example.com/lib v0.0.0\n\nreplace example.com/lib => ../lib\n",
		"api/internal/web/web.go", strings.Replace(goHandler, "package api", "package web", 1) + "\nvar _ = lib.Hello\n", "api/other/other.go", "package other\n",
		"lib/go.mod", "module example.com/lib\n", "lib/lib.go", "package lib\n\nconst Hello = 1\n",
	}
	files[3] = strings.Replace(files[3], `import "net/http"`, "import (\n\t\"net/http\"\n\n\t\"example.com/lib\"\n)", 1)
	digests := map[string]bool{}
	for range 2 { // on two machines
		root := packagertest.Project(t, files...)
		fn := packagertest.Go("internal/web")
		fn.Source = "api"
		pl := packagertest.Local(fn.Runtime)
		pl.Shim, pl.OS, pl.Arch, pl.Source = "gcf", "linux", "amd64", true
		p := newPackager(t, root)
		a, err := p.Build(t.Context(), fn, pl)
		if err != nil {
			t.Fatal(err)
		}
		digests[a.Digest] = true
		got := contents(t, a)
		packagertest.Contains(t, got["go.mod"], "module example.com/api/internal/web/ferryentry\n", "replace example.com/api => ./module\n", "replace example.com/lib => ./replaced/")
		for _, name := range []string{"function.go", "vendor/example.com/api/internal/web/web.go", "vendor/example.com/lib/lib.go", "vendor/github.com/GoogleCloudPlatform/functions-framework-go/funcframework/framework.go"} {
			if _, ok := got[name]; !ok {
				t.Errorf("%s is missing", name)
			}
		}
		for name, text := range got {
			if strings.Contains(text, root) || strings.Contains(name, "other") {
				t.Errorf("%s is in the package, or names a place on this machine", name)
			}
		}
		bill, err := p.Bill(t.Context(), fn, pl)
		if err != nil || !slices.ContainsFunc(bill.Packages, func(p source.Package) bool {
			return strings.HasSuffix(p.Name, "functions-framework-go") && p.Version == "1.9.2"
		}) {
			t.Errorf("the bill is %+v, %v", bill.Packages, err)
		}
	}
	if len(digests) != 1 {
		t.Errorf("the same sources give %v", digests)
	}
	root := packagertest.Project(t, "go.mod", "module example.com/api\n\ngo 1.24\n", "web.go", "package web\n\nvar Handler = 1\n")
	pl := packagertest.Local("go")
	pl.Shim, pl.Source = "gcf", true
	_, err := newPackager(t, root).Build(t.Context(), packagertest.Go("."), pl)
	packagertest.Contains(t, packagertest.Problem(t, err).Error(), "Handler")
}

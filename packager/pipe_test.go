//go:build unix

package packager

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager/packagertest"
)

// refused builds what must fail without waiting for anybody to write into a pipe.
func refused(t *testing.T, p *Packager, fn manifest.Function) *Error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	failed := make(chan error, 1)
	go func() {
		_, err := p.Build(ctx, fn, packagertest.Local(fn.Runtime))
		failed <- err
	}()
	select {
	case err := <-failed:
		return packagertest.Problem(t, err)
	case <-ctx.Done():
		t.Fatal("it waits")
		return nil
	}
}

// pipe puts a named pipe in the place of a file.
func pipe(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(path, 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestAPipeInThePlaceOfAFileIsRefusedByName(t *testing.T) {
	t.Parallel()
	unbundled := func(fn manifest.Function) manifest.Function {
		no := false
		fn.Build.Bundle = &no
		return fn
	}
	imports := "import './data.js'; import 'x'; export default { fetch() {} }\n//# sourceMappingURL=app.js.map\n"
	node := []string{
		"package.json", `{"dependencies":{"x":"1"}}`, "app.js", imports, "data.js", "", "app.ts", imports,
		"tsconfig.json", `{"extends": "./base.json"}`, "base.json", "{}",
		"node_modules/x/package.json", `{"name":"x","version":"1.0.0"}`, "node_modules/x/index.js", "",
	}
	python := []string{"app.py", "app = 1\n"}
	uv := append([]string{"pyproject.toml", "[project]\nname = \"app\"\ndependencies = [\"x\"]\n"}, python...)
	program := []string{"go.mod", "module example.com/app\n\ngo 1.24\n", "app.go", goHandler}
	for _, c := range []struct {
		tree []string
		fn   manifest.Function
		at   string // places of pipes, one after another
	}{
		{node, packagertest.Node("app.js"), "app.js data.js package.json tsconfig.json jsconfig.json base.json app.js.map .ferryignore " +
			"node_modules/x/package.json node_modules/x/index.js"},
		{node, packagertest.Node("app.ts"), "app.ts data.js tsconfig.json base.json"},
		{node, unbundled(packagertest.Node("app.js")), "app.js data.js package.json .ferryignore node_modules/x/package.json node_modules/x/index.js"},
		{python, packagertest.Python("app:app"), "app.py requirements.txt pyproject.toml Pipfile .ferryignore"},
		{append([]string{"requirements.txt", "-r more.txt\n./x.whl\n"}, python...), packagertest.Python("app:app"), "more.txt"},
		{append([]string{"requirements.txt", "./x.whl\n"}, python...), packagertest.Python("app:app"), "x.whl"},
		{uv, packagertest.Python("app:app"), "uv.lock poetry.lock"},
		{program, packagertest.Go("."), "app.go more.go go.mod go.sum go.work"},
		{[]string{"run", "#!/bin/sh\n", "app.txt", ""}, manifest.Function{Name: "api", Source: ".", Handler: "run", Runtime: "custom", Style: manifest.StyleServer}, "run"},
	} {
		for at := range strings.FieldsSeq(c.at) {
			t.Run(c.fn.Runtime.Language()+" "+c.fn.Handler+" "+at, func(t *testing.T) {
				root := packagertest.Project(t, c.tree...)
				c.fn.Build.Include = []string{"app.*"} // so that the folder is looked at
				pipe(t, filepath.Join(root, at))
				e := refused(t, newPackager(t, root), c.fn)
				packagertest.Contains(t, e.Message, at, "is a named pipe, not a file")
				packagertest.Contains(t, e.Hint, "remove it")
			})
		}
	}
}

func TestAPipeAmongSavedPackagesIsRefusedByName(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"api.json", "api.zip"} {
		t.Run(name, func(t *testing.T) {
			p, _ := saved(t, packagertest.Project(t, "app.js", fetchHandler), packagertest.Node("app.js"))
			pipe(t, filepath.Join(p.From, name))
			e := refused(t, p, packagertest.Node("app.js"))
			packagertest.Contains(t, e.Message, filepath.Join(p.From, name), "is a named pipe, not a file")
		})
	}
}

func TestAPipeThatAppearsInPlaceOfAnInputIsSeen(t *testing.T) {
	t.Parallel()
	root := packagertest.Project(t, "app.js", "import './data.js'; export default { fetch() {} }", "data.js", "")
	p := newPackager(t, root)
	build(t, p, packagertest.Node("app.js"))
	pipe(t, filepath.Join(root, "data.js"))
	packagertest.Contains(t, refused(t, anew(p), packagertest.Node("app.js")).Message, "data.js is a named pipe")
}

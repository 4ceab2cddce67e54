package manifest

import (
	"os"
	"path/filepath"
	"testing"
)

func TestAHandlerIsAModuleAndTheNameOfAnExport(t *testing.T) {
	for _, c := range []struct {
		fn             Function
		module, export string
	}{
		{Function{Runtime: "nodejs22", Handler: "lib/shelf.js:run"}, "lib/shelf.js", "run"},
		{Function{Runtime: "nodejs22", Handler: "lib/shelf.js"}, "lib/shelf.js", ""},
		{Function{Runtime: "nodejs22", Handler: "app.module.mjs:$_1"}, "app.module.mjs", "$_1"},
		{Function{Runtime: "nodejs22", Handler: "a:b.js"}, "a:b.js", ""},
		{Function{Runtime: "nodejs22", Handler: "a:b.js:run"}, "a:b.js", "run"},
		{Function{Runtime: "nodejs22", Style: StyleServer, Handler: "app.js:run"}, "app.js:run", ""},
		{Function{Runtime: "python3.13", Handler: "pkg.web:app"}, "pkg.web", "app"},
		{Function{Runtime: "python3.13", Handler: "pkg.web:create_app()"}, "pkg.web", "create_app"},
		{Function{Runtime: "nodejs22", Handler: "app.js:run()"}, "app.js:run()", ""},
		{Function{Runtime: "python3.13", Style: StyleServer, Handler: "app.py"}, "app.py", ""},
		{Function{Runtime: "go", Style: StyleGo, Handler: "cmd/api"}, "cmd/api", ""},
		{Function{Runtime: "go", Style: StyleGCF, Handler: ".:Hello"}, ".", "Hello"},
		{Function{Runtime: "custom", Style: StyleServer, Handler: "bin/a:b"}, "bin/a:b", ""},
	} {
		if module, export := c.fn.Module(), c.fn.Export(); module != c.module || export != c.export {
			t.Errorf("%s is %q and %q, want %q and %q", c.fn.Handler, module, export, c.module, c.export)
		}
	}
}

// withFiles is a folder that has these files beside those of every test.
func withFiles(t *testing.T, text string, names ...string) Options {
	t.Helper()
	o := folder(t, text)
	for _, name := range names {
		file := filepath.Join(o.Dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return o
}

func TestALambdaHandlersDottedNameIsToldTheRightOne(t *testing.T) {
	for block, want := range map[string]string{
		"{style: lambda, handler: lib/shelf.run}":                             "write handler: lib/shelf.js:run",
		"{handler: lib/shelf.run}":                                            "write handler: lib/shelf.js:run, with style: lambda",
		"{style: lambda, handler: app.handler}":                               "write handler: app.js:handler",
		"{style: lambda, handler: one.module.handler}":                        "write handler: one.module.js:handler",
		"{style: lambda, handler: typed.main}":                                "write handler: typed.mts:main",
		"{style: lambda, handler: app.api.get}":                               "export api.get under a name of its own, and write handler: app.js:NAME",
		"{style: lambda, handler: dist/main.handler, build: {command: make}}": "write handler: dist/main.js:handler",
		"{style: lambda, handler: nowhere.handler}":                           "write handler: nowhere.js:handler",
		"{style: lambda, handler: lib/shelf:run}":                             "write lib/shelf.js:run",
		"{style: lambda, handler: lib/shelf.jsx}":                             `did you mean "lib/shelf.js"?`,
		"{style: lambda, runtime: python3.13, handler: app.handler}":          `did you mean "app:handler"?`,
		"{style: lambda, runtime: python3.13, handler: src/app.handler}":      `did you mean "src.app:handler"?`,
	} {
		ps := problems(t, withFiles(t, of(block), "lib/shelf.js", "one.module.js", "typed.mts", "src/app.py"))
		if len(ps) != 1 || ps[0].Hint != want {
			t.Errorf("%s: the hint is %q, want %q (%v)", block, ps[0].Hint, want, ps)
		}
	}
}

func TestAFileWithDotsInItsNameIsAFile(t *testing.T) {
	m := load(t, withFiles(t, of("{handler: app.module.js}"), "app.module.js"))
	if fn := m.Functions[0]; fn.Module() != "app.module.js" || fn.Export() != "" {
		t.Errorf("it is %q and %q", fn.Module(), fn.Export())
	}
	withFile := withFiles(t, of("{handler: odd.run}"), "odd.run", "odd.js")
	if ps := problems(t, withFile); ps[0].Hint != "name a file ending in .js, .mjs, .cjs, .ts, .mts, .cts, .jsx, .tsx" {
		t.Errorf("a file that is there is mistaken for Lambda's form: %v", ps)
	}
}

func TestAPayloadIsQuotedText(t *testing.T) {
	for value, want := range map[string]string{
		"1.0": `write payload: "1.0"`, "2": `write payload: "2.0"`, "'2'": `write "2.0" (Function URLs and HTTP APIs) or "1.0" (REST APIs)`, "3.0": `quote it: "3.0"`,
	} {
		if ps := problems(t, folder(t, of("{style: lambda, payload: "+value+"}"))); len(ps) != 1 || ps[0].Hint != want {
			t.Errorf("payload %s: %v, want the hint %q", value, ps, want)
		}
	}
	m := load(t, folder(t, of("{style: lambda}")+"  b: {style: lambda, payload: \"1.0\"}\n  c: {}\n"))
	for i, want := range []struct {
		payload     string
		concurrency int
	}{{"2.0", 1}, {"1.0", 1}, {"", 0}} {
		if fn := m.Functions[i]; fn.Payload != want.payload || fn.Scaling.Concurrency != want.concurrency {
			t.Errorf("%s has payload %q and concurrency %d, want %+v", fn.Name, fn.Payload, fn.Scaling.Concurrency, want)
		}
	}
}

func TestAPythonModuleMayLieInTheFolderOfAProjectsSources(t *testing.T) {
	for _, handler := range []string{"shop:app", "shop.web:app"} {
		load(t, withFiles(t, of("{runtime: python3.13, style: wsgi, handler: '"+handler+"'}"), "src/shop/__init__.py", "src/shop/web.py"))
	}
}

package packager

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ferryfn/ferry/manifest"
)

const fetchHandler = "export default { async fetch(request) { return new Response('hi'); } };\n"

// load imports the packaged handler under Node, alone, and prints an expression over it as `m`.
func load(t *testing.T, a Artifact, file, expression string) string {
	t.Helper()
	needs(t, "node")
	dir := unpack(t, a)
	return strings.TrimSpace(output(t, dir, "node", "--input-type=module", "-e",
		"const m = await import("+quoted("file://"+dir+"/"+file)+"); console.log("+expression+")"))
}

func TestAnESModuleWithTopLevelAwaitKeepsItsNatureAndItsPlace(t *testing.T) {
	root := project(t, "package.json", `{"type":"module"}`,
		"src/app.js", `import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import path from "node:path";
import dep from "dep";
const require = createRequire(import.meta.url);
const __dirname = path.dirname(fileURLToPath(import.meta.url));
const answer = await Promise.resolve(42);
export default { answer, where: path.basename(__dirname), dep, os: typeof require("node:os").cpus, fetch() {} };
`,
		"node_modules/dep/package.json", `{"name":"dep","main":"index.js"}`,
		"node_modules/dep/index.js", `const path = require("path"); module.exports = path.basename(__dirname) + typeof __filename;`)
	a := build(t, newPackager(t, root), nodeFn("src/app.js"))
	if a.Entry != "ferry-entry.mjs" {
		t.Errorf("entry is %s", a.Entry)
	}
	if got := load(t, a, "src/app.mjs", "JSON.stringify(m.default)"); got != `{"answer":42,"where":"src","dep":"srcstring","os":"function"}` {
		t.Errorf("got %s", got)
	}
}

func TestCommonJSCodeKeepsItsDirnameAndItsExports(t *testing.T) {
	root := project(t, "src/app.js", `const path = require("path");
if (require.main === module) throw new Error("it is not the program");
module.exports = { fetch() { return path.basename(__dirname) + require("./lib"); } };`,
		"src/lib.js", "module.exports = 1")
	a := build(t, newPackager(t, root), nodeFn("src/app.js"))
	if got := load(t, a, "src/app.cjs", "m.default.fetch()"); got != "src1" {
		t.Errorf("got %s", got)
	}
}

func TestTypeScriptNeedsNothingInstalled(t *testing.T) {
	root := project(t, "tsconfig.json", `{"compilerOptions":{"paths":{"@/*":["./lib/*"]}}}`,
		"src/app.ts", `import { one } from "@/one"; const n: number = one; export default { fetch: (r: Request) => n };`,
		"lib/one.ts", "export const one: number = 1;")
	a := build(t, newPackager(t, root), nodeFn("src/app.ts"))
	if got := load(t, a, "src/app.mjs", "m.default.fetch()"); got != "1" {
		t.Errorf("got %s", got)
	}
}

func TestAServerInCommonJSIsTheProgram(t *testing.T) {
	root := project(t, "src/server.js", `if (require.main === module) console.log("started");`)
	fn := nodeFn("src/server.js")
	fn.Style = manifest.StyleServer
	a := build(t, newPackager(t, root), fn)
	if a.Entry != "src/server.cjs" {
		t.Fatalf("entry is %s", a.Entry)
	}
	needs(t, "node")
	if got := output(t, unpack(t, a), "node", a.Entry); got != "started\n" {
		t.Errorf("got %q", got)
	}
}

func TestTheShimStartsAndImportsTheHandler(t *testing.T) {
	needs(t, "node")
	for _, bundle := range []bool{true, false} {
		root := project(t, "package.json", `{"type":"module"}`, "src/app.js", `throw new Error("reached the handler"); export default {};`)
		fn := nodeFn("src/app.js")
		fn.Build.Bundle = &bundle
		dir := unpack(t, build(t, newPackager(t, root), fn))
		said := output(t, dir, "sh", "-c", "node ferry-entry.mjs 2>&1 || true")
		contains(t, said, "reached the handler")
	}
}

func TestAMissingPackageIsReportedWithItsPlaceAndTheCommand(t *testing.T) {
	root := project(t, "src/app.js", "import a from 'express';\nimport b from './nowhere.js';\nexport default a + b;\n")
	_, err := newPackager(t, root).Build(context.Background(), nodeFn("src/app.js"), local("nodejs20"))
	many, ok := err.(Errors) //nolint:errorlint // the very type is what is promised
	if !ok || len(many) != 2 {
		t.Fatalf("got %T %v, want two problems", err, err)
	}
	e := many[0]
	if e.Function != "api" || e.File != "src/app.js" || e.Line != 1 || e.Column != 15 {
		t.Errorf("got %+v", e)
	}
	contains(t, e.Message, "express")
	contains(t, e.Hint, "npm install")
	if many[1].Line != 2 {
		t.Errorf("got %+v", many[1])
	}
}

func TestASyntaxErrorIsReportedWithItsLine(t *testing.T) {
	e := failure(t, newPackager(t, project(t, "app.js", "export default {\n  fetch( {\n};\n")), nodeFn("app.js"))
	if e.File != "app.js" || e.Line != 2 && e.Line != 3 {
		t.Errorf("got %+v", e)
	}
}

func TestAMissingHandlerNamesTheNearestFile(t *testing.T) {
	e := failure(t, newPackager(t, project(t, "src/app.ts", fetchHandler)), nodeFn("src/app.js"))
	contains(t, e.Message, "src/app.js does not exist")
	contains(t, e.Hint, "src/app.ts")
}

func TestNativePackagesAreRefusedAlsoWhenTheyBundleSilently(t *testing.T) {
	root := project(t, "app.js", "import b from 'bcrypt'; export default b;",
		"node_modules/bcrypt/package.json", `{"name":"bcrypt","dependencies":{"node-gyp-build":"4"}}`,
		"node_modules/bcrypt/index.js", "module.exports = 1", "node_modules/bcrypt/binding.gyp", "{}")
	e := failure(t, newPackager(t, root), nodeFn("app.js"))
	contains(t, e.Message, "bcrypt", "native")
	contains(t, e.Hint, "build.external")
}

func TestExternalPackagesComeAlongWithWhatTheyNeed(t *testing.T) {
	root := project(t, "app.js", "import a from 'a'; export default { a, fetch() {} };",
		"node_modules/a/package.json", `{"name":"a","main":"i.js","dependencies":{"b":"1"},"optionalDependencies":{"gone":"1"}}`,
		"node_modules/a/i.js", "module.exports = require('b') + 1", "node_modules/a/node_modules/c/package.json", "{}",
		"node_modules/b/package.json", `{"name":"b"}`, "node_modules/b/index.js", "module.exports = 1", "node_modules/b/ca.pem", "PRIVATE KEY",
		"node_modules/d/package.json", `{"name":"d"}`)
	fn := nodeFn("app.js")
	fn.Build.External = []string{"a"}
	a := build(t, newPackager(t, root), fn)
	got := contents(t, a)
	for name, want := range map[string]bool{"node_modules/b/index.js": true, "node_modules/b/ca.pem": true, "node_modules/d/package.json": false, "node_modules/a/node_modules/c/package.json": false} {
		if _, ok := got[name]; ok != want {
			t.Errorf("%s: in the package is %v, want %v", name, ok, want)
		}
	}
	if got := load(t, a, "app.mjs", "m.default.a"); got != "2" {
		t.Errorf("got %s", got)
	}
}

func TestUnbundledPackagesHoldProductionDependenciesOnly(t *testing.T) {
	root := project(t, "package.json", `{"dependencies":{"a":"1"},"devDependencies":{"d":"1"}}`,
		"src/app.js", "module.exports = { v: require('a'), fetch() {} }", "views/x.html", "x",
		"node_modules/a/package.json", `{"name":"a"}`, "node_modules/a/index.js", "module.exports = 7",
		"node_modules/d/package.json", `{"name":"d"}`, "node_modules/.bin/d", "x")
	fn := nodeFn("src/app.js")
	no := false
	fn.Build.Bundle = &no
	a := build(t, newPackager(t, root), fn)
	var names []string
	for name := range contents(t, a) {
		if !strings.HasPrefix(name, "ferry-") {
			names = append(names, name)
		}
	}
	want := []string{"node_modules/a/index.js", "node_modules/a/package.json", "package.json", "src/app.js", "views/x.html"}
	equal(t, sorted(names), want)
	if got := load(t, a, "src/app.js", "m.default.v"); got != "7" {
		t.Errorf("got %s", got)
	}
}

func TestAnUninstalledDependencyIsNamed(t *testing.T) {
	fn := nodeFn("app.js")
	no := false
	fn.Build.Bundle = &no
	e := failure(t, newPackager(t, project(t, "package.json", `{"dependencies":{"left":"1"}}`, "app.js", "")), fn)
	contains(t, e.Message, "left")
	contains(t, e.Hint, "npm install")
}

func TestNoPathOfThisMachineIsInABundle(t *testing.T) {
	root := project(t, "src/app.ts", "import './lib'; export default { fetch() {} }", "src/lib.ts", "console.log(1)")
	for name, text := range contents(t, build(t, newPackager(t, root), nodeFn("src/app.ts"))) {
		if strings.Contains(text, filepath.Dir(root)) || strings.Contains(text, os.TempDir()+"/") {
			t.Errorf("%s holds the path of the source folder", name)
		}
		if strings.HasSuffix(name, ".map") {
			contains(t, text, `"sources"`, "app.ts")
		}
	}
}

func TestAStyleWithoutAShimIsRefusedWithTheStylesThereAre(t *testing.T) {
	fn := nodeFn("app.js")
	fn.Style = manifest.StyleAzure
	e := failure(t, newPackager(t, project(t, "app.js", "")), fn)
	contains(t, e.Message, "style azure has no shim")
	contains(t, e.Hint, "style: fetch", "style: server")
	if e.Function != "api" {
		t.Errorf("got function %q", e.Function)
	}
}

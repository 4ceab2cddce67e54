package packager

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager/packagertest"
)

const fetchHandler = "export default { async fetch(request) { return new Response('hi'); } };\n"

// load imports the packaged handler under Node, alone, and prints an expression over it as `m`.
func load(t *testing.T, a Artifact, file, expression string) string {
	t.Helper()
	packagertest.Needs(t, "node")
	return imported(t, unpack(t, a), file, expression)
}

// imported imports a module under Node and prints an expression over it as `m`, without the global require that "node -e" gives
// and that there is nowhere else.
func imported(t *testing.T, dir, file, expression string) string {
	t.Helper()
	return strings.TrimSpace(packagertest.Output(t, dir, "node", "-e",
		"delete globalThis.require; (async () => { const m = await import("+strconv.Quote("file://"+dir+"/"+file)+"); console.log("+expression+") })()"))
}

func TestAnESModuleWithTopLevelAwaitKeepsItsNatureAndItsPlace(t *testing.T) {
	t.Parallel()
	root := packagertest.Project(t, "package.json", `{"type":"module"}`,
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
	a := build(t, newPackager(t, root), packagertest.Node("src/app.js"))
	if a.Entry != "ferry-entry.mjs" {
		t.Errorf("entry is %s", a.Entry)
	}
	if got := load(t, a, "src/app.mjs", "JSON.stringify(m.default)"); got != `{"answer":42,"where":"src","dep":"srcstring","os":"function"}` {
		t.Errorf("got %s", got)
	}
}

func TestCommonJSCodeKeepsItsDirnameAndItsExports(t *testing.T) {
	t.Parallel()
	root := packagertest.Project(t, "src/app.js", `const path = require("path");
if (require.main === module) throw new Error("it is not the program");
module.exports = { fetch() { return path.basename(__dirname) + require("./lib"); } };`,
		"src/lib.js", "module.exports = 1")
	a := build(t, newPackager(t, root), packagertest.Node("src/app.js"))
	if got := load(t, a, "src/app.cjs", "m.default.fetch()"); got != "src1" {
		t.Errorf("got %s", got)
	}
}

func TestTheModuleSystemIsThatOfTheSyntaxWhateverTheTextLooksLike(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ source, file string }{
		"a comment like an import":     {"/*\nimport it from the handler\n*/\nexports.default = { fetch: () => typeof module }", "app.cjs"},
		"an import that is not first":  {"  import { a } from './a'; export default { fetch: () => typeof module + a }", "app.mjs"},
		"a call that imports":          {"module.exports = { fetch: async () => typeof module };\nimport('./a')", "app.cjs"},
		"await at the top, no exports": {"const a = await import('./a');\nglobalThis.x = a", "app.mjs"},
	} {
		t.Run(name, func(t *testing.T) {
			root := packagertest.Project(t, "app.js", c.source, "a.js", "export const a = ''")
			if _, ok := contents(t, build(t, newPackager(t, root), packagertest.Node("app.js")))[c.file]; !ok {
				t.Errorf("there is no %s", c.file)
			}
		})
	}
}

func TestTypeScriptNeedsNothingInstalled(t *testing.T) {
	t.Parallel()
	root := packagertest.Project(t, "tsconfig.json", `{"compilerOptions":{"paths":{"@/*":["./lib/*"]}}}`,
		"src/app.ts", `import { one } from "@/one"; const n: number = one; export default { fetch: (r: Request) => n };`,
		"lib/one.ts", "export const one: number = 1;")
	a := build(t, newPackager(t, root), packagertest.Node("src/app.ts"))
	if got := load(t, a, "src/app.mjs", "m.default.fetch()"); got != "1" {
		t.Errorf("got %s", got)
	}
}

func TestAServerInCommonJSIsTheProgram(t *testing.T) {
	t.Parallel()
	root := packagertest.Project(t, "src/server.js", `if (require.main === module && !module.parent) require("./started");`,
		"src/started.js", `console.log(module.parent ? "started" : "it is not the program");`)
	fn := packagertest.Node("src/server.js")
	fn.Style = manifest.StyleServer
	a := build(t, newPackager(t, root), fn)
	if a.Entry != "src/server.cjs" {
		t.Fatalf("entry is %s", a.Entry)
	}
	packagertest.Needs(t, "node")
	if got := packagertest.Output(t, unpack(t, a), "node", a.Entry); got != "started\n" {
		t.Errorf("got %q", got)
	}
}

func TestTheShimStartsAndImportsTheHandler(t *testing.T) {
	t.Parallel()
	packagertest.Needs(t, "node")
	for _, bundle := range []bool{true, false} {
		root := packagertest.Project(t, "package.json", `{"type":"module"}`, "src/app.js", `throw new Error("reached the handler"); export default {};`)
		fn := packagertest.Node("src/app.js")
		fn.Build.Bundle = &bundle
		dir := unpack(t, build(t, newPackager(t, root), fn))
		said := packagertest.Output(t, dir, "sh", "-c", "node ferry-entry.mjs 2>&1 || true")
		packagertest.Contains(t, said, "reached the handler")
	}
}

func TestAModuleThatServesOnlyAsTheProgramIsGivenAParent(t *testing.T) {
	t.Parallel()
	packagertest.Needs(t, "node")
	const alone = `if (!module.parent) throw new Error("it is not the program");`
	for _, bundle := range []bool{true, false} {
		root := packagertest.Project(t, "src/app.js", `"use strict";`+alone+`require("./lib"); throw new Error("reached the handler");`, "src/lib.js", alone)
		fn := packagertest.Node("src/app.js")
		fn.Build.Bundle = &bundle
		dir := unpack(t, build(t, newPackager(t, root), fn))
		packagertest.Contains(t, packagertest.Output(t, dir, "sh", "-c", "node ferry-entry.mjs 2>&1 || true"), "reached the handler")
	}
}

func TestAMissingPackageIsReportedWithItsPlaceAndTheCommand(t *testing.T) {
	t.Parallel()
	root := packagertest.Project(t, "src/app.js", "import a from 'express';\nimport b from './nowhere.js';\nexport default a + b;\n")
	_, err := newPackager(t, root).Build(context.Background(), packagertest.Node("src/app.js"), packagertest.Local("nodejs20"))
	many, ok := err.(Errors) //nolint:errorlint // the very type is what is promised
	if !ok || len(many) != 2 {
		t.Fatalf("got %T %v, want two problems", err, err)
	}
	e := many[0]
	if e.Function != "api" || e.File != "src/app.js" || e.Line != 1 || e.Column != 15 {
		t.Errorf("got %+v", e)
	}
	packagertest.Contains(t, e.Message, "express")
	packagertest.Contains(t, e.Hint, "npm install")
	if many[1].Line != 2 {
		t.Errorf("got %+v", many[1])
	}
}

func TestASyntaxErrorIsReportedWithItsLine(t *testing.T) {
	t.Parallel()
	e := failure(t, newPackager(t, packagertest.Project(t, "app.js", "export default {\n  fetch( {\n};\n")), packagertest.Node("app.js"))
	if e.File != "app.js" || e.Line != 2 && e.Line != 3 {
		t.Errorf("got %+v", e)
	}
}

func TestAMissingHandlerNamesTheNearestFile(t *testing.T) {
	t.Parallel()
	e := failure(t, newPackager(t, packagertest.Project(t, "src/app.ts", fetchHandler)), packagertest.Node("src/app.js"))
	packagertest.Contains(t, e.Message, "src/app.js does not exist")
	packagertest.Contains(t, e.Hint, "src/app.ts")
}

func TestPackagesThatCannotBeBundledComeAlongAsTheyAre(t *testing.T) {
	t.Parallel()
	root := packagertest.Project(t, "app.js", "import b from 'bcrypt'; import p from 'pino'; export default { b, p, fetch() {} };",
		"node_modules/bcrypt/package.json", `{"name":"bcrypt","version":"6.0.0","dependencies":{"node-gyp-build":"4"}}`,
		"node_modules/bcrypt/index.js", "module.exports = require('node-gyp-build')", "node_modules/bcrypt/binding.gyp", "{}",
		"node_modules/node-gyp-build/package.json", `{"name":"node-gyp-build"}`, "node_modules/node-gyp-build/index.js", "module.exports = 3",
		"node_modules/pino/package.json", `{"name":"pino"}`, "node_modules/pino/index.js", "module.exports = require('path').basename(__dirname)")
	a := build(t, newPackager(t, root), packagertest.Node("app.js"))
	if _, ok := contents(t, a)["node_modules/bcrypt/index.js"]; !ok {
		t.Error("bcrypt is not in the package")
	}
	if got := load(t, a, "app.mjs", "m.default.b + m.default.p"); got != "3pino" {
		t.Errorf("got %s", got)
	}
}

// pnpm gives every package a folder of its own, with links to what it needs.
func pnpmTree(t *testing.T) string {
	t.Helper()
	root := packagertest.Project(t, "app/package.json", `{"dependencies":{"a":"1","lib":"1","z":"2"}}`,
		"app/app.js", "module.exports = { v: require('a') + require('lib') + require('z'), fetch() {} }",
		"lib/package.json", `{"name":"lib","main":"i.js","dependencies":{"z":"1"}}`, "lib/i.js", "module.exports = 'lib' + require('z')",
		"lib/.env", "SECRET=1",
		"node_modules/.pnpm/a@1/node_modules/a/package.json", `{"name":"a","dependencies":{"b":"1"}}`,
		"node_modules/.pnpm/a@1/node_modules/a/index.js", "module.exports = 'a' + require('b')",
		"node_modules/.pnpm/b@1/node_modules/b/package.json", `{"name":"b","dependencies":{"a":"1","z":"1"}}`,
		"node_modules/.pnpm/b@1/node_modules/b/index.js", "module.exports = 'b' + require('z')",
		"node_modules/.pnpm/z@1/node_modules/z/package.json", `{"name":"z"}`,
		"node_modules/.pnpm/z@1/node_modules/z/index.js", "module.exports = 'z1'",
		"node_modules/.pnpm/z@2/node_modules/z/package.json", `{"name":"z"}`,
		"node_modules/.pnpm/z@2/node_modules/z/index.js", "module.exports = 'z2'",
	)
	for link, target := range map[string]string{
		"app/node_modules/a":                    "../../node_modules/.pnpm/a@1/node_modules/a",
		"app/node_modules/z":                    "../../node_modules/.pnpm/z@2/node_modules/z",
		"app/node_modules/lib":                  "../../lib",
		"lib/node_modules/z":                    "../../node_modules/.pnpm/z@1/node_modules/z",
		"node_modules/.pnpm/a@1/node_modules/b": "../../b@1/node_modules/b",
		"node_modules/.pnpm/b@1/node_modules/a": "../../a@1/node_modules/a",
		"node_modules/.pnpm/b@1/node_modules/z": "../../z@1/node_modules/z",
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(root, link)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(target, filepath.Join(root, link)); err != nil {
			t.Fatal(err)
		}
	}
	packagertest.Age(t, root)
	return root
}

func TestLinkedPackagesAreLaidOutAsPlainFiles(t *testing.T) {
	t.Parallel()
	root := pnpmTree(t)
	fn := packagertest.Node("app.js")
	fn.Source = "app"
	no := false
	fn.Build.Bundle = &no
	p := newPackager(t, root)
	a := build(t, p, fn)
	if got := load(t, a, "app.js", "m.default.v"); got != "abz1libz1z2" {
		t.Errorf("got %s", got)
	}
	var names []string
	for name := range contents(t, a) {
		if strings.HasSuffix(name, "package.json") || strings.Contains(name, ".env") {
			names = append(names, name)
		}
	}
	packagertest.Equal(t, packagertest.Sorted(names), []string{
		"node_modules/a/package.json", "node_modules/b/node_modules/z/package.json", "node_modules/b/package.json",
		"node_modules/lib/node_modules/z/package.json", "node_modules/lib/package.json", "node_modules/z/package.json", "package.json",
	})
	if !build(t, p, fn).Cached {
		t.Error("it was built again")
	}
	packagertest.Write(t, filepath.Join(root, "lib/i.js"), "module.exports = 'new'")
	if build(t, p, fn).Cached {
		t.Error("a change in a package of the workspace was not seen")
	}
}

func TestATsconfigThatIsExtendedIsAnInput(t *testing.T) {
	t.Parallel()
	root := packagertest.Project(t, "app/tsconfig.json", `{"extends": "../base"}`, "base.json", `{"compilerOptions":{"paths":{"@/*":["./app/one/*"]}}}`,
		"app/app.ts", "import v from '@/v'; export default { v, fetch() {} }", "app/one/v.ts", "export default 1", "app/two/v.ts", "export default 2")
	fn := packagertest.Node("app.ts")
	fn.Source = "app"
	p := newPackager(t, root)
	if got := load(t, build(t, p, fn), "app.mjs", "m.default.v"); got != "1" {
		t.Errorf("got %s", got)
	}
	packagertest.Fill(t, root, "base.json", `{"compilerOptions":{"paths":{"@/*":["./app/two/*"]}}}`)
	if got := load(t, build(t, p, fn), "app.mjs", "m.default.v"); got != "2" {
		t.Errorf("got %s", got)
	}
}

func TestExternalPackagesComeAlongWithWhatTheyNeed(t *testing.T) {
	t.Parallel()
	root := packagertest.Project(t, "app.js", "import a from 'a'; export default { a, fetch() {} };",
		"node_modules/a/package.json", `{"name":"a","main":"i.js","dependencies":{"b":"1"},"optionalDependencies":{"gone":"1"}}`,
		"node_modules/a/i.js", "module.exports = require('b') + 1", "node_modules/a/node_modules/c/package.json", "{}",
		"node_modules/b/package.json", `{"name":"b"}`, "node_modules/b/index.js", "module.exports = 1", "node_modules/b/ca.pem", "PRIVATE KEY",
		"node_modules/d/package.json", `{"name":"d"}`)
	fn := packagertest.Node("app.js")
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
	t.Parallel()
	root := packagertest.Project(t, "package.json", `{"dependencies":{"a":"1"},"devDependencies":{"d":"1"}}`,
		"src/app.js", "module.exports = { v: require('a'), fetch() {} }", "views/x.html", "x",
		"node_modules/a/package.json", `{"name":"a"}`, "node_modules/a/index.js", "module.exports = 7",
		"node_modules/d/package.json", `{"name":"d"}`, "node_modules/.bin/d", "x")
	fn := packagertest.Node("src/app.js")
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
	packagertest.Equal(t, packagertest.Sorted(names), want)
	if got := load(t, a, "src/app.js", "m.default.v"); got != "7" {
		t.Errorf("got %s", got)
	}
}

func TestAnUninstalledDependencyIsNamed(t *testing.T) {
	t.Parallel()
	fn := packagertest.Node("app.js")
	no := false
	fn.Build.Bundle = &no
	e := failure(t, newPackager(t, packagertest.Project(t, "package.json", `{"dependencies":{"left":"1"}}`, "app.js", "")), fn)
	packagertest.Contains(t, e.Message, "left")
	packagertest.Contains(t, e.Hint, "npm install")
}

func TestNoPathOfThisMachineIsInABundle(t *testing.T) {
	t.Parallel()
	root := packagertest.Project(t, "src/app.ts", "import './lib'; export default { fetch() {} }", "src/lib.ts", "console.log(1)")
	for name, text := range contents(t, build(t, newPackager(t, root), packagertest.Node("src/app.ts"))) {
		if strings.Contains(text, filepath.Dir(root)) || strings.Contains(text, os.TempDir()+"/") {
			t.Errorf("%s holds the path of the source folder", name)
		}
		if strings.HasSuffix(name, ".map") {
			packagertest.Contains(t, text, `"sources"`, "app.ts")
		}
	}
}

func TestAStyleWithoutAShimIsRefusedWithTheStylesThereAre(t *testing.T) {
	t.Parallel()
	fn := packagertest.Node("app.js")
	fn.Style = manifest.StyleWSGI
	e := failure(t, newPackager(t, packagertest.Project(t, "app.js", "")), fn)
	packagertest.Contains(t, e.Message, "style wsgi has no shim")
	packagertest.Contains(t, e.Hint, "style: fetch", "style: server")
	if e.Function != "api" {
		t.Errorf("got function %q", e.Function)
	}
}

func TestAProgramForLambdaThatWasBuiltBeforeIsRefusedWhereNobodyCallsIt(t *testing.T) {
	t.Parallel()
	fn := manifest.Function{Name: "api", Source: ".", Handler: "run", Runtime: "custom", Style: manifest.StyleLambda}
	packagertest.Contains(t, Refusal(fn, Platform{Shim: "local"}).Message, "built for AWS Lambda's runtime API runs there alone")
	if e := Refusal(fn, Platform{Shim: "aws"}); e != nil {
		t.Errorf("AWS calls it, and it is refused: %v", e)
	}
}

func TestATracebackNamesTheSourceAsIfItLayInThePackage(t *testing.T) {
	t.Parallel()
	for _, handler := range []string{"src/app.js", "src/app.mjs"} {
		root := packagertest.Project(t, "package.json", `{"type":"module"}`, handler, `import "./lib.js"; export default { fetch() {} };`, "src/lib.js", "console.log(1);")
		files := contents(t, build(t, newPackager(t, root), packagertest.Node(handler)))
		packagertest.Contains(t, files["src/app.mjs.map"], `"sources":["lib.js","`+filepath.Base(handler)+`"]`)
	}
}

func prismaTree(t *testing.T) string {
	t.Helper()
	return packagertest.Project(t, "package.json", `{"dependencies":{"@prisma/client":"6"}}`, "app.js", "import { PrismaClient } from '@prisma/client'; export const got = new PrismaClient().read(); export default { fetch() {} };",
		"node_modules/@prisma/client/package.json", `{"name":"@prisma/client","version":"6.0.0","main":"default.js"}`,
		"node_modules/@prisma/client/default.js", "module.exports = { ...require('.prisma/client/default') }",
		"node_modules/.prisma/client/package.json", `{"name":"prisma-client-1a2b","main":"index.js"}`,
		"node_modules/.prisma/client/default.js", "module.exports = { ...require('.') }",
		"node_modules/.prisma/client/index.js", "exports.PrismaClient = class { read() { return require('fs').readFileSync(require('path').join(__dirname, 'schema.prisma'), 'utf8') } }",
		"node_modules/.prisma/client/schema.prisma", "model A")
}

func TestTheGeneratedPrismaClientComesAlong(t *testing.T) {
	t.Parallel()
	for _, bundle := range []bool{true, false} {
		t.Run(fmt.Sprint("bundle ", bundle), func(t *testing.T) {
			fn := packagertest.Node("app.mjs")
			fn.Build.Bundle = &bundle
			root := prismaTree(t)
			if err := os.Rename(filepath.Join(root, "app.js"), filepath.Join(root, "app.mjs")); err != nil {
				t.Fatal(err)
			}
			if got := load(t, build(t, newPackager(t, root), fn), "app.mjs", "m.got"); got != "model A" {
				t.Errorf("got %s", got)
			}
		})
	}
}

// Any tool may generate beside a package, as Prisma does, and import what it made by its name or by its path.
func TestWhatWasGeneratedBesideAPackageComesAlongWithItsFiles(t *testing.T) {
	t.Parallel()
	const described = `{"name":"acme-client-1a2b","main":"default.js","dependencies":{"left":"1"}}`
	for name, required := range map[string]string{"by its name": ".acme/client/default", "by its path": "../../.acme/client/default", "undescribed": ".acme/client/default"} {
		for _, bundle := range []bool{true, false} {
			t.Run(fmt.Sprint(name, ", bundle ", bundle), func(t *testing.T) {
				root := packagertest.Project(t, "package.json", `{"dependencies":{"@acme/client":"1"}}`,
					"app.mjs", "import { read } from '@acme/client'; export const got = read(); export default { fetch() {} };",
					"node_modules/@acme/client/package.json", `{"name":"@acme/client","version":"1.0.0","main":"index.js"}`,
					"node_modules/@acme/client/index.js", "module.exports = { ...require('"+required+"') }",
					"node_modules/.acme/client/default.js", "exports.read = () => require('left') + require('fs').readFileSync(require('path').join(__dirname, 'schema.acme'), 'utf8')",
					"node_modules/.acme/client/schema.acme", "model A",
					"node_modules/left/package.json", `{"name":"left","version":"1.0.0"}`, "node_modules/left/index.js", "module.exports = 'left '",
					"node_modules/.cache/other/package.json", `{}`, "node_modules/.cache/other/index.js", "")
				if name == "undescribed" { // and so its needs are the package's
					packagertest.Fill(t, root, "node_modules/@acme/client/package.json", `{"name":"@acme/client","version":"1.0.0","dependencies":{"left":"1"}}`)
				} else {
					packagertest.Fill(t, root, "node_modules/.acme/client/package.json", described)
				}
				fn := packagertest.Node("app.mjs")
				fn.Build.Bundle = &bundle
				a := build(t, newPackager(t, root), fn)
				if got := load(t, a, "app.mjs", "m.got"); got != "left model A" {
					t.Errorf("got %s", got)
				}
				if _, along := contents(t, a)["node_modules/.cache/other/index.js"]; along {
					t.Error("what nobody asks for comes along")
				}
			})
		}
	}
}

func TestGeneratedCodeThatNothingDescribesMayHaveAFolderNamedAfterItsModuleSystem(t *testing.T) {
	t.Parallel()
	root := packagertest.Project(t, "package.json", `{"dependencies":{"@acme/client":"1"}}`,
		"app.mjs", "import { read } from '@acme/client'; export const got = read(); export default { fetch() {} };",
		"node_modules/@acme/client/package.json", `{"name":"@acme/client","version":"1.0.0","main":"index.js"}`,
		"node_modules/@acme/client/index.js", "module.exports = { ...require('.acme/client') }",
		"node_modules/.acme/client/index.js", "exports.read = require('./cjs/read.js')",
		"node_modules/.acme/client/cjs/read.js", "module.exports = () => require('fs').readFileSync(require('path').join(__dirname, 'schema.acme'), 'utf8')",
		"node_modules/.acme/client/cjs/schema.acme", "model A")
	if got := load(t, build(t, newPackager(t, root), packagertest.Node("app.mjs")), "app.mjs", "m.got"); got != "model A" {
		t.Errorf("got %s", got)
	}
}

// As packages for browsers and for Node hide it from bundlers for browsers.
func TestRequireIsThereForCodeThatGivesItsNameInPartsToEval(t *testing.T) {
	t.Parallel()
	root := packagertest.Project(t, "package.json", `{"dependencies":{"inquire":"1"}}`,
		"app.mjs", "import inquire from 'inquire'; export const got = inquire('buffer') !== null; export default { fetch() {} };",
		"node_modules/inquire/package.json", `{"name":"inquire","version":"1.0.0"}`,
		"node_modules/inquire/index.js", "module.exports = (name) => { try { return eval('quire'.replace(/^/, 're'))(name); } catch { return null; } };")
	if got := load(t, build(t, newPackager(t, root), packagertest.Node("app.mjs")), "app.mjs", "m.got"); got != "true" {
		t.Errorf("got %s", got)
	}
}

func TestAPrismaClientThatIsNotGeneratedSaysHow(t *testing.T) {
	t.Parallel()
	root := prismaTree(t)
	if err := os.RemoveAll(filepath.Join(root, "node_modules/.prisma")); err != nil {
		t.Fatal(err)
	}
	packagertest.Contains(t, failure(t, newPackager(t, root), packagertest.Node("app.js")).Hint, "npx prisma generate")
}

func TestAPrismaClientWithoutAnEngineForThePlatformSaysHow(t *testing.T) {
	t.Parallel()
	root := prismaTree(t)
	program, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	packagertest.Write(t, filepath.Join(root, "node_modules/.prisma/client/libquery_engine.so.node"), string(program))
	pl := Platform{Shim: "local", OS: "linux", Arch: "arm64", Libc: "glibc", Runtime: "nodejs20"}
	if runtime.GOARCH == "arm64" {
		pl.Arch = "amd64"
	}
	_, err = newPackager(t, root).Build(t.Context(), packagertest.Node("app.js"), pl)
	e := packagertest.Problem(t, err)
	packagertest.Contains(t, e.Message, "no engine for linux/"+pl.Arch)
	packagertest.Contains(t, e.Hint, "binaryTargets")
}

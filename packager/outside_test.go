package packager

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/ferryfn/ferry/packager/packagertest"
)

func TestWhatLiesOutsideOfABundleIsThereOnce(t *testing.T) {
	t.Parallel()
	root := packagertest.Project(t, "package.json", `{"dependencies":{"p":"1","d":"2"}}`,
		"node_modules/p/package.json", `{"name":"p","dependencies":{"d":"2","old":"1"}}`, "node_modules/p/data.txt", "",
		"node_modules/p/index.js", "require('fs').readFileSync(__dirname + '/data.txt'); require('d').list.push('p'); exports.old = require('old').version",
		"node_modules/d/package.json", `{"name":"d","version":"2.0.0"}`, "node_modules/d/index.js", "module.exports = Object.assign(() => {}, { list: ['d'] })",
		"node_modules/d/sub.js", "module.exports = require('./index.js').list.length",
		"node_modules/p/node_modules/old/package.json", `{"name":"old"}`, "node_modules/p/node_modules/old/index.js", "exports.version = 1",
		"node_modules/old/package.json", `{"name":"old"}`, "node_modules/old/index.js", "exports.version = 2",
		"node_modules/modern/package.json", `{"name":"modern","type":"module","exports":"./i.js"}`, "node_modules/modern/i.js", "export const is = 'modern'; await 0;",
	)
	for name, c := range map[string]struct{ handler, file, got string }{
		"ESM": {"import * as p from 'p'; import d, { list } from 'd'; import { version } from 'old'; import sub from 'd/sub.js'; export const got = [typeof d, list, p.old, version, sub]; export default { fetch() {} };", "app.mjs", "m.got"},
		"CJS": {"const p = require('p'), d = require('d'); module.exports = { got: [typeof d, d.list, p.old, require('old').version, require('d/sub.js')], fetch() {} };", "app.cjs", "m.default.got"},
	} {
		t.Run(name, func(t *testing.T) {
			packagertest.Fill(t, root, "app.js", c.handler)
			a := build(t, newPackager(t, root), packagertest.Node("app.js"))
			if got := load(t, a, c.file, "JSON.stringify("+c.got+")"); got != `["function",["d","p"],1,2,2]` {
				t.Errorf("got %s", got)
			}
		})
	}
	t.Run("a package that only import loads", func(t *testing.T) {
		packagertest.Fill(t, root, "app.js", "import { is } from 'modern'; export const got = is + (await import('modern')).is; export default { fetch() {} };")
		fn := packagertest.Node("app.js")
		fn.Build.External = []string{"modern"}
		if got := load(t, build(t, newPackager(t, root), fn), "app.mjs", "m.got"); got != "modernmodern" {
			t.Errorf("got %s", got)
		}
	})
}

func TestOfSeveralVersionsOutsideTheSameOneIsAlwaysAtTheTop(t *testing.T) {
	t.Parallel()
	root := packagertest.Project(t, "app.js", "import 'a'; import 'b'; export default { fetch() {} };",
		"node_modules/a/package.json", `{"name":"a"}`, "node_modules/a/index.js", "require('x')", "node_modules/b/package.json", `{"name":"b"}`, "node_modules/b/index.js", "require('x')",
		"node_modules/a/node_modules/x/package.json", `{"name":"x","version":"1.0.0"}`, "node_modules/a/node_modules/x/index.js", "exports.y = __dirname;", "node_modules/a/node_modules/x/binding.gyp", "",
		"node_modules/b/node_modules/x/package.json", `{"name":"x","version":"2.0.0"}`, "node_modules/b/node_modules/x/index.js", "exports.y = __dirname;", "node_modules/b/node_modules/x/binding.gyp", "")
	p := newPackager(t, root)
	p.NoCache = true
	first := build(t, p, packagertest.Node("app.js"))
	for range 5 {
		if again := build(t, anew(p), packagertest.Node("app.js")); again.Digest != first.Digest {
			t.Fatal("another version was chosen")
		}
	}
}

func TestAnESModuleThatRequiresWhatItMayHaveFindsIt(t *testing.T) {
	t.Parallel()
	for how, made := range map[string]string{
		"a module that is asked for": `process.getBuiltinModule("module").createRequire(import.meta.url)`,
		"a module that is imported":  `(await import("node:module")).createRequire(import.meta.url)`,
	} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			alike(t, packagertest.Project(t, "app.mjs", "import { got as main } from 'pdf'; import { got } from 'pdf/lib/other.mjs'; export const all = main + got; export default { fetch() {} };",
				"node_modules/pdf/package.json", `{"name":"pdf","main":"lib/pdf.mjs","optionalDependencies":{"canvas":"1"}}`,
				"node_modules/pdf/lib/pdf.mjs", "let got = 'none';\n{\n  const require = "+made+";\n  try { got = require('canvas').got; } catch {}\n}\nexport { got };\n",
				"node_modules/pdf/lib/other.mjs", "export { got } from './pdf.mjs';\n",
				"node_modules/canvas/package.json", `{"name":"canvas"}`, "node_modules/canvas/index.js", "exports.got = 'drawn';"), "app.mjs", "m.all")
		})
	}
}

func TestAPackageOfTheWorkspaceThatReadsItsFilesLiesOutsideOfTheBundle(t *testing.T) {
	t.Parallel()
	whole := packagertest.Project(t, "apps/web/src/app.js", "const conf = require('@my/conf'); exports.got = require('fs').readFileSync(conf.views + '/a.html', 'utf8') + conf.read('b.txt') + require('@my/plain').v; exports.fetch = () => {};",
		"apps/web/package.json", `{"dependencies":{"@my/conf":"*","@my/plain":"*"}}`,
		"packages/conf/package.json", `{"name":"@my/conf"}`, "packages/conf/views/a.html", "view", "packages/conf/b.txt", "text",
		"packages/conf/index.js", "const path = require('path'); exports.views = path.join(__dirname, 'views'); exports.read = (name) => require('fs').readFileSync(path.join(__dirname, name), 'utf8');",
		"packages/plain/package.json", `{"name":"@my/plain"}`, "packages/plain/index.js", "exports.v = 'plain';")
	for _, name := range []string{"conf", "plain"} {
		link := filepath.Join(whole, "node_modules", "@my", name)
		if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(filepath.Join(whole, "packages", name), link); err != nil {
			t.Fatal(err)
		}
	}
	root := filepath.Join(whole, "apps", "web")
	alike(t, root, "src/app.js", "m.default.got")
	a := build(t, newPackager(t, root), packagertest.Node("src/app.js"))
	if _, there := contents(t, a)["node_modules/@my/plain/index.js"]; there || len(a.Warnings) > 0 {
		t.Errorf("one that reads nothing is not in the bundle, or it warns: %+v", a.Warnings)
	}
}

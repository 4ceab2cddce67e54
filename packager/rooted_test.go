package packager

import (
	"strings"
	"testing"

	"github.com/ferryfn/ferry/packager/packagertest"
)

// rootedCase is a package p, version 1, with its main file, other files, and what it exports.
type rootedCase struct {
	main, code string
	files      []string
	want       string
}

func (c rootedCase) test(t *testing.T, bundled bool) {
	t.Helper()
	for format, handler := range map[string]string{
		"ESM": "import p from 'p'; export const got = p; export default { fetch() {} };",
		"CJS": "module.exports = { got: require('p'), fetch() {} };",
	} {
		t.Run(format, func(t *testing.T) {
			root := packagertest.Project(t, "app.js", handler, "package.json", `{"dependencies":{"p":"1","driver":"1"}}`,
				"node_modules/p/package.json", `{"name":"p","version":"1.0.0","main":"`+c.main+`","dependencies":{"dep":"1"},"peerDependenciesMeta":{"driver":{"optional":true}}}`,
				"node_modules/p/"+c.main, c.code,
				"node_modules/dep/package.json", `{"name":"dep"}`, "node_modules/dep/index.js", "module.exports = 'dep'", "node_modules/dep/dep.css", "css")
			packagertest.Fill(t, root, c.files...)
			a := build(t, newPackager(t, root), packagertest.Node("app.js"))
			if _, out := contents(t, a)["node_modules/p/package.json"]; out == bundled {
				t.Errorf("outside of the bundle is %v", out)
			}
			if !bundled {
				why, err := newPackager(t, root).Explain(t.Context(), packagertest.Node("app.js"), packagertest.Local("nodejs20"), "node_modules/p/package.json")
				if err != nil {
					t.Fatal(err)
				}
				packagertest.Contains(t, why.Why, "stays out of the bundle: node_modules/p/"+c.main+" looks for something from where it lies")
			}
			file, expression := "app.mjs", "await m.got"
			if format == "CJS" {
				file, expression = "app.cjs", "await m.default.got"
			}
			if strings.HasSuffix(c.main, ".mjs") {
				expression = "((x) => x.default ?? x)(" + expression + ")"
			}
			if got := load(t, a, file, expression); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestAPackageThatLooksFromWhereItLiesStaysOutOfTheBundle(t *testing.T) {
	t.Parallel()
	data := []string{"node_modules/p/data/words.txt", "words"}
	for name, c := range map[string]rootedCase{
		"a path that is joined": {"lib/i.js", "module.exports = require('fs').readFileSync(require('path').join(__dirname, '..', 'data', 'words.txt'), 'utf8')", data, "words"},
		"a path that a compiler to WebAssembly puts together": {
			"lib/i.js", "const here = __dirname + '/';\nconst found = (name) => here + name;\nmodule.exports = require('fs').readFileSync(found('words.wasm'), 'utf8')",
			[]string{"node_modules/p/lib/words.wasm", "words"},
			"words",
		},
		"over several lines": {"lib/i.js", `const path = require('path');
const dir = path.resolve(
	__dirname,
	process.env.NOT_SET || '../data'
);
module.exports = require('fs').readFileSync(path.join(dir, 'words.txt'), {
	encoding: 'utf8',
});`, data, "words"},
		"in a template":         {"lib/i.js", "module.exports = require('fs').readFileSync(`${__dirname}/../data/${'words'}.txt`, 'utf8')", data, "words"},
		"by the name of a file": {"lib/i.js", "module.exports = require('fs').readFileSync(require('path').join(__filename, '../../data/words.txt'), 'utf8')", append(data, "node_modules/p/lib/data", ""), "words"},
		"its own package.json":  {"i.js", "module.exports = JSON.parse(require('fs').readFileSync(require('path').join(__dirname, 'package.json'))).version", nil, "1.0.0"},
		"its own folder":        {"i.js", "const dir = require('path').resolve(__dirname); module.exports = require('fs').existsSync(dir + '/data/words.txt')", data, "true"},
		"what a caller asks of": {"i.js", "module.exports = require.resolve('dep/dep.css').slice(-7)", nil, "dep.css"},
		"a worker": {
			"i.js", `const { Worker } = require('worker_threads');
module.exports = new Promise((done, fail) => new Worker(require('path').join(__dirname, 'worker.js')).on('message', done).on('error', fail))`,
			[]string{"node_modules/p/worker.js", "require('worker_threads').parentPort.postMessage(require('dep'))"},
			"dep",
		},
		"a driver by its name": {
			"i.js", "const use = name => require(name); module.exports = use('driver')",
			[]string{"node_modules/driver/package.json", `{"name":"driver"}`, "node_modules/driver/index.js", "module.exports = 'driven'"},
			"driven",
		},
	} {
		t.Run(name, func(t *testing.T) { c.test(t, false) })
	}
}

func TestAnESModulePackageThatLooksFromWhereItLiesStaysOutOfTheBundle(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ code, want string }{
		"by its URL":           {"import fs from 'fs'; export default fs.readFileSync(new URL('./words.txt', import.meta.url), 'utf8')", "words"},
		"with its own require": {"import { createRequire } from 'module'; const require = createRequire(import.meta.url); export default require('./words.json').words", "json"},
		"for a dependency":     {"import { createRequire } from 'node:module'; const load = createRequire(import.meta.url); export default load('dep')", "dep"},
	} {
		t.Run(name, func(t *testing.T) {
			root := packagertest.Project(t, "app.js", "import p from 'p'; export const got = p; export default { fetch() {} };",
				"node_modules/p/package.json", `{"name":"p","type":"module","main":"i.js","dependencies":{"dep":"1"}}`, "node_modules/p/i.js", c.code,
				"node_modules/p/words.txt", "words", "node_modules/p/words.json", `{"words":"json"}`,
				"node_modules/dep/package.json", `{"name":"dep"}`, "node_modules/dep/index.js", "module.exports = 'dep'")
			if got := load(t, build(t, newPackager(t, root), packagertest.Node("app.js")), "app.mjs", "m.got"); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestAPackageThatOnlyMentionsItsPlaceIsBundled(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]rootedCase{
		"in a comment":                 {"i.js", "// require('path').join(__dirname, 'data')\nmodule.exports = 'so'", []string{"node_modules/p/data", ""}, "so"},
		"in a text":                    {"i.js", "module.exports = 'call it with __dirname'.length", nil, "22"},
		"to tell it":                   {"i.js", "module.exports = [__dirname, typeof __filename].length", nil, "2"},
		"with a path that leads out":   {"i.js", "module.exports = require('path').join(__dirname, '..', '..').length > 0", nil, "true"},
		"with a path to nothing":       {"i.js", "module.exports = require('path').basename(require('path').join(__dirname, 'build/x.node'))", nil, "x.node"},
		"in code that nobody uses":     {"i.js", "exports.so = 'so'; const f = () => require('path').join(__dirname, 'data'); module.exports = 'so'", nil, "so"},
		"with modules that it is told": {"i.js", "exports.view = name => require(name); module.exports = 'so'", nil, "so"},
		"with drivers that it imports": {
			"i.js", "exports.use = name => require(name); module.exports = require('driver')",
			[]string{"node_modules/driver/package.json", `{"name":"driver"}`, "node_modules/driver/index.js", "module.exports = 'driven'"},
			"driven",
		},
	} {
		t.Run(name, func(t *testing.T) { c.test(t, true) })
	}
}

func TestALooseFileInNodeModulesIsBundled(t *testing.T) {
	t.Parallel()
	root := packagertest.Project(t, "app.js", "import { at } from 'loose.js'; export const got = typeof at; export default { fetch() {} };",
		"node_modules/loose.js", "exports.at = require('path').join(__dirname, 'data'); exports.driver = () => require('driver')", "node_modules/data", "")
	_, err := newPackager(t, root).Build(t.Context(), packagertest.Node("app.js"), packagertest.Local("nodejs20"))
	packagertest.Contains(t, packagertest.Problem(t, err).Message, `Could not resolve "driver"`)
	packagertest.Fill(t, root, "node_modules/driver.js", "")
	if got := load(t, build(t, newPackager(t, root), packagertest.Node("app.js")), "app.mjs", "m.got"); got != "string" {
		t.Errorf("got %s", got)
	}
}

func TestAnOptionalPeerComesAlongWhenTheUserNeedsIt(t *testing.T) {
	t.Parallel()
	root := packagertest.Project(t, "app.js", "export default { fetch() {} };", "package.json", `{"dependencies":{"p":"1","chosen":"1"},"devDependencies":{"typescript":"5"}}`,
		"node_modules/p/package.json", `{"name":"p","peerDependencies":{"typescript":"*","must":"1"},"peerDependenciesMeta":{"typescript":{"optional":true},"chosen":{"optional":true}}}`,
		"node_modules/p/index.js", "", "node_modules/typescript/package.json", `{"name":"typescript"}`,
		"node_modules/must/package.json", `{"name":"must"}`, "node_modules/chosen/package.json", `{"name":"chosen"}`)
	fn := packagertest.Node("app.js")
	fn.Build.External = []string{"p"}
	got := contents(t, build(t, newPackager(t, root), fn))
	for name, want := range map[string]bool{"p": true, "must": true, "chosen": true, "typescript": false} {
		if _, ok := got["node_modules/"+name+"/package.json"]; ok != want {
			t.Errorf("%s: in the package is %v, want %v", name, ok, want)
		}
	}
}

func TestAPackageThatLooksWhereItIsRequiredLiesOutsideOfTheBundle(t *testing.T) {
	t.Parallel()
	root := packagertest.Project(t, "src/app.js", "exports.got = require('all')('../routes').join(); exports.fetch = () => {};", "routes/a.js", "module.exports = require('../lib')", "routes/b.js", "module.exports = 'b'", "lib.js", "module.exports = 'a'",
		"node_modules/all/package.json", `{"name":"all"}`,
		"node_modules/all/index.js", "const fs = require('fs'), path = require('path'), from = module.parent.filename; module.exports = (dir) => fs.readdirSync(path.join(path.dirname(from), dir)).sort().map((f) => require(path.join(path.dirname(from), dir, f)));")
	alike(t, root, "src/app.js", "m.default.got")
}

func TestAPackageThatTheUsersCodeNamesComesAlongForWhoLoadsIt(t *testing.T) {
	t.Parallel()
	tree := func(code string) []string {
		return []string{
			"app.js", "import { render } from 'web'; import 'used'; export const got = render(" + code + "); export default { fetch() {} };",
			"package.json", `{"dependencies":{"web":"1","engine":"1","other":"1","used":"1"},"devDependencies":{"tool":"1"}}`,
			"node_modules/web/package.json", `{"name":"web"}`, "node_modules/web/index.js", "exports.render = name => name && require(name).as",
			"node_modules/engine/package.json", `{"name":"engine","dependencies":{"part":"1"}}`, "node_modules/engine/index.js", "exports.as = require('part')",
			"node_modules/part/package.json", `{"name":"part"}`, "node_modules/part/index.js", "module.exports = 'rendered'",
			"node_modules/other/package.json", `{"name":"other"}`, "node_modules/tool/package.json", `{"name":"tool"}`,
			"node_modules/used/package.json", `{"name":"used"}`, "node_modules/used/index.js", "globalThis.used = 1",
		}
	}
	p := newPackager(t, packagertest.Project(t, tree("['\\n', 'engine'].at(1)")...))
	a := build(t, p, packagertest.Node("app.js"))
	if got := load(t, a, "app.mjs", "m.got"); got != "rendered" {
		t.Errorf("got %s", got)
	}
	got := contents(t, a)
	for name, want := range map[string]bool{"web": false, "engine": true, "part": true, "other": false} {
		if _, ok := got["node_modules/"+name+"/package.json"]; ok != want {
			t.Errorf("%s: outside of the bundle is %v, want %v", name, ok, want)
		}
	}
	why, err := newPackager(t, p.Root).Explain(t.Context(), packagertest.Node("app.js"), packagertest.Local("nodejs20"), "node_modules/engine/index.js")
	if err != nil {
		t.Fatal(err)
	}
	packagertest.Contains(t, why.Why, "the code names it in a string")
	for name := range contents(t, build(t, newPackager(t, packagertest.Project(t, tree("['tool', 'used', 'web', 'nothing'].at(4)")...)), packagertest.Node("app.js"))) {
		if strings.HasPrefix(name, "node_modules/") {
			t.Errorf("%s is in the package", name)
		}
	}
}

func TestAPackageThatIsPartOfTheCodeAlreadyIsNotTakenByItsName(t *testing.T) {
	t.Parallel()
	p := newPackager(t, packagertest.Project(t, "package.json", `{"type":"module","dependencies":{"web":"1","other":"1"}}`,
		"dist/app.js", "// node_modules/web/index.js\nconst web = { name: 'web' };\nconst text = ' node_modules/other/', names = ['other'];\nexport const got = async (name) => name === web.name || text + names + await import(name); export default { fetch() {} };",
		"node_modules/web/package.json", `{"name":"web"}`, "node_modules/other/package.json", `{"name":"other"}`))
	in := contents(t, build(t, p, packagertest.Node("dist/app.js")))
	for name, want := range map[string]bool{"web": false, "other": true} {
		if _, ok := in["node_modules/"+name+"/package.json"]; ok != want {
			t.Errorf("%s: in the package is %v, want %v", name, ok, want)
		}
	}
}

func TestAViewEngineIsTheOneThatTheFrameworkLoads(t *testing.T) {
	t.Parallel()
	web := []string{
		"node_modules/web/package.json", `{"name":"web"}`, "node_modules/web/index.js", "exports.app = () => ({ set(_, name) { this.name = name; }, render() { return require(this.name).render(); } });",
		"node_modules/engine/package.json", `{"name":"engine"}`, "node_modules/engine/index.js", "let part = 'nothing'; exports.register = (p) => { part = p; }; exports.render = () => part;",
	}
	for name, files := range map[string][]string{
		"imported by the code that names it": {
			"app.js", "const app = require('web').app(); require('engine').register('a part'); app.set('view engine', 'engine'); exports.got = app.render(); exports.fetch = () => {};",
		},
		"named by a module that is loaded by its path": {
			"app.js", `const fs = require('fs'), path = require('path'), { app } = require('web'), at = path.join(__dirname, 'parts');
exports.got = fs.readdirSync(at).map((f) => { const a = app(); a.set('view engine', require(path.join(at, f)).engine); return a.render(); });
exports.fetch = () => {};`,
			"parts/one.js", "exports.engine = 'engine';",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			alike(t, packagertest.Project(t, append(files, web...)...), "app.js", "m.default.got")
		})
	}
}

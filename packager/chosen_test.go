package packager

import (
	"strings"
	"testing"

	"github.com/ferryfn/ferry/packager/packagertest"
)

func TestAModuleThatCodeChoosesWhenItRunsIsFoundAsNodeFindsIt(t *testing.T) {
	t.Parallel()
	root := packagertest.Project(t, "app.js", "const path = require('path'), map = new Map(), fn = path.sep + map.size;\n"+
		"const missing = (name) => { try { return require(`./lang/${name}`) } catch (err) { return err.code } };\n"+
		"exports.got = ['de', 'de.js', 'en', 'deep/er', 'folder', 'toString', 'nothing'].map(missing).concat(require('./lib/load')('../more/m'), require('./lib/load').all()).join();\nexports.fetch = () => {};\n",
		"lang/de.js", "module.exports = 'hallo'", "lang/en.json", `"hello"`, "lang/deep/er.js", "module.exports = 'deep'", "lang/folder/index.js", "module.exports = 'folder'",
		"lang/README.md", "# no module", "lang/de.yaml", "a: 1", "lang/LICENSE", "no module either",
		"more/m.js", "module.exports = 'more'", "lib/load.js", "const load = (name) => require(name);\nmodule.exports = load;\nmodule.exports.all = () => ['./a', './b.json'].map(load);\n", "lib/a.js", "module.exports = require('./c')", "lib/b.json", "2", "lib/c.js", "module.exports = 'c'")
	alike(t, root, "app.js", "m.default.got")
	if said := build(t, newPackager(t, root), packagertest.Node("app.js")).Warnings; len(said) > 0 {
		t.Errorf("it warns: %+v", said)
	}
}

func TestAModuleThatNothingNamesIsWarnedOf(t *testing.T) {
	t.Parallel()
	root := packagertest.Project(t, "app.js", "exports.load = (name) =>\n  require(name);\nexports.fetch = () => {};\n")
	said := build(t, newPackager(t, root), packagertest.Node("app.js")).Warnings
	if len(said) != 1 || said[0].Line != 2 || !strings.Contains(said[0].Message, "by a name that is known only when it runs") {
		t.Errorf("got %+v", said)
	}
}

func TestAPackageThatRequiresAFolderFindsItFromTheModuleThatNamesIt(t *testing.T) {
	t.Parallel()
	const all = "const fs = require('fs'), path = require('path'); module.exports = (from, dir, load) => fs.readdirSync(path.resolve(path.dirname(from), dir)).sort().map((f) => path.resolve(path.dirname(from), dir, f)).filter((f) => f !== from).map(load).join();"
	for how, load := range map[string]string{
		"it gets the module":             "const requireDirectory = require('require-directory'); module.exports = requireDirectory(module, '../routes');",
		"it gets the module alone":       "module.exports = require('../routes');",
		"it looks at who requires it":    "const requireDir = require('require-dir'); module.exports = requireDir('../routes');",
		"it is called where it is named": "module.exports = require('require-dir')('../routes');",
	} {
		t.Run(how, func(t *testing.T) {
			root := packagertest.Project(t, "src/app.js", "exports.got = require('../lib/deep/load');\nexports.fetch = () => {};\n",
				"lib/deep/load.js", load, "lib/routes/a.js", "module.exports = require('../x')", "lib/routes/b.js", "module.exports = 'b'", "lib/x.js", "module.exports = 'a'",
				"lib/routes/index.js", "module.exports = require('require-directory')(module)",
				"package.json", `{"dependencies":{"require-directory":"1","require-dir":"1"}}`,
				"node_modules/all/package.json", `{"name":"all"}`, "node_modules/all/index.js", all,
				"node_modules/require-directory/package.json", `{"name":"require-directory","dependencies":{"all":"1"}}`,
				"node_modules/require-directory/index.js", "module.exports = (m, dir = '.') => require('all')(m.filename, dir, (f) => m.require(f))",
				"node_modules/require-dir/package.json", `{"name":"require-dir","dependencies":{"all":"1"}}`,
				"node_modules/require-dir/index.js", "const from = module.parent.filename; delete require.cache[__filename]; module.exports = (dir) => require('all')(from, dir, (f) => f.endsWith('index.js') ? 'i' : require(f))")
			alike(t, root, "src/app.js", "m.default.got")
		})
	}
}

func TestAModuleThatIsImportedByNameIsFoundFromTheModuleThatNamesIt(t *testing.T) {
	t.Parallel()
	root := packagertest.Project(t, "package.json", `{"type":"module"}`, "src/app.js", "import { load } from '../lib/load.js';\nexport const got = (await load('./a.js')) + (await load('node:path')).length;\nexport default { fetch() {} };\n",
		"lib/load.js", "export const load = async (name) => (await import(name)).default;\nexport const known = ['./a.js'];\n", "lib/a.js", "import b from './b.js';\nexport default b;\n", "lib/b.js", "export default 'b';\n")
	alike(t, root, "src/app.js", "m.got")
}

func TestAModuleWhosePathsLeadToWhatItChoosesIsNotWarnedOf(t *testing.T) {
	t.Parallel()
	for how, code := range map[string]string{
		"a folder":      "const fs = require('fs'), path = require('path'); exports.all = () => fs.readdirSync(path.join(__dirname, 'plugins')).map((f) => { const name = path.join(__dirname, 'plugins', f); return require(name); });",
		"a view engine": "exports.set = (k, v) => { exports.engine = v }; exports.render = () => require(exports.engine); exports.set('view engine', 'engine');",
	} {
		t.Run(how, func(t *testing.T) {
			root := packagertest.Project(t, "app.js", code+"\nexports.fetch = () => {};\n", "plugins/a.js", "", "node_modules/engine/package.json", `{"name":"engine"}`, "node_modules/engine/index.js", "")
			if said := build(t, newPackager(t, root), packagertest.Node("app.js")).Warnings; len(said) > 0 {
				t.Errorf("it warns: %+v", said)
			}
		})
	}
}

func TestAViewEngineComesAlongWhateverPackageJSONSaysOfIt(t *testing.T) {
	t.Parallel()
	for how, code := range map[string]string{
		"it is set": "const app = require('web'); app.set('view engine', 'engine'); exports.got = app.render('a')", "a view's name says it": "exports.got = require('web').render('a.engine')",
		"a setting of a module says it": "const app = require('web'), user = {}; user.engine = 'engine'; app.set('view engine', user.engine); exports.got = app.render('a')",
		"one's own code loads it":       "const own = { set(name, to) { this.engine = to }, get as() { return require(this.engine).as } }; own.set('view engine', 'engine'); exports.got = own.as",
		"a module elsewhere loads it":   "const own = require('./lib/view'); own.set('view engine', 'engine'); exports.got = own.as()",
	} {
		t.Run(how, func(t *testing.T) {
			root := packagertest.Project(t, "app.js", code+";\nexports.fetch = () => {};\n",
				"package.json", `{"dependencies":{"web":"1"},"devDependencies":{"engine":"1"}}`,
				"lib/view.js", "let engine; exports.set = (name, to) => { engine = to }; exports.as = () => { const name = engine; return require(name).as };",
				"node_modules/web/package.json", `{"name":"web"}`,
				"node_modules/web/index.js", "let engine; exports.set = (name, to) => { engine = to }; exports.render = (name) => { const end = name.split('.')[1] || engine; return require(end).as };",
				"node_modules/engine/package.json", `{"name":"engine"}`, "node_modules/engine/index.js", "exports.as = 'rendered'")
			alike(t, root, "app.js", "m.default.got")
		})
	}
}

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

func TestAViewEngineComesAlongWhateverPackageJSONSaysOfIt(t *testing.T) {
	t.Parallel()
	for how, code := range map[string]string{
		"it is set": "const app = require('web'); app.set('view engine', 'engine'); exports.got = app.render('a')", "a view's name says it": "exports.got = require('web').render('a.engine')",
		"one's own code loads it": "const own = { set(name, to) { this.engine = to }, get as() { return require(this.engine).as } }; own.set('view engine', 'engine'); exports.got = own.as",
	} {
		t.Run(how, func(t *testing.T) {
			root := packagertest.Project(t, "app.js", code+";\nexports.fetch = () => {};\n",
				"package.json", `{"dependencies":{"web":"1"},"devDependencies":{"engine":"1"}}`,
				"node_modules/web/package.json", `{"name":"web"}`,
				"node_modules/web/index.js", "let engine; exports.set = (name, to) => { engine = to }; exports.render = (name) => { const end = name.split('.')[1] || engine; return require(end).as };",
				"node_modules/engine/package.json", `{"name":"engine"}`, "node_modules/engine/index.js", "exports.as = 'rendered'")
			alike(t, root, "app.js", "m.default.got")
		})
	}
}

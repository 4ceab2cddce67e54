package packager

import (
	"testing"

	"github.com/ferryfn/ferry/packager/packagertest"
)

func TestWhatATracerReplacesAsItIsLoadedStaysOutOfTheBundle(t *testing.T) {
	t.Parallel()
	pkg := func(name, code string) []string {
		return []string{"node_modules/" + name + "/package.json", `{"name":"` + name + `","version":"1.0.0"}`, "node_modules/" + name + "/index.js", code}
	}
	files := []string{
		"package.json", `{"dependencies":{"web":"1","tracing":"1","db":"1","plain":"1"}}`,
		"app.mjs", "import 'tracing';\nimport web from 'web';\nimport plain from 'plain';\nexport const all = [web.is, web.db, plain];\nexport default { fetch() {} };\n",
	}
	files = append(files, pkg("require-in-the-middle", `module.exports = (names, replace) => {
  const Module = require('module'), original = Module.prototype.require;
  Module.prototype.require = function (id) { const made = original.call(this, id); return names.includes(id) ? replace(id, made) : made; };
};`)...)
	files = append(files, pkg("tracing", `require('require-in-the-middle')(['web', "db"], (name, made) => ({ ...made, is: 'traced ' + name }));`)...)
	files = append(files, pkg("web", `exports.is = 'web'; exports.db = require('db').is;`)...)
	files = append(files, pkg("db", `exports.is = 'db';`)...)
	files = append(files, pkg("plain", `module.exports = 'untouched';`)...)
	a := build(t, newPackager(t, packagertest.Project(t, files...)), packagertest.Node("app.mjs"))
	if got := load(t, a, "app.mjs", "m.all.join()"); got != "traced web,traced db,untouched" {
		t.Errorf("got %s", got)
	}
	if _, out := contents(t, a)["node_modules/plain/index.js"]; out {
		t.Error("what no tracer names is not in the bundle")
	}
}

func TestWhatAFunctionWithATracerNeedsStaysOutOfTheBundle(t *testing.T) {
	t.Parallel()
	root := packagertest.Project(t, "package.json", `{"dependencies":{"web":"1","dd-trace":"1"}}`,
		"app.js", "require('dd-trace'); exports.web = require('web'); exports.fetch = () => {};",
		"node_modules/dd-trace/package.json", `{"name":"dd-trace","version":"1.0.0"}`, "node_modules/dd-trace/index.js", "",
		"node_modules/web/package.json", `{"name":"web","version":"1.0.0"}`, "node_modules/web/index.js", "")
	if _, out := contents(t, build(t, newPackager(t, root), packagertest.Node("app.js")))["node_modules/web/index.js"]; !out {
		t.Error("it is bundled")
	}
}

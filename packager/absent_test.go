package packager

import (
	"errors"
	"path/filepath"
	"slices"
	"testing"

	"github.com/ferryfn/ferry/packager/packagertest"
)

// orm is a package with drivers that it loads when they are asked for.
var orm = []string{
	"app.js", "import { connect } from 'orm'; export default { fetch: connect };",
	"node_modules/orm/package.json", `{"name":"orm","version":"1.0.0","main":"i.js","peerDependenciesMeta":{"mysql":{"optional":true}}}`,
	"node_modules/orm/i.js", `exports.connect = name => ({
	mysql: () => require('mysql').name,
	scoped: () => import('@pg/native/fast').catch(e => e.code),
	unlisted: () => require.resolve('bun:sqlite'),
	memory: () => 'memory',
})[name]();`,
}

func TestAnInstalledPackageNeedNotFindWhatItMayAskFor(t *testing.T) {
	t.Parallel()
	p := newPackager(t, packagertest.Project(t, orm...))
	a := build(t, p, packagertest.Node("app.js"))
	if got := load(t, a, "app.mjs", "m.default.fetch('memory')"); got != "memory" {
		t.Errorf("got %s", got)
	}
	if got := load(t, a, "app.mjs", "await m.default.fetch('scoped')"); got != "ERR_MODULE_NOT_FOUND" {
		t.Errorf("got %s", got)
	}
	if !build(t, anew(p), packagertest.Node("app.js")).Cached {
		t.Error("it is built again though nothing changed")
	}
	for name, c := range map[string]struct{ pkg, wanted string }{
		"mysql":  {"mysql", "MySQL"},
		"scoped": {"@pg/native", "PG"},
	} {
		t.Run(name+" is bundled once it is there", func(t *testing.T) {
			dir := "node_modules/" + c.pkg + "/"
			packagertest.Fill(t, p.Root, dir+"package.json", `{"name":"`+c.pkg+`","main":"i.js"}`, dir+"i.js", "exports.name = '"+c.wanted+"'", dir+"fast.js", "exports.code = '"+c.wanted+"'")
			call := "await m.default.fetch('" + name + "')"
			if name == "scoped" {
				call = "(" + call + ").code"
			}
			if got := load(t, build(t, anew(p), packagertest.Node("app.js")), "app.mjs", call); got != c.wanted {
				t.Errorf("got %s", got)
			}
		})
	}
}

func TestAnInstalledPackageMayAskForAFileThatAnotherVersionOfAPackageHad(t *testing.T) {
	t.Parallel()
	alike(t, packagertest.Project(t, "app.js", "exports.got = require('mixer')(); exports.fetch = () => {};",
		"node_modules/mixer/package.json", `{"name":"mixer","peerDependencies":{"there":"1"}}`,
		"node_modules/mixer/index.js", "module.exports = () => { try { return require('there/cjs/store'); } catch { try { return require('there/store'); } catch (e) { return e.code; } } };",
		"node_modules/there/package.json", `{"name":"there"}`, "node_modules/there/index.js", ""), "app.js", "m.default.got")
}

func TestAnInstalledPackageMayAskForFilesThatNobodyBuilt(t *testing.T) {
	t.Parallel()
	alike(t, packagertest.Project(t, "app.js", "exports.got = require('tracer'); exports.fetch = () => {};",
		"node_modules/tracer/package.json", `{"name":"tracer"}`,
		"node_modules/tracer/index.js", "for (const kind of ['Release', 'Debug']) try { module.exports = require('./src/build/' + kind + '/binding'); } catch (e) { module.exports = e.code; }"), "app.js", "m.default.got")
}

func TestWhatIsNeededMustBeInstalled(t *testing.T) {
	t.Parallel()
	for name, change := range map[string][]string{
		"by the handler":                  {"app.js", "export default { fetch: () => require('mysql') };"},
		"as a dependency of a package":    {"node_modules/orm/package.json", `{"name":"orm","main":"i.js","dependencies":{"mysql":"1","bun:sqlite":"1"}}`},
		"as a peer that is not optional":  {"node_modules/orm/package.json", `{"name":"orm","main":"i.js","peerDependencies":{"mysql":"1"}}`},
		"by an import statement":          {"node_modules/orm/i.js", "import * as m from 'mysql'; export const connect = m;"},
		"as a file of the package itself": {"node_modules/orm/i.js", "exports.connect = () => require('./part');"},
	} {
		t.Run(name, func(t *testing.T) {
			root := packagertest.Project(t, orm...)
			packagertest.Fill(t, root, change...)
			_, err := newPackager(t, root).Build(t.Context(), packagertest.Node("app.js"), packagertest.Local("nodejs20"))
			var many Errors
			if one := (*Error)(nil); !errors.As(err, &many) && errors.As(err, &one) {
				many = Errors{one}
			}
			if len(many) == 0 || !slices.ContainsFunc(many, func(e *Error) bool { return filepath.Base(e.File) == "app.js" || filepath.Base(e.File) == "i.js" }) {
				t.Fatalf("got %v", err)
			}
			packagertest.Contains(t, err.Error(), "Could not resolve")
		})
	}
}

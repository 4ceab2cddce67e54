package packager

import (
	"archive/zip"
	"bytes"
	"testing"

	"github.com/ferryfn/ferry/packager/packagertest"
)

// plugged is a project of a handler that is installed with Yarn's Plug'n'Play: its package orm lies in an archive, in
// its place for a peer.
func plugged(t *testing.T, handler, orm string) string {
	t.Helper()
	var archive bytes.Buffer
	w := zip.NewWriter(&archive)
	for name, text := range map[string]string{
		"package.json": `{"name":"orm","version":"1.0.0","main":"lib/i.js","peerDependenciesMeta":{"mysql":{"optional":true}}}`,
		"lib/i.js":     orm, "data/words.txt": "words",
	} {
		f, err := w.Create("node_modules/orm/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return packagertest.Project(t, "app.js", handler, "package.json", `{"name":"app","dependencies":{"orm":"1"}}`, ".pnp.cjs", "", ".yarn/cache/orm.zip", archive.String(),
		".pnp.data.json", `{"enableTopLevelFallback":true,"fallbackExclusionList":[],"fallbackPool":[],"ignorePatternData":null,"dependencyTreeRoots":[{"name":"app","reference":"workspace:."}],"packageRegistryData":[
[null,[[null,{"packageLocation":"./","packageDependencies":[["orm","virtual:1#npm:1"]],"linkType":"SOFT"}]]],
["app",[["workspace:.",{"packageLocation":"./","packageDependencies":[["app","workspace:."],["orm","virtual:1#npm:1"]],"linkType":"SOFT"}]]],
["orm",[["virtual:1#npm:1",{"packageLocation":"./.yarn/__virtual__/orm-virtual-1/0/cache/orm.zip/node_modules/orm/","packageDependencies":[["orm","virtual:1#npm:1"],["mysql",null]],"linkType":"HARD"}]]]
]}`)
}

func TestPackagesOfPlugAndPlayAreBundledAndWhatTheyMayAskForIsLeftToTheRunTime(t *testing.T) {
	t.Parallel()
	for format, handler := range map[string]string{
		"app.mjs": "import { name, connect } from 'orm'; export const got = () => name + connect(); export default { fetch() {} };",
		"app.cjs": "const { name, connect } = require('orm'); exports.default = { fetch() {} }; exports.got = () => name + connect();",
	} {
		t.Run(format, func(t *testing.T) {
			root := plugged(t, handler, "exports.name = typeof __dirname;\nexports.connect = () => { try { return require('mysql'); } catch (err) { return err.code; } };\n")
			p := newPackager(t, root)
			a := build(t, p, packagertest.Node("app.js"))
			if got := load(t, a, format, "(m.got ?? m.default.got)()"); got != "stringMODULE_NOT_FOUND" {
				t.Errorf("got %s", got)
			}
			if !build(t, p, packagertest.Node("app.js")).Cached {
				t.Error("it is built again though nothing changed")
			}
			packagertest.Fill(t, root, ".yarn/cache/orm.zip", "other")
			if _, err := anew(p).Build(t.Context(), packagertest.Node("app.js"), packagertest.Local("nodejs20")); err == nil {
				t.Error("a change of the archive was not seen")
			}
		})
	}
}

func TestAPackageOfPlugAndPlayThatMustLieInFilesIsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ handler, orm string }{
		"for what it looks for":       {"exports.got = require('orm'); exports.fetch = () => {};", "module.exports = require('fs').readFileSync(require('path').join(__dirname, '../data/words.txt'), 'utf8');"},
		"since no bundler sees it":    {"exports.got = require('module').createRequire(__filename)('orm'); exports.fetch = () => {};", ""},
		"since the manifest names it": {"exports.got = require('orm'); exports.fetch = () => {};", ""},
	} {
		t.Run(name, func(t *testing.T) {
			fn := packagertest.Node("app.js")
			if name == "since the manifest names it" {
				fn.Build.External = []string{"orm"}
			}
			e := failure(t, newPackager(t, plugged(t, c.handler, c.orm)), fn)
			packagertest.Contains(t, e.Message, "orm must lie in the package as files", "Plug'n'Play")
			packagertest.Contains(t, e.Hint, "nodeLinker: node-modules")
		})
	}
}

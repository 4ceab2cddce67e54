package packager

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager/packagertest"
)

// sourcesOf are the sources in the map of a bundle; nil without a map.
func sourcesOf(t *testing.T, a Artifact) (sources []string) {
	t.Helper()
	files := contents(t, a)
	text, there := files["app.mjs.map"]
	if named := strings.Contains(files["app.mjs"], "\n//# sourceMappingURL=app.mjs.map\n"); named != there {
		t.Fatalf("the map is there: %v; it is named: %v", there, named)
	}
	if !there {
		return nil
	}
	var m struct{ Sources []string }
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		t.Fatal(err)
	}
	return m.Sources
}

func mappedProject(t *testing.T, own string) string {
	return packagertest.Project(t, "app.ts", "import dep from 'dep';\nimport './own';\n\nexport default { fetch(): never { throw new Error(dep()); } };\n", "own.ts", own,
		"node_modules/dep/package.json", `{"name":"dep"}`,
		"node_modules/dep/index.js", "module.exports = () => 'told';\n//# sourceMappingURL=index.js.map\n",
		"node_modules/dep/index.js.map", `{"version":3,"sources":["../src/dep.ts"],"mappings":"AAAA"}`)
}

func TestAStackTraceNamesTheLinesOfOnesOwnSourcesAndTheMapHoldsNothingElse(t *testing.T) {
	t.Parallel()
	a := build(t, newPackager(t, mappedProject(t, "console.log(1)")), packagertest.Node("app.ts"))
	for _, s := range sourcesOf(t, a) {
		if strings.Contains(s, "dep.ts") || strings.HasSuffix(s, ".js") {
			t.Errorf("the map holds %s of an installed package", s)
		}
	}
	packagertest.Needs(t, "node")
	said := packagertest.Output(t, unpack(t, a), "node", "--enable-source-maps", "--input-type=module", "-e",
		"const m = await import('./app.mjs'); try { m.default.fetch() } catch (err) { console.log(err.stack) }")
	packagertest.Contains(t, said, "Error: told", "app.ts:4:")
}

func TestAStackTraceOfCommonJSNamesTheLinesOfItsSources(t *testing.T) {
	t.Parallel()
	packagertest.Needs(t, "node")
	root := packagertest.Project(t, "app.js", "'use strict';\nconst lib = require('./lib/lib');\n\nexports.fetch = () => lib(__dirname);\n",
		"lib/lib.js", "'use strict'; // of\n// a library\nmodule.exports = () => {\n\tthrow new Error(__dirname);\n};\n")
	said := packagertest.Output(t, unpack(t, build(t, newPackager(t, root), packagertest.Node("app.js"))), "node", "--enable-source-maps", "-e",
		"try { require('./app.cjs').fetch() } catch (err) { console.log(err.stack) }")
	packagertest.Contains(t, said, "lib.js:4:", "app.js:4:")
}

func TestALargeMapIsLeftOutUnlessItIsAskedFor(t *testing.T) {
	t.Parallel()
	yes, no := true, false
	large := manyFunctions(20_000)
	for _, c := range []struct {
		name  string
		asked *bool
		own   string
		there bool
	}{
		{"small", nil, "console.log(1)", true},
		{"small, not wanted", &no, "console.log(1)", false},
		{"large", nil, large, false},
		{"large, wanted", &yes, large, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			fn := packagertest.Node("app.ts")
			fn.Build = manifest.Build{SourceMaps: c.asked}
			if got := sourcesOf(t, build(t, newPackager(t, mappedProject(t, c.own)), fn)) != nil; got != c.there {
				t.Errorf("there is a map: %v", got)
			}
		})
	}
}

func manyFunctions(n int) string {
	var b strings.Builder
	for range n {
		b.WriteString("console.log((a: number) => { if (a > 1) return a + 1; return a * 2; });\n")
	}
	return b.String()
}

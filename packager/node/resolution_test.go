package node_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ferryfn/ferry/internal/sample"
	"github.com/ferryfn/ferry/packager/node"
	"github.com/ferryfn/ferry/packager/packagertest"
	"github.com/ferryfn/ferry/templates"
)

// edge is one import that a file makes, and where it leads.
type edge struct {
	From string `json:"from"`
	Name string `json:"name"`
	Kind string `json:"kind"`
	To   string `json:"to"` // "" is nowhere
}

// asNode has Node say where each edge leads.
const asNode = `
import { readFileSync, realpathSync, statSync } from "node:fs";
import { createRequire, isBuiltin } from "node:module";
import { fileURLToPath, pathToFileURL } from "node:url";
const find = ({ from, name, kind }) => {
  if (isBuiltin(name)) return "";
  try {
    if (kind.startsWith("require")) return realpathSync(createRequire(from).resolve(name));
    const file = realpathSync(fileURLToPath(import.meta.resolve(name, pathToFileURL(from).href)));
    return statSync(file).isFile() ? file : ""; // an import of a folder is found, and fails
  } catch {
    return "";
  }
};
console.log(JSON.stringify(JSON.parse(readFileSync(0, "utf8")).map((edge) => ({ ...edge, to: find(edge) }))));
`

func resolvedByNode(t *testing.T, dir string, edges []edge) []edge {
	t.Helper()
	in, err := json.Marshal(edges)
	if err != nil {
		t.Fatal(err)
	}
	flags := []string{"--no-warnings", "--experimental-import-meta-resolve", "--input-type=module"}
	if plain := "--no-experimental-require-module"; exec.Command("node", plain, "-e", "").Run() == nil {
		flags = append(flags, plain)
	}
	cmd := exec.Command("node", append(flags, "-e", asNode)...)
	cmd.Dir, cmd.Stdin, cmd.Stderr = dir, strings.NewReader(string(in)), os.Stderr
	data, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var out []edge
	if err := json.Unmarshal(data, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// bundledEdges are the imports in a bundle of a handler between files on disk, as esbuild resolved them.
func bundledEdges(t *testing.T, dir, handler string) []edge {
	t.Helper()
	made, err := new(node.Together).Content(context.Background(), packagertest.Job(t, dir, packagertest.Node(handler)), templates.Shim{})
	if err != nil {
		t.Fatal(err)
	}
	var meta struct {
		Inputs map[string]struct {
			Imports []struct {
				Path, Kind, Original string
				External             bool
			}
		}
	}
	if err := json.Unmarshal(made.Metafile, &meta); err != nil {
		t.Fatal(err)
	}
	var out []edge
	for from, input := range meta.Inputs {
		for _, i := range input.Imports {
			if i.External || i.Original == "" || strings.Contains(i.Path, ":") {
				continue
			}
			out = append(out, edge{filepath.Join(dir, from), i.Original, i.Kind, onDisk(t, filepath.Join(dir, i.Path))})
		}
	}
	slices.SortFunc(out, func(a, b edge) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	return slices.Compact(out)
}

func onDisk(t *testing.T, path string) string {
	t.Helper()
	found, err := filepath.EvalSymlinks(path)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// compare fails for every import that leads elsewhere in the bundle than under Node, and returns how many it compared.
// An import that Node cannot resolve would fail there: it is not compared, since code guards such imports.
func compare(t *testing.T, dir, handler string) (compared int) {
	t.Helper()
	bundled := bundledEdges(t, dir, handler)
	for i, want := range resolvedByNode(t, dir, bundled) {
		if want.To == "" {
			continue
		}
		compared++
		if got := bundled[i]; got.To != want.To {
			t.Errorf("%s of %q in %s leads to\n  %s\nunder Node to\n  %s", got.Kind, got.Name, got.From, got.To, want.To)
		}
	}
	return compared
}

func TestABundleHoldsWhatNodeWouldLoad(t *testing.T) {
	packagertest.Needs(t, "node")
	dir := onDisk(t, packagertest.Project(t, "package.json", `{"type":"module"}`,
		"app.js", `import both from "both"; import single from "single"; import conditional from "conditional"; import "./required.cjs"; 
export default { fetch() {}, both, single, conditional };`,
		"required.cjs", `module.exports = [require("both"), require("single"), require("conditional"), require("both/inner")];`,
		"node_modules/both/package.json", `{"name":"both","main":"i.js","module":"i.mjs"}`,
		"node_modules/both/i.js", `exports.parse = () => 1`, "node_modules/both/i.mjs", `export default { parse: () => 2 }`,
		"node_modules/both/inner/package.json", `{"main":"../inner.js","module":"../inner.mjs"}`,
		"node_modules/both/inner.js", `module.exports = 1`, "node_modules/both/inner.mjs", `export default 2`,
		"node_modules/single/package.json", `{"name":"single","main":"i.js","module":"i.mjs"}`,
		"node_modules/single/i.js", `module.exports = 1`, "node_modules/single/i.mjs", `export const named = 2`,
		"node_modules/conditional/package.json", `{"name":"conditional","exports":{"module":"./bundlers.mjs","import":"./i.mjs","require":"./i.cjs"}}`,
		"node_modules/conditional/bundlers.mjs", `export default 3`,
		"node_modules/conditional/i.mjs", `export default 2`, "node_modules/conditional/i.cjs", `module.exports = 1`))
	if n := compare(t, dir, "app.js"); n != 8 {
		t.Errorf("%d imports were compared, want 8", n)
	}
}

// popular are packages that many services use, of every shape: with and without "module", "exports" and types of
// modules, with their versions of one day.
var popular = []string{
	"express@5.1.0", "fastify@5.3.2", "koa@2.16.1", "hono@4.7.7", "h3@1.15.1", "json5@2.2.3", "graphql@15.10.1", "graphql-tag@2.12.6",
	"@apollo/client@3.13.8", "react@18.3.1", "react-dom@18.3.1", "rxjs@7.8.2", "uuid@9.0.1", "nanoid@5.1.5", "lodash@4.17.21", "lodash-es@4.17.21",
	"date-fns@4.1.0", "dayjs@1.11.13", "luxon@3.6.1", "moment@2.30.1", "axios@1.9.0", "got@14.4.7", "node-fetch@3.3.2", "ky@1.8.1",
	"undici@6.21.2", "zod@3.24.3", "ajv@8.17.1", "joi@17.13.3", "yup@1.6.1", "valibot@1.0.0", "winston@3.17.0", "debug@4.4.0",
	"chalk@5.4.1", "commander@13.1.0", "yargs@17.7.2", "minimist@1.2.8", "dotenv@16.5.0", "semver@7.7.1", "yaml@2.7.1", "js-yaml@4.1.0",
	"csv-parse@5.6.0", "fast-xml-parser@5.2.1", "xml2js@0.6.2", "cheerio@1.0.0", "marked@15.0.11", "markdown-it@14.1.0", "handlebars@4.7.8", "mustache@4.2.0",
	"jsonwebtoken@9.0.2", "jose@5.10.0", "bcryptjs@3.0.2", "tslib@2.8.1", "immer@10.1.1", "ramda@0.30.1", "p-limit@6.2.0", "async@3.2.6",
	"@aws-sdk/client-s3@3.797.0", "ioredis@5.6.1", "pg@8.15.6", "mysql2@3.14.0", "cookie@1.0.2", "qs@6.14.0", "kysely@0.28.1", "drizzle-orm@0.43.1",
}

// A package may have an ES module that exports "module.exports" for calls of require.
func TestARequiredPackageIsWhatItGivesToRequire(t *testing.T) {
	packagertest.Needs(t, "node")
	dir := onDisk(t, packagertest.Project(t, "app.js", `module.exports = { fetch() {} }; require("dual")();`,
		"node_modules/dual/package.json", `{"name":"dual","exports":{"module-sync":"./sync.mjs","import":"./i.mjs","default":"./i.cjs"}}`,
		"node_modules/dual/sync.mjs", "import f from './i.cjs'; export default f; export { f as 'module.exports' };",
		"node_modules/dual/i.mjs", "export { default } from './i.cjs';", "node_modules/dual/i.cjs", "module.exports = () => 1;"))
	if n := compare(t, dir, "app.js"); n != 1 {
		t.Errorf("%d imports were compared", n)
	}
}

func TestBundlesOfPopularPackagesHoldWhatNodeWouldLoad(t *testing.T) {
	packagertest.Registries(t, "node", "npm")
	s := sample.Of(t, 4)
	tried := slices.DeleteFunc(slices.Clone(popular), func(string) bool { return !s.Takes() })
	dir := onDisk(t, packagertest.Project(t, "package.json", `{"private":true,"type":"module"}`))
	packagertest.Output(t, dir, "npm", append([]string{"install", "--force", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error"}, tried...)...)
	var imports, requires strings.Builder
	for _, way := range waysInto(t, dir, tried) {
		if way.Kind == "require-call" {
			fmt.Fprintf(&requires, "require(%q);\n", way.Name)
		} else {
			fmt.Fprintf(&imports, "import(%q);\n", way.Name)
		}
	}
	packagertest.Fill(t, dir, "app.js", "import \"./required.cjs\";\n"+imports.String()+"export default { fetch() {} };\n", "required.cjs", requires.String())
	n := compare(t, dir, "app.js")
	t.Logf("%d imports of %d packages compared", n, len(tried))
	if n < len(tried) {
		t.Errorf("only %d imports were compared", n)
	}
}

// waysInto are the ways in which Node loads each of some packages from a folder.
func waysInto(t *testing.T, dir string, packages []string) []edge {
	t.Helper()
	var asked []edge
	for _, p := range packages {
		name := p[:strings.LastIndex(p, "@")]
		asked = append(asked, edge{dir + "/app.js", name, "import-statement", ""}, edge{dir + "/app.cjs", name, "require-call", ""})
	}
	found := resolvedByNode(t, dir, asked)
	for i := 0; i < len(found); i += 2 {
		if found[i].To == "" && found[i+1].To == "" {
			t.Errorf("Node finds no %s", found[i].Name)
		}
	}
	return slices.DeleteFunc(found, func(e edge) bool { return e.To == "" })
}

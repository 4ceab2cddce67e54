package packager

import (
	"testing"

	"github.com/ferryfn/ferry/packager/packagertest"
	"github.com/ferryfn/ferry/packager/source"
)

// alike packages a handler and wants an expression over it to say what it says where Node runs the sources as they are.
func alike(t *testing.T, root, handler, expression string) {
	t.Helper()
	packagertest.Needs(t, "node")
	a := build(t, newPackager(t, root), packagertest.Node(handler))
	bundle := source.Stem(handler) + ".mjs"
	if _, there := contents(t, a)[bundle]; !there {
		bundle = source.Stem(handler) + ".cjs"
	}
	natively := imported(t, root, handler, expression)
	if got := load(t, a, bundle, expression); got != natively {
		t.Errorf("packaged it says\n%s\nand natively\n%s", got, natively)
	}
}

func TestAModuleSeesThePlaceThatItWouldHaveInThePackage(t *testing.T) {
	t.Parallel()
	const esm = "import path from 'node:path'; import { fileURLToPath } from 'node:url';\n"
	for name, files := range map[string][]string{
		"ES modules": {
			"package.json", `{"type":"module"}`,
			"src/app.js", esm + `import { seen } from "../lib/deep/seen.js"; import { beside } from "./beside.js";
const here = path.dirname(fileURLToPath(import.meta.url));
export const got = [...seen, ...beside].map((p) => path.relative(here, p));
export default { fetch() {} };
`,
			"lib/deep/seen.js", "#!/usr/bin/env node\n" + esm + `const __dirname = path.dirname(fileURLToPath(import.meta.url));
const { url } = import.meta;
export const seen = [__dirname, fileURLToPath(import.meta.url), fileURLToPath(url), fileURLToPath(import.meta.resolve("./x.txt"))];
`,
			"src/beside.js", esm + "export const beside = [fileURLToPath(import.meta.url), fileURLToPath(new URL('.', import.meta.url))];\n",
		},
		"CommonJS": {
			"src/app.js", `'use strict';
const path = require("path");
exports.got = [...require("../lib/deep/seen"), ...require("./beside")].map((p) => path.relative(__dirname, p));
exports.got.push((function () { return this === undefined; })());
exports.fetch = () => {};
`,
			"lib/deep/seen.js", "/* a note */ 'use strict'; module.exports = [__dirname, __filename, require('path').join(__dirname, '..', (function () { return String(this); })())];\n",
			"src/beside.js", "module.exports = [__filename, __dirname];\n",
		},
		"CommonJS among ES modules": {
			"package.json", `{"type":"module"}`,
			"src/app.js", esm + "import seen from '../lib/seen.cjs'; export const got = seen.map((p) => path.relative(path.dirname(fileURLToPath(import.meta.url)), p)); export default { fetch() {} };\n",
			"lib/seen.cjs", "module.exports = [__dirname, __filename];\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			alike(t, packagertest.Project(t, files...), "src/app.js", "JSON.stringify(m.got ?? m.default.got)")
		})
	}
}

func TestAModuleThatIsImportedIsNotTheProgram(t *testing.T) {
	t.Parallel()
	root := packagertest.Project(t, "package.json", `{"type":"module"}`, "app.js", "import { at } from './tool.js'; export const got = at === import.meta.url; export default { fetch() {} };",
		"tool.js", "export const at = import.meta.url;\n")
	alike(t, root, "app.js", "m.got")
}

package node

import (
	"bytes"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/evanw/esbuild/pkg/api"

	"github.com/ferryfn/ferry/internal/pattern"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager/source"
)

// A module of one's own sees in the bundle the place that it would have if it lay in the package: __dirname, __filename
// and import.meta lead from it to what comes along. Code of installed packages sees the bundle's place.

// outsideFolder is where modules from outside of the source folder seem to lie in the package.
const outsideFolder = "ferry-outside"

// esmBanner gives an ES module what bundled CommonJS code expects, and both what tells a module its place. The names
// differ from those that modules declare for themselves. Most bundles need nothing of it, and what it loads costs a start.
const esmBanner = `import { createRequire as __ferryCreateRequire } from "node:module";
import { join as __ferryJoin } from "node:path";
import { fileURLToPath as __ferryFileURLToPath, pathToFileURL as __ferryPathToFileURL } from "node:url";
const require = __ferryCreateRequire(import.meta.url);
const __ferryPlace = (at) => __ferryJoin(__ferryFileURLToPath(import.meta.url), "..", at);
const __ferryRequire = (at) => __ferryCreateRequire(__ferryPlace(at));
const __ferryFrom = (at) => (name) => /^\.{1,2}\//.test(name) ? new URL(name, __ferryPathToFileURL(__ferryPlace(at))).href : name;
const __ferryMeta = (at) => {
  if (!at) return import.meta;
  const filename = __ferryPlace(at), url = __ferryPathToFileURL(filename).href;
  const resolve = (name) => /^\.{0,2}\//.test(name) ? new URL(name, url).href : import.meta.resolve(name);
  return { dirname: __ferryJoin(filename, ".."), filename, resolve, url };
};
`

// cjsBanner is the same for a CommonJS module.
const cjsBanner = `const __ferryPlace = (at) => require("node:path").join(__filename, "..", at);
const __ferryRequire = (at) => require("node:module").createRequire(__ferryPlace(at));
const __ferryFrom = (at) => (name) => /^\.{1,2}\//.test(name) ? new URL(name, require("node:url").pathToFileURL(__ferryPlace(at))).href : name;
const __ferryMeta = (at) => {
  const filename = at ? __ferryPlace(at) : __filename, url = require("node:url").pathToFileURL(filename).href;
  const resolve = (name) => /^\.{0,2}\//.test(name) ? new URL(name, url).href : require("node:url").pathToFileURL(require.resolve(name)).href;
  return { dirname: require("node:path").dirname(filename), filename, resolve, url };
};
`

// places has esbuild take the words for a place from the names that placed declares.
func places() map[string]string {
	return map[string]string{"__filename": "__ferry_filename", "__dirname": "__ferry_dirname", "import.meta": "__ferry_meta"}
}

// prologue is what must stay before all other code: comments may say how to compile, and directives are none later.
var prologue = pattern.Of(`(?s)^(?:\x{FEFF})?(?:#![^\n]*\n)?(?:\s+|//[^\n]*(?:\n|$)|/\*.*?\*/|(?:"use [^"\n]*"|'use [^'\n]*')[ \t]*;?)*`)

// placed is a source that declares the names for its place as far as it mentions it, on the line of its first statement.
func (b *bundle) placed(file, code string) string {
	if !slices.Contains([]string{".js", ".mjs", ".cjs", ".jsx", ".ts", ".mts", ".cts", ".tsx"}, filepath.Ext(file)) {
		return code
	}
	at := ""
	_, _, installed := PackageOf(file)
	if !installed {
		at = b.seems(file)
	}
	var declared []string
	declare := func(word, name, call, place string) {
		if strings.Contains(code, word) {
			declared = append(declared, name+" = /* @__PURE__ */ "+call+"("+quoted(place)+")")
		}
	}
	filename := at
	if at == "" {
		filename = path.Base(source.Stem(b.handler)) + suffix(b.format)
	}
	declare("__dirname", "__ferry_dirname", "__ferryPlace", path.Dir(filename))
	declare("__filename", "__ferry_filename", "__ferryPlace", filename)
	declare("import.meta", "__ferry_meta", "__ferryMeta", at)
	if at != "" {
		code = b.askers.requiredFromPlace(askingByName(code))
		declare("__ferry_from", "__ferry_from", "__ferryFrom", at)
	}
	handed := !installed && handsItself().MatchString(code) && !moduleSyntax().MatchString(code)
	if handed || strings.Contains(code, "__ferry_require") {
		declared = append(declared, "__ferry_require = /* @__PURE__ */ __ferryRequire("+quoted(filename)+")")
	}
	first := ""
	if len(declared) > 0 {
		first = ";var " + strings.Join(declared, ", ") + ";"
	}
	if asksForParent(code) && !b.isProgram(file) {
		first += ";" + parented
	}
	if handed {
		first += ";" + fmt.Sprintf(whole, quoted(filename))
	}
	n := len(prologue().FindString(code))
	return code[:n] + first + code[n:]
}

// parented gives a CommonJS module what Node gives one that another module requires: a program that serves only where it is
// started by itself (if (!module.parent) app.listen()) would otherwise listen in each bundle.
const parented = `typeof module === "object" && (module.parent ??= { id: ".", filename: process.argv[1], exports: {}, children: [], paths: [], parent: null });`

func asksForParent(code string) bool { return strings.Contains(code, "module.parent") }

// handsItself is a module that gives itself to a function, which may ask it where it lies, and to require others.
var handsItself = pattern.Of(`[(,]\s*module\s*(?:,|\)\s*(?:[^\s={]|$))`)

// whole gives such a CommonJS module what Node gives it.
const whole = `typeof module === "object" && (module.id ??= module.filename ??= __ferryPlace(%s), module.require ??= __ferry_require);`

// isProgram is whether Node starts a module itself.
func (b *bundle) isProgram(file string) bool {
	name, ok := b.inPackage(file)
	return ok && name == b.handler && b.job.Function.Style == manifest.StyleServer
}

// seems is the path from the bundle's folder to where a module of one's own seems to lie, "" for the bundle's own place.
func (b *bundle) seems(file string) string {
	name, ok := b.inPackage(file)
	if !ok || name == b.handler {
		return ""
	}
	rel, err := filepath.Rel(filepath.FromSlash(path.Dir(b.handler)), filepath.FromSlash(name))
	if err != nil {
		return ""
	}
	return filepath.ToSlash(rel)
}

// inPackage is the path in the package that a file of one's own has or would have, false for one that has none.
func (b *bundle) inPackage(file string) (string, bool) {
	for _, dir := range []string{b.real, b.job.Dir} {
		if rel, err := filepath.Rel(dir, file); err == nil && filepath.IsLocal(rel) {
			return filepath.ToSlash(rel), true
		}
	}
	if rel, err := filepath.Rel(b.job.Root, file); err == nil && filepath.IsLocal(rel) {
		return path.Join(outsideFolder, filepath.ToSlash(rel)), true
	}
	return "", false
}

var (
	// directives are those at the begin of a module that esbuild wrote.
	directives    = pattern.Of(`^(?:#![^\n]*\n)?(?:"[^"\n]*";\n)*`)
	asksForBanner = pattern.Of(`__ferry|\b(?:require|eval)\b`) // what is given to eval may put the word together
)

// bannered gives a bundle that needs it its banner, behind its directives. A source map has it start at a later line.
func bannered(out []api.OutputFile, format api.Format) {
	banner, needed := cjsBanner, bytes.Contains(codeIn(out), []byte("__ferry"))
	if format == api.FormatESModule {
		banner, needed = esmBanner, asksForBanner().Match(codeIn(out))
	}
	if !needed {
		return
	}
	for i := range out {
		if path.Ext(out[i].Path) != ".map" {
			n := len(directives().Find(out[i].Contents))
			out[i].Contents = slices.Concat(out[i].Contents[:n], []byte(banner), out[i].Contents[n:])
			continue
		}
		lines := []byte(strings.Repeat(";", strings.Count(banner, "\n")))
		out[i].Contents = bytes.Replace(out[i].Contents, []byte(`"mappings": "`), append([]byte(`"mappings": "`), lines...), 1)
	}
}

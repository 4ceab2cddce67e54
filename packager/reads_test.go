package packager

import (
	"strings"
	"testing"

	"github.com/ferryfn/ferry/packager/packagertest"
)

func TestWhatOnesOwnModulesReadComesAlong(t *testing.T) {
	t.Parallel()
	const esm = "import fs from 'node:fs'; import path from 'node:path'; import { fileURLToPath } from 'node:url';\n"
	for name, c := range map[string]struct {
		code  string
		files []string
	}{
		"a URL":                         {esm + "export const got = () => fs.readFileSync(new URL('./data/a.json', import.meta.url), 'utf8');", []string{"lib/data/a.json", "1"}},
		"a folder of its own name":      {esm + "const here = path.dirname(fileURLToPath(import.meta.url));\nconst views = path.resolve(here, 'views');\nexport const got = (name = 'a') => fs.readFileSync(path.join(views, name + '.html'), 'utf8');", []string{"lib/views/a.html", "view"}},
		"the working folder":            {esm + "const root = process.cwd();\nconsole.assert(root, process.cwd());\nexport const got = () => fs.readFileSync(path.join(root, 'config', 'a.txt'), 'utf8') + fs.readFileSync(`${process.cwd()}/b.txt`, 'utf8');", []string{"config/a.txt", "a", "b.txt", "b"}},
		"paths from the working folder": {esm + "const at = 'config/a.txt';\nconst read = (name = 'd') => fs.readFileSync(`./config/d/${name}.txt`, 'utf8');\nexport const got = () => fs.readFileSync(at, 'utf8') + read() + fs.readFileSync('b.txt', 'utf8') + fs.readdirSync(path.resolve('lib/views')) + fs.existsSync('nothing.txt');", []string{"config/a.txt", "a", "config/d/d.txt", "d", "b.txt", "b", "lib/views/a.html", ""}},
		"what a package is given":       {"const parse = (file) => fs.readFileSync(file, 'utf8');\n" + esm + "const options = { own: './lib/find.js', apis: ['./lib/plug/*.js'] };\nexport const got = () => parse('./config/a.txt') + parse('b.txt') + parse('data.json') + fs.existsSync(options.own) + fs.readdirSync(options.apis[0].replace(/\\*.*/, '')).join();", []string{"config/a.txt", "a", "b.txt", "b", "data.json", "1", "lib/plug/x.js", "", "lib/plug/y.js", ""}},
		"a pattern of paths":            {esm + "const at = path.join(path.dirname(fileURLToPath(import.meta.url)), '../locales/{{lng}}.json');\nexport const got = () => fs.readFileSync(at.replace('{{lng}}', 'de'), 'utf8');", []string{"locales/de.json", "1"}},
		"the root that a package tells": {"import root from 'app-root-path';\n" + esm + "export const got = () => fs.readFileSync(root.resolve('config/a.txt'), 'utf8') + fs.readFileSync(root + '/b.txt', 'utf8') + fs.readFileSync(path.join(root.path, 'c.txt'), 'utf8');", []string{
			"config/a.txt", "a", "b.txt", "b", "c.txt", "c", "node_modules/app-root-path/package.json", `{"name":"app-root-path"}`,
			"node_modules/app-root-path/index.js", "const cwd = process.cwd(); module.exports = { path: cwd, resolve: (p) => cwd + '/' + p, toString: () => cwd };",
		}},
		"a folder that a package reads of itself": {"import settings from 'config';\nexport const got = () => settings.a;", []string{
			"config/default.json", `{"a":"said"}`, "node_modules/config/package.json", `{"name":"config"}`,
			"node_modules/config/index.js", "const file = ['default.json'][0]; exports.a = JSON.parse(require('fs').readFileSync(process.cwd() + '/config/' + file)).a",
		}},
		"configuration that a package searches": {"import { cosmiconfigSync } from 'cosmiconfig';\nconst name = 'shop';\nexport const got = () => [cosmiconfigSync(name).search(), cosmiconfigSync('tool').search()].join();", []string{
			".shoprc.json", "{}", ".config/shoprc.yaml", "", "tool.config.mjs", "import p from 'p'; export default p;", "other.config.js", "",
			"node_modules/cosmiconfig/package.json", `{"name":"cosmiconfig"}`,
			"node_modules/cosmiconfig/index.js", "const fs = require('fs'); exports.cosmiconfigSync = (n) => ({ search: () => [`.${n}rc.json`, `.config/${n}rc.yaml`, `${n}.config.mjs`].filter((f) => fs.existsSync(f)) });",
		}},
		"the folder of a route": {"import fs from 'node:fs'; const serveStatic = ({ root }) => (name) => fs.readFileSync(root + name, 'utf8');\nconst use = (route, serve) => serve(route.replace('*', 'a.txt'));\nexport const got = () => use('/static/*', serveStatic({ root: './' }));", []string{"static/a.txt", "a"}},
		"a worker from the working folder": {"import { Worker } from 'node:worker_threads';\nexport const got = () => new Promise((done, fail) => new Worker('./lib/worker.js').on('message', done).on('error', fail));", []string{
			"lib/worker.js", "import { parentPort } from 'node:worker_threads';\nimport p from 'p';\nimport { more } from './more.js';\nparentPort.postMessage(p + more);", "lib/more.js", "export const more = '!';",
		}},
		"above":                                 {esm + "const __dirname = fileURLToPath(new URL('.', import.meta.url));\nexport const got = () => fs.readFileSync(`${__dirname}../shared/${'a'}.txt`, 'utf8');", []string{"shared/a.txt", "text"}},
		"what import.meta holds":                {esm + "const { url } = import.meta;\nexport const got = () => fs.readFileSync(fileURLToPath(new URL('a.txt', url)), 'utf8');", []string{"lib/a.txt", "text"}},
		"a default":                             {esm + "export const got = () => fs.readdirSync(path.join(path.dirname(fileURLToPath(import.meta.url)), process.env.NOT_SET ?? 'views')).join();", []string{"lib/views/a.html", "view"}},
		"require under another name":            {"import { createRequire as make } from 'node:module';\nimport module from 'node:module';\nconst load = module.createRequire(import.meta.url);\nexport const got = () => load('../package.json').type + load('./old').got;", []string{"lib/old.cjs", "", "lib/old.js", "export default 0", "lib/old/index.js", ""}},
		"require of a module that is asked for": {"const load = process.getBuiltinModule('node:module').createRequire(import.meta.url);\nexport const got = () => load('../package.json').type;", nil},
		"a module with what it needs":           {"import { createRequire } from 'node:module';\nconst load = createRequire(import.meta.url);\nexport const got = () => load('./old.cjs').got;", []string{"lib/old.cjs", "exports.got = require('p') + require('./deep/er.cjs')", "lib/deep/er.cjs", "module.exports = require('fs').readFileSync(require('path').join(__dirname, '../a.txt'), 'utf8')", "lib/a.txt", "text"}},
		"a file of an installed package":        {esm + "export const got = () => fs.readFileSync(path.join(path.dirname(fileURLToPath(import.meta.url)), '../node_modules/p/style.css'), 'utf8');", nil},
		"a package's place":                     {esm + "import { createRequire } from 'node:module';\nexport const got = () => path.basename(createRequire(import.meta.url).resolve('p/style.css'));", nil},
		"a worker": {"import { Worker } from 'node:worker_threads';\nexport const got = () => new Promise((done, fail) => new Worker(new URL('./worker.js', import.meta.url)).on('message', done).on('error', fail));", []string{
			"lib/worker.js", "import { parentPort } from 'node:worker_threads';\nimport p from 'p';\nimport { more } from './more.js';\nparentPort.postMessage(p + more);", "lib/more.js", "export const more = '!';",
		}},
		"a worker with aliases": {"import { Worker } from 'node:worker_threads';\nexport const got = () => new Promise((done, fail) => new Worker(new URL('./worker.js', import.meta.url)).on('message', done).on('error', fail));", []string{
			"package.json", `{"type":"module","dependencies":{"p":"1"},"imports":{"#more":{"types":"./none.d.ts","node":["./lib/more.js"]},"#deep/*":"./lib/*.js","#deep/er/*":"./lib/er/*.js","#p":"p"}}`,
			"lib/worker.js", "import { parentPort } from 'node:worker_threads';\nimport p from '#p';\nimport { more } from '#more';\nimport { deep } from '#deep/er/deep';\nparentPort.postMessage(p + more + deep);",
			"lib/more.js", "export const more = '!';", "lib/er/deep.js", "export const deep = '?';",
		}},
		"what is named from the place of the entry": {"globalThis._importMeta_ ||= { url: 'file:///entry.js' };\n" + esm + "const assets = { '/a.txt': { path: '../public/a.txt' } };\nexport const got = () => fs.readFileSync(path.resolve(path.dirname(fileURLToPath(globalThis._importMeta_.url)), assets['/a.txt'].path), 'utf8');", []string{
			"src/app.js", "globalThis._importMeta_ = { url: import.meta.url };\nconst { got: find } = await import('../lib/find.js'); export const got = find(); export default { fetch() {} };", "public/a.txt", "text",
		}},
		"a folder of plugins": {esm + "import { pathToFileURL } from 'node:url';\nconst dir = path.join(path.dirname(fileURLToPath(import.meta.url)), 'plugins');\nexport const got = async () => (await Promise.all(fs.readdirSync(dir).map((f) => import(pathToFileURL(path.join(dir, f)).href)))).map((m) => m.default).join();", []string{
			"lib/plugins/a.js", "import p from 'p'; export default 'a' + p;", "lib/plugins/b.js", "export default 'b';",
		}},
		"its own folder": {esm + "import { pathToFileURL } from 'node:url';\nconst here = path.dirname(fileURLToPath(import.meta.url));\nexport const got = async () => (await Promise.all(fs.readdirSync(here).filter((f) => f !== path.basename(fileURLToPath(import.meta.url))).map((f) => import(pathToFileURL(path.join(here, f)).href)))).map((m) => m.default).join();", []string{
			"lib/user.js", "import p from 'p'; export default 'user' + p;",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			root := packagertest.Project(t, "package.json", `{"type":"module","dependencies":{"p":"1"}}`,
				"src/app.js", "import { got as find } from '../lib/find.js'; export const got = await find(); export default { fetch() {} };", "lib/find.js", c.code,
				"node_modules/p/package.json", `{"name":"p","version":"1.0.0"}`, "node_modules/p/index.js", "module.exports = 'p'", "node_modules/p/style.css", "css")
			packagertest.Fill(t, root, c.files...)
			alike(t, root, "src/app.js", "m.got")
			if said := build(t, newPackager(t, root), packagertest.Node("src/app.js")).Warnings; len(said) > 0 {
				t.Errorf("it warns: %+v", said)
			}
		})
	}
}

func TestAFolderThatIsReadByUnknownNamesComesAlongWhole(t *testing.T) {
	t.Parallel()
	const reads = "import fs from 'node:fs'; import path from 'node:path'; import { fileURLToPath } from 'node:url';\n"
	for name, c := range map[string]struct {
		files []string
		there string
		not   string
	}{
		"names that the caller knows":     {[]string{"build/app.js", reads + "const read = (name) => fs.readFileSync(path.join(path.dirname(fileURLToPath(import.meta.url)), name), 'utf8');\nexport const got = read('client/a.txt'); export default { fetch() {} };"}, "build/client/a.txt", "build/app.js"},
		"a folder that is another's root": {[]string{"build/app.js", reads + "const send = (name, { root }) => fs.readFileSync(root + '/' + name, 'utf8');\nexport const got = send('client/a.txt', { root: import.meta.dirname ?? path.dirname(fileURLToPath(import.meta.url)) }); export default { fetch() {} };"}, "build/client/a.txt", "static/b.txt"},
		"a folder that a module exports": {[]string{
			"build/app.js", "export { got } from './server/chunks/handler.js'; export default { fetch() {} };",
			"build/env.js", reads + "const dir = path.dirname(fileURLToPath(import.meta.url));\nexport { dir };",
			"build/server/chunks/handler.js", reads + "import { dir } from '../../env.js';\nconst serve = (dir) => fs.readdirSync(dir).join() + fs.readFileSync(path.join(dir, 'a.txt'), 'utf8');\nexport const got = serve(path.join(dir, 'client'));",
		}, "build/client/a.txt", "build/server/chunks/handler.js"},
		"a folder that a chunk has from another": {[]string{
			"build/app.js", "export { got } from './server/handler.js'; export default { fetch() {} };",
			"build/env.js", reads + "export const dir = path.dirname(fileURLToPath(import.meta.url));",
			"build/all.js", "export * from './env.js';",
			"build/server/handler.js", reads + "import * as env from '../all.js';\nconst files = ({ dir, base }) => fs.readFileSync(`${dir}/client${base}/a.txt`, 'utf8');\nexport const got = files({ dir: env.dir, base: '' });",
		}, "build/client/a.txt", "build/env.js"},
		"a folder above": {[]string{
			"build/app.js", "export { got } from './lib/use.js'; export default { fetch() {} };",
			"build/lib/paths.cjs", "exports.root = require('path').join(__dirname, '..', '..');",
			"build/lib/use.js", reads + "import { root } from './paths.cjs';\nexport const got = fs.readFileSync(path.join(root, 'static', 'b.txt'), 'utf8');",
		}, "static/b.txt", "node_modules/p/index.js"},
	} {
		t.Run(name, func(t *testing.T) {
			root := packagertest.Project(t, "package.json", `{"type":"module"}`, "build/client/a.txt", "static", "static/b.txt", "more", "node_modules/p/index.js", "", "build/.env", "A=1")
			packagertest.Fill(t, root, c.files...)
			alike(t, root, "build/app.js", "m.got")
			a := build(t, newPackager(t, root), packagertest.Node("build/app.js"))
			in := contents(t, a)
			if _, there := in[c.there]; !there {
				t.Errorf("%s is not there", c.there)
			}
			for _, other := range []string{c.not, "build/.env"} {
				if _, there := in[other]; there {
					t.Errorf("%s is there", other)
				}
			}
			if len(a.Warnings) > 0 && c.there != "static/b.txt" {
				t.Errorf("it warns: %+v", a.Warnings)
			}
			why, err := newPackager(t, root).Explain(t.Context(), packagertest.Node("build/app.js"), packagertest.Local("nodejs20"), c.there)
			if err != nil {
				t.Fatal(err)
			}
			packagertest.Contains(t, why.Why, " reads from it")
		})
	}
}

func TestFoldersThatABuildWroteIntoItsCodeComeAlong(t *testing.T) {
	t.Parallel()
	const code = `import fs from 'node:fs'; import path from 'node:path'; import { fileURLToPath } from 'node:url';
const manifest = { rootDir: 'file:///built/there/', srcDir: 'file:///built/there/src/' };
const server = 'file:///built/there/dist/server/', client = 'file:///built/there/dist/client/';
const up = (at) => at.endsWith(path.basename(server)) ? at : up(at.slice(0, at.lastIndexOf('/')));
const rel = path.relative(fileURLToPath(server), fileURLToPath(client));
export const got = fs.readFileSync(fileURLToPath(new URL(rel + '/a.txt', up(import.meta.url) + '/x')), 'utf8') + Object.keys(manifest);
`
	root := packagertest.Project(t, "package.json", `{"type":"module"}`, "dist/server/entry.mjs", "export { got } from './chunks/server.mjs'; export default { fetch() {} };",
		"dist/server/chunks/server.mjs", code, "dist/client/a.txt", "text", "src/a.txt", "")
	alike(t, root, "dist/server/entry.mjs", "m.got")
	a := build(t, newPackager(t, root), packagertest.Node("dist/server/entry.mjs"))
	if _, there := contents(t, a)["src/a.txt"]; there || len(a.Warnings) > 0 {
		t.Errorf("its sources come along, or it warns: %+v", a.Warnings)
	}
}

func TestWhatCommonJSReadsComesAlong(t *testing.T) {
	t.Parallel()
	root := packagertest.Project(t, "src/app.js", `const path = require('path'), fs = require('fs');
const join = path.join;
exports.got = [fs.readFileSync(__dirname + '/a.txt', 'utf8'), fs.readFileSync(require("path").join(__dirname, "..", 'views', 'x.html'), 'utf8'), require('../lib/b')].join();
exports.fetch = () => {};
`, "src/a.txt", "a", "views/x.html", "x", "lib/b.js", "module.exports = require('fs').readFileSync(require('path').resolve(__dirname, './b.txt'), 'utf8') // or './c.txt'\n", "lib/b.txt", "b", "lib/c.txt", "c")
	alike(t, root, "src/app.js", "m.default.got")
	a := build(t, newPackager(t, root), packagertest.Node("src/app.js"))
	if _, there := contents(t, a)["lib/c.txt"]; there || len(a.Warnings) > 0 {
		t.Errorf("a comment counts, or it warns: %+v", a.Warnings)
	}
	why, err := newPackager(t, root).Explain(t.Context(), packagertest.Node("src/app.js"), packagertest.Local("nodejs20"), "lib/b.txt")
	if err != nil {
		t.Fatal(err)
	}
	packagertest.Contains(t, why.Why, "lib/b.js:1 reads it")
}

func TestAFileThatCodeReadsIsAnInput(t *testing.T) {
	t.Parallel()
	p := newPackager(t, packagertest.Project(t, "app.js", "exports.got = () => require('fs').readFileSync(__dirname + '/data/a.txt', 'utf8'); exports.fetch = () => {};", "data/b.txt", ""))
	if _, there := contents(t, build(t, p, packagertest.Node("app.js")))["data/a.txt"]; there {
		t.Error("there is what is not")
	}
	packagertest.Fill(t, p.Root, "data/a.txt", "first")
	if got := load(t, build(t, p, packagertest.Node("app.js")), "app.cjs", "m.default.got()"); got != "first" {
		t.Errorf("got %s", got)
	}
	if !build(t, p, packagertest.Node("app.js")).Cached {
		t.Error("it is built again though nothing changed")
	}
	packagertest.Fill(t, p.Root, "data/a.txt", "second")
	if got := load(t, build(t, p, packagertest.Node("app.js")), "app.cjs", "m.default.got()"); got != "second" {
		t.Errorf("got %s", got)
	}
}

func TestWhatCannotComeAlongIsNamedWithItsLine(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		code, includes, excludes string
		message, hint            string
	}{
		"a pattern of any names":        {"exports.got = (find) => find('*/*.html');", "", "", "src/app.js:1 reads from the source folder by names that are known only when it runs: the bundle takes none", "build: {include: "},
		"names, when it is handled":     {"exports.got = (name) => require('fs').readFileSync(require('path').join(__dirname, name));", "src/*.txt", "", "", ""},
		"a secret":                      {"require('dotenv').config({ path: __dirname + '/../.env' });", "", "", "src/app.js:1 reads .env, which is not in the package: .env looks like a secret", "`env` and `secrets`"},
		"what is ignored":               {"exports.got = require('fs').readFileSync(__dirname + '/big.bin');", "", "", "src/app.js:1 reads src/big.bin, which is not in the package: api/.ferryignore:1", "build.include"},
		"what is left out":              {"exports.got = require('fs').readFileSync(__dirname + '/big.bin');", "", "src/big.bin", "", ""},
		"what lies outside":             {"exports.got = require('fs').readFileSync(__dirname + '/../../beside.txt');", "", "", "src/app.js:1 reads ../beside.txt, which is not in the package: it lies outside of the source folder", "set `source`"},
		"names in the working folder":   {"exports.got = (name) => require('fs').readFileSync(require('path').join(process.cwd(), name));", "", "", "src/app.js:1 reads from the source folder by names that are known only when it runs: all of its files come along", "build.exclude"},
		"the working folder":            {"const root = process.cwd(); exports.got = (find) => find({ cwd: process.cwd(), root }, require('path').join(root, 'node_modules'));", "", "", "", ""},
		"names from the working folder": {"exports.got = (name) => require('fs').readFileSync('./' + name);", "", "", "src/app.js:1 reads from the source folder by names that are known only when it runs: all of its files come along", "build.exclude"},
		"names that are no paths here":  {"exports.got = async (name) => require('fs').readFileSync(name) + require('fs').readFileSync('/etc/hostname') + await Promise.resolve('src') + name.readFile('data:x') + require('fs').readFileSync('not-here.txt');", "", "", "", ""},
		"nothing":                       {"console.log(__dirname, './nothing-there.json', require('path').relative(__dirname, '/'), __filename, module.filename === __filename);", "", "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			root := packagertest.Project(t, "beside.txt", "", "api/src/app.js", c.code+"\nexports.fetch = () => {};\n", "api/src/a.txt", "", "api/src/big.bin", "", "api/.env", "A=1", "api/.ferryignore", "big.bin\n",
				"api/node_modules/dotenv/index.js", "exports.config = () => {}")
			fn := packagertest.Node("src/app.js")
			fn.Source = "api"
			if c.includes != "" {
				fn.Build.Include = []string{c.includes}
			}
			if c.excludes != "" {
				fn.Build.Exclude = []string{c.excludes}
			}
			p := newPackager(t, root)
			build(t, p, fn)
			said := build(t, p, fn).Warnings // from the cache
			if len(said) != strings.Count(c.message, ":1 ")+strings.Count(c.message, ":2 ") {
				t.Fatalf("it warns: %+v", said)
			}
			if len(said) > 0 {
				packagertest.Contains(t, said[0].Message, c.message)
				packagertest.Contains(t, said[0].Hint, c.hint)
			}
		})
	}
}

func TestAFolderOfTypeScriptThatIsLoadedIsRefusedWithItsLine(t *testing.T) {
	t.Parallel()
	root := packagertest.Project(t, "package.json", `{"dependencies":{"autoload":"1"}}`, "src/app.ts", "import path from 'path';\nimport load from 'autoload';\nload({ dir: path.join(__dirname, 'plugins') });\nexport default { fetch() {} };\n",
		"src/plugins/a.ts", "export default 1;\n", "node_modules/autoload/package.json", `{"name":"autoload"}`, "node_modules/autoload/index.js", "module.exports = () => {}")
	e := failure(t, newPackager(t, root), packagertest.Node("src/app.ts"))
	packagertest.Contains(t, e.Message, "src/app.ts:3", "src/plugins/a.ts", "TypeScript")
	packagertest.Contains(t, e.Hint, "build.command", "bundle: false")
}

package packager

import (
	"maps"
	"slices"
	"testing"

	"github.com/ferryfn/ferry/packager/packagertest"
)

const decorated = `import "reflect-metadata";
import { Mailer } from "./mailer";
const Injectable = (): ClassDecorator => () => {};
@Injectable()
class Users { constructor(readonly mailer: Mailer, readonly name: string) {} }
const types: any[] = Reflect.getMetadata("design:paramtypes", Users);

export default { fetch() { return types.map((t) => t.name).join(); }, fail(): never { throw new Error("here"); } };
`

func TestDecoratorsHaveTheTypesThatTypeScriptGivesThem(t *testing.T) {
	packagertest.Registries(t, "node", "npm")
	root := packagertest.Project(t, "package.json", `{"type":"module","dependencies":{"reflect-metadata":"0.2.2"},"devDependencies":{"typescript":"5.8.3"}}`,
		"base.json", `{"compilerOptions":{"emitDecoratorMetadata":true,"target":"es2021"}}`,
		"tsconfig.json", `{"extends":"./base.json","compilerOptions":{"experimentalDecorators":true}}`,
		"src/app.ts", decorated, "src/mailer.ts", "export class Mailer {}\n")
	npmInstall(t, root)
	a := build(t, newPackager(t, root), packagertest.Node("src/app.ts"))
	if got := load(t, a, "src/app.mjs", "m.default.fetch()"); got != "Mailer,String" {
		t.Errorf("got %s", got)
	}
	said := packagertest.Output(t, unpack(t, a), "node", "--enable-source-maps", "--input-type=module", "-e",
		"const m = await import('./src/app.mjs'); try { m.default.fail() } catch (err) { console.log(err.stack) }")
	packagertest.Contains(t, said, "src/app.ts:8:")
}

func TestDecoratorsWithTypesAreRefusedWithoutTypeScript(t *testing.T) {
	t.Parallel()
	packagertest.Needs(t, "node")
	root := packagertest.Project(t, "package.json", `{"type":"module"}`,
		"tsconfig.json", "{\n  \"compilerOptions\": {\n    \"experimentalDecorators\": true,\n    \"emitDecoratorMetadata\": true\n  }\n}\n",
		"src/app.ts", decorated, "src/mailer.ts", "export class Mailer {}\n",
		"node_modules/reflect-metadata/index.js", "")
	e := failure(t, newPackager(t, root), packagertest.Node("src/app.ts"))
	packagertest.Contains(t, e.Message, "tsconfig.json:4", "emitDecoratorMetadata", "src/app.ts")
	packagertest.Contains(t, e.Hint, "typescript", "build: {command: npx tsc}", "dist/main.js")
	if e.Line != 4 {
		t.Errorf("line %d", e.Line)
	}
}

func TestANamespaceThatIsCalledIsWhatTypeScriptMakesOfItWithoutInterop(t *testing.T) {
	t.Parallel()
	root := packagertest.Project(t, "tsconfig.json", `{"compilerOptions":{"module":"commonjs"}}`,
		"app.ts", "import * as make from 'make';\nimport * as Shop from 'shop';\nexport default { fetch() { return make() + new Shop().name + make.named; } };\n",
		"node_modules/make/index.js", "module.exports = () => 'made'; module.exports.named = '!';",
		"node_modules/shop/index.js", "module.exports = class { name = 'shop' };")
	a := build(t, newPackager(t, root), packagertest.Node("app.ts"))
	for _, file := range []string{"app.mjs", "app.cjs"} {
		if _, there := contents(t, a)[file]; !there {
			continue
		}
		if got := load(t, a, file, "(m.default.fetch ?? m.default.default.fetch)()"); got != "madeshop!" {
			t.Errorf("got %s", got)
		}
	}
}

func TestATransformerOfTypeScriptIsRefusedByName(t *testing.T) {
	t.Parallel()
	root := packagertest.Project(t, "tsconfig.json", `{"compilerOptions":{"plugins":[{"name":"editor"},{"transform":"typia/lib/transform"}]}}`,
		"app.ts", "export default { fetch() {} };\n")
	e := failure(t, newPackager(t, root), packagertest.Node("app.ts"))
	packagertest.Contains(t, e.Message, "tsconfig.json", "typia/lib/transform")
	packagertest.Contains(t, e.Hint, "build.command", "dist/main.js")
}

// What TypeScript compiles to CommonJS may ask for what only that has.
func TestTypeScriptIsBundledAsTheModuleSystemThatItCompilesTo(t *testing.T) {
	t.Parallel()
	const code = "import { name } from './name'; export const main = require.main === module; export const got = name + typeof module.exports; export default { fetch() {} };"
	for _, c := range []struct{ name, handler, tsconfig, pkg, want string }{
		{"commonjs", "app.ts", `{"compilerOptions":{"module":"CommonJS"}}`, `{}`, "app.cjs"},
		{"commonjs in a package of modules", "app.ts", `{"compilerOptions":{"module":"CommonJS"}}`, `{"type":"module"}`, "app.mjs"},
		{"node16 without a type", "app.ts", `{"compilerOptions":{"module":"Node16"}}`, `{}`, "app.cjs"},
		{"node16 of modules", "app.ts", `{"compilerOptions":{"module":"Node16"}}`, `{"type":"module"}`, "app.mjs"},
		{"modules", "app.ts", `{"compilerOptions":{"module":"ESNext"}}`, `{}`, "app.mjs"},
		{"what it extends", "app.ts", `{"extends":"./base.json"}`, `{}`, "app.cjs"},
		{"a suffix", "app.cts", `{"compilerOptions":{"module":"NodeNext"}}`, `{"type":"module"}`, "app.cjs"},
		{"a comment", "app.ts", "{\n// \"module\": \"commonjs\"\n}", `{}`, "app.mjs"},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := packagertest.Project(t, "package.json", c.pkg, "tsconfig.json", c.tsconfig, "base.json", `{"compilerOptions":{"module":"commonjs"}}`,
				c.handler, code, "name.ts", "export const name = 'shop '")
			a := build(t, newPackager(t, root), packagertest.Node(c.handler))
			if _, is := contents(t, a)[c.want]; !is {
				t.Fatalf("it is no %s: %v", c.want, slices.Sorted(maps.Keys(contents(t, a))))
			}
			if c.want == "app.cjs" {
				if got := load(t, a, "app.cjs", "m.got + m.main"); got != "shop objectfalse" {
					t.Errorf("got %s", got)
				}
			}
		})
	}
}

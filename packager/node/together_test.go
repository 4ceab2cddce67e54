package node

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/packager/packagertest"
	"github.com/ferryfn/ferry/packager/source"
	"github.com/ferryfn/ferry/templates"
)

// family are functions of one folder that share modules, in all the ways that could make a bundle depend on another one.
func family(t *testing.T) (root string, handlers []string) {
	t.Helper()
	of := map[string]string{
		"fn/order.ts":    "import { b } from '../lib/b'\nimport { a } from '../lib/a'\nexport default { fetch: () => new Response(b() + a()) }\n",
		"fn/other.ts":    "import { a } from '../lib/a'\nimport { b } from '../lib/b'\nexport default { fetch: () => new Response(a() + b()) }\n",
		"fn/unused.ts":   "import { unused } from '../lib/a'\nimport '../lib/effect'\nexport default { fetch: () => new Response(String(unused)) }\n",
		"fn/required.ts": "const a = require('../lib/a')\nexport default { fetch: () => new Response(a.a()) }\n",
		"fn/dynamic.ts":  "export default { fetch: async () => new Response((await import('../lib/a')).a()) }\n",
		"fn/enum.ts":     "import { Colour } from '../lib/enum'\nexport default { fetch: () => new Response(String(Colour.Red)) }\n",
		"fn/json.ts":     "import { version } from '../lib/data.json'\nexport default { fetch: () => new Response(version) }\n",
		"fn/place.ts":    "import { a } from '../lib/a'\nexport default { fetch: () => new Response(import.meta.url + a()) }\n",
		"fn/placed.ts":   "import { where } from 'placed'\nexport default { fetch: () => new Response(where) }\n",
		"fn/importer.ts": "import other from './place'\nexport default { fetch: () => other.fetch() }\n",
		"deep/er/fn.ts":  "import { a } from '../../lib/a'\nimport { where } from 'placed'\nexport default { fetch: () => new Response(a() + where) }\n",
		"fn/names.ts":    "import { a as b } from '../lib/a'\nimport { b as a } from '../lib/b'\nexport default { fetch: () => new Response(a() + b()) }\n",
		"old.cjs":        "const { where } = require('placed')\nmodule.exports = { fetch: () => new Response(where) }\n",
		"older.cjs":      "const { where } = require('placed')\nmodule.exports = { fetch: () => new Response(where + __filename) }\n",
	}
	root = packagertest.Project(t,
		"lib/a.ts", "import { b } from './b'\nexport class Thing {}\nexport const unused = new Thing()\nexport const a = () => b() + 'a'\n",
		"lib/b.ts", "import { a } from './a'\nexport const b = () => 'b' + (globalThis.deep ? a() : '')\n",
		"lib/effect.ts", "globalThis.deep = false\n",
		"lib/enum.ts", "export const enum Colour { Red = 1, Green }\n",
		"lib/data.json", `{"version": "1", "more": [1, 2]}`,
		"node_modules/placed/package.json", `{"name": "placed", "version": "1.0.0", "main": "i.js"}`,
		"node_modules/placed/i.js", "exports.where = __filename\n")
	for name, code := range of {
		packagertest.Fill(t, root, name, code)
	}
	return root, slices.Sorted(maps.Keys(of))
}

// all is what a package is made of and what its bill says of it.
func all(t *testing.T, made source.Content) string {
	t.Helper()
	var out strings.Builder
	slices.SortFunc(made.Files, func(a, b source.File) int { return strings.Compare(a.Name, b.Name) })
	for _, f := range made.Files {
		fmt.Fprintf(&out, "%s\n%s\n", f.Name, f.Data)
	}
	made.Files = nil
	var metafile bytes.Buffer
	if err := json.Compact(&metafile, made.Metafile); err != nil {
		t.Fatal(err)
	}
	made.Metafile = nil
	return fmt.Sprintf("%s\n%s\n%+v", out.String(), metafile.String(), made)
}

func TestAFunctionThatIsBundledWithOthersGetsTheBundleThatItWouldGetAlone(t *testing.T) {
	t.Parallel()
	root, handlers := family(t)
	ofHandler := func(handler string) *source.Job { return packagertest.Job(t, root, packagertest.Node(handler)) }
	var together Together
	jobs := map[string]*source.Job{}
	for _, handler := range handlers {
		jobs[handler] = ofHandler(handler)
		defer together.Expect(jobs[handler], templates.Shim{})()
	}
	shared := 0
	for _, handler := range handlers {
		made, err := together.Content(t.Context(), jobs[handler], templates.Shim{})
		if err != nil {
			t.Fatalf("%s: %v", handler, err)
		}
		alone, err := new(Together).Content(t.Context(), ofHandler(handler), templates.Shim{})
		if err != nil {
			t.Fatalf("%s alone: %v", handler, err)
		}
		if diff := cmp.Diff(all(t, alone), all(t, made)); diff != "" {
			t.Errorf("%s is another one (-alone +together):\n%s", handler, diff)
		}
		shared = max(shared, len(together.running))
	}
	if want := len(handlers) - 4; shared < want { // those of CommonJS are apart, and the first of each kind is alone
		t.Errorf("%d functions got a part in a run, want %d or more", shared, want)
	}
}

func TestFunctionsThatWouldTakeTooMuchMemoryTogetherAreBundledOneByOne(t *testing.T) {
	t.Parallel()
	root := packagertest.Project(t, "lib/large.ts", "export const large = 1 //"+strings.Repeat("-", bytesTogether/2))
	var together Together
	var jobs []*source.Job
	for i := range 4 {
		code := "export default { fetch: () => new Response('') }\n"
		if i == 2 { // when the first two have shown how little they take
			code = "import { large } from '../lib/large'\nexport default { fetch: () => new Response(String(large)) }\n"
		}
		name := fmt.Sprintf("fn/f%d.ts", i)
		packagertest.Fill(t, root, name, code)
		jobs = append(jobs, packagertest.Job(t, root, packagertest.Node(name)))
		defer together.Expect(jobs[i], templates.Shim{})()
	}
	for i, of := range jobs {
		made, err := together.Content(t.Context(), of, templates.Shim{})
		if err != nil || len(made.Files) != 2 {
			t.Fatalf("%d: %v, %d files", i, err, len(made.Files))
		}
	}
	if sizes := slices.Collect(maps.Values(together.sizes)); !slices.Equal(sizes, []int{bytesTogether}) {
		t.Errorf("they are tried together again: %v", sizes)
	}
}

package node

import (
	"slices"
	"testing"

	"github.com/ferryfn/ferry/internal/fuzzing"
)

func TestPathsAreFollowedAsTheCodeSaysThem(t *testing.T) {
	for code, want := range map[string][]string{
		"path.join(__dirname, 'a', \"b.txt\")":                                             {"/p/lib/a/b.txt"},
		"fs.readFileSync(`${__dirname}/a`)":                                                {"/p/lib/a"},
		"__dirname + '/a' + '.txt'":                                                        {"/p/lib/a.txt"},
		"new URL('../a.txt', import.meta.url).pathname":                                    {"/p/a.txt"},
		"const here = path.dirname(url.fileURLToPath(import.meta.url)); join(here, '..')":  {"/p/lib", "/p"},
		"const sub: string = 'a'; export const x = resolve(__dirname, sub, `${sub}.txt`);": {"/p/lib/a/a.txt"},
		"join(__dirname, name)":                                                            {"/p/lib/…"},
		"join(__dirname, 'a', `${name}.txt`)":                                              {"/p/lib/a/…"},
		"join(__dirname, process.env.A || 'a')":                                            {"/p/lib/a"},
		"require('node:path').join(__dirname, 'a')":                                        {"/p/lib/a"},
		"/* __dirname */ '__dirname' // __dirname\n;/__dirname/.test(x)":                   nil,
		"/*/ __dirname */ x":                                                               nil,
		"x = a / __dirname / b":                                                            {"/p/lib"},
		"const { dirname } = import.meta; join(dirname!, 'a' as string)":                   {"/p/lib/a"},
		"import.meta.url === main; __filename.slice(1)":                                    nil,
		"const root = process.cwd(); join(root, 'a', name); `${process.cwd()}/b`":          {"/p", "/p/a/…", "/p/b"},
		"<p>it's</p>;\njoin(__dirname, 'a')":                                               {"/p/lib/a"},
	} {
		var got []string
		for _, u := range pathsIn("/p/lib/i.js", "/p", code).uses {
			if u.spent {
				continue
			}
			if u.open {
				u.text += "…"
			}
			got = append(got, u.text)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s\n\tleads to %q, want %q", code, got, want)
		}
	}
}

func FuzzPaths(f *testing.F) {
	fuzzing.LimitMinimizing(f)
	for _, code := range []string{
		"path.join(__dirname, 'a')", "`${__dirname}/${`${b}`}`", "new URL('a', import.meta.url)", "const { url } = import.meta", "createRequire(__filename)('a')",
		"'", "`${", "/*", "//", "/[/", "(", "import.meta", "const a = require('path')", "a!.b as c",
	} {
		f.Add(code)
	}
	f.Fuzz(func(t *testing.T, code string) {
		lines := 1
		for _, w := range pathsIn("/p/i.js", "/p", code).words {
			if w.line < lines {
				t.Errorf("line %d comes behind line %d", w.line, lines)
			}
			lines = w.line
		}
	})
}

package node

import (
	"bytes"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/evanw/esbuild/pkg/api"

	"github.com/ferryfn/ferry/internal/pattern"
)

// Code may choose a module when it runs. Of require(`./lang/${name}`) esbuild bundles all files that it may mean, and looks one
// up by its whole name; of require(name) it knows nothing.

// lookUp is how esbuild finds a chosen module, with names that give way to the program's own, and byNode how Node does: without
// the end of its name, and with a code on the error that it is not there, which programs look at. It has as many lines, so that
// source maps hold.
var lookUp = pattern.Of(`  var (\w+) = (\w+)\[(\w+)\];\n  if \(\w+\) return \w+\(\);\n  throw new Error\("Module not found in bundle: " \+ \w+\);\n`)

const byNode = `  var $1 = ["", ".js", ".json", ".ts", ".tsx", ".jsx", "/index.js", "/index.json", "/index.ts", "/index.tsx"].find((e) => Object.hasOwn($2, $3 + e));
  if ($1 !== void 0) return $2[$3 + $1]();
  throw Object.assign(new Error("Cannot find module '" + $3 + "'"), { code: "MODULE_NOT_FOUND" });
`

func foundByNode(out []api.OutputFile) {
	for i := range out {
		if path.Ext(out[i].Path) != ".map" && bytes.Contains(out[i].Contents, []byte("Module not found in bundle")) {
			out[i].Contents = lookUp().ReplaceAll(out[i].Contents, []byte(byNode))
		}
	}
}

// noModule is the file of an error that esbuild cannot load as a module, where no code names it: it lies in a folder from which
// modules are chosen, and is none of them.
func (b *bundle) noModule(m api.Message) (file string, ok bool) {
	_, name, found := strings.Cut(m.Text, `" files: `)
	if !found {
		name = location(m).File
	}
	if found != strings.HasPrefix(m.Text, `No loader is configured for "`) || !found && path.Ext(name) != "" || path.Ext(name) == ".node" || name == "" {
		return "", false
	}
	for _, file := range b.sources.files() {
		if _, _, installed := PackageOf(file); !installed && strings.Contains(b.sources.get(file).text, path.Base(name)) {
			return "", false
		}
	}
	return filepath.Join(b.job.Dir, filepath.FromSlash(name)), true
}

// asks is a call of require or import with a name that is known only when it runs.
var asks = pattern.Of(`(^|[^\w$.])(require|import)\(\s*([A-Za-z_$][\w$.]*)\s*\)`)

// askingByName has a module that lies elsewhere than its bundle find what it chooses from its own place.
func askingByName(code string) string {
	if _, calls := byName(code); calls == 0 || calls != len(asks().FindAllString(code, -1)) { // one stands in a text
		return code
	}
	return asks().ReplaceAllStringFunc(code, func(call string) string {
		of := asks().FindStringSubmatch(call)
		if of[2] == "import" {
			return of[1] + "import(__ferry_from(" + of[3] + "))"
		}
		return of[1] + "__ferry_require(" + of[3] + ")"
	})
}

// askers are packages that look at who requires them.
type askers map[string]bool

// required is a call of require with the name of a package.
var required = pattern.Of(`(^|[^\w$.])require\(\s*["']([@\w][\w./-]*)["']\s*\)`)

// requiredFromPlace has a module that lies elsewhere than its bundle require such packages from its own place.
func (a askers) requiredFromPlace(code string) string {
	if len(a) == 0 {
		return code
	}
	return required().ReplaceAllStringFunc(code, func(call string) string {
		if of := required().FindStringSubmatch(call); a[PackageName(of[2])] {
			return of[1] + "__ferry_require(" + quoted(of[2]) + ")"
		}
		return call
	})
}

// byName counts such calls, and returns the line of the first one.
func byName(code string) (line, calls int) {
	if !asks().MatchString(code) {
		return 0, 0
	}
	words := tokens(code)
	for i := range words {
		called := word(words, i)
		if called != "require" && called != "import" || word(words, i-1) == "." || word(words, i+1) != "(" || i+2 == len(words) || words[i+2].kind != aName {
			continue
		}
		end := i + 3
		for word(words, end) == "." {
			end += 2
		}
		if word(words, end) == ")" {
			if calls++; calls == 1 {
				line = words[i].line
			}
		}
	}
	return line, calls
}

// chosen takes the modules that a module asks for by names which stand elsewhere in one's own code, and warns where neither they,
// nor its paths, nor a package that is named for others to load bring anything along; before is how much was taken without them.
func (r *reads) chosen(file string, line, before int) error {
	p := &paths{file: filepath.ToSlash(file)}
	for _, text := range r.namesOfModules() {
		if err := r.load(p, load{name: text, from: p.file, line: line}); err != nil {
			return err
		}
	}
	named := slices.ContainsFunc(slices.Collect(maps.Values(r.external)), func(o outsider) bool { return o.why == namedForOthers })
	if len(r.taken) == before && !named {
		r.warn(p, line, "loads a module by a name that is known only when it runs: the bundle takes none along for it",
			"name what it needs, as in `build: {include: [\"plugins/**\"]}`, or keep all files with `build: {bundle: false}`")
	}
	return nil
}

// namesOfModules are the texts in one's own code that may name a module and that no bundler follows, each once.
func (r *reads) namesOfModules() []string {
	if r.names != nil {
		return r.names
	}
	r.names = []string{}
	for _, input := range slices.Sorted(maps.Keys(r.meta.Inputs)) {
		at := r.codeOf(input)
		of := r.sources.get(at.file)
		if at.pkg != "" || of == nil || !scripts(at.file) {
			continue
		}
		words := tokens(of.text)
		for i, w := range words {
			if w.kind == aString && isPath(w.text) && strings.Trim(w.text, "./") != "" && !imported(words, i) {
				r.names = append(r.names, w.text)
			}
		}
	}
	slices.Sort(r.names)
	r.names = slices.Compact(r.names)
	return r.names
}

// imported is whether a text is the name of a module that a bundler follows.
func imported(words []token, i int) bool {
	before, called := word(words, i-1), word(words, i-2)
	return before == "from" || before == "import" || before == "(" && (called == "require" || called == "import")
}

// imports are all modules that a module asks for by their names.
func (p *paths) imports() (out []load) {
	for i, w := range p.words {
		if w.kind != aString {
			continue
		}
		if imported(p.words, i) {
			out = append(out, load{w.text, p.file, w.line})
		}
	}
	return out
}

package node

import (
	"cmp"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/internal/pattern"
)

// A package is rooted when it looks for something from the place where it lies: a file of its own (data, a style sheet,
// a worker, WebAssembly), or a package whose name it puts together. Bundled, it would look from the bundle's place, find
// nothing, and fail when it is called. It is told by its code as esbuild prints it, without comments and without what
// is not used.

var (
	placeOf  = pattern.Of(`\b(?:__ferry_(?:dirname|filename|meta)\d*|__dirname|__filename)\b`)
	loads    = pattern.Of(`\b(?:__require|__ferry_require|require|import)\(([^"'` + "`" + `)\s])`) // by an expression
	requirer = pattern.Of(`\bmodule\d*\.parent\b`)
	itself   = pattern.Of(`\b(?:resolve|join|normalize)\((?:__ferry_dirname\d*|__dirname)\)|(?:\breturn |[=:>] )(?:__ferry_dirname\d*|__dirname)(?:[,;)]|$)`)
	finds    = pattern.Of(`\b(?:__require|require)\.resolve\(["'` + "`" + `]([^"'` + "`" + `]+)`)
	maker    = pattern.Of(`\b([\w$]+) = (?:\(0, )?(?:\(?(?:await )?[\w$.]+\(["'](?:node:)?module["']\)\)?\.|[\w$.]*)createRequire\d*\)?\(`)
	literal  = pattern.Of(`"((?:[^"\\\n]|\\.)*)"|'((?:[^'\\\n]|\\.)*)'|` + "`((?:[^`\\\\]|\\\\.)*)`")
	declares = pattern.Of(`\b__ferry(?:Place|Meta)\(`) // the place of a module, which is no use of it
	inserts  = pattern.Of(`\$\{[^}]*\}`)
)

// asWritten is code that esbuild wrote with the words of its source.
var asWritten = strings.NewReplacer("__ferry_meta", "import.meta", "__ferry_", "__")

// pieces are the parts of a bundle that say something of what stays out of it.
type pieces struct {
	users  []string // the user's code
	others []piece  // code of packages that may look for something
}

type piece struct {
	codeOf
	text string
}

func (b *bundle) pieces(code []byte) (out pieces) {
	for at, text := range b.parts("\n" + string(code)) {
		if at.pkg == "" {
			out.users = append(out.users, text)
		} else if mayLook(text) {
			out.others = append(out.others, piece{at, text})
		}
	}
	return out
}

// rooted returns the packages in a bundle that look for something from their own place.
func (b *bundle) rooted(of pieces) (map[string]outsider, error) {
	out := map[string]outsider{}
	for _, p := range of.others {
		if _, known := out[p.pkg]; known {
			continue
		}
		why, err := b.looks(p.codeOf, strings.Split(p.text, "\n"))
		if err != nil {
			return nil, err
		}
		if why != "" {
			b.askers[p.pkg] = b.askers[p.pkg] || requirer().MatchString(p.text)
			out[p.pkg] = outsider{p.root, why}
		}
	}
	told, err := b.told(of.users)
	loaded := func(p piece) bool { return loads().MatchString(p.text) }
	if len(told) > 0 && (len(b.external)+len(out) > 0 || slices.ContainsFunc(of.others, loaded) || slices.ContainsFunc(of.users, loads().MatchString)) {
		maps.Copy(out, told)
	}
	return out, err
}

// parts are the pieces of a bundle that come from one file each. esbuild writes the file's name before each.
func (b *bundle) parts(code string) iter.Seq2[codeOf, string] {
	const mark = "\n// "
	return func(yield func(codeOf, string) bool) {
		var at codeOf
		for rest := code; rest != ""; {
			end := len(rest)
			var next codeOf
			for from := 0; ; {
				i := strings.Index(rest[from:], mark)
				if i < 0 {
					break
				}
				from += i + len(mark)
				name, _, _ := strings.Cut(rest[from:], "\n")
				if _, input := b.meta.Inputs[name]; input {
					end, next = from+len(name), b.codeOf(name)
					break
				}
			}
			if at.file != "" && !yield(at, rest[:end]) {
				return
			}
			at, rest = next, rest[end:]
		}
	}
}

// mayLook rules out most code, faster than the expressions do.
func mayLook(code string) bool {
	return slices.ContainsFunc([]string{"require(", "require.", "createRequire", "import(", "import.", "__ferry_meta", "dirname", "filename", ".parent"},
		func(part string) bool { return strings.Contains(code, part) })
}

const namedForOthers = "the code names it in a string, for another package to load"

// told are the packages that the user's code names in a string, for others to load: a view engine, a transport of logs.
// They are among what it needs to run, and not in the bundle.
func (b *bundle) told(users []string) (map[string]outsider, error) {
	out := map[string]outsider{}
	for _, text := range users {
		if err := b.tell(text, b.job.Dir, out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// tell adds the packages that code of the user's in a folder names in a string. What others certainly load is not in the bundle
// too, where it would be a second one.
func (b *bundle) tell(code, from string, out map[string]outsider) error {
	certain := map[string]bool{}
	for _, l := range literal().FindAllStringSubmatch(code, -1) {
		if name := l[1] + l[2] + l[3]; b.modules.wanted(name) {
			certain[name] = false
		}
	}
	for _, g := range given().FindAllStringSubmatch(code, -1) {
		certain[g[1]+g[2]+g[3]] = true
	}
	for _, name := range slices.Sorted(maps.Keys(certain)) {
		if _, known := b.external[name]; known || slices.Contains(b.job.Function.Build.External, name) {
			continue
		}
		mod, err := b.modules.find(name, from)
		if err != nil {
			return err
		}
		if mod != nil && (certain[name] || !b.holds(mod) && !b.inlined(name)) {
			out[name] = outsider{mod.dir, namedForOthers}
		}
	}
	return nil
}

// given are the names of packages that others certainly load, whatever the user's package.json says of them: a view engine,
// also as the end of a view's name, and a transport of logs.
var given = pattern.Of(`\.set\(["']view engine["'], ?["']([@\w][\w./-]*)["']|\.render\(["'][^"'\n]*\.([a-z]\w*)["']|\b(?:target:|engine:|engine ?=) ?["']([@\w][\w./-]*)["']`)

// holds is whether a file of a package is in the bundle.
func (b *bundle) holds(mod *module) bool {
	for input := range b.meta.Inputs {
		if b.codeOf(input).root == mod.dir {
			return true
		}
	}
	return false
}

// codeOf is the code of one file of an installed package in a bundle.
type codeOf struct {
	pkg, root   string // the package, "" for the user's own code, and its folder
	file, input string // its path, and its name in the bundle
}

func (b *bundle) codeOf(input string) codeOf {
	if strings.Contains(input, ":") { // another namespace
		return codeOf{}
	}
	full := filepath.Join(b.job.Dir, filepath.FromSlash(input))
	root, pkg, _ := PackageOf(full)
	return codeOf{pkg: pkg, root: root, file: full, input: input}
}

// looks says how code looks for something from the place of its file; "" is not at all.
func (b *bundle) looks(at codeOf, lines []string) (string, error) {
	if there, err := b.modules.described(at.root); err != nil || !there { // a loose file
		return "", err
	}
	mod, err := b.modules.load(at.root)
	if err != nil {
		return "", err
	}
	why := func(line string) string {
		line = strings.TrimSpace(asWritten.Replace(line))
		return fmt.Sprintf("%s looks for something from where it lies: %.100s", at.input, line)
	}
	if line := b.assembly(at, lines); line != "" {
		return why(line), nil
	}
	var own []string // names of functions like require that the code makes for itself
	for i, line := range lines {
		if len(own) == 0 && !mayLook(line) || declares().MatchString(line) {
			continue
		}
		if made := maker().FindStringSubmatch(line); made != nil {
			own = append(own, made[1])
		}
		if requirer().MatchString(line) || itself().MatchString(line) || placeOf().MatchString(line) && b.holdsOne(at, statement(lines, i)) {
			return why(line), nil
		}
		if name := found(line, own); name != "" && (b.holdsPath(at, name) || b.mayHave(mod, PackageName(name))) {
			return why(line), nil
		}
		if loads().MatchString(line) {
			if chooses, err := b.chooses(mod); chooses || err != nil {
				return why(line), err
			}
		}
	}
	return "", nil
}

// assembly is the line that names WebAssembly beside code that knows its place: compilers of it put the path together
// elsewhere.
func (b *bundle) assembly(at codeOf, lines []string) string {
	if !slices.ContainsFunc(lines, func(l string) bool { return placeOf().MatchString(l) && !declares().MatchString(l) }) {
		return ""
	}
	for _, line := range lines {
		if !strings.Contains(line, ".wasm") {
			continue
		}
		for _, l := range literal().FindAllStringSubmatch(line, -1) {
			if name := l[1] + l[2] + l[3]; strings.HasSuffix(name, ".wasm") && b.holdsPath(at, name) {
				return line
			}
		}
	}
	return ""
}

// mayHave is whether a package is laid out with another one, if that is installed.
func (b *bundle) mayHave(mod *module, name string) bool {
	demand := mod.demand(name)
	return mod.needs(name) || demand == optional || demand == choice && b.modules.wanted(name)
}

// found is what a line of code finds or loads by a name that the bundler does not see, if it does.
func found(line string, own []string) string {
	if m := finds().FindStringSubmatch(line); m != nil {
		return m[1]
	}
	for _, f := range own {
		_, call, _ := strings.Cut(line, f+"(")
		if l := literal().FindStringSubmatchIndex(call); l != nil && l[0] == 0 {
			return call[1 : l[1]-1]
		}
	}
	return ""
}

// statement is about the statement that a line belongs to.
func statement(lines []string, i int) string {
	const before, after = 4, 8
	ends := func(line string) bool {
		return strings.HasSuffix(line, ";") || strings.HasSuffix(line, "{") || strings.HasSuffix(line, "}") || strings.HasPrefix(line, "// ")
	}
	from, to := i, i+1
	for from > 0 && i-from < before && !ends(lines[from-1]) {
		from--
	}
	for to < len(lines) && to-i < after && !ends(lines[to-1]) {
		to++
	}
	return strings.Join(lines[from:to], "\n")
}

// holdsOne is whether one of the strings in a statement, or several one after another, is a path in the package.
func (b *bundle) holdsOne(at codeOf, statement string) bool {
	const most = 12 // strings of a statement
	var texts []string
	for _, l := range literal().FindAllStringSubmatch(statement, most) {
		parts := inserts().Split(l[1]+l[2]+l[3], -1)
		for i, part := range parts {
			if i < len(parts)-1 && part != "" { // the name goes on with what is known only when the code runs
				part = part[:strings.LastIndex(part, "/")+1]
			}
			texts = append(texts, part)
		}
	}
	for i := range texts {
		for to := i + 1; to <= len(texts); to++ {
			if b.holdsPath(at, strings.Join(texts[i:to], "/")) {
				return true
			}
		}
	}
	return false
}

// holdsPath is whether a path from the file's folder, or from the file, is one in the package that does not hold the file itself.
func (b *bundle) holdsPath(at codeOf, name string) bool {
	if name == "" || len(name) > 200 || strings.ContainsAny(name, "\n\x00") {
		return false
	}
	for _, from := range []string{filepath.Dir(at.file), at.file} {
		full := filepath.Join(from, filepath.FromSlash(name))
		if below(full, at.root) && full != at.root && !below(at.file, full) && b.modules.archives.exists(full) {
			return true
		}
	}
	return false
}

// below is whether a path is that of a folder or in it.
func below(path, folder string) bool {
	rest, ok := strings.CutPrefix(path, folder)
	return ok && (rest == "" || rest[0] == filepath.Separator)
}

// chooses is whether the user chose one of the packages that a package may use, and the package does not import it in a
// way that can be seen.
func (b *bundle) chooses(mod *module) (bool, error) {
	var seen map[string]bool
	for _, name := range mod.names() {
		if mod.demand(name) != choice || !b.modules.wanted(name) {
			continue
		}
		if seen == nil {
			var err error
			if seen, err = b.imports(mod.dir); err != nil {
				return false, err
			}
		}
		if dep, err := b.modules.find(name, mod.dir); err != nil || dep != nil && !seen[name] {
			return err == nil, err
		}
	}
	return false, nil
}

// imports are the packages that the files of a package in the bundle import by name.
func (b *bundle) imports(root string) (map[string]bool, error) {
	var meta struct {
		Inputs map[string]struct {
			Imports []struct{ Path, Original string } `json:"imports"`
		} `json:"inputs"`
	}
	if err := json.Unmarshal(b.metafile, &meta); err != nil {
		return nil, err
	}
	names := map[string]bool{}
	for input, one := range meta.Inputs {
		if b.codeOf(input).root != root {
			continue
		}
		for _, i := range one.Imports {
			names[PackageName(cmp.Or(i.Original, i.Path))] = true
		}
	}
	return names, nil
}

// wanted is whether the user's package.json names a package among those that are needed to run.
func (m *modules) wanted(name string) bool {
	if m.wishes == nil {
		m.wishes = map[string]bool{}
		for dir := m.job.Dir; ; dir = filepath.Dir(dir) {
			if mod, err := m.load(dir); err == nil {
				for _, name := range mod.names() {
					m.wishes[name] = mod.demand(name) == needed || mod.demand(name) == optional
				}
				break
			}
			if dir == m.job.Root || dir == filepath.Dir(dir) {
				break
			}
		}
	}
	return m.wishes[name]
}

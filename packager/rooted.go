package packager

import (
	"bytes"
	"cmp"
	"encoding/json"
	"path/filepath"
	"regexp"
	"strings"
)

// A package is rooted when it looks for something from the place where it lies: a file of its own (data, a style sheet,
// a worker, WebAssembly), or a package whose name it puts together. Bundled, it would look from the bundle's place, find
// nothing, and fail when it is called. It is told by its code as esbuild prints it, without comments and without what
// is not used.

var (
	placeOf = regexp.MustCompile(`\b(?:__ferry_dirname|__ferry_filename|__dirname|__filename|import\.meta|import_meta\d*)\b`)
	loads   = regexp.MustCompile(`\b(?:__require|require|import)\(([^"'` + "`" + `)\s])`) // by an expression
	itself  = regexp.MustCompile(`\b(?:resolve|join|normalize)\((?:__ferry_dirname|__dirname)\)|(?:\breturn |[=:>] )(?:__ferry_dirname|__dirname)(?:[,;)]|$)`)
	finds   = regexp.MustCompile(`\b(?:__require|require)\.resolve\(["'` + "`" + `]([^"'` + "`" + `]+)`)
	maker   = regexp.MustCompile(`\b([\w$]+) = (?:\(0, )?[\w$.]*createRequire\d*\)?\(`)
	literal = regexp.MustCompile("\"([^\"\\\\]*)\"|'([^'\\\\]*)'|`([^`\\\\]*)`")
	inserts = regexp.MustCompile(`\$\{[^}]*\}`)
)

// rooted returns the packages in a bundle that look for something from their own place, by name with their folders.
func (b *bundle) rooted(code []byte) (map[string]string, error) {
	out := map[string]string{}
	body := bytes.TrimPrefix(code, []byte(banner))
	var (
		at    codeOf
		named []string // in strings of the user's code
		told  bool     // whether a package loads what it is told
	)
	lines := strings.Split(string(body), "\n")
	for i, line := range lines {
		if name, ok := strings.CutPrefix(line, "// "); ok {
			if _, input := b.meta.Inputs[name]; input {
				at = b.codeOf(name)
				continue
			}
		}
		switch {
		case at.file == "" || at.pkg != "" && out[at.pkg] != "":
		case at.pkg == "":
			for _, l := range literal.FindAllStringSubmatch(line, -1) {
				named = append(named, l[1]+l[2]+l[3])
			}
		default:
			looks, err := b.looks(&at, line, func() string { return statement(lines, i) })
			if err != nil {
				return nil, err
			}
			if looks {
				out[at.pkg] = at.root
			}
			told = told || loads.MatchString(line)
		}
	}
	if !told && len(b.external)+len(out) == 0 {
		return out, nil
	}
	return out, b.told(named, out)
}

// told adds the packages that the user's code names in a string, for others to load: a view engine, a transport of logs.
// They are among what it needs to run, and not in the bundle.
func (b *bundle) told(named []string, out map[string]string) error {
	for _, name := range named {
		if out[name] != "" || !b.modules.wanted(name) {
			continue
		}
		mod, err := b.modules.find(name, b.job.dir)
		if err != nil {
			return err
		}
		if mod != nil && !b.holds(mod) {
			out[name] = mod.dir
		}
	}
	return nil
}

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
	pkg, root string // the package, "" for the user's own code, and its folder
	file      string
	requires  []string // names of functions like require that it made for itself
}

func (b *bundle) codeOf(input string) codeOf {
	full := filepath.Join(b.job.dir, filepath.FromSlash(input))
	root, pkg, _ := packageOf(full)
	return codeOf{pkg: pkg, root: root, file: full}
}

// looks is whether a line of code looks for something from the place of its file.
func (b *bundle) looks(at *codeOf, line string, statement func() string) (bool, error) {
	if made := maker.FindStringSubmatch(line); made != nil {
		at.requires = append(at.requires, made[1])
	}
	if itself.MatchString(line) || placeOf.MatchString(line) && at.holdsOne(statement()) {
		return true, nil
	}
	names := finds.FindStringSubmatch(line)
	for _, f := range at.requires {
		if _, call, ok := strings.Cut(line, f+"("); ok && names == nil {
			if l := literal.FindStringSubmatchIndex(call); l != nil && l[0] == 0 {
				names = []string{"", call[1 : l[1]-1]}
			}
		}
	}
	mod, err := b.modules.load(at.root)
	if err != nil {
		return false, err
	}
	if names != nil {
		return at.holds(names[1]) || mod.needs(packageName(names[1])), nil
	}
	if loads.MatchString(line) {
		return b.chooses(mod)
	}
	return false, nil
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
func (at *codeOf) holdsOne(statement string) bool {
	const most = 12 // strings of a statement
	var texts []string
	for _, l := range literal.FindAllStringSubmatch(statement, most) {
		parts := inserts.Split(l[1]+l[2]+l[3], -1)
		for i, part := range parts {
			if i < len(parts)-1 && part != "" { // the name goes on with what is known only when the code runs
				part = part[:strings.LastIndex(part, "/")+1]
			}
			texts = append(texts, part)
		}
	}
	for i := range texts {
		for to := i + 1; to <= len(texts); to++ {
			if at.holds(strings.Join(texts[i:to], "/")) {
				return true
			}
		}
	}
	return false
}

// holds is whether a path from the file's folder, or from the file, is one in the package that does not hold the file itself.
func (at *codeOf) holds(name string) bool {
	if name == "" || len(name) > 200 || strings.ContainsAny(name, "\n\x00") {
		return false
	}
	for _, from := range []string{filepath.Dir(at.file), at.file} {
		full := filepath.Join(from, filepath.FromSlash(name))
		if below(full, at.root) && full != at.root && !below(at.file, full) && exists(full) {
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
			names[packageName(cmp.Or(i.Original, i.Path))] = true
		}
	}
	return names, nil
}

// wanted is whether the user's package.json names a package among those that are needed to run.
func (m *modules) wanted(name string) bool {
	if m.wishes == nil {
		m.wishes = map[string]bool{}
		for dir := m.job.dir; ; dir = filepath.Dir(dir) {
			if mod, err := m.load(dir); err == nil {
				for _, name := range mod.names() {
					m.wishes[name] = mod.demand(name) == needed || mod.demand(name) == optional
				}
				break
			}
			if dir == m.job.p.Root || dir == filepath.Dir(dir) {
				break
			}
		}
	}
	return m.wishes[name]
}

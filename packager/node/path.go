package node

import (
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// paths follows in one module the paths that begin at where it lies, or at the folder that it runs in:
// path.join(__dirname, "views"), new URL("./a.json", import.meta.url), process.cwd() + "/a.json", and what is named for them.
type paths struct {
	file  string // slash path on disk
	cwd   string // that of the folder which the function runs in
	words []token
	names map[string]value
	own   map[string]string // functions like require that the module makes for itself, with the place that they look from
	uses  []use
	loads []load
}

// use is a place where a path that begins at the module is used.
type use struct {
	value
	line     int
	by       string // the function that is called with it first, or the property that it is given to, or ""
	declared bool   // it is given a name that the module keeps for itself
	maybe    bool   // the text may mean something else
}

// load is a module that is asked for in a way that a bundler does not follow.
type load struct {
	name, from string
	line       int
}

// pathsIn follows the paths in a module.
func pathsIn(file, cwd, text string) *paths {
	p := &paths{file: filepath.ToSlash(file), cwd: filepath.ToSlash(cwd), words: tokens(text), names: map[string]value{}, own: map[string]string{}}
	dir := value{text: path.Dir(p.file), rooted: true}
	p.names["__dirname"], p.names["__filename"] = dir, value{text: p.file, rooted: true}
	for i, w := range p.words {
		if w.kind == aString && w.text == appRoot && word(p.words, i-1) == "from" {
			p.names[word(p.words, i-2)] = value{text: p.cwd, rooted: true, cwd: true}
		}
	}
	p.look(p.words)
	return p
}

// word is the text of a name or a sign, "" for anything else.
func word(words []token, i int) string {
	if i < 0 || i >= len(words) || words[i].kind != aName && words[i].kind != aSign {
		return ""
	}
	return words[i].text
}

// look finds what is used in some words.
func (p *paths) look(words []token) {
	for i := 0; i < len(words); {
		if next, ok := p.declaration(words, i); ok {
			i = next
			continue
		}
		if next, ok := p.loading(words, i); ok {
			i = next
			continue
		}
		if word(words, i-1) != "." {
			v, next, ok := p.sum(words, i)
			if ok && !requiresAll(caller(words, i)) && readsFirst(word(words, i-2)) && word(words, i-1) == "(" {
				v = p.fromCwd(v)
			}
			if ok && v.rooted {
				p.used(v, words, i)
				i = next
				continue
			}
		}
		p.told(words, i)
		for _, insert := range words[i].holds {
			p.look(insert)
		}
		i++
	}
}

// readsFirst is whether a function reads the file or folder that its first argument names.
func readsFirst(function string) bool {
	return lists(function) || slices.Contains([]string{"readFileSync", "readFile", "createReadStream", "openSync", "static", "Worker", "fork", "serve", "serveStatic", "views", "configure", "FileSystemLoader"}, function)
}

// fromCwd is the path that a relative one means to the system: it begins at the working folder.
func (p *paths) fromCwd(v value) value {
	if v.text == "" || v.rooted || v.spent || path.IsAbs(v.text) || strings.Contains(v.text, ":") {
		return v
	}
	last := strings.HasSuffix(v.text, "/")
	v.text, v.rooted, v.cwd = path.Join(p.cwd, v.text), true, true
	if last {
		v.text += "/"
	}
	return v
}

func (p *paths) used(v value, words []token, i int) {
	u := use{value: v, line: words[i].line}
	if sign := word(words, i-1); sign == "(" || sign == ":" || sign == "=" {
		u.by = caller(words, i)
	}
	u.spent = u.spent || strings.HasSuffix(word(words, i-1), "==")
	p.uses = append(p.uses, u)
}

// declaration notes a name for a path, a text or a function like require: const a = path.join(__dirname, "b").
func (p *paths) declaration(words []token, i int) (next int, ok bool) {
	if !slices.Contains([]string{"const", "let", "var"}, word(words, i)) {
		return 0, false
	}
	if word(words, i+1) == "{" {
		return p.taken(words, i+2)
	}
	name := word(words, i+1)
	at := i + 2
	if word(words, at) == ":" { // a type
		at += 2
	}
	if word(words, at) != "=" || name == "" {
		return 0, false
	}
	at++
	if from, next, ok := p.maker(words, at); ok {
		p.own[name] = from
		return next, true
	}
	v, next, ok := p.sum(words, at)
	if !ok || next < len(words) && words[next].line == words[next-1].line && !slices.Contains([]string{";", ",", "}"}, word(words, next)) && !v.open {
		delete(p.names, name)
		return 0, false
	}
	if v.rooted && !v.spent {
		p.uses = append(p.uses, use{value: v, line: words[at].line, declared: word(words, i-1) != "export"})
		v.spent = v.open // the use is known
	}
	p.names[name] = v
	return next, true
}

// taken notes what is taken from import.meta: const { url, dirname } = import.meta.
func (p *paths) taken(words []token, i int) (next int, ok bool) {
	end := i
	for end < len(words) && (words[end].kind == aName || word(words, end) == ",") {
		end++
	}
	if word(words, end) != "}" || word(words, end+1) != "=" || word(words, end+2) != "import" || word(words, end+4) != "meta" {
		return 0, false
	}
	for _, w := range words[i:end] {
		if v, known := p.meta(w.text); known {
			p.names[w.text] = v
		}
	}
	return end + 5, true
}

func (p *paths) meta(property string) (value, bool) {
	switch property {
	case "url", "filename":
		return value{text: p.file, rooted: true}, true
	case "dirname":
		return value{text: path.Dir(p.file), rooted: true}, true
	}
	return value{}, false
}

// sum is the value of strings and paths that are added.
func (p *paths) sum(words []token, i int) (v value, next int, ok bool) {
	v, next, ok = p.one(words, i)
	for ok && word(words, next) == "+" && !v.open && !v.spent {
		add, after, known := p.one(words, next+1)
		if !known || add.rooted || add.open {
			v.open = true
			break
		}
		v.text += add.text
		next = after
	}
	return v, next, ok
}

// one is the value of a string, a template, a name or a call.
func (p *paths) one(words []token, i int) (v value, next int, ok bool) {
	if i >= len(words) {
		return value{}, i, false
	}
	switch w := words[i]; {
	case w.kind == aString:
		v, next, ok = value{text: w.text}, i+1, true
	case w.kind == aTemplate:
		v, next, ok = p.template(w), i+1, true
	case w.text == "(" && w.kind == aSign && !calls(words, i):
		v, next, ok = p.sum(words, i+1)
		if !ok || word(words, next) != ")" {
			return value{}, i, false
		}
		next++
	case w.kind == aName:
		v, next, ok = p.named(words, i)
	}
	if !ok {
		return value{}, i, false
	}
	return p.kept(words, v, next)
}

// calls is whether a parenthesis holds the arguments of a call.
func calls(words []token, i int) bool {
	before := word(words, i-1)
	return i > 0 && (before == ")" || before == "]" || words[i-1].kind == aName && before != "return" && before != "await")
}

// kept is a value behind which its own form may be chosen: url.pathname.
func (p *paths) kept(words []token, v value, next int) (value, int, bool) {
	for {
		switch sign, property := word(words, next), word(words, next+1); {
		case sign == "!" && property != "=":
			next++
		case sign == "as":
			next += 2
		case sign == "." && (property == "href" || property == "pathname" || property == "path" && v.cwd):
			next += 2
		case sign == "." && property == "toString" && word(words, next+2) == "(" && word(words, next+3) == ")":
			next += 4
		case sign == "." || sign == "?." || sign == "[" || strings.HasPrefix(sign, "=="):
			v.spent = true
			return v, next, true
		default:
			return v, next, true
		}
	}
}

func (p *paths) template(t token) (v value) {
	v.text = t.parts[0]
	for i, insert := range t.holds {
		add, next, ok := p.sum(insert, 0)
		switch {
		case !ok || next != len(insert) || add.open:
			v.open = true
			return v
		case add.rooted:
			v = value{text: add.text, rooted: true}
		default:
			v.text += add.text
		}
		v.text += t.parts[i+1]
	}
	return v
}

// named is the value of a name or of what it is called for.
func (p *paths) named(words []token, i int) (v value, next int, ok bool) {
	switch name := words[i].text; {
	case name == "import" && word(words, i+1) == "." && word(words, i+2) == "meta" && word(words, i+3) == ".":
		v, ok = p.meta(word(words, i+4))
		return v, i + 5, ok
	case name == "process" && word(words, i+1) == "." && word(words, i+2) == "cwd" && word(words, i+3) == "(" && word(words, i+4) == ")":
		return value{text: p.cwd, rooted: true, cwd: true}, i + 5, true
	case name == "require" && word(words, i+1) == "(" && i+2 < len(words) && words[i+2].kind == aString && words[i+2].text == appRoot:
		return value{text: p.cwd, rooted: true, cwd: true}, i + 4, true
	case name == "new" && word(words, i+1) == "URL" && word(words, i+2) == "(":
		args, next := p.arguments(words, i+3)
		v, ok = against(args)
		return v, next, ok
	}
	if v, known := p.names[words[i].text]; known && v.cwd && word(words, i+1) == "." && word(words, i+2) == "resolve" && word(words, i+3) == "(" {
		args, next := p.arguments(words, i+4)
		v, ok = joined(append([]value{v}, args...))
		return v, next, ok
	}
	if v, known := p.names[words[i].text]; known && word(words, i+1) != "(" && word(words, i+1) != ":" {
		return v, i + 1, true
	}
	if word(words, i) == "require" && word(words, i+1) == "(" && word(words, i+3) == ")" && word(words, i+4) == "." { // require("path").join
		i += 5
	}
	for word(words, i+1) == "." {
		i += 2
	}
	if word(words, i+1) != "(" {
		return value{}, i, false
	}
	call := callOf(word(words, i))
	if call == nil {
		return value{}, i, false
	}
	args, next := p.arguments(words, i+2)
	if word(words, i) == "resolve" && word(words, i-2) == "path" && len(args) > 0 {
		args[0] = p.fromCwd(args[0])
	}
	v, ok = call(args)
	return v, next, ok
}

// arguments are the values up to the closing parenthesis; what is not known is open, without a text.
func (p *paths) arguments(words []token, i int) (args []value, next int) {
	for i < len(words) && word(words, i) != ")" {
		end := argumentEnd(words, i)
		args = append(args, p.argument(words[i:end]))
		i = end
		if word(words, i) == "," {
			i++
		}
	}
	return args, i + 1
}

func (p *paths) argument(words []token) value {
	if v, next, ok := p.sum(words, 0); ok && (next == len(words) || v.open) {
		return v
	}
	for i := len(words) - 1; i > 0; i-- { // or what holds otherwise
		if sign := word(words, i-1); sign == "||" || sign == "??" {
			if v, next, ok := p.sum(words, i); ok && next == len(words) {
				return v
			}
		}
	}
	return value{open: true}
}

// argumentEnd is where an argument ends.
func argumentEnd(words []token, i int) int {
	for depth := 0; i < len(words); i++ {
		switch word(words, i) {
		case "(", "[", "{":
			depth++
		case "]", "}":
			depth--
		case ")":
			if depth == 0 {
				return i
			}
			depth--
		case ",":
			if depth == 0 {
				return i
			}
		}
	}
	return i
}

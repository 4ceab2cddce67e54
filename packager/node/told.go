package node

import (
	"encoding/json"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/internal/pattern"
	"github.com/ferryfn/ferry/packager/source"
)

// What others read for one's own code, by a path that it gives them, or by one that they have of themselves.

// appRoot is the package whose value is the working folder.
const appRoot = "app-root-path"

// fileName is a text that names a file by its end.
var fileName = pattern.Of(`^[\w.-][\w./-]*\.[A-Za-z]\w{1,7}$`)

// told notes a text that may be the path of a file or a folder from the working folder: YAML.load("./openapi.yaml"). Of a
// pattern of paths it is the folder that it begins with.
func (p *paths) told(words []token, i int) {
	p.all(words, i)
	p.served(words, i)
	w := words[i]
	if w.kind != aString || imported(words, i) || strings.ContainsAny(w.text, " \n:<>\"'()|\\,;=&#$") || strings.Trim(w.text, "./") == "" {
		return
	}
	if before := word(words, i-1); strings.HasSuffix(before, "==") || word(words, i+1) == ":" && (before == "{" || before == ",") {
		return
	}
	relative := !path.IsAbs(w.text) && isPath(w.text)
	if relative || !scripts(w.text) && fileName().MatchString(w.text) || !path.IsAbs(w.text) && strings.Contains(w.text, "/*") && w.text != "*/*" {
		p.uses = append(p.uses, use{value: p.fromCwd(value{text: w.text}), line: w.line, maybe: true})
	}
	first := word(words, i-1) == "(" || word(words, i-1) == "," && word(words, i-2) == "module"
	if here := path.Dir(p.file); relative && here != p.cwd && first { // requireDir("../routes")
		p.uses = append(p.uses, use{value: value{text: path.Join(here, w.text), rooted: true}, line: w.line, maybe: true, by: "requireDir"})
	}
}

// ofEntry notes what code of Nitro's making names from the folder of its entry, whose import.meta all of its chunks share:
// { path: "../public/favicon.ico" }.
func (p *paths) ofEntry(entry, code string) {
	if !strings.Contains(code, "_importMeta_") {
		return
	}
	for _, w := range p.words {
		if w.kind == aString && strings.HasPrefix(w.text, "../") {
			p.uses = append(p.uses, use{value: value{text: path.Join(path.Dir(entry), w.text), rooted: true}, line: w.line, maybe: true})
		}
	}
}

// ofBuild notes the folders that a build wrote into its code as URLs of files, beside one that the module is in, wherever it was
// built. The code finds them from its own place: { server: "file:///app/dist/server/", client: "file:///app/dist/client/" }.
func (p *paths) ofBuild() {
	var told []token
	own, here := "", ""
	for _, w := range p.words {
		text, is := strings.CutPrefix(w.text, "file://")
		if w.kind != aString || !is || !strings.HasSuffix(text, "/") {
			continue
		}
		told = append(told, token{text: strings.TrimSuffix(text, "/"), line: w.line})
		for dir := path.Dir(p.file); len(text) > len(own)+1 && dir != path.Dir(dir); dir = path.Dir(dir) {
			if path.Base(dir) == path.Base(text) {
				own, here = strings.TrimSuffix(text, "/"), dir
				break
			}
		}
	}
	for _, w := range told {
		if rest, beside := strings.CutPrefix(w.text, path.Dir(own)+"/"); beside && own != "" && !strings.HasPrefix(own+"/", w.text+"/") {
			p.uses = append(p.uses, use{value: value{text: path.Join(path.Dir(here), rest), rooted: true}, line: w.line, maybe: true})
		}
	}
}

// served notes the folder of a route whose files are found from the working folder: use("/static/*", serveStatic({ root: "./" })).
func (p *paths) served(words []token, i int) {
	if word(words, i) != "root" || word(words, i+1) != ":" || i+2 >= len(words) || strings.Trim(words[i+2].text, "./") != "" || word(words, i-3) != "serveStatic" || i < 5 {
		return
	}
	if folder, _, ok := strings.Cut(words[i-5].text, "/*"); ok && words[i-5].kind == aString {
		p.uses = append(p.uses, use{value: p.fromCwd(value{text: "." + folder}), line: words[i].line, maybe: true, by: "serveStatic"})
	}
}

// caller is the function that is called with a word first: its name, or the package that it is, as in require("glob")("*.js").
func caller(words []token, i int) string {
	if word(words, i-2) == ")" && word(words, i-4) == "(" && word(words, i-5) == "require" {
		return words[i-3].text
	}
	return word(words, i-2)
}

// requiresAll is whether a function requires all modules of a folder, which is named from the module that calls it.
func requiresAll(function string) bool {
	name := strings.ToLower(strings.NewReplacer("-", "", "_", "").Replace(function))
	return slices.Contains([]string{"requiredir", "requiredirectory", "requireall", "requireindex", "includeall"}, name)
}

// all notes the folder of the module itself, where such a function gets no other: requireDirectory(module).
func (p *paths) all(words []token, i int) {
	if word(words, i) != "(" || !requiresAll(caller(words, i+1)) || word(words, i-2) == "function" {
		return
	}
	at := i + 1
	if word(words, at) == "module" {
		if at++; word(words, at) == "," {
			at++
		}
	}
	if sign := word(words, at); sign == "{" || sign == ")" && word(words, at+1) != "{" {
		p.uses = append(p.uses, use{value: value{text: path.Dir(p.file), rooted: true}, line: words[i].line, by: "requireDir"})
	}
}

// folded is a use of a pattern of paths, as routes/*.js or locales/{{language}}.json, as one of the folder that it begins with.
func folded(u use) use {
	if i := strings.IndexAny(u.text, "*{%?"); i >= 0 {
		u.text, u.open, u.by = u.text[:strings.LastIndex(u.text[:i], "/")+1], true, "glob"
	}
	return u
}

// means is whether a text that may be a path is one.
func (u use) means(folder bool) bool {
	return !u.maybe || u.by == "glob" || folder || !slices.Contains([]string{"package.json", "package-lock.json"}, path.Base(u.text))
}

// ofThemselves are the folders below the working folder that packages read unless they are told otherwise.
var ofThemselves = map[string]string{"config": "config", "express": "views"}

// renders is code that has a view rendered.
var renders = pattern.Of(`\.render\(`)

// searchers look for files of configuration by the name of what they configure, from a folder upward.
var searchers = []string{"cosmiconfig", "lilconfig", "rc"}

// searched is a call of one of them, with the name or what it is kept in.
var searched = pattern.Of(`\b(?:cosmiconfig(?:Sync)?|lilconfig(?:Sync)?|rc(?:_\d+\.default)?|require\(["']rc["'])\)?\(\s*(?:["'` + "`" + `]([\w-]+)["'` + "`" + `]|([\w$]+))`)

// configured takes the files that such a search of some code finds in the source folder.
func (r *reads) configured(at codeOf) error {
	of := r.sources.get(at.file)
	if of == nil {
		return nil
	}
	from := filepath.Dir(at.file)
	if at.pkg != "" {
		from = r.real
	}
	for _, m := range searched().FindAllStringSubmatch(of.text, -1) {
		name := m[1]
		if name == "" {
			name = strings.Trim(strings.TrimSuffix(declared(of.text, m[2]), ";"), "\"'`")
		}
		for dir := from; name != ""; dir = filepath.Dir(dir) {
			if inside, ok := r.inPackage(dir); !ok || strings.HasPrefix(inside, outsideFolder+"/") {
				break
			}
			if err := r.named(dir, name); err != nil {
				return err
			}
		}
	}
	return nil
}

// named takes what a folder holds that configures something of a name.
func (r *reads) named(dir, name string) error {
	asker := &paths{file: filepath.ToSlash(filepath.Join(r.real, filepath.FromSlash(r.handler)))}
	for _, folder := range []string{dir, filepath.Join(dir, ".config")} {
		if err := r.modules.note(folder); err != nil {
			return err
		}
		entries, _ := os.ReadDir(folder) // one that is not there holds nothing
		for _, e := range entries {
			file := filepath.Join(folder, e.Name())
			stem := source.Stem(e.Name())
			if e.Name() != "."+name+"rc" && !slices.Contains([]string{"." + name + "rc", name + "rc", name + ".config"}, stem) && !r.holdsField(file, name) {
				continue
			}
			if err := r.take(asker, use{value: value{text: filepath.ToSlash(file)}, line: 1}); err != nil {
				return err
			}
		}
	}
	return nil
}

// holdsField is whether a file is a package.json with a field of a name.
func (r *reads) holdsField(file, name string) bool {
	if filepath.Base(file) != packageFile {
		return false
	}
	data, err := r.job.In.Read(file)
	var fields map[string]json.RawMessage
	return err == nil && json.Unmarshal(data, &fields) == nil && fields[name] != nil
}

// unasked takes the folders that packages read of themselves, when the inputs of a bundle are known.
func (r *reads) unasked(inputs []codeOf) error {
	used, rendering := map[string]bool{}, false
	for name := range r.external {
		used[name] = true
	}
	for _, at := range inputs {
		used[at.pkg] = true
	}
	for _, at := range inputs {
		if slices.ContainsFunc(searchers, func(name string) bool { return used[name] }) && !slices.Contains(searchers, at.pkg) {
			if err := r.configured(at); err != nil {
				return err
			}
		}
		if of := r.sources.get(at.file); at.pkg == "" && of != nil && renders().MatchString(of.text) {
			rendering = true
		}
	}
	for name, folder := range ofThemselves {
		if !used[name] || name == "express" && !rendering {
			continue
		}
		p := &paths{file: filepath.ToSlash(filepath.Join(r.real, filepath.FromSlash(r.handler)))}
		u := use{value: value{text: path.Join(filepath.ToSlash(r.real), folder), rooted: true, cwd: true}, line: 1, by: "readdir"}
		if err := r.use(p, u); err != nil {
			return err
		}
	}
	return nil
}

// inlined is whether one's own code was bundled with a package before: bundlers name the files that they take.
func (b *bundle) inlined(name string) bool {
	return slices.ContainsFunc(b.sources.files(), func(file string) bool {
		_, _, installed := PackageOf(file)
		return !installed && inComment("node_modules/"+name+"/", b.sources.get(file).text)
	})
}

// inComment is whether a line of code that is only a comment holds a text.
func inComment(part, code string) bool {
	for at := 0; ; at += len(part) {
		i := strings.Index(code[at:], part)
		if i < 0 {
			return false
		}
		at += i
		if line := code[strings.LastIndexByte(code[:at], '\n')+1:]; strings.HasPrefix(strings.TrimLeft(line, " \t"), "//") {
			return true
		}
	}
}

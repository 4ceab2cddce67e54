package node

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/packager/source"
)

// What one's own modules read from where they lie comes along, at its own place: files, folders, and code that is not
// imported but loaded by its path (workers, folders of plugins), with all that this code imports in turn.

// reads follows what the modules of a bundle read.
type reads struct {
	*bundle
	ctx      context.Context
	taken    map[string]reason // by the name in the package
	files    []source.File     // of what is taken, as far as the rules keep it
	followed map[string]bool   // modules by their files
	packages map[string]outsider
	through  []string // folders of modules that paths lead through: they must be there
	unknown  []unknown
	loading  bool     // one's own code loads modules by expressions
	names    []string // that may be modules' and that nobody imports, once they are asked for
	warnings []source.Warning
}

// reason is where code asks for a file or a folder.
type reason struct {
	file string // from the source folder
	line int
	verb string
	by   string // the function that is given the path
}

func (r reason) String() string { return fmt.Sprintf("%s:%d %s", r.file, r.line, r.verb) }

// unknown is a folder from which a module reads by names that are known only when it runs.
type unknown struct {
	name, file string
	line       int
	maybe      bool
}

// follow looks at the modules of a bundle, and at those that come along as files.
func (b *bundle) follow(ctx context.Context) (*reads, error) {
	r := &reads{bundle: b, ctx: ctx, taken: map[string]reason{}, followed: map[string]bool{}, packages: map[string]outsider{}}
	var inputs []codeOf
	for _, input := range slices.Sorted(maps.Keys(b.meta.Inputs)) {
		at := b.codeOf(input)
		inputs = append(inputs, at)
		if at.pkg == "" && at.file != "" {
			if err := r.module(at.file); err != nil {
				return nil, err
			}
		}
	}
	if err := r.unasked(inputs); err != nil {
		return nil, err
	}
	for n := -1; n != len(r.taken); {
		n = len(r.taken)
		var err error
		if r.files, err = r.collected(); err != nil {
			return nil, err
		}
		for _, f := range r.files {
			if f.Path == "" {
				continue
			}
			if err := r.alone(f.Path); err != nil {
				return nil, err
			}
		}
	}
	return r, nil
}

// collected are the files of what is taken.
func (r *reads) collected() ([]source.File, error) {
	files, err := r.only(slices.Sorted(maps.Keys(r.taken)))
	for _, name := range r.through {
		files = append(files, source.Generated(path.Join(name, ".keep"), nil))
	}
	return files, err
}

// module follows the paths in one of the bundle's modules.
func (r *reads) module(file string) error {
	of := r.sources.get(file)
	if of == nil || !scripts(file) {
		return nil
	}
	before := len(r.taken)
	r.loading = r.loading || loads().MatchString(of.text)
	p := pathsIn(file, r.real, of.text)
	p.ofEntry(path.Join(filepath.ToSlash(r.real), r.handler), of.text)
	p.ofBuild()
	if err := r.paths(p); err != nil {
		return err
	}
	if line, calls := byName(of.text); calls > 0 {
		return r.chosen(file, line, before)
	}
	return nil
}

// scripts is whether a file holds code that may be loaded by its path.
func scripts(file string) bool {
	return slices.Contains([]string{".js", ".mjs", ".cjs", ".jsx", ".ts", ".mts", ".cts", ".tsx"}, path.Ext(file))
}

// alone follows a module that comes along as a file.
func (r *reads) alone(file string) error {
	if r.followed[file] || !slices.Contains([]string{".js", ".mjs", ".cjs"}, path.Ext(file)) {
		return nil
	}
	r.followed[file] = true
	data, err := r.job.In.Read(file)
	if err != nil {
		return err
	}
	p := pathsIn(file, r.real, string(data))
	if err := r.paths(p); err != nil {
		return err
	}
	for _, l := range p.imports() {
		if err := r.load(p, l); err != nil {
			return err
		}
	}
	if err := r.tell(string(data), filepath.Dir(file), r.packages); err != nil {
		return err
	}
	return r.described(file)
}

// described takes the package.json that says what the suffix .js means.
func (r *reads) described(file string) error {
	for dir := filepath.Dir(file); ; dir = filepath.Dir(dir) {
		at := filepath.Join(dir, "package.json")
		if there, err := source.IsFile(at); err != nil || there {
			if name, ok := r.inPackage(at); ok {
				r.taken[name] = reason{file: r.shown(file), line: 1, verb: "needs"}
			}
			return err
		}
		if dir == r.job.Root || dir == filepath.Dir(dir) {
			return nil
		}
	}
}

// shown is a file's path from the source folder.
func (r *reads) shown(file string) string {
	rel, err := filepath.Rel(r.real, file)
	if err != nil {
		return filepath.ToSlash(file)
	}
	return filepath.ToSlash(rel)
}

func (r *reads) paths(p *paths) error {
	for _, l := range p.loads {
		if err := r.load(p, l); err != nil {
			return err
		}
	}
	for _, u := range p.uses {
		if err := r.use(p, u); err != nil {
			return err
		}
	}
	return nil
}

// load takes a module that code loads past the bundler.
func (r *reads) load(p *paths, l load) error {
	from := filepath.FromSlash(path.Dir(l.from))
	if strings.HasPrefix(l.name, "#") {
		return r.alias(p, l)
	}
	if !isPath(l.name) {
		if strings.Contains(l.name, ":") || !r.modules.wanted(PackageName(l.name)) {
			return nil
		}
		mod, err := r.modules.find(PackageName(l.name), from)
		if mod == nil && err == nil && r.modules.unfoldered() {
			return r.modules.uninstalled(PackageName(l.name), from)
		}
		if mod != nil {
			r.packages[PackageName(l.name)] = outsider{mod.dir, fmt.Sprintf("%s:%d loads it where no bundler sees it", r.shown(p.file), l.line)}
		}
		return err
	}
	target := path.Join(filepath.ToSlash(from), l.name)
	for _, end := range []string{"", ".js", ".json", ".cjs", ".mjs", ".node", "/index.js"} {
		if info, err := os.Stat(target + end); err == nil && info.Mode().IsRegular() {
			r.twice(p, l, target+end)
			return r.take(p, use{value: value{text: target + end}, line: l.line})
		}
	}
	return r.absent(target)
}

// twice warns of a module that is in the bundle, and is loaded as a file too.
func (r *reads) twice(p *paths, l load, file string) {
	rel, err := filepath.Rel(r.job.Dir, file)
	if err != nil {
		return
	}
	if _, bundled := r.meta.Inputs[filepath.ToSlash(rel)]; bundled && scripts(file) {
		r.warn(p, l.line, fmt.Sprintf("loads %s, which is in the bundle as well: what one of the two keeps in memory, the other does not see", r.shown(file)),
			"keep one of it with `build: {bundle: false}`")
	}
}

// use takes what a path leads to.
func (r *reads) use(p *paths, u use) error {
	if u.spent {
		return nil
	}
	at := filepath.Clean(filepath.FromSlash(u.text))
	info, err := os.Stat(at)
	if err != nil {
		u = folded(u)
		at = filepath.Clean(filepath.FromSlash(u.text))
		info, err = os.Stat(at)
	}
	if u.cwd && (at == r.real && !u.open && !lists(u.by) || filepath.Base(at) == "node_modules") { // others than files are meant
		return nil
	}
	if name, ok := r.inPackage(filepath.Dir(filepath.FromSlash(p.file))); ok && name != path.Dir(r.handler) && (u.by == "cwd" || strings.Contains(u.text, "/../")) {
		r.through = append(r.through, name)
	}
	if u.open && !strings.HasSuffix(u.text, "/") && (err != nil || !info.IsDir()) { // a name that goes on
		at = filepath.Dir(at)
		info, err = os.Stat(at)
	}
	if err != nil {
		return r.absent(at)
	}
	if !u.means(info.IsDir()) {
		return nil
	}
	file := filepath.FromSlash(p.file)
	u.text = filepath.ToSlash(at)
	if _, _, installed := PackageOf(at); installed {
		return r.installed(p, u)
	}
	switch {
	case at == file && u.maybe: // swaggerJsdoc({ apis: ["./app.js"] })
	case at == file:
		if !starts(u.by) || r.seems(file) == "" {
			return nil
		}
	case info.IsDir() && below(file, at):
		if u.declared && !u.open || idle(u.by) {
			return nil
		}
		if !lists(u.by) || below(filepath.Join(r.real, filepath.FromSlash(r.handler)), at) {
			name, ok := r.inPackage(at)
			if !ok {
				_, err := r.linked(p, u)
				return err
			}
			r.unknown = append(r.unknown, unknown{name, p.file, u.line, u.maybe})
			return nil
		}
	}
	return r.take(p, u)
}

// starts is whether a function runs the file that it is given.
func starts(function string) bool {
	return slices.Contains([]string{"Worker", "fork", "import", "require"}, function)
}

// lists is whether a function finds the files of a folder.
func lists(function string) bool {
	return slices.Contains([]string{"readdirSync", "readdir", "opendir", "opendirSync", "glob"}, function) || requiresAll(function)
}

// idle is whether a function reads nothing of the folder that it is given.
func idle(function string) bool {
	return slices.Contains([]string{
		"log", "info", "debug", "warn", "error", "trace", "relative", "basename", "extname", "parse", "isAbsolute", "push", "has", "add", "cwd", "if", "String",
	}, function)
}

// installed has a package lie as files in the package, since the code reads its files by their paths.
func (r *reads) installed(p *paths, u use) error {
	dir, name, _ := PackageOf(filepath.FromSlash(u.text))
	if there, err := source.IsFile(filepath.Join(dir, "package.json")); err != nil || !there {
		return err
	}
	folder, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return source.ReadProblem(dir, name, err)
	}
	r.packages[name] = outsider{folder, fmt.Sprintf("%s:%d reads its files", r.shown(p.file), u.line)}
	return nil
}

// linked has a package of the workspace whose code reads its own files lie as files in the package, and is whether it does. One
// in TypeScript has to be bundled.
func (r *reads) linked(p *paths, u use) (bool, error) {
	if !slices.Contains([]string{".js", ".mjs", ".cjs"}, path.Ext(p.file)) {
		return false, nil
	}
	at := filepath.FromSlash(u.text)
	for dir := filepath.Dir(filepath.FromSlash(p.file)); dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if there, err := source.IsFile(filepath.Join(dir, packageFile)); err != nil {
			return false, err
		} else if !there {
			continue
		}
		own, err := r.modules.load(dir)
		if err != nil || own.Name == "" || !below(at, dir) {
			return false, err
		}
		if found, err := r.modules.find(own.Name, r.real); found != own || err != nil {
			return false, err
		}
		r.packages[own.Name] = outsider{dir, fmt.Sprintf("%s:%d reads its files", r.shown(filepath.FromSlash(p.file)), u.line)}
		return true, nil
	}
	return false, nil
}

// take notes that a file or a folder comes along.
func (r *reads) take(p *paths, u use) error {
	at := filepath.FromSlash(u.text)
	name, ok := r.inPackage(at)
	from, known := r.inPackage(filepath.FromSlash(p.file))
	if !ok && !known {
		if is, err := r.linked(p, u); is || err != nil {
			return err
		}
	}
	if !ok || known && strings.HasPrefix(name, outsideFolder+"/") != strings.HasPrefix(from, outsideFolder+"/") {
		r.warn(p, u.line, "reads "+r.shown(at)+", which is not in the package: it lies outside of the source folder", "set `source` to a folder that holds both")
		return nil
	}
	if !known || name == "." {
		return nil
	}
	if slices.Contains([]string{".ts", ".mts", ".cts", ".tsx"}, path.Ext(name)) && starts(u.by) {
		return &source.Error{
			File: filepath.FromSlash(p.file), Line: u.line,
			Message: fmt.Sprintf("%s:%d starts %s, which is TypeScript: Node does not run it as a file of its own", r.shown(p.file), u.line, name),
			Hint:    "compile with `build.command`, and name the result as handler, as in dist/main.js",
		}
	}
	if _, known := r.taken[name]; !known {
		r.taken[name] = reason{r.shown(filepath.FromSlash(p.file)), u.line, "reads", u.by}
	}
	return nil
}

// absent notes the folder in which something would appear that code asks for.
func (r *reads) absent(at string) error {
	for dir := filepath.Dir(at); dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if info, err := os.Stat(dir); err == nil && info.IsDir() {
			if below(dir, r.job.Root) {
				return r.modules.note(dir)
			}
			return nil
		}
	}
	return nil
}

package azureapp

import (
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/internal/pattern"
	"github.com/ferryfn/ferry/migrate/foreign"
)

var (
	braces         = pattern.Of(`^(.*?)\{([^{}]*)\}(.*)$`)
	nodeImport     = pattern.Of(`(?:\bfrom|\bimport|\brequire\s*\(|\bimport\s*\()\s*["'](\.[^"']*)["']`)
	pythonFrom     = pattern.Of(`(?m)^[ \t]*from[ \t]+([\w.-]+)[ \t]+import[ \t]+(\([^)]*\)|[^\n#]*)`)
	pythonImport   = pattern.Of(`(?m)^[ \t]*import[ \t]+([\w., \t]+)`)
	registers      = pattern.Of(`\.register_(?:functions|blueprint)\s*\(`)
	nodeEndings    = []string{"", ".ts", ".mts", ".cts", ".js", ".mjs", ".cjs", "/index.ts", "/index.js"}
	builtInto      = []string{"dist", "build", "out", "lib"}
	mostFollowed   = 200 // modules of one app
	mostAlternates = 50
)

// source is a module of the app.
type source struct {
	name string
	text string
}

// entries are the modules that the host loads: those that package.json names, or function_app.py.
func (r *reader) entries() []string {
	if foreign.IsFile(r.dir, "function_app.py") {
		return []string{"function_app.py"}
	}
	pack, err := foreign.Below(r.dir, "package.json")
	if err != nil {
		return nil
	}
	main := pack.Get("main").Raw()
	if found := r.matching(main); len(found) > 0 {
		return found
	}
	return r.unbuilt(main)
}

// matching are the files of a pattern of globs, which may have alternatives in braces.
func (r *reader) matching(glob string) (names []string) {
	for _, one := range alternatives(glob) {
		if !filepath.IsLocal(filepath.FromSlash(one)) {
			continue
		}
		found, _ := filepath.Glob(filepath.Join(r.dir, filepath.FromSlash(one)))
		for _, f := range found {
			rel, err := filepath.Rel(r.dir, f)
			if name := filepath.ToSlash(rel); err == nil && foreign.IsFile(r.dir, name) && !strings.HasSuffix(name, ".d.ts") && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return names
}

// alternatives are the patterns that one with braces stands for.
func alternatives(glob string) []string {
	all := []string{glob}
	for i := 0; i < len(all) && len(all) < mostAlternates; {
		m := braces().FindStringSubmatch(all[i])
		if m == nil {
			i++
			continue
		}
		var made []string
		for _, word := range strings.Split(m[2], ",") {
			made = append(made, m[1]+word+m[3])
		}
		all = slices.Replace(all, i, i+1, made...)
	}
	return all
}

// unbuilt are the sources of what a build in TypeScript would make: ferry takes them as they are.
func (r *reader) unbuilt(glob string) []string {
	folder, rest, found := strings.Cut(strings.TrimPrefix(path.Clean(glob), "./"), "/")
	if !found || !slices.Contains(builtInto, folder) {
		return nil
	}
	rest = strings.NewReplacer(".mjs", ".mts", ".cjs", ".cts", ".js", ".ts").Replace(rest)
	if names := r.matching(rest); len(names) > 0 {
		return names
	}
	return r.matching("src/" + rest)
}

// followed is a module of the host's with those of the app's own that it imports, and those they do; Python's only where it
// registers what others hold. What is among the others is left out.
func (r *reader) followed(name string, others []string) (all []source) {
	names := []string{name}
	for i := 0; i < len(names) && i < mostFollowed; i++ {
		data, err := os.ReadFile(filepath.Join(r.dir, filepath.FromSlash(names[i])))
		if err != nil || len(data) > foreign.MaxBytes {
			continue
		}
		all = append(all, source{names[i], string(data)})
		if i == 0 && strings.HasSuffix(name, ".py") && !registers().Match(data) {
			break
		}
		for _, next := range r.imports(names[i], string(data)) {
			if !slices.Contains(names, next) && !slices.Contains(others, next) {
				names = append(names, next)
			}
		}
	}
	return all
}

// imports are the files of the app that a module imports in plain words.
func (r *reader) imports(name, text string) (files []string) {
	if strings.HasSuffix(name, ".py") {
		return r.pythonImports(name, text)
	}
	for _, m := range nodeImport().FindAllStringSubmatch(text, -1) {
		base := path.Join(path.Dir(name), m[1])
		candidates := []string{strings.TrimSuffix(base, ".js") + ".ts"} // as TypeScript writes it for modules
		for _, ending := range nodeEndings {
			candidates = append(candidates, base+ending)
		}
		if i := slices.IndexFunc(candidates, func(f string) bool { return foreign.IsFile(r.dir, f) }); i >= 0 {
			files = append(files, candidates[i])
		}
	}
	return files
}

func (r *reader) pythonImports(name, text string) (files []string) {
	module := func(dotted string) {
		dir := ""
		if rest := strings.TrimLeft(dotted, "."); rest != dotted {
			dir = path.Dir(name)
			for range len(dotted) - len(rest) - 1 {
				dir = path.Dir(dir)
			}
			dotted = rest
		}
		base := path.Join(dir, strings.ReplaceAll(dotted, ".", "/"))
		for _, file := range []string{base + ".py", path.Join(base, "__init__.py")} {
			if foreign.IsFile(r.dir, file) {
				files = append(files, file)
			}
		}
	}
	for _, m := range pythonFrom().FindAllStringSubmatch(text, -1) {
		module(m[1])
		for _, word := range strings.Split(strings.Trim(m[2], "()"), ",") {
			if fields := strings.Fields(word); len(fields) > 0 {
				module(strings.TrimSuffix(m[1], ".") + strings.Repeat(".", min(1, len(m[1]))) + fields[0])
			}
		}
	}
	for _, m := range pythonImport().FindAllStringSubmatch(text, -1) {
		for _, word := range strings.Split(m[1], ",") {
			if fields := strings.Fields(word); len(fields) > 0 {
				module(fields[0])
			}
		}
	}
	return files
}

package portability

import (
	"bytes"
	"context"
	"encoding/json"
	"go/parser"
	"go/token"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Import is a package or module that a file imports.
type Import struct {
	Name   string `json:"name"`
	Line   int    `json:"line"`
	Column int    `json:"column"` // from 1
}

// Parse has the parsers of Go and of Python read what files import: Python's own, where there is one, for all files at once. No
// code of the files runs. Patterns read a file that they cannot read, and those of other languages. It is called before Find.
func (s *Sources) Parse(ctx context.Context, files []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var modules []string
	for _, file := range files {
		l := languageOf(file)
		if s.parsed[file] || l == nil || l.name == "nodejs" || installed(file) {
			continue
		}
		s.parsed[file] = true
		if text, err := s.text(file); err != nil || !l.imports.in(text) {
			continue // Find says why, or there is nothing to find
		}
		if path.Ext(file) == ".py" {
			modules = append(modules, file)
		} else if imports, ok := parseGo(filepath.Join(s.root, filepath.FromSlash(file))); ok {
			s.imports[file] = imports
		}
	}
	slices.Sort(modules)
	parsePython(ctx, s.root, modules, s.imports)
}

func parseGo(name string) (all []Import, ok bool) {
	set := token.NewFileSet()
	f, err := parser.ParseFile(set, name, nil, parser.ImportsOnly)
	if err != nil {
		return nil, false
	}
	all = []Import{}
	for _, spec := range f.Imports {
		if text, err := strconv.Unquote(spec.Path.Value); err == nil {
			at := set.Position(spec.Path.Pos())
			all = append(all, Import{Name: text, Line: at.Line, Column: at.Column + 1})
		}
	}
	return all, true
}

// lister prints what modules import, a line of JSON for each. It reads their names, and parses them without running them.
const lister = `import ast, json, sys
for name in json.load(sys.stdin):
    try:
        with open(name, "rb") as f:
            tree = ast.parse(f.read())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        continue
    found = []
    for n in ast.walk(tree):
        names = []
        if isinstance(n, ast.Import):
            names = [a.name for a in n.names]
        elif isinstance(n, ast.ImportFrom) and n.module and not n.level:
            names = [n.module] + [n.module + "." + a.name for a in n.names]
        elif isinstance(n, ast.Call) and n.args and isinstance(n.args[0], ast.Constant) and isinstance(n.args[0].value, str):
            if getattr(n.func, "attr", getattr(n.func, "id", "")) in ("import_module", "__import__"):
                names = [n.args[0].value]
        found += [{"name": x, "line": n.lineno, "column": n.col_offset + 1} for x in names]
    found.sort(key=lambda x: x["line"])
    print(json.dumps({"file": name, "imports": found}))
`

func parsePython(ctx context.Context, root string, files []string, found map[string][]Import) {
	python, err := exec.LookPath("python3")
	names, encoding := json.Marshal(files)
	if err != nil || encoding != nil || len(files) == 0 {
		return
	}
	c := exec.CommandContext(ctx, python, "-I", "-S", "-c", lister)
	c.Dir, c.Stdin = root, bytes.NewReader(names)
	out, err := c.Output()
	if err != nil {
		return // patterns read them
	}
	for line := range strings.Lines(string(out)) {
		var one struct {
			File    string   `json:"file"`
			Imports []Import `json:"imports"`
		}
		if json.Unmarshal([]byte(line), &one) == nil {
			found[one.File] = one.Imports
		}
	}
}

package portability

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/ferryfn/ferry/internal/regular"
)

// maxFile is the size of a source file that nobody wrote by hand.
const maxFile = 1 << 20

// Sources are the files of a service. Each is read once, whichever functions it is of and wherever they go.
type Sources struct {
	root string

	mu      sync.Mutex
	known   map[string]*facts
	imports map[string][]Import // as Parse has them
	parsed  map[string]bool
}

// NewSources are the files below a folder.
func NewSources(root string) *Sources {
	return &Sources{root: root, known: map[string]*facts{}, imports: map[string][]Import{}, parsed: map[string]bool{}}
}

// facts are what a file says, whoever asks.
type facts struct {
	imports           []Import
	variables, writes []match
	traits            map[string]match // where it has one first
	denied            map[string]bool  // the traits that it shows not to have
}

// match is where a pattern was found.
type match struct {
	name         string
	line, column int
}

// facts reads a file, or knows it.
func (s *Sources) facts(file string) (*facts, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.known[file]; f != nil {
		return f, nil
	}
	f := &facts{}
	l := languageOf(file)
	if l != nil && !installed(file) {
		text, err := s.text(file)
		if err != nil {
			return nil, err
		}
		imports, parsed := s.imports[file]
		f.imports = imports
		if err := f.read(l, text, parsed); err != nil {
			return nil, fmt.Errorf("reading %s: %w", file, err)
		}
	}
	s.known[file] = f
	return f, nil
}

// text is the content of a file, nil of one that nobody wrote by hand.
func (s *Sources) text(file string) ([]byte, error) {
	f, err := regular.Open(filepath.Join(s.root, filepath.FromSlash(file)))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	defer func() { _ = f.Close() }() // nothing was written
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil || len(text) > maxFile {
		return nil, err
	}
	return text, nil
}

// read finds what the text says. Imports that a parser found are not looked for.
func (f *facts) read(l *language, text []byte, parsed bool) error {
	imports, variables, writes := !parsed && l.imports.in(text), l.variables.in(text), l.writes.in(text)
	var possible []trait
	for _, t := range traits() {
		if t.says[l.name].in(text) {
			possible = append(possible, t)
		}
	}
	if !imports && !variables && !writes && len(possible) == 0 {
		return nil
	}
	f.traits, f.denied = map[string]match{}, map[string]bool{}
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, maxFile+1)
	for number := 1; lines.Scan(); number++ {
		line := lines.Text()
		if strings.HasPrefix(strings.TrimSpace(line), l.comment) {
			continue
		}
		if imports {
			for _, m := range l.imports.all(line, number) {
				f.imports = append(f.imports, Import{Name: m.name, Line: m.line, Column: m.column + strings.Index(line[m.column-1:], m.name)})
			}
		}
		if variables {
			f.variables = append(f.variables, l.variables.all(line, number)...)
		}
		if writes {
			f.writes = append(f.writes, l.writes.all(line, number)...)
		}
		f.look(l.name, line, number, possible)
	}
	return lines.Err()
}

// pattern is an expression that can only be in a text which has one of some words.
type pattern struct {
	expression *regexp.Regexp
	words      [][]byte
}

func patternOf(expression string, words ...string) pattern {
	p := pattern{expression: regexp.MustCompile(expression)}
	for _, w := range words {
		p.words = append(p.words, []byte(w))
	}
	return p
}

// in is whether the pattern may be in a text: to look for words is a hundred times faster.
func (p pattern) in(text []byte) bool {
	return slices.ContainsFunc(p.words, func(w []byte) bool { return bytes.Contains(text, w) })
}

// all are the matches in a line.
func (p pattern) all(line string, number int) (found []match) {
	for _, m := range p.expression.FindAllStringSubmatchIndex(line, -1) {
		found = append(found, match{name: group(line, m), line: number, column: m[0] + 1})
	}
	return found
}

// language is how one language says what is looked for.
type language struct {
	name      string
	comment   string
	imports   pattern // its first group is what is imported
	variables pattern // its groups are the name of a variable of the environment
	writes    pattern // its groups are the name of a file that is written
}

// languages are those that code is read in. Their patterns are compiled when the first file is.
var languages = sync.OnceValue(func() map[string]*language {
	javascript := &language{
		name:      "nodejs",
		comment:   "//",
		imports:   patternOf(`(?:\bfrom\s*|\brequire\(\s*|\bimport\(\s*|\bimport\s+)["']([^"'./][^"']*)["']`, vendorWords()...),
		variables: patternOf(`\bprocess\.env(?:\.([A-Za-z_]\w*)|\[\s*["']([A-Za-z_]\w*)["']\s*\])`, "process.env"),
		writes:    patternOf(`\b(?:writeFile|writeFileSync|appendFile|appendFileSync|createWriteStream|mkdirSync|mkdir)\(\s*["']([^"']+)["']`, "riteFile", "ppendFile", "createWriteStream", "mkdir"),
	}
	python := &language{
		name:      "python",
		comment:   "#",
		imports:   patternOf(`^\s*(?:from|import)\s+([A-Za-z_][\w.]*)`, vendorWords()...),
		variables: patternOf(`\bos\.(?:environ\[\s*["']([A-Za-z_]\w*)["']|environ\.get\(\s*["']([A-Za-z_]\w*)["']|getenv\(\s*["']([A-Za-z_]\w*)["'])`, "environ", "getenv"),
		writes:    patternOf(`\bopen\(\s*["']([^"']+)["']\s*,\s*(?:mode\s*=\s*)?["'][rb+t]*[wax]`, "open("),
	}
	golang := &language{
		name:      "go",
		comment:   "//",
		imports:   patternOf(`^\s*(?:import\s+)?(?:[\w.]+\s+)?"([A-Za-z][\w.-]*\.[\w.-]+/[^"]+)"`, vendorWords()...),
		variables: patternOf(`\bos\.(?:Getenv|LookupEnv)\(\s*"([A-Za-z_]\w*)"`, "os.Getenv", "os.LookupEnv"),
		writes:    patternOf(`\bos\.(?:WriteFile|Create|Mkdir|MkdirAll)\(\s*"([^"]+)"`, "os."),
	}
	all := map[string]*language{".py": python, ".go": golang}
	for _, ext := range []string{".js", ".mjs", ".cjs", ".ts", ".mts", ".cts", ".jsx", ".tsx"} {
		all[ext] = javascript
	}
	return all
})

// languageOf is the language of a file, nil for one that is none of them.
func languageOf(file string) *language { return languages()[path.Ext(file)] }

// vendorWords are words of which the name of each vendor's package has one.
func vendorWords() []string { return []string{"aws", "boto", "google", "firebase", "azure", "Azure"} }

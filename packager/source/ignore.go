package source

import (
	"bytes"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-git/go-git/v6/plumbing/format/gitignore"

	"github.com/ferryfn/ferry/internal/regular"
)

// rule is one line of an ignore file, or one pattern of the manifest. The library matches names; how names make
// a path is here, because the library also matches everything below a match, which git does by not looking there.
type rule struct {
	domain  []string // the folder that the rule holds in
	parts   []part
	negated bool
	dirOnly bool
	notDir  bool
	base    bool // about names, wherever they are
	text    string
	origin  string // file and line, "" for a pattern of the manifest
}

// part is one name of a pattern; nil stands for "**", any number of folders.
type part = gitignore.Pattern

// parseRule returns false for a comment, an empty line and what git says matches nothing.
func parseRule(line string, domain []string) (rule, bool) {
	if strings.HasPrefix(line, "#") {
		return rule{}, false
	}
	line = trimSpaces(line)
	r := rule{domain: domain, text: line}
	line, r.negated = strings.CutPrefix(line, "!")
	line, r.dirOnly = strings.CutSuffix(line, "/")
	r.base = !strings.Contains(line, "/")
	line = strings.TrimPrefix(line, "/")
	if line == "" {
		return rule{}, false
	}
	for _, name := range splitNames(line) {
		if name == "**" && !r.base {
			r.parts = append(r.parts, nil)
			continue
		}
		name = strings.ReplaceAll(name, "/", "\x01") // in brackets: a letter that no name holds
		if strings.HasPrefix(name, "!") {
			name = `\` + name
		}
		if strings.HasSuffix(name, " ") && !strings.HasSuffix(name, `\ `) {
			name = strings.TrimSuffix(name, " ") + "[ ]"
		}
		r.parts = append(r.parts, gitignore.ParsePattern(name, nil))
	}
	return r, true
}

// splitNames cuts a pattern at its slashes, but for those in brackets, which git takes for letters that no name holds.
func splitNames(pattern string) []string {
	var out []string
	from := 0
	for i := 0; i < len(pattern); i++ {
		switch pattern[i] {
		case '\\':
			i++
		case '[':
			i = max(i, bracketEnd(pattern, i))
		case '/':
			out = append(out, pattern[from:i])
			from = i + 1
		}
	}
	return append(out, pattern[from:])
}

// bracketEnd is where the bracket that begins at i ends, or -1.
func bracketEnd(pattern string, i int) int {
	i++
	if i < len(pattern) && (pattern[i] == '!' || pattern[i] == '^') {
		i++
	}
	for first := i; i < len(pattern); i++ {
		switch {
		case pattern[i] == '\\':
			i++
		case strings.HasPrefix(pattern[i:], "[:"):
			if end := strings.Index(pattern[i+2:], ":]"); end >= 0 {
				i += end + 3
			}
		case pattern[i] == ']' && i > first:
			return i
		}
	}
	return -1
}

// trimSpaces takes spaces off the end but for those behind a backslash.
func trimSpaces(s string) string {
	end := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case ' ':
			continue
		case '\\':
			i++
		}
		end = min(i+1, len(s))
	}
	return s[:end]
}

// parseRules reads an ignore file as git does.
func parseRules(data []byte, domain []string) []rule {
	var out []rule
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	n := 0
	for line := range strings.SplitSeq(string(data), "\n") {
		n++
		if r, ok := parseRule(strings.TrimSuffix(line, "\r"), domain); ok {
			r.origin = fmt.Sprintf("%s:%d", path.Join(path.Join(domain...), ".ferryignore"), n)
			out = append(out, r)
		}
	}
	return out
}

// subject is a path that rules are asked about.
type subject struct {
	names []string
	dir   bool
}

// match is whether the rule is about this very path; what is below a folder follows from the folder.
func (r rule) match(s subject) bool {
	names := s.names
	if r.dirOnly && !s.dir || r.notDir && s.dir || len(names) <= len(r.domain) || !slices.Equal(names[:len(r.domain)], r.domain) {
		return false
	}
	names = names[len(r.domain):]
	if r.base {
		names = names[len(names)-1:]
	}
	return matchNames(r.parts, names)
}

func matchNames(parts []part, names []string) bool {
	for i, p := range parts {
		if p == nil {
			if i == len(parts)-1 {
				return len(names) > 0
			}
			for skip := range len(names) {
				if matchNames(parts[i+1:], names[skip:]) {
					return true
				}
			}
			return false
		}
		if len(names) == 0 || p.Match(names[:1], true) == gitignore.NoMatch {
			return false
		}
		names = names[1:]
	}
	return len(names) == 0
}

// excluded is git's verdict on a path whose folder is not left out: the last rule that matches decides.
func excluded(rules []rule, s subject) bool {
	d := deciding(rules, s)
	return d != nil && !d.negated
}

// deciding is the last rule that matches, or nil.
func deciding(rules []rule, s subject) *rule {
	for i := len(rules) - 1; i >= 0; i-- {
		if rules[i].match(s) {
			return &rules[i]
		}
	}
	return nil
}

// Never is what no package holds, whatever the manifest says: other tools' folders, leftovers and ferry's own files.
func Never(name string, dir bool) bool {
	base := path.Base(name)
	switch base {
	case ".git", ".hg", ".svn", ".ferry", "__pycache__", ".DS_Store":
		return true
	case ".venv", "venv":
		return dir
	case "ferry.yaml", "ferry.yml", "ferry.schema.json", ".ferryignore":
		return !dir
	case ".cache":
		return path.Base(path.Dir(name)) == "node_modules"
	}
	return strings.HasSuffix(base, ".pyc") || strings.HasSuffix(base, ".pyo") || strings.HasPrefix(base, Unfinished)
}

// SecretName is whether a file holds secrets by its name alone.
func SecretName(name string) bool {
	base := strings.ToLower(path.Base(name))
	switch base {
	case "id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", ".netrc", ".npmrc", ".pypirc", ".git-credentials", ".aws", ".ssh":
		return true
	}
	if strings.HasPrefix(base, ".env") {
		return true
	}
	switch path.Ext(base) {
	case ".key", ".p12", ".pfx", ".jks", ".keystore":
		return true
	}
	return false
}

// doubtful is whether only the content tells if a file is a key: certificates and keys share the suffix.
func doubtful(name string) bool {
	base := strings.ToLower(path.Base(name))
	switch path.Ext(base) {
	case ".pem":
		return true
	case ".json":
		plain := strings.NewReplacer("-", "", "_", "").Replace(base)
		return strings.Contains(plain, "credentials") || strings.Contains(plain, "serviceaccount")
	}
	return false
}

// secretContent is the verdict on a doubtful file.
func secretContent(data []byte) bool {
	for _, mark := range []string{"PRIVATE KEY", `"private_key"`, `"client_secret"`, `"refresh_token"`} {
		if bytes.Contains(data, []byte(mark)) {
			return true
		}
	}
	return false
}

// OwnRules is where a reason of LeftOut comes from that nobody wrote down: by habit some files are for readers of the source.
const OwnRules = "ferry's own rules"

// rules decide what of one source folder goes into a package, in this order: never, build.exclude,
// build.include, .ferryignore, what is usual.
type rules struct {
	above   []string // names from the packager's root down to the source
	ignore  []rule   // of the .ferryignore files down to the source; those below come with their folder
	exclude []rule
	include []include
}

// include is a glob of the manifest below the source folder.
type include struct {
	rule
	text    string
	literal []string // leading names without a wildcard
	used    bool
}

func newRules(root, source string, exclude, includes []string) (*rules, error) {
	r := &rules{}
	rel, err := filepath.Rel(root, source)
	if err != nil {
		return nil, err
	}
	if rel != "." {
		r.above = strings.Split(filepath.ToSlash(rel), "/")
	}
	r.ignore = usual(r.above)
	dir := root
	for i := range len(r.above) { // the source's own file is read when it is walked
		r.ignore = append(r.ignore, ignoreFile(dir, r.above[:i])...)
		dir = filepath.Join(dir, r.above[i])
	}
	for _, line := range exclude {
		if one, ok := parseRule(line, nil); ok {
			r.exclude = append(r.exclude, one)
		}
	}
	for _, text := range includes {
		clean := path.Clean("/" + strings.TrimPrefix(filepath.ToSlash(text), "./"))
		one, ok := parseRule(clean, nil)
		if !ok {
			continue
		}
		inc := include{rule: one, text: text}
		for name := range strings.SplitSeq(clean[1:], "/") {
			if strings.ContainsAny(name, `*?[\`) {
				break
			}
			inc.literal = append(inc.literal, name)
		}
		r.include = append(r.include, inc)
	}
	return r, nil
}

// usual are rules that hold until the user's say otherwise: what is for those who read the source, not for the function.
func usual(source []string) (out []rule) {
	for _, line := range []string{
		".gitignore", "/[Rr][Ee][Aa][Dd][Mm][Ee]", "/[Rr][Ee][Aa][Dd][Mm][Ee].md", "/[Rr][Ee][Aa][Dd][Mm][Ee].rst",
		"/[Rr][Ee][Aa][Dd][Mm][Ee].txt", "/[Rr][Ee][Aa][Dd][Mm][Ee].adoc",
	} {
		if one, ok := parseRule(line, source); ok {
			one.notDir, one.origin = true, OwnRules
			out = append(out, one)
		}
	}
	return out
}

// ignoreFile holds the rules of a folder; one that cannot be read is noticed when the folder is walked.
func ignoreFile(dir string, domain []string) []rule {
	data, err := regular.Read(filepath.Join(dir, ".ferryignore"))
	if err != nil {
		return nil
	}
	return parseRules(data, domain)
}

// included marks and returns the include pattern that names a path, or nil.
func (r *rules) included(s subject) *include {
	var found *include
	for i := range r.include {
		if r.include[i].match(s) {
			r.include[i].used = true
			found = &r.include[i]
		}
	}
	return found
}

// mayInclude is whether an include pattern can match below a folder. Only a pattern that starts
// with node_modules looks in there.
func (r *rules) mayInclude(parts []string) bool {
	for _, inc := range r.include {
		n := min(len(inc.literal), len(parts))
		if strings.Join(inc.literal[:n], "/") != strings.Join(parts[:n], "/") {
			continue
		}
		if len(inc.literal) == 0 && parts[len(parts)-1] == "node_modules" {
			continue
		}
		return true
	}
	return false
}

// deliberate is whether an include pattern means files like this one, and does not just sweep them up.
func (i *include) deliberate() bool {
	last := path.Base(filepath.ToSlash(i.text))
	return strings.Trim(last, "*") != ""
}

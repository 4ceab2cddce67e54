package manifest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Position is a place in a file. Line and Column count from 1, columns in characters; 0 is unknown.
type Position struct {
	File   string // absolute
	Line   int
	Column int
	Source string // the text of the line, cut when it is very long
}

func (p Position) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Problem is one thing wrong with a manifest.
type Problem struct {
	Position
	Function string // "" when it is not about one function
	Field    string // "functions.api.memory"
	Message  string // lower case, says what is wrong
	Hint     string // one line that says what to do, may be empty
}

func (p Problem) Error() string {
	s := p.Message
	if p.File != "" {
		s = p.String() + ": " + s
	}
	if p.Hint != "" {
		s += " (" + p.Hint + ")"
	}
	return s
}

// Problems are all things wrong with a manifest, in the order of the file.
type Problems []Problem

func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// maxProblems bounds the list: nobody reads more, and a hostile file could hold a hundred thousand.
const maxProblems = 100

// report collects problems while a manifest is read. A problem that is found twice counts once: a block may
// be read as written and as resolved, and the defaults are resolved for every function.
type report struct {
	problems Problems
	seen     map[seen]bool
	more     bool
}

type seen struct {
	line, column int
	message      string
}

func (r *report) add(ps ...Problem) {
	if r.seen == nil {
		r.seen = map[seen]bool{}
	}
	for _, p := range ps {
		k := seen{p.Line, p.Column, p.Message}
		switch {
		case r.seen[k]:
		case len(r.problems) >= maxProblems:
			r.more = true
		default:
			r.seen[k] = true
			r.problems = append(r.problems, p)
		}
	}
}

func (r *report) full() bool { return r.more }

// done returns the problems in the order of the file.
func (r *report) done() Problems {
	ps := r.problems
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	if r.more {
		ps = append(ps, Problem{
			Position: Position{File: ps[0].File},
			Message:  fmt.Sprintf("there are more problems; these are %d of them", len(ps)),
		})
	}
	return ps
}

// quote shows a piece of the manifest in a message: escaped, and cut when it is long.
func quote(s string) string {
	return fmt.Sprintf("%q", cut(s, 60))
}

// cut shortens s to at most n bytes at a character's boundary.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}

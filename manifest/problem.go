package manifest

import (
	"fmt"
	"strings"
)

// Position is a place in a file. Line and Column count from 1; 0 is unknown.
type Position struct {
	File   string
	Line   int
	Column int
	Source string // the text of the line
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
	Hint     string // one imperative line, may be empty
}

func (p Problem) Error() string {
	s := p.Message
	if p.File != "" {
		s = p.Position.String() + ": " + s
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

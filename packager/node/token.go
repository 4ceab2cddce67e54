package node

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// token is a word of JavaScript or TypeScript. It is good enough to follow paths: what it takes for something else, as
// text in JSX, ends at its line.
type token struct {
	kind  kind
	text  string    // of a string: what it means
	parts []string  // of a template: its texts, one more than inserts
	holds [][]token // of a template: its inserts
	line  int
}

type kind byte

const (
	aSign kind = iota
	aName
	aString
	aTemplate
	aNumber
	aRegexp
)

// lexer reads a source.
type lexer struct {
	text string
	at   int
	line int
	out  []token
}

// tokens are the words of a source, without comments.
func tokens(text string) []token {
	l := lexer{text: text, line: 1}
	l.until("")
	return l.out
}

// until reads up to a closing sign of the same depth, or to the end.
func (l *lexer) until(end string) {
	for depth := 0; l.at < len(l.text); {
		c := l.text[l.at]
		rest := l.text[l.at:]
		switch {
		case c == '\n':
			l.line++
			l.at++
		case c <= ' ':
			l.at++
		case strings.HasPrefix(rest, "//") || l.at == 0 && strings.HasPrefix(rest, "#!"):
			l.skip(max(strings.IndexByte(rest, '\n'), len("//")-1))
		case strings.HasPrefix(rest, "/*"):
			l.skip(strings.Index(rest[2:], "*/") + len("/**/"))
		case c == '"' || c == '\'':
			l.quoted(c)
		case c == '`':
			l.template()
		case c == '/' && l.mayBegin() && l.regexp():
		case inName(c):
			l.name()
		default:
			if end != "" && depth == 0 && strings.HasPrefix(rest, end) {
				return
			}
			depth += strings.Count("{", rest[:1]) - strings.Count("}", rest[:1])
			l.sign(rest)
		}
	}
}

// skip passes a comment of some bytes over; one that is shorter than a comment can be has no end.
func (l *lexer) skip(n int) {
	if n < 2 || n < 4 && l.text[l.at+1] == '*' {
		n = len(l.text) - l.at
	}
	l.line += strings.Count(l.text[l.at:l.at+n], "\n")
	l.at += n
}

func (l *lexer) put(k kind, text string) {
	l.out = append(l.out, token{kind: k, text: text, line: l.line})
}

func (l *lexer) sign(rest string) {
	for _, s := range []string{"...", "===", "!==", "=>", "==", "!=", "||", "??", "&&", "?."} {
		if strings.HasPrefix(rest, s) {
			l.put(aSign, s)
			l.at += len(s)
			return
		}
	}
	_, n := utf8.DecodeRuneInString(rest)
	l.put(aSign, rest[:n])
	l.at += n
}

func inName(c byte) bool {
	return c == '_' || c == '$' || c >= utf8.RuneSelf || '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z'
}

func (l *lexer) name() {
	from := l.at
	for l.at < len(l.text) && inName(l.text[l.at]) {
		l.at++
	}
	k := aName
	if c := l.text[from]; '0' <= c && c <= '9' {
		k = aNumber
	}
	l.put(k, l.text[from:l.at])
}

func (l *lexer) quoted(quote byte) {
	var meant strings.Builder
	for i := l.at + 1; i < len(l.text) && l.text[i] != '\n'; i++ {
		switch c := l.text[i]; c {
		case quote:
			l.put(aString, meant.String())
			l.at = i + 1
			return
		case '\\':
			i++
			if i < len(l.text) {
				meant.WriteByte(l.text[i])
			}
		default:
			meant.WriteByte(c)
		}
	}
	l.sign(string(quote))
}

func (l *lexer) template() {
	t := token{kind: aTemplate, line: l.line}
	l.at++
	var meant strings.Builder
	for l.at < len(l.text) && l.text[l.at] != '`' {
		switch {
		case strings.HasPrefix(l.text[l.at:], "${"):
			t.parts = append(t.parts, meant.String())
			meant.Reset()
			inner := lexer{text: l.text, at: l.at + 2, line: l.line}
			inner.until("}")
			t.holds = append(t.holds, inner.out)
			l.at, l.line = min(inner.at+1, len(l.text)), inner.line
		default:
			if l.text[l.at] == '\n' {
				l.line++
			}
			meant.WriteByte(l.text[l.at])
			l.at++
		}
	}
	l.at = min(l.at+1, len(l.text))
	t.parts = append(t.parts, meant.String())
	l.out = append(l.out, t)
}

// mayBegin is whether an expression may begin here, so that a slash begins a regular expression.
func (l *lexer) mayBegin() bool {
	if len(l.out) == 0 {
		return true
	}
	last := l.out[len(l.out)-1]
	if last.kind == aName {
		return slices.Contains([]string{"return", "typeof", "case", "in", "of", "await"}, last.text)
	}
	return last.kind == aSign && last.text != ")" && last.text != "]" && last.text != "}"
}

// regexp passes a regular expression over, if there is one.
func (l *lexer) regexp() bool {
	class := false
	for i := l.at + 1; i < len(l.text) && l.text[i] != '\n'; i++ {
		switch c := l.text[i]; {
		case c == '\\':
			i++
		case c == '[':
			class = true
		case c == ']':
			class = false
		case c == '/' && !class:
			l.put(aRegexp, "")
			l.at = i + 1
			return true
		}
	}
	return false
}

package cmd

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// wrap breaks a line at spaces so that it fits into width columns; what follows is indented. Nothing is left out:
// a word that is longer stays whole, and so does what stands between backticks, for somebody will copy it. Parts
// that stand apart by a gap stay whole where a line has room for them.
func wrap(line string, width, indent int) string {
	if width <= 0 || ansi.StringWidth(line) <= width {
		return line
	}
	var b strings.Builder
	column, spaces := 0, leading(line)
	for rest := line[spaces:]; rest != ""; {
		word := rest[:wordEnd(rest)]
		needs := ansi.StringWidth(word)
		if spaces >= gap {
			part, _, _ := strings.Cut(rest, strings.Repeat(" ", gap))
			if whole := ansi.StringWidth(part); indent+whole <= width {
				needs = whole
			}
		}
		if column > 0 && column+spaces > indent && column+spaces+needs > width {
			b.WriteByte('\n')
			column, spaces = 0, indent
		}
		b.WriteString(strings.Repeat(" ", spaces) + word)
		column += spaces + ansi.StringWidth(word)
		rest = rest[len(word):]
		spaces = leading(rest)
		rest = rest[spaces:]
	}
	return b.String()
}

// leading counts the spaces that s begins with.
func leading(s string) int { return len(s) - len(strings.TrimLeft(s, " ")) }

// wordEnd is where the first word of s ends.
func wordEnd(s string) int {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case ' ':
			return i
		case '`':
			if end := strings.IndexByte(s[i+1:], '`'); end >= 0 {
				i += end + 1
			}
		}
	}
	return len(s)
}

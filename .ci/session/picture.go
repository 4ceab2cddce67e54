package main

import (
	"fmt"
	"html"
	"regexp"
	"strings"
	"unicode/utf8"
)

// What the picture is drawn with, in pixels.
const (
	letter, height = 8.43, 20
	margin, title  = 16, 36
)

// escape is a sequence that a program sends to its terminal.
var escape = regexp.MustCompile("\x1b\\[([0-9;?]*)([A-Za-z])")

// looks are the styles of what is shown, by the numbers that turn them on.
func looks() map[string]string {
	return map[string]string{
		"1": "font-weight:bold", "2": "opacity:.65",
		"31": "fill:#f07178", "32": "fill:#a3be6c", "33": "fill:#e5c07b", "34": "fill:#7aa2f7", "35": "fill:#c792ea", "36": "fill:#6cc7d6",
	}
}

// picture is an SVG of a terminal that shows a text with its colours.
func picture(name, text string) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	longest := 0
	for _, l := range lines {
		longest = max(longest, utf8.RuneCountInString(escape.ReplaceAllString(l, "")))
	}
	width, tall := 2*margin+letter*float64(longest), title+margin+height*len(lines)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %d" role="img" aria-label="%s in a terminal">`+"\n", width, tall, html.EscapeString(name))
	fmt.Fprintf(&b, `<style>text{font:14px ui-monospace,Menlo,Consolas,"DejaVu Sans Mono",monospace;fill:#d8dee9;white-space:pre}</style>`+"\n")
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" rx="8" fill="#1f2430"/><g fill="#5c6773"><circle cx="20" cy="18" r="5"/><circle cx="38" cy="18" r="5"/><circle cx="56" cy="18" r="5"/></g>`+"\n")
	fmt.Fprintf(&b, `<text x="%.0f" y="23" text-anchor="middle" opacity=".65">%s</text>`+"\n", width/2, html.EscapeString(name))
	style := map[string]bool{}
	for i, l := range lines {
		fmt.Fprintf(&b, `<text x="%d" y="%d" xml:space="preserve">%s</text>`+"\n", margin, title+14+i*height, spans(l, style))
	}
	return b.String() + "</svg>\n"
}

// spans are the parts of a line, each in its style; style is what is turned on, and stays so for the next line.
func spans(line string, style map[string]bool) string {
	var b strings.Builder
	part := func(text string) {
		if text == "" {
			return
		}
		var css []string
		for _, number := range []string{"1", "2", "31", "32", "33", "34", "35", "36"} {
			if style[number] {
				css = append(css, looks()[number])
			}
		}
		fmt.Fprintf(&b, `<tspan style="%s">%s</tspan>`, strings.Join(css, ";"), html.EscapeString(text))
	}
	at := 0
	for _, found := range escape.FindAllStringSubmatchIndex(line, -1) {
		part(line[at:found[0]])
		at = found[1]
		if line[found[4]:found[5]] != "m" {
			continue
		}
		codes := strings.ReplaceAll(line[found[2]:found[3]], "38;5;", "3") // one of the first eight colours
		for number := range strings.SplitSeq(codes, ";") {
			if number == "" || number == "0" {
				clear(style)
				continue
			}
			style[number] = true
		}
	}
	part(line[at:])
	return strings.ReplaceAll(b.String(), `<tspan style="">`, "<tspan>")
}

package cmd

import (
	"bytes"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
)

func TestTheCaretIsUnderItsWordHoweverNarrowTheTerminal(t *testing.T) {
	long := "      - http: {path: /" + strings.Repeat("very/", 30) + "long, methods: [WRONG], auth: public} # " + strings.Repeat("x", 200)
	for name, line := range map[string]string{
		"short": "service: WRONG", "long": long, "wide letters": strings.Repeat("語", 60) + " WRONG " + strings.Repeat("語", 60),
		"at the end": strings.Repeat("a", 300) + "WRONG", "with tabs": "\t\tenv: WRONG",
	} {
		for _, width := range []int{0, 24, 40, 60, 80, 200} {
			var out bytes.Buffer
			p := &printer{w: &out, width: width, style: newStyles()}
			before, _, _ := strings.Cut(line, "WRONG")
			p.source(report{Line: 12, Column: len([]rune(before)) + 1, source: line})
			lines := strings.Split(strings.TrimRight(ansi.Strip(out.String()), "\n"), "\n")
			if len(lines) != 2 {
				t.Fatalf("%s at %d columns: %q", name, width, lines)
			}
			for _, l := range lines {
				if width > 0 && ansi.StringWidth(l) > max(width, 29) {
					t.Errorf("%s at %d columns: %q wraps", name, width, l)
				}
			}
			before, _, _ = strings.Cut(lines[1], "^")
			caret := ansi.StringWidth(before)
			if under := ansi.Cut(lines[0], caret, caret+5); under != "WRONG" {
				t.Errorf("%s at %d columns: the caret is under %q\n%s", name, width, under, strings.Join(lines, "\n"))
			}
		}
	}
}

func TestNoColorPrintsNoEscape(t *testing.T) {
	for name, c := range map[string]struct {
		environ []string
		args    []string
	}{
		"NO_COLOR":                     {[]string{"NO_COLOR=1", "TERM=xterm-256color"}, []string{"deploy"}},
		"NO_COLOR over CLICOLOR_FORCE": {[]string{"NO_COLOR=1", "CLICOLOR_FORCE=1"}, []string{"deploy"}},
		"--no-color":                   {[]string{"TERM=xterm-256color"}, []string{"deploy", "--no-color"}},
	} {
		a := &app{env: environment(c.environ), Invocation: Invocation{Environ: c.environ}}
		a.global.noColor, a.global.progress = len(c.args) > 1, progressAuto
		var out bytes.Buffer
		a.Streams.Err = Output{Writer: &out, Terminal: true}
		p := a.errors()
		p.failures([]report{{Kind: "failed", Message: "broken", Hint: "mend it"}})
		p.linef("%s", p.style.dim.Render("dim"))
		a.notice("waiting")
		if a.form() != formPlain || strings.ContainsRune(out.String(), '\x1b') {
			t.Errorf("%s: %q", name, out.String())
		}
	}
}

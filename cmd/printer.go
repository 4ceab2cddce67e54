package cmd

import (
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"
)

// styles are the looks of what is printed. They use the terminal's own sixteen colours, so that they suit
// its background.
type styles struct {
	bold, dim, good, bad, warn, add, change, remove, link lipgloss.Style
}

func newStyles() styles {
	s := lipgloss.NewStyle
	return styles{
		bold: s().Bold(true), dim: s().Faint(true),
		good: s().Foreground(lipgloss.Green), bad: s().Foreground(lipgloss.Red).Bold(true), warn: s().Foreground(lipgloss.Yellow),
		add: s().Foreground(lipgloss.Green), change: s().Foreground(lipgloss.Yellow), remove: s().Foreground(lipgloss.Red),
		link: s().Foreground(lipgloss.Cyan),
	}
}

// printer writes text for a person. The first error of writing is kept in failed.
type printer struct {
	w        io.Writer
	terminal bool
	width    int    // columns of the terminal; 0 is no limit
	dir      string // file names below it are printed relative to it
	zone     *time.Location
	style    styles
	chosen   []string // the flags that chose the manifest, stage and target, for the commands that are named
	failed   error
}

func (a *app) printer(out Output) *printer {
	p := &printer{w: a.colored(out), terminal: out.Terminal, dir: a.Dir, zone: time.Local, style: newStyles(), chosen: a.global.chosen()}
	if out.Terminal {
		p.width = a.Streams.Width
	}
	return p
}

// errors is the printer of what is not the result.
func (a *app) errors() *printer { return a.printer(a.Streams.Err) }

// linef prints one line, wrapped to the terminal.
func (p *printer) linef(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	p.hanging(leading(text)+gap, text)
}

// hanging prints a line, wrapped to the terminal, with what follows indented.
func (p *printer) hanging(indent int, text string) {
	for line := range strings.SplitSeq(text, "\n") {
		p.verbatim(wrap(line, p.width, indent))
	}
}

// verbatim prints a line as it is, for what loses its meaning when it is broken.
func (p *printer) verbatim(line string) {
	p.write([]byte(line + "\n"))
}

// raw prints bytes as they are, past the colours.
func (p *printer) raw(data []byte) {
	if c, ok := p.w.(*colorprofile.Writer); ok {
		q := *p
		q.w = c.Forward
		q.write(data)
		p.failed = q.failed
		return
	}
	p.write(data)
}

func (p *printer) write(data []byte) {
	if p.failed != nil {
		return
	}
	if _, err := p.w.Write(data); err != nil {
		p.failed = fmt.Errorf("writing the result: %w", err)
	}
}

// gap is between two columns.
const gap = 2

// table prints rows in columns, indented by gap. Columns that do not fit beside each other on the terminal are
// stacked: they follow below their row.
func (p *printer) table(headers []string, rows [][]string) {
	if len(headers) > 0 {
		dim := make([]string, len(headers))
		for i, h := range headers {
			dim[i] = p.style.dim.Render(h)
		}
		rows = append([][]string{dim}, rows...)
	}
	widths, beside := p.columns(rows)
	below := 2 * gap
	if len(widths) > 0 && widths[0] < gap { // a mark: what is stacked follows the name after it
		below += widths[0] + gap
	}
	for _, row := range rows {
		line, missing := "", gap // the spaces owed before the next cell that has text
		for i, cell := range row[:min(beside, len(row))] {
			width := ansi.StringWidth(cell)
			if width > 0 {
				line += strings.Repeat(" ", missing) + cell
				missing = 0
			}
			missing += widths[i] - width + gap
		}
		p.verbatim(line)
		p.stack(below, row[min(beside, len(row)):])
	}
}

// columns are the widths of the columns of a table, and how many of them, at least one, fit beside each other.
func (p *printer) columns(rows [][]string) (widths []int, beside int) {
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], ansi.StringWidth(cell))
		}
	}
	all := 0
	for i, width := range widths {
		if all += gap + width; p.width > 0 && all > p.width && i > 0 {
			return widths, i
		}
	}
	return widths, len(widths)
}

// stack prints the rest of a row below it, as many cells a line as fit.
func (p *printer) stack(indent int, cells []string) {
	margin, apart := strings.Repeat(" ", indent), strings.Repeat(" ", gap)
	line := ""
	for _, cell := range cells {
		switch {
		case ansi.StringWidth(cell) == 0:
		case line == "":
			line = margin + cell
		case ansi.StringWidth(line+apart+cell) <= p.width:
			line += apart + cell
		default:
			p.hanging(indent+gap, line)
			line = margin + cell
		}
	}
	if line != "" {
		p.hanging(indent+gap, line)
	}
}

// file is a file name as a person at the shell would write it.
func (p *printer) file(name string) string {
	if rel, err := filepath.Rel(p.dir, name); err == nil && filepath.IsAbs(name) && !strings.HasPrefix(rel, "..") {
		return rel
	}
	return name
}

// warnings prints what works but may surprise.
func (p *printer) warnings(all []warning) {
	for _, g := range alike(all, func(w *warning) *string { return &w.Function }) {
		about := ""
		if len(g.functions) > 0 {
			about = few(g.functions) + ": "
		}
		p.linef("%s %s%s", p.style.warn.Render("warning:"), about, g.first.Message)
		if g.first.Hint != "" {
			p.linef("  %s %s", p.style.dim.Render("hint:"), g.first.Hint)
		}
	}
}

// halfDone is an attempt that was left half way.
type halfDone struct {
	number  int
	removal bool
}

// interrupted says in a line which attempt was left half way, and how to go on.
func (p *printer) interrupted(a halfDone) {
	what := fmt.Sprintf("release %d", a.number)
	if a.removal {
		what = fmt.Sprintf("the removal (number %d)", a.number)
	}
	p.linef("%s %s was interrupted", p.style.warn.Render("!"), what)
	p.linef("  %s run `ferry resume` to finish it, or `ferry rollback` to undo it", p.style.good.Render("hint:"))
	p.linef("")
}

func where(service, stage, target string) string {
	return service + " · " + stage + " · " + target
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

// seconds prints a duration with the digits that matter.
func seconds(s float64) string {
	d := time.Duration(s * float64(time.Second))
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

func size(bytes int64) string {
	switch {
	case bytes >= 1<<20:
		return fmt.Sprintf("%.1f MB", float64(bytes)/(1<<20))
	case bytes >= 1<<10:
		return fmt.Sprintf("%.1f kB", float64(bytes)/(1<<10))
	}
	return fmt.Sprintf("%d B", bytes)
}

// short is a digest or commit that a person can compare.
func short(digest string) string {
	digest = strings.TrimPrefix(digest, "sha256:")
	return digest[:min(len(digest), 10)]
}

package cmd

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/ferryfn/ferry/release"
)

// failures prints errors: what, the line of the source with a caret, the function's own log, the next step.
func (p *printer) failures(all []report) {
	groups := alike(all, func(r *report) *string { return &r.Function })
	for _, g := range groups {
		if g.first.Kind != kindInterrupted { // standing says it
			p.failure(g.first, g.functions)
		}
	}
	if len(groups) > 1 {
		p.linef("%s", p.style.dim.Render(count(len(groups), "error")))
	}
}

// group are reports or warnings that differ in their function only.
type group[T any] struct {
	first     T
	functions []string
}

// alike puts together what is the same for several functions, in the order of the first ones.
func alike[T comparable](all []T, function func(*T) *string) []group[T] {
	var groups []group[T]
	for _, one := range all {
		name := *function(&one)
		i := slices.IndexFunc(groups, func(g group[T]) bool {
			*function(&g.first) = name
			return g.first == one
		})
		if i < 0 {
			groups = append(groups, group[T]{first: one})
			i = len(groups) - 1
		}
		if name != "" {
			groups[i].functions = append(groups[i].functions, name)
		}
	}
	return groups
}

// few names some functions, and how many more there are.
func few(functions []string) string {
	const most = 5
	if n := len(functions); n > most+1 {
		return fmt.Sprintf("%s and %d more", strings.Join(functions[:most], ", "), n-most)
	}
	return strings.Join(functions, ", ")
}

func (p *printer) failure(r report, functions []string) {
	lines := strings.Split(strings.TrimRight(r.Message, "\n"), "\n")
	p.linef("%s %s", p.style.bad.Render("error:"), lines[0])
	for _, line := range lines[1:] {
		p.linef("  %s", line)
	}
	if r.File != "" {
		p.linef("  %s %s", p.style.dim.Render("-->"), p.place(r))
	}
	p.source(r)
	switch n := len(functions); {
	case n == 1 && !strings.Contains(r.Message, r.Function):
		p.linef("  %s %s", p.style.dim.Render("function:"), r.Function)
	case n > 1:
		p.linef("  %s %s", p.style.dim.Render("functions:"), few(functions))
	}
	if log := strings.TrimRight(r.Log, "\n"); log != "" {
		of := ""
		if r.Function != "" {
			of = " of " + r.Function
		}
		p.linef("  %s", p.style.dim.Render("log"+of+":"))
		for line := range strings.SplitSeq(log, "\n") {
			p.verbatim("  " + p.style.dim.Render("│") + " " + line)
		}
	}
	if r.Hint != "" {
		p.linef("  %s %s", p.style.good.Render("hint:"), r.Hint)
	}
}

func (p *printer) place(r report) string {
	file := p.file(r.File)
	switch {
	case r.Line == 0:
		return file
	case r.Column == 0:
		return fmt.Sprintf("%s:%d", file, r.Line)
	}
	return fmt.Sprintf("%s:%d:%d", file, r.Line, r.Column)
}

// sourceWidth is how much of a long source line is shown.
const sourceWidth = 100

// source prints the line that the report is about, or what of it fits around the column, with a caret under that.
func (p *printer) source(r report) {
	if strings.TrimSpace(r.source) == "" {
		return
	}
	number := fmt.Sprintf("%4d │", r.Line)
	room := sourceWidth
	if margin := ansi.StringWidth(number) + gap + 1; p.width > 0 {
		room = min(room, p.width-margin)
	}
	text := []rune(strings.ReplaceAll(strings.TrimRight(r.source, "\r\n"), "\t", " "))
	at := min(max(r.Column-1, 0), len(text))
	before, after := string(text[:at]), string(text[at:])
	if n := ansi.StringWidth(before); n+ansi.StringWidth(after) > room && n > room/2 {
		before = ansi.TruncateLeft(before, n-room/2, "…")
	}
	p.verbatim("  " + p.style.dim.Render(number) + " " + ansi.Truncate(before+after, room, "…"))
	if r.Column > 0 {
		blank := strings.Repeat(" ", ansi.StringWidth(number)-1) + "│"
		p.verbatim("  " + p.style.dim.Render(blank) + " " + strings.Repeat(" ", ansi.StringWidth(before)) + p.style.bad.Render("^"))
	}
}

// standing says how things stand after a failure, so that nobody has to guess what serves.
func (p *printer) standing(err error) {
	var (
		failed *release.Error
		broken *interruption
	)
	switch {
	case !errors.As(err, &broken) && exitCode(err) == exitInterrupted:
		p.linef("interrupted")
	case broken != nil && broken.report().Kind == kindInterrupted: // other causes are printed as errors
		p.linef("%s", broken)
	}
	if !errors.As(err, &failed) {
		return
	}
	if failed.Overtaken {
		p.linef("%s another command, or somebody by hand, decides what is live now", p.style.warn.Render("overtaken:"))
	} else {
		p.outcome(failed)
	}
	if failed.Attempt > 0 {
		p.linef("%s", p.style.dim.Render(fmt.Sprintf("this attempt is recorded as number %d, see `ferry releases`", failed.Attempt)))
	}
}

// outcome says what serves after a failure.
func (p *printer) outcome(failed *release.Error) {
	switch failed.Outcome {
	case release.OutcomePartial:
		p.partial(failed)
	case release.OutcomeRestored:
		p.linef("%s %s", p.style.warn.Render("restored:"), servesAsBefore(failed.Release))
	default:
		p.linef("%s %s", p.style.bold.Render("nothing changed:"), servesAsBefore(failed.Release))
	}
}

// servesAsBefore says what serves after a failure that changed nothing.
func servesAsBefore(number int) string {
	if number == 0 {
		return "nothing was live before, and nothing is now"
	}
	return serves(number) + " as before"
}

func (p *printer) partial(failed *release.Error) {
	what := "the release is only partly in place:"
	switch {
	case failed.Kind == release.KindRemove && failed.Attempt == 0: // only what was to be purged is left, and the error says so
		return
	case failed.Kind == release.KindRemove && len(failed.Partial) == 0:
		what = "the removal is not finished"
	case failed.Kind == release.KindRemove:
		what = "the service is only partly removed:"
	}
	p.linef("%s %s", p.style.bad.Render("partial:"), what)
	for _, d := range failed.Partial {
		p.linef("  %s serves %s, should serve %s", d.Function, orNothing(d.Actual), orNothing(d.Expected))
	}
	p.linef("  %s run `ferry resume` to finish it, or `ferry rollback` to undo it", p.style.good.Render("hint:"))
}

func orNothing(revision string) string {
	if revision == "" {
		return "nothing"
	}
	return revision
}

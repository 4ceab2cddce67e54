package cmd

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/charmbracelet/colorprofile"

	"github.com/ferryfn/ferry/release"
)

// tellGitHub tells the GitHub job that runs ferry, if one does, what a command came to: outputs for later steps, a
// summary, and an annotation for each error, on the line that it is about.
func (a *app) tellGitHub(out *outcome) error {
	a.annotate(out)
	return errors.Join(
		appendTo(a.env["GITHUB_OUTPUT"], outputs(out)),
		appendTo(a.env["GITHUB_STEP_SUMMARY"], a.summary(out)),
	)
}

// annotate writes errors as commands to the runner, which reads them from stderr too.
func (a *app) annotate(out *outcome) {
	if a.env["GITHUB_ACTIONS"] == "" {
		return
	}
	value := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	property := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
	for _, r := range a.explained(out) {
		if r.Kind == kindInterrupted {
			continue
		}
		about := "title=" + property.Replace(strings.TrimSpace("ferry "+out.command))
		if r.File != "" {
			about = "file=" + property.Replace(a.inRepository(r.File)) + fmt.Sprintf(",line=%d,col=%d,", max(r.Line, 1), max(r.Column, 1)) + about
		}
		text := strings.TrimSpace(r.Message + "\n" + r.Hint)
		fmt.Fprintf(a.Streams.Err, "::error %s::%s\n", about, value.Replace(text))
	}
}

// inRepository is a file's name from the root of the job's checkout, where it lies in there.
func (a *app) inRepository(name string) string {
	if !filepath.IsAbs(name) {
		name = filepath.Join(a.root, name)
	}
	if rel, err := filepath.Rel(a.env["GITHUB_WORKSPACE"], name); err == nil && filepath.IsLocal(rel) {
		return filepath.ToSlash(rel)
	}
	return name
}

// summary is a job's summary of a command, in Markdown: of what changes or would change something, and of every failure.
func (a *app) summary(out *outcome) string {
	if out.err != nil {
		title := "`" + strings.TrimSpace("ferry "+out.command) + "` failed"
		if failed := ofRelease(out.err); failed != nil {
			title += fmt.Sprintf(": %s, %s", failed.Outcome, serves(failed.Release))
		}
		return a.quoted(title, func(p *printer) {
			p.failures(a.explained(out))
			p.standing(out.err)
		})
	}
	switch r := out.result.(type) {
	case releaseResult:
		return stepSummary(r.Result)
	case planResult:
		title := "Plan: nothing to do"
		if !r.Empty {
			title = "Plan: " + r.summary()
		}
		return a.quoted(title, r.text)
	case removeResult:
		return a.quoted("Removal", r.text)
	}
	return ""
}

// quoted is what show prints, below a title.
func (a *app) quoted(title string, show func(p *printer)) string {
	var text bytes.Buffer
	p := a.printer(Output{Writer: &text})
	p.w = &colorprofile.Writer{Forward: &text, Profile: colorprofile.NoTTY}
	show(p)
	fence := "```"
	for strings.Contains(text.String(), fence) {
		fence += "`"
	}
	return fmt.Sprintf("### %s\n\n%s\n%s%s\n\n", title, fence, text.String(), fence)
}

// ofRelease is the failure of work on a release that err holds; nil is none.
func ofRelease(err error) *release.Error {
	var failed *release.Error
	if errors.As(err, &failed) {
		return failed
	}
	return nil
}

// outputs are the step's outputs: release, outcome, url (of the first function that has one), urls (JSON),
// and of a release with a share of the requests its number as canary. A failure has the first two.
func outputs(out *outcome) string {
	if failed := ofRelease(out.err); failed != nil {
		return fmt.Sprintf("release=%d\noutcome=%s\n", failed.Release, failed.Outcome)
	}
	r, released := out.result.(releaseResult)
	if out.err != nil || !released {
		return ""
	}
	urls := map[string]string{}
	first := ""
	for _, name := range slices.Sorted(maps.Keys(r.Functions)) {
		if url := r.Functions[name].URL; url != "" {
			urls[name] = url
			if first == "" {
				first = url
			}
		}
	}
	all, err := json.Marshal(urls)
	if err != nil {
		panic(fmt.Sprintf("strings always have a JSON form: %v", err))
	}
	canary := ""
	if r.State == release.StateCanary {
		canary = fmt.Sprintf("canary=%d\n", r.Attempt)
	}
	return fmt.Sprintf("release=%d\noutcome=%s\nurl=%s\nurls=%s\n%s", r.Release, r.Outcome, first, all, canary)
}

func stepSummary(r *release.Result) string {
	var b strings.Builder
	title := fmt.Sprintf("Release %d: %s", r.Release, r.Outcome)
	if r.State == release.StateCanary {
		title = fmt.Sprintf("Release %d gets a share of the requests alongside release %d", r.Attempt, r.Release)
	}
	fmt.Fprintf(&b, "### %s\n\n%s\n\n", title, where(r.Service, r.Stage, r.Target))
	b.WriteString("| function | action | url |\n|---|---|---|\n")
	for _, name := range slices.Sorted(maps.Keys(r.Functions)) {
		fn := r.Functions[name]
		fmt.Fprintf(&b, "| %s | %s | %s |\n", name, fn.Action, fn.URL)
	}
	b.WriteString("\n")
	return b.String()
}

// appendTo adds text to a file; without a name or a text it does nothing.
func appendTo(file, text string) error {
	if file == "" || text == "" {
		return nil
	}
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("telling GitHub about this run: %w", err)
	}
	if _, err := f.WriteString(text); err != nil {
		return errors.Join(fmt.Errorf("telling GitHub about this run: %w", err), f.Close())
	}
	return f.Close()
}

package cmd

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/release"
)

// reportToCI tells later steps of a GitHub job, where one runs, what a release or its failure came to.
func (a *app) reportToCI(r *release.Result, failure error) error {
	var output, summary string
	var failed *release.Error
	switch {
	case errors.As(failure, &failed):
		output = fmt.Sprintf("release=%d\noutcome=%s\n", failed.Release, failed.Outcome)
		summary = fmt.Sprintf("### Failed: %s, release %d serves\n\n```\n%s\n```\n", failed.Outcome, failed.Release, failure)
	case failure == nil && r != nil:
		output, summary = outputs(r), stepSummary(r)
	}
	return errors.Join(
		appendTo(a.env["GITHUB_OUTPUT"], output),
		appendTo(a.env["GITHUB_STEP_SUMMARY"], summary),
	)
}

// outputs are the step's outputs: release, outcome, url (of the first function that has one), urls (JSON),
// and of a release with a share of the requests its number as canary.
func outputs(r *release.Result) string {
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
		title = fmt.Sprintf("Release %d gets a share of the requests beside release %d", r.Attempt, r.Release)
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
		return fmt.Errorf("telling GitHub about the release: %w", err)
	}
	if _, err := f.WriteString(text); err != nil {
		return errors.Join(fmt.Errorf("telling GitHub about the release: %w", err), f.Close())
	}
	return f.Close()
}

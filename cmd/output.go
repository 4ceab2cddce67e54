package cmd

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/release"
)

// document is the one JSON document of a command.
type document struct {
	OK       bool            `json:"ok"`
	Command  string          `json:"command"`
	Outcome  release.Outcome `json:"outcome,omitempty"`
	*numbers                 // of a failure of work on a release
	Errors   []report        `json:"errors,omitempty"`
	Warnings []warning       `json:"warnings,omitempty"`
	Result   result          `json:"result,omitempty"`
}

// numbers say which release a failure was about.
type numbers struct {
	Attempt int `json:"attempt"` // the record that holds the failure; 0 is none
	Release int `json:"release"` // what is live after; 0 is nothing
}

// warning is something that works but may surprise.
type warning struct {
	Function string `json:"function"`
	Field    string `json:"field"`
	Message  string `json:"message"`
	Hint     string `json:"hint"`
}

// finish shows what a command came to and returns the exit code.
func (a *app) finish(out *outcome) int {
	if err := a.tellGitHub(out); err != nil {
		a.warn(providers.Issue{Severity: providers.Warning, Message: err.Error()})
	}
	var err error
	if a.global.json {
		err = a.finishJSON(out)
	} else {
		err = a.finishText(out)
	}
	code := exitCode(out.err)
	if c, ok := out.result.(coder); ok && code == exitDone {
		code = c.exitCode()
	}
	if err != nil && code == exitDone {
		a.errors().failures(reports(err))
		return exitFailed
	}
	return code
}

func (a *app) finishJSON(out *outcome) error {
	if out.result == nil && out.err == nil {
		return nil // help, completions and streams print for themselves
	}
	doc := document{
		OK:       out.err == nil,
		Command:  out.command,
		Outcome:  standing(out.err),
		Errors:   a.explained(out),
		Warnings: a.warnings,
		Result:   out.result,
	}
	if failed := ofRelease(out.err); failed != nil {
		doc.numbers = &numbers{Attempt: failed.Attempt, Release: failed.Release}
	}
	return writeJSON(a.Streams.Out, doc)
}

func (a *app) finishText(out *outcome) error {
	stderr := a.errors()
	if !a.global.quiet {
		stderr.warnings(a.warnings)
	}
	whole := bufio.NewWriter(a.Streams.Out.Writer) // a table of many rows is one write
	p := a.printer(Output{Writer: whole, Terminal: a.Streams.Out.Terminal})
	if out.result != nil {
		out.result.text(p)
	}
	if err := whole.Flush(); err != nil && p.failed == nil {
		p.failed = fmt.Errorf("writing the result: %w", err)
	}
	if out.err != nil {
		stderr.failures(a.explained(out))
		stderr.standing(out.err)
	}
	return p.failed
}

// standing says how things stand after a failure: unchanged unless the work says more.
func standing(err error) release.Outcome {
	var failed *release.Error
	switch {
	case err == nil:
		return ""
	case errors.As(err, &failed) && failed.Outcome != "":
		return failed.Outcome
	}
	return release.OutcomeUnchanged
}

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// asksForJSON reports whether the result shall be JSON, before the flags are parsed: an error in the flags
// is reported in that form too.
func (a *app) asksForJSON() bool {
	for _, arg := range a.Args {
		if arg == "--" {
			break
		}
		if value, ok := strings.CutPrefix(arg, "--json"); ok && (value == "" || truthy(strings.TrimPrefix(value, "="))) {
			return true
		}
	}
	return truthy(a.env["FERRY_JSON"])
}

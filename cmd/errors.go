package cmd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/release"
)

// usageError is a command line that cannot be run.
type usageError struct {
	message string
	hint    string
}

func (e *usageError) Error() string { return e.message }

func usagef(hint, format string, args ...any) error {
	return &usageError{message: fmt.Sprintf(format, args...), hint: hint}
}

// targetError is what a provider has against the settings of a target, so that nothing was attempted.
type targetError struct{ error }

func (e *targetError) Unwrap() error { return e.error }

// configured is an adapter for those settings, or why there is none.
func configured(p providers.Provider, c providers.Config) (providers.Adapter, error) {
	adapter, err := p.New(c)
	if errors.Is(err, providers.Invalid) {
		return nil, &targetError{err}
	}
	return adapter, err
}

// failure is an error that the command itself found.
type failure struct {
	kind    providers.Kind
	message string
	hint    string
}

func (e *failure) Error() string { return e.message }

func (e *failure) Unwrap() error { return e.kind }

// report is one error in the form in which it is printed.
type report struct {
	Kind     string `json:"kind"`
	Message  string `json:"message"`
	Hint     string `json:"hint"`
	Function string `json:"function"`
	Provider string `json:"provider"`
	File     string `json:"file"`
	Line     int    `json:"line"`
	Column   int    `json:"column"`
	Log      string `json:"log,omitempty"` // the end of the function's own log
	source   string // the text of the line
}

// The kinds of reports that no provider knows.
const (
	kindUsage       = "usage"
	kindManifest    = "manifest"
	kindPackage     = "package"
	kindInterrupted = "interrupted"
)

// reports lists all that err holds, joined errors one by one, each once.
func reports(err error) []report {
	var all []report
	for _, r := range flatten(err) {
		if !slices.Contains(all, r) {
			all = append(all, r)
		}
	}
	return all
}

func flatten(err error) []report {
	if err == nil {
		return nil
	}
	if known := own(err); known != nil {
		return known
	}
	switch e := err.(type) { //nolint:errorlint // this walks the tree itself
	case interface{ Unwrap() []error }:
		var all []report
		for _, inner := range e.Unwrap() {
			all = append(all, flatten(inner)...)
		}
		return all
	case interface{ Unwrap() error }:
		inner := flatten(e.Unwrap())
		if len(inner) > 1 {
			return inner
		}
		if len(inner) == 1 {
			inner[0].Message = err.Error()
			return inner
		}
	}
	return []report{{Kind: kindOf(err), Message: err.Error()}}
}

// own lists the reports of an error of a type that says more than its text.
func own(err error) []report {
	switch e := err.(type) { //nolint:errorlint // flatten unwraps
	case *usageError:
		return []report{{Kind: kindUsage, Message: e.message, Hint: e.hint}}
	case *failure:
		return []report{{Kind: string(e.kind), Message: e.message, Hint: e.hint}}
	case *interruption:
		return e.reports()
	case *release.Error:
		return flatten(e.Err)
	case manifest.Problem:
		return []report{ofProblem(e)}
	case manifest.Problems:
		var all []report
		for _, p := range e {
			all = append(all, ofProblem(p))
		}
		return all
	case release.Blocked:
		var all []report
		for _, i := range e {
			all = append(all, report{Kind: kindManifest, Message: i.Message, Hint: i.Hint, Function: i.Function})
		}
		return all
	case *release.OneWay:
		var all []report
		for _, turn := range e.Turns {
			all = append(all, report{Kind: string(providers.Failed), Message: turn.Message, Hint: turn.Hint, Function: turn.Function})
		}
		return all
	case *packager.Error:
		return []report{{
			Kind: kindPackage, Message: e.Message, Hint: e.Hint, Function: e.Function,
			File: e.File, Line: e.Line, Column: e.Column,
		}}
	case *providers.Error:
		kind := string(e.Kind)
		if errors.Is(e, context.Canceled) {
			kind = kindInterrupted
		}
		return []report{{
			Kind: kind, Message: e.Error(), Hint: e.Hint, Function: e.Function,
			Provider: e.Provider, Log: e.Log,
		}}
	}
	return nil
}

func ofProblem(p manifest.Problem) report {
	return report{
		Kind: kindManifest, Message: p.Message, Hint: p.Hint, Function: p.Function,
		File: p.File, Line: p.Line, Column: p.Column, source: p.Source,
	}
}

func kindOf(err error) string {
	var kind providers.Kind
	switch {
	case errors.Is(err, context.Canceled):
		return kindInterrupted
	case errors.As(err, &kind):
		return string(kind)
	}
	return string(providers.Failed)
}

// nearest lists the candidates that word may have been meant to be. Two letters are most of a short word: those that differ from one in
// so many begin alike.
func nearest(word string, candidates []string) []string {
	within := func(letters int) []string {
		c := &cobra.Command{SuggestionsMinimumDistance: letters}
		for _, name := range candidates {
			c.AddCommand(&cobra.Command{Use: name, Run: func(*cobra.Command, []string) {}})
		}
		return c.SuggestionsFor(word)
	}
	near, nearer := within(2), within(1)
	return slices.DeleteFunc(near, func(name string) bool {
		return len(word) < 4 && !slices.Contains(nearer, name) && !strings.HasPrefix(name, word[:min(1, len(word))])
	})
}

// suggest is a hint towards the candidates near word, or else towards them all.
func suggest(word string, candidates []string) string {
	if near := nearest(word, candidates); len(near) > 0 && word != "" {
		return "did you mean " + strings.Join(near, " or ") + "?"
	}
	return "choose one of: " + strings.Join(candidates, ", ")
}

package cmd

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/release"
)

func TestJoinedErrorsAreReportedOneByOne(t *testing.T) {
	crash := &providers.Error{
		Kind: providers.Crashed, Op: "probe", Provider: "local", Function: "api",
		Hint: "mend the import", Log: "Traceback", Err: errors.New("it exited with 1"),
	}
	err := &release.Error{Outcome: release.OutcomeUnchanged, Err: errors.Join(
		crash,
		&packager.Error{Function: "web", File: "web/app.js", Line: 3, Column: 7, Message: "unexpected token"},
		fmt.Errorf("reading status: %w", &providers.Error{Kind: providers.Denied, Op: "status", Provider: "aws"}),
		crash,
	)}
	want := []report{
		{
			Kind: "crashed", Message: "local: probe api: it exited with 1", Hint: "mend the import",
			Function: "api", Provider: "local", Log: "Traceback",
		},
		{Kind: "package", Message: "unexpected token", Function: "web", File: "web/app.js", Line: 3, Column: 7},
		{Kind: "denied", Message: "reading status: aws: status: denied", Provider: "aws"},
	}
	if diff := cmp.Diff(want, reports(err), cmp.AllowUnexported(report{})); diff != "" {
		t.Error(diff)
	}
}

func TestWhatHasNoWayBackIsReportedWithWhatAsksForIt(t *testing.T) {
	err := fmt.Errorf("moving: %w", &release.OneWay{Turns: []providers.Issue{{Function: "api", Message: "there is no way back", Hint: "`ferry deploy` asks first"}}})
	want := []report{{Kind: "failed", Message: "moving: api: there is no way back", Hint: "`ferry deploy` asks first", Function: "api"}}
	if diff := cmp.Diff(want, reports(err), cmp.AllowUnexported(report{})); diff != "" {
		t.Error(diff)
	}
}

func TestManifestProblemsKeepTheirPlaces(t *testing.T) {
	err := fmt.Errorf("loading: %w", manifest.Problems{
		{Position: manifest.Position{File: "ferry.yaml", Line: 2, Column: 1, Source: "memroy: 1GB"}, Message: `unknown key "memroy"`},
		{Message: "no functions", Hint: "add one"},
	})
	want := []report{
		{Kind: "manifest", Message: `unknown key "memroy"`, File: "ferry.yaml", Line: 2, Column: 1, source: "memroy: 1GB"},
		{Kind: "manifest", Message: "no functions", Hint: "add one"},
	}
	if diff := cmp.Diff(want, reports(err), cmp.AllowUnexported(report{})); diff != "" {
		t.Error(diff)
	}
}

func TestTheNearestNameIsSuggested(t *testing.T) {
	names := []string{"deploy", "plan", "status", "go"}
	for word, want := range map[string]string{
		"depoly": "did you mean deploy?",
		"stat":   "did you mean status?",
		"zzzzzz": "choose one of: deploy, plan, status, go",
		"foo":    "choose one of: deploy, plan, status, go",
		"goo":    "did you mean go?",
		"gos":    "did you mean go?",
	} {
		if got := suggest(word, names); got != want {
			t.Errorf("suggest(%q) = %q, want %q", word, got, want)
		}
	}
}

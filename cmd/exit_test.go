package cmd

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/release"
)

func TestEveryErrorHasTheExitCodeOfTheTable(t *testing.T) {
	of := func(k providers.Kind) error { return &providers.Error{Kind: k, Provider: "local", Op: "activate"} }
	ended := func(o release.Outcome, err error) error { return &release.Error{Outcome: o, Err: err} }
	for _, c := range []struct {
		name string
		err  error
		want int
	}{
		{"no error", nil, 0},
		{"an error of no kind", errors.New("disk full"), 1},
		{"a crashed handler", of(providers.Crashed), 1},
		{"a failure before activation", ended(release.OutcomeUnchanged, of(providers.Failed)), 1},
		{"a usage error", usagef("", "unknown flag"), 2},
		{"manifest problems", manifest.Problems{{Message: "unknown key"}}, 2},
		{"one manifest problem", fmt.Errorf("target aws: %w", manifest.Problem{Message: "bad"}), 2},
		{"settings of a target", &targetError{of(providers.Invalid)}, 2},
		{"what a cloud finds invalid", of(providers.Invalid), 1},
		{"blockers", release.Blocked{{Message: "no such runtime"}}, 2},
		{"a package that cannot be built", ended(release.OutcomeUnchanged, &packager.Error{Message: "no handler"}), 2},
		{"a build command that fails", &packager.Error{Message: "build.command failed", Err: &exec.ExitError{}}, 2},
		{"what a target does not offer", &failure{kind: providers.Unsupported, message: "it has no logs"}, 2},
		{"what a cloud turns out not to offer", of(providers.Unsupported), 1},
		{"no tool to build with", &packager.Error{Message: "the go command was not found", Err: exec.ErrNotFound}, 1},
		{"a full disk", &packager.Error{Message: "the disk is full", Err: errors.New("ENOSPC")}, 1},
		{"restored", ended(release.OutcomeRestored, of(providers.Unhealthy)), 4},
		{"partial", ended(release.OutcomePartial, of(providers.Unavailable)), 5},
		{"a conflict", of(providers.Conflict), 6},
		{"no credentials", of(providers.Unauthenticated), 7},
		{"denied", of(providers.Denied), 7},
		{"not found", of(providers.NotFound), 8},
		{"interrupted", fmt.Errorf("publishing: %w", context.Canceled), 130},
		{"partial outranks restored", errors.Join(ended(release.OutcomePartial, nil), ended(release.OutcomeRestored, nil)), 5},
		{"restored outranks interrupted", ended(release.OutcomeRestored, context.Canceled), 4},
		{"interrupted outranks conflict", errors.Join(of(providers.Conflict), context.Canceled), 130},
		{"conflict outranks denied", errors.Join(of(providers.Denied), of(providers.Conflict)), 6},
		{"denied outranks not found", errors.Join(of(providers.NotFound), of(providers.Denied)), 7},
		{"not found outranks failed", errors.Join(of(providers.Failed), of(providers.NotFound)), 8},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := exitCode(c.err); got != c.want {
				t.Errorf("exit code %d, want %d", got, c.want)
			}
		})
	}
}

func TestTheOutcomeOutranksTheKindOfTheFailure(t *testing.T) {
	kinds := map[providers.Kind]int{
		providers.NotFound: 8, providers.Conflict: 6, providers.Foreign: 1, providers.Unauthenticated: 7, providers.Denied: 7,
		providers.Invalid: 1, providers.Limit: 1, providers.Throttled: 1, providers.Unavailable: 1, providers.Crashed: 1,
		providers.Unhealthy: 1, providers.Timeout: 1, providers.Unsupported: 1, providers.Failed: 1, providers.Superseded: 6, providers.Held: 6,
	}
	for kind, code := range kinds {
		cause := fmt.Errorf("activating: %w", &providers.Error{Kind: kind, Provider: "local", Op: "activate"})
		for outcome, want := range map[release.Outcome]int{
			release.OutcomeUnchanged: code, release.OutcomeRestored: 4, release.OutcomePartial: 5,
		} {
			if got := exitCode(&release.Error{Outcome: outcome, Err: cause}); got != want {
				t.Errorf("%s, %s: exit code %d, want %d", outcome, kind, got, want)
			}
		}
		if got := exitCode(cause); got != code {
			t.Errorf("%s before an attempt began: exit code %d, want %d", kind, got, code)
		}
	}
}

func TestTheHelpNamesEveryExitCode(t *testing.T) {
	codes := []int{exitDone, exitDiffers}
	for _, rule := range exitRules() {
		codes = append(codes, rule.code)
	}
	for _, code := range codes {
		if !strings.Contains(exitHelp, fmt.Sprintf("\n  %d ", code)) {
			t.Errorf("the help does not say what exit code %d means", code)
		}
	}
}

package cmd

import (
	"context"
	"errors"
	"os/exec"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/release"
)

// The exit codes; exitHelp says them in words.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitDiffers     = 3
	exitRestored    = 4
	exitPartial     = 5
	exitConflict    = 6
	exitCredentials = 7
	exitNotFound    = 8
	exitInterrupted = 130
)

const exitHelp = `Exit codes:
  0    done, or nothing to do
  1    failed; the previous release is still serving
  2    usage, manifest or build error, or something that the target does not offer; nothing was attempted
  3    differences found (plan --exit-code, compare), or something stands in the way of a move (check, import)
  4    failed after activation; the previous release was restored
  5    failed, and the release is only partly in place; the message says what is where
  6    conflict: another deploy holds the lock, what is live has changed or is newer, or the content was rolled back
  7    credentials missing or denied
  8    not found
  130  interrupted, by a signal or by --timeout`

// exitRule gives the code of the errors it holds for.
type exitRule struct {
	code  int
	holds func(err error) bool
}

// exitRules are the rules in the order in which they are asked: how things stand outranks why.
func exitRules() []exitRule {
	return []exitRule{
		{exitPartial, left(release.OutcomePartial)},
		{exitRestored, left(release.OutcomeRestored)},
		{exitInterrupted, caused(context.Canceled)},
		{exitUsage, misused},
		{exitConflict, caused(providers.Conflict, providers.Held, providers.Superseded)},
		{exitCredentials, caused(providers.Unauthenticated, providers.Denied)},
		{exitNotFound, caused(providers.NotFound)},
		{exitFailed, func(error) bool { return true }},
	}
}

// exitCode is the exit code of an error; nil is exitDone.
func exitCode(err error) int {
	if err == nil {
		return exitDone
	}
	for _, rule := range exitRules() {
		if rule.holds(err) {
			return rule.code
		}
	}
	return exitFailed
}

// left holds for work that ended with that outcome.
func left(o release.Outcome) func(error) bool {
	return func(err error) bool {
		var failed *release.Error
		return errors.As(err, &failed) && failed.Outcome == o
	}
}

// caused holds for errors that one of the targets is part of.
func caused(targets ...error) func(error) bool {
	return func(err error) bool {
		for _, target := range targets {
			if errors.Is(err, target) {
				return true
			}
		}
		return false
	}
}

// misused holds for what the command line or the manifest asks for and cannot be.
func misused(err error) bool {
	var (
		usage    *usageError
		problem  manifest.Problem
		problems manifest.Problems
		blocked  release.Blocked
		pack     *packager.Error
		target   *targetError
		refused  *failure
	)
	return errors.As(err, &usage) || errors.As(err, &problem) || errors.As(err, &problems) ||
		errors.As(err, &blocked) || errors.As(err, &target) || errors.As(err, &pack) && !outside(pack) ||
		errors.As(err, &refused) && refused.kind == providers.Unsupported
}

// outside holds for a package that could not be built for what happened around the sources: a full disk, a tool that is
// not there. That a build command fails says something about the sources.
func outside(e *packager.Error) bool {
	var ended *exec.ExitError
	return e.File == "" && e.Err != nil && !errors.As(e.Err, &ended)
}

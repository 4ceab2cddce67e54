package cmd

import (
	"errors"
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/ferryfn/ferry/providers"
)

// explained are the reports of what a command came to, in plain words, each with a next step.
func (a *app) explained(out *outcome) []report {
	all := reports(out.err)
	for i := range all {
		r := &all[i]
		r.Message = plainly(r.Message)
		if r.Hint == "" && r.Kind == string(providers.Failed) {
			r.Hint = a.fileStep(out.err)
		}
		if r.Hint == "" {
			r.Hint = nextStep(*r, out.command)
		}
	}
	return all
}

// nextStep is what to do about an error that says no more than its kind.
func nextStep(r report, command string) string {
	again := strings.TrimSpace("ferry " + command)
	switch providers.Kind(r.Kind) {
	case providers.NotFound:
		return "run `ferry status` to see what is there, or `ferry deploy` to make it"
	case providers.Conflict:
		return "run `ferry status` to see what serves, then `" + again + "` again"
	case providers.Held:
		return "run `ferry releases` to see what is held and by whom"
	case providers.Superseded:
		return "run `ferry releases` to see what went live"
	case providers.Foreign:
		return "give the service another name, or remove what is there with the tool that made it"
	case providers.Unauthenticated:
		return "run `ferry doctor` to see which credentials are used"
	case providers.Denied:
		return "run `ferry doctor` to see which permission is missing"
	case providers.Invalid:
		return "correct what the message names in ferry.yaml, then run `ferry plan`"
	case providers.Limit:
		return "ask the provider for a higher limit, or ask for less in ferry.yaml"
	case providers.Throttled:
		return "wait a minute, then run `" + again + "` again"
	case providers.Unavailable, providers.Timeout:
		return "run `" + again + "` again; `ferry doctor` checks the connection"
	case providers.Crashed, providers.Unhealthy:
		return strings.TrimSpace("fix the handler; see `ferry logs "+r.Function) + "`"
	case providers.Unsupported:
		return "choose another target with --target"
	}
	switch r.Kind {
	case kindUsage:
		return "run `" + again + " --help`"
	case kindManifest:
		return "correct it, then run `ferry validate`"
	case kindPackage:
		return strings.TrimSpace("correct it, then run `ferry package "+r.Function) + "`"
	case kindInterrupted:
		return "run `ferry status` to see how things stand"
	}
	return "run `" + again + " --verbose` to see every step"
}

// fileStep is what to do about a file or folder that cannot be used, "" when err is about none.
func (a *app) fileStep(err error) string {
	var broken *fs.PathError
	if !errors.As(err, &broken) {
		return ""
	}
	home, failed := a.home()
	for _, dir := range []string{home.State, home.Cache} {
		if failed == nil && (within(dir, broken.Path) || within(broken.Path, dir)) {
			return "make " + dir + " writable, or set FERRY_HOME to a folder that is"
		}
	}
	return "check that " + broken.Path + " exists and that you may use it"
}

// within reports whether a path is a folder or below it.
func within(folder, path string) bool {
	rel, err := filepath.Rel(folder, path)
	return err == nil && filepath.IsAbs(path) && filepath.IsLocal(rel)
}

var (
	noNumber = regexp.MustCompile(`strconv\.\w+: parsing ("(?:[^"\\]|\\.)*"): (?:invalid syntax|value out of range)`)
	goWords  = strings.NewReplacer(
		"context deadline exceeded", "it took too long",
		"context canceled", "it was interrupted",
		" (Client.Timeout exceeded while awaiting headers)", "",
	)
)

// plainly says in words of ferry what Go's packages say in theirs.
func plainly(message string) string {
	return goWords.Replace(noNumber.ReplaceAllString(message, "$1 is not a valid number"))
}

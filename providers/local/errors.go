package local

import (
	"context"
	"errors"
	"strings"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/local/platform"
)

// classify gives every failure its kind and its next step.
func (a *Adapter) classify(op, fn string, err error) error {
	if err == nil {
		return nil
	}
	e := classify(string(a.home), op, fn, err)
	var failure *platform.Error
	if errors.As(err, &failure) && failure.Code == platform.CodeSecret {
		stage := ""
		if a.scope.Stage != "dev" {
			stage = " --stage " + a.scope.Stage
		}
		e.Hint = "run `ferry secrets set " + failure.Name + stage + "`"
	}
	return e
}

func classify(home, op, fn string, err error) *providers.Error {
	var done *providers.Error
	if errors.As(err, &done) {
		return done
	}
	e := &providers.Error{Provider: name, Op: op, Function: fn, Err: err, Kind: providers.Failed}
	var failure *platform.Error
	if errors.As(err, &failure) {
		e.Log = failure.Log
		if e.Function == "" {
			e.Function = failure.Function
		}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		e.Kind = providers.Timeout
	}
	switch platform.CodeOf(err) {
	case platform.CodeNotFound:
		e.Kind = providers.NotFound
	case platform.CodeConflict:
		e.Kind = providers.Conflict
	case platform.CodeInvalid:
		e.Kind = providers.Invalid
	case platform.CodeCrashed:
		e.Kind, e.Hint = providers.Crashed, providers.CrashHint(e.Log)
		if strings.TrimSpace(e.Log) == "" {
			e.Hint = "look for what ends the process as it starts: it wrote nothing, and a server listens on $PORT and goes on running"
		}
	case platform.CodeMemory:
		e.Kind, e.Hint = providers.Crashed, "raise `memory` in the manifest, or have the function use less as it starts"
	case platform.CodeUnready:
		e.Kind, e.Hint = providers.Unhealthy, "have the handler listen on 127.0.0.1:$PORT"
	case platform.CodeUnloaded:
		e.Kind, e.Hint = providers.Unhealthy, "find what its module waits for, runs or loads when it is imported (a connection, a server of its own, a model), and leave that to the first request"
	case platform.CodeTimeout:
		e.Kind = providers.Timeout
	case platform.CodePort:
		e.Kind, e.Hint = providers.Unavailable, "end that program, or choose another port with 'port' in the target's block"
		if failure.Function != "" {
			e.Hint = "end that program, or run `ferry remove` and `ferry deploy`: then " + failure.Function + " gets another port"
		}
	case platform.CodeSecret:
		e.Kind = providers.NotFound
	case platform.CodeNotRunning:
		e.Kind, e.Hint = providers.Unavailable, "run `ferry local start`"
	case platform.CodeSilent:
		e.Kind, e.Hint = providers.Unavailable, "run `ferry local stop`, which ends it, and try again"
	case platform.CodeBlind:
		e.Kind, e.Hint = providers.Unsupported, "mount /proc (`mount -t proc proc /proc`), or deploy to another target"
	case platform.CodeProtocol:
		e.Kind, e.Hint = providers.Unavailable, "run `ferry local stop` and try again"
	case platform.CodeDenied:
		e.Kind, e.Hint = providers.Denied, "run `ferry local stop` and try again"
	case platform.CodeFull:
		e.Kind, e.Hint = providers.Limit, "free some space on the disk of "+home+", or set FERRY_HOME to a folder on another one"
	case platform.CodeReadOnly:
		e.Hint = "make " + home + " writable, or set FERRY_HOME to a folder that is"
	}
	return e
}

// hinted gives an error of that kind a next step that fits the command, where it has none.
func hinted(err error, kind providers.Kind, step string) error {
	var e *providers.Error
	if errors.As(err, &e) && e.Kind == kind && e.Hint == "" {
		e.Hint = step
	}
	return err
}

package local

import (
	"context"
	"runtime"
	"slices"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/local/platform"
)

var _ providers.Doctor = (*Adapter)(nil)

// Diagnose looks at the platform, without starting it, and at what runs the functions.
func (a *Adapter) Diagnose(_ context.Context, functions []manifest.Function) []providers.Finding {
	found := []providers.Finding{a.diagnosePlatform()}
	runtimes := []manifest.Runtime{"nodejs", "python"} // any version of what some function may need
	if len(functions) > 0 {
		runtimes = nil
		for _, fn := range functions {
			runtimes = append(runtimes, fn.Runtime)
		}
	}
	slices.Sort(runtimes)
	for _, r := range slices.Compact(runtimes) {
		if interpreted(r) {
			found = append(found, a.diagnoseRuntime(r))
		}
	}
	return found
}

func (a *Adapter) diagnosePlatform() providers.Finding {
	f := providers.Finding{Subject: "platform", Level: providers.LevelOK, Message: "does not run: a deploy starts it"}
	switch err := platform.Usable(); {
	case runtime.GOOS == "windows":
		f.Level, f.Kind = providers.LevelFailed, providers.Unsupported
		f.Message, f.Hint = "does not run on Windows", "use WSL, or another target"
	case err != nil:
		e := classify(string(a.home), "start", "", err)
		f.Level, f.Kind, f.Message, f.Hint = providers.LevelFailed, e.Kind, err.Error(), e.Hint
	case a.home.Running():
		f.Message = "runs"
	}
	return f
}

// diagnoseRuntime reports the interpreter that a deploy takes.
func (a *Adapter) diagnoseRuntime(r manifest.Runtime) providers.Finding {
	f := providers.Finding{Subject: string(r), Level: providers.LevelOK}
	i := a.interpreters.find(r)
	f.Message = i.Version + ", " + i.Path
	switch named := r.Version() != ""; {
	case i.Path == "" && named:
		f.Level, f.Kind, f.Message, f.Hint = providers.LevelFailed, providers.NotFound, notHere(r), howToGet(r.Language())
	case i.Path == "":
		f.Level, f.Message, f.Hint = providers.LevelWarning, "is not on this machine: functions in it cannot run", howToGet(r.Language())
	case named && !i.is(r):
		f.Level, f.Message, f.Hint = providers.LevelWarning, "is not on this machine: "+f.Message+", runs it", howToGet(r.Language())
	}
	return f
}

package local

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"time"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/doctor"
	"github.com/ferryfn/ferry/providers/local/platform"
)

var _ providers.Doctor = (*Adapter)(nil)

// Diagnose looks at the platform, without starting it, and at what runs the functions.
func (a *Adapter) Diagnose(ctx context.Context, functions []manifest.Function) []providers.Finding {
	looks := []doctor.Look{{Subject: "platform", At: a.lookAtPlatform}}
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
			looks = append(looks, doctor.Look{Subject: string(r), At: func(context.Context) (string, error) { return a.lookAtRuntime(r) }})
		}
	}
	d := doctor.Doctor{Patience: 15 * time.Second, Classify: func(subject string, err error) *providers.Error {
		return classify(string(a.home), "look at "+subject, "", err)
	}}
	return d.All(ctx, looks...)
}

func (a *Adapter) lookAtPlatform(context.Context) (string, error) {
	if runtime.GOOS == "windows" {
		return "", &providers.Error{Kind: providers.Unsupported, Hint: "use WSL, or another target", Err: errors.New("does not run on Windows")}
	}
	if err := platform.Usable(); err != nil {
		return "", err
	}
	if a.home.Running() {
		return "running", nil
	}
	return "not running; a deploy starts it", nil
}

// lookAtRuntime reports the interpreter that a deploy takes.
func (a *Adapter) lookAtRuntime(r manifest.Runtime) (string, error) {
	i, hint := a.interpreters.find(r), howToGet(r.Language())
	runs := i.Version + ", " + i.Path
	switch named := r.Version() != ""; {
	case i.Path == "" && named:
		return "", &providers.Error{Kind: providers.NotFound, Hint: hint, Err: errors.New(notHere(r))}
	case i.Path == "":
		return "", &doctor.Warning{Message: "is not installed on this machine: functions written in it cannot run", Hint: hint}
	case named && !i.is(r):
		return "", &doctor.Warning{Message: "is not installed on this machine: " + runs + ", runs it instead", Hint: hint}
	}
	return runs, nil
}

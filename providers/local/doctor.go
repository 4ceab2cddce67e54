package local

import (
	"context"
	"runtime"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
)

var _ providers.Doctor = (*Adapter)(nil)

// Diagnose looks at the platform, without starting it, and at what runs functions.
func (a *Adapter) Diagnose(context.Context) []providers.Finding {
	platform := providers.Finding{Subject: "platform", Level: providers.LevelOK, Message: "does not run: a deploy starts it"}
	switch {
	case runtime.GOOS == "windows":
		platform.Level, platform.Kind = providers.LevelFailed, providers.Unsupported
		platform.Message, platform.Hint = "does not run on Windows", "use WSL, or another target"
	case a.home.Running():
		platform.Message = "runs"
	}
	found := []providers.Finding{platform}
	for _, language := range []string{"nodejs", "python"} {
		f := providers.Finding{Subject: language, Level: providers.LevelOK}
		if i := a.interpreters.find(manifest.Runtime(language)); i.Path != "" {
			f.Message = i.Version + ", " + i.Path
		} else {
			f.Level, f.Message, f.Hint = providers.LevelWarning, "is not on this machine: functions in it cannot run", howToGet(language)
		}
		found = append(found, f)
	}
	return found
}

package local

import (
	"fmt"
	"runtime"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/check"
)

// Check reports what this machine cannot honour.
func (a *Adapter) Check(fn manifest.Function) []providers.Issue {
	return check.Function(fn.Name,
		check.When(runtime.GOOS == "windows").Block("", "use WSL, or another target", "the local platform does not run on Windows yet"),
		a.checkRuntime(fn.Runtime),
		check.When(fn.Architecture != "" && fn.Architecture != runtime.GOARCH).Warn("architecture", "", "this machine is %s: here the function runs on that, not on %s", runtime.GOARCH, fn.Architecture),
	)
}

func (a *Adapter) checkRuntime(r manifest.Runtime) []providers.Issue {
	const field = "runtime"
	language := r.Language()
	if !interpreted(r) {
		return check.When(language != "go" && language != "custom").Block(field, "choose another target", "the local platform does not run %s yet", r)
	}
	found := a.interpreters.find(r)
	if found.Path == "" {
		return check.When(true).Block(field, howToGet(language), "%s", notHere(r))
	}
	return check.When(!found.is(r)).Warn(field, howToGet(language), "%s is not installed on this machine: %s %s runs it instead", r, language, found.Version)
}

// limits say what this machine takes, for the page about it.
func limits() []providers.LimitFact {
	return []providers.LimitFact{
		{Field: "runtime", Takes: "nodejs and python of any version that is installed, go, and custom; another version than the one that is asked for is a warning"},
		{Field: "architecture", Takes: "that of this machine; another one is a warning"},
		{Field: "events[].queue", Takes: "any batch, number of attempts and backoff; five attempts within 30 s unless the manifest says otherwise"},
		{Field: "scaling.max", Takes: fmt.Sprintf("any; %d unless the manifest says otherwise", maxInstances)},
	}
}

package release

import (
	"errors"
	"fmt"
	"slices"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
)

// fitted are the functions of the manifest as the target can run them.
type fitted struct {
	functions []manifest.Function
	warnings  []providers.Issue
}

// Check returns warnings about what the target does differently from the manifest. What the target cannot do at all is an
// error of type Blocked. Check makes no call. It does its work once, and Deploy and Plan start from what it found.
func (e *Engine) Check() ([]providers.Issue, error) {
	if e.fitted != nil {
		return e.fitted.warnings, nil
	}
	f := &fitted{}
	var blockers Blocked
	for _, fn := range e.Manifest.Functions {
		fit, issues := providers.Fit(e.Adapter, fn)
		f.functions = append(f.functions, fit)
		for _, i := range issues {
			switch {
			case e.now().Before(i.From):
			case i.Severity == providers.Blocker:
				blockers = append(blockers, i)
			default:
				f.warnings = append(f.warnings, i)
			}
		}
	}
	if len(blockers) > 0 {
		return f.warnings, blockers
	}
	if e.part != nil && e.part.Functions != nil {
		f.functions = e.part.Functions(f.functions)
	}
	e.fitted = f
	return f.warnings, nil
}

// fit is a function of the manifest as its package is made.
func (e *Engine) fit(name string) (manifest.Function, error) {
	for _, fn := range e.fitted.functions {
		if fn.Name == name {
			return fn, nil
		}
	}
	return manifest.Function{}, errors.New("there is no function " + name)
}

// warnings are those about some functions, with how the target goes about a release of them.
func (e *Engine) warnings(functions []manifest.Function) []providers.Issue {
	about := map[string][]providers.Issue{}
	for _, i := range e.fitted.warnings {
		about[i.Function] = append(about[i.Function], i)
	}
	binds := e.Adapter.Capabilities().BindsOnActivate
	var list []providers.Issue
	for _, fn := range functions {
		list = append(list, about[fn.Name]...)
		if binds && hasBindings(fn) {
			list = append(list, providers.Issue{
				Function: fn.Name, Severity: providers.Warning, Message: "events reach it as soon as it is live on this target, before its health is checked",
			})
		}
	}
	return list
}

// Choose returns the named functions of the manifest, each once, or all of them when none is named.
func Choose(m *manifest.Manifest, names []string) ([]manifest.Function, error) {
	return choose(m.Functions, names)
}

func choose(functions []manifest.Function, names []string) ([]manifest.Function, error) {
	if len(names) == 0 {
		return functions, nil
	}
	known := make([]string, len(functions))
	for i, fn := range functions {
		known[i] = fn.Name
	}
	var errs []error
	var chosen []manifest.Function
	for i, name := range names {
		switch at := slices.Index(known, name); {
		case slices.Contains(names[:i], name):
		case at < 0:
			errs = append(errs, notFound("choose functions", "", fmt.Errorf("the manifest has no function %s", name), manifest.Suggest(name, known)))
		default:
			chosen = append(chosen, functions[at])
		}
	}
	return chosen, errors.Join(errs...)
}

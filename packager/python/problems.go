package python

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/ferryfn/ferry/internal/pattern"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager/source"
)

// lacks finds the package that an installer has nothing for.
var lacks = pattern.Of(`(?:No matching distribution found for|Could not find a version that satisfies the requirement|Because (?:there (?:are no versions|is no version) of |all versions of |only )?)\s*([A-Za-z0-9][A-Za-z0-9._-]*)`)

// lacking is the package that an installer says it has nothing for, "" when it says something else.
func lacking(said string) string {
	if m := lacks().FindStringSubmatch(said); m != nil {
		return m[1]
	}
	return ""
}

// out is what installers say when an index does not answer.
var out = pattern.Of(`(?i)connection broken by|Failed to establish a new connection|Failed to fetch: |error sending request|Read timed out|ProxyError|Could not fetch URL|HTTP error (?:401|403|407|5\d\d)|dns error`)

// unreachable is whether an installer did not get to ask for a package.
func unreachable(said string) bool { return out().MatchString(said) }

// offline is whether an installer was told not to ask.
var offline = pattern.Of(`network was disabled|network is disabled`)

// exclusive is what installers say of packages that want different versions of a third.
var exclusive = pattern.Of(`conflicting dependencies|are incompatible`)

// reconcile is what to do where a framework that ferry brings excludes what a list asks for.
func (b *building) reconcile(list string) string {
	fitting := "name a version of " + b.frameworks()[0].name + " that goes with it in " + list
	if f := b.frameworks(); b.Platform.Shim == "gcf" && len(f) == 1 && b.Function.Style != manifest.StyleGCFHTTP && b.Function.Style != manifest.StyleGCFEvent {
		return "set `via: run` in the function's gcp block, where it is served without the framework, or " + fitting
	}
	return fitting
}

// problem is why a list cannot be installed, nil without an error.
func (b *building) problem(said string, err error) error {
	if err == nil {
		return nil
	}
	name := filepath.Base(b.of.file)
	e := source.Problem(b.of.file, "correct "+name, "installing what %s asks for, for %s, failed\n%s", name, b.where(), said)
	switch missing := lacking(said); {
	case b.of.brought != "" && exclusive().MatchString(said):
		e.Message = fmt.Sprintf("%s and what %s asks for exclude each other: %s\n%s", strings.ReplaceAll(b.of.brought, "\n", " and "), name, b.frameworks()[0].why, said)
		e.Hint = b.reconcile(name)
	case unreachable(said):
		e.Message = fmt.Sprintf("the package index does not answer, so nothing could be installed of what %s asks for\n%s", name, said)
		e.Hint = "check the network, the proxy and the address of the index, and try again"
	case missing != "":
		e.Message = fmt.Sprintf("%s has no wheel for %s, or no such version%s\n%s", missing, b.where(), b.unasked(said), said)
		e.Hint = "choose a version of " + missing + " that has one, or build a wheel and name its file in " + name
		if !b.tool.uv {
			e.Hint += ", or install uv, which chooses versions for the platform (pip does it for the Python that it runs in)"
		}
	}
	e.Err = err
	return e
}

// unasked says that an answer is that of a cache.
func (b *building) unasked(said string) string {
	if offline().MatchString(said) {
		return " in the cache of uv, which was told not to ask the network"
	}
	return ""
}

// unbuilt is why a package without a wheel could not be built either.
func (b *building) unbuilt(line, said string, err error) error {
	e, _ := b.problem(said, err).(*source.Error) //nolint:errorlint // it is made there
	if unreachable(said) || lacking(said) != "" {
		return e
	}
	shown := strings.TrimPrefix(line, b.work("folders"))
	if path, _ := pathIn(shown); filepath.IsAbs(path) {
		e.Message = fmt.Sprintf("the package in %s cannot be built\n%s", b.shown(path), said)
		e.Hint = "correct it until `pip wheel` builds it"
		return e
	}
	shown, _, _ = strings.Cut(shown, " ")
	name := parseRequirement(shown).name
	e.Message = fmt.Sprintf("%s has no wheel for %s, and building it here failed\n%s", shown, b.where(), said)
	e.Hint = "choose a version of " + name + " that has a wheel, or install what its build needs"
	return e
}

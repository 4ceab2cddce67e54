package templates_test

import (
	"slices"
	"testing"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager/packagertest"
	"github.com/ferryfn/ferry/templates"
)

// frameworks are the echo handlers of styles that a framework stands in.
func frameworks(t *testing.T) []program {
	t.Helper()
	all := []program{{
		name: "go gcf", runtime: "go", lambda: "provided.al2023", entry: "bootstrap",
		style: manifest.StyleGCF, source: "echo/goecho", handler: "gcf:Echo",
	}}
	if !missing(t, "node gcf-http", "npm") {
		all = append(all, program{
			name: "node gcf-http", runtime: "nodejs24", lambda: "nodejs24.x", entry: "ferry-entry.handler",
			style: manifest.StyleGCFHTTP, source: "echo/nodejs", handler: "gcf.mjs:echo",
		})
	}
	if !missing(t, "python gcf-http", "python3") {
		this := packagertest.ThisPython(t)
		all = append(all, program{
			name: "python gcf-http", runtime: this, lambda: string(this), entry: "ferry_entry.handler",
			style: manifest.StyleGCFHTTP, source: "echo/python", handler: "gcf_echo:echo",
		})
	}
	return slices.DeleteFunc(all, func(p program) bool {
		return !slices.Contains(templates.Styles(p.runtime.Language(), "local"), p.style)
	})
}

// missing reports whether a style cannot be tried here, which then shows as skipped.
func missing(t *testing.T, style, tool string) bool {
	t.Helper()
	return !packagertest.Reachable(tool) && t.Run(style, func(t *testing.T) { t.Skip("what " + tool + " installs cannot be had, or not with -short") })
}

// natives are the echo handlers of styles that other places call by themselves: there they get what they always get, so
// that only where ferry stands in for those places something can be lost.
func natives() []program {
	all := []program{
		{name: "node lambda", runtime: "nodejs24", style: manifest.StyleLambda, source: "echo/nodejs", handler: "lambda.mjs"},
		{name: "python lambda", runtime: "python3.13", style: manifest.StyleLambda, source: "echo/python", handler: "lambda_echo:handler"},
		{name: "go lambda", runtime: "go", style: manifest.StyleLambda, source: "echo/golambda", handler: "."},
	}
	return slices.DeleteFunc(all, func(p program) bool {
		return !slices.Contains(templates.Styles(p.runtime.Language(), "local"), p.style)
	})
}

package node

import (
	"bytes"
	"maps"
	"slices"
	"strconv"

	"github.com/ferryfn/ferry/internal/pattern"
	"github.com/ferryfn/ferry/packager/source"
)

// Tracers replace modules of other packages as these are loaded. What is bundled is loaded by nobody, and nothing would be
// seen of it: what a tracer may replace stays out of the bundle with it.

// hooks tell a tracer of modules as they are loaded. Which ones it replaces, its code names in strings.
var hooks = []string{"require-in-the-middle", "import-in-the-middle", "@sentry/server-runtime-injection"}

// tracers stay out of a bundle as a whole, so that which packages they replace is not seen.
var tracers = []string{"dd-trace", "newrelic", "elastic-apm-node"}

// tracing are packages that tracers are made of.
var tracing = pattern.Of(`^@(?:opentelemetry|sentry)/`)

const replacedByTracer = "a tracer replaces modules of it as they are loaded"

// traced are the packages in a bundle that a tracer may replace modules of.
func (b *bundle) traced(code []byte) map[string]outsider {
	bundled := map[string]string{} // names with folders
	for input := range b.meta.Inputs {
		if of := b.codeOf(input); of.pkg != "" && source.Exists(of.root) {
			bundled[of.pkg] = of.root
		}
	}
	has := func(name string) bool {
		_, out := b.external[name]
		return out || bundled[name] != ""
	}
	named, all := slices.ContainsFunc(hooks, has), slices.ContainsFunc(tracers, has)
	if !named && !all {
		return nil
	}
	out := map[string]outsider{}
	for _, name := range slices.Sorted(maps.Keys(bundled)) {
		if tracing().MatchString(name) {
			continue
		}
		if all && b.modules.wanted(name) || named && (bytes.Contains(code, []byte(strconv.Quote(name))) || bytes.Contains(code, []byte("'"+name+"'"))) {
			out[name] = outsider{bundled[name], replacedByTracer}
		}
	}
	return out
}

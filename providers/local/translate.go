package local

import (
	"cmp"
	"maps"
	"strings"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/local/platform"
)

// maxInstances is how far a function scales unless the manifest says otherwise.
const maxInstances = 10

// hostPlatform is this machine.
func hostPlatform(r manifest.Runtime) packager.Platform {
	return packager.Platform{Shim: name, Runtime: r}.OnHost()
}

// revision is what the platform runs for a spec.
func (a *Adapter) revision(s providers.Spec) (platform.Revision, error) {
	fn := s.Function
	command, err := a.command(fn.Name, fn.Runtime, s.Artifact.Entry)
	if err != nil {
		return platform.Revision{}, err
	}
	own, err := a.target.functionOf(fn)
	if err != nil {
		return platform.Revision{}, err
	}
	_, digest, _ := strings.Cut(s.Digest, ":")
	r := platform.Revision{
		ID:          digest[:min(len(digest), 12)],
		Digest:      s.Digest,
		Command:     command,
		Env:         maps.Clone(fn.Env),
		Secrets:     s.Secrets,
		Caches:      caches(fn.Runtime),
		Timeout:     fn.Timeout.Std(),
		Memory:      int64(fn.Memory),
		Idle:        own.Idle.Std(),
		Min:         fn.Scaling.Min,
		Max:         cmp.Or(fn.Scaling.Max, max(maxInstances, fn.Scaling.Min)),
		Concurrency: cmp.Or(fn.Scaling.Concurrency, concurrency(fn.Style)),
		Batches:     fn.Style == manifest.StyleLambda,
		Readiness:   platform.ReadyShim,
	}
	if interpreted(fn.Runtime) {
		r.Interpreter = string(fn.Runtime)
	}
	if http := fn.HTTP(); http != nil {
		r.HTTP, r.Private = true, http.Private()
	}
	if !fn.Shimmed() {
		r.Readiness = platform.ReadyPort
	}
	return r, nil
}

// command is how an entry is started.
func (a *Adapter) command(fn string, r manifest.Runtime, entry string) ([]string, error) {
	if !interpreted(r) {
		return []string{entry}, nil
	}
	found := a.interpreters.find(r)
	if found.Path == "" {
		return nil, missing(fn, r)
	}
	program, err := a.program(found, r)
	if err != nil {
		return nil, err
	}
	switch r.Language() {
	case "nodejs":
		return []string{program, "--enable-source-maps", entry}, nil
	default:
		return []string{program, "-u", entry}, nil // unbuffered, so that its log is current
	}
}

// caches are where interpreters keep what they compiled. Python keeps it beside the sources: in another place, it would
// compile its standard library again for every revision.
func caches(r manifest.Runtime) map[string]string {
	if r.Language() == "nodejs" {
		return map[string]string{"NODE_COMPILE_CACHE": "node"}
	}
	return nil
}

// concurrency is how many requests one instance gets at once. WSGI applications need a thread for each, and handlers of
// AWS Lambda are called one event at a time.
func concurrency(s manifest.Style) int {
	switch s {
	case manifest.StyleWSGI:
		return 8
	case manifest.StyleLambda:
		return 1
	}
	return 100
}

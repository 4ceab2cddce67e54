// Package manifest reads ferry.yaml: it loads strictly, merges stages, interpolates, validates and
// hands out one resolved service. It knows no cloud: provider blocks stay raw until their adapter
// decodes them.
package manifest

import "strings"

// Manifest is one service, resolved for one stage and one target.
type Manifest struct {
	File      string     // absolute path of the manifest
	Dir       string     // absolute folder of the manifest; function sources are relative to it
	Service   string     // [a-z][a-z0-9-]{0,31}
	Stage     string     // "dev" unless chosen
	Target    Target     // the chosen target
	Functions []Function // sorted by name, at least one
	Releases  Releases
	Digest    string // "sha256:…" of the resolved service; positions and comments do not enter
	tree      *Node  // service, target and functions as resolved, for Locate
}

// Function returns the function of that name.
func (m *Manifest) Function(name string) (Function, bool) {
	for _, f := range m.Functions {
		if f.Name == name {
			return f, true
		}
	}
	return Function{}, false
}

// Target is one place to deploy to.
type Target struct {
	Name     string // the key under `targets:`
	Provider string // the registered provider's name
	Config   *Node  // the rest of the target's block, for the provider to decode; never nil
}

// Function is one function, resolved: defaults, stage and interpolation are applied. Its JSON form is
// canonical (it feeds the spec digest) and is kept in release records, so a field's JSON name never changes.
type Function struct {
	Name         string            `json:"name"`
	Source       string            `json:"source"`  // slash path below the manifest's folder; "." is that folder
	Handler      string            `json:"handler"` // file or file:export (node), module:attr (python), package directory (go), executable (custom)
	Runtime      Runtime           `json:"runtime"`
	Style        Style             `json:"style"`
	Payload      string            `json:"payload,omitempty"`      // how a handler of style lambda gets requests: 1.0 or 2.0; empty for others
	Architecture string            `json:"architecture,omitempty"` // amd64 or arm64; empty leaves it to the target
	Memory       Size              `json:"memory"`
	Timeout      Duration          `json:"timeout"`
	Env          map[string]string `json:"env,omitempty"`
	Secrets      map[string]string `json:"secrets,omitempty"` // environment name -> name in the target's secret manager
	Events       []Event           `json:"events,omitempty"`
	Scaling      Scaling           `json:"scaling"`
	Health       *Health           `json:"health,omitempty"`
	Build        Build             `json:"build"`
	Config       *Node             `json:"config,omitempty"` // the block named after the target's provider
	// Masked names the env entries whose value came from ${env:…}: they are never printed.
	Masked []string `json:"masked,omitempty"`
	// Varying names the fields whose value came from ${env:…} or ${git:sha}, as "env.COMMIT" or "config.role". It tells
	// where values come from, not what the function does: it is no part of the spec digest.
	Varying []string `json:"varying,omitempty"`
}

// functionBlock is a function as written, without the blocks of providers.
type functionBlock struct {
	Source       string            `json:"source" jsonschema:"The function's folder, below the manifest's. Default: the manifest's folder."`
	Handler      string            `json:"handler" jsonschema:"What is called: a file or file:export (Node), module:attribute or module:factory() (Python), package folder (Go) or file (custom), below source."`
	Runtime      Runtime           `json:"runtime" jsonschema:"The runtime: nodejs24, python3.13, go, java21, dotnet10 or custom."`
	Style        Style             `json:"style" jsonschema:"How the handler is called. Default: fetch for Node, wsgi for Python, go for Go, server for others."`
	Payload      string            `json:"payload" jsonschema:"How a handler of style lambda gets HTTP requests: 2.0 (default), as from a Function URL or an HTTP API, or 1.0, as from a REST API."`
	Architecture string            `json:"architecture" jsonschema:"amd64 or arm64. Default: the target decides."`
	Memory       Size              `json:"memory" jsonschema:"Memory of one instance, such as 256MB (default) or 1GB."`
	Timeout      Duration          `json:"timeout" jsonschema:"The longest that one call may take, such as 30s (default)."`
	Env          map[string]text   `json:"env" jsonschema:"Environment variables."`
	Secrets      map[string]string `json:"secrets" jsonschema:"Environment variables whose values come from the target's secret manager: variable name to secret name."`
	Events       []Event           `json:"events" jsonschema:"What calls the function."`
	Scaling      Scaling           `json:"scaling" jsonschema:"Bounds of the number of instances."`
	Health       *Health           `json:"health" jsonschema:"An HTTP check that is run after activation."`
	Build        Build             `json:"build" jsonschema:"How the package is made."`
}

// function is the block as a function: what stands in it, in the same words.
func (b functionBlock) function(name string) Function {
	fn := Function{
		Name: name, Source: b.Source, Handler: b.Handler, Runtime: b.Runtime, Style: b.Style, Payload: b.Payload,
		Architecture: b.Architecture, Memory: b.Memory, Timeout: b.Timeout, Secrets: b.Secrets,
		Events: b.Events, Scaling: b.Scaling, Health: b.Health, Build: b.Build,
	}
	if len(b.Env) > 0 {
		fn.Env = make(map[string]string, len(b.Env))
	}
	for name, value := range b.Env {
		fn.Env[name] = string(value)
	}
	return fn
}

// HTTP returns the function's HTTP event, or nil: a function without one cannot be called from outside.
func (f Function) HTTP() *HTTPEvent {
	for _, e := range f.Events {
		if e.HTTP != nil {
			return e.HTTP
		}
	}
	return nil
}

// MigrationVariable tells the shim of a function which part it has in a migration. No manifest can set it.
const MigrationVariable = "FERRY_MIGRATION"

// Migrating reports whether the function is one side of a migration, so that its shim forwards requests, or takes forwarded ones.
func (f Function) Migrating() bool { return f.Env[MigrationVariable] != "" }

// Shimmed reports whether the package begins with an entry of ferry's, which answers probes, resolves secrets and
// routes requests: all but programs that listen by themselves do.
func (f Function) Shimmed() bool { return f.Style != StyleServer && f.Runtime.Language() != "custom" }

// Runtime is a neutral runtime name: nodejs24, python3.13, go, java21, dotnet10 or custom.
type Runtime string

// Language is the runtime without its version: nodejs, python, go, java, dotnet or custom.
func (r Runtime) Language() string {
	return strings.TrimRight(string(r), "0123456789.")
}

// Version is the runtime's version, "3.13" of python3.13; empty for go and custom.
func (r Runtime) Version() string {
	return strings.TrimPrefix(string(r), r.Language())
}

// Style is how the handler is called.
type Style string

// The styles; docs/handlers.md says which language offers which.
const (
	StyleFetch    Style = "fetch"     // Node: default export with fetch(Request) Response
	StyleNode     Style = "node"      // Node: (req, res), Express, Fastify, Koa
	StyleWSGI     Style = "wsgi"      // Python
	StyleASGI     Style = "asgi"      // Python
	StyleGo       Style = "go"        // Go: var Handler http.Handler
	StyleGCF      Style = "gcf"       // Go: functions registered with the functions-framework, HTTP and events
	StyleServer   Style = "server"    // any program that listens on $PORT
	StyleLambda   Style = "lambda"    // handler(event, context)
	StyleGCFHTTP  Style = "gcf-http"  // functions-framework HTTP signature
	StyleGCFEvent Style = "gcf-event" // functions-framework CloudEvent signature
	StyleAzure    Style = "azure"     // v4 programming model in Node, v2 in Python
)

// Scaling bounds the instances of a function.
type Scaling struct {
	Min         int `json:"min" jsonschema:"Instances kept warm. Default: 0."`                                       // kept warm
	Max         int `json:"max" jsonschema:"The most instances at once. Default: the target decides."`               // 0 leaves it to the target
	Concurrency int `json:"concurrency" jsonschema:"Requests at once in one instance. Default: the target decides."` // requests at once in one instance; 0 leaves it to the target
}

// Health is the user's own HTTP check, run after activation. Its path is always routed.
type Health struct {
	Path    string   `json:"path" jsonschema:"The path that is requested after activation."`
	Status  int      `json:"status" jsonschema:"The status that it must answer with. Default: 200."`
	Timeout Duration `json:"timeout" jsonschema:"How long the function has to answer with that status. Default: 5s."` // how long the function has to answer with Status
}

// Build says how the package is made.
type Build struct {
	Command string `json:"command,omitempty" jsonschema:"A command that is run in the source folder before packaging."`                             // run in the source folder before packaging
	Bundle  *bool  `json:"bundle,omitempty" jsonschema:"Node: false packs files and production dependencies instead of one bundle. Default: true."` // Node: false packs files and production dependencies; default true
	// SourceMaps is whether a bundle names its source map; nil is a map of the function's own code, when it is small.
	SourceMaps *bool    `json:"source_maps,omitempty" jsonschema:"Node: whether stack traces name the lines of the sources. Default: yes, unless the map of the function's own code is larger than 1 MB, since Node keeps maps in memory."`
	External   []string `json:"external,omitempty" jsonschema:"Node packages that are kept out of the bundle."`       // Node packages kept out of the bundle
	Include    []string `json:"include,omitempty" jsonschema:"Further files to pack: globs below the source folder."` // further files, globs below the source folder
	Exclude    []string `json:"exclude,omitempty" jsonschema:"Files to leave out: gitignore patterns."`               // files left out, gitignore patterns
}

// Releases says how many releases stay restorable.
type Releases struct {
	Keep    int `json:"keep" jsonschema:"How many releases keep their revisions, so that they are restored at once. Default: 20."`
	Archive int `json:"archive" jsonschema:"How many releases keep their packages, so that they can be restored; at least keep. Default: 100."`
}

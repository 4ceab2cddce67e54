// Package manifest reads ferry.yaml: it loads strictly, merges stages, interpolates, validates and
// hands out one resolved service. It knows no cloud: provider blocks stay raw until their adapter
// decodes them.
package manifest

import (
	"strings"
	"time"
)

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
	positions positions
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
	Handler      string            `json:"handler"` // file (node), module:attr (python), package directory (go), executable (custom)
	Runtime      Runtime           `json:"runtime"`
	Style        Style             `json:"style"`
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

// Runtime is a neutral runtime name: nodejs22, python3.13, go, java21, dotnet10 or custom.
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

// The styles; DESIGN says which language offers which.
const (
	StyleFetch    Style = "fetch"     // Node: default export with fetch(Request) Response
	StyleNode     Style = "node"      // Node: (req, res), Express, Fastify, Koa
	StyleWSGI     Style = "wsgi"      // Python
	StyleASGI     Style = "asgi"      // Python
	StyleGo       Style = "go"        // Go: var Handler http.Handler
	StyleServer   Style = "server"    // any program that listens on $PORT
	StyleLambda   Style = "lambda"    // handler(event, context)
	StyleGCFHTTP  Style = "gcf-http"  // functions-framework HTTP signature
	StyleGCFEvent Style = "gcf-event" // functions-framework CloudEvent signature
	StyleAzure    Style = "azure"     // v4 programming model in Node, v2 in Python
)

// Size is a number of bytes. It is written "256MB" or "1GB"; a unit is required and 1MB is 1024*1024,
// as all clouds count function memory.
type Size int64

// MB is the size in whole megabytes (1024*1024), rounded down.
func (s Size) MB() int { return int(s >> 20) }

// Duration is a time span. It is written "30s", "5m" or "1h"; a unit is required.
type Duration time.Duration

// Std is the duration as the standard library's type.
func (d Duration) Std() time.Duration { return time.Duration(d) }

// Event is one thing that calls the function; exactly one field is set.
type Event struct {
	HTTP     *HTTPEvent     `json:"http,omitempty"`
	Schedule *ScheduleEvent `json:"schedule,omitempty"`
	Queue    *QueueEvent    `json:"queue,omitempty"`
	Topic    *TopicEvent    `json:"topic,omitempty"`
	Object   *ObjectEvent   `json:"object,omitempty"`
}

// HTTPEvent makes the function answer HTTP. A function has at most one.
type HTTPEvent struct {
	Path    string   `json:"path,omitempty"`    // "/items/{id}", "/files/{rest...}"; empty is every path
	Methods []string `json:"methods,omitempty"` // upper case; empty is every method
	Auth    string   `json:"auth"`              // public or private
	CORS    *CORS    `json:"cors,omitempty"`
}

// CORS is the cross-origin policy of an HTTP event.
type CORS struct {
	Origins     []string `json:"origins,omitempty"`
	Methods     []string `json:"methods,omitempty"`
	Headers     []string `json:"headers,omitempty"`
	MaxAge      Duration `json:"max_age,omitempty"`
	Credentials bool     `json:"credentials,omitempty"`
}

// ScheduleEvent calls the function at times.
type ScheduleEvent struct {
	Cron     string `json:"cron"`     // the standard five fields
	Timezone string `json:"timezone"` // IANA name; UTC unless given
}

// QueueEvent calls the function for each message of a queue that exists.
type QueueEvent struct {
	Name  string `json:"name"`
	Batch int    `json:"batch"` // messages fetched at once, at least 1
}

// TopicEvent calls the function for each message of a topic that exists.
type TopicEvent struct {
	Name string `json:"name"`
}

// ObjectEvent calls the function when an object of a bucket that exists is created or deleted.
type ObjectEvent struct {
	Bucket string   `json:"bucket"`
	On     []string `json:"on"` // created, deleted
	Prefix string   `json:"prefix,omitempty"`
	Suffix string   `json:"suffix,omitempty"`
}

// Scaling bounds the instances of a function.
type Scaling struct {
	Min         int `json:"min"`         // kept warm
	Max         int `json:"max"`         // 0 leaves it to the target
	Concurrency int `json:"concurrency"` // requests at once in one instance; 0 leaves it to the target
}

// Health is the user's own HTTP check, run after activation. Its path is always routed.
type Health struct {
	Path    string   `json:"path"`
	Status  int      `json:"status"`
	Timeout Duration `json:"timeout"` // how long the function has to answer with Status
}

// Build says how the package is made.
type Build struct {
	Command  string   `json:"command,omitempty"`  // run in the source folder before packaging
	Bundle   *bool    `json:"bundle,omitempty"`   // Node: false packs files and production dependencies; default true
	External []string `json:"external,omitempty"` // Node packages kept out of the bundle
	Include  []string `json:"include,omitempty"`  // further files, globs below the source folder
	Exclude  []string `json:"exclude,omitempty"`  // files left out, gitignore patterns
}

// Releases says how many releases stay restorable.
type Releases struct {
	Keep int `json:"keep"`
}

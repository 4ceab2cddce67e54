package templates

import (
	"regexp"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/manifest"
)

// config is what a shim knows of its function. All languages read the same JSON.
type config struct {
	Handler string      `json:"handler"` // as the manifest has it, for messages
	Export  string      `json:"export"`  // the name of the handler in its module; empty where the manifest gives none
	Events  bool        `json:"events"`  // an event other than http is bound
	HTTP    *httpConfig `json:"http"`    // null: not callable over HTTP
	Health  string      `json:"health"`  // a path that is routed whatever http says; empty is none
	Payload string      `json:"payload,omitempty"`
	// Guarded says that everybody may call the function, so that its events show by something else that they are none of a
	// stranger's. Only where HTTP and events come in at one place.
	Guarded bool `json:"guarded,omitempty"`
	// Forward is there for one side of a migration alone.
	Forward *forwardConfig `json:"forward,omitempty"`
	native
	triggers
	secrets bool // it has secrets, which the shim resolves
}

// forwardConfig is what the forwarder of a migration knows when its package is made.
type forwardConfig struct {
	CORS bool `json:"cors,omitempty"` // the ingress adds the headers of CORS, so that those of the other side are left out
}

// triggers are the events that a program registers functions for by itself, as Azure has it. Other targets know them alone.
type triggers struct {
	Schedules []string `json:"schedules,omitempty"` // cron expressions of five fields
	Queues    []string `json:"queues,omitempty"`
	Topics    []string `json:"topics,omitempty"`
	Objects   bool     `json:"objects,omitempty"`
	Private   bool     `json:"private,omitempty"` // requests need a key
}

// native is what the contexts of other platforms say of a function. It is there for the styles that give a handler one:
// for all others a package is the same whatever its memory.
type native struct {
	Function string  `json:"function,omitempty"`
	Memory   int     `json:"memory,omitempty"`  // MB
	Timeout  float64 `json:"timeout,omitempty"` // seconds
}

type httpConfig struct {
	Path    string      `json:"path"`    // a regular expression over the raw path, in the dialect all languages share
	Methods []string    `json:"methods"` // empty is every method; HEAD is in where GET is
	CORS    *corsConfig `json:"cors"`    // null where the ingress answers it
}

type corsConfig struct {
	Any         bool     `json:"any"` // every origin
	Origins     []string `json:"origins"`
	Methods     string   `json:"methods"` // ready header values; empty repeats what the browser asks for
	Headers     string   `json:"headers"`
	MaxAge      int      `json:"maxAge"` // seconds; 0 is not sent
	Credentials bool     `json:"credentials"`
}

// configOf is what the shim of a target knows. Where the ingress adds the headers of CORS the shim adds none: one that is
// there twice is refused by browsers.
func configOf(fn manifest.Function, t Target) config {
	c := config{Handler: fn.Handler, Export: fn.Export(), Payload: fn.Payload, native: nativeOf(fn), secrets: len(fn.Secrets) > 0}
	for _, e := range fn.Events {
		c.Events = c.Events || e.HTTP == nil
	}
	switch t.Name {
	case "azure", "azurehandler":
		c.triggers = triggersOf(fn)
	case "gcf", "run":
		c.Guarded = Guarded(fn)
	}
	if fn.Health != nil {
		c.Health, _, _ = strings.Cut(fn.Health.Path, "?")
	}
	if e := fn.HTTP(); e != nil {
		c.HTTP = &httpConfig{Path: pattern(e.Path), Methods: accepted(e.Methods)}
		if !t.AnswersCORS {
			c.HTTP.CORS = corsOf(e)
		}
		if fn.Migrating() {
			c.Forward = &forwardConfig{CORS: t.AnswersCORS && e.CORS != nil}
		}
	}
	return c
}

// uses is whether a function with the configuration runs a part of its shim.
func (c config) uses(p part) bool {
	switch p.stem() {
	case "cors":
		return c.sharesOrigins()
	case "secrets":
		return c.secrets
	default:
		return true
	}
}

// sharesOrigins is whether the shim answers for a policy of CORS.
func (c config) sharesOrigins() bool { return c.HTTP != nil && c.HTTP.CORS != nil }

func triggersOf(fn manifest.Function) (out triggers) {
	for _, e := range fn.Events {
		switch {
		case e.HTTP != nil:
			out.Private = e.HTTP.Private()
		case e.Schedule != nil:
			out.Schedules = append(out.Schedules, e.Schedule.Cron)
		case e.Queue != nil:
			out.Queues = append(out.Queues, e.Queue.Name)
		case e.Topic != nil:
			out.Topics = append(out.Topics, e.Topic.Name)
		case e.Object != nil:
			out.Objects = true
		}
	}
	return out
}

func nativeOf(fn manifest.Function) native {
	if fn.Style != manifest.StyleLambda && fn.Style != manifest.StyleAzure {
		return native{}
	}
	return native{Function: fn.Name, Memory: fn.Memory.MB(), Timeout: fn.Timeout.Std().Seconds()}
}

// pattern turns "/items/{id}" into "^/items/[^/]+$" and "/files/{rest...}" into "^/files/.*$".
func pattern(p string) string {
	if p == "" {
		return "^"
	}
	var out strings.Builder
	out.WriteString("^")
	for _, segment := range strings.Split(strings.TrimPrefix(p, "/"), "/") {
		out.WriteString("/")
		switch {
		case strings.HasPrefix(segment, "{") && strings.HasSuffix(segment, "...}"):
			out.WriteString(".*")
		case strings.HasPrefix(segment, "{") && strings.HasSuffix(segment, "}"):
			out.WriteString("[^/]+")
		default:
			out.WriteString(regexp.QuoteMeta(segment))
		}
	}
	return out.String() + "$"
}

func accepted(methods []string) []string {
	out := slices.Clone(methods)
	if out == nil {
		out = []string{}
	}
	if slices.Contains(out, "GET") && !slices.Contains(out, "HEAD") {
		out = append(out, "HEAD")
	}
	return out
}

func corsOf(e *manifest.HTTPEvent) *corsConfig {
	if e.CORS == nil {
		return nil
	}
	methods := e.CORS.Methods
	if len(methods) == 0 {
		methods = e.Methods
	}
	origins := e.CORS.Origins
	if origins == nil {
		origins = []string{}
	}
	return &corsConfig{
		Any:         len(origins) == 0 || slices.Contains(origins, "*"),
		Origins:     origins,
		Methods:     listed(methods),
		Headers:     listed(e.CORS.Headers),
		MaxAge:      int(e.CORS.MaxAge.Std().Seconds()),
		Credentials: e.CORS.Credentials,
	}
}

// listed is the header value; "*" means what the browser asks for, which holds with credentials too.
func listed(values []string) string {
	if slices.Contains(values, "*") {
		return ""
	}
	return strings.Join(values, ", ")
}

package serverless

import (
	"fmt"
	"strings"

	"github.com/ferryfn/ferry/migrate/draft"
	"github.com/ferryfn/ferry/migrate/foreign"
	"github.com/ferryfn/ferry/migrate/lambda"
)

// one is a function that is being read.
type one struct {
	*reader
	fn      *draft.Named
	at      string // functions.<name>
	routes  lambda.Routes
	runtime string
}

func (r *reader) functions() {
	for _, part := range r.root.Get("functions").Items() {
		for _, e := range part.Entries() {
			r.function(e.Key, e.Value)
		}
	}
}

// function reads one. One without a runtime or a handler that ferry has is left out, with all that calls it.
func (r *reader) function(key string, n *foreign.Node) {
	name := r.made.Unique(draft.Name(key))
	f := &one{reader: r, fn: &draft.Named{Name: name}, at: "functions." + name}
	if !n.Is(foreign.Map) || n.Get("image") != nil || n.Get("handler") == nil {
		n.Lose("it has no handler: ferry runs code from packages, no images")
		return
	}
	if reason := f.callable(n); reason != "" {
		n.Lose(reason)
		return
	}
	for _, e := range n.Entries() {
		if read := r.perFunction[e.Key]; read != nil {
			read(f, e.Value)
		} else if read := r.perAll[e.Key]; read != nil {
			read(r, e.Value, &f.fn.Function, f.at)
		} else if reason := perFunction(e.Key); reason != "" {
			e.Value.Drop(reason)
		}
	}
	f.finish()
	r.made.Functions = append(r.made.Functions, *f.fn)
}

// callable finds runtime and handler, or says why there are none.
func (f *one) callable(n *foreign.Node) (reason string) {
	runtime := n.Get("runtime")
	where, from := runtime, f.at+".runtime"
	if runtime == nil {
		where, from = f.root.At("provider", "runtime"), "defaults.runtime"
	}
	id, ok := where.Text()
	switch {
	case where == nil:
		id = "nodejs22.x" // what Serverless takes
	case !ok:
		return "its runtime is not known"
	}
	if f.runtime, reason = lambda.Runtime(id, f.dir); reason != "" {
		where.Lose(reason)
		return reason
	}
	where.Map(from)
	if f.runtime != f.made.Defaults.Runtime {
		f.fn.Runtime = f.runtime
	}
	return f.calls(n.Get("handler"))
}

// calls finds what is called, and how. The handler that serverless-wsgi brings stands for the application that it is told of.
func (f *one) calls(n *foreign.Node) (reason string) {
	handler, ok := n.Text()
	if !ok {
		return "its handler is not known"
	}
	f.fn.Style = "lambda"
	if file := strings.TrimSuffix(handler, ".handler"); strings.HasPrefix(f.runtime, "python") && (file == "wsgi_handler" || file == "wsgi") && !foreign.IsFile(f.dir, file+".py") {
		application := f.root.At("custom", "wsgi", "app")
		if handler, ok = application.Text(); !ok {
			return "custom.wsgi.app does not say which application it calls"
		}
		f.fn.Style = "wsgi"
		application.Map("functions.*.handler")
	}
	if f.fn.Handler, reason = lambda.Handler(f.runtime, f.files, handler); reason != "" {
		return reason
	}
	n.Map(f.at + ".handler")
	return ""
}

// functionKeys say what those keys mean that only functions have.
func functionKeys() map[string]func(*one, *foreign.Node) {
	lost := func(reason string) func(*one, *foreign.Node) { return func(_ *one, n *foreign.Node) { n.Lose(reason) } }
	told := func(*one, *foreign.Node) {} // before
	return map[string]func(*one, *foreign.Node){
		"handler": told,
		"runtime": told,
		"events":  (*one).events,
		"url":     (*one).url,
		"package": func(f *one, n *foreign.Node) { f.pack(n, &f.fn.Function, f.at) },
		"role": func(f *one, n *foreign.Node) {
			if text, ok := f.text(n); ok {
				f.fn.Block("aws").Set("role", text)
				n.Map(f.at + ".aws.role")
			}
		},
		"reservedConcurrency": func(f *one, n *foreign.Node) {
			if i, ok := n.Number(); ok {
				f.fn.Bounds().Max = i
				n.Map(f.at + ".scaling.max")
			}
		},
		"provisionedConcurrency": func(f *one, n *foreign.Node) {
			if i, ok := n.Number(); ok {
				f.fn.Bounds().Min = i
				n.Map(f.at + ".scaling.min")
			}
		},
		"onError": func(f *one, n *foreign.Node) {
			if text, ok := f.text(n); ok {
				f.fn.Block("aws").Set("dead_letter", text)
				n.Map(f.at + ".aws.dead_letter")
			}
		},
		"fileSystemConfig":     lost("ferry mounts no file systems"),
		"destinations":         lost("ferry sends results of events nowhere: onError becomes aws.dead_letter"),
		"iamRoleStatements":    lost(rightsReason),
		"maximumRetryAttempts": lost("how often an event is tried again is the target's to say"),
		"maximumEventAge":      lost("how long an event is kept is the target's to say"),
	}
}

// perFunction is why a key of functions that says nothing of what serves is left out, "" for one that ferry does not know.
func perFunction(key string) string {
	switch key {
	case "name":
		return "ferry names functions by service, stage and function"
	case "description":
		return "the manifest has comments"
	case "awsKmsKeyArn", "kmsKeyArn":
		return "AWS encrypts variables with its own key"
	case "dependsOn":
		return "ferry makes no resources but its functions"
	case "condition":
		return "functions that one stage has stand in that stage's part of the manifest"
	case "disableLogs", "logs":
		return "ferry keeps the logs of all functions"
	case "versionFunction", "versionFunctions":
		return "ferry publishes a version for each release"
	case "snapStart":
		return "it quickens runtimes that ferry does not call"
	case "runtimeManagement":
		return "AWS keeps the runtime up to date"
	case "build":
		return "ferry bundles by itself"
	}
	return ""
}

// sharedKeys say what those keys mean that the provider's block has for all functions, and each function for itself.
func sharedKeys() map[string]func(*reader, *foreign.Node, *draft.Function, string) {
	type read = func(*reader, *foreign.Node, *draft.Function, string)
	settings := func(read func(lambda.Settings, *foreign.Node, *draft.Function, string)) read {
		return func(r *reader, n *foreign.Node, d *draft.Function, at string) { read(r.settings, n, d, at) }
	}
	return map[string]read{
		"runtime":     settings(lambda.Settings.Runtime),
		"memorySize":  settings(lambda.Settings.Memory),
		"timeout":     settings(lambda.Settings.Timeout),
		"environment": (*reader).environment,
		"layers": func(r *reader, n *foreign.Node, d *draft.Function, at string) {
			r.settings.List(n, d.Block("aws"), "layers", at+".aws.layers")
		},
		"vpc": func(r *reader, n *foreign.Node, d *draft.Function, at string) {
			r.settings.Network(n.Get("subnetIds"), n.Get("securityGroupIds"), d, at)
		},
		"tags":                 settings(lambda.Settings.Tags),
		"tracing":              (*reader).tracing,
		"architecture":         settings(lambda.Settings.Architecture),
		"ephemeralStorageSize": settings(lambda.Settings.Storage),
		"logRetentionInDays": func(_ *reader, n *foreign.Node, d *draft.Function, at string) {
			if i, ok := n.Number(); ok {
				d.Block("aws").Set("log_retention", i)
				n.Map(at + ".aws.log_retention")
			}
		},
	}
}

// environment reads variables. A secret in the open becomes a reference, and its value is left behind.
func (r *reader) environment(n *foreign.Node, d *draft.Function, at string) {
	for _, e := range n.Entries() {
		if e.Value.Is(foreign.Null) && e.Value.Unresolved() == "" {
			e.Value.Drop("it has no value")
			continue
		}
		if rest, ok := strings.CutPrefix(e.Value.Unresolved(), ssmPrefix); ok {
			parameter, _, _ := strings.Cut(rest, " ")
			r.secret(e, d, at, lambda.SecretName(parameter), "its value is the parameter "+foreign.Plain(parameter)+" of AWS Systems Manager")
			continue
		}
		text, ok := r.text(e.Value)
		switch {
		case !ok:
		case lambda.Secret(e.Key, text):
			r.secret(e, d, at, lambda.SecretName(e.Key), "its value stood in the open, and is not copied")
		default:
			lambda.PlainVariable(d, at, e.Key, text, e.Value)
		}
	}
}

func (r *reader) secret(e foreign.Entry, d *draft.Function, at, name, why string) {
	lambda.SecretVariable(d, at, e.Key, name, e.Value)
	r.note(fmt.Sprintf("set the secret %s with `ferry secrets set %s`: %s", name, name, why))
}

func (r *reader) note(text string) { r.made.Notes = append(r.made.Notes, text) }

func (r *reader) tracing(n *foreign.Node, d *draft.Function, at string) {
	own := n
	if n.Is(foreign.Map) {
		own = n.Get("lambda")
		if other := n.Get("apiGateway"); other != nil {
			other.Drop("it is a setting of API Gateway")
		}
	}
	switch {
	case own == nil:
	case own.True() || own.Raw() == "Active":
		d.Block("aws").Set("tracing", "active")
		own.Map(at + ".aws.tracing")
	default:
		own.Map(at + ".aws.tracing")
	}
}

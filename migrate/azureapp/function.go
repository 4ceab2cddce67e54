package azureapp

import (
	"path"
	"strings"

	"github.com/ferryfn/ferry/migrate/draft"
	"github.com/ferryfn/ferry/migrate/foreign"
	"github.com/ferryfn/ferry/migrate/lambda"
)

// olderModel is why code that a function.json describes is not called.
const olderModel = "the host calls it as the model of function.json says, and ferry as the models v4 of Node and v2 of Python: register it there, as with app.http(…)"

// function reads a function.json and what it calls.
func (r *reader) function(folder string, n *foreign.Node) {
	f := &draft.Named{Name: r.made.Unique(draft.Name(folder))}
	at := "functions." + f.Name
	foreign.Keys{
		"disabled": func(n *foreign.Node) {
			if n.True() {
				n.Lose("it is switched off: leave it out of the manifest")
				return
			}
			n.Drop("it is the default")
		},
		"generatedBy": foreign.Dropped("a tool wrote it"), "configurationSource": foreign.Dropped("a tool wrote it"), "$schema": foreign.Dropped("it is for editors"),
		"retry": foreign.Lost("attempts of a queue say how often a message is tried"),
	}.Read(n)
	if !r.callable(f, folder, n) {
		return
	}
	for _, b := range n.Get("bindings").Items() {
		r.binding(f, at, folder, b)
	}
	if len(f.Events) > 0 {
		r.made.Functions = append(r.made.Functions, *f)
	}
}

// callable finds the code, or says why it is not carried.
func (r *reader) callable(f *draft.Named, folder string, n *foreign.Node) bool {
	at, script, entry := "functions."+f.Name, n.Get("scriptFile"), n.Get("entryPoint")
	f.Runtime = r.language()
	if f.Runtime == "custom" {
		program := r.host.At("customHandler", "description", "defaultExecutablePath").Raw()
		f.Style, f.Handler = "server", strings.TrimPrefix(program, "./")
		if foreign.IsFile(r.dir, f.Handler) {
			f.Build = &draft.Build{Include: []string{"**"}} // what the program reads, the host has, too
			if foreign.IsFile(r.dir, settings) {
				f.Build.Exclude = []string{settings}
			}
			return true
		}
		n.Lose("there is no program " + foreign.Plain(program) + " here: build it before")
		return false
	}
	name := script.Raw()
	if name == "" {
		name = map[bool]string{true: "__init__.py", false: "index.js"}[strings.HasPrefix(f.Runtime, "python")]
	}
	file := path.Join(folder, strings.ReplaceAll(name, `\`, "/"))
	switch {
	case f.Runtime == "none", !strings.HasSuffix(file, ".js") && !strings.HasSuffix(file, ".mjs") && !strings.HasSuffix(file, ".cjs") && !strings.HasSuffix(file, ".py"):
		n.Lose("its code is in a language whose handlers ferry does not call")
		return false
	case !foreign.IsFile(r.dir, file):
		n.Lose("there is no " + foreign.Plain(file) + " in the app's folder")
		return false
	case strings.HasSuffix(file, ".py"):
		f.Runtime, f.Style = r.python(), "azure"
		f.Handler = strings.ReplaceAll(strings.TrimSuffix(strings.TrimSuffix(file, ".py"), "/__init__"), "/", ".") + ":app"
	default:
		f.Style, f.Handler = "azure", file
	}
	script.Map(at + ".handler")
	entry.Lose(olderModel)
	return true
}

// binding reads one thing that a function is connected with.
func (r *reader) binding(f *draft.Named, at, folder string, b *foreign.Node) {
	kind := b.Get("type").Raw()
	if !strings.HasSuffix(strings.ToLower(kind), "trigger") {
		if strings.EqualFold(kind, "http") {
			b.Map(at + ".events")
			return
		}
		b.Lose("ferry binds nothing but what calls the function: read and write " + foreign.Plain(kind) + " with its own library")
		return
	}
	event, reason := r.trigger(b, folder)
	if reason != "" {
		b.Lose(reason)
		return
	}
	b.Map(at + ".events")
	if f.Style == "azure" {
		b.Get("type").Lose(olderModel)
	}
	f.Events = append(f.Events, event)
	if b.Get("authLevel") != nil && event.HTTP != nil && event.HTTP.Auth == "" {
		b.Get("authLevel").Map(at + ".events")
	}
	for _, key := range []string{"connection", "accessRights", "cardinality", "dataType", "source", "isSessionsEnabled"} {
		b.Get(key).Drop("ferry connects a function with what its event names")
	}
	for _, key := range []string{"runOnStartup", "useMonitor"} {
		b.Get(key).Drop("a schedule calls when its time has come")
	}
}

// trigger is the event that a trigger is, or the reason why there is none.
func (r *reader) trigger(b *foreign.Node, folder string) (event draft.Event, reason string) {
	named := func(key string) string { return b.Get(key).Raw() }
	switch strings.ToLower(named("type")) {
	case "httptrigger":
		return r.http(b, folder), ""
	case "timertrigger":
		cron, reason := cronOf(named("schedule"))
		return draft.Event{Schedule: &draft.Schedule{Cron: cron}}, reason
	case "queuetrigger", "servicebustrigger":
		if named("topicName") != "" {
			return draft.Event{Topic: &draft.Topic{Name: named("topicName")}}, unnamed(named("topicName"))
		}
		return draft.Event{Queue: &draft.Queue{Name: named("queueName")}}, unnamed(named("queueName"))
	case "eventgridtrigger":
		return draft.Event{Topic: &draft.Topic{Name: draft.Name(folder)}}, ""
	case "blobtrigger":
		blob, reason := object(named("path"))
		return draft.Event{Object: blob}, reason
	}
	return event, "events of the kind " + foreign.Plain(named("type")) + " are not delivered: have them sent to a queue or a topic"
}

// unnamed is why a name cannot be carried; "" is that it can.
func unnamed(name string) string {
	if name == "" || strings.ContainsAny(name, "%{") {
		return "its name is a setting of the app: write what it is"
	}
	return ""
}

func (r *reader) http(b *foreign.Node, folder string) draft.Event {
	h := &draft.HTTP{}
	route := folder
	if given := b.Get("route"); given != nil {
		route = given.Raw()
	}
	if r.language() != "custom" { // a program routes its own requests
		h.Path = azurePath("/" + strings.TrimPrefix(r.prefix+"/"+strings.Trim(route, "/"), "/"))
		for _, m := range b.Get("methods").Items() {
			if method := lambda.Method(m.Raw()); method != "" {
				h.Methods = append(h.Methods, method)
			}
		}
	}
	if level := b.Get("authLevel").Raw(); level == "" || level == "function" || level == "admin" {
		h.Auth = "private"
	}
	return draft.Event{HTTP: h}
}

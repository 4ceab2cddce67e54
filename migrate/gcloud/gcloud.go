// Package gcloud reads what `gcloud functions describe` prints of a function of Google, of both generations.
package gcloud

import (
	"path"
	"path/filepath"
	"strings"

	"github.com/ferryfn/ferry/internal/pattern"
	"github.com/ferryfn/ferry/migrate/draft"
	"github.com/ferryfn/ferry/migrate/foreign"
)

const (
	itsOwn  = "Google sets it"
	elsehow = "ferry makes the function anew"
)

// Is is whether the file tells of a function.
func Is(root *foreign.Node) bool {
	return resource().MatchString(root.Get("name").Raw()) || root.At("buildConfig", "entryPoint") != nil
}

var resource = pattern.Of(`^projects/([^/]+)/locations/([^/]+)/functions/([^/]+)$`)

// reader makes a manifest of one function.
type reader struct {
	root *foreign.Node
	dir  string
	made draft.Manifest
	fn   *draft.Named
	at   string
}

// Read makes a manifest of a file's tree. What became of each value is said in the tree.
func Read(root *foreign.Node, file string) draft.Manifest {
	r := &reader{root: root, dir: filepath.Dir(file)}
	project, region, id := "", "", root.Get("name").Raw()
	if m := resource().FindStringSubmatch(id); m != nil {
		project, region, id = m[1], m[2], m[3]
	}
	r.made.Service = draft.Folder(file)
	r.fn = &draft.Named{Name: r.made.Unique(draft.Name(id))}
	r.at = "functions." + r.fn.Name
	target := draft.Settings{{Key: "provider", Value: "gcp"}}
	if project != "" {
		target = append(target, draft.Setting{Key: "project", Value: project}, draft.Setting{Key: "region", Value: region})
	}
	r.made.Targets = []draft.Target{{Name: "local", Settings: draft.Settings{{Key: "provider", Value: "local"}}}, {Name: "gcp", Settings: target}}
	if r.callable() {
		r.read()
		r.made.Functions = []draft.Named{*r.fn}
	}
	return r.made
}

// callable finds runtime and handler, or says why there are none.
func (r *reader) callable() bool {
	build := r.root
	if r.root.Get("buildConfig") != nil {
		build = r.root.Get("buildConfig")
	}
	id, entry := build.Get("runtime"), build.Get("entryPoint")
	name, ok := id.Text()
	if !ok {
		r.root.Lose("its runtime is not told: print the function with `gcloud functions describe NAME --format yaml`")
		return false
	}
	runtime, reason := runtimeOf(name)
	if reason != "" {
		id.Lose(reason)
		return false
	}
	called, ok := entry.Text()
	if !ok {
		called = r.root.Get("name").Raw()
		called = called[strings.LastIndex(called, "/")+1:]
	}
	if r.fn.Handler = r.handler(runtime, called); r.fn.Handler == "" {
		entry.Lose("its code is not here: unpack the function's source beside this file" + r.whereFrom())
		return false
	}
	r.fn.Runtime, r.fn.Style = runtime, style(runtime, r.root.Get("eventTrigger") != nil)
	id.Map(r.at + ".runtime")
	entry.Map(r.at + ".handler")
	r.root.Get("name").Map(r.at)
	return true
}

// whereFrom is the archive that the function was made of.
func (r *reader) whereFrom() string {
	if s := r.root.At("buildConfig", "source", "storageSource"); s != nil {
		return ", from gs://" + s.Get("bucket").Raw() + "/" + s.Get("object").Raw()
	}
	if s := r.root.Get("sourceArchiveUrl"); s != nil {
		return ", from " + s.Raw()
	}
	return ""
}

var versioned = pattern.Of(`^(nodejs|python3|go)(\d*)$`)

func runtimeOf(id string) (runtime, reason string) {
	m := versioned().FindStringSubmatch(id)
	switch {
	case m == nil:
		return "", "ferry calls no functions of " + foreign.Plain(id) + ": it runs programs in that language that listen on $PORT (style: server)"
	case m[1] == "go":
		return "go", ""
	case m[1] == "python3":
		return "python3." + m[2], ""
	}
	return id, ""
}

func style(runtime string, event bool) string {
	switch {
	case runtime == "go":
		return "gcf"
	case event:
		return "gcf-event"
	}
	return "gcf-http"
}

// handler is where the function lies, "" where there is no code.
func (r *reader) handler(runtime, entry string) string {
	names := []string{"go.mod"}
	switch {
	case strings.HasPrefix(runtime, "python"):
		names = []string{"main.py"}
	case runtime != "go":
		names = []string{r.main(), "index.js", "function.js"}
	}
	for _, name := range names {
		switch {
		case !foreign.IsFile(r.dir, name):
		case runtime == "go":
			return ".:" + entry
		default:
			return strings.TrimSuffix(name, ".py") + ":" + entry
		}
	}
	return ""
}

// main is the file that package.json names, where that is one of the folder.
func (r *reader) main() string {
	pack, err := foreign.Below(r.dir, "package.json")
	if err != nil {
		return ""
	}
	name := pack.Get("main").Raw()
	if name == "" || !filepath.IsLocal(name) {
		return ""
	}
	return path.Clean(name)
}

// read says what each key is.
func (r *reader) read() {
	foreign.Keys{
		"iamPolicy": foreign.Seen(r.policy),
		"jobs":      foreign.Seen(r.jobs), "subscriptions": foreign.Seen(r.subscriptions),
		"buildConfig": r.build, "serviceConfig": r.service, "eventTrigger": r.event, "labels": r.labels,
		"httpsTrigger":        func(n *foreign.Node) { n.Map(r.at + ".events") },
		"availableMemoryMb":   r.megabytes,
		"timeout":             r.timeout,
		"minInstances":        func(n *foreign.Node) { r.bound(n, "min", &r.fn.Bounds().Min) },
		"maxInstances":        func(n *foreign.Node) { r.bound(n, "max", &r.fn.Bounds().Max) },
		"serviceAccountEmail": r.account, "ingressSettings": r.ingress, "vpcConnector": r.connector, "vpcConnectorEgressSettings": r.egress,
		"environmentVariables": r.variables, "secretEnvironmentVariables": r.secrets,
		"secretVolumes":             foreign.Lost("ferry hands secrets over as variables"),
		"buildEnvironmentVariables": foreign.Dropped("ferry builds by itself: see build in the manifest"),
		"kmsKeyName":                foreign.Lost("ferry encrypts with the provider's own keys"),
		"environment":               foreign.Dropped(elsehow), "state": foreign.Dropped(elsehow), "status": foreign.Dropped(elsehow),
		"createTime": foreign.Dropped(itsOwn), "updateTime": foreign.Dropped(itsOwn), "url": foreign.Dropped("`ferry url` tells the address"),
		"versionId": foreign.Dropped(itsOwn), "buildId": foreign.Dropped(itsOwn), "buildName": foreign.Dropped(itsOwn), "upgradeInfo": foreign.Dropped(itsOwn),
		"dockerRegistry": foreign.Dropped(elsehow), "dockerRepository": foreign.Dropped(elsehow), "description": foreign.Dropped("it is for people"),
		"sourceUploadUrl": foreign.Dropped("the code is here"), "sourceArchiveUrl": foreign.Dropped("the code is here"), "sourceRepository": foreign.Dropped("the code is here"),
		"satisfiesPzs": foreign.Dropped(itsOwn), "satisfiesPzi": foreign.Dropped(itsOwn), "stateMessages": foreign.Dropped(itsOwn), "automaticUpdatePolicy": foreign.Dropped(elsehow),
	}.Read(r.root)
	policy := r.root.Get("iamPolicy")
	switch {
	case r.root.Get("jobs") != nil:
		r.made.Notes = append(r.made.Notes, "jobs of Cloud Scheduler in other regions are not read: look whether one calls the function with `gcloud scheduler jobs list --location REGION`")
	case r.root.Get("eventTrigger") == nil:
		r.made.Notes = append(r.made.Notes, "which jobs of Cloud Scheduler and which subscriptions call the function does not stand here: look with `gcloud scheduler jobs list --location REGION` and `gcloud pubsub subscriptions list`")
	}
	switch {
	case r.root.Get("eventTrigger") != nil:
	case open(policy):
		r.fn.Events = append(r.fn.Events, draft.Event{HTTP: &draft.HTTP{}})
	default:
		r.fn.Events = append(r.fn.Events, draft.Event{HTTP: &draft.HTTP{Auth: "private"}})
		if policy == nil {
			r.made.Unshared(r.fn.Name)
		}
	}
}

// open is whether a policy lets everybody call.
func open(policy *foreign.Node) bool {
	for _, b := range policy.Get("bindings").Items() {
		for _, member := range b.Get("members").Items() {
			if b.Get("role").Raw() == "roles/run.invoker" && b.Get("condition") == nil && member.Raw() == "allUsers" {
				return true
			}
		}
	}
	return false
}

// policy reads who may call the function; a description of gcloud has none.
func (r *reader) policy(n *foreign.Node) {
	n.Drop("ferry gives rights to call itself, and keeps those that others gave")
	for _, b := range n.Get("bindings").Items() {
		if b.Get("role").Raw() == "roles/run.invoker" {
			b.Map(r.at + ".events")
		}
	}
}

func (r *reader) build(n *foreign.Node) {
	n.Drop("ferry builds by itself: see build in the manifest")
	for _, e := range n.Get("environmentVariables").Entries() {
		e.Value.Drop("ferry builds by itself: see build in the manifest")
	}
	n.Get("source").Drop("the code is here")
	n.Get("workerPool").Drop("ferry builds on the machine where it runs")
}

package azureapp

import (
	"strconv"
	"strings"

	"github.com/ferryfn/ferry/migrate/foreign"
)

// Parts of the description of an app that is live. Its package has the other files.
const (
	liveSite      = "site"
	liveSettings  = "settings"
	liveFunctions = "functions"
)

func isLive(root *foreign.Node) bool { return root.At(liveSite, "functionAppConfig") != nil }

// site reads what the app is made as.
func (r *reader) site(n *foreign.Node) {
	n.Get("kind").Drop("ferry makes the app anew")
	n.Get("location").Map("targets.azure.location")
	n.Get("tags").Drop("ferry gives what it makes tags of its own: see azure.tags")
	if identity := n.Get("identity"); identity != nil {
		identity.Drop("the identity is the app's own")
		r.made.Notes = append(r.made.Notes, "the app runs with an identity: name it in azure.identity, or the roles that the code needs in azure.roles")
	}
	r.made.Notes = append(r.made.Notes, "cross-origin rules, restrictions of access and sign-in of the app are not read: write the first as cors, and keep the others with Azure's own tools")
	r.made.Targets[1].Settings.Set("location", n.Get("location").Raw())
	config := n.Get("functionAppConfig")
	config.Get("deployment").Drop("ferry keeps packages itself")
	config.Get("siteUpdateStrategy").Drop("ferry says how a new package comes in force")
	r.worker(config.At("runtime", "name"))
	version := config.At("runtime", "version")
	version.Map("functions.*.runtime")
	switch {
	case strings.HasPrefix(r.runtime, "nodejs"):
		r.runtime = "nodejs" + version.Raw()
	case strings.HasPrefix(r.runtime, "python"):
		r.runtime = "python" + version.Raw()
	}
	r.scale(config.Get("scaleAndConcurrency"))
}

func (r *reader) scale(n *foreign.Node) {
	d := &r.made.Defaults
	bound := func(n *foreign.Node, key string, to func(int)) {
		if i, ok := n.Number(); ok {
			to(i)
			n.Map("defaults." + key)
		}
	}
	bound(n.Get("instanceMemoryMB"), "memory", func(i int) { d.Memory = strconv.Itoa(i) + "MB" })
	bound(n.Get("maximumInstanceCount"), "scaling.max", func(i int) { d.Bounds().Max = i })
	bound(n.At("triggers", "http", "perInstanceConcurrency"), "scaling.concurrency", func(i int) { d.Bounds().Concurrency = i })
	n.Get("alwaysReady").Drop("there are none")
	for _, ready := range n.Get("alwaysReady").Items() {
		if ready.Get("name").Raw() != "http" {
			ready.Lose("name groups that are always ready in azure.always_ready")
			continue
		}
		ready.Get("name").Map("defaults.scaling.min")
		bound(ready.Get("instanceCount"), "scaling.min", func(i int) { d.Bounds().Min = i })
	}
}

// complete compares what was found in the package with the functions that Azure knows of.
func (r *reader) complete(names *foreign.Node) {
	if n := len(names.Items()); n > r.triggers {
		names.Lose("Azure knows " + strconv.Itoa(n) + " functions of the app, and " + strconv.Itoa(r.triggers) + " were found in its code: add the events of the others")
		return
	}
	names.Drop("the package says which there are")
}

// python is the runtime of an app of Python.
func (r *reader) python() string {
	if language := r.language(); strings.HasPrefix(language, "python") {
		return language
	}
	return "python3.13"
}

package azureapp

import (
	"strconv"
	"strings"

	"github.com/ferryfn/ferry/migrate/foreign"
)

// readHost reads what holds for all functions of the app.
func (r *reader) readHost() {
	foreign.Keys{
		"version": foreign.Dropped("ferry writes what the host reads"), "$schema": foreign.Dropped("it is for editors"),
		"logging":         foreign.Dropped("what a function prints is its log: `ferry logs`"),
		"extensionBundle": foreign.Dropped("ferry brings what delivers events"), "managedDependency": foreign.Dropped("it is for PowerShell"),
		"functionTimeout": r.timeout, "functions": foreign.Dropped("each function is in the manifest, or is not"),
		"healthMonitor": foreign.Dropped("the target looks after its instances"), "singleton": foreign.Dropped("the target looks after its instances"),
		"watchDirectories": foreign.Dropped("it is for the tool that runs the app on a developer's machine"), "watchFiles": foreign.Dropped("it is for the tool that runs the app on a developer's machine"),
		"aggregator": foreign.Dropped("ferry keeps the host's defaults"), "concurrency": foreign.Dropped("scaling bounds instances"),
		"retry":               foreign.Lost("attempts of a queue say how often a message is tried"),
		"telemetryMode":       foreign.Dropped("what a function prints is its log: `ferry logs`"),
		"applicationInsights": foreign.Dropped("what a function prints is its log: `ferry logs`"),
		"extensions":          r.extensions, "customHandler": r.custom,
	}.Read(r.host)
}

// timeout is hours, minutes and seconds.
func (r *reader) timeout(n *foreign.Node) {
	total := 0
	for part := range strings.SplitSeq(n.Raw(), ":") {
		number, err := strconv.Atoi(part)
		if err != nil || number < 0 {
			n.Drop("ferry's own bound holds")
			return
		}
		total = total*60 + number
	}
	if total > 0 {
		r.made.Defaults.Timeout = strconv.Itoa(total) + "s"
		n.Map("defaults.timeout")
	}
}

func (r *reader) extensions(n *foreign.Node) {
	n.Drop("ferry keeps the host's defaults")
	prefix := n.At("http", "routePrefix")
	if prefix == nil {
		return
	}
	r.prefix = strings.Trim(prefix.Raw(), "/")
	prefix.Map("the app's own " + Host + ", which comes along")
}

// custom is a program that the host hands requests to.
func (r *reader) custom(n *foreign.Node) {
	n.Drop("ferry starts the program itself")
	if !n.Get("enableForwardingHttpRequest").True() && !n.Get("enableProxyingHttpRequest").True() {
		n.Lose("the program answers the host's own JSON: have it answer plain HTTP, with enableForwardingHttpRequest")
		return
	}
	n.At("description", "defaultExecutablePath").Map("functions.*.handler")
	for _, argument := range n.At("description", "arguments").Items() {
		argument.Lose("ferry starts a program without arguments: have it read variables")
	}
}

package knative

import (
	"fmt"
	"slices"

	"github.com/ferryfn/ferry/internal/pattern"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/check"
)

// Check reports what Knative cannot honour.
func (a *Adapter) Check(asked manifest.Function) []providers.Issue {
	fn := functionOf(asked)
	arch, s := fn.Architecture, fn.Scaling
	return check.Function(fn.Name,
		a.checkRuntime(asked),
		check.When(arch != "" && arch != a.target.Architecture).Block("architecture", "remove it, or set the target's architecture to that of the nodes", "the nodes of the target are %s", a.target.Architecture),
		memories().Block("memory", fn.Memory, "Knative does not offer %s of memory", fn.Memory),
		timeouts().Block("timeout", fn.Timeout, "Knative does not offer a timeout of %s", fn.Timeout.Std()),
		variables().Block(asked),
		check.When(s.Concurrency > maxConcurrency).Block("scaling.concurrency", fmt.Sprintf("choose at most %d", maxConcurrency), "Knative gives an instance at most %d requests at once", maxConcurrency),
		check.When(s.Max > 0 && s.Min > s.Max).Block("scaling.min", "choose at most scaling.max", "%d instances are more than the %d of scaling.max", s.Min, s.Max),
		check.Forms("knative.cpu", cpuForm(), "a number of CPUs such as 500m or 2", fn.own.CPU),
		check.Forms("knative.service_account", labelForm(), "the name of a service account", fn.own.ServiceAccount),
		check.Forms("knative.dead_letters", labelForm(), "the name of a broker", fn.own.DeadLetters),
		check.Forms("knative.pull_secret", labelForm(), "the name of a secret", fn.own.PullSecret),
		check.When(fn.Health != nil && !fn.public() && !a.within()).Block("health", "forward a port to the cluster-local gateway, and name it: local_ingress; or remove health", "a private function is not reached from here to look at its health"),
		checkEvents(fn),
	)
}

// within reports whether the address of a private function in the cluster is reached from here.
func (a *Adapter) within() bool {
	return a.target.LocalIngress != "" || a.variable("KUBERNETES_SERVICE_HOST") != ""
}

var cpuForm = pattern.Of(`^(\d+m|\d+(\.\d+)?)$`)

func (a *Adapter) checkRuntime(fn manifest.Function) []providers.Issue {
	const field, newer = "runtime", "choose a newer version, such as nodejs24 or python3.14"
	if known, ok := runtimes()[fn.Runtime]; ok {
		return known.Lifetime("its maker", "its image gets no fixes", newer)
	}
	if language := fn.Runtime.Language(); len(packager.Styles(a.Platform(fn), language)) == 0 {
		return check.When(true).Block(field, "choose another target", "ferry has no shim for %s on Knative yet", language)
	}
	return check.When(true).Block(field, newer, "ferry knows no base image for %s", fn.Runtime)
}

// checkEvents is about what cannot be delivered in a cluster, or not as it is asked for.
func checkEvents(fn function) []providers.Issue {
	var found []providers.Issue
	for i, e := range fn.Events {
		at := fmt.Sprintf("events[%d]", i)
		found = append(found, slices.Concat(
			checkOrigin(fn, at+"."+e.Kind(), e),
			check.When(e.HTTP == nil && !fn.Shimmed()).Block(at+"."+e.Kind(), "write a handler of another style, which ferry hands events to", "a program that listens by itself gets no events on Knative"),
			check.When(e.HTTP != nil && e.HTTP.Private()).Warn(at+".http.auth", "restrict who reaches it with a NetworkPolicy", "private means reachable from inside of the cluster only: Knative authenticates nobody"),
		)...)
	}
	return found
}

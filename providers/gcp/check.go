package gcp

import (
	"fmt"
	"maps"
	"regexp"
	"slices"

	"github.com/ferryfn/ferry/internal/pattern"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/check"
)

// Check reports what Google Cloud cannot honour.
func (a *Adapter) Check(asked manifest.Function) []providers.Issue {
	fn := functionOf(asked)
	return check.Function(fn.Name,
		checkRuntime(fn.Runtime),
		check.When(fn.Architecture == "arm64").Block("architecture", "remove it, or write amd64", "Cloud Run offers amd64 only"),
		check.When(!slices.Contains(regions(), a.target.Region)).Warn("gcp.region", "look it up: `gcloud run regions list`", "ferry does not know the region %s", a.target.Region),
		memories().Block("memory", fn.Memory, "Cloud Run does not offer %s of memory", fn.Memory),
		checkTimeout(fn),
		checkCPU(fn),
		variables().Block(asked),
		checkEnv(fn),
		checkScaling(fn),
		checkSettings(fn),
		checkLabels(fn.own.Labels),
		checkEvents(fn),
	)
}

func checkRuntime(r manifest.Runtime) []providers.Issue {
	const field, newer = "runtime", "choose a newer version, such as nodejs24 or python3.14"
	if known, ok := runtimes()[r]; ok {
		return known.Lifetime("Google", "it refuses to build functions for it, and its image gets no fixes", newer)
	}
	if language := r.Language(); len(packager.Styles(packager.Platform{Shim: onRun}, language)) == 0 {
		return check.When(true).Block(field, "choose another target", "ferry has no shim for %s on Google Cloud yet", language)
	}
	return check.When(true).Block(field, newer, "Google has no runtime for %s", r)
}

func checkTimeout(fn function) []providers.Issue {
	late := fn.bound() && fn.Timeout.Std() > maxEventTimeout
	return slices.Concat(
		timeouts().Block("timeout", fn.Timeout, "Cloud Run does not offer a timeout of %s", fn.Timeout.Std()),
		check.When(late).Block("timeout", fmt.Sprintf("choose at most %s, or move the events to a function of their own", manifest.Duration(maxEventTimeout)),
			"Pub/Sub takes an event that is not answered within %s for lost", manifest.Duration(maxEventTimeout)),
	)
}

// checkCPU is about CPUs, alone and with the memory.
func checkCPU(fn function) []providers.Issue {
	const field = "gcp.cpu"
	asked, given := fn.own.CPU, fn.cpu()
	return slices.Concat(
		check.When(asked > 8000).Block(field, "choose at most 8", "Cloud Run does not offer %s CPUs", asked),
		check.When(asked > 0 && asked <= 8000 && given != asked).Warn(field, "", "cpu is rounded up from %s to %s: Cloud Run offers 0.08 to 1, 2, 4, 6 or 8", asked, given),
		check.When(asked <= 8000 && fn.Memory <= maxMemory && given < neededCPU(fn.Memory)).Block(field, "choose at least "+neededCPU(fn.Memory).String(), "%s of memory needs more than %s CPUs", fn.Memory, given),
		check.When(asked <= 8000 && fn.Memory < leastMemory(given)).Block("memory", "choose at least "+leastMemory(given).String(), "%s CPUs need more than %s of memory", given, fn.Memory),
	)
}

func checkEnv(fn function) []providers.Issue {
	found := check.When(len(fn.Env)+len(fn.Secrets) > maxEnv-ownVariables).Block("env", "move some into files", "%d variables and secrets are more than the %d that Cloud Run allows beside ferry's own", len(fn.Env)+len(fn.Secrets), maxEnv-ownVariables)
	for _, key := range slices.Sorted(maps.Keys(fn.Env)) {
		found = append(found, check.When(len(fn.Env[key]) > maxValue).Block("env."+key, "move it into a file", "its %d bytes are more than the %d that Cloud Run allows", len(fn.Env[key]), maxValue)...)
	}
	return found
}

func checkScaling(fn function) []providers.Issue {
	s := fn.Scaling
	return slices.Concat(
		check.When(s.Concurrency > maxConcurrency).Block("scaling.concurrency", fmt.Sprintf("choose at most %d", maxConcurrency), "Cloud Run gives an instance at most %d requests at once", maxConcurrency),
		check.When(s.Concurrency > 1 && fn.cpu() < wholeCPU).Warn("scaling.concurrency", "set gcp.cpu to 1 or more", "an instance with %s CPUs gets one request at a time, not %d", fn.cpu(), s.Concurrency),
		check.When(max(s.Min, s.Max) > maxInstances).Block("scaling", fmt.Sprintf("choose at most %d", maxInstances), "Cloud Run takes at most %d instances", maxInstances),
	)
}

// checkSettings checks the function's gcp block.
func checkSettings(fn function) []providers.Issue {
	own := fn.own
	role := regexp.MustCompile(`^(roles/[A-Za-z0-9.]+|(projects|organizations)/[a-z0-9.:-]+/roles/[A-Za-z0-9_.]+)$`)
	connector := regexp.MustCompile(`^(projects/[^/]+/locations/[^/]+/connectors/)?[a-z][a-z0-9-]{0,24}$`)
	return slices.Concat(
		check.OneOf("gcp.via", own.Via, "way to make a function", byRun, byFunctions),
		check.When(fn.viaFunctions() && !buildable(fn.Function)).Block("gcp.via", "leave it at run", "Cloud Functions calls functions and builds no programs: a %s of style %s runs on Cloud Run", fn.Runtime, fn.Style),
		check.When(fn.viaFunctions() && own.BaseImage != "").Block("gcp.base_image", "leave it out, or set gcp.via to run", "Cloud Functions builds over an image of its own"),
		check.When(fn.viaFunctions() && fn.tooLate()).Block("timeout", "choose at most 9m, or set gcp.via to run", "events call a function that Cloud Functions builds for at most %s", manifest.Duration(maxBuiltEventTimeout)),
		check.OneOf("gcp.ingress", own.Ingress, "ingress", "all", "internal", "internal-and-load-balancer"),
		check.OneOf("gcp.egress", own.Egress, "egress", "private-ranges-only", "all-traffic"),
		check.Forms("gcp.service_account", accountForm(), "the email of a service account", own.ServiceAccount),
		check.Forms("gcp.build_service_account", accountForm(), "the email of a service account", own.BuildServiceAccount),
		check.Forms("gcp.roles", role, "a role such as roles/datastore.user", own.Roles...),
		check.Forms("gcp.vpc_connector", connector, "the name of a connector", own.VPCConnector),
		check.When(own.ServiceAccount != "" && len(own.Roles) > 0).Block("gcp.roles", "grant them to the account", "roles are granted to the service account that ferry creates, but gcp.service_account names another one"),
		check.When(own.VPCConnector != "" && own.Network+own.Subnet != "").Block("gcp.network", "name one of them", "a function is connected through a connector or to a network directly, not both"),
		check.When(own.Egress != "" && own.VPCConnector+own.Network+own.Subnet == "").Block("gcp.egress", "name vpc_connector or network", "nothing goes through a network that the function is not connected to"),
		check.When(own.BaseImage != "" && !imageForm().MatchString(own.BaseImage)).Block("gcp.base_image", "write it like europe-west1-docker.pkg.dev/my-project/images/base:1", "%q is not the name of an image", own.BaseImage),
	)
}

var imageForm = pattern.Of(`^[a-z0-9.-]+(:\d+)?(/[a-z0-9._-]+)+(:[A-Za-z0-9._-]+)?(@sha256:[0-9a-f]{64})?$`)

func checkLabels(labels map[string]string) []providers.Issue {
	const field = "gcp.labels"
	key, value := regexp.MustCompile(`^[a-z][a-z0-9_-]{0,62}$`), regexp.MustCompile(`^[a-z0-9_-]{0,63}$`)
	found := check.When(len(labels) > maxLabels-ownLabels).Block(field, "remove some", "%d labels are more than Google allows beside ferry's own", len(labels))
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		reserved := tagged().Ours(k) || len(k) > 4 && k[:4] == "goog"
		found = append(found, check.When(reserved || !key.MatchString(k) || !value.MatchString(labels[k])).Block(field,
			"use lower case letters, digits, _ and -, and keys that begin with neither ferry- nor goog", "the label %q is not valid", k)...)
	}
	return found
}

// checkEvents reports what of events cannot be honoured exactly.
func checkEvents(fn function) []providers.Issue {
	var found []providers.Issue
	for i, e := range fn.Events {
		field := fmt.Sprintf("events[%d].%s", i, e.Kind())
		found = append(found, check.When(e.Schedule != nil && !fn.Shimmed()).Block(field, "move it to a function of its own that has a handler", "Cloud Scheduler sends no CloudEvents, and a program without ferry's shim gets its calls as they are")...)
		unread := e.Object != nil && fn.Style == manifest.StyleAzure && len(fn.own.Roles) == 0 && fn.own.ServiceAccount == ""
		found = append(found, check.When(unread).Warn(field, "add roles/storage.objectViewer to gcp.roles", "a blob trigger gets the content of its object, which the function's account may not read")...)
		found = append(found, check.When(e.HTTP == nil && !fn.Shimmed() && fn.access() == public).Block(field, "write http: {auth: private}, or move it to a function of its own", "a program that everybody may call cannot tell an event from a forged one")...)
		if k := eventKindOf(e); k.check != nil {
			found = append(found, k.check(fn, field, e)...)
		}
	}
	return found
}

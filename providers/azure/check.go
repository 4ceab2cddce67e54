package azure

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/ferryfn/ferry/internal/pattern"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/check"
)

// Check reports what Flex Consumption cannot honour.
func (a *Adapter) Check(asked manifest.Function) []providers.Issue {
	fn := functionOf(asked)
	answers := fn.HTTP() != nil && fn.Timeout.Std() > maxAnswer
	return check.Function(fn.Name,
		checkRuntime(fn.Runtime),
		check.When(fn.Architecture == "arm64").Block("architecture", "remove it, or write amd64", "Azure Functions runs on amd64 only"),
		check.When(!slices.Contains(memories(), fn.Memory)).Block("memory", "choose 512MB, 2GB or 4GB", "Flex Consumption does not offer %s of memory", fn.Memory),
		timeouts().Block("timeout", fn.Timeout, "Azure Functions does not offer a timeout of %s", fn.Timeout.Std()),
		check.When(answers).Block("timeout", "choose at most "+manifest.Duration(maxAnswer).String()+", or do the work in a function of a queue",
			"Azure waits %s for an answer over HTTP, and %s is more", maxAnswer, fn.Timeout.Std()),
		variables().Block(asked),
		check.When(len(fn.Secrets) > 0 && a.target.KeyVault == "").Block("secrets", fmt.Sprintf("add key_vault to targets.%s", a.targetName),
			"secrets are kept in a key vault, and the target names none"),
		checkScaling(fn),
		checkSettings(fn),
		checkTags(fn.own.Tags),
		checkEvents(fn),
	)
}

func checkRuntime(r manifest.Runtime) []providers.Issue {
	const field, newer = "runtime", "choose a newer version, such as nodejs24 or python3.13"
	if known, ok := runtimes()[r]; ok {
		return known.Lifetime("Azure Functions", "its end of support", newer)
	}
	if language := r.Language(); len(packager.Styles(packager.Platform{Shim: name}, language)) == 0 {
		return check.When(true).Block(field, "choose another target", "ferry has no shim for %s on Azure Functions yet", language)
	}
	return check.When(true).Block(field, newer, "Flex Consumption has no runtime for %s", r)
}

func checkScaling(fn function) []providers.Issue {
	return slices.Concat(
		check.When(fn.Scaling.Max > maxInstances).Block("scaling.max", fmt.Sprintf("choose at most %d", maxInstances), "Flex Consumption does not start %d instances", fn.Scaling.Max),
		check.When(fn.Scaling.Max > 0 && fn.HTTP() != nil).Warn("scaling.max", "limit what it calls at its own side",
			"scaling.max is not a hard limit on Azure: bursts of requests may start more than %d instances", fn.Scaling.Max),
		check.When(fn.Scaling.Max > 0 && len(fn.Events) > 1).Warn("scaling.max", "",
			"it counts for each kind of event apart: %d instances for HTTP, and %d for each other event", fn.Scaling.Max, fn.Scaling.Max),
		check.When(fn.Scaling.Concurrency > maxConcurrency).Block("scaling.concurrency", fmt.Sprintf("choose at most %d", maxConcurrency), "an instance does not take %d requests at a time", fn.Scaling.Concurrency),
		check.When(fn.Scaling.Concurrency > 0 && fn.HTTP() == nil).Warn("scaling.concurrency", "", "concurrency is about requests over HTTP, and the function gets none"),
	)
}

var (
	guid       = pattern.Of(`(?i)^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	identityID = pattern.Of(`(?i)^/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.ManagedIdentity/userAssignedIdentities/[^/]+$`)

	busNamespace = pattern.Of(`(?i)^([a-z][a-z0-9-]{4,48}[a-z0-9]|/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.ServiceBus/namespaces/[^/]+)$`)
	busName      = pattern.Of(`^[A-Za-z0-9]([A-Za-z0-9._/-]{0,258}[A-Za-z0-9])?$`)
)

// checkSettings checks the function's azure block.
func checkSettings(fn function) []providers.Issue {
	own := fn.own
	group := regexp.MustCompile(`^(http|blob|durable|function:[A-Za-z0-9_-]+)$`)
	found := slices.Concat(
		check.Forms("azure.identity", identityID(), "the id of a user-assigned identity", own.Identity),
		check.Forms("azure.service_bus", busNamespace(), "the name of a Service Bus namespace, or its id", own.ServiceBus),
		check.When(own.Identity != "" && len(own.Roles) > 0).Block("azure.roles", "give them to the identity", "roles are given to the identity that ferry creates, but azure.identity names another one"),
	)
	found = append(found, check.When(own.CustomHandler && !fn.handled()).Block("azure.custom_handler", "remove it",
		"only Python of another style than azure can be a custom handler or loaded by Azure's worker")...)
	for _, r := range own.Roles {
		found = append(found, check.When(r.Role == "" || !strings.HasPrefix(r.Scope, "/")).Block("azure.roles", "write {role: …, scope: /subscriptions/…}", "a role needs a name and a scope")...)
	}
	for _, of := range slices.Sorted(maps.Keys(own.AlwaysReady)) {
		found = append(found, check.Forms("azure.always_ready", group, "http, blob, durable or function:NAME", of)...)
	}
	return found
}

func checkTags(tags map[string]string) []providers.Issue {
	const field, own = "azure.tags", 9 // of ferry's, at most
	found := check.When(len(tags) > maxTags-own).Block(field, "remove some", "%d tags in addition to ferry's own are more than Azure allows", len(tags))
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		bad := key == "" || len(key) > maxTagKey || len(tags[key]) > maxTagValue || tagged().Ours(key) || strings.ContainsAny(key, `<>%&\?/`)
		found = append(found, check.When(bad).Block(field, `use keys of 1 to 128 characters without < > % & \ ? / that do not begin with ferry:, and values of at most 256`, "the tag %q is not valid", key)...)
	}
	return found
}

func checkEvents(fn function) []providers.Issue {
	var found []providers.Issue
	for i, e := range fn.Events {
		field := fmt.Sprintf("events[%d].%s", i, e.Kind())
		switch {
		case e.HTTP != nil:
			found = append(found, checkHTTP(fn, field)...)
		case e.Schedule != nil:
			found = append(found, checkSchedule(fn, e.Schedule, field)...)
		case e.Queue != nil && fn.own.ServiceBus != "":
			found = append(found, checkBusQueue(fn, e.Queue, field)...)
		case e.Queue != nil:
			found = append(found, checkQueue(fn, e.Queue, field)...)
		case e.Topic != nil && !fn.gridded(e):
			found = append(found, check.Forms(field+".name", busName(), busNames, fn.own.resource(e.Topic.Name))...)
		}
		found = append(found, check.When(e.HTTP == nil && !fn.Shimmed()).Warn(field, "", "the program gets the event as Azure's host sends it, not as a CloudEvent")...)
	}
	return found
}

var queueName = pattern.Of(`^[a-z0-9](-?[a-z0-9])*$`)

// checkQueue reports what a queue of Azure Storage cannot do. How it is read is a setting of the app, and so of all its queues.
func checkQueue(fn function, e *manifest.QueueEvent, field string) []providers.Issue {
	named, differs := fn.own.resource(e.Name), false
	for _, other := range fn.Events {
		differs = differs || other.Queue != nil && (other.Queue.Batch != e.Batch || other.Queue.Attempts != e.Attempts || other.Queue.Backoff != e.Backoff)
	}
	return slices.Concat(
		check.When(e.Batch > maxBatch).Block(field+".batch", fmt.Sprintf("choose at most %d", maxBatch), "a queue of Azure Storage does not hand out %d messages at a time", e.Batch),
		check.Forms(field+".name", queueName(), "3 to 63 lower-case letters, digits and single hyphens", named),
		check.When(named != e.Name && !fn.handled()).Block(field+".name", "give the queue the name of the event", "the worker for %s reads the queue by the name in the manifest", fn.Runtime.Language()),
		check.When(e.Backoff > 0).Warn(field+".backoff", "", "every pause is as long as the first one: Azure Storage does not double it"),
		check.When(differs).Block(field, "make them alike, or write a function for each", "the queues of one function are read with one batch, number of attempts and pause on Azure"),
	)
}

const busNames = "at most 260 letters, digits, full stops, hyphens, underscores and slashes"

// checkBusQueue reports what of an event is the queue's own in Service Bus.
func checkBusQueue(fn function, e *manifest.QueueEvent, field string) []providers.Issue {
	differs := false
	for _, other := range fn.Events {
		differs = differs || other.Queue != nil && other.Queue.Batch != e.Batch
	}
	return slices.Concat(
		check.Forms(field+".name", busName(), busNames, fn.own.resource(e.Name)),
		check.When(e.Attempts > 0).Block(field+".attempts", "remove it, and run `az servicebus queue update --max-delivery-count`", "how often a message is tried is a property of the queue in Service Bus"),
		check.When(e.Backoff > 0).Block(field+".backoff", "remove it", "Service Bus delivers a message that failed again at once"),
		check.When(differs).Block(field+".batch", "make them alike, or write a function for each", "the queues of one function are read with one batch on Azure"),
	)
}

func checkHTTP(fn function, field string) []providers.Issue {
	cors := fn.HTTP().CORS != nil
	return slices.Concat(
		check.When(cors && !fn.Shimmed()).Block(field+".cors", "answer for it in the program", "ferry does not stand between requests and a program that it does not start on this target"),
		check.When(cors && fn.HTTP().Private()).Warn(field+".cors", "", "browsers send no key with the question whether they may call: Azure refuses it, and so the call"),
	)
}

func checkSchedule(fn function, e *manifest.ScheduleEvent, field string) []providers.Issue {
	times, err := ncron(e.Cron)
	utc := e.Timezone == "" || e.Timezone == "UTC" || e.Timezone == "Etc/UTC"
	plain, other := strings.CutPrefix(times, "0 ")
	return slices.Concat(
		check.When(err != nil).Block(field+".cron", "write two schedules, one for each day field", "Azure Functions cannot express %q: %v", e.Cron, err),
		check.When(err == nil && other && plain != e.Cron && !fn.handled()).Block(field+".cron", "write "+plain, "Azure Functions does not read %q as crontab does", e.Cron),
		check.When(!utc).Block(field+".timezone", "write the times in UTC", "on Flex Consumption schedules are in UTC: %s is not supported", e.Timezone),
	)
}

// wall is a duration as the host writes it.
func wall(d time.Duration) string {
	s := int(d.Seconds())
	return fmt.Sprintf("%02d:%02d:%02d", s/3600, s/60%60, s%60)
}

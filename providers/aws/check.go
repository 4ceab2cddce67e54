package aws

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/check"
)

// Check reports what Lambda cannot honour.
func (a *Adapter) Check(asked manifest.Function) []providers.Issue {
	fn := functionOf(asked)
	return check.Function(fn.Name,
		checkRuntime(fn.Runtime),
		checkStyle(fn),
		memories().Block("memory", fn.Memory, "Lambda does not offer %s of memory", fn.Memory),
		timeouts().Block("timeout", fn.Timeout, "Lambda does not offer a timeout of %s", fn.Timeout.Std()),
		variables().Block(asked),
		checkSize(a.environment(spec{function: fn})),
		check.When(len(fn.Secrets) > 0 && !fn.Shimmed()).Block("secrets", "read them in the program with the AWS SDK, or use a style that ferry starts", "secrets are not resolved for a program that ferry does not start"),
		check.When(fn.Scaling.Concurrency > 1).Warn("scaling.concurrency", "", "an instance on Lambda handles one request at a time, not %d: more requests start more instances", fn.Scaling.Concurrency),
		checkSettings(fn, a.target.Region),
		checkTags(fn.own.Tags),
		checkEvents(fn),
	)
}

func checkRuntime(r manifest.Runtime) []providers.Issue {
	const field, newer = "runtime", "choose a newer version, such as nodejs24 or python3.14"
	if known, ok := runtimes()[r]; ok {
		return known.Lifetime("Lambda", "it refuses new functions, and soon updates", newer)
	}
	if language := r.Language(); len(packager.Styles(packager.Platform{Shim: name}, language)) == 0 {
		return check.When(true).Block(field, "choose another target", "ferry has no shim for %s on Lambda yet", language)
	}
	return check.When(true).Block(field, newer, "Lambda has no runtime for %s", r)
}

func checkStyle(fn function) []providers.Issue {
	const field = "style"
	executable := fn.Runtime.Language() == "custom" || fn.Runtime.Language() == "go"
	return slices.Concat(
		check.When(fn.Style == manifest.StyleServer && !adapted(fn)).Block(field, "add the layer of the Lambda Web Adapter (arn:aws:lambda:REGION:753240598075:layer:LambdaAdapterLayerX86:VERSION) to aws.layers",
			"Lambda does not send requests to a port by itself"),
		check.When(adapted(fn) && !executable).Block(field, "use a style of the runtime, or build an executable for runtime custom",
			"behind the Lambda Web Adapter a %s program needs a start script, which ferry does not generate", fn.Runtime),
		check.When((adapted(fn) || fn.Style == manifest.StyleLambda && !fn.Shimmed()) && executable).Warn(field, "", "ferry cannot probe a program that it does not start: if it is broken, that shows only when it is called"),
	)
}

// checkSize measures the environment with all that ferry adds.
func checkSize(whole map[string]string) []providers.Issue {
	data, err := json.Marshal(whole)
	return check.When(err == nil && len(data) > maxEnv).Block("env", "move large values into files or secrets",
		"the environment is %d bytes including what ferry adds, and Lambda allows %d", len(data), maxEnv)
}

var (
	roleARN   = regexp.MustCompile(`^arn:[^:]+:iam::\d{12}:role/.+$`)
	policyARN = regexp.MustCompile(`^arn:[^:]+:iam::(\d{12}|aws):policy/.+$`)
)

// checkSettings checks the function's aws block.
func checkSettings(fn function, region string) []providers.Issue {
	own := fn.own
	layerARN := regexp.MustCompile(`^arn:[^:]+:lambda:` + region + `:\d{12}:layer:[A-Za-z0-9_-]+:\d+$`)
	deadARN := regexp.MustCompile(`^arn:[^:]+:(sqs|sns):` + region + `:\d{12}:[^:]+$`)
	halfNetwork := own.VPC != nil && (len(own.VPC.Subnets) == 0 || len(own.VPC.SecurityGroups) == 0)
	python := fn.Runtime.Language() == "python"
	return slices.Concat(
		storages().Block("aws.ephemeral_storage", own.storage(), "Lambda does not offer %s of ephemeral storage", own.storage()),
		check.Forms("aws.layers", layerARN, "the ARN of a layer version in "+region, own.Layers...),
		check.When(len(own.Layers) > maxLayers).Block("aws.layers", "merge some", "%d layers are more than the %d that Lambda allows", len(own.Layers), maxLayers),
		check.Forms("aws.policies", policyARN, "the ARN of a policy", own.Policies...),
		check.Forms("aws.role", roleARN, "the ARN of a role", own.Role),
		check.When(own.Role != "" && len(own.Policies) > 0).Block("aws.policies", "attach them to the role", "policies are attached to the role that ferry creates, but aws.role names another one"),
		check.Forms("aws.scheduler_role", roleARN, "the ARN of a role", own.SchedulerRole),
		check.Forms("aws.permissions_boundary", policyARN, "the ARN of a policy", own.PermissionsBoundary),
		check.Forms("aws.dead_letter", deadARN, "the ARN of a queue or topic in "+region, own.DeadLetter),
		check.OneOf("aws.tracing", own.Tracing, "tracing mode", "active", "passthrough"),
		check.When(halfNetwork).Block("aws.vpc", "name subnets and security_groups", "a VPC needs at least one subnet and one security group"),
		check.When(!slices.Contains(retentions(), own.retention())).Block("aws.log_retention", fmt.Sprintf("choose one of %v", retentions()), "logs cannot be kept for %d days", own.retention()),
		check.When(own.ResponseStream && python).Block("aws.response_stream", "remove it, or use Node or Go", "Lambda's Python runtime cannot stream"),
		check.When(own.ResponseStream && !python && fn.HTTP() == nil).Block("aws.response_stream", "remove it", "nothing calls the function over HTTP"),
	)
}

func checkTags(tags map[string]string) []providers.Issue {
	const field, own = "aws.tags", 9 // of ferry's, at most
	keys := slices.Sorted(maps.Keys(tags))
	joined := strings.Join(keys, " ")
	found := check.When(len(tags) > maxTags-own || len(joined) > maxTagValue).Block(field, "remove some",
		"%d tags with keys of %d characters in all are more than Lambda allows in addition to ferry's own", len(tags), len(joined))
	for _, key := range keys {
		reserved := strings.HasPrefix(key, "aws:") || tagged().Ours(key)
		found = append(found, check.When(reserved || key == "" || len(key) > maxTagKey || len(tags[key]) > maxTagValue).Block(field,
			"use keys of 1 to 128 characters that do not begin with aws: or ferry:, and values of at most 256", "the tag %q is not valid", key)...)
	}
	return found
}

func checkEvents(fn function) []providers.Issue {
	var found []providers.Issue
	for i, e := range fn.Events {
		field := fmt.Sprintf("events[%d]", i)
		if says := eventKindOf(e).check; says != nil {
			found = append(found, says(fn, field+"."+e.Kind(), e)...)
		}
		found = append(found, check.When(e.HTTP == nil && !fn.Shimmed()).Warn(field, "", "the program gets the event as AWS sends it, not as a CloudEvent")...)
	}
	return found
}

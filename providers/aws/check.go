package aws

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/providers"
)

// Check reports what Lambda cannot honour.
func (a *Adapter) Check(asked manifest.Function) []providers.Issue {
	fn := functionOf(asked)
	c := &checker{providers.Checker{Function: fn.Name}}
	c.runtime(fn)
	c.size("memory", fn.Memory, minMemory, maxMemory)
	if d := fn.Timeout.Std(); d < time.Second || d > maxTimeout || d%time.Second != 0 {
		c.Block("timeout", "choose whole seconds from 1s to 900s", "Lambda has no timeout of %s", d)
	}
	c.environment(fn, a.environment(spec{function: fn}))
	if len(fn.Secrets) > 0 && !fn.Shimmed() {
		c.Block("secrets", "read them in the program with the AWS SDK, or use a style that ferry starts", "nothing resolves secrets before a program that ferry does not start")
	}
	c.scaling(fn.Scaling)
	c.own(fn, a.target.Region)
	for i, e := range fn.Events {
		c.event(fn, fmt.Sprintf("events[%d]", i), e)
	}
	return c.Issues
}

// checker looks at one function.
type checker struct{ providers.Checker }

func (c *checker) runtime(fn function) {
	const field, newer = "runtime", "choose a newer version, such as nodejs24 or python3.14"
	r, ok := runtimeOf(fn.Runtime)
	switch language := fn.Runtime.Language(); {
	case !ok && len(packager.Styles(packager.Platform{Shim: name}, language)) == 0:
		c.Block(field, "choose another target", "ferry has no shim for %s on Lambda yet", language)
	case !ok:
		c.Block(field, newer, "Lambda has no runtime for %s", fn.Runtime)
	case r.preview:
		c.Warn(field, "choose an earlier version for production", "Lambda offers %s as a preview only", r.id)
	case !r.ends.IsZero():
		c.Add(providers.Issue{
			Severity: providers.Warning, Field: field, Hint: newer, From: r.ends.Add(-notice),
			Message: fmt.Sprintf("Lambda deprecates %s on %s", r.id, r.ends.Format(time.DateOnly)),
		})
		c.Add(providers.Issue{
			Severity: providers.Blocker, Field: field, Hint: newer, From: r.ends,
			Message: fmt.Sprintf("Lambda deprecated %s on %s: it refuses new functions, and soon updates", r.id, r.ends.Format(time.DateOnly)),
		})
	}
	switch {
	case fn.Style == manifest.StyleServer && !adapted(fn):
		c.Block("style", "add the layer of the Lambda Web Adapter (arn:aws:lambda:REGION:753240598075:layer:LambdaAdapterLayerX86:VERSION) to aws.layers",
			"Lambda gives a program no requests on a port by itself")
	case adapted(fn) && fn.Runtime.Language() != "custom" && fn.Runtime.Language() != "go":
		c.Block("style", "use a style of the runtime, or build an executable for runtime custom", "behind the Lambda Web Adapter a %s program needs a start script, which ferry does not make", fn.Runtime)
	case adapted(fn):
		c.Warn("style", "", "ferry cannot probe a program that it does not start: a broken one is found when it is called")
	}
}

func (c *checker) size(field string, s, least, most manifest.Size) {
	if s < least || s > most || s%manifest.MB != 0 {
		c.Block(field, fmt.Sprintf("choose whole megabytes from %s to %s", least, most), "Lambda has no %s of %s", strings.TrimPrefix(field, "aws."), s)
	}
}

// variable is the form of an environment variable's name.
var variable = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_]+$`)

func (c *checker) environment(fn function, whole map[string]string) {
	for _, part := range []struct {
		field string
		names map[string]string
	}{{"env.", fn.Env}, {"secrets.", fn.Secrets}} {
		for _, name := range slices.Sorted(maps.Keys(part.names)) {
			switch {
			case slices.Contains(reserved(), name):
				c.Block(part.field+name, "choose another name", "Lambda itself sets %s", name)
			case !variable.MatchString(name):
				c.Block(part.field+name, "use at least two letters, digits and _, and begin with a letter", "Lambda takes no variable named %s", name)
			}
		}
	}
	if data, err := json.Marshal(whole); err == nil && len(data) > maxEnv {
		c.Block("env", "move large values into files or secrets", "the environment is %d bytes with what ferry adds, and Lambda takes %d", len(data), maxEnv)
	}
}

func (c *checker) scaling(s manifest.Scaling) {
	if s.Concurrency > 1 {
		c.Warn("scaling.concurrency", "", "an instance on Lambda gets one request at a time, not %d: more requests are more instances", s.Concurrency)
	}
}

var (
	roleARN   = regexp.MustCompile(`^arn:[^:]+:iam::\d{12}:role/.+$`)
	policyARN = regexp.MustCompile(`^arn:[^:]+:iam::(\d{12}|aws):policy/.+$`)
)

// own checks the function's aws block.
func (c *checker) own(fn function, region string) {
	own := fn.own
	c.size("aws.ephemeral_storage", own.storage(), minStorage, maxStorage)
	c.arns("aws.layers", own.Layers, regexp.MustCompile(`^arn:[^:]+:lambda:`+region+`:\d{12}:layer:[A-Za-z0-9_-]+:\d+$`), "the ARN of a layer version in "+region)
	if len(own.Layers) > maxLayers {
		c.Block("aws.layers", "merge some", "%d layers are more than the %d that Lambda takes", len(own.Layers), maxLayers)
	}
	c.arns("aws.policies", own.Policies, policyARN, "the ARN of a policy")
	if own.Role != "" {
		c.arns("aws.role", []string{own.Role}, roleARN, "the ARN of a role")
		if len(own.Policies) > 0 {
			c.Block("aws.policies", "attach them to the role", "policies are for the role that ferry makes, and aws.role names another")
		}
	}
	if own.SchedulerRole != "" {
		c.arns("aws.scheduler_role", []string{own.SchedulerRole}, roleARN, "the ARN of a role")
	}
	if own.PermissionsBoundary != "" {
		c.arns("aws.permissions_boundary", []string{own.PermissionsBoundary}, policyARN, "the ARN of a policy")
	}
	if own.DeadLetter != "" {
		c.arns("aws.dead_letter", []string{own.DeadLetter}, regexp.MustCompile(`^arn:[^:]+:(sqs|sns):`+region+`:\d{12}:[^:]+$`), "the ARN of a queue or topic in "+region)
	}
	if !slices.Contains([]string{"", "active", "passthrough"}, own.Tracing) {
		c.Block("aws.tracing", "choose active or passthrough", "%q is no kind of tracing", own.Tracing)
	}
	if v := own.VPC; v != nil && (len(v.Subnets) == 0 || len(v.SecurityGroups) == 0) {
		c.Block("aws.vpc", "name subnets and security_groups", "a network needs at least one subnet and one security group")
	}
	if !slices.Contains(retentions(), fn.own.retention()) {
		c.Block("aws.log_retention", fmt.Sprintf("choose one of %v", retentions()), "logs cannot be kept for %d days", fn.own.retention())
	}
	if own.ResponseStream {
		c.stream(fn)
	}
	c.tags(own.Tags)
}

func (c *checker) stream(fn function) {
	switch language := fn.Runtime.Language(); {
	case language == "python":
		c.Block("aws.response_stream", "remove it, or use Node or Go", "Lambda's Python runtime cannot stream")
	case fn.HTTP() == nil:
		c.Block("aws.response_stream", "remove it", "nothing calls the function over HTTP")
	}
}

func (c *checker) arns(field string, values []string, form *regexp.Regexp, want string) {
	for _, v := range values {
		if !form.MatchString(v) {
			c.Block(field, "write "+want, "%q is not %s", v, want)
		}
	}
}

func (c *checker) tags(tags map[string]string) {
	const own = 9 // of ferry's, at most
	if keys := strings.Join(slices.Sorted(maps.Keys(tags)), " "); len(tags) > maxTags-own || len(keys) > maxTagValue {
		c.Block("aws.tags", "remove some", "%d tags with keys of %d characters are more than Lambda takes beside ferry's own", len(tags), len(keys))
	}
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		if strings.HasPrefix(key, "aws:") || ours(key) || key == "" || len(key) > maxTagKey || len(tags[key]) > maxTagValue {
			c.Block("aws.tags", "use keys of 1 to 128 characters that do not begin with aws: or ferry:, and values of at most 256", "the tag %q is not valid", key)
		}
	}
}

func (c *checker) event(fn function, field string, e manifest.Event) {
	if check := eventKindOf(e).check; check != nil {
		check(c, fn, field+"."+e.Kind(), e)
	}
	if e.HTTP == nil && !fn.Shimmed() {
		c.Warn(field, "", "the program gets the event as AWS sends it, not as a CloudEvent")
	}
}

package aws

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/check"
)

// The limits of Lambda that are checked before anything is sent, from AWS's pages "Lambda quotas" and "CreateFunction".
const (
	maxUnzipped = 262144000 // bytes, layers included
	maxDirect   = 50 << 20  // bytes of a zip that goes with the request; a larger one goes through the bucket

	minMemory, maxMemory   = 128 * manifest.MB, 10240 * manifest.MB
	minStorage, maxStorage = 512 * manifest.MB, 10240 * manifest.MB
	maxTimeout             = 900 * time.Second
	maxLayers              = 5
	maxTags                = 50
	maxTagKey, maxTagValue = 128, 256
	maxEnv                 = 4096 // bytes of all variables as JSON
	maxBatch               = 10000
	maxBatchFIFO           = 10
	maxCORSAge             = 24 * time.Hour
)

// limits say what Lambda takes, for the page about it.
func limits() []providers.LimitFact {
	return []providers.LimitFact{
		{Field: "memory", Takes: memories().String() + "; what lies between is rounded up, with a warning"},
		{Field: "timeout", Takes: timeouts().String() + "; what lies between is rounded up, with a warning"},
		{Field: "architecture", Takes: "amd64 (default) or arm64"},
		{Field: "env, secrets", Takes: fmt.Sprintf("names of at least two letters, digits and _, none that Lambda sets itself; %d bytes as JSON, including what ferry adds", maxEnv)},
		{Field: "scaling.concurrency", Takes: "1: an instance handles one request at a time; more is a warning"},
		{Field: "events[].queue.batch", Takes: fmt.Sprintf("at most %d; %d for a FIFO queue", maxBatch, maxBatchFIFO)},
		{Field: "events[].schedule.cron", Takes: "what EventBridge Scheduler can express: not both day fields"},
		{Field: "events[].http.cors", Takes: fmt.Sprintf("max_age of whole seconds, at most %s; not the method OPTIONS, which Lambda answers itself", manifest.Duration(maxCORSAge))},
		{Field: "aws.ephemeral_storage", Takes: storages().String()},
		{Field: "aws.layers", Takes: fmt.Sprintf("at most %d, in the target's region", maxLayers)},
		{Field: "aws.tags", Takes: fmt.Sprintf("at most %d together with ferry's; keys of %d characters, values of %d", maxTags, maxTagKey, maxTagValue)},
		{Field: "aws.log_retention", Takes: strings.Trim(fmt.Sprint(retentions()), "[]") + " days"},
		{Field: "the package", Takes: fmt.Sprintf("at most %d MB unzipped; AWS also counts layers, whose size ferry cannot know. A zip of more than %d MB goes through the bucket", maxUnzipped>>20, maxDirect>>20)},
	}
}

// memories are the sizes of an instance's memory.
func memories() check.Range[manifest.Size] {
	return check.Range[manifest.Size]{Least: minMemory, Most: maxMemory, Step: manifest.MB, Unit: "whole megabytes"}
}

// storages are the sizes of /tmp.
func storages() check.Range[manifest.Size] {
	return check.Range[manifest.Size]{Least: minStorage, Most: maxStorage, Step: manifest.MB, Unit: "whole megabytes"}
}

// timeouts are how long an invocation may take.
func timeouts() check.Range[manifest.Duration] {
	second := manifest.Duration(time.Second)
	return check.Range[manifest.Duration]{Least: second, Most: manifest.Duration(maxTimeout), Step: second, Unit: "whole seconds"}
}

// variables are the names that Lambda takes in an environment.
func variables() check.Variables {
	return check.Variables{
		Provider: "Lambda", Reserved: reserved(), Form: regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_]+$`),
		Hint: "use at least two letters, digits and _, and begin with a letter",
	}
}

// reserved are the variables that the runtime itself sets.
func reserved() []string {
	return []string{
		"_HANDLER", "_X_AMZN_TRACE_ID", "AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_DEFAULT_REGION", "AWS_EXECUTION_ENV",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_VERSION",
		"AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_LAMBDA_RUNTIME_API",
		"AWS_REGION", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "LAMBDA_RUNTIME_DIR", "LAMBDA_TASK_ROOT",
	}
}

// retentions are the numbers of days that CloudWatch Logs takes.
func retentions() []int {
	return []int{1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}
}

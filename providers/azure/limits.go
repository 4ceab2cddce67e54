package azure

import (
	"fmt"
	"regexp"
	"time"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/check"
)

// The limits of Flex Consumption that are checked before anything is sent, from Azure's pages "Azure Functions hosting
// options" and "Flex Consumption plan".
const (
	maxUnzipped    = 800 << 20 // bytes of an instance's disk
	maxAnswer      = 230 * time.Second
	maxTimeout     = 24 * time.Hour
	maxInstances   = 1000
	maxConcurrency = 1000
	maxBatch       = 32
	maxTags        = 50
	maxTagKey      = 128
	maxTagValue    = 256

	leastRetention, maxRetention = 30, 730
)

// limits say what Flex Consumption takes, for the page about it.
func limits() []providers.LimitFact {
	return []providers.LimitFact{
		{Field: "memory", Takes: "512MB, 2GB or 4GB; what lies between is rounded up, with a warning"},
		{Field: "timeout", Takes: fmt.Sprintf("%s; %s for a function with an HTTP event: so long Azure waits for an answer", timeouts(), manifest.Duration(maxAnswer))},
		{Field: "architecture", Takes: "amd64"},
		{Field: "env, secrets", Takes: "letters, digits and _; none that Azure sets or refuses on this plan"},
		{Field: "scaling.max", Takes: fmt.Sprintf("at most %d, for HTTP and for each other event apart; bursts of requests may exceed it", maxInstances)},
		{Field: "scaling.concurrency", Takes: fmt.Sprintf("at most %d requests at a time in an instance", maxConcurrency)},
		{Field: "events[].queue.batch", Takes: fmt.Sprintf("at most %d", maxBatch)},
		{Field: "events[].schedule.cron", Takes: "not both day fields: Azure wants both to hold, crontab either"},
		{Field: "events[].schedule.timezone", Takes: "UTC"},
		{Field: "events[].object.suffix", Takes: "any"},
		{Field: "azure.log_retention", Takes: fmt.Sprintf("%d to %d days", leastRetention, maxRetention)},
		{Field: "azure.tags", Takes: fmt.Sprintf("at most %d together with ferry's; keys of %d characters, values of %d", maxTags, maxTagKey, maxTagValue)},
		{Field: "the package", Takes: fmt.Sprintf("at most %d MB unzipped", maxUnzipped>>20)},
	}
}

// memories are the sizes of an instance.
func memories() []manifest.Size {
	return []manifest.Size{512 * manifest.MB, 2048 * manifest.MB, 4096 * manifest.MB}
}

// timeouts are how long an invocation may take.
func timeouts() check.Range[manifest.Duration] {
	second := manifest.Duration(time.Second)
	return check.Range[manifest.Duration]{Least: second, Most: manifest.Duration(maxTimeout), Step: second, Unit: "whole seconds"}
}

// variables are the names that Azure takes in an environment.
func variables() check.Variables {
	return check.Variables{
		Provider: "Azure", Reserved: reserved(), Form: regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`),
		Hint: "use letters, digits and _, and begin with a letter",
	}
}

// reserved are the settings that Azure sets itself, and those that it refuses or ignores on this plan.
func reserved() []string {
	return []string{
		"FUNCTIONS_*", "WEBSITE_*", "AZUREWEBJOBS*", "AzureWebJobs*", "AzureFunctions*", "APPLICATIONINSIGHTS_CONNECTION_STRING",
		"APPLICATIONINSIGHTS_AUTHENTICATION_STRING", "APPINSIGHTS_INSTRUMENTATIONKEY", "DEPLOYMENT_STORAGE_CONNECTION_STRING",
		"SCM_DO_BUILD_DURING_DEPLOYMENT", "ENABLE_ORYX_BUILD", "CONTAINER_NAME", "HOME",
	}
}

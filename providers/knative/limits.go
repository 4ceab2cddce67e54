package knative

import (
	"fmt"
	"regexp"
	"time"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/check"
)

// The limits of Knative as it is installed; some a cluster's operator may raise. Where no webhook refuses what is beyond, it
// would be accepted and fail later.
const (
	minMemory, maxMemory = 16 * manifest.MB, 1024 * manifest.GB
	maxTimeout           = 600 * time.Second // max-revision-timeout-seconds
	maxConcurrency       = 1000              // container-concurrency-max-scale
	maxSecret            = 1 << 20           // bytes of a Secret
)

// limits say what Knative takes, for the page about it.
func limits() []providers.LimitFact {
	return []providers.LimitFact{
		{Field: "memory", Takes: memories().String() + "; what lies between is rounded up, with a warning"},
		{Field: "timeout", Takes: timeouts().String() + "; what lies between is rounded up, with a warning"},
		{Field: "architecture", Takes: "that of the nodes: `architecture` of the target"},
		{Field: "env, secrets", Takes: "names of letters, digits and _, none that Knative or ferry sets itself"},
		{Field: "scaling.concurrency", Takes: fmt.Sprintf("1 to %d. Default: no limit", maxConcurrency)},
		{Field: "scaling.min, scaling.max", Takes: "any"},
		{Field: "events", Takes: "http, schedule; queue, topic and object where the cluster has Knative Eventing"},
		{Field: "queue.backoff", Takes: "tenths of seconds; what lies between is rounded up, with a warning"},
	}
}

func memories() check.Range[manifest.Size] {
	return check.Range[manifest.Size]{Least: minMemory, Most: maxMemory, Step: manifest.MB, Unit: "whole megabytes"}
}

func timeouts() check.Range[manifest.Duration] {
	second := manifest.Duration(time.Second)
	return check.Range[manifest.Duration]{Least: second, Most: manifest.Duration(maxTimeout), Step: second, Unit: "whole seconds"}
}

// variables are the names that Knative and the adapter take in an environment.
func variables() check.Variables {
	return check.Variables{
		Provider: "Knative", Form: regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`), Hint: "use letters, digits and _",
		Reserved: []string{"PORT", "K_SERVICE", "K_REVISION", "K_CONFIGURATION"},
	}
}

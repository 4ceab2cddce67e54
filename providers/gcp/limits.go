package gcp

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/check"
)

// The limits of Cloud Run that are checked before anything is sent, from Google's pages "Cloud Run quotas and limits",
// "Configure memory limits" and "Configure CPU limits".
const (
	minMemory, maxMemory = 128 * manifest.MB, 32 * manifest.GB
	maxTimeout           = 60 * time.Minute // of a request
	maxEventTimeout      = 10 * time.Minute // of an event: Pub/Sub takes an unanswered one for lost after that time
	maxBuiltEventTimeout = 9 * time.Minute  // of an event, where Cloud Functions builds the function
	maxConcurrency       = 1000
	maxInstances         = 1000     // that can be asked for
	maxEnv               = 1000     // variables, secrets included
	maxValue             = 32 << 10 // bytes of a variable
	maxUnzipped          = 2 << 30  // bytes: what is unpacked counts as memory of an instance
	maxLabels            = 64
	maxLabel             = 63
	minCPU               = cpus(80)
)

// limits say what Cloud Run takes, for the page about it.
func limits() []providers.LimitFact {
	return []providers.LimitFact{
		{Field: "memory", Takes: memories().String() + "; what lies between is rounded up, with a warning"},
		{Field: "timeout", Takes: fmt.Sprintf("%s for HTTP, %s where events call the function; what lies between is rounded up, with a warning", timeouts(), manifest.Duration(maxEventTimeout))},
		{Field: "architecture", Takes: "amd64"},
		{Field: "env, secrets", Takes: fmt.Sprintf("at most %d variables of %d KB, none that Cloud Run or ferry sets itself", maxEnv, maxValue>>10)},
		{Field: "scaling.concurrency", Takes: fmt.Sprintf("1 to %d; more than 1 needs a whole CPU. Default: 1 with less than one CPU, else 80", maxConcurrency)},
		{Field: "scaling.min, scaling.max", Takes: fmt.Sprintf("at most %d", maxInstances)},
		{Field: "gcp.cpu", Takes: "0.08 to 1, 2, 4, 6 or 8; what lies between is rounded up, with a warning. Default, by memory: " + cpuTiers()},
		{Field: "gcp.labels", Takes: fmt.Sprintf("at most %d together with ferry's; lower case letters, digits, _ and -, at most %d characters", maxLabels, maxLabel)},
		{Field: "the package", Takes: fmt.Sprintf("at most %d GB unzipped", maxUnzipped>>30)},
	}
}

// memories are the sizes of an instance's memory.
func memories() check.Range[manifest.Size] {
	return check.Range[manifest.Size]{Least: minMemory, Most: maxMemory, Step: manifest.MB, Unit: "whole megabytes"}
}

// timeouts are how long a request may take.
func timeouts() check.Range[manifest.Duration] {
	second := manifest.Duration(time.Second)
	return check.Range[manifest.Duration]{Least: second, Most: manifest.Duration(maxTimeout), Step: second, Unit: "whole seconds"}
}

// tier is how much of a CPU comes with so much memory, as Cloud Functions gives it; above, Cloud Run asks for more.
type tier struct {
	memory manifest.Size // at most
	cpu    cpus
}

func tiers() []tier {
	return []tier{
		{128 * manifest.MB, 83},
		{256 * manifest.MB, 167},
		{512 * manifest.MB, 333},
		{manifest.GB, 583},
		{2 * manifest.GB, 1000},
		{8 * manifest.GB, 2000},
		{16 * manifest.GB, 4000},
		{32 * manifest.GB, 8000},
	}
}

func cpuTiers() string {
	var all []string
	for _, t := range tiers() {
		all = append(all, fmt.Sprintf("%s up to %s", t.cpu, t.memory))
	}
	return strings.Join(all, ", ")
}

// offeredCPU is the least number of CPUs on offer that is enough; where there is none, what is asked for.
func offeredCPU(asked cpus) cpus {
	if asked <= wholeCPU {
		return max(asked, minCPU)
	}
	for _, whole := range []cpus{2000, 4000, 6000, 8000} {
		if asked <= whole {
			return whole
		}
	}
	return asked
}

// cpu is how many CPUs an instance gets.
func (f function) cpu() cpus {
	if f.own.CPU > 0 {
		return offeredCPU(f.own.CPU)
	}
	given := wholeCPU
	for _, t := range slices.Backward(tiers()) {
		if f.Memory <= t.memory {
			given = t.cpu
		}
	}
	if f.Scaling.Concurrency > 1 {
		return max(given, wholeCPU)
	}
	return given
}

// concurrency is how many requests an instance gets at once. Cloud Run gives an instance with less than a CPU one.
func (f function) concurrency() int {
	switch {
	case f.cpu() < wholeCPU:
		return 1
	case f.Scaling.Concurrency > 0:
		return f.Scaling.Concurrency
	}
	return 80
}

// neededCPU is the least that Cloud Run takes with so much memory, and leastMemory what it takes with so many CPUs.
func neededCPU(memory manifest.Size) cpus {
	switch {
	case memory <= 512*manifest.MB:
		return minCPU
	case memory <= manifest.GB:
		return 500
	case memory <= 4*manifest.GB:
		return wholeCPU
	case memory <= 8*manifest.GB:
		return 2000
	case memory <= 16*manifest.GB:
		return 4000
	case memory <= 24*manifest.GB:
		return 6000
	}
	return 8000
}

func leastMemory(c cpus) manifest.Size {
	switch {
	case c >= 6000:
		return 4 * manifest.GB
	case c >= 4000:
		return 2 * manifest.GB
	}
	return minMemory
}

// variables are the names that Cloud Run takes in an environment.
func variables() check.Variables {
	return check.Variables{
		Provider: "Cloud Run", Form: regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`), Hint: "use letters, digits and _",
		Reserved: []string{"PORT", "K_SERVICE", "K_REVISION", "K_CONFIGURATION", "CLOUD_RUN_*", "X_GOOGLE_*"},
	}
}

// regions are those of Cloud Run as Google's page "Cloud Run locations" has them in November 2026. A newer one is only
// warned of.
func regions() []string {
	return []string{
		"africa-south1", "asia-east1", "asia-east2", "asia-northeast1", "asia-northeast2", "asia-northeast3", "asia-south1", "asia-south2",
		"asia-southeast1", "asia-southeast2", "asia-southeast3", "australia-southeast1", "australia-southeast2", "europe-central2",
		"europe-north1", "europe-north2", "europe-southwest1", "europe-west1", "europe-west2", "europe-west3", "europe-west4",
		"europe-west6", "europe-west8", "europe-west9", "europe-west10", "europe-west12", "me-central1", "me-central2", "me-west1",
		"northamerica-northeast1", "northamerica-northeast2", "northamerica-south1", "southamerica-east1", "southamerica-west1",
		"us-central1", "us-east1", "us-east4", "us-east5", "us-south1", "us-west1", "us-west2", "us-west3", "us-west4",
	}
}

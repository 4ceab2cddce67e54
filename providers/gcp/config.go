package gcp

import (
	"errors"
	"math"
	"strconv"
	"strings"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/providers"
)

// target is the block of a target. What it embeds holds for all of its functions unless they say otherwise.
type target struct {
	Project      string `json:"project,omitempty" jsonschema:"The project's id. Default: GOOGLE_CLOUD_PROJECT."`
	Region       string `json:"region,omitempty" jsonschema:"The region, such as europe-west1. Default: GOOGLE_CLOUD_REGION."`
	Repository   string `json:"repository,omitempty" jsonschema:"The repository for images. Default: REGION-docker.pkg.dev/PROJECT/ferry, which ferry creates."`
	Bucket       string `json:"bucket,omitempty" jsonschema:"The bucket for releases and packages. Default: ferry-PROJECT-REGION, which ferry creates."`
	QuotaProject string `json:"quota_project,omitempty" jsonschema:"The project that calls are counted and billed to. Default: that of the credentials."`
	Impersonate  string `json:"impersonate,omitempty" jsonschema:"A service account that ferry impersonates and does everything as."`
	settings
}

// settings are the block functions.<name>.gcp.
type settings struct {
	Via                 string            `json:"via,omitempty" jsonschema:"What makes the function: run, an image of ferry's own on Cloud Run, in seconds; or functions, a build by Cloud Functions, in minutes. Default: functions for what is written for its framework (gcf-http, gcf-event, gcf), run for all else."`
	ServiceAccount      string            `json:"service_account,omitempty" jsonschema:"The service account that the function runs as; ferry changes nothing in it. Default: ferry creates one with the least rights."`
	BuildServiceAccount string            `json:"build_service_account,omitempty" jsonschema:"The service account that Cloud Build builds as. Default: the project's."`
	Roles               []string          `json:"roles,omitempty" jsonschema:"Further roles in the project for the service account that ferry creates."`
	BaseImage           string            `json:"base_image,omitempty" jsonschema:"The image that a package is laid over. Default: Google's own for the runtime."`
	CPU                 cpus              `json:"cpu,omitempty" jsonschema:"CPUs of an instance: 0.08 to 1, 2, 4, 6 or 8. Default: as much as comes with the memory on Cloud Functions."`
	Ingress             string            `json:"ingress,omitempty" jsonschema:"Who reaches the function: all (default), internal, or internal-and-load-balancer."`
	VPCConnector        string            `json:"vpc_connector,omitempty" jsonschema:"The Serverless VPC Access connector that requests of the function go through."`
	Network             string            `json:"network,omitempty" jsonschema:"The VPC network that the function is connected to without a connector."`
	Subnet              string            `json:"subnet,omitempty" jsonschema:"The subnet of that network. Default: the one with the network's name."`
	Egress              string            `json:"egress,omitempty" jsonschema:"What goes through the network: private-ranges-only (default) or all-traffic."`
	Labels              map[string]string `json:"labels,omitempty" jsonschema:"Further labels for what ferry makes."`
	Resources           map[string]string `json:"resources,omitempty" jsonschema:"What the names in events mean: a name to the full name of a topic, subscription or bucket."`
}

// cpus are thousandths of a CPU.
type cpus int64

const wholeCPU cpus = 1000

// UnmarshalText reads a number such as 0.5 or 2.
func (c *cpus) UnmarshalText(text []byte) error {
	n, err := strconv.ParseFloat(string(text), 64)
	if err != nil || n <= 0 || n > 1000 {
		return errors.New("is not a number of CPUs: write one such as 0.5 or 2")
	}
	*c = cpus(math.Round(n * float64(wholeCPU)))
	return nil
}

// MarshalText writes the number.
func (c cpus) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

func (c cpus) String() string {
	return strconv.FormatFloat(float64(c)/float64(wholeCPU), 'f', -1, 64)
}

// function is a function with its own block read; the manifest has laid it over the target's.
type function struct {
	manifest.Function
	own settings
}

func functionOf(fn manifest.Function) function {
	f := function{Function: fn}
	_ = fn.Config.Decode(&f.own) // its problems were reported when the manifest was loaded
	return f
}

// bound reports whether anything but HTTP calls the function.
func (f function) bound() bool {
	for _, e := range f.Events {
		if e.HTTP == nil {
			return true
		}
	}
	return false
}

// reachable reports whether the function's address is to be reached from here.
func (f function) reachable() bool { return f.own.Ingress == "" || f.own.Ingress == "all" }

// access is who may call the function by its address.
func (f function) access() access {
	switch e := f.HTTP(); {
	case e == nil:
		return nobody
	case e.Private():
		return private
	default:
		return public
	}
}

// spec is a spec whose function's own block is read, which is once for each call of the contract.
type spec struct {
	function function
	artifact packager.Artifact
	secrets  map[string]string
	base     string
	digest   string
}

// specOf is a spec with its settings. One that was laid over a base image is an image, whatever is usual for such a function today:
// its package is made for that.
func specOf(s providers.Spec) spec {
	fn := functionOf(s.Function)
	if s.Base != "" {
		fn.own.Via = byRun
	}
	return spec{fn, s.Artifact, s.Secrets, s.Base, s.Digest}
}

// hex is the digest without its kind.
func (s spec) hex() string { return strings.TrimPrefix(s.digest, "sha256:") }

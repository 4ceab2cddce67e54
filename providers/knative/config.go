package knative

import (
	"slices"
	"strings"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/providers"
)

// target is the block of a target. What it embeds holds for all of its functions unless they say otherwise.
type target struct {
	Context      string   `json:"context,omitempty" jsonschema:"The context of the kubeconfig. Default: its current one; inside of a cluster, that cluster."`
	Kubeconfig   string   `json:"kubeconfig,omitempty" jsonschema:"The kubeconfig file. Default: KUBECONFIG, else ~/.kube/config."`
	Namespace    string   `json:"namespace,omitempty" jsonschema:"The namespace, which must exist. Default: that of the context, else default."`
	Registry     string   `json:"registry,omitempty" jsonschema:"The repository that images and packages are put into, such as registry.example.com/shop. The cluster must be able to pull from it."`
	Architecture string   `json:"architecture,omitempty" jsonschema:"The architecture of the nodes: amd64 (default) or arm64."`
	Ingress      string   `json:"ingress,omitempty" jsonschema:"Where the ingress is reached from here, such as http://127.0.0.1:8080. Default: the addresses that Knative gives to functions."`
	LocalIngress string   `json:"local_ingress,omitempty" jsonschema:"Where the cluster-local gateway is reached from here, such as a port that kubectl forwards. Default: private functions are reached from inside of the cluster only."`
	CallerImage  string   `json:"caller_image,omitempty" jsonschema:"The image with curl that schedules call functions with. Default: docker.io/curlimages/curl:8.16.0."`
	Store        *keeping `json:"store,omitempty" jsonschema:"A bucket for releases and packages, of S3 or of what speaks S3. Default: ConfigMaps of the namespace, and the registry."`
	settings
}

// keeping is the bucket that releases are kept in.
type keeping struct {
	Bucket   string `json:"bucket" jsonschema:"The bucket, which must exist. One that several clusters share needs targets of different names."`
	Region   string `json:"region,omitempty" jsonschema:"The region of the bucket. Default: AWS_REGION, else us-east-1."`
	Endpoint string `json:"endpoint,omitempty" jsonschema:"Where S3 is spoken, such as https://minio.example.com. Default: AWS."`
	Profile  string `json:"profile,omitempty" jsonschema:"The profile of the AWS configuration files that has the credentials. Default: those that AWS's own programs find."`
}

// settings are the block functions.<name>.knative.
type settings struct {
	BaseImage      string            `json:"base_image,omitempty" jsonschema:"The image that a package is laid over. Default: the official one of the runtime."`
	CPU            string            `json:"cpu,omitempty" jsonschema:"CPUs of an instance, such as 500m or 2. Default: what the cluster gives."`
	ServiceAccount string            `json:"service_account,omitempty" jsonschema:"The service account that the function runs as. Default: the namespace's default."`
	Resources      map[string]string `json:"resources,omitempty" jsonschema:"The brokers that the events of queues, topics and buckets come from, by the names that the manifest gives them, each with the attributes that such an event has, as in shop?type=com.example.order. Default: the broker of that name."`
	DeadLetters    string            `json:"dead_letters,omitempty" jsonschema:"The broker that gets events that failed each time. Default: where their own broker sends them."`
	PullSecret     string            `json:"pull_secret,omitempty" jsonschema:"The secret of the namespace that the cluster pulls images with. Default: that of the service account."`
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

// public reports whether the function is to be reached from outside of the cluster.
func (f function) public() bool {
	e := f.HTTP()
	return e != nil && !e.Private()
}

// called reports whether anything but HTTP calls the function.
func (f function) called() bool {
	return slices.ContainsFunc(f.Events, func(e manifest.Event) bool { return e.HTTP == nil })
}

// spec is a spec whose function's own block is read, which is once for each call of the contract.
type spec struct {
	function function
	artifact packager.Artifact
	secrets  map[string]string
	digest   string
}

func specOf(s providers.Spec) spec {
	return spec{functionOf(s.Function), s.Artifact, s.Secrets, s.Digest}
}

// hex is the digest without its kind.
func (s spec) hex() string { return strings.TrimPrefix(s.digest, "sha256:") }

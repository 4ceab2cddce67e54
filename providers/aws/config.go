package aws

import (
	"cmp"
	"encoding/json"
	"errors"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/providers"
)

// target is the block of a target. What it embeds holds for all of its functions unless they say otherwise.
type target struct {
	Region   string    `json:"region,omitempty" jsonschema:"The region, such as eu-west-1. Default: AWS_REGION or AWS_DEFAULT_REGION."`
	Account  string    `json:"account,omitempty" jsonschema:"The account's twelve digits. Credentials of another account are refused."`
	Profile  string    `json:"profile,omitempty" jsonschema:"The profile of the AWS configuration files. Default: the credentials that the AWS CLI would take."`
	Bucket   string    `json:"bucket,omitempty" jsonschema:"The bucket for releases and packages. Default: ferry-ACCOUNT-REGION, which ferry creates."`
	Endpoint endpoints `json:"endpoint,omitempty" jsonschema:"Where to find AWS instead: a URL, or a map from service (lambda, iam, s3, …) to URL."`

	AssumeRole string `json:"assume_role,omitempty" jsonschema:"The ARN of a role that ferry assumes and does everything as."`
	settings
}

// settings are the block functions.<name>.aws.
type settings struct {
	Role                string            `json:"role,omitempty" jsonschema:"The ARN of the execution role; ferry changes nothing in it. Default: ferry creates one with the least rights."`
	SchedulerRole       string            `json:"scheduler_role,omitempty" jsonschema:"The ARN of the role with which schedules call the function. Default: ferry creates one that may do nothing else."`
	PermissionsBoundary string            `json:"permissions_boundary,omitempty" jsonschema:"The ARN of a policy that bounds the roles that ferry creates. One that somebody else set stays."`
	Policies            []string          `json:"policies,omitempty" jsonschema:"ARNs of further policies for the role that ferry creates."`
	Layers              []string          `json:"layers,omitempty" jsonschema:"ARNs of layer versions, at most five."`
	EphemeralStorage    manifest.Size     `json:"ephemeral_storage,omitempty" jsonschema:"The size of /tmp, 512MB (default) to 10240MB."`
	Tracing             string            `json:"tracing,omitempty" jsonschema:"Tracing with AWS X-Ray: active or passthrough (default)."`
	DeadLetter          string            `json:"dead_letter,omitempty" jsonschema:"The ARN of the queue or topic for events that failed."`
	VPC                 *vpc              `json:"vpc,omitempty" jsonschema:"The network of the function."`
	ResponseStream      bool              `json:"response_stream,omitempty" jsonschema:"Whether answers are streamed, in Node and Go, up to 200 MB. Default: false."`
	LogRetention        int               `json:"log_retention,omitempty" jsonschema:"Days for which logs are kept. Default: 30."`
	Tags                map[string]string `json:"tags,omitempty" jsonschema:"Further tags for functions, roles, log groups and mappings."`
	Resources           map[string]string `json:"resources,omitempty" jsonschema:"What the names in events mean: a name to the ARN or name of a queue, topic or bucket."`
}

// traced reports whether X-Ray follows requests.
func (s settings) traced() bool { return s.Tracing == "active" }

// resource is what a name in an event stands for: an ARN, or a name of this account.
func (s settings) resource(name string) string {
	if mapped, ok := s.Resources[name]; ok {
		return mapped
	}
	return name
}

// storage is the size of /tmp.
func (s settings) storage() manifest.Size { return cmp.Or(s.EphemeralStorage, minStorage) }

// retention is how many days logs are kept, which Lambda would keep for ever.
func (s settings) retention() int { return cmp.Or(s.LogRetention, 30) }

// vpc is a network. Both lists are needed.
type vpc struct {
	Subnets        []string `json:"subnets" jsonschema:"Ids of subnets."`
	SecurityGroups []string `json:"security_groups" jsonschema:"Ids of security groups."`
}

// endpoints replaces the addresses of services; the one of "" is for those that are not named.
type endpoints map[string]string

// UnmarshalJSON reads a URL, or a map from service to URL.
func (e *endpoints) UnmarshalJSON(data []byte) error {
	var one string
	if err := json.Unmarshal(data, &one); err == nil {
		*e = endpoints{"": one}
		return nil
	}
	var many map[string]string
	if err := json.Unmarshal(data, &many); err != nil {
		return errors.New("must be a URL, or a map from service to URL")
	}
	*e = many
	return nil
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

// config is the digest of all of a spec but its package.
func (s spec) config() string { return providers.ConfigDigest(s.function.Function, s.secrets) }

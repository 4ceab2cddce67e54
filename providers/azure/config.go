package azure

import (
	"strings"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/providers"
)

// target is the block of a target. What it embeds holds for all of its functions unless they say otherwise.
type target struct {
	Subscription   string            `json:"subscription,omitempty" jsonschema:"The subscription's id. Default: AZURE_SUBSCRIPTION_ID, ARM_SUBSCRIPTION_ID, the one that the Azure CLI has chosen, or the only one there is."`
	ResourceGroup  string            `json:"resource_group,omitempty" jsonschema:"The resource group for everything. ferry creates it where it is not there."`
	Location       string            `json:"location,omitempty" jsonschema:"The region, such as westeurope."`
	StorageAccount string            `json:"storage_account,omitempty" jsonschema:"The storage account for releases, packages, the apps' own state, and the queues and containers that events name. Default: one of a name of ferry's own, which ferry creates."`
	KeyVault       string            `json:"key_vault,omitempty" jsonschema:"The name of the key vault that secrets are in. It must exist, with access by roles."`
	MetadataHost   string            `json:"metadata_host,omitempty" jsonschema:"The host of Resource Manager that tells where the services of another cloud are. Default: ARM_METADATA_HOSTNAME, else Azure's public cloud."`
	Apps           map[string]string `json:"apps,omitempty" jsonschema:"Names of function apps that exist already, by the names of their functions. Default: names of ferry's own."`
	LogRetention   int               `json:"log_retention,omitempty" jsonschema:"Days for which logs are kept, 30 (default) to 730."`
	settings
}

// retention is how many days logs are kept.
func (t target) retention() int32 { return int32(max(t.LogRetention, leastRetention)) }

// settings are the block functions.<name>.azure.
type settings struct {
	AlwaysReady map[string]int    `json:"always_ready,omitempty" jsonschema:"Instances that are kept warm, by group: http, blob, durable or function:NAME. Default: scaling.min of each."`
	Roles       []grant           `json:"roles,omitempty" jsonschema:"Further roles of the function's identity."`
	Identity    string            `json:"identity,omitempty" jsonschema:"The id of a user-assigned identity as which the function runs; ferry gives it no roles. Default: ferry creates one for a function that needs any."`
	ServiceBus  string            `json:"service_bus,omitempty" jsonschema:"The Service Bus namespace, by its name in the resource group or its id, that the queues and topics of events are in. Default: queues are of Azure Storage, topics of Event Grid."`
	Resources   map[string]string `json:"resources,omitempty" jsonschema:"What the names in events mean: a name to the name of a queue, the name of a container or ACCOUNT/CONTAINER, the name of a topic or the id of one of Event Grid."`
	Tags        map[string]string `json:"tags,omitempty" jsonschema:"Further tags for all that is made for the function."`

	CustomHandler bool `json:"custom_handler,omitempty" jsonschema:"Whether a Python function is a server of its own that the host hands requests on to, and not loaded by Azure's worker for Python: answers are streamed, and headers arrive as they were sent. The image has to have python3."`
}

// grant is a role on something.
type grant struct {
	Role  string `json:"role" jsonschema:"The role's name, such as Storage Blob Data Reader, or its id."`
	Scope string `json:"scope" jsonschema:"The id of what it is a role on, such as /subscriptions/…/resourceGroups/shop."`
}

// resource is what a name in an event stands for.
func (s settings) resource(name string) string {
	if mapped, ok := s.Resources[name]; ok {
		return mapped
	}
	return name
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

// handled reports whether a function's requests go to a process of its own, which Azure calls a custom handler. The others
// are loaded by Azure's worker for their language.
func (f function) handled() bool {
	language := f.Runtime.Language()
	return f.Style == manifest.StyleServer || language != "nodejs" && language != "python" || f.shim() != name
}

// shim is the target that a package is made for: Python is loaded by Azure's worker, unless it is asked to be a server of its own.
func (f function) shim() string {
	if f.own.CustomHandler && f.Runtime.Language() == "python" && f.Style != manifest.StyleAzure {
		return name + "handler"
	}
	return name
}

// native reports whether the function is an app of Azure's own programming model, which registers its functions by itself.
func (f function) native() bool { return f.Style == manifest.StyleAzure && !f.handled() }

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

// revision is the name of the revision that a spec is made into.
func (s spec) revision() string { return revisionID(s.digest) }

func revisionID(digest string) string {
	hex := strings.TrimPrefix(digest, "sha256:")
	return hex[:min(len(hex), 20)]
}

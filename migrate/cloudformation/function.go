package cloudformation

import (
	"strings"

	"github.com/ferryfn/ferry/migrate/draft"
	"github.com/ferryfn/ferry/migrate/foreign"
	"github.com/ferryfn/ferry/migrate/lambda"
)

// one is a function that is being read.
type one struct {
	*reader
	fn      *draft.Named
	at      string // functions.<name>
	routes  lambda.Routes
	granted *foreign.Node // policies that stand in the function
}

// function reads a resource that is one; nil is one that is none, or that ferry cannot run.
func (r *reader) function(id string, n *foreign.Node) *one {
	if !isFunction(n) {
		return nil
	}
	properties := n.Get("Properties")
	name := r.made.Unique(draft.Name(strings.TrimSuffix(id, "Function")))
	f := &one{reader: r, fn: &draft.Named{Name: name}, at: "functions." + name}
	if reason := f.callable(properties); reason != "" {
		if n.Lose(reason); r.made.Absent == "" {
			r.made.Absent = "Resources." + id + ": " + reason
		}
		return nil
	}
	for _, e := range n.Entries() {
		switch e.Key {
		case "Type":
			e.Value.Map(f.at)
		case "Properties":
		default:
			e.Value.Drop("it says how CloudFormation makes the function")
		}
	}
	known := f.keys()
	for _, e := range properties.Entries() {
		if read := known[e.Key]; read != nil {
			read(e.Value)
		} else if reason := perFunction(e.Key); reason != "" {
			e.Value.Drop(reason)
		}
	}
	r.byID[id] = f
	return f
}

func isFunction(n *foreign.Node) bool {
	kind := n.Get("Type").Raw()
	return kind == "AWS::Serverless::Function" || kind == "AWS::Lambda::Function"
}

// property is a property of the function, or of all, and whose it is in the manifest.
func (f *one) property(own *foreign.Node, key string) (n *foreign.Node, of string) {
	if n := own.Get(key); n != nil {
		return n, f.at
	}
	return f.globals.Get(key), "functions.*"
}

// callable finds runtime, source and handler, or says why there are none.
func (f *one) callable(properties *foreign.Node) (reason string) {
	if text, _ := f.template.Text(properties.Get("PackageType")); text == "Image" || properties.Get("ImageUri") != nil {
		return "it is an image: ferry runs code from packages"
	}
	where, runtimeOf := f.property(properties, "Runtime")
	id, ok := f.text(where)
	if !ok {
		return "its runtime is not known"
	}
	code, codeOf := f.code(properties)
	h, handlerOf := f.property(properties, "Handler")
	handler, ok := f.text(h)
	if !ok {
		return "its handler is not known"
	}
	source, runtime, reason := "", "", ""
	if inline(properties) != nil {
		source, runtime, reason = f.inlined(inline(properties), id, handler)
	} else {
		source, runtime, reason = f.packaged(code, id, handler)
	}
	if reason != "" {
		return reason
	}
	f.fn.Style, f.fn.Source = "lambda", source
	if runtime == "custom" {
		f.fn.Build = &draft.Build{Include: []string{"**"}} // what the program reads, Lambda has, too
	}
	if source == "." {
		f.fn.Source = ""
	}
	if runtime != f.made.Defaults.Runtime {
		f.fn.Runtime = runtime
	}
	where.Map(runtimeOf + ".runtime")
	code.Map(codeOf + ".source")
	h.Map(handlerOf + ".handler")
	return ""
}

func (f *one) keys() map[string]func(*foreign.Node) {
	keys := f.shared(&f.fn.Function, f.at)
	for key, read := range map[string]func(*foreign.Node){
		"Runtime": told, "Handler": told, "CodeUri": told, "InlineCode": told, "Code": told,
		"Events":                       f.events,
		"FunctionUrlConfig":            foreign.Seen(f.url),
		"Role":                         f.role,
		"Policies":                     func(n *foreign.Node) { f.granted = n },
		"PermissionsBoundary":          f.boundary,
		"ReservedConcurrentExecutions": func(n *foreign.Node) { f.bound(n, "max") },
		"ProvisionedConcurrencyConfig": foreign.Seen(func(n *foreign.Node) { f.bound(n.Get("ProvisionedConcurrentExecutions"), "min") }),
		"DeadLetterQueue": func(n *foreign.Node) {
			n.Get("Type").Drop("the ARN says it")
			f.deadLetter(n.Get("TargetArn"))
		},
		"DurableConfig":          foreign.Lost("steps that last are kept by AWS alone: keep their state in a store, and call them by queues"),
		"TenancyConfig":          foreign.Lost("ferry keeps no tenants apart: make a function for each"),
		"CapacityProviderConfig": foreign.Lost("ferry runs functions on the capacity that their provider manages"),
		"DeadLetterConfig":       func(n *foreign.Node) { f.deadLetter(n.Get("TargetArn")) },
		"EventInvokeConfig":      foreign.Seen(foreign.Lost(unsent)),
		"FileSystemConfigs":      foreign.Lost("ferry mounts no file systems"),
		"Connectors":             foreign.Lost(connectors),
	} {
		keys[key] = read
	}
	return keys
}

// told is for properties that callable read.
func told(*foreign.Node) {}

func (f *one) bound(n *foreign.Node, which string) {
	i, ok := f.settings.Number(n)
	if !ok {
		return
	}
	if which == "max" {
		f.fn.Bounds().Max = i
	} else {
		f.fn.Bounds().Min = i
	}
	n.Map(f.at + ".scaling." + which)
}

func (f *one) deadLetter(n *foreign.Node) {
	if text, ok := f.text(n); ok {
		f.fn.Block("aws").Set("dead_letter", text)
		n.Map(f.at + ".aws.dead_letter")
	}
}

// perFunction is why a property that says nothing of what serves is left out, "" for one that ferry does not know.
func perFunction(key string) string {
	switch key {
	case "FunctionName":
		return "ferry names functions by service, stage and function"
	case "Description":
		return "the manifest has comments"
	case "PackageType":
		return "ferry runs code from packages"
	case "AutoPublishAlias", "AutoPublishAliasAllProperties", "AutoPublishCodeSha256", "DeploymentPreference", "VersionDescription", "VersionDeletionPolicy", "FunctionScalingConfig", "PublishToLatestPublished":
		return "ferry publishes and switches versions by itself, with --traffic for a part of the requests"
	case "SnapStart":
		return "it quickens runtimes that ferry does not call"
	case "KmsKeyArn", "CodeSigningConfigArn", "RuntimeManagementConfig", "LoggingConfig", "RecursiveLoop", "PropagateTags", "SourceKMSKeyArn", "RolePath", "AssumeRolePolicyDocument":
		return "it is a setting of AWS that ferry leaves as it is"
	case "FunctionArn", "CodeSize", "CodeSha256", "ConfigSha256", "LastModified", "Version", "RevisionId", "MasterArn", "RuntimeVersionConfig", "State", "StateReason",
		"StateReasonCode", "LastUpdateStatus", "LastUpdateStatusReason", "LastUpdateStatusReasonCode", "SigningJobArn", "SigningProfileVersionArn":
		return "AWS sets it"
	}
	return ""
}

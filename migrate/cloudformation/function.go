package cloudformation

import (
	"path/filepath"
	"strings"

	"github.com/ferryfn/ferry/migrate/draft"
	"github.com/ferryfn/ferry/migrate/foreign"
	"github.com/ferryfn/ferry/migrate/lambda"
)

// one is a function that is being read.
type one struct {
	*reader
	fn     *draft.Named
	at     string // functions.<name>
	routes lambda.Routes
}

// function reads a resource that is one; nil is one that is none, or that ferry cannot run.
func (r *reader) function(id string, n *foreign.Node) *one {
	kind := n.Get("Type").Raw()
	if kind != "AWS::Serverless::Function" && kind != "AWS::Lambda::Function" {
		return nil
	}
	properties := n.Get("Properties")
	name := r.made.Unique(draft.Name(strings.TrimSuffix(id, "Function")))
	f := &one{reader: r, fn: &draft.Named{Name: name}, at: "functions." + name}
	if reason := f.callable(properties); reason != "" {
		n.Lose(reason)
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
	code, codeOf := f.property(properties, "CodeUri")
	source, reason := f.source(code)
	if reason != "" {
		return reason
	}
	dir := filepath.Join(f.dir, filepath.FromSlash(source))
	runtime, reason := lambda.Runtime(id, dir)
	if reason != "" {
		return reason
	}
	h, handlerOf := f.property(properties, "Handler")
	handler, ok := f.text(h)
	if !ok {
		return "its handler is not known"
	}
	if f.fn.Handler, reason = lambda.Handler(runtime, foreign.In(dir), handler); reason != "" {
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

// source is the folder of a function's code.
func (f *one) source(n *foreign.Node) (folder, reason string) {
	if n == nil {
		return ".", ""
	}
	text, ok := f.template.Text(n)
	switch {
	case !ok, strings.Contains(text, "://"):
		return "", "its code lies in a bucket, or in the template: put it into a folder"
	case strings.HasSuffix(text, ".zip"), strings.HasSuffix(text, ".jar"):
		return "", "its code is a ready archive: name the folder that it is made from"
	}
	clean := filepath.ToSlash(filepath.Clean(filepath.FromSlash(text)))
	if !filepath.IsLocal(clean) {
		return "", "its code lies outside the template's folder"
	}
	return clean, ""
}

func (f *one) keys() map[string]func(*foreign.Node) {
	keys := f.shared(&f.fn.Function, f.at)
	for key, read := range map[string]func(*foreign.Node){
		"Runtime": told, "Handler": told, "CodeUri": told,
		"Events":                       f.events,
		"FunctionUrlConfig":            foreign.Seen(f.url),
		"Role":                         f.role,
		"Policies":                     f.policies,
		"PermissionsBoundary":          f.boundary,
		"ReservedConcurrentExecutions": func(n *foreign.Node) { f.bound(n, "max") },
		"ProvisionedConcurrencyConfig": foreign.Seen(func(n *foreign.Node) { f.bound(n.Get("ProvisionedConcurrentExecutions"), "min") }),
		"DeadLetterQueue":              func(n *foreign.Node) { f.deadLetter(n.Get("TargetArn")) },
		"DeadLetterConfig":             func(n *foreign.Node) { f.deadLetter(n.Get("TargetArn")) },
		"EventInvokeConfig":            foreign.Seen(foreign.Lost("ferry sends results of events nowhere, and how often they are tried is the target's to say")),
		"FileSystemConfigs":            foreign.Lost("ferry mounts no file systems"),
		"Connectors":                   foreign.Lost("ferry grants no rights by connectors: name policies in aws.policies"),
		"InlineCode":                   foreign.Lost("put the code into a file"),
		"Code":                         foreign.Lost("put the code into a folder, and name it"),
	} {
		keys[key] = read
	}
	return keys
}

// told is for properties that callable read.
func told(*foreign.Node) {}

func (f *one) bound(n *foreign.Node, which string) {
	i, ok := f.number(n)
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

func (f *one) role(n *foreign.Node) {
	text, ok := f.template.Text(n)
	if !ok {
		n.Lose("the role is made by CloudFormation: name its ARN in aws.role, or let ferry make one")
		return
	}
	f.fn.Block("aws").Set("role", text)
	n.Map(f.at + ".aws.role")
}

func (f *one) boundary(n *foreign.Node) {
	if text, ok := f.text(n); ok {
		f.fn.Block("aws").Set("permissions_boundary", text)
		n.Map(f.at + ".aws.permissions_boundary")
	}
}

// policies are ARNs of policies; templates and statements of SAM cannot be said.
func (f *one) policies(n *foreign.Node) {
	var arns []string
	for _, item := range n.Items() {
		text, ok := f.template.Text(item)
		switch {
		case ok && strings.HasPrefix(text, "arn:"):
			arns = append(arns, text)
			item.Map(f.at + ".aws.policies")
		case ok && strings.HasPrefix(text, "AWSLambda"):
			arns = append(arns, "arn:aws:iam::aws:policy/service-role/"+text)
			item.Map(f.at + ".aws.policies")
		case ok && (strings.HasPrefix(text, "Amazon") || strings.HasPrefix(text, "AWS") || strings.HasSuffix(text, "Access")):
			arns = append(arns, "arn:aws:iam::aws:policy/"+text)
			item.Map(f.at + ".aws.policies")
		default:
			item.Lose("the role that ferry makes has only the rights to run: name policies in aws.policies, or a role in aws.role")
		}
	}
	if len(arns) > 0 {
		f.fn.Block("aws").Set("policies", arns)
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

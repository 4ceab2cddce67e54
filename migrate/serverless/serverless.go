// Package serverless reads the serverless.yml of the Serverless Framework, versions 3 and 4, and of osls.
package serverless

import (
	"cmp"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/migrate/draft"
	"github.com/ferryfn/ferry/migrate/foreign"
	"github.com/ferryfn/ferry/migrate/lambda"
)

// reader makes a manifest of one serverless.yml.
type reader struct {
	root     *foreign.Node
	dir      string
	template lambda.Template
	settings lambda.Settings
	made     draft.Manifest
	aws      draft.Settings
	defaults defaults
	files    *foreign.Files
	// perAll and perFunction say what the keys mean that functions have.
	perAll      map[string]func(*reader, *foreign.Node, *draft.Function, string)
	perFunction map[string]func(*one, *foreign.Node)
}

// defaults are what the provider's block says of all functions where it is no default of the manifest's.
type defaults struct {
	payload string      // of httpApi events
	cors    *draft.CORS // of httpApi events
}

// defaultRegion is where the Serverless Framework deploys to when a file names none.
const defaultRegion = "us-east-1"

// Is is whether the file is a serverless.yml.
func Is(root *foreign.Node) bool {
	return root.Get("provider") != nil && (root.Get("functions") != nil || root.Get("service") != nil)
}

// Read makes a manifest of a file's tree, for one stage. What became of each value is said in the tree.
func Read(root *foreign.Node, file, stage string) draft.Manifest {
	v := &variables{root: root, dir: filepath.Dir(file), stage: stage, files: map[string]*foreign.Node{}, done: map[*foreign.Node]bool{}, copied: maxCopied}
	v.all(root)
	r := &reader{
		root: root, dir: filepath.Dir(file), files: foreign.In(filepath.Dir(file)), aws: draft.Settings{{Key: "provider", Value: "aws"}},
		perAll: sharedKeys(), perFunction: functionKeys(),
	}
	r.settings = lambda.Settings{Dir: r.dir, Text: r.text}
	region := cmp.Or(root.At("provider", "region").Raw(), defaultRegion)
	if root.At("provider", "region") == nil {
		r.aws.Set("region", region)
	}
	r.template = lambda.Template{Resources: r.resources(), Region: region}
	r.service()
	r.provider()
	r.functions()
	r.rest()
	r.made.Apart()
	r.made.Targets = []draft.Target{{Name: "local", Settings: draft.Settings{{Key: "provider", Value: "local"}}}, {Name: "aws", Settings: r.aws}}
	return r.made
}

// resources are the CloudFormation resources, which may be in one map or in a list of them.
func (r *reader) resources() *foreign.Node {
	var all []*foreign.Node
	for _, part := range r.root.Get("resources").Items() {
		if n := part.Get("Resources"); n != nil {
			all = append(all, n)
		}
	}
	return foreign.Together(all)
}

func (r *reader) service() {
	n := r.root.Get("service")
	if n.Is(foreign.Map) {
		n = n.Get("name")
	}
	text, ok := n.Text()
	if name := draft.Name(text); ok && name != "" {
		r.made.Service = name
		n.Map("service")
		return
	}
	r.made.Service = "service"
	n.Lose("a service's name begins with a letter")
}

func (r *reader) provider() {
	p := r.root.Get("provider")
	if p.Is(foreign.Scalar) {
		p.Map("targets.aws.provider")
		return
	}
	d := &r.made.Defaults
	d.Memory, d.Timeout = "1024MB", "6s"
	known := r.providerKeys()
	for _, e := range p.Entries() {
		if read := known[e.Key]; read != nil {
			read(e.Value)
		} else if read := r.perAll[e.Key]; read != nil {
			read(r, e.Value, d, "defaults")
		} else if reason := beside(e.Key); reason != "" {
			e.Value.Drop(reason)
		}
	}
}

// providerKeys say what those keys mean that only the provider's block has.
func (r *reader) providerKeys() foreign.Keys {
	return foreign.Keys{
		"name": func(n *foreign.Node) {
			if n.Raw() == "aws" {
				n.Map("targets.aws.provider")
				return
			}
			n.Lose("ferry reads the functions of this file as AWS Lambda's, and the provider is " + foreign.Plain(n.Raw()))
		},
		"stage": func(n *foreign.Node) { n.Drop("the stage is chosen with --stage, and is dev unless it is") },
		"region": func(n *foreign.Node) {
			r.setting(n, "region", "targets.aws.region")
		},
		"profile":           func(n *foreign.Node) { r.setting(n, "profile", "targets.aws.profile") },
		"iam":               r.iam,
		"iamRoleStatements": foreign.Lost(rightsReason),
		"apiKeys":           foreign.Lost(gatewayFeature), "usagePlan": foreign.Lost(gatewayFeature), "resourcePolicy": foreign.Lost(gatewayFeature),
		"httpApi": r.httpAPI,
		"apiGateway": func(n *foreign.Node) {
			for _, e := range n.Entries() {
				switch e.Key {
				case "apiKeys", "usagePlan", "resourcePolicy":
					e.Value.Lose(gatewayFeature)
				default:
					e.Value.Drop("it is a setting of API Gateway, and each function answers at an address of its own")
				}
			}
		},
	}
}

const gatewayFeature = "it is a feature of API Gateway, and each function answers at an address of its own"

const rightsReason = "the role that ferry makes has only the rights to run: name policies in aws.policies, or a role in aws.role"

// setting puts a text into the target's block.
func (r *reader) setting(n *foreign.Node, key, to string) {
	if text, ok := r.text(n); ok {
		r.aws.Set(key, text)
		n.Map(to)
	}
}

// text is a text that is known here; else it is said to be lost.
func (r *reader) text(n *foreign.Node) (string, bool) {
	if !lambda.Computed(n) {
		return n.Text()
	}
	text, ok := r.template.Text(n)
	if !ok {
		n.Lose("CloudFormation computes it: write what it is, or ${env:NAME}")
	}
	return text, ok
}

func (r *reader) iam(n *foreign.Node) {
	role := n.Get("role")
	if role.Is(foreign.Scalar) || lambda.Computed(role) {
		if text, ok := r.text(role); ok {
			r.made.Defaults.Block("aws").Set("role", text)
			role.Map("defaults.aws.role")
		}
		return
	}
	for _, e := range role.Entries() {
		switch e.Key {
		case "statements":
			e.Value.Lose(rightsReason)
		case "managedPolicies":
			r.settings.List(e.Value, r.made.Defaults.Block("aws"), "policies", "defaults.aws.policies")
		case "permissionsBoundary":
			if text, ok := r.text(e.Value); ok {
				r.made.Defaults.Block("aws").Set("permissions_boundary", text)
				e.Value.Map("defaults.aws.permissions_boundary")
			}
		default:
			e.Value.Drop("ferry names and tags its roles itself")
		}
	}
	if n.Get("deploymentRole") != nil {
		n.Get("deploymentRole").Drop("ferry deploys with the credentials that it is given; assume_role in the target names another role")
	}
}

// httpAPI reads what holds for all httpApi events.
func (r *reader) httpAPI(n *foreign.Node) {
	for _, e := range n.Entries() {
		switch e.Key {
		case "payload":
			if text, ok := e.Value.Text(); ok {
				r.defaults.payload = text
				e.Value.Map("functions.*.payload")
			}
		case "cors":
			if r.defaults.cors = r.cors(e.Value); r.defaults.cors != nil {
				e.Value.Map("functions.*.events.http.cors")
			}
		case "authorizers":
			e.Value.Lose("an authorizer of API Gateway cannot be carried: check the caller in the function, or set auth: private")
		case "id":
			e.Value.Drop("the functions join an API that somebody else made; each answers at an address of its own here")
		default:
			e.Value.Drop("it is a setting of API Gateway, and each function answers at an address of its own")
		}
	}
}

// rest says what the other parts of the file are.
func (r *reader) rest() {
	for _, e := range r.root.Entries() {
		switch e.Key {
		case "service", "provider", "functions":
		case "plugins":
			r.plugins(e.Value)
		case "package":
			r.pack(e.Value, &r.made.Defaults, "defaults")
		case "layers":
			e.Value.Lose("layers are published with another tool: name their ARNs in aws.layers")
		case "constructs":
			e.Value.Lose("constructs of Lift are made with another tool, functions in them, too: write those under functions, and import the file again")
		case "resources":
			e.Value.Drop("ferry makes no resources but its functions: keep this part with CloudFormation")
			r.connections()
		case "custom", "params", "stages":
			dropUntold(e.Value, "nothing but plugins and variables reads it")
		default:
			if reason := beside(e.Key); reason != "" {
				e.Value.Drop(reason)
			}
		}
	}
	if s := r.root.Get("service"); s.Is(foreign.Map) {
		for _, e := range s.Entries() {
			if e.Key != "name" {
				e.Value.Drop("it is a setting of the Serverless Framework's own service")
			}
		}
	}
}

// connections are resources that have to do with how a function is called. A function of the file has a resource whose name
// ends in LambdaFunction.
func (r *reader) connections() {
	for _, e := range r.template.Resources.Entries() {
		kind := e.Value.Get("Type").Raw()
		switch {
		case kind == "AWS::Lambda::Function":
			e.Value.Lose("it is a function that CloudFormation makes: write it under functions, and import the file again")
		case lambda.Calls(kind) && slices.ContainsFunc(lambda.References(e.Value.Get("Properties")), isFunction):
			e.Value.Lose("CloudFormation connects it with a function: write it as an event of the function, if there is one of its kind")
		}
	}
}

func isFunction(id string) bool { return strings.HasSuffix(id, "LambdaFunction") }

// dropUntold says the reason of all values of which nothing was said.
func dropUntold(n *foreign.Node, reason string) {
	if n.Told() {
		return
	}
	if len(n.Entries()) == 0 && len(n.Items()) == 0 || n.Is(foreign.Scalar) {
		n.Drop(reason)
		return
	}
	for _, e := range n.Entries() {
		dropUntold(e.Value, reason)
	}
	if n.Is(foreign.List) {
		for _, item := range n.Items() {
			dropUntold(item, reason)
		}
	}
}

// beside is why a key that says nothing of what serves is left out, "" for one that ferry does not know.
func beside(key string) string {
	switch key {
	case "frameworkVersion":
		return "it chooses a version of the Serverless Framework"
	case "configValidationMode":
		return "ferry always refuses what it does not know"
	case "deprecationNotificationMode", "disabledDeprecations", "variablesResolutionMode", "unresolvedVariablesNotificationMode", "resolver":
		return "it is a setting of the Serverless Framework"
	case "useDotenv":
		return "ferry reads no .env file: set the variables that ${env:NAME} names"
	case "org", "app", "tenant", "console":
		return "ferry has no dashboard"
	case "licenseKey":
		return "ferry needs none"
	case "outputs":
		return "ferry url and ferry status --json tell the addresses"
	case "build":
		return "ferry bundles with esbuild by itself"
	case "deploymentBucket":
		return "ferry keeps releases in a bucket of its own, or in the target's bucket"
	case "deploymentPrefix":
		return "ferry keeps releases in a bucket of its own"
	case "deploymentMethod":
		return "ferry deploys without CloudFormation"
	case "stackName", "stackTags", "stackPolicy", "stackParameters", "notificationArns":
		return "ferry makes no stack"
	case "rollbackConfiguration", "disableRollback":
		return "ferry restores what served by itself when a deploy fails"
	case "cfnRole":
		return "ferry deploys with the credentials that it is given; assume_role in the target names another role"
	case "apiName", "endpointType", "websocketsApiName":
		return "each function answers at an address of its own"
	case "versionFunctions":
		return "ferry publishes a version for each release"
	case "lambdaHashingVersion":
		return "ferry compares packages by their content"
	case "logs":
		return "it is about the logs of API Gateway"
	case "kmsKeyArn":
		return "AWS encrypts variables with its own key"
	case "logDataProtectionPolicy":
		return "it is a setting of log groups"
	}
	return ""
}

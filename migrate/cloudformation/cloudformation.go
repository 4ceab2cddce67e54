// Package cloudformation reads templates of AWS SAM and of CloudFormation.
package cloudformation

import (
	"path/filepath"
	"strings"

	"github.com/ferryfn/ferry/migrate/draft"
	"github.com/ferryfn/ferry/migrate/foreign"
	"github.com/ferryfn/ferry/migrate/lambda"
)

// reader makes a manifest of one template.
type reader struct {
	root     *foreign.Node
	dir      string
	template lambda.Template
	settings lambda.Settings
	globals  *foreign.Node
	made     draft.Manifest
	byID     map[string]*one
	// connected are the readers of resources that have to do with how a function is called.
	connected foreign.Keys
	roles     map[string][]*one // the functions that have a role of the template
}

// Is is whether the file is a template.
func Is(root *foreign.Node) bool {
	return root.Get("AWSTemplateFormatVersion") != nil || root.Get("Transform") != nil || typed(root.Get("Resources"))
}

func typed(resources *foreign.Node) bool {
	for _, e := range resources.Entries() {
		if strings.HasPrefix(e.Value.Get("Type").Raw(), "AWS::") {
			return true
		}
	}
	return false
}

// Read makes a manifest of a file's tree. What became of each value is said in the tree.
func Read(root *foreign.Node, file string) draft.Manifest {
	r := &reader{root: root, dir: filepath.Dir(file), byID: map[string]*one{}, roles: map[string][]*one{}}
	r.settings = lambda.Settings{Dir: r.dir, Text: r.text}
	r.template = lambda.Template{Resources: root.Get("Resources"), Parameters: root.Get("Parameters")}
	r.globals = root.At("Globals", "Function")
	r.made.Service = draft.Folder(file)
	r.made.Targets = []draft.Target{
		{Name: "local", Settings: draft.Settings{{Key: "provider", Value: "local"}}},
		{Name: "aws", Settings: draft.Settings{{Key: "provider", Value: "aws"}}},
	}
	r.connected = r.connections()
	r.defaults()
	var order []*one
	for _, e := range root.Get("Resources").Entries() {
		if f := r.function(e.Key, e.Value); f != nil {
			order = append(order, f)
		}
	}
	for _, e := range root.Get("Resources").Entries() {
		r.resource(e.Value)
	}
	for _, f := range order {
		f.finish()
		r.made.Functions = append(r.made.Functions, *f.fn)
	}
	r.rest()
	r.made.Apart()
	if r.made.Absent == "" {
		r.made.Absent = "the template has none"
	}
	return r.made
}

// defaults are those of CloudFormation where the globals do not say others.
func (r *reader) defaults() {
	d := &r.made.Defaults
	d.Memory, d.Timeout = "128MB", "3s"
	known := r.shared(d, "defaults")
	for _, e := range r.globals.Entries() {
		if read := known[e.Key]; read != nil {
			read(e.Value)
		} else if reason := perFunction(e.Key); reason != "" {
			e.Value.Drop(reason)
		}
	}
}

// text is a text that is known here; else it is said to be lost.
func (r *reader) text(n *foreign.Node) (string, bool) {
	if !lambda.Computed(n) {
		text, ok := n.Text()
		return draft.Literal(text), ok
	}
	text, ok := r.template.Text(n)
	if !ok {
		n.Lose("CloudFormation computes it: write what it is, or ${env:NAME}")
	}
	return text, ok
}

func (r *reader) note(text string) { r.made.Notes = append(r.made.Notes, text) }

// resource says what becomes of a resource that is no function: some connect things with functions.
func (r *reader) resource(n *foreign.Node) {
	if n.Told() {
		return // it is part of one that came before
	}
	kind := n.Get("Type").Raw()
	if read := r.connected[kind]; read != nil {
		read(n)
		return
	}
	switch kind {
	case "AWS::Serverless::Function", "AWS::Lambda::Function":
	case "AWS::Lambda::Version", "AWS::IAM::Role":
		n.Drop("ferry makes it for each function by itself")
	case "AWS::Serverless::LayerVersion", "AWS::Lambda::LayerVersion":
		n.Lose("layers are published with another tool: name their ARNs in aws.layers")
	case "AWS::Serverless::Application", "AWS::CloudFormation::Stack":
		n.Lose("it is a template of its own: import that one, too")
	case "AWS::Serverless::StateMachine", "AWS::StepFunctions::StateMachine":
		n.Lose("state machines are deployed with another tool")
	default:
		r.unconnected(kind, n)
	}
}

// rest says what the other parts of the template are.
func (r *reader) rest() {
	for _, e := range r.root.Entries() {
		switch e.Key {
		case "Resources", "Globals":
		case "Parameters":
			e.Value.Drop("their defaults stand where they are used")
		case "Outputs":
			e.Value.Drop("ferry url and ferry status --json tell the addresses")
		case "AWSTemplateFormatVersion", "Transform", "Description", "Metadata":
			e.Value.Drop("it says how CloudFormation reads the template")
		case "Conditions", "Mappings", "Rules":
			e.Value.Drop("what stages have of their own stands in their part of the manifest")
		}
	}
	for _, e := range r.root.Get("Globals").Entries() {
		if e.Key != "Function" {
			e.Value.Drop(ownAddress)
			r.shield(e.Value)
		}
	}
}

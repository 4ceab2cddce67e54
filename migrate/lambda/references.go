package lambda

import (
	"slices"
	"strings"

	"github.com/ferryfn/ferry/internal/pattern"
	"github.com/ferryfn/ferry/migrate/foreign"
)

var subbed = pattern.Of(`\$\{([\w.]+)\}`)

// References are the ids of what a value refers to, also within texts.
func References(n *foreign.Node) (ids []string) {
	name := func(s string) {
		id, _, _ := strings.Cut(s, ".")
		ids = append(ids, id)
	}
	within := func(n *foreign.Node) {
		for _, m := range subbed().FindAllStringSubmatch(n.Raw(), -1) {
			name(m[1])
		}
	}
	if items := n.Items(); n.Tag() == "!GetAtt" && n.Is(foreign.List) && len(items) > 0 {
		name(items[0].Raw())
		return ids
	}
	switch n.Tag() {
	case "!Ref", "!GetAtt":
		name(n.Raw())
	case "!Sub":
		within(n)
	}
	if n.Is(foreign.List) {
		for _, item := range n.Items() {
			if n.Tag() == "!Sub" {
				within(item)
			}
			ids = append(ids, References(item)...)
		}
	}
	for _, e := range n.Entries() {
		switch first := e.Value.Items(); {
		case len(first) == 0:
			ids = append(ids, References(e.Value)...)
		case e.Key == "Ref", e.Key == "Fn::GetAtt":
			name(first[0].Raw())
		case e.Key == "Fn::Sub":
			within(first[0])
			ids = append(ids, References(e.Value)...)
		default:
			ids = append(ids, References(e.Value)...)
		}
	}
	return ids
}

// Calls is whether a resource of a type that refers to a function may call it, or send its requests there. Others watch it, or are
// made for it by ferry, too.
func Calls(kind string) bool {
	return !slices.ContainsFunc([]string{
		"AWS::CloudWatch::", "AWS::CodeDeploy::", "AWS::Logs::LogGroup", "AWS::Logs::MetricFilter", "AWS::Logs::QueryDefinition", "AWS::SSM::", "AWS::ApplicationAutoScaling::",
		"AWS::Lambda::Alias", "AWS::Lambda::Version", "AWS::Lambda::Permission", "AWS::Lambda::LayerVersion", "AWS::IAM::", "AWS::SQS::QueuePolicy", "AWS::CloudFormation::Wait",
	}, func(beside string) bool { return strings.HasPrefix(kind, beside) })
}

package cloudformation

import (
	"slices"
	"strings"

	"github.com/ferryfn/ferry/migrate/draft"
	"github.com/ferryfn/ferry/migrate/foreign"
	"github.com/ferryfn/ferry/migrate/lambda"
)

const (
	unsent     = "ferry sends results of events nowhere, and how often they are tried is the target's to say"
	connectors = "ferry grants no rights by connectors: name policies in aws.policies"
	nameRights = "make a managed policy of it and name its ARN in aws.policies, or name a role in aws.role"
)

// role reads which role the function has. Of one of the template its policies are read: ferry makes a role for each function.
func (f *one) role(n *foreign.Node) {
	if text, ok := f.template.Text(n); ok {
		f.fn.Block("aws").Set("role", text)
		n.Map(f.at + ".aws.role")
		return
	}
	for _, id := range lambda.References(n) {
		if is := f.template.Resources.Get(id); is.Get("Type").Raw() == "AWS::IAM::Role" {
			n.Drop("ferry makes a role for each function, with the policies of this one")
			f.roles[id] = append(f.roles[id], f)
			f.assumed(is.Get("Properties"))
			return
		}
	}
	n.Lose("the role is made by CloudFormation: name its ARN in aws.role, or let ferry make one")
}

// assumed reads a role that stands in the template.
func (f *one) assumed(role *foreign.Node) {
	for _, item := range role.Get("ManagedPolicyArns").Items() {
		f.managed(item)
	}
	for _, item := range role.Get("Policies").Items() {
		item.Lose(allowed(item.Get("PolicyDocument")))
	}
	f.boundary(role.Get("PermissionsBoundary"))
}

func (f *one) boundary(n *foreign.Node) {
	if n == nil {
		return
	}
	if text, ok := f.text(n); ok {
		f.fn.Block("aws").Set("permissions_boundary", text)
		n.Map(f.at + ".aws.permissions_boundary")
	}
}

// managed reads the ARN of a policy, or in SAM the name of one of AWS.
func (f *one) managed(n *foreign.Node) {
	arn, ok := f.template.Text(n)
	switch {
	case !ok:
		n.Lose("the policy is made by CloudFormation: name its ARN in aws.policies")
		return
	case strings.HasPrefix(arn, "arn:"):
	case strings.HasPrefix(arn, "AWSLambda") && (strings.HasSuffix(arn, "Role") || arn == "AWSLambdaENIManagementAccess"):
		arn = "arn:aws:iam::aws:policy/service-role/" + arn
	case strings.HasPrefix(arn, "Amazon"), strings.HasPrefix(arn, "AWS"), strings.HasPrefix(arn, "CloudWatch"), strings.HasPrefix(arn, "SecretsManager"), strings.HasSuffix(arn, "Access"):
		arn = "arn:aws:iam::aws:policy/" + arn
	default:
		n.Lose("it is no policy of AWS that ferry knows: name its ARN in aws.policies")
		return
	}
	block := f.fn.Block("aws")
	arns, _ := block.Get("policies").([]string)
	if !slices.Contains(arns, arn) {
		block.Set("policies", append(arns, arn))
	}
	n.Map(f.at + ".aws.policies")
}

// policies are ARNs of policies, statements, and policies that SAM makes of its templates.
func (f *one) policies(n *foreign.Node) {
	for _, item := range n.Items() {
		entries := item.Entries()
		switch {
		case item.Get("Statement") != nil:
			item.Lose(allowed(item))
		case item.Get("PolicyDocument") != nil:
			item.Lose(allowed(item.Get("PolicyDocument")))
		case len(entries) == 1 && strings.HasSuffix(entries[0].Key, "Policy"):
			f.byTemplate(item, entries[0])
		default:
			f.managed(item)
		}
	}
}

// byTemplate reads a policy that SAM makes of one of its templates. Some are rights that ferry gives by itself.
func (f *one) byTemplate(n *foreign.Node, policy foreign.Entry) {
	switch policy.Key {
	case "SQSPollerPolicy":
		name, _, found := f.template.Resource("sqs", policy.Value.Get("QueueName"))
		if found && slices.ContainsFunc(f.fn.Events, func(e draft.Event) bool { return e.Queue != nil && e.Queue.Name == name }) {
			n.Map(f.at + ".events.queue")
			return
		}
	case "VPCAccessPolicy":
		if block := f.fn.Blocks["aws"]; block != nil && block.Get("vpc") != nil {
			n.Map(f.at + ".aws.vpc")
			return
		}
	case "AWSSecretsManagerGetSecretValuePolicy", "SSMParameterReadPolicy", "SSMParameterWithSlashPrefixReadPolicy":
		n.Lose("name the secret under secrets, whose values a function may read; or " + nameRights)
		return
	}
	n.Lose("SAM makes a policy of its template " + foreign.Plain(policy.Key) + ": " + nameRights)
}

// allowed says what the statements of a policy allow, and what to do with it.
func allowed(document *foreign.Node) string {
	var actions []string
	for _, s := range document.Get("Statement").Items() {
		for _, a := range s.Get("Action").Items() {
			if text := foreign.Plain(a.Raw()); text != "" && !slices.Contains(actions, text) {
				actions = append(actions, text)
			}
		}
	}
	const most = 4
	if len(actions) > most {
		actions = append(actions[:most], "…")
	}
	if len(actions) == 0 {
		return "the role that ferry makes has only the rights to run: " + nameRights
	}
	return "it allows " + strings.Join(actions, ", ") + ", and the role that ferry makes has only the rights to run: " + nameRights
}

// policy is one that is a resource of its own, for roles that it names.
func (r *reader) policy(n *foreign.Node) {
	n.Drop(elsewhere)
	properties := n.Get("Properties")
	for _, key := range []string{"Roles", "RoleName"} {
		for _, id := range lambda.References(properties.Get(key)) {
			if len(r.roles[id]) > 0 {
				n.Lose(allowed(properties.Get("PolicyDocument")))
			}
		}
	}
}

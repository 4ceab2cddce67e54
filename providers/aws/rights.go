package aws

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// statement of a policy, with its members in the order of their names. It has no Sid: those must be unique in a
// document, and ferry-next gathers statements of several.
type statement struct {
	Action    []string
	Condition map[string]map[string]string `json:",omitempty"`
	Effect    string
	Principal map[string]string `json:",omitempty"`
	Resource  []string          `json:",omitempty"`
}

// policy is the document with these statements.
func policy[S statement | json.RawMessage](statements ...S) string {
	data, err := json.Marshal(struct {
		Version   string
		Statement []S
	}{"2012-10-17", statements})
	if err != nil {
		panic(fmt.Sprintf("a policy always has a JSON form: %v", err))
	}
	return string(data)
}

func allow(resources []string, actions ...string) statement {
	slices.Sort(resources)
	slices.Sort(actions)
	return statement{Effect: "Allow", Action: actions, Resource: slices.Compact(resources)}
}

// rights is the policy that a function needs by itself, and no more: equal specs give equal bytes.
//
// Decrypting needs no statement: the key policies of aws/secretsmanager and aws/ssm let all principals of the account
// that may read a value decrypt it through the service (Secrets Manager user guide, security-encryption; Systems
// Manager user guide, ps-restrict-decryption). Who uses a key of their own adds a policy.
func (c *connection) rights(s spec) string {
	own := s.function.own
	granted := []statement{allow([]string{c.arn("logs", "log-group:"+c.logGroupName(s.function.Name)+":*")},
		"logs:CreateLogStream", "logs:PutLogEvents")}
	for _, k := range eventKinds() {
		if k.rights != nil {
			granted = append(granted, k.rights(c, s.function)...)
		}
	}
	granted = append(granted, c.secretRights(s.secrets)...)
	switch {
	case strings.Contains(own.DeadLetter, ":sqs:"):
		granted = append(granted, allow([]string{own.DeadLetter}, "sqs:SendMessage"))
	case own.DeadLetter != "":
		granted = append(granted, allow([]string{own.DeadLetter}, "sns:Publish"))
	}
	if strings.EqualFold(own.Tracing, "active") {
		granted = append(granted, allow([]string{"*"}, "xray:PutTraceSegments", "xray:PutTelemetryRecords"))
	}
	if own.VPC != nil { // what AWSLambdaVPCAccessExecutionRole grants, version 3
		granted = append(granted, allow([]string{"*"}, "ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces",
			"ec2:DescribeSubnets", "ec2:DeleteNetworkInterface", "ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses"))
	}
	return policy(granted...)
}

// secretRights lets a function read its secrets.
func (c *connection) secretRights(references map[string]string) []statement {
	var manager, parameters []string
	for _, arn := range c.secretARNs(references) {
		if strings.Contains(arn, ":ssm:") {
			parameters = append(parameters, arn)
		} else {
			manager = append(manager, arn)
		}
	}
	var granted []statement
	if len(manager) > 0 {
		granted = append(granted, allow(manager, "secretsmanager:GetSecretValue"))
	}
	if len(parameters) > 0 {
		granted = append(granted, allow(parameters, "ssm:GetParameter"))
	}
	return granted
}

// managed are the ARNs of the policies that the role gets besides, sorted.
func managed(fn function) []string {
	return slices.Compact(slices.Sorted(slices.Values(fn.own.Policies)))
}

// rightsDigest tells whether two revisions need the same rights.
func (c *connection) rightsDigest(s spec) string {
	if s.function.own.Role != "" {
		return "given"
	}
	return short([]byte(c.rights(s) + strings.Join(managed(s.function), " ") + s.function.own.PermissionsBoundary))
}

// statementsOf reads the statements of a policy; equal statements are equal text.
func statementsOf(document string) ([]string, error) {
	var d struct{ Statement []any }
	if err := json.Unmarshal([]byte(document), &d); err != nil {
		return nil, fmt.Errorf("reading a policy: %w", err)
	}
	all := make([]string, len(d.Statement))
	for i, s := range d.Statement {
		data, err := json.Marshal(s)
		if err != nil {
			return nil, fmt.Errorf("reading a policy: %w", err)
		}
		all[i] = string(data)
	}
	return all, nil
}

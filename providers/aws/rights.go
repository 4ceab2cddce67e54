package aws

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	neturl "net/url"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
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
	if own.traced() {
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

// widenPolicy adds what is needed to what is granted. It takes nothing away, also of what an attempt left that was
// killed after its revision went live.
func (c *connection) widenPolicy(ctx context.Context, role, need string) error {
	granted, err := c.getPolicy(ctx, role, inline)
	if isNotFound(err) {
		return c.setPolicy(ctx, role, inline, need)
	}
	if err != nil {
		return err
	}
	besides, err := c.getPolicy(ctx, role, beside)
	if err != nil && !isNotFound(err) {
		return err
	}
	needed, err := statementsOf(need)
	if err != nil {
		return err
	}
	var wider []json.RawMessage
	for _, s := range besides {
		wider = append(wider, json.RawMessage(s))
	}
	for _, s := range needed {
		if !slices.Contains(granted, s) && !slices.Contains(besides, s) {
			wider = append(wider, json.RawMessage(s))
		}
	}
	if len(wider) == len(besides) {
		return nil
	}
	return c.setPolicy(ctx, role, beside, policy(wider...))
}

// getPolicy reads the statements of an inline policy.
func (c *connection) getPolicy(ctx context.Context, role, policy string) ([]string, error) {
	out, err := c.iam.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: &role, PolicyName: &policy})
	if err != nil {
		return nil, err
	}
	document, err := neturl.PathUnescape(aws.ToString(out.PolicyDocument))
	if err != nil {
		return nil, fmt.Errorf("reading the policy %s of the role %s: %w", policy, role, err)
	}
	return statementsOf(document)
}

func (c *connection) setPolicy(ctx context.Context, role, policy, document string) error {
	_, err := c.iam.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: &role, PolicyName: &policy, PolicyDocument: &document})
	return err
}

// ensurePolicy writes an inline policy that differs.
func (c *connection) ensurePolicy(ctx context.Context, role, policy, document string) error {
	has, err := c.getPolicy(ctx, role, policy)
	if err != nil && !isNotFound(err) {
		return err
	}
	if want, wanting := statementsOf(document); wanting != nil || err == nil && slices.Equal(has, want) {
		return wanting
	}
	return c.setPolicy(ctx, role, policy, document)
}

func (c *connection) dropPolicy(ctx context.Context, role, policy string) error {
	_, err := c.iam.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: &role, PolicyName: &policy})
	return unlessMissing(err)
}

// inlinePolicies names the policies that are written in a role.
func (c *connection) inlinePolicies(ctx context.Context, role string) ([]string, error) {
	var names []string
	for pages := iam.NewListRolePoliciesPaginator(c.iam, &iam.ListRolePoliciesInput{RoleName: &role}); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		names = append(names, page.PolicyNames...)
	}
	return names, nil
}

// attached are the ARNs of the managed policies of a role.
func (c *connection) attached(ctx context.Context, role string) ([]string, error) {
	var arns []string
	for pages := iam.NewListAttachedRolePoliciesPaginator(c.iam, &iam.ListAttachedRolePoliciesInput{RoleName: &role}); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, p := range page.AttachedPolicies {
			arns = append(arns, aws.ToString(p.PolicyArn))
		}
	}
	return arns, nil
}

// attach gives a role those of the managed policies that it does not have.
func (c *connection) attach(ctx context.Context, role string, has, want []string) error {
	for _, arn := range want {
		if slices.Contains(has, arn) {
			continue
		}
		if _, err := c.iam.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: &role, PolicyArn: &arn}); err != nil {
			return fmt.Errorf("attaching the policy %s: %w", arn, err)
		}
	}
	return nil
}

// detach takes from a role those of the managed policies that are not wanted.
func (c *connection) detach(ctx context.Context, role string, has, want []string) error {
	for _, arn := range has {
		if slices.Contains(want, arn) {
			continue
		}
		if _, err := c.iam.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{RoleName: &role, PolicyArn: &arn}); unlessMissing(err) != nil {
			return fmt.Errorf("detaching the policy %s: %w", arn, err)
		}
	}
	return nil
}

// grant is who may call the alias, besides by its URL: statements of its resource policy, whose ids say what they are for, so
// that what was ever bound is found again.
type grant struct {
	source  string // the ARN of the topic or bucket
	account string // of the bucket: its ARN does not tell
}

func grantID(prefix, arn string) string {
	sum := sha256.Sum256([]byte(arn))
	return prefix + hex.EncodeToString(sum[:8])
}

// granted are the sources of the grants of these kinds, sorted.
func (b *binder) granted(prefixes ...string) []string {
	var sources []string
	for id, g := range b.grants {
		if slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(id, prefix) }) {
			sources = append(sources, g.source)
		}
	}
	slices.Sort(sources)
	return slices.Compact(sources)
}

// readGrants reads the policy of the alias.
func (b *binder) readGrants(ctx context.Context) error {
	b.grants = map[string]grant{}
	statements, _, err := b.c.policy(ctx, b.fn.Name)
	if err != nil {
		return err
	}
	for id, raw := range statements {
		if !slices.ContainsFunc(eventKinds(), func(k eventKind) bool { return k.grants(id) }) {
			continue
		}
		var s struct{ Condition map[string]map[string]string }
		if err := json.Unmarshal(raw, &s); err != nil {
			return fmt.Errorf("reading the statement %s of the alias: %w", id, err)
		}
		var g grant
		for _, condition := range s.Condition {
			for key, value := range condition {
				switch strings.ToLower(key) { // Lambda writes AWS:SourceArn
				case "aws:sourcearn":
					g.source = value
				case "aws:sourceaccount":
					g.account = value
				}
			}
		}
		b.grants[id] = g
	}
	return nil
}

// permit lets a topic or bucket call the alias by the statement of that id.
func (b *binder) permit(ctx context.Context, id, service string, g grant) error {
	has, ok := b.grants[id]
	if ok && has == g {
		return nil
	}
	if ok {
		if err := b.forbid(ctx, id); err != nil {
			return err
		}
	}
	b.wrote = true
	in := &lambda.AddPermissionInput{
		FunctionName: aws.String(b.c.functionName(b.fn.Name)), Qualifier: aws.String(live), StatementId: &id,
		Action: aws.String("lambda:InvokeFunction"), Principal: aws.String(service + ".amazonaws.com"), SourceArn: &g.source,
	}
	if g.account != "" {
		in.SourceAccount = &g.account
	}
	_, err := b.c.lambda.AddPermission(ctx, in)
	if isAlreadyExists(err) { // by a call whose reply was lost
		if err = b.readGrants(ctx); err == nil && b.grants[id] != g {
			err = b.foreign("remove that statement with `aws lambda remove-permission`", "the statement %s of the alias is not ferry's", id)
		}
	}
	if err == nil {
		b.grants[id] = g
	}
	return err
}

// forbid takes a statement away.
func (b *binder) forbid(ctx context.Context, id string) error {
	b.wrote = true
	_, err := b.c.lambda.RemovePermission(ctx, &lambda.RemovePermissionInput{
		FunctionName: aws.String(b.c.functionName(b.fn.Name)), Qualifier: aws.String(live), StatementId: &id,
	})
	return unlessMissing(err)
}

// policy is the alias' resource policy: its statements by id, and its revision id.
func (c *connection) policy(ctx context.Context, fn string) (map[string]json.RawMessage, *string, error) {
	out, err := c.lambda.GetPolicy(ctx, &lambda.GetPolicyInput{FunctionName: aws.String(c.functionName(fn)), Qualifier: aws.String(live)})
	if isNotFound(err) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	var document struct{ Statement []json.RawMessage }
	if err := json.Unmarshal([]byte(aws.ToString(out.Policy)), &document); err != nil {
		return nil, nil, err
	}
	statements := map[string]json.RawMessage{}
	for _, raw := range document.Statement {
		var s struct{ Sid string }
		if err := json.Unmarshal(raw, &s); err != nil {
			return nil, nil, err
		}
		statements[s.Sid] = raw
	}
	return statements, out.RevisionId, nil
}

package awstest

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

func iamService() *service {
	return &service{name: "iam", protocol: query, ops: []*operation{
		{name: "CreateRole", run: typed((*Cloud).createRole)},
		{name: "GetRole", run: typed((*Cloud).getRole)},
		{name: "DeleteRole", run: typed((*Cloud).deleteRole)},
		{name: "UpdateAssumeRolePolicy", run: typed((*Cloud).updateTrust)},
		{name: "PutRolePolicy", run: typed((*Cloud).putRolePolicy)},
		{name: "GetRolePolicy", run: typed((*Cloud).getRolePolicy)},
		{name: "ListRolePolicies", run: typed((*Cloud).listRolePolicies)},
		{name: "DeleteRolePolicy", run: typed((*Cloud).deleteRolePolicy)},
		{name: "AttachRolePolicy", run: typed((*Cloud).attachRolePolicy)},
		{name: "DetachRolePolicy", run: typed((*Cloud).detachRolePolicy)},
		{name: "ListAttachedRolePolicies", run: typed((*Cloud).listAttached)},
		{name: "PutRolePermissionsBoundary", run: typed((*Cloud).putBoundary)},
		{name: "DeleteRolePermissionsBoundary", run: typed((*Cloud).deleteBoundary)},
		{name: "TagRole", run: typed((*Cloud).tagRole)},
		{name: "UntagRole", run: typed((*Cloud).untagRole)},
		{name: "ListRoleTags", run: typed((*Cloud).listRoleTags)},
		{name: "GetPolicy", run: typed((*Cloud).getManagedPolicy)},
	}}
}

// role is an IAM role with its policies.
type role struct {
	is       types.Role
	trust    policyDocument
	inline   map[string]string
	attached []string
	boundary string // the ARN of a policy beyond which no other gives rights; "" is none
	tags     map[string]string
}

// managed are the policies of AWS that may be attached here, with what they allow.
var managed = map[string][]string{
	"service-role/AWSLambdaBasicExecutionRole":     {"logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"},
	"service-role/AWSLambdaVPCAccessExecutionRole": {"logs:*", "ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DeleteNetworkInterface", "ec2:DescribeSubnets"},
	"service-role/AWSLambdaSQSQueueExecutionRole":  {"logs:*", "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"},
	"service-role/AWSLambdaRole":                   {"lambda:InvokeFunction"},
	"AWSXRayDaemonWriteAccess":                     {"xray:PutTraceSegments", "xray:PutTelemetryRecords"},
	"AmazonS3ReadOnlyAccess":                       {"s3:Get*", "s3:List*"},
	"AmazonSQSFullAccess":                          {"sqs:*"},
	"AdministratorAccess":                          {"*"},
}

const managedPrefix = "arn:aws:iam::aws:policy/"

var (
	roleName   = regexp.MustCompile(`^[\w+=,.@-]{1,64}$`)
	policyName = regexp.MustCompile(`^[\w+=,.@-]{1,128}$`)
)

func (r *role) trusts(service string) bool { return r.trust.trusts(service) }

func (r *role) allows(action, resource string) bool {
	var docs []policyDocument
	for _, text := range r.inline {
		doc, _ := parsePolicy(text) // was accepted
		docs = append(docs, doc)
	}
	for _, arn := range r.attached {
		docs = append(docs, managedDocument(arn))
	}
	return allows(docs, action, resource) && (r.boundary == "" || allows([]policyDocument{managedDocument(r.boundary)}, action, resource))
}

func managedDocument(arn string) policyDocument {
	actions := managed[strings.TrimPrefix(arn, managedPrefix)]
	return policyDocument{Statement: []grant{{Effect: "Allow", Action: actions, Resource: []string{"*"}}}}
}

func (c *Cloud) roleByARN(arn string) *role {
	r := c.roles[arn[strings.LastIndex(arn, "/")+1:]]
	if r == nil || *r.is.Arn != arn {
		return nil
	}
	return r
}

func (c *Cloud) role(name *string) (*role, error) {
	r := c.roles[deref(name)]
	if r == nil {
		return nil, refuse(404, "NoSuchEntity", "The role with name %s cannot be found.", deref(name))
	}
	return r, nil
}

func iamInvalid(member, rule string) error {
	return refuse(400, "ValidationError", "The specified value for %s is invalid. %s", member, rule)
}

func (c *Cloud) createRole(in *iam.CreateRoleInput) (any, error) {
	name := deref(in.RoleName)
	if len(name) > 64 {
		return nil, refuse(400, "ValidationError", "1 validation error detected: Value '%s' at 'roleName' failed to satisfy constraint: "+
			"Member must have length less than or equal to 64", name)
	}
	if !roleName.MatchString(name) {
		return nil, iamInvalid("roleName", "It must contain only alphanumeric characters and/or the following: +=,.@_-")
	}
	trust, err := trustPolicy(deref(in.AssumeRolePolicyDocument))
	if err != nil {
		return nil, err
	}
	if len(deref(in.Description)) > 1000 {
		return nil, iamInvalid("description", "Member must have length less than or equal to 1000")
	}
	if c.roles[name] != nil {
		return nil, refuse(409, "EntityAlreadyExists", "Role with name %s already exists.", name)
	}
	if in.PermissionsBoundary != nil {
		if err := managedPolicy(in.PermissionsBoundary); err != nil {
			return nil, err
		}
	}
	path := deref(in.Path)
	if path == "" {
		path = "/"
	}
	c.rolesMade[name]++
	r := &role{trust: trust, inline: map[string]string{}, boundary: deref(in.PermissionsBoundary), tags: map[string]string{}, is: types.Role{
		RoleName: &name, Path: &path, Arn: new(arn("iam", "role"+path+name)), RoleId: new(roleID(name, c.rolesMade[name])),
		CreateDate: new(now()), AssumeRolePolicyDocument: new(url.QueryEscape(*in.AssumeRolePolicyDocument)),
		Description: in.Description, MaxSessionDuration: or(in.MaxSessionDuration, 3600),
	}}
	if err := r.tag(in.Tags); err != nil {
		return nil, err
	}
	c.roles[name] = r
	return &iam.CreateRoleOutput{Role: r.described()}, nil
}

// roleID is the id of the nth role of a name: each is another to AWS, whatever it is called.
func roleID(name string, nth int) string {
	return fmt.Sprintf("AROA%X", sha256.Sum256(fmt.Appendf(nil, "%s %d", name, nth)))[:20]
}

func (r *role) tag(tags []types.Tag) error {
	next := maps.Clone(r.tags)
	for _, t := range tags {
		if key := deref(t.Key); key == "" || len(key) > 128 || strings.HasPrefix(key, "aws:") || len(deref(t.Value)) > 256 {
			return iamInvalid("tags", "Tag keys must have 1 to 128 characters and values at most 256.")
		}
		next[*t.Key] = deref(t.Value)
	}
	if len(next) > 50 {
		return refuse(409, "LimitExceeded", "The number of tags has reached the maximum limit.")
	}
	r.tags = next
	return nil
}

func (r *role) tagList() []types.Tag {
	var tags []types.Tag
	for _, key := range slices.Sorted(maps.Keys(r.tags)) {
		tags = append(tags, types.Tag{Key: new(key), Value: new(r.tags[key])})
	}
	return tags
}

func (r *role) described() *types.Role {
	is := r.is
	is.Tags = r.tagList()
	if r.boundary != "" {
		is.PermissionsBoundary = &types.AttachedPermissionsBoundary{
			PermissionsBoundaryArn: &r.boundary, PermissionsBoundaryType: types.PermissionsBoundaryAttachmentTypePolicy,
		}
	}
	return &is
}

func (c *Cloud) getRole(in *iam.GetRoleInput) (any, error) {
	r, err := c.role(in.RoleName)
	if err != nil {
		return nil, err
	}
	return &iam.GetRoleOutput{Role: r.described()}, nil
}

func (c *Cloud) deleteRole(in *iam.DeleteRoleInput) (any, error) {
	r, err := c.role(in.RoleName)
	switch {
	case err != nil:
		return nil, err
	case len(r.attached) > 0:
		return nil, refuse(409, "DeleteConflict", "Cannot delete entity, must detach all policies first.")
	case len(r.inline) > 0:
		return nil, refuse(409, "DeleteConflict", "Cannot delete entity, must delete policies first.")
	}
	delete(c.roles, *in.RoleName)
	return nil, nil
}

func (c *Cloud) updateTrust(in *iam.UpdateAssumeRolePolicyInput) (any, error) {
	r, err := c.role(in.RoleName)
	if err != nil {
		return nil, err
	}
	trust, err := trustPolicy(deref(in.PolicyDocument))
	if err != nil {
		return nil, err
	}
	r.trust, r.is.AssumeRolePolicyDocument = trust, new(url.QueryEscape(*in.PolicyDocument))
	return nil, nil
}

func (c *Cloud) tagRole(in *iam.TagRoleInput) (any, error) {
	r, err := c.role(in.RoleName)
	if err != nil {
		return nil, err
	}
	return nil, r.tag(in.Tags)
}

func (c *Cloud) untagRole(in *iam.UntagRoleInput) (any, error) {
	r, err := c.role(in.RoleName)
	if err != nil {
		return nil, err
	}
	for _, key := range in.TagKeys {
		delete(r.tags, key)
	}
	return nil, nil
}

func (c *Cloud) listRoleTags(in *iam.ListRoleTagsInput) (any, error) {
	r, err := c.role(in.RoleName)
	if err != nil {
		return nil, err
	}
	tags, next := page(r.tagList(), in.Marker, limit(in.MaxItems, 100))
	return &iam.ListRoleTagsOutput{Tags: tags, Marker: next, IsTruncated: next != nil}, nil
}

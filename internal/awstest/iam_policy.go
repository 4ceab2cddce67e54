package awstest

import (
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

func (c *Cloud) putRolePolicy(in *iam.PutRolePolicyInput) (any, error) {
	r, err := c.role(in.RoleName)
	if err != nil {
		return nil, err
	}
	if !policyName.MatchString(deref(in.PolicyName)) {
		return nil, iamInvalid("policyName", "It must contain only alphanumeric characters and/or the following: +=,.@_-")
	}
	if _, err := permissionPolicy(deref(in.PolicyDocument)); err != nil {
		return nil, err
	}
	size := len(*in.PolicyDocument)
	for name, text := range r.inline {
		if name != *in.PolicyName {
			size += len(text)
		}
	}
	if size > 10240 {
		return nil, refuse(409, "LimitExceeded", "Maximum policy size of 10240 bytes exceeded for role %s", *in.RoleName)
	}
	r.inline[*in.PolicyName] = *in.PolicyDocument
	return nil, nil
}

func (r *role) policy(name *string) (string, error) {
	text, ok := r.inline[deref(name)]
	if !ok {
		return "", refuse(404, "NoSuchEntity", "The role policy with name %s cannot be found.", deref(name))
	}
	return text, nil
}

func (c *Cloud) getRolePolicy(in *iam.GetRolePolicyInput) (any, error) {
	r, err := c.role(in.RoleName)
	if err != nil {
		return nil, err
	}
	text, err := r.policy(in.PolicyName)
	if err != nil {
		return nil, err
	}
	return &iam.GetRolePolicyOutput{RoleName: in.RoleName, PolicyName: in.PolicyName, PolicyDocument: new(url.QueryEscape(text))}, nil
}

func (c *Cloud) listRolePolicies(in *iam.ListRolePoliciesInput) (any, error) {
	r, err := c.role(in.RoleName)
	if err != nil {
		return nil, err
	}
	names, next := page(slices.Sorted(maps.Keys(r.inline)), in.Marker, limit(in.MaxItems, 100))
	return &iam.ListRolePoliciesOutput{PolicyNames: names, Marker: next, IsTruncated: next != nil}, nil
}

func (c *Cloud) deleteRolePolicy(in *iam.DeleteRolePolicyInput) (any, error) {
	r, err := c.role(in.RoleName)
	if err != nil {
		return nil, err
	}
	if _, err := r.policy(in.PolicyName); err != nil {
		return nil, err
	}
	delete(r.inline, *in.PolicyName)
	return nil, nil
}

func managedPolicy(arn *string) error {
	name, ok := strings.CutPrefix(deref(arn), managedPrefix)
	if !ok || managed[name] == nil {
		return refuse(404, "NoSuchEntity", "Policy %s does not exist or is not attachable.", deref(arn))
	}
	return nil
}

func (c *Cloud) attachRolePolicy(in *iam.AttachRolePolicyInput) (any, error) {
	r, err := c.role(in.RoleName)
	if err != nil {
		return nil, err
	}
	if err := managedPolicy(in.PolicyArn); err != nil {
		return nil, err
	}
	if slices.Contains(r.attached, *in.PolicyArn) {
		return nil, nil
	}
	if len(r.attached) == 10 {
		return nil, refuse(409, "LimitExceeded", "Cannot exceed quota for PoliciesPerRole: 10")
	}
	r.attached = append(r.attached, *in.PolicyArn)
	return nil, nil
}

func (c *Cloud) detachRolePolicy(in *iam.DetachRolePolicyInput) (any, error) {
	r, err := c.role(in.RoleName)
	if err != nil {
		return nil, err
	}
	i := slices.Index(r.attached, deref(in.PolicyArn))
	if i < 0 {
		return nil, refuse(404, "NoSuchEntity", "Policy %s was not found.", deref(in.PolicyArn))
	}
	if r.attached = slices.Delete(r.attached, i, i+1); len(r.attached) == 0 {
		r.attached = nil
	}
	return nil, nil
}

func (c *Cloud) listAttached(in *iam.ListAttachedRolePoliciesInput) (any, error) {
	r, err := c.role(in.RoleName)
	if err != nil {
		return nil, err
	}
	var all []types.AttachedPolicy
	for _, arn := range r.attached {
		all = append(all, types.AttachedPolicy{PolicyArn: new(arn), PolicyName: new(arn[strings.LastIndex(arn, "/")+1:])})
	}
	items, next := page(all, in.Marker, limit(in.MaxItems, 100))
	return &iam.ListAttachedRolePoliciesOutput{AttachedPolicies: items, Marker: next, IsTruncated: next != nil}, nil
}

func (c *Cloud) getManagedPolicy(in *iam.GetPolicyInput) (any, error) {
	if managedPolicy(in.PolicyArn) != nil {
		return nil, refuse(404, "NoSuchEntity", "Policy %s was not found.", deref(in.PolicyArn))
	}
	name := (*in.PolicyArn)[strings.LastIndex(*in.PolicyArn, "/")+1:]
	return &iam.GetPolicyOutput{Policy: &types.Policy{
		Arn: in.PolicyArn, PolicyName: &name, DefaultVersionId: new("v1"), IsAttachable: true, CreateDate: new(now()), UpdateDate: new(now()),
	}}, nil
}

func (c *Cloud) putBoundary(in *iam.PutRolePermissionsBoundaryInput) (any, error) {
	r, err := c.role(in.RoleName)
	if err != nil {
		return nil, err
	}
	if err := managedPolicy(in.PermissionsBoundary); err != nil {
		return nil, err
	}
	r.boundary = *in.PermissionsBoundary
	return nil, nil
}

func (c *Cloud) deleteBoundary(in *iam.DeleteRolePermissionsBoundaryInput) (any, error) {
	r, err := c.role(in.RoleName)
	if err != nil {
		return nil, err
	}
	if r.boundary == "" {
		return nil, refuse(404, "NoSuchEntity", "The role %s does not have a permissions boundary.", *in.RoleName)
	}
	r.boundary = ""
	return nil, nil
}

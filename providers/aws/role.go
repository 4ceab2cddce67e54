package aws

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	neturl "net/url"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/ferryfn/ferry/providers"
)

// Rights are of the role and not of a version, and what serves must keep its own while another revision is made
// ready. So the role is widened before a version is published or the alias moves to it, and narrowed after that.
const (
	inline = "ferry"      // the policy with what the live revision needs
	beside = "ferry-next" // the policy with what others need besides
)

// widenRole sees to it that the function's role may do all that the spec needs, besides what it may do already.
func (c *connection) widenRole(ctx context.Context, s spec) (executor, error) {
	if given := s.function.own.Role; given != "" {
		return executor{arn: given}, nil
	}
	role, created, err := c.ensureRole(ctx, s.function, c.roleName(s.function.Name), trust("lambda.amazonaws.com", nil))
	if err != nil {
		return executor{}, err
	}
	err = retryWhile(ctx, rightsLimit, unseen(created), func() error {
		if err := c.widenPolicy(ctx, *role.RoleName, c.rights(s)); err != nil || len(managed(s.function)) == 0 {
			return err
		}
		has, err := c.attached(ctx, *role.RoleName)
		if err != nil {
			return err
		}
		return c.attach(ctx, *role.RoleName, has, managed(s.function))
	})
	return executor{arn: aws.ToString(role.Arn), id: aws.ToString(role.RoleId), created: created}, err
}

// unseen retries what does not find a role that was just made: a new role is not everywhere at once in IAM itself.
func unseen(created bool) func(error) bool {
	return func(err error) bool { return created && isNotFound(err) }
}

// narrowRole leaves the role with exactly what the spec needs. It is for after the activation.
func (c *connection) narrowRole(ctx context.Context, s spec) error {
	if s.function.own.Role != "" {
		return nil
	}
	role := c.roleName(s.function.Name)
	if err := c.ensurePolicy(ctx, role, inline, c.rights(s)); err != nil {
		return err
	}
	names, err := c.inlinePolicies(ctx, role)
	if err != nil {
		return err
	}
	if slices.Contains(names, beside) {
		if err := c.dropPolicy(ctx, role, beside); err != nil {
			return err
		}
	}
	has, err := c.attached(ctx, role)
	if err != nil {
		return err
	}
	if err := c.attach(ctx, role, has, managed(s.function)); err != nil {
		return err
	}
	if err := c.detach(ctx, role, has, managed(s.function)); err != nil {
		return err
	}
	return c.limitRole(ctx, s.function, role)
}

// removeRole deletes the function's role if ferry made it.
func (c *connection) removeRole(ctx context.Context, fn string) error {
	return c.deleteRole(ctx, fn, c.roleName(fn))
}

// ensureSchedulerRole returns the ARN of the role by which EventBridge Scheduler calls the alias, and nothing else.
func (c *connection) ensureSchedulerRole(ctx context.Context, fn function) (string, error) {
	if given := fn.own.SchedulerRole; given != "" {
		return given, nil
	}
	// https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html
	own := map[string]map[string]string{"StringEquals": {"aws:SourceAccount": c.account}}
	role, created, err := c.ensureRole(ctx, fn, c.schedulerRoleName(fn.Name), trust("scheduler.amazonaws.com", own))
	if err != nil {
		return "", err
	}
	err = retryWhile(ctx, rightsLimit, unseen(created), func() error {
		if err := c.ensurePolicy(ctx, *role.RoleName, inline, c.schedulerRights(fn.Name)); err != nil || created {
			return err
		}
		return c.limitRole(ctx, fn, *role.RoleName)
	})
	return aws.ToString(role.Arn), err
}

// schedulerRights is the policy of the role by which schedules call a function.
func (c *connection) schedulerRights(fn string) string {
	return policy(allow([]string{c.aliasARN(fn)}, "lambda:InvokeFunction"))
}

// trust lets a service take a role. Lambda's documentation knows no condition for it, and none is needed: nobody can
// give a role to a function of another account.
func trust(service string, condition map[string]map[string]string) string {
	return policy(statement{
		Action: []string{"sts:AssumeRole"}, Effect: "Allow", Principal: map[string]string{"Service": service}, Condition: condition,
	})
}

// ensureRole returns a role of the function's, and makes it when it is missing.
func (c *connection) ensureRole(
	ctx context.Context, fn function, role, trust string,
) (found *types.Role, created bool, err error) {
	found, err = c.getRole(ctx, role)
	if isNotFound(err) {
		found, err = c.createRole(ctx, fn, role, trust)
		created = true
	}
	if err != nil {
		return nil, false, err
	}
	has := tagsOf(found.Tags)
	if !c.owns(has, fn.Name) {
		return nil, false, &providers.Error{
			Kind: providers.Foreign, Op: "prepare the role of", Provider: name, Function: fn.Name,
			Hint: "delete that role, or name one with role: in the function's aws block",
			Err:  fmt.Errorf("there is a role %s that ferry did not make", role),
		}
	}
	if err := c.tagRole(ctx, fn, role, has); err != nil {
		return nil, false, err
	}
	return found, created, c.freeRole(ctx, fn, found)
}

// tagRole gives a role its tags, and takes away those that the manifest asked for before.
func (c *connection) tagRole(ctx context.Context, fn function, role string, has map[string]string) error {
	gone, left := retagging(c.roleTags(fn), has, tagBoundary)
	if len(gone) > 0 {
		if _, err := c.iam.UntagRole(ctx, &iam.UntagRoleInput{RoleName: &role, TagKeys: gone}); err != nil {
			return err
		}
	}
	if len(left) > 0 {
		_, err := c.iam.TagRole(ctx, &iam.TagRoleInput{RoleName: &role, Tags: iamTags(left)})
		return err
	}
	return nil
}

// createRole makes a role. One that is there by now was made by a call whose reply was lost, or by another.
func (c *connection) createRole(ctx context.Context, fn function, role, trust string) (*types.Role, error) {
	in := &iam.CreateRoleInput{
		RoleName: &role, AssumeRolePolicyDocument: &trust, Tags: iamTags(c.roleTags(fn)),
		Description: aws.String(fmt.Sprintf("made by ferry for %s of %s, stage %s", fn.Name, c.service, c.stage)),
	}
	if boundary := fn.own.PermissionsBoundary; boundary != "" {
		in.PermissionsBoundary = &boundary
	}
	out, err := c.iam.CreateRole(ctx, in)
	switch {
	case isAlreadyExists(err):
		return c.getRole(ctx, role)
	case err != nil:
		return nil, err
	}
	out.Role.Tags = in.Tags // the reply may leave them out
	return out.Role, nil
}

// deleteRole deletes a role of the function's, with all that is attached to it.
func (c *connection) deleteRole(ctx context.Context, fn, role string) error {
	found, err := c.getRole(ctx, role)
	if isNotFound(err) || err == nil && !c.owns(tagsOf(found.Tags), fn) {
		return nil
	}
	if err != nil {
		return err
	}
	has, err := c.attached(ctx, role)
	if err == nil {
		err = c.detach(ctx, role, has, nil)
	}
	if err != nil {
		return unlessMissing(err)
	}
	names, err := c.inlinePolicies(ctx, role)
	if err != nil {
		return unlessMissing(err)
	}
	for _, policy := range names {
		if err := c.dropPolicy(ctx, role, policy); err != nil {
			return err
		}
	}
	_, err = c.iam.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: &role})
	return unlessMissing(err)
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

func (c *connection) getRole(ctx context.Context, role string) (*types.Role, error) {
	out, err := c.iam.GetRole(ctx, &iam.GetRoleInput{RoleName: &role})
	if err != nil {
		return nil, err
	}
	return out.Role, nil
}

func iamTags(tags map[string]string) []types.Tag {
	list := make([]types.Tag, 0, len(tags))
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		list = append(list, types.Tag{Key: &key, Value: aws.String(tags[key])})
	}
	return list
}

func tagsOf(list []types.Tag) map[string]string {
	tags := make(map[string]string, len(list))
	for _, t := range list {
		tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	return tags
}

// unlessMissing forgives that what was to be taken away is gone.
func unlessMissing(err error) error {
	if isNotFound(err) {
		return nil
	}
	return err
}

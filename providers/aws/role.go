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

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
)

// Rights are of the role and not of a version, and what serves must keep its own while another revision is made
// ready. So the role is widened before a version is published or the alias moves to it, and narrowed after that.
const (
	inline = "ferry"      // the policy with what the live revision needs
	beside = "ferry-next" // the policy with what others need besides
)

// widenRole sees to it that the function's role may do all that the spec needs, besides what it may do already.
func (a *Adapter) widenRole(ctx context.Context, c *cloud, s providers.Spec) (executor, error) {
	if given := settings(s.Function).Role; given != "" {
		return executor{arn: given}, nil
	}
	role, created, err := a.ensureRole(ctx, c, s.Function, a.roleName(s.Function.Name), trust("lambda.amazonaws.com", nil))
	if err != nil {
		return executor{}, err
	}
	err = retryWhile(ctx, rightsLimit, unseen(created), func() error {
		if err := widenPolicy(ctx, c, *role.RoleName, rights(a, c, s)); err != nil || len(managed(s.Function)) == 0 {
			return err
		}
		has, err := attached(ctx, c, *role.RoleName)
		if err != nil {
			return err
		}
		return attach(ctx, c, *role.RoleName, has, managed(s.Function))
	})
	return executor{arn: aws.ToString(role.Arn), id: aws.ToString(role.RoleId), created: created}, err
}

// unseen retries what does not find a role that was just made: a new role is not everywhere at once in IAM itself.
func unseen(created bool) func(error) bool {
	return func(err error) bool { return created && isNotFound(err) }
}

// narrowRole leaves the role with exactly what the spec needs. It is for after the activation.
func (a *Adapter) narrowRole(ctx context.Context, c *cloud, s providers.Spec) error {
	if settings(s.Function).Role != "" {
		return nil
	}
	role := a.roleName(s.Function.Name)
	if err := ensurePolicy(ctx, c, role, inline, rights(a, c, s)); err != nil {
		return err
	}
	names, err := inlinePolicies(ctx, c, role)
	if err != nil {
		return err
	}
	if slices.Contains(names, beside) {
		if err := dropPolicy(ctx, c, role, beside); err != nil {
			return err
		}
	}
	has, err := attached(ctx, c, role)
	if err != nil {
		return err
	}
	if err := attach(ctx, c, role, has, managed(s.Function)); err != nil {
		return err
	}
	if err := detach(ctx, c, role, has, managed(s.Function)); err != nil {
		return err
	}
	return limitRole(ctx, c, s.Function, role)
}

// removeRole deletes the function's role if ferry made it.
func (a *Adapter) removeRole(ctx context.Context, c *cloud, fn string) error {
	return a.deleteRole(ctx, c, fn, a.roleName(fn))
}

// ensureSchedulerRole returns the ARN of the role by which EventBridge Scheduler calls the alias, and nothing else.
func (a *Adapter) ensureSchedulerRole(ctx context.Context, c *cloud, fn manifest.Function) (string, error) {
	if given := settings(fn).SchedulerRole; given != "" {
		return given, nil
	}
	// https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html
	own := map[string]map[string]string{"StringEquals": {"aws:SourceAccount": c.account}}
	role, created, err := a.ensureRole(ctx, c, fn, a.schedulerRoleName(fn.Name), trust("scheduler.amazonaws.com", own))
	if err != nil {
		return "", err
	}
	err = retryWhile(ctx, rightsLimit, unseen(created), func() error {
		if err := ensurePolicy(ctx, c, *role.RoleName, inline, a.schedulerRights(c, fn.Name)); err != nil || created {
			return err
		}
		return limitRole(ctx, c, fn, *role.RoleName)
	})
	return aws.ToString(role.Arn), err
}

// schedulerRights is the policy of the role by which schedules call a function.
func (a *Adapter) schedulerRights(c *cloud, fn string) string {
	return policy(allow([]string{a.aliasARN(c, fn)}, "lambda:InvokeFunction"))
}

// trust lets a service take a role. Lambda's documentation knows no condition for it, and none is needed: nobody can
// give a role to a function of another account.
func trust(service string, condition map[string]map[string]string) string {
	return policy(statement{
		Action: []string{"sts:AssumeRole"}, Effect: "Allow", Principal: map[string]string{"Service": service}, Condition: condition,
	})
}

// ensureRole returns a role of the function's, and makes it when it is missing.
func (a *Adapter) ensureRole(
	ctx context.Context, c *cloud, fn manifest.Function, role, trust string,
) (found *types.Role, created bool, err error) {
	found, err = getRole(ctx, c, role)
	if isNotFound(err) {
		found, err = a.createRole(ctx, c, fn, role, trust)
		created = true
	}
	if err != nil {
		return nil, false, err
	}
	has := tagsOf(found.Tags)
	if !a.owns(has, fn.Name) {
		return nil, false, &providers.Error{
			Kind: providers.Foreign, Op: "prepare the role of", Provider: name, Function: fn.Name,
			Hint: "delete that role, or name one with role: in the function's aws block",
			Err:  fmt.Errorf("there is a role %s that ferry did not make", role),
		}
	}
	if err := a.tagRole(ctx, c, fn, role, has); err != nil {
		return nil, false, err
	}
	return found, created, freeRole(ctx, c, fn, found)
}

// tagRole gives a role its tags, and takes away those that the manifest asked for before.
func (a *Adapter) tagRole(ctx context.Context, c *cloud, fn manifest.Function, role string, has map[string]string) error {
	gone, left := retagging(a.roleTags(fn), has, tagBoundary)
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
func (a *Adapter) createRole(ctx context.Context, c *cloud, fn manifest.Function, role, trust string) (*types.Role, error) {
	in := &iam.CreateRoleInput{
		RoleName: &role, AssumeRolePolicyDocument: &trust, Tags: iamTags(a.roleTags(fn)),
		Description: aws.String(fmt.Sprintf("made by ferry for %s of %s, stage %s", fn.Name, a.service, a.stage)),
	}
	if boundary := settings(fn).PermissionsBoundary; boundary != "" {
		in.PermissionsBoundary = &boundary
	}
	out, err := c.iam.CreateRole(ctx, in)
	switch {
	case isAlreadyExists(err):
		return getRole(ctx, c, role)
	case err != nil:
		return nil, err
	}
	out.Role.Tags = in.Tags // the reply may leave them out
	return out.Role, nil
}

// deleteRole deletes a role of the function's, with all that is attached to it.
func (a *Adapter) deleteRole(ctx context.Context, c *cloud, fn, role string) error {
	found, err := getRole(ctx, c, role)
	if isNotFound(err) || err == nil && !a.owns(tagsOf(found.Tags), fn) {
		return nil
	}
	if err != nil {
		return err
	}
	has, err := attached(ctx, c, role)
	if err == nil {
		err = detach(ctx, c, role, has, nil)
	}
	if err != nil {
		return unlessMissing(err)
	}
	names, err := inlinePolicies(ctx, c, role)
	if err != nil {
		return unlessMissing(err)
	}
	for _, policy := range names {
		if err := dropPolicy(ctx, c, role, policy); err != nil {
			return err
		}
	}
	_, err = c.iam.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: &role})
	return unlessMissing(err)
}

// widenPolicy adds what is needed to what is granted. It takes nothing away, also of what an attempt left that was
// killed after its revision went live.
func widenPolicy(ctx context.Context, c *cloud, role, need string) error {
	granted, err := getPolicy(ctx, c, role, inline)
	if isNotFound(err) {
		return setPolicy(ctx, c, role, inline, need)
	}
	if err != nil {
		return err
	}
	besides, err := getPolicy(ctx, c, role, beside)
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
	return setPolicy(ctx, c, role, beside, policy(wider...))
}

// getPolicy reads the statements of an inline policy.
func getPolicy(ctx context.Context, c *cloud, role, policy string) ([]string, error) {
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

func setPolicy(ctx context.Context, c *cloud, role, policy, document string) error {
	_, err := c.iam.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: &role, PolicyName: &policy, PolicyDocument: &document})
	return err
}

// ensurePolicy writes an inline policy that differs.
func ensurePolicy(ctx context.Context, c *cloud, role, policy, document string) error {
	has, err := getPolicy(ctx, c, role, policy)
	if err != nil && !isNotFound(err) {
		return err
	}
	if want, wanting := statementsOf(document); wanting != nil || err == nil && slices.Equal(has, want) {
		return wanting
	}
	return setPolicy(ctx, c, role, policy, document)
}

func dropPolicy(ctx context.Context, c *cloud, role, policy string) error {
	_, err := c.iam.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: &role, PolicyName: &policy})
	return unlessMissing(err)
}

// inlinePolicies names the policies that are written in a role.
func inlinePolicies(ctx context.Context, c *cloud, role string) ([]string, error) {
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
func attached(ctx context.Context, c *cloud, role string) ([]string, error) {
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
func attach(ctx context.Context, c *cloud, role string, has, want []string) error {
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
func detach(ctx context.Context, c *cloud, role string, has, want []string) error {
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

func getRole(ctx context.Context, c *cloud, role string) (*types.Role, error) {
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

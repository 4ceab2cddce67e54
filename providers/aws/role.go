package aws

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/until"
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
	err = until.Done(ctx, func() error {
		if err := c.widenPolicy(ctx, *role.RoleName, c.rights(s)); err != nil || len(managed(s.function)) == 0 {
			return err
		}
		has, err := c.attached(ctx, *role.RoleName)
		if err != nil {
			return err
		}
		return c.attach(ctx, *role.RoleName, has, managed(s.function))
	}, newRole(created))
	return executor{arn: aws.ToString(role.Arn), id: aws.ToString(role.RoleId), created: created}, err
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
	err = until.Done(ctx, func() error {
		if err := c.ensurePolicy(ctx, *role.RoleName, inline, c.schedulerRights(fn.Name)); err != nil || created {
			return err
		}
		return c.limitRole(ctx, fn, *role.RoleName)
	}, newRole(created))
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
			Err:  fmt.Errorf("there is already a role %s that ferry did not make", role),
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

// executor is the role that a version runs as. Its id tells it from others that had its name before: to AWS a role that
// was made again is another, which has no rights to what a version was given under the first. A role that was given has
// no id here, as no look is taken at it.
type executor struct {
	arn, id string
	created bool // just now, so that some seconds may go by until services know it
}

// rolesGiven reports whether the manifest names all roles of a function, so that ferry makes none.
func rolesGiven(fn function) bool {
	own := fn.own
	scheduled := slices.ContainsFunc(fn.Events, func(e manifest.Event) bool { return e.Schedule != nil })
	return own.Role != "" && (own.SchedulerRole != "" || !scheduled)
}

// mayOwnRoles reports whether ferry may have made a role for a function. Of one that is gone the target tells.
func (p *place) mayOwnRoles(fn *lambda.GetFunctionOutput) bool {
	if fn == nil {
		return p.target.Role == "" || p.target.SchedulerRole == ""
	}
	return fn.Tags[tagRoles] == ""
}

// claimRoles takes back that all roles of a function are given, before one is made.
func (c *connection) claimRoles(ctx context.Context, fn function, tags map[string]string) error {
	if tags[tagRoles] == "" || rolesGiven(fn) {
		return nil
	}
	return c.untag(ctx, fn.Name, tagRoles)
}

// roleARN is that of a role which ferry makes.
func (c *connection) roleARN(name string) string {
	return fmt.Sprintf("arn:%s:iam::%s:role/%s", c.partition, c.account, name)
}

// lacks says what a version ran with and has lost, "" when it has all. Of roles only those are looked at that ferry
// makes.
func (c *connection) lacks(ctx context.Context, fn string, v *lambdatypes.FunctionConfiguration) (string, error) {
	role := c.roleName(fn)
	if aws.ToString(v.Role) != c.roleARN(role) {
		return "", nil
	}
	found, err := c.getRole(ctx, role)
	switch made := labelOf(v).role; {
	case isNotFound(err):
		return "its role " + role, nil
	case err != nil:
		return "", err
	case made != "" && made != aws.ToString(found.RoleId):
		return "the role " + role + " that it was made with", nil
	}
	return "", nil
}

// roleTags are those of a role: it also says whether its boundary is ferry's to take away.
func (p *place) roleTags(fn function) map[string]string {
	tags := maps.Clone(p.tags(fn))
	if fn.own.PermissionsBoundary != "" {
		tags[tagBoundary] = "true"
	}
	return tags
}

// freeRole takes away the boundary that the manifest asked for before: it gives the role rights, and so comes before a
// revision that needs them. A boundary that somebody else set stays.
func (c *connection) freeRole(ctx context.Context, fn function, role *types.Role) error {
	_, own := tagsOf(role.Tags)[tagBoundary]
	if role.PermissionsBoundary == nil || !own || fn.own.PermissionsBoundary != "" {
		return nil
	}
	_, err := c.iam.DeleteRolePermissionsBoundary(ctx, &iam.DeleteRolePermissionsBoundaryInput{RoleName: role.RoleName})
	return unlessMissing(err)
}

// limitRole sets the boundary of a role: it takes rights away, and so comes after the revision that can do without.
func (c *connection) limitRole(ctx context.Context, fn function, role string) error {
	want := fn.own.PermissionsBoundary
	if want == "" {
		return nil
	}
	found, err := c.getRole(ctx, role)
	if err != nil || found.PermissionsBoundary != nil && aws.ToString(found.PermissionsBoundary.PermissionsBoundaryArn) == want {
		return err
	}
	_, err = c.iam.PutRolePermissionsBoundary(ctx, &iam.PutRolePermissionsBoundaryInput{RoleName: &role, PermissionsBoundary: &want})
	return err
}

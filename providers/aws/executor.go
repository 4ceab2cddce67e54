package aws

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/ferryfn/ferry/manifest"
)

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
func (c *connection) lacks(ctx context.Context, fn string, v *types.FunctionConfiguration) (string, error) {
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
func (c *connection) freeRole(ctx context.Context, fn function, role *iamtypes.Role) error {
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

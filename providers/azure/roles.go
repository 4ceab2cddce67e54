package azure

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/authorization/armauthorization/v2"
	"golang.org/x/sync/errgroup"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/until"
)

// roleGrant is a role by its id, on something.
type roleGrant struct {
	Role  string `json:"role"`
	Scope string `json:"scope"`
}

// assignAll gives an identity roles. What it has already stays.
func (c *connection) assignAll(ctx context.Context, to identity, roles []roleGrant) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(4)
	for _, r := range roles {
		g.Go(func() error { return c.assign(ctx, to, "ServicePrincipal", r) })
	}
	return g.Wait()
}

// assign gives somebody a role. The assignment has a name of what it says, so that giving it again is no other one. The kind
// of who gets it is said, since Azure cannot look up who was made a moment ago.
func (c *connection) assign(ctx context.Context, to identity, kind string, r roleGrant) error {
	definition := fmt.Sprintf("/subscriptions/%s/providers/Microsoft.Authorization/roleDefinitions/%s", c.subscription, r.Role)
	err := until.Done(ctx, func() error {
		_, err := c.assignments.Create(ctx, r.Scope, assignmentName(to, r), armauthorization.RoleAssignmentCreateParameters{
			Properties: &armauthorization.RoleAssignmentProperties{
				PrincipalID: &to.principal, RoleDefinitionID: &definition, PrincipalType: new(armauthorization.PrincipalType(kind)),
			},
		}, nil)
		return err
	}, unknownPrincipal())
	if is(err, "RoleAssignmentExists") {
		return nil
	}
	if err != nil {
		return fmt.Errorf("giving a role on %s: %w", r.Scope, err)
	}
	c.spread.gave()
	return nil
}

func assignmentName(to identity, r roleGrant) string {
	return guidFor(strings.ToLower(r.Scope), to.principal, strings.ToLower(r.Role))
}

// revoke takes roles from an identity.
func (c *connection) revoke(ctx context.Context, from identity, roles []roleGrant) error {
	for _, r := range roles {
		_, err := c.assignments.Delete(ctx, r.Scope, assignmentName(from, r), nil)
		if unlessMissing(err) != nil {
			return fmt.Errorf("taking a role on %s: %w", r.Scope, err)
		}
	}
	return nil
}

// revokeAll takes all roles in the resource group from somebody, who is about to go: Azure keeps the roles of nobody.
func (c *connection) revokeAll(ctx context.Context, from identity) error {
	filter := "principalId eq '" + from.principal + "'"
	return c.revokeFound(ctx, c.groupID(), filter, func(p *armauthorization.RoleAssignmentProperties) bool {
		return value(p.PrincipalID) == from.principal && strings.HasPrefix(strings.ToLower(value(p.Scope)), strings.ToLower(c.groupID()))
	})
}

// revokeAt takes away the roles on something that is about to go.
func (c *connection) revokeAt(ctx context.Context, scope string) error {
	return c.revokeFound(ctx, scope, "atScope()", func(p *armauthorization.RoleAssignmentProperties) bool {
		return strings.EqualFold(value(p.Scope), scope)
	})
}

func (c *connection) revokeFound(ctx context.Context, scope, filter string, meant func(*armauthorization.RoleAssignmentProperties) bool) error {
	encoded := url.PathEscape(filter) // which this client, unlike the others, puts into the address as it is
	pages := c.assignments.NewListForScopePager(scope, &armauthorization.RoleAssignmentsClientListForScopeOptions{Filter: &encoded})
	for pages.More() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return unlessMissing(err)
		}
		for _, one := range page.Value {
			if one.Properties == nil || !meant(one.Properties) {
				continue
			}
			if _, err := c.assignments.DeleteByID(ctx, value(one.ID), nil); unlessMissing(err) != nil {
				return err
			}
		}
	}
	return nil
}

// needs are the roles that a function's own identity needs: those of its manifest, and what reads its messages and its secrets. Where the key vault is
// stands in the roles that were given before.
func (c *connection) needs(ctx context.Context, s spec, before []roleGrant) ([]roleGrant, error) {
	var roles []roleGrant
	for _, r := range s.function.own.Roles {
		id, err := c.roleID(ctx, s.function.Name, r)
		if err != nil {
			return nil, err
		}
		roles = append(roles, roleGrant{Role: id, Scope: r.Scope})
	}
	roles = append(roles, c.reading(s.function)...)
	if len(s.secrets) == 0 {
		return roles, nil
	}
	vault, err := c.vaultID(ctx, before)
	if err != nil {
		return nil, err
	}
	for _, reference := range s.secrets {
		roles = append(roles, roleGrant{Role: roleIDs()["Key Vault Secrets User"], Scope: vault + "/secrets/" + secretIn(reference)})
	}
	slices.SortFunc(roles, func(a, b roleGrant) int { return strings.Compare(a.Scope+a.Role, b.Scope+b.Role) })
	return slices.Compact(roles), nil
}

// roleID is the id of a role: itself, of a name that ferry knows, or of one that Azure does.
func (c *connection) roleID(ctx context.Context, fn string, r grant) (string, error) {
	if guid().MatchString(r.Role) {
		return strings.ToLower(r.Role), nil
	}
	if id, ok := roleIDs()[r.Role]; ok {
		return id, nil
	}
	filter := "roleName eq '" + strings.ReplaceAll(r.Role, "'", "''") + "'"
	pages := c.definitions.NewListPager(r.Scope, &armauthorization.RoleDefinitionsClientListOptions{Filter: &filter})
	for pages.More() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return "", err
		}
		for _, d := range page.Value {
			return value(d.Name), nil
		}
	}
	return "", fail(providers.NotFound, "publish", fn, "correct azure.roles: `az role definition list` shows the names", "there is no role %q on %s", r.Role, r.Scope)
}

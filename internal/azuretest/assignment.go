package azuretest

import (
	"net/http"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/internal/standin"
)

// assignment gives a principal a role on a scope.
type assignment struct {
	id, name, scope string
	principal       string
	sort            string // of the principal
	description     string
	role            role
	lag             int // how often the data plane does not know it yet
}

// grant is an assignment that stands since long.
func (c *Cloud) grant(principal, roleName, scope string) {
	r, ok := roleNamed(roleName)
	if !ok {
		panic("azuretest: there is no role " + roleName)
	}
	name := newID()
	id := scope + "/providers/Microsoft.Authorization/roleAssignments/" + name
	c.assignments[lower(id)] = &assignment{id: id, name: name, scope: scope, principal: principal, sort: servicePrincipal, role: r}
}

// Grant gives a principal a role on a scope, as an administrator did long ago.
func (c *Cloud) Grant(principal, roleName, scope string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.grant(principal, roleName, scope)
}

// Revoke takes all roles of a principal away.
func (c *Cloud) Revoke(principal string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, a := range c.assignments {
		if strings.EqualFold(a.principal, principal) {
			delete(c.assignments, id)
		}
	}
}

// authorizationOperations are those of Microsoft.Authorization.
//
// Source: azure-rest-api-specs, authorization/resource-manager/Microsoft.Authorization, authorization-RoleAssignmentsCalls.json,
// authorization-RoleDefinitionsCalls.json.
func authorizationOperations() []*operation {
	const at = "/{scope}/providers/Microsoft.Authorization/"
	const assign = "Microsoft.Authorization/roleAssignments/"
	return []*operation{
		manage("RoleAssignments_ListForScope", "GET "+at+"roleAssignments", assign+"read", (*Cloud).listAssignments),
		manage("RoleAssignments_Get", "GET "+at+"roleAssignments/{name}", assign+"read", (*Cloud).getAssignment),
		manage("RoleAssignments_Create", "PUT "+at+"roleAssignments/{name}", assign+"write", (*Cloud).putAssignment),
		manage("RoleAssignments_Delete", "DELETE "+at+"roleAssignments/{name}", assign+"delete", (*Cloud).deleteAssignment),
		manage("RoleDefinitions_List", "GET "+at+"roleDefinitions", "Microsoft.Authorization/roleDefinitions/read", (*Cloud).listDefinitions),
		manage("RoleDefinitions_Get", "GET "+at+"roleDefinitions/{name}", "Microsoft.Authorization/roleDefinitions/read", (*Cloud).getDefinition),
		manage("Permissions_ListForScope", "GET "+at+"permissions", "", (*Cloud).listPermissions),
		manage("ManagementLocks_ListByScope", "GET "+at+"locks", "Microsoft.Authorization/locks/read", (*Cloud).listLocks),
	}
}

func (a *assignment) wire() object {
	properties := object{
		"roleDefinitionId": "/subscriptions/" + Subscription + "/providers/Microsoft.Authorization/roleDefinitions/" + a.role.id,
		"principalId":      a.principal, "principalType": a.sort, "scope": a.scope, "createdOn": stamp(now()),
	}
	if a.description != "" {
		properties["description"] = a.description
	}
	return object{"id": a.id, "name": a.name, "type": "Microsoft.Authorization/roleAssignments", "properties": properties}
}

// listAssignments takes the filters of its definition: atScope(), principalId eq, assignedTo(). Without one it lists what stands at,
// above and below the scope.
func (c *Cloud) listAssignments(r *request) (any, error) {
	filter, scope := r.query.Get("$filter"), "/"+r.vars["scope"]
	all := []object{}
	for _, id := range sortedKeys(c.assignments) {
		a := c.assignments[id]
		if !within(scope, a.scope) && !within(a.scope, scope) {
			continue
		}
		keep := true
		for term := range strings.SplitSeq(filter, " and ") {
			name, value, _ := strings.Cut(strings.TrimSpace(term), " eq ")
			switch {
			case term == "":
			case strings.EqualFold(name, "atScope()"):
				keep = keep && within(scope, a.scope)
			case strings.EqualFold(name, "principalId"):
				keep = keep && strings.EqualFold(strings.Trim(value, "'"), a.principal)
			case strings.HasPrefix(lower(name), "assignedto('"):
				keep = keep && strings.EqualFold(strings.TrimSuffix(name[len("assignedTo('"):], "')"), a.principal)
			default:
				return nil, refuse(400, "UnsupportedQuery", "The filter '%s' is not supported. Supported filters are either 'atScope()' or "+
					"'principalId eq '{value}' or assignedTo('{value}')'.", filter)
			}
		}
		if keep {
			all = append(all, a.wire())
		}
	}
	return object{"value": all}, nil
}

func assignmentID(r *request) string { return r.http.URL.Path }

func (c *Cloud) getAssignment(r *request) (any, error) {
	if a := c.assignments[lower("/"+strings.Trim(assignmentID(r), "/"))]; a != nil {
		return a.wire(), nil
	}
	return nil, refuse(404, "RoleAssignmentNotFound", "The role assignment '%s' is not found.", r.vars["name"])
}

func (c *Cloud) deleteAssignment(r *request) (any, error) {
	id := lower("/" + strings.Trim(assignmentID(r), "/"))
	a := c.assignments[id]
	if a == nil {
		return standin.Reply{Status: http.StatusNoContent, Header: http.Header{}}, nil
	}
	delete(c.assignments, id)
	return a.wire(), nil
}

func (c *Cloud) putAssignment(r *request) (any, error) {
	if !isGUID(r.vars["name"]) {
		return nil, refuse(400, "InvalidRoleAssignmentId", "The role assignment ID '%s' is not valid. The role assignment ID must be a GUID.", r.vars["name"])
	}
	body, err := c.decode(r, leaves("id", "name", "type").with("properties",
		leaves("roleDefinitionId", "principalId", "principalType", "description", "condition", "conditionVersion", "delegatedManagedIdentityResourceId", "scope")))
	if err != nil {
		return nil, err
	}
	scope := "/" + r.vars["scope"]
	if c.resources[lower(scope)] == nil && strings.Count(scope, "/") > 2 {
		// A secret is a scope of its own: learn.microsoft.com/azure/key-vault/general/rbac-guide, "Secret scope role assignment".
		of, _, _ := strings.Cut(scope, "/secrets/")
		if _, err := c.find(of); err != nil {
			return nil, err
		}
	}
	definition, who := text(body, "properties", "roleDefinitionId"), text(body, "properties", "principalId")
	of, ok := roleNamed(definition)
	if !ok || !strings.Contains(lower(definition), "/roledefinitions/") {
		return nil, refuse(404, "RoleDefinitionDoesNotExist", "The specified role definition with ID '%s' does not exist.", strings.ReplaceAll(definition[strings.LastIndex(definition, "/")+1:], "-", ""))
	}
	sort := text(body, "properties", "principalType")
	if err := c.principalKnown(who, sort); err != nil {
		return nil, err
	}
	id := "/" + strings.Trim(r.http.URL.Path, "/")
	if known := c.assignments[lower(id)]; known != nil {
		if !strings.EqualFold(known.principal, who) || known.role.id != of.id {
			return nil, refuse(409, "RoleAssignmentUpdateNotPermitted", "Tenant ID, application ID, principal ID, and scope are not allowed to be updated.")
		}
		known.description = text(body, "properties", "description")
		return known.wire(), nil
	}
	for _, other := range c.assignments {
		if strings.EqualFold(other.scope, scope) && strings.EqualFold(other.principal, who) && other.role.id == of.id {
			return nil, refuse(409, "RoleAssignmentExists", "The role assignment already exists. The ID of the existing role assignment is %s.",
				strings.ReplaceAll(other.name, "-", ""))
		}
	}
	if sort == "" {
		sort = c.principals[who].kind
	}
	a := &assignment{
		id: id, name: r.vars["name"], scope: scope, principal: who, sort: sort, role: of, lag: c.setting(roleLag), description: text(body, "properties", "description"),
	}
	c.assignments[lower(id)] = a
	return jsonReply(http.StatusCreated, a.wire()), nil
}

// principalKnown refuses a principal that the directory does not have, or does not have yet on all of its servers; the second only
// when the request does not say of what type it is.
//
// Source: learn.microsoft.com/azure/role-based-access-control/troubleshooting, "New principal".
func (c *Cloud) principalKnown(id, sort string) error {
	p := c.principals[lower(id)]
	if p == nil && sort == "" || p != nil && sort == "" && p.young > 0 {
		if p != nil {
			p.young--
		}
		return refuse(400, "PrincipalNotFound", "Principal %s does not exist in the directory %s. Check that you have the correct principal ID. If you are "+
			"creating this principal and then immediately assigning a role, this error might be related to a replication delay. In this case, set the role "+
			"assignment principalType property to a value, such as ServicePrincipal, User, or Group.  See https://aka.ms/docs-principaltype",
			strings.ReplaceAll(id, "-", ""), Tenant)
	}
	if p != nil && sort != "" && !strings.EqualFold(p.kind, sort) {
		return refuse(400, "UnmatchedPrincipalType", "The PrincipalId '%s' has type '%s' , which is different from specified PrinciaplType '%s'.",
			strings.ReplaceAll(id, "-", ""), p.kind, sort)
	}
	return nil
}

func (c *Cloud) listDefinitions(r *request) (any, error) {
	filter := r.query.Get("$filter")
	all := []object{}
	for _, known := range roles() {
		if name, ok := strings.CutPrefix(filter, "roleName eq '"); ok && !strings.EqualFold(strings.TrimSuffix(name, "'"), known.name) {
			continue
		}
		all = append(all, known.wire("/subscriptions/"+Subscription))
	}
	return object{"value": all}, nil
}

func (c *Cloud) getDefinition(r *request) (any, error) {
	known, ok := roleNamed(r.vars["name"])
	if !ok {
		return nil, refuse(404, "RoleDefinitionDoesNotExist", "The specified role definition with ID '%s' does not exist.", r.vars["name"])
	}
	return known.wire("/subscriptions/" + Subscription), nil
}

// listPermissions is what the caller may do at a scope.
func (c *Cloud) listPermissions(r *request) (any, error) {
	all := []object{}
	for _, id := range sortedKeys(c.assignments) {
		a := c.assignments[id]
		if strings.EqualFold(a.principal, r.caller.id) && within("/"+r.vars["scope"], a.scope) {
			all = append(all, slices.Clone(a.role.wire("")["properties"].(object)["permissions"].([]object))...)
		}
	}
	return object{"value": all}, nil
}

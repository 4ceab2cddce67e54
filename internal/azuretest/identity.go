package azuretest

import (
	"net/http"
	"strings"
)

const identityType = "Microsoft.ManagedIdentity/userAssignedIdentities"

func identityKinds() []*kind {
	return []*kind{{name: identityType, versions: []string{"2018-11-30", "2022-01-31-preview", "2023-01-31", "2024-11-30", "2025-05-31-preview"}}}
}

// identityOperations are those of Microsoft.ManagedIdentity.
//
// Source: azure-rest-api-specs, msi/resource-manager/Microsoft.ManagedIdentity, stable/2024-11-30, ManagedIdentity.json.
func identityOperations() []*operation {
	const group = "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities"
	const action = "Microsoft.ManagedIdentity/userAssignedIdentities/"
	return []*operation{
		manage("UserAssignedIdentities_ListBySubscription", "GET /subscriptions/{subscription}/providers/Microsoft.ManagedIdentity/userAssignedIdentities", action+"read", listKind(identityType)),
		manage("UserAssignedIdentities_ListByResourceGroup", "GET "+group, action+"read", listKind(identityType)),
		manage("UserAssignedIdentities_Get", "GET "+group+"/{name}", action+"read", (*Cloud).getResource),
		manage("UserAssignedIdentities_CreateOrUpdate", "PUT "+group+"/{name}", action+"write", (*Cloud).putIdentity),
		manage("UserAssignedIdentities_Delete", "DELETE "+group+"/{name}", action+"delete", (*Cloud).deleteResource),
	}
}

func (c *Cloud) putIdentity(r *request) (any, error) {
	body, err := c.decode(r, envelope(leaves("isolationScope", "tenantId", "principalId", "clientId")))
	if err != nil {
		return nil, err
	}
	name := r.vars["name"]
	const alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
	if len(name) < 3 || len(name) > 128 || strings.Trim(name, alphabet) != "" || strings.ContainsAny(name[:1], "-_") {
		return nil, refuse(400, "InvalidResourceName", "The resource name '%s' is invalid. It must be 3 to 128 characters, letters, digits, '-' and '_'.", name)
	}
	is, fresh, err := c.put(r, body)
	if err != nil {
		return nil, err
	}
	if !fresh {
		return is.wire(), nil
	}
	p := &principal{id: newID(), client: newID(), kind: servicePrincipal, resource: is.id, young: c.setting(polls)}
	c.principals[p.id] = p
	is.properties = object{"tenantId": Tenant, "principalId": p.id, "clientId": p.client}
	is.state = p
	c.resources[lower(is.id)] = is
	return jsonReply(http.StatusCreated, is.wire()), nil
}

// end removes the principal from the directory. Its assignments stay, and are of nobody, as on Azure.
func (p *principal) end(c *Cloud) { delete(c.principals, p.id) }

package azuretest

import (
	"slices"
	"strings"
)

// role is a built-in role: what its definition allows.
type role struct {
	id, name                                      string
	actions, notActions, dataActions, notDataActs []string
}

// roles are the built-in ones that this cloud knows.
//
// Source: learn.microsoft.com/azure/role-based-access-control/built-in-roles, each role's page; those of Event Grid and Service Bus as
// MicrosoftDocs/azure-docs has them, articles/role-based-access-control/built-in-roles/integration.md.
func roles() []role { return slices.Concat(controlRoles(), dataRoles()) }

// controlRoles are those for resources.
func controlRoles() []role {
	read := []string{"Microsoft.Authorization/*/read", "Microsoft.Insights/alertRules/*", "Microsoft.Resources/deployments/*", "Microsoft.Resources/subscriptions/resourceGroups/read"}
	return []role{
		{id: "8e3af657-a8ff-443c-a75c-2fe8c4bcb635", name: "Owner", actions: []string{"*"}},
		{id: "b24988ac-6180-42a0-ab88-20f7382dd24c", name: "Contributor", actions: []string{"*"}, notActions: []string{
			"Microsoft.Authorization/*/Delete", "Microsoft.Authorization/*/Write", "Microsoft.Authorization/elevateAccess/Action",
		}},
		{id: "acdd72a7-3385-48ef-bd42-f606fba81ae7", name: "Reader", actions: []string{"*/read"}},
		{id: "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9", name: "User Access Administrator", actions: []string{"*/read", "Microsoft.Authorization/*", "Microsoft.Support/*"}},
		{id: "f58310d9-a9f6-439a-9e8d-f62e7b41a168", name: "Role Based Access Control Administrator", actions: []string{
			"Microsoft.Authorization/roleAssignments/write", "Microsoft.Authorization/roleAssignments/delete", "*/read", "Microsoft.Support/*",
		}},
		{id: "de139f84-1756-47ae-9be6-808fbbe84772", name: "Website Contributor", actions: append(read,
			"Microsoft.Insights/components/*", "Microsoft.Web/certificates/*", "Microsoft.Web/listSitesAssignedToHostName/read",
			"Microsoft.Web/serverFarms/join/action", "Microsoft.Web/serverFarms/read", "Microsoft.Web/sites/*")},
		{id: "2cc479cb-7b4d-49a8-b449-8c00fd0f0a4b", name: "Web Plan Contributor", actions: append(read, "Microsoft.Web/serverFarms/*")},
		{id: "17d1049b-9a84-46fb-8f53-869881c3d3ab", name: "Storage Account Contributor", actions: append(read, "Microsoft.Storage/storageAccounts/*")},
		{id: "e40ec5ca-96e0-45a2-b4ff-59039f2c2b59", name: "Managed Identity Contributor", actions: append(read, "Microsoft.ManagedIdentity/userAssignedIdentities/*")},
		{id: "f1a07417-d97a-45cb-824c-7a7467783830", name: "Managed Identity Operator", actions: append(read,
			"Microsoft.ManagedIdentity/userAssignedIdentities/*/read", "Microsoft.ManagedIdentity/userAssignedIdentities/*/assign/action")},
		{id: "43d0d8ad-25c7-4714-9337-8ba259a9fe05", name: "Monitoring Reader", actions: []string{"*/read", "Microsoft.OperationalInsights/workspaces/search/action"}},
		{id: "92aaf0da-9dab-42b6-94a3-d43ce8d16293", name: "Log Analytics Contributor", actions: []string{"*/read", "Microsoft.OperationalInsights/*"}},
		{id: "73c42c96-874c-492b-b04d-ab87d138a893", name: "Log Analytics Reader", actions: []string{"*/read", "Microsoft.OperationalInsights/workspaces/search/action"}},
		{id: "f25e0fa2-a7c8-4377-a976-54943a77a395", name: "Key Vault Contributor", actions: append(read, "Microsoft.KeyVault/*")},
		{id: "1e241071-0855-49ea-94dc-649edcd759de", name: "EventGrid Contributor", actions: append(read, "Microsoft.EventGrid/*", "Microsoft.Support/*")},
		{id: "428e0ff0-5e57-4d9c-a221-2c70d0e0a443", name: "EventGrid EventSubscription Contributor", actions: append(read,
			"Microsoft.EventGrid/eventSubscriptions/*", "Microsoft.EventGrid/topicTypes/eventSubscriptions/read", "Microsoft.EventGrid/locations/eventSubscriptions/read",
			"Microsoft.EventGrid/locations/topicTypes/eventSubscriptions/read", "Microsoft.Support/*")},
	}
}

// dataRoles are those for what resources hold.
func dataRoles() []role {
	blobs := "Microsoft.Storage/storageAccounts/blobServices/containers/"
	queues := "Microsoft.Storage/storageAccounts/queueServices/queues/"
	entities := []string{"Microsoft.ServiceBus/*/queues/read", "Microsoft.ServiceBus/*/topics/read", "Microsoft.ServiceBus/*/topics/subscriptions/read"}
	return []role{
		{
			id: "b7e6dc6d-f1e8-4753-8033-0f276bb0955b", name: "Storage Blob Data Owner",
			actions:     []string{blobs + "*", "Microsoft.Storage/storageAccounts/blobServices/generateUserDelegationKey/action"},
			dataActions: []string{blobs + "blobs/*"},
		},
		{
			id: "ba92f5b4-2d11-453d-a403-e96b0029c9fe", name: "Storage Blob Data Contributor",
			actions: []string{
				"Microsoft.Storage/storageAccounts/blobServices/containers/delete", "Microsoft.Storage/storageAccounts/blobServices/containers/read",
				"Microsoft.Storage/storageAccounts/blobServices/containers/write", "Microsoft.Storage/storageAccounts/blobServices/generateUserDelegationKey/action",
			},
			dataActions: []string{blobs + "blobs/delete", blobs + "blobs/read", blobs + "blobs/write", blobs + "blobs/move/action", blobs + "blobs/add/action"},
		},
		{
			id: "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1", name: "Storage Blob Data Reader",
			actions:     []string{blobs + "read", "Microsoft.Storage/storageAccounts/blobServices/generateUserDelegationKey/action"},
			dataActions: []string{blobs + "blobs/read"},
		},
		{
			id: "974c5e8b-45b9-4653-ba55-5f855dd0fb88", name: "Storage Queue Data Contributor",
			actions:     []string{queues + "delete", queues + "read", queues + "write"},
			dataActions: []string{queues + "messages/delete", queues + "messages/read", queues + "messages/write", queues + "messages/process/action"},
		},
		{
			id: "8a0f0c08-91a1-4084-bc3d-661d67233fed", name: "Storage Queue Data Message Processor",
			dataActions: []string{queues + "messages/read", queues + "messages/process/action"},
		},
		{id: "c6a89b2d-59bc-44d0-9896-0f6e12d7b80a", name: "Storage Queue Data Message Sender", dataActions: []string{queues + "messages/add/action"}},
		{
			id: "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3", name: "Storage Table Data Contributor",
			actions:     []string{"Microsoft.Storage/storageAccounts/tableServices/tables/read", "Microsoft.Storage/storageAccounts/tableServices/tables/write"},
			dataActions: []string{"Microsoft.Storage/storageAccounts/tableServices/tables/entities/*"},
		},
		{id: "3913510d-42f4-4e42-8a64-420c390055eb", name: "Monitoring Metrics Publisher", dataActions: []string{"Microsoft.Insights/Metrics/Write", "Microsoft.Insights/Telemetry/Write"}},
		{id: "b86a8fe4-44ce-4948-aee5-eccb2c155cd7", name: "Key Vault Secrets Officer", dataActions: []string{"Microsoft.KeyVault/vaults/secrets/*"}},
		{id: "4633458b-17de-408a-b874-0445c86b69e6", name: "Key Vault Secrets User", dataActions: []string{
			"Microsoft.KeyVault/vaults/secrets/getSecret/action", "Microsoft.KeyVault/vaults/secrets/readMetadata/action",
		}},
		{id: "00482a5a-887f-4fb3-b363-3b7fe8e74483", name: "Key Vault Administrator", dataActions: []string{"Microsoft.KeyVault/vaults/*"}},
		{
			id: "d5a91429-5739-47e2-a06b-3470a27159e7", name: "EventGrid Data Sender",
			actions: []string{
				"Microsoft.Authorization/*/read", "Microsoft.EventGrid/topics/read", "Microsoft.EventGrid/domains/read", "Microsoft.EventGrid/partnerNamespaces/read",
				"Microsoft.Resources/subscriptions/resourceGroups/read", "Microsoft.EventGrid/namespaces/read",
			},
			dataActions: []string{"Microsoft.EventGrid/events/send/action"},
		},
		{id: "4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0", name: "Azure Service Bus Data Receiver", actions: entities, dataActions: []string{"Microsoft.ServiceBus/*/receive/action"}},
		{id: "69a216fc-b8fb-44d8-bc22-1f3c2cd27a39", name: "Azure Service Bus Data Sender", actions: entities, dataActions: []string{"Microsoft.ServiceBus/*/send/action"}},
		{id: "090c5cfd-751d-490a-894a-3ce6f1109419", name: "Azure Service Bus Data Owner", actions: []string{"Microsoft.ServiceBus/*"}, dataActions: []string{"Microsoft.ServiceBus/*"}},
	}
}

func roleNamed(name string) (role, bool) {
	for _, r := range roles() {
		if strings.EqualFold(r.name, name) || strings.EqualFold(r.id, name[strings.LastIndex(name, "/")+1:]) {
			return r, true
		}
	}
	return role{}, false
}

// allows says whether a definition has an action; one that begins with "data:" is of the data plane. A wildcard between two slashes
// stands for nothing, too: Managed Identity Operator, which has userAssignedIdentities/*/assign/action, lets assign an identity, and
// Key Vault Reader, which has vaults/*/read, lets see a vault.
//
// Source: learn.microsoft.com/azure/role-based-access-control/built-in-roles.
func (r role) allows(action string) bool {
	yes, no := r.actions, r.notActions
	if data, ok := strings.CutPrefix(action, "data:"); ok {
		action, yes, no = data, r.dataActions, r.notDataActs
	}
	has := func(patterns []string) bool {
		return slices.ContainsFunc(patterns, func(p string) bool {
			return glob(lower(p), lower(action)) || glob(strings.ReplaceAll(lower(p), "/*/", "/"), lower(action))
		})
	}
	return has(yes) && !has(no)
}

// glob says whether a pattern, in which * is any text, matches.
func glob(pattern, s string) bool {
	first, rest, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == s
	}
	if !strings.HasPrefix(s, first) {
		return false
	}
	s = s[len(first):]
	for i := 0; i <= len(s); i++ {
		if glob(rest, s[i:]) {
			return true
		}
	}
	return false
}

func (r role) wire(scope string) object {
	none := func(s []string) []string { return append([]string{}, s...) }
	return object{
		"id": scope + "/providers/Microsoft.Authorization/roleDefinitions/" + r.id, "type": "Microsoft.Authorization/roleDefinitions", "name": r.id,
		"properties": object{
			"roleName": r.name, "type": "BuiltInRole", "description": r.name, "assignableScopes": []string{"/"},
			"permissions": []object{{
				"actions": none(r.actions), "notActions": none(r.notActions), "dataActions": none(r.dataActions), "notDataActions": none(r.notDataActs),
			}},
		},
	}
}

// allows says whether a principal may do an action on a scope. What the control plane knows it knows at once.
func (c *Cloud) allows(who *principal, action, scope string) bool {
	if who == nil {
		return false
	}
	for _, id := range sortedKeys(c.assignments) {
		a := c.assignments[id]
		if strings.EqualFold(a.principal, who.id) && within(scope, a.scope) && a.role.allows(action) {
			return true
		}
	}
	return false
}

// known says whether a principal has any role on a scope or in it.
func (c *Cloud) known(who *principal, scope string) bool {
	for _, a := range c.assignments {
		if who != nil && strings.EqualFold(a.principal, who.id) && (within(scope, a.scope) || within(a.scope, scope)) {
			return true
		}
	}
	return false
}

// permits is allows for the data plane, to which an assignment is known only after a while.
func (c *Cloud) permits(who *principal, action, scope string) bool {
	if who == nil {
		return false
	}
	for _, id := range sortedKeys(c.assignments) {
		a := c.assignments[id]
		if !strings.EqualFold(a.principal, who.id) || !within(scope, a.scope) || !a.role.allows("data:"+action) {
			continue
		}
		if a.lag <= 0 {
			return true
		}
		a.lag--
	}
	return false
}

package azuretest

import (
	"net/http"
	"strings"
)

const (
	workspaceType = "Microsoft.OperationalInsights/workspaces"
	componentType = "Microsoft.Insights/components"
)

func insightsKinds() []*kind {
	return []*kind{
		{name: workspaceType, versions: []string{"2020-08-01", "2021-06-01", "2022-10-01", "2023-09-01", "2025-02-01", "2025-07-01"}},
		{name: componentType, versions: []string{"2015-05-01", "2018-05-01-preview", "2020-02-02"}},
	}
}

// workspace is a place for logs.
type workspace struct {
	is   *resource
	rows []object
}

func (w *workspace) end(*Cloud) {}

// insightsOperations are those of Microsoft.OperationalInsights and Microsoft.Insights.
//
// Source: azure-rest-api-specs, operationalinsights/…/Workspaces.json; applicationinsights/…/components_API.json.
func insightsOperations() []*operation {
	const group = "/subscriptions/{subscription}/resourceGroups/{group}/providers/"
	const workspaces, components = group + workspaceType, group + componentType
	return []*operation{
		manage("Workspaces_ListByResourceGroup", "GET "+workspaces, workspaceType+"/read", listKind(workspaceType)),
		manage("Workspaces_Get", "GET "+workspaces+"/{name}", workspaceType+"/read", (*Cloud).getWorkspace),
		manage("Workspaces_CreateOrUpdate", "PUT "+workspaces+"/{name}", workspaceType+"/write", (*Cloud).putWorkspace),
		manage("Workspaces_Delete", "DELETE "+workspaces+"/{name}", workspaceType+"/delete", (*Cloud).deleteResource),
		manage("Components_ListByResourceGroup", "GET "+components, componentType+"/read", listKind(componentType)),
		manage("Components_Get", "GET "+components+"/{name}", componentType+"/read", (*Cloud).getResource),
		manage("Components_CreateOrUpdate", "PUT "+components+"/{name}", componentType+"/write", (*Cloud).putComponent),
		manage("Components_Delete", "DELETE "+components+"/{name}", componentType+"/delete", (*Cloud).deleteResource),
	}
}

func (c *Cloud) getWorkspace(r *request) (any, error) {
	is, err := c.find(r.scope())
	if err != nil {
		return nil, err
	}
	if is.polls > 0 {
		is.polls--
		return is.wire(), nil
	}
	is.properties["provisioningState"] = "Succeeded"
	return is.wire(), nil
}

func (c *Cloud) putWorkspace(r *request) (any, error) {
	body, err := c.decode(r, envelope(leaves("retentionInDays", "features", "workspaceCapping", "publicNetworkAccessForIngestion", "publicNetworkAccessForQuery",
		"forceCmkForQuery", "defaultDataCollectionRuleResourceId", "provisioningState", "customerId").with("sku", leaves("name", "capacityReservationLevel", "lastSkuUpdate"))))
	if err != nil {
		return nil, err
	}
	name := r.vars["name"]
	const alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-"
	if len(name) < 4 || len(name) > 63 || strings.Trim(name, alphabet) != "" || strings.HasPrefix(name, "-") || strings.HasSuffix(name, "-") {
		return nil, refuse(400, "InvalidParameter", "'workspaceName' does not match expected pattern '^[A-Za-z0-9][A-Za-z0-9-]+[A-Za-z0-9]$'.")
	}
	is, fresh, err := c.put(r, body)
	if err != nil {
		return nil, err
	}
	if fresh {
		is.polls = c.setting(polls)
		is.properties = object{
			"provisioningState": "Creating", "customerId": newID(), "sku": object{"name": "PerGB2018"}, "retentionInDays": 30,
			"publicNetworkAccessForIngestion": "Enabled", "publicNetworkAccessForQuery": "Enabled", "createdDate": stamp(now()),
		}
		is.state = &workspace{is: is}
		c.resources[lower(is.id)] = is
	}
	given, _ := body["properties"].(object)
	for _, name := range []string{"retentionInDays", "features", "workspaceCapping", "sku"} {
		if value, ok := given[name]; ok {
			is.properties[name] = value
		}
	}
	if !fresh {
		return is.wire(), nil
	}
	return jsonReply(http.StatusCreated, is.wire()), nil
}

func (c *Cloud) putComponent(r *request) (any, error) {
	body, err := c.decode(r, envelope(leaves("Application_Type", "WorkspaceResourceId", "Flow_Type", "Request_Source", "RetentionInDays", "IngestionMode",
		"DisableIpMasking", "DisableLocalAuth", "ImmediatePurgeDataOn30Days", "SamplingPercentage", "publicNetworkAccessForIngestion", "publicNetworkAccessForQuery",
		"ForceCustomerStorageForProfiler", "HockeyAppId")))
	if err != nil {
		return nil, err
	}
	if text(body, "kind") == "" || text(body, "properties", "Application_Type") == "" {
		return nil, refuse(400, "InvalidParameter", "kind and properties.Application_Type are required.")
	}
	of := text(body, "properties", "WorkspaceResourceId")
	if of == "" {
		// Components without a workspace are retired since 2024: learn.microsoft.com/azure/azure-monitor/app/convert-classic-resource.
		return nil, refuse(400, "InvalidOperation", "Classic Application Insights is retired. WorkspaceResourceId is required.")
	}
	if w := c.resources[lower(of)]; w == nil || w.kind != workspaceType {
		return nil, refuse(404, "WorkspaceNotFound", "Workspace '%s' could not be found.", of)
	} else if w.properties["provisioningState"] != "Succeeded" {
		return nil, refuse(409, "WorkspaceNotReady", "Workspace '%s' is not in a succeeded provisioning state.", of)
	}
	is, fresh, err := c.put(r, body)
	if err != nil {
		return nil, err
	}
	if fresh {
		key, app := newID(), newID()
		is.properties = object{
			"Application_Type": "web", "AppId": app, "ApplicationId": is.name, "InstrumentationKey": key, "provisioningState": "Succeeded", "IngestionMode": "LogAnalytics",
			"ConnectionString": "InstrumentationKey=" + key + ";IngestionEndpoint=https://" + is.location + "-5.in.applicationinsights.azure.com/;LiveEndpoint=https://" +
				is.location + ".livediagnostics.monitor.azure.com/;ApplicationId=" + app,
			"TenantId": r.vars["subscription"], "CreationDate": stamp(now()), "publicNetworkAccessForIngestion": "Enabled", "publicNetworkAccessForQuery": "Enabled",
		}
		c.resources[lower(is.id)] = is
	}
	given, _ := body["properties"].(object)
	for name, value := range given {
		is.properties[name] = value
	}
	return is.wire(), nil
}

package azuretest

import (
	"net/http"
	"strings"

	"github.com/ferryfn/ferry/internal/standin"
)

const planType = "Microsoft.Web/serverFarms"

func webKinds() []*kind {
	versions := []string{
		"2015-08-01", "2016-03-01", "2016-08-01", "2018-02-01", "2018-11-01", "2019-08-01", "2020-06-01", "2020-09-01", "2020-10-01", "2020-12-01", "2021-01-01",
		"2021-01-15", "2021-02-01", "2021-03-01", "2022-03-01", "2022-09-01", "2023-01-01", "2023-12-01", "2024-04-01", "2024-11-01", "2025-03-01", "2025-05-01",
		"2026-03-15", "2026-07-15",
	}
	var all []*kind
	for _, name := range []string{planType, siteType, "Microsoft.Web/locations", "Microsoft.Web/geoRegions", "Microsoft.Web/checknameavailability"} {
		all = append(all, &kind{name: name, versions: versions})
	}
	return all
}

// planOperations are those of plans, and what of Microsoft.Web is no resource.
//
// Source: azure-rest-api-specs, web/resource-manager/Microsoft.Web, stable/2024-11-01, AppServicePlans.json, Provider.json,
// ResourceProvider.json, GetUsagesInLocation.json.
func planOperations() []*operation {
	const sub = "/subscriptions/{subscription}/providers/Microsoft.Web/"
	const group = "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Web/serverFarms"
	return []*operation{
		manage("AppServicePlans_List", "GET "+sub+"serverFarms", planType+"/read", listKind(planType)),
		manage("AppServicePlans_ListByResourceGroup", "GET "+group, planType+"/read", listKind(planType)),
		manage("AppServicePlans_Get", "GET "+group+"/{plan}", planType+"/read", (*Cloud).getResource),
		manage("AppServicePlans_CreateOrUpdate", "PUT "+group+"/{plan}", planType+"/write", (*Cloud).putPlan),
		manage("AppServicePlans_Delete", "DELETE "+group+"/{plan}", planType+"/delete", (*Cloud).deletePlan),
		manage("ListGeoRegions", "GET "+sub+"geoRegions", "Microsoft.Web/geoRegions/read", (*Cloud).listRegions),
		manage("Provider_GetFunctionAppStacksForLocation", "GET /providers/Microsoft.Web/locations/{location}/functionAppStacks", "", (*Cloud).listStacks),
		manage("Provider_GetFunctionAppStacks", "GET /providers/Microsoft.Web/functionAppStacks", "", (*Cloud).listStacks),
		manage("GetUsagesInLocation_List", "GET "+sub+"locations/{location}/usages", "Microsoft.Web/locations/usages/read", (*Cloud).listUsages),
		manage("CheckNameAvailability", "POST "+sub+"checknameavailability", "Microsoft.Web/checknameavailability/read", (*Cloud).checkSiteName),
	}
}

func (c *Cloud) putPlan(r *request) (any, error) {
	body, err := c.decode(r, envelope(leaves("asyncScalingEnabled", "elasticScaleEnabled", "freeOfferExpirationTime", "hostingEnvironmentProfile", "hyperV", "isSpot", "isXenon",
		"kubeEnvironmentProfile", "maximumElasticWorkerCount", "perSiteScaling", "reserved", "spotExpirationTime", "targetWorkerCount", "targetWorkerSizeId", "workerTierName", "zoneRedundant")))
	if err != nil {
		return nil, err
	}
	sku, tier := text(body, "sku", "name"), text(body, "sku", "tier")
	if sku != "FC1" || tier != "" && tier != "FlexConsumption" {
		c.t.Errorf("azuretest: there are no plans of sku %q, tier %q here", sku, tier)
		return nil, refuse(400, "BadRequest", "The parameter SKU.Name has an invalid value.")
	}
	if reserved, _ := dig(body, "properties", "reserved").(bool); !reserved {
		// Flex is Linux, and a plan for Linux says so: learn.microsoft.com/azure/azure-functions/functions-infrastructure-as-code.
		return nil, webRefusal(400, "BadRequest", "", "Flex Consumption plans must be Linux: properties.reserved is required to be true.")
	}
	if location := place(text(body, "location")); location != "" && !flexRegion(location) {
		return nil, webRefusal(400, "BadRequest", "", "Flex Consumption is not available in region '%s'.", location)
	}
	is, fresh, err := c.put(r, body)
	if err != nil {
		return nil, err
	}
	is.sku = object{"name": "FC1", "tier": "FlexConsumption", "size": "FC", "family": "FC", "capacity": 0}
	is.sort = "functionapp"
	is.properties = object{
		"provisioningState": "Succeeded", "status": "Ready", "reserved": true, "geoRegion": displayName(is.location), "resourceGroup": r.vars["group"],
		"subscription": r.vars["subscription"], "numberOfSites": len(c.sitesOf(is.id)), "maximumNumberOfWorkers": 0, "zoneRedundant": dig(body, "properties", "zoneRedundant") == true,
	}
	if fresh {
		c.resources[lower(is.id)] = is
	}
	return is.wire(), nil
}

// flexRegion says whether a region has Flex Consumption; this cloud has one that has not.
func flexRegion(location string) bool { return location != "japaneast" }

// sitesOf are the apps of a plan.
func (c *Cloud) sitesOf(plan string) []*site {
	var all []*site
	for _, id := range sortedKeys(c.resources) {
		if s, ok := c.resources[id].state.(*site); ok && strings.EqualFold(s.plan, plan) {
			all = append(all, s)
		}
	}
	return all
}

func (c *Cloud) deletePlan(r *request) (any, error) {
	is := c.resources[lower(r.scope())]
	if is == nil {
		return standin.Reply{Status: http.StatusNoContent, Header: http.Header{}}, nil
	}
	if sites := c.sitesOf(is.id); len(sites) > 0 {
		return nil, webRefusal(409, "Conflict", "11001", "Server farm '%s' cannot be deleted because it has web app(s) %s assigned to it.", is.name, sites[0].is.name)
	}
	c.drop(is)
	return standin.Reply{Status: http.StatusOK, Header: http.Header{}}, nil
}

func (c *Cloud) listRegions(r *request) (any, error) {
	all := []object{}
	for _, name := range locations() {
		if strings.EqualFold(r.query.Get("sku"), "FlexConsumption") && !flexRegion(name) {
			continue
		}
		all = append(all, object{
			"id": "/subscriptions/" + r.vars["subscription"] + "/providers/Microsoft.Web/geoRegions/" + displayName(name), "name": displayName(name),
			"type": "Microsoft.Web/geoRegions", "properties": object{"name": displayName(name), "displayName": displayName(name), "orgDomain": "PUBLIC;FUNCTIONS;FLEXCONSUMPTION"},
		})
	}
	return object{"value": all}, nil
}

// cores is how much of the quota of a region apps with always-ready instances take.
func (c *Cloud) cores(location string) float64 {
	total := 0.0
	for _, id := range sortedKeys(c.resources) {
		s, ok := c.resources[id].state.(*site)
		if !ok || s.is.location != location {
			continue
		}
		ready, _ := dig(s.config, "scaleAndConcurrency", "alwaysReady").([]any)
		for _, one := range ready {
			of, _ := one.(object)
			count, _ := dig(of, "instanceCount").(float64)
			total += count * coresOf(s.config)
		}
	}
	return total
}

func coresOf(config object) float64 {
	memory, _ := dig(config, "scaleAndConcurrency", "instanceMemoryMB").(float64)
	return map[float64]float64{512: 0.25, 2048: 1, 4096: 2}[memory]
}

// listUsages is the quota of cores of a region: 250, when nobody asked for more.
//
// Source: learn.microsoft.com/azure/azure-functions/flex-consumption-plan, "Regional subscription memory quotas".
func (c *Cloud) listUsages(r *request) (any, error) {
	location := place(r.vars["location"])
	name := "Flex Consumption cores usage in " + displayName(location)
	return object{"value": []object{{
		"name": object{"value": name, "localizedValue": name}, "unit": "Cores", "currentValue": int(c.cores(location)), "limit": c.setting(quota), "nextResetTime": stamp(now()),
	}}, "nextLink": nil}, nil
}

func (c *Cloud) checkSiteName(r *request) (any, error) {
	body, err := c.decode(r, leaves("name", "type", "isFqdn", "environmentId"))
	if err != nil {
		return nil, err
	}
	name := text(body, "name")
	switch {
	case c.site(name) != nil || c.taken[name]:
		return object{"nameAvailable": false, "reason": "AlreadyExists", "message": "Hostname '" + name + "' already exists. Please select a different name."}, nil
	case !siteName(name):
		return object{"nameAvailable": false, "reason": "Invalid", "message": "The name " + name + " is invalid."}, nil
	}
	return object{"nameAvailable": true, "reason": "", "message": ""}, nil
}

// runtimes are the stacks of Flex Consumption.
//
// Source: learn.microsoft.com/azure/azure-functions/supported-languages (2026-08-27).
func runtimes() map[string][]string {
	return map[string][]string{
		"node": {"22", "24"}, "python": {"3.10", "3.11", "3.12", "3.13"}, "java": {"17", "21"}, "dotnet-isolated": {"8.0", "9.0", "10.0"},
		"powershell": {"7.4"}, "custom": {"1.0"}, "go": {"1.0"},
	}
}

func endOfLife(runtime, version string) string {
	return map[string]string{
		"node 22": "2027-04-30T00:00:00Z", "node 24": "2028-04-30T00:00:00Z", "python 3.10": "2026-10-31T00:00:00Z", "python 3.11": "2027-10-31T00:00:00Z",
		"python 3.12": "2028-10-31T00:00:00Z", "python 3.13": "2029-10-31T00:00:00Z", "dotnet-isolated 8.0": "2026-11-10T00:00:00Z", "dotnet-isolated 9.0": "2026-11-10T00:00:00Z",
	}[runtime+" "+version]
}

// listStacks says what runs where, in the form that Core Tools and the Azure CLI read: the second with "Sku" as it is written here.
//
// Sources: Azure/azure-functions-core-tools, src/Cli/func/StacksApi/FlexFunctionsStacks.cs; Azure/azure-cli, appservice/custom.py, _parse_raw_stacks.
func (c *Cloud) listStacks(r *request) (any, error) {
	all := []object{}
	for _, name := range sortedKeys(runtimes()) {
		if only := r.query.Get("stack"); only != "" && !strings.EqualFold(only, name) {
			continue
		}
		majors := []object{}
		for _, version := range runtimes()[name] {
			settings := object{
				"runtimeVersion": name + "|" + version, "isHidden": false, "isPreview": name == "go", "supportedFunctionsExtensionVersions": []string{"~4"},
				"isDefault": version == runtimes()[name][0], "appSettingsDictionary": object{"FUNCTIONS_WORKER_RUNTIME": name}, "appInsightsSettings": object{"isSupported": true},
				"gitHubActionSettings": object{"isSupported": true, "supportedVersion": version},
				"Sku": []object{{
					"skuCode": "FC1", "instanceMemoryMB": []object{{"size": 512, "isDefault": false}, {"size": 2048, "isDefault": true}, {"size": 4096, "isDefault": false}},
					"maximumInstanceCount":        object{"lowestMaximumInstanceCount": 1, "highestMaximumInstanceCount": 1000, "defaultValue": 100},
					"functionAppConfigProperties": object{"runtime": object{"name": name, "version": version}},
				}},
			}
			if ends := endOfLife(name, version); ends != "" {
				settings["endOfLifeDate"] = ends
			}
			majors = append(majors, object{"displayText": name + " " + version, "value": version, "minorVersions": []object{{
				"displayText": name + " " + version, "value": version, "stackSettings": object{"linuxRuntimeSettings": settings},
			}}})
		}
		all = append(all, object{
			"id": "/providers/Microsoft.Web/locations/" + r.vars["location"] + "/functionAppStacks/" + name, "name": name, "type": "Microsoft.Web/locations/functionAppStacks",
			"location": r.vars["location"], "properties": object{"displayText": name, "value": name, "preferredOs": "linux", "majorVersions": majors},
		})
	}
	return object{"value": all, "nextLink": nil}, nil
}

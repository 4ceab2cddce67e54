package azuretest

import (
	"net/http"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/ferryfn/ferry/internal/standin"
)

const siteType = "Microsoft.Web/sites"

// site is a function app.
type site struct {
	is       *resource
	cloud    *Cloud
	plan     string
	config   object            // functionAppConfig
	web      object            // siteConfig, without app settings
	settings map[string]string // app settings
	policies map[string]bool   // basic publishing credentials, by "scm" and "ftp"
	stopped  bool
	host     string // the name of its public address
	scm      string // and of its deployments

	masterKey, defaultKey string
	systemKeys            map[string]string
	functionKeys          map[string]string // of each function

	deployments []*deployment
	code        []byte         // the package that serves
	listed      []functionInfo // what Resource Manager and the scaler know: as of the last sync
	syncs       int            // how often a sync still has no effect

	turn    atomic.Int64 // which restart it is
	pause   atomic.Int64 // how many requests are still refused after it
	running sync.Mutex   // guards worker
	worker  *worker
}

// siteOf is the site of a resource ID.
func (c *Cloud) site(name string) *site {
	for _, r := range c.resources {
		if s, ok := r.state.(*site); ok && strings.EqualFold(r.name, name) {
			return s
		}
	}
	return nil
}

// siteOperations are those of apps.
//
// Source: azure-rest-api-specs, web/resource-manager/Microsoft.Web, stable/2024-11-01, WebApps.json.
func siteOperations() []*operation {
	const group = "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Web/sites"
	const at, action = group + "/{app}", siteType + "/"
	of := func(name, route, action string, run func(*Cloud, *site, *request) (any, error)) *operation {
		return manage(name, route, action, func(c *Cloud, r *request) (any, error) {
			is, err := c.find(groupID(r.vars["subscription"], r.vars["group"]) + "/providers/" + siteType + "/" + r.vars["app"])
			if err != nil {
				return nil, err
			}
			return run(c, is.state.(*site), r)
		})
	}
	return []*operation{
		manage("WebApps_List", "GET /subscriptions/{subscription}/providers/Microsoft.Web/sites", action+"read", (*Cloud).listSites),
		manage("WebApps_ListByResourceGroup", "GET "+group, action+"read", (*Cloud).listSites),
		of("WebApps_Get", "GET "+at, action+"read", (*Cloud).getSite),
		manage("WebApps_CreateOrUpdate", "PUT "+at, action+"write", (*Cloud).putSite),
		of("WebApps_Update", "PATCH "+at, action+"write", (*Cloud).patchSite),
		manage("WebApps_Delete", "DELETE "+at, action+"delete", (*Cloud).deleteSite),
		of("WebApps_Start", "POST "+at+"/start", action+"start/action", (*Cloud).startSite),
		of("WebApps_Stop", "POST "+at+"/stop", action+"stop/action", (*Cloud).stopSite),
		of("WebApps_Restart", "POST "+at+"/restart", action+"restart/action", (*Cloud).restartSite),
		of("WebApps_ListApplicationSettings", "POST "+at+"/config/appsettings/list", action+"config/list/action", (*Cloud).listSettings),
		of("WebApps_UpdateApplicationSettings", "PUT "+at+"/config/appsettings", action+"config/write", (*Cloud).putSettings),
		of("WebApps_GetAppSettingsKeyVaultReferences", "GET "+at+"/config/configreferences/appsettings", action+"config/read", (*Cloud).listReferences),
		of("WebApps_GetAppSettingKeyVaultReference", "GET "+at+"/config/configreferences/appsettings/{setting}", action+"config/read", (*Cloud).getReference),
		of("WebApps_GetConfiguration", "GET "+at+"/config/web", action+"config/read", (*Cloud).getConfig),
		of("WebApps_UpdateConfiguration", "PATCH "+at+"/config/web", action+"config/write", (*Cloud).patchConfig),
		of("WebApps_GetPolicy", "GET "+at+"/basicPublishingCredentialsPolicies/{name}", action+"basicPublishingCredentialsPolicies/read", (*Cloud).getPolicy),
		of("WebApps_UpdatePolicy", "PUT "+at+"/basicPublishingCredentialsPolicies/{name}", action+"basicPublishingCredentialsPolicies/write", (*Cloud).putPolicy),
		of("WebApps_ListHostKeys", "POST "+at+"/host/default/listKeys", action+"host/listKeys/action", (*Cloud).listHostKeys),
		of("WebApps_CreateOrUpdateHostSecret", "PUT "+at+"/host/default/{name}/{setting}", action+"host/functionKeys/write", (*Cloud).putHostKey),
		of("WebApps_SyncFunctions", "POST "+at+"/host/default/sync", action+"host/sync/action", (*Cloud).syncTriggers),
		of("WebApps_SyncFunctionTriggers", "POST "+at+"/syncfunctiontriggers", action+"syncfunctiontriggers/action", (*Cloud).syncTriggers),
		of("WebApps_ListFunctions", "GET "+at+"/functions", action+"functions/read", (*Cloud).listFunctions),
		of("WebApps_GetFunction", "GET "+at+"/functions/{function}", action+"functions/read", (*Cloud).getFunction),
		of("WebApps_ListFunctionKeys", "POST "+at+"/functions/{function}/listKeys", action+"functions/listKeys/action", (*Cloud).listFunctionKeys),
		of("HostRuntime_GetStatus", "GET "+at+"/hostruntime/admin/host/status", action+"hostruntime/host/read", (*Cloud).hostStatus),
		of("WebApps_CreateOneDeployOperation", "PUT "+at+"/extensions/onedeploy", action+"extensions/write", (*Cloud).oneDeploy),
	}
}

func (c *Cloud) listSites(r *request) (any, error) {
	scope := r.scope()
	scope = scope[:strings.Index(lower(scope), "/providers/")]
	all := []object{}
	for _, found := range c.under(scope, siteType) {
		all = append(all, found.state.(*site).wire())
	}
	return object{"value": all, "nextLink": nil}, nil
}

func (c *Cloud) getSite(s *site, _ *request) (any, error) { return s.wire(), nil }

// wire is an app as it is answered: with much that is null, which nobody may send back.
func (s *site) wire() object {
	out := s.is.wire()
	out["kind"] = "functionapp,linux"
	state := "Running"
	if s.stopped {
		state = "Stopped"
	}
	config := object{
		"numberOfWorkers": 1, "linuxFxVersion": "", "acrUseManagedIdentityCreds": false, "alwaysOn": false, "http20Enabled": false, "functionAppScaleLimit": 0, "minimumElasticInstanceCount": 0,
	}
	for _, name := range []string{
		"defaultDocuments", "netFrameworkVersion", "phpVersion", "pythonVersion", "nodeVersion", "powerShellVersion", "windowsFxVersion", "ftpsState", "use32BitWorkerProcess",
		"appSettings", "connectionStrings", "cors", "minTlsVersion", "preWarmedInstanceCount", "functionsRuntimeScaleMonitoringEnabled", "publicNetworkAccess",
	} {
		config[name] = nil
	}
	properties := object{
		"name": s.is.name, "state": state, "hostNames": []string{s.host}, "repositorySiteName": s.is.name, "usageState": "Normal", "enabled": true, "availabilityState": "Normal",
		"enabledHostNames": []string{s.host, s.scm}, "serverFarmId": s.plan, "reserved": true, "siteConfig": config, "functionAppConfig": s.config, "sku": "FlexConsumption",
		"hostNameSslStates": []object{
			{"name": s.host, "sslState": "Disabled", "thumbprint": nil, "hostType": "Standard"}, {"name": s.scm, "sslState": "Disabled", "thumbprint": nil, "hostType": "Repository"},
		},
		"defaultHostName": s.host, "httpsOnly": s.is.properties["httpsOnly"] == true, "keyVaultReferenceIdentity": s.referenceIdentity(), "lastModifiedTimeUtc": s.is.properties["modified"],
		"publicNetworkAccess": s.is.properties["publicNetworkAccess"], "resourceGroup": s.is.group()[strings.LastIndex(s.is.group(), "/")+1:], "inProgressOperationId": nil,
		"clientCertEnabled": false, "outboundIpAddresses": "20.50.2.1", "virtualNetworkSubnetId": nil, "hostNamesDisabled": false,
	}
	out["properties"] = properties
	return out
}

func (s *site) referenceIdentity() string {
	if of, ok := s.is.properties["keyVaultReferenceIdentity"].(string); ok && of != "" {
		return of
	}
	return "SystemAssigned"
}

func (s *site) hasIdentity(id string) bool {
	assigned, _ := dig(s.is.identity, "userAssignedIdentities").(object)
	for own := range assigned {
		if strings.EqualFold(own, id) {
			return true
		}
	}
	return false
}

// putSite makes or replaces an app. What siteConfig does not say of app settings stays; all of functionAppConfig is replaced.
func (c *Cloud) putSite(r *request) (any, error) {
	body, err := c.decode(r, envelope(siteShape()))
	if err != nil {
		return nil, err
	}
	name := r.vars["app"]
	known := c.resources[lower(r.scope())]
	switch other := c.site(name); {
	case !siteName(name):
		return nil, webRefusal(400, "BadRequest", "51021", "%s is an invalid app name.", name)
	case known == nil && (other != nil || c.taken[name]):
		return nil, webRefusal(409, "Conflict", "54001", "Website with given name %s already exists.", name)
	}
	if sort := text(body, "kind"); known == nil && !strings.Contains(lower(sort), "functionapp") {
		return nil, webRefusal(400, "BadRequest", "51021", "Site.Kind is invalid.  Flex Consumption sites must be of kind functionapp,linux.")
	}
	s := c.siteFor(known, name)
	properties, _ := body["properties"].(object)
	next, err := c.apply(s, r, body, properties)
	if err != nil {
		return nil, err
	}
	config, _ := properties["functionAppConfig"].(object)
	if err := c.checkFunctionConfig(next, config); err != nil {
		return nil, err
	}
	is, fresh, err := c.put(r, body)
	if err != nil {
		return nil, err
	}
	if plan := c.resources[lower(next.plan)]; plan.location != is.location {
		return nil, webRefusal(400, "BadRequest", "51021", "The site and its plan must be in the same location.")
	}
	if fresh {
		c.resources[lower(is.id)] = is
		is.state, next.is.id, next.is.kind, next.is.location = s, is.id, is.kind, is.location
	}
	next.is.tags, next.is.sort = is.tags, is.sort
	if config["siteUpdateStrategy"] == nil {
		config["siteUpdateStrategy"] = object{"type": "Recreate"}
	}
	next.config = config
	if fresh && c.setting(injects) > 0 {
		c.inject(next)
	}
	s.take(next)
	is.identity, is.properties, is.tags = s.is.identity, s.is.properties, next.is.tags
	s.is = is
	s.recycle()
	return s.wire(), nil
}

// siteFor is the site of a resource, or a new one that is not there yet.
func (c *Cloud) siteFor(known *resource, name string) *site {
	if known != nil {
		return known.state.(*site)
	}
	s := &site{
		is: &resource{name: name, properties: object{}}, cloud: c, settings: map[string]string{}, web: object{}, policies: map[string]bool{"scm": true, "ftp": true},
		host: lower(name) + ".azurewebsites.net", scm: lower(name) + ".scm.azurewebsites.net",
		masterKey: newHostKey(), defaultKey: newHostKey(), systemKeys: map[string]string{}, functionKeys: map[string]string{}, syncs: c.setting(syncLag),
	}
	if c.setting(onLoopback) > 0 {
		s.host = c.loopback(name)
	}
	return s
}

func newHostKey() string {
	return strings.NewReplacer("/", "_", "+", "-").Replace(newKey())[:54] + "=="
}

// patchSite changes what a request says and leaves the rest; of functionAppConfig too.
func (c *Cloud) patchSite(s *site, r *request) (any, error) {
	body, err := c.decode(r, envelope(siteShape()))
	if err != nil {
		return nil, err
	}
	properties, _ := body["properties"].(object)
	d, err := c.apply(s, r, body, properties)
	if err != nil {
		return nil, err
	}
	if given, ok := properties["functionAppConfig"].(object); ok {
		d.config = merged(s.config, given)
		if err := c.checkFunctionConfig(d, d.config); err != nil {
			return nil, err
		}
	}
	tags, err := tagsOf(body)
	if err != nil {
		return nil, err
	}
	if tags != nil {
		s.is.tags = tags
	}
	s.take(d)
	if properties != nil || body["identity"] != nil {
		s.recycle()
	}
	return s.wire(), nil
}

// deleteSite removes an app, and its plan unless the request keeps it or another app has it.
func (c *Cloud) deleteSite(r *request) (any, error) {
	is := c.resources[lower(r.scope())]
	if is == nil {
		return standin.Reply{Status: http.StatusNoContent, Header: http.Header{}}, nil
	}
	s := is.state.(*site)
	c.drop(is)
	if keep := lower(r.query.Get("deleteEmptyServerFarm")); keep == "true" && len(c.sitesOf(s.plan)) == 0 {
		if plan := c.resources[lower(s.plan)]; plan != nil {
			c.drop(plan)
		}
	}
	return standin.Reply{Status: http.StatusOK, Header: http.Header{}}, nil
}

func (s *site) end(c *Cloud) {
	if own := text(s.is.identity, "principalId"); own != "" {
		delete(c.principals, own)
	}
	s.recycle()
}

func (c *Cloud) startSite(s *site, _ *request) (any, error) {
	s.stopped = false
	s.recycle()
	return standin.Reply{Status: http.StatusOK, Header: http.Header{}}, nil
}

// stopSite ends what the public address serves. Triggers that are not HTTP may go on: Azure/azure-functions-durable-extension#2860.
func (c *Cloud) stopSite(s *site, _ *request) (any, error) {
	s.stopped = true
	return standin.Reply{Status: http.StatusOK, Header: http.Header{}}, nil
}

func (c *Cloud) restartSite(s *site, _ *request) (any, error) {
	s.recycle()
	return standin.Reply{Status: http.StatusOK, Header: http.Header{}}, nil
}

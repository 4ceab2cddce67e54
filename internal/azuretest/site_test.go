package azuretest_test

import (
	"io"
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/appservice/armappservice/v5"
	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/internal/azuretest"
)

const (
	web          = group + "/providers/Microsoft.Web"
	identityID   = group + "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/packages"
	webVersion   = "?api-version=2024-11-01"
	blobOwner    = "b7e6dc6d-f1e8-4753-8033-0f276bb0955b"
	queueRole    = "974c5e8b-45b9-4653-ba55-5f855dd0fb88"
	secretsUser  = "4633458b-17de-408a-b874-0445c86b69e6"
	publishURL   = "https://shop-api.scm.azurewebsites.net/api/publish"
	hostURL      = "https://shop-api.azurewebsites.net"
	deploymentAt = "https://shop-api.scm.azurewebsites.net/api/deployments/"
)

type object = map[string]any

type nopCloser struct{ io.ReadSeeker }

func (nopCloser) Close() error { return nil }

const nodeApp = `
const { app } = require('@azure/functions');
app.http('api', { methods: ['GET', 'POST'], authLevel: 'anonymous', route: 'items/{id}', handler: async (req, ctx) => {
  ctx.log('asked for ' + req.params.id);
  return { status: 201, headers: { 'x-one': '1' }, jsonBody: { id: req.params.id, q: req.query.get('q'), url: req.url, env: process.env.COLOUR },
    cookies: [{ name: 'a', value: 'b c', path: '/' }, { name: 'd', value: 'e', httpOnly: true }] };
} });
app.http('closed', { authLevel: 'function', handler: () => ({ body: 'open' }) });
app.http('broken', { authLevel: 'anonymous', handler: () => { throw new Error('no luck'); } });
app.timer('nightly', { schedule: '0 0 3 * * *', handler: (timer, ctx) => ctx.log('woken ' + timer.isPastDue) });
app.storageQueue('worker', { queueName: 'orders', connection: 'AzureWebJobsStorage', handler: (m, ctx) => {
  if (m.bad) throw new Error('bad order');
  ctx.log('order ' + m.n + ' try ' + ctx.triggerMetadata.dequeueCount);
} });
`

const hostFile = `{"version": "2.0", "extensionBundle": {"id": "Microsoft.Azure.Functions.ExtensionBundle", "version": "[4.*, 5.0.0)"}}`

func TestNodePackagesRunUnderTheRealLibrary(t *testing.T) {
	modules := nodeModules(t)
	c := start(t)
	c.app("node", "22", object{"name": "COLOUR", "value": "red"})
	if status, body, _ := c.get("/"); status != 200 || !strings.Contains(body, "up and running") {
		t.Errorf("an app without code answers %d %s", status, body)
	}
	files := map[string]string{"host.json": hostFile, "package.json": `{"main": "src/{index,other}.js"}`, "src/index.js": nodeApp, "src/other.js": ""}
	state := c.publish(zipped(t, files, "node_modules/", modules))
	if state["status"] != 3.0 {
		t.Errorf("a deployment before the role is known ended as %v", state["status_text"])
	}
	if state = c.publish(zipped(t, files, "node_modules/", modules)); state["status"] != 4.0 {
		t.Fatalf("the deployment ended as %v", state)
	}
	status, body, header := c.get("/api/items/a%2Fb?q=1")
	want := `{"id":"a/b","q":"1","url":"` + hostURL + `/api/items/a%2Fb?q=1","env":"red"}`
	if status != 201 || body != want || header.Get("X-One") != "1" {
		t.Errorf("got %d %s, want %s", status, body, want)
	}
	if diff := cmp.Diff([]string{"a=b%20c; path=/", "d=e; httponly"}, header["Set-Cookie"]); diff != "" {
		t.Error(diff)
	}
	for path, want := range map[string]int{"/api/items": 404, "/api/other": 404, "/api/broken": 500, "/api/closed": 401} {
		if got, _, _ := c.get(path); got != want {
			t.Errorf("%s answers %d, want %d", path, got, want)
		}
	}
	if names := c.functions(); names != nil {
		t.Errorf("functions are known before a sync: %q", names)
	}
	c.sync("api", "broken", "closed", "nightly", "worker")
	keys := c.send(http.MethodPost, web+"/sites/shop-api/functions/closed/listKeys"+webVersion, nil, http.StatusOK)
	if got, body, _ := c.get("/api/closed", "x-functions-key", keys["default"].(string)); got != 200 || body != "open" {
		t.Errorf("with its key the function answers %d %s", got, body)
	}
	c.ok(c.cloud.Fire(t.Context(), "shop-api", "nightly"))
}

func TestASettingRestartsTheAppAndThePackageStays(t *testing.T) {
	c := start(t)
	c.cloud.RoleLag(0)
	c.app("custom", "1.0", object{"name": "COLOUR", "value": "red"})
	c.publish(zipped(t, shellApp(t)))
	colour := func() string {
		_, body, _ := c.get("/colour")
		return body
	}
	if got := colour(); got != "red" {
		t.Fatalf("got %q", got)
	}
	list := c.send(http.MethodPost, web+"/sites/shop-api/config/appsettings/list"+webVersion, nil, http.StatusOK)["properties"].(object)
	list["COLOUR"] = "blue"
	c.send(http.MethodPut, web+"/sites/shop-api/config/appsettings"+webVersion, object{"properties": list}, http.StatusOK)
	wait(t, func() bool { return colour() == "blue" })
	c.send(http.MethodPut, web+"/sites/shop-api/config/appsettings"+webVersion, object{"properties": object{"ONLY": "this"}}, http.StatusOK)
	wait(t, func() bool { return colour() == "None" })
	c.send(http.MethodPost, web+"/sites/shop-api/stop"+webVersion, nil, http.StatusOK)
	if status, _, _ := c.get("/colour"); status != 403 {
		t.Errorf("a stopped app answers %d", status)
	}
	c.send(http.MethodPost, web+"/sites/shop-api/start"+webVersion, nil, http.StatusOK)
	wait(t, func() bool { return colour() == "None" })
}

// shellApp is a custom handler that takes requests as they are, and a queue and a timer as invocations.
func shellApp(t *testing.T) map[string]string {
	t.Helper()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not installed")
	}
	return map[string]string{
		"host.json":             `{"version": "2.0", "extensions": {"http": {"routePrefix": ""}}, "customHandler": {"description": {"defaultExecutablePath": "run"}, "enableProxyingHttpRequest": true}}`,
		"web/function.json":     `{"bindings": [{"type": "httpTrigger", "direction": "in", "name": "req", "authLevel": "anonymous", "route": "{*path}"}, {"type": "http", "direction": "out", "name": "res"}]}`,
		"worker/function.json":  `{"bindings": [{"type": "queueTrigger", "direction": "in", "name": "msg", "queueName": "orders", "connection": "AzureWebJobsStorage"}]}`,
		"nightly/function.json": `{"bindings": [{"type": "timerTrigger", "direction": "in", "name": "timer", "schedule": "0 0 3 * * *"}]}`,
		"run": "#!" + python + `
import json, os, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class H(BaseHTTPRequestHandler):
    def say(self, text):
        self.send_response(200); self.send_header("Content-Length", str(len(text))); self.end_headers(); self.wfile.write(text.encode())
    def do_GET(self):
        self.say(os.environ.get("COLOUR", "None") if self.path == "/colour" else self.path)
    def do_POST(self):
        call = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        print(self.path, json.dumps(call["Data"], sort_keys=True), flush=True)
        self.say("{}")
ThreadingHTTPServer(("127.0.0.1", int(os.environ["FUNCTIONS_CUSTOMHANDLER_PORT"])), H).serve_forever()
`,
	}
}

func TestAnAppIsRefusedBeforeWhatItNeedsIsThere(t *testing.T) {
	c := start(t)
	c.group()
	body := siteBody("node", "22")
	c.has(c.refusedSite(body, 400), "was not found") // the identity
	c.send(http.MethodPut, identityID+"?api-version=2023-01-31", object{"location": "westeurope"}, http.StatusCreated)
	c.has(c.refusedSite(body, 404), "Cannot find ServerFarm with name shop-plan.")
	c.plan()
	c.has(c.refusedSite(body, 400), "The container 'https://shopstore.blob.core.windows.net/ferry' does not exist.")
	c.account()
	c.send(http.MethodPut, web+"/sites/shop-api"+webVersion, body, http.StatusOK)
	c.send(http.MethodPut, web+"/sites/shop-api"+webVersion, body, http.StatusOK)
	said := c.send(http.MethodPut, web+"/sites/shop-web"+webVersion, body, http.StatusConflict)
	c.has(said["Message"].(string), "A Flex Consumption plan can have one app.")
}

func TestFlexConsumptionRefusesWhatItDoesNotHave(t *testing.T) {
	c := start(t)
	c.account()
	c.identity()
	c.plan()
	config := func(change func(properties, functions, config object)) object {
		body := siteBody("node", "22")
		properties := body["properties"].(object)
		change(properties, properties["functionAppConfig"].(object), properties["siteConfig"].(object))
		return body
	}
	for want, change := range map[string]func(properties, functions, config object){
		"The following site configuration property (Site.SiteConfig.LinuxFxVersion) for Flex Consumption sites is invalid.  Please remove or rename it before retrying.": func(_, _, c object) { c["linuxFxVersion"] = nil },
		"The following list of 2 site configuration properties (Site.SiteConfig.FtpsState, Site.SiteConfig.NetFrameworkVersion) for Flex Consumption sites is invalid.":  func(_, _, c object) { c["netFrameworkVersion"], c["ftpsState"] = nil, nil },
		"The following app setting (Site.SiteConfig.AppSettings.FUNCTIONS_WORKER_RUNTIME) for Flex Consumption sites is invalid.": func(_, _, c object) {
			c["appSettings"] = []object{{"name": "FUNCTIONS_WORKER_RUNTIME", "value": "node"}}
		},
		"Site.FunctionAppConfig is invalid.  The FunctionAppConfig section was not specified in the request, which is required for Flex Consumption sites.": func(p, _, _ object) { delete(p, "functionAppConfig") },
		"Site.FunctionAppConfig.ScaleAndConcurrency.InstanceMemoryMB is invalid.  Allowed values are 512, 2048, 4096.": func(_, f, _ object) {
			f["scaleAndConcurrency"] = object{"instanceMemoryMB": 1024, "maximumInstanceCount": 100}
		},
		"Site.FunctionAppConfig.Runtime.Version is invalid.  The runtime version '20' is not supported for node.": func(_, f, _ object) { f["runtime"] = object{"name": "node", "version": "20"} },
	} {
		if got := c.refusedSite(config(change), 400); !strings.Contains(got, want) {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestTheOfficialClientSeesTheAppAsItIs(t *testing.T) {
	c := start(t)
	c.app("node", "22", object{"name": "A", "value": "1"})
	apps, err := armappservice.NewWebAppsClient(azuretest.Subscription, c.cred, c.arm())
	c.ok(err)
	got, err := apps.Get(t.Context(), "shop", "shop-api", nil)
	c.ok(err)
	if p := got.Properties; *p.DefaultHostName != "shop-api.azurewebsites.net" || *p.State != "Running" || *p.FunctionAppConfig.Runtime.Name != armappservice.RuntimeNameNode {
		t.Errorf("got %s %s %s", *p.DefaultHostName, *p.State, *p.FunctionAppConfig.Runtime.Name)
	}
	settings, err := apps.ListApplicationSettings(t.Context(), "shop", "shop-api", nil)
	c.ok(err)
	if *settings.Properties["A"] != "1" {
		t.Errorf("got %v", settings.Properties)
	}
	poller, err := apps.BeginCreateOrUpdate(t.Context(), "shop", "shop-api", got.Site, nil)
	if err == nil {
		_, err = poller.PollUntilDone(t.Context(), nil)
	}
	// What the client echoes holds members that Flex Consumption refuses, though they are empty.
	// Its code stands where the client does not look: with a capital.
	c.refused(err, 400, "", "LinuxFxVersion")
	keys, err := apps.ListHostKeys(t.Context(), "shop", "shop-api", nil)
	c.ok(err)
	if *keys.MasterKey == "" || *keys.FunctionKeys["default"] == "" {
		t.Error("there are no keys")
	}
	usages, err := armappservice.NewGetUsagesInLocationClient(azuretest.Subscription, c.cred, c.arm())
	c.ok(err)
	page, err := usages.NewListPager("westeurope", nil).NextPage(t.Context())
	c.ok(err)
	if *page.Value[0].Limit != 250 {
		t.Errorf("the quota is %d", *page.Value[0].Limit)
	}
	_, err = apps.Delete(t.Context(), "shop", "shop-api", &armappservice.WebAppsClientDeleteOptions{DeleteEmptyServerFarm: new(true)})
	c.ok(err)
	_, err = apps.Get(t.Context(), "shop", "shop-api", nil)
	c.refused(err, 404, "ResourceNotFound", "The Resource 'Microsoft.Web/sites/shop-api' under resource group 'shop' was not found.")
	plans, err := armappservice.NewPlansClient(azuretest.Subscription, c.cred, c.arm())
	c.ok(err)
	_, err = plans.Get(t.Context(), "shop", "shop-plan", nil)
	c.refused(err, 404, "ResourceNotFound", "")
}

func TestQueuesAndTimersReachCustomHandlersOnceTheirTriggersAreKnown(t *testing.T) {
	c := start(t)
	c.cloud.RoleLag(0)
	c.app("custom", "1.0")
	c.publish(zipped(t, shellApp(t)))
	if err := c.cloud.Fire(t.Context(), "shop-api", "nightly"); err == nil {
		t.Error("a timer fires before a sync")
	}
	c.send(http.MethodPost, web+"/sites/shop-api/host/default/sync"+webVersion, nil, http.StatusNoContent)
	if names := c.functions(); names != nil {
		t.Errorf("the first sync, which answers that all is well, had the effect that %q are known", names)
	}
	c.sync("nightly", "web", "worker")
	c.ok(c.cloud.Fire(t.Context(), "shop-api", "nightly"))
	if diff := cmp.Diff([]string{"nightly timerTrigger", "web httpTrigger", "worker queueTrigger"}, c.cloud.Triggers("shop-api")); diff != "" {
		t.Error(diff)
	}
	c.send(http.MethodPut, accountID+"/queueServices/default/queues/orders?api-version=2023-05-01", object{"properties": object{}}, http.StatusOK)
	made := c.send(http.MethodGet, identityID+"?api-version=2023-01-31", nil, http.StatusOK)
	c.assign(accountID, queueRole, made["properties"].(object)["principalId"].(string))
	c.cloud.Grant(azuretest.Caller, "Storage Queue Data Contributor", accountID)
	c.enqueue("orders", `{"n": 1}`)
	wait(t, func() bool { return c.waiting("orders") == 0 })
}

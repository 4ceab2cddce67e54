package azuretest_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
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

// send asks Resource Manager for something, wants a status, and reads the answer.
func (c *client) send(method, path string, body any, want int) object {
	c.t.Helper()
	req, err := runtime.NewRequest(c.t.Context(), method, "https://management.azure.com"+path)
	c.ok(err)
	if body != nil {
		c.ok(runtime.MarshalAsJSON(req, body))
	}
	data := c.do(req, want)
	var out object
	if len(data) > 0 {
		c.ok(json.Unmarshal(data, &out))
	}
	return out
}

// identity makes the identity that fetches packages, and gives it its role.
func (c *client) identity() (clientID string) {
	c.t.Helper()
	made := c.send(http.MethodPut, identityID+"?api-version=2023-01-31", object{"location": "westeurope"}, http.StatusCreated)
	properties := made["properties"].(object)
	c.assign(accountID, blobOwner, properties["principalId"].(string))
	return properties["clientId"].(string)
}

func (c *client) plan() {
	c.t.Helper()
	c.send(http.MethodPut, web+"/serverfarms/shop-plan"+webVersion, object{
		"location": "westeurope", "kind": "functionapp", "sku": object{"name": "FC1", "tier": "FlexConsumption"}, "properties": object{"reserved": true},
	}, http.StatusOK)
}

func siteBody(runtime, version string, settings ...object) object {
	return object{
		"location": "westeurope", "kind": "functionapp,linux", "identity": object{"type": "UserAssigned", "userAssignedIdentities": object{identityID: object{}}},
		"properties": object{
			"serverFarmId": web + "/serverfarms/shop-plan", "httpsOnly": true,
			"functionAppConfig": object{
				"deployment": object{"storage": object{
					"type": "blobContainer", "value": "https://shopstore.blob.core.windows.net/ferry",
					"authentication": object{"type": "UserAssignedIdentity", "userAssignedIdentityResourceId": identityID},
				}},
				"scaleAndConcurrency": object{"maximumInstanceCount": 100, "instanceMemoryMB": 2048}, "runtime": object{"name": runtime, "version": version},
				"siteUpdateStrategy": object{"type": "Recreate"},
			},
			"siteConfig": object{"minTlsVersion": "1.2", "appSettings": settings},
		},
	}
}

// app makes all that an app needs, and the app.
func (c *client) app(runtime, version string, settings ...object) {
	c.t.Helper()
	c.account()
	clientID := c.identity()
	c.plan()
	settings = append(settings, object{"name": "AzureWebJobsStorage__accountName", "value": "shopstore"},
		object{"name": "AzureWebJobsStorage__credential", "value": "managedidentity"}, object{"name": "AzureWebJobsStorage__clientId", "value": clientID})
	c.send(http.MethodPut, web+"/sites/shop-api"+webVersion, siteBody(runtime, version, settings...), http.StatusOK)
}

// refusedSite wants that the app is refused, and gives what is said of it.
func (c *client) refusedSite(body object, status int) string {
	c.t.Helper()
	said := c.send(http.MethodPut, web+"/sites/shop-api"+webVersion, body, status)
	if message, ok := said["Message"].(string); ok {
		return message
	}
	return said["error"].(object)["message"].(string)
}

// publish sends a package and polls its deployment to the end.
func (c *client) publish(pack []byte) object {
	c.t.Helper()
	req, err := runtime.NewRequest(c.t.Context(), http.MethodPost, publishURL+"?RemoteBuild=false&Deployer=test")
	c.ok(err)
	c.ok(req.SetBody(nopCloser{bytes.NewReader(pack)}, "application/zip"))
	var id string
	c.ok(json.Unmarshal(c.do(req, http.StatusAccepted), &id))
	for {
		req, err := runtime.NewRequest(c.t.Context(), http.MethodGet, deploymentAt+id)
		c.ok(err)
		var state object
		c.ok(json.Unmarshal(c.do(req, http.StatusOK), &state))
		if state["complete"] == true {
			return state
		}
	}
}

type nopCloser struct{ io.ReadSeeker }

func (nopCloser) Close() error { return nil }

// sync has the triggers known, as often as it takes.
func (c *client) sync(want ...string) {
	c.t.Helper()
	deadline, cancel := context.WithTimeout(c.t.Context(), time.Minute)
	defer cancel()
	for deadline.Err() == nil {
		c.send(http.MethodPost, web+"/sites/shop-api/host/default/sync"+webVersion, nil, http.StatusNoContent)
		if cmp.Diff(want, c.functions()) == "" {
			return
		}
	}
	c.t.Fatalf("got the functions %q, want %q", c.functions(), want)
}

func (c *client) functions() []string {
	c.t.Helper()
	var names []string
	for _, f := range c.send(http.MethodGet, web+"/sites/shop-api/functions"+webVersion, nil, http.StatusOK)["value"].([]any) {
		names = append(names, strings.TrimPrefix(f.(object)["name"].(string), "shop-api/"))
	}
	slices.Sort(names)
	return names
}

// get asks the app as a visitor does.
func (c *client) get(path string, header ...string) (int, string, http.Header) {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), http.MethodGet, hostURL+path, nil)
	c.ok(err)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := c.cloud.Client().Do(req)
	c.ok(err)
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	c.ok(err)
	return res.StatusCode, string(body), res.Header
}

// zipped packs files; folders are taken from the disk, as "name/": folder.
func zipped(t *testing.T, files map[string]string, folders ...string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	add := func(name string, mode fs.FileMode, content []byte) {
		h := &zip.FileHeader{Name: name, Method: zip.Deflate}
		h.SetMode(mode)
		f, err := w.CreateHeader(h)
		if err == nil {
			_, err = f.Write(content)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, content := range files {
		mode := fs.FileMode(0o644)
		if strings.HasPrefix(content, "#!") {
			mode = 0o755
		}
		add(name, mode, []byte(content))
	}
	for i := 0; i < len(folders); i += 2 {
		err := filepath.WalkDir(folders[i+1], func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			rel, err := filepath.Rel(folders[i+1], path)
			if err != nil {
				return err
			}
			content, err := os.ReadFile(path)
			if err == nil {
				add(folders[i]+filepath.ToSlash(rel), 0o644, content)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// nodeModules is a folder with the real @azure/functions.
func nodeModules(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("short: installs @azure/functions")
	}
	for _, name := range []string{"node", "npm"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("%s is not installed", name)
		}
	}
	dir := t.TempDir()
	install := exec.CommandContext(t.Context(), "npm", "install", "--prefix", dir, "--no-audit", "--no-fund", "--loglevel=error", "@azure/functions@4.16.5")
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("npm install: %v\n%s", err, out)
	}
	return filepath.Join(dir, "node_modules")
}

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

// wait looks until something is so.
func wait(t *testing.T, so func() bool) {
	t.Helper()
	deadline, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !so() {
		select {
		case <-deadline.Done():
			t.Fatal("it was not so in time")
		case <-tick.C:
		}
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

func (c *client) has(got, want string) {
	c.t.Helper()
	if !strings.Contains(got, want) {
		c.t.Errorf("got  %s\nwant %s", got, want)
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

func (c *client) queue(method, path, body string) *http.Response {
	c.t.Helper()
	req, err := runtime.NewRequest(c.t.Context(), method, "https://shopstore.queue.core.windows.net/"+path)
	c.ok(err)
	req.Raw().Header.Set("x-ms-version", "2024-11-04")
	if body != "" {
		c.ok(req.SetBody(nopCloser{strings.NewReader(body)}, "application/xml"))
	}
	pl := runtime.NewPipeline("azuretest", "v1.0.0", runtime.PipelineOptions{PerRetry: []policy.Policy{runtime.NewBearerTokenPolicy(c.cred, []string{"https://storage.azure.com/.default"}, nil)}}, &c.options)
	res, err := pl.Do(req)
	c.ok(err)
	_, err = io.Copy(io.Discard, res.Body)
	c.ok(err)
	c.ok(res.Body.Close())
	return res
}

func (c *client) enqueue(queue, text string) {
	c.t.Helper()
	if res := c.queue(http.MethodPost, queue+"/messages", "<QueueMessage><MessageText>"+text+"</MessageText></QueueMessage>"); res.StatusCode != http.StatusCreated {
		c.t.Fatalf("sending: %s", res.Status)
	}
}

func (c *client) waiting(queue string) int {
	c.t.Helper()
	res := c.queue(http.MethodGet, queue+"?comp=metadata", "")
	var n int
	_, err := fmt.Sscan(res.Header.Get("x-ms-approximate-messages-count"), &n)
	c.ok(err)
	return n
}

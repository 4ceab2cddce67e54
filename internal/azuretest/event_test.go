package azuretest_test

import (
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/internal/azuretest"
)

const pythonApp = `
import logging
import os
import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

@app.route(route="hello/{name}", methods=["GET"])
def api(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    answer = func.HttpResponse(f"{req.route_params['name']} {req.params.get('q')} {os.environ.get('KEY')} {context.function_name}", status_code=202)
    answer.headers.add("Set-Cookie", "a=1; Path=/")
    answer.headers.add("Set-Cookie", "b=2; HttpOnly")
    return answer

@app.route(route="later")
async def later(req: func.HttpRequest) -> str:
    return "later"

@app.queue_trigger(arg_name="msg", queue_name="orders", connection="AzureWebJobsStorage")
def worker(msg: func.QueueMessage) -> None:
    text = msg.get_body().decode()
    if text == "bad":
        raise ValueError("bad order")
    logging.info("order %s try %d", text, msg.dequeue_count)

@app.blob_trigger(arg_name="blob", path="ferry/{name}", connection="AzureWebJobsStorage", source=func.BlobSource.EVENT_GRID)
def thumbs(blob: func.InputStream) -> None:
    logging.info("blob %s of %d bytes", blob.name, len(blob.read()))

@app.timer_trigger(arg_name="timer", schedule="0 0 3 * * *")
def nightly(timer: func.TimerRequest) -> None:
    logging.info("woken %s", timer.past_due)
`

// pythonPackages is a folder with the real azure.functions.
func pythonPackages(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("short: installs azure-functions")
	}
	if err := exec.CommandContext(t.Context(), "python3", "-m", "pip", "--version").Run(); err != nil {
		t.Skip("python3 with pip is not installed")
	}
	dir := t.TempDir()
	install := exec.CommandContext(t.Context(), "python3", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", dir, "azure-functions")
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("pip install: %v\n%s", err, out)
	}
	return dir
}

// logged says whether the app's workspace has a line.
func (c *client) logged(line string) bool {
	c.t.Helper()
	return strings.Contains(strings.Join(c.lines(), "\n"), line)
}

func TestPythonPackagesRunUnderTheRealLibrary(t *testing.T) {
	packages := pythonPackages(t)
	c := start(t)
	c.cloud.RoleLag(0)
	c.app("python", "3.12", object{"name": "KEY", "value": "k"}, c.insights())
	c.publish(zipped(t, map[string]string{"host.json": hostFile, "function_app.py": pythonApp}, ".python_packages/lib/site-packages/", packages))
	status, body, header := c.get("/api/hello/you?q=x%20y")
	if status != 202 || body != "you x y k api" {
		t.Errorf("got %d %s", status, body)
	}
	if diff := cmp.Diff([]string{"a=1; path=/", "b=2; httponly"}, header["Set-Cookie"]); diff != "" {
		t.Error(diff)
	}
	if status, body, _ := c.get("/api/later"); status != 200 || body != "later" {
		t.Errorf("got %d %s", status, body)
	}
	c.sync("api", "later", "nightly", "thumbs", "worker")
	c.ok(c.cloud.Fire(t.Context(), "shop-api", "nightly"))
	c.queues()
	c.enqueue("orders", "one")
	c.enqueue("orders", "bad")
	wait(t, func() bool { return c.waiting("orders") == 0 })
	if n := c.waiting("orders-poison"); n != 1 {
		t.Errorf("%d messages are poison", n)
	}
	c.subscribe("thumbs")
	c.cloud.Grant(azuretest.Caller, blobContributor, accountID)
	_, err := c.blobs().NewBlockBlobClient("a.png").UploadBuffer(t.Context(), []byte("12345"), nil)
	c.ok(err)
	for _, want := range []string{"woken False", "order one try 1", "blob ferry/a.png of 5 bytes", "ValueError: bad order"} {
		wait(t, func() bool { return c.logged(want) })
	}
}

// queues makes the queue and lets the app have its messages, and the caller send some.
func (c *client) queues() {
	c.t.Helper()
	c.send(http.MethodPut, accountID+"/queueServices/default/queues/orders?api-version=2023-05-01", object{"properties": object{}}, http.StatusOK)
	made := c.send(http.MethodGet, identityID+"?api-version=2023-01-31", nil, http.StatusOK)
	c.assign(accountID, queueRole, made["properties"].(object)["principalId"].(string))
	c.cloud.Grant(azuretest.Caller, "Storage Queue Data Contributor", accountID)
}

// ends makes a subscription of events, and waits until it has been decided what becomes of it.
func (c *client) ends(at string, body object) object {
	c.t.Helper()
	req, err := runtime.NewRequest(c.t.Context(), http.MethodPut, "https://management.azure.com"+at)
	c.ok(err)
	c.ok(runtime.MarshalAsJSON(req, body))
	generic, err := arm.NewClient("azuretest", "v1.0.0", c.cred, c.arm())
	c.ok(err)
	res, err := generic.Pipeline().Do(req)
	c.ok(err)
	_ = res.Body.Close()
	operation := strings.TrimPrefix(res.Header.Get("Azure-AsyncOperation"), "https://management.azure.com")
	if res.StatusCode != http.StatusCreated || operation == "" {
		c.t.Fatalf("got %s with the operation %q", res.Status, operation)
	}
	said := object{}
	wait(c.t, func() bool {
		said = c.send(http.MethodGet, operation, nil, http.StatusOK)
		return said["status"] != "InProgress"
	})
	return said
}

// subscribe has the events of blobs sent to a function.
func (c *client) subscribe(function string) {
	c.t.Helper()
	at := accountID + "/providers/Microsoft.EventGrid/eventSubscriptions/" + function + "?api-version=2022-06-15"
	body := func(code string) object {
		return object{"properties": object{
			"destination": object{"endpointType": "WebHook", "properties": object{"endpointUrl": hostURL + "/runtime/webhooks/blobs?functionName=Host.Functions." + function + "&code=" + code}},
			"filter":      object{"subjectBeginsWith": "/blobServices/default/containers/ferry/blobs/a", "includedEventTypes": []string{"Microsoft.Storage.BlobCreated"}},
		}}
	}
	said := c.ends(at, body("wrong"))
	c.has(said["error"].(object)["message"].(string), "Webhook validation handshake failed")
	keys := c.send(http.MethodPost, web+"/sites/shop-api/host/default/listKeys"+webVersion, nil, http.StatusOK)
	if said := c.ends(at, body(keys["systemKeys"].(object)["blobs_extension"].(string))); said["status"] != "Succeeded" {
		c.t.Errorf("the subscription is %v", said)
	}
}

func TestEventsOfBlobsAreTriedFiveTimesAndThenPoison(t *testing.T) {
	modules := nodeModules(t)
	c := start(t)
	c.cloud.RoleLag(0)
	c.app("node", "22")
	c.publish(zipped(t, map[string]string{"host.json": hostFile, "package.json": `{"main": "index.js"}`, "index.js": `
const { app } = require('@azure/functions');
app.storageBlob('thumbs', { path: 'ferry/{name}', connection: 'AzureWebJobsStorage', source: 'EventGrid', handler: () => { throw new Error('bad blob'); } });
`}, "node_modules/", modules))
	c.sync("thumbs")
	c.subscribe("thumbs")
	c.cloud.Grant(azuretest.Caller, blobContributor, accountID)
	c.cloud.Grant(azuretest.Caller, "Storage Queue Data Contributor", accountID)
	_, err := c.blobs().NewBlockBlobClient("b.png").UploadBuffer(t.Context(), []byte("no subscriber"), nil)
	c.ok(err)
	_, err = c.blobs().NewBlockBlobClient("a.png").UploadBuffer(t.Context(), []byte("1"), nil)
	c.ok(err)
	wait(t, func() bool {
		return c.queue(http.MethodGet, "webjobs-blobtrigger-poison?comp=metadata", "").Header.Get("x-ms-approximate-messages-count") == "1"
	})
}

func TestNodeStreamsWhereTheAppAsksForIt(t *testing.T) {
	modules := nodeModules(t)
	c := start(t)
	c.cloud.RoleLag(0)
	c.app("node", "22")
	c.publish(zipped(t, map[string]string{"host.json": hostFile, "package.json": `{"main": "index.mjs"}`, "index.mjs": `
import { app } from '@azure/functions';
import { Readable } from 'node:stream';
app.setup({ enableHttpStream: true });
app.http('api', { methods: ['POST'], authLevel: 'anonymous', route: '{*path}', handler: async (req) => {
  return { headers: { 'content-type': 'text/plain' }, body: Readable.from((async function* () { yield req.params.path + ' '; yield await req.text(); })()) };
} });
app.http('broken', { methods: ['GET'], authLevel: 'anonymous', handler: () => { throw new Error('no'); } });
`}, "node_modules/", modules))
	res, err := c.cloud.Client().Post(hostURL+"/api/a/b", "text/plain", strings.NewReader("posted"))
	c.ok(err)
	defer func() { _ = res.Body.Close() }()
	body := make([]byte, 64)
	n, _ := res.Body.Read(body)
	all := string(body[:n])
	for n > 0 {
		n, _ = res.Body.Read(body)
		all += string(body[:n])
	}
	if all != "a/b posted" || res.StatusCode != 200 {
		t.Errorf("got %d %q", res.StatusCode, all)
	}
	if status, _, _ := c.get("/api/broken"); status != 500 {
		t.Errorf("got %d", status)
	}
}

func TestAFailedLoadIsSeenInTheHostsStateAndServesNothing(t *testing.T) {
	modules := nodeModules(t)
	c := start(t)
	c.cloud.RoleLag(0)
	c.app("node", "22")
	c.publish(zipped(t, map[string]string{"host.json": hostFile, "package.json": `{"main": "index.js"}`, "index.js": `throw new Error('at load');`}, "node_modules/", modules))
	if status, _, _ := c.get("/api/any"); status != 503 {
		t.Errorf("got %d", status)
	}
	state := c.send(http.MethodGet, web+"/sites/shop-api/hostruntime/admin/host/status"+webVersion, nil, http.StatusOK)
	if state["state"] != "Error" || !strings.Contains(state["errors"].([]any)[0].(string), "at load") {
		t.Errorf("got %v", state)
	}
}

func TestAContainerIsAResourceToo(t *testing.T) {
	c := start(t)
	c.account()
	c.cloud.Grant(azuretest.Caller, blobContributor, accountID)
	in, err := container.NewClient("https://shopstore.blob.core.windows.net/second", c.cred, &container.ClientOptions{ClientOptions: c.options})
	c.ok(err)
	_, err = in.Create(t.Context(), nil)
	c.ok(err)
	names := []string{}
	for _, one := range c.send(http.MethodGet, accountID+"/blobServices/default/containers?api-version=2023-05-01", nil, http.StatusOK)["value"].([]any) {
		names = append(names, filepath.Base(one.(object)["id"].(string)))
	}
	if diff := cmp.Diff([]string{"ferry", "second"}, names); diff != "" {
		t.Error(diff)
	}
}

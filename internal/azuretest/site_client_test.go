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
	"github.com/google/go-cmp/cmp"
)

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

func (c *client) has(got, want string) {
	c.t.Helper()
	if !strings.Contains(got, want) {
		c.t.Errorf("got  %s\nwant %s", got, want)
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

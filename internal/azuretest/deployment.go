package azuretest

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/ferryfn/ferry/internal/standin"
)

// The states of a deployment.
//
// Source: Azure/azure-dev, cli/azd/pkg/azsdk/funcapp_host_client.go.
const (
	building   = 1
	deploying  = 2
	failedCode = 3
	success    = 4
	conflict   = 5
)

// deployment is a package on its way into an app.
type deployment struct {
	id       string
	deployer string
	remote   bool
	message  string
	polls    int // how often it still reads as under way
	status   int // in the end
	began    time.Time
	lines    []string
}

// over says whether it has ended. One that nobody asks for ends all the same.
func (d *deployment) over() bool { return d.polls <= 0 || time.Since(d.began) > 2*time.Second }

// scmSurface is where code is published: the host of type Repository of an app.
func scmSurface() *surface {
	const publish = siteType + "/publish/action"
	of := func(name, route string, run func(*Cloud, *site, *request) (any, error)) *operation {
		return &operation{name: name, route: route, action: publish, run: func(c *Cloud, r *request) (any, error) {
			s := c.siteAt(r.http.Host)
			switch {
			case s == nil:
				return nil, refuse(404, "NotFound", "There is no such site.")
			case r.caller == nil:
				return nil, &failure{status: 401, code: "Unauthorized", message: "Unauthorized", header: http.Header{"Www-Authenticate": {`Basic realm="site"`}}}
			case !c.allows(r.caller, publish, s.is.id):
				return nil, denied(r)
			}
			return run(c, s, r)
		}}
	}
	return &surface{
		name: "scm", word: wordKudu, audiences: []string{"https://management.azure.com", "https://management.core.windows.net", "https://appservice.azure.com"},
		host: func(_ *Cloud, host string) (string, bool) {
			label, rest, _ := strings.Cut(host, ".")
			return label, strings.HasPrefix(rest, "scm.") && strings.HasSuffix(rest, "azurewebsites.net")
		},
		ops: []*operation{
			of("Publish", "POST /api/publish", (*Cloud).publish),
			of("Deployments_List", "GET /api/deployments", (*Cloud).listDeployments),
			of("Deployments_Get", "GET /api/deployments/{deployment}", (*Cloud).getDeployment),
			of("Deployments_GetLog", "GET /api/deployments/{deployment}/log", (*Cloud).deploymentLog),
		},
	}
}

func wordKudu(f *failure, r *request) standin.Reply {
	out := jsonReply(f.status, object{"Message": f.message, "ExceptionMessage": f.message, "ExceptionType": f.code})
	out.Header.Set("X-Ms-Request-Id", r.id)
	for name, values := range f.header {
		out.Header[name] = values
	}
	return out
}

func (c *Cloud) siteAt(host string) *site {
	host = lower(host)
	if name, _, _ := strings.Cut(host, ":"); name != "127.0.0.1" {
		host = name // on loopback the port tells apps apart
	}
	for _, r := range c.resources {
		if s, ok := r.state.(*site); ok && (s.host == host || s.scm == host) {
			return s
		}
	}
	return nil
}

// flag is a value of the query, whose names are the same in any case.
func (r *request) flag(name string) string {
	for own, values := range r.query {
		if strings.EqualFold(own, name) {
			return values[0]
		}
	}
	return ""
}

// publish is One Deploy: it takes a package, answers with the ID of a deployment, and goes on.
//
// Source: Azure/azure-dev, funcapp_host_client.go, Publish and waitForDeployment; Azure/azure-functions-core-tools, PublishFunctionAppAction.
func (c *Cloud) publish(s *site, r *request) (any, error) {
	if kind, _, _ := mime.ParseMediaType(r.http.Header.Get("Content-Type")); kind != "application/zip" {
		return nil, refuse(415, "UnsupportedMediaType", "Only application/zip is supported.")
	}
	d := c.deploy(s, r.body, strings.EqualFold(r.flag("RemoteBuild"), "true"))
	d.deployer, d.message = r.flag("Deployer"), r.flag("message")
	return jsonReply(http.StatusAccepted, d.id), nil
}

func (c *Cloud) deploy(s *site, code []byte, remote bool) *deployment {
	d := &deployment{id: newID(), remote: remote, polls: c.setting(polls), began: time.Now(), status: success}
	running := slices.ContainsFunc(s.deployments, func(other *deployment) bool { return !other.over() })
	s.deployments = append(s.deployments, d)
	d.log("[Kudu-SourcePackageUriDownloadStep] starting.", "[Kudu-SourcePackageUriDownloadStep] completed. Uploaded package to storage successfully.")
	if running {
		d.status = conflict
		d.log("There is a deployment currently in progress.")
		return d
	}
	if why := c.install(s, code, d); why != "" {
		d.status = failedCode
		d.log(why)
		return d
	}
	s.syncs = c.setting(syncLag)
	s.recycle()
	return d
}

func (d *deployment) log(lines ...string) { d.lines = append(d.lines, lines...) }

// install puts a package where the app runs it from, or says why it cannot.
func (c *Cloud) install(s *site, code []byte, d *deployment) string {
	if s.settings["WEBSITE_RUN_FROM_PACKAGE"] != "" {
		return "[Kudu-PackageZipStep] App setting WEBSITE_RUN_FROM_PACKAGE is not supported for Flex Consumption. Please remove it and try again."
	}
	archive, err := zip.NewReader(bytes.NewReader(code), int64(len(code)))
	if err != nil {
		return "[Kudu-ExtractZipStep] error: End of Central Directory record could not be found."
	}
	d.log("[Kudu-ExtractZipStep] starting.", "[Kudu-ExtractZipStep] completed.")
	names := map[string]bool{}
	for _, f := range archive.File {
		names[f.Name] = true
	}
	if !names["host.json"] {
		return "[Kudu-ContentValidationStep] error: Failed to validate deployment content. host.json was not found at the root of the package."
	}
	a, in := c.containerAt(text(s.config, "deployment", "storage", "value"))
	if in == nil {
		return "[StorageAccessibleCheck] Error while checking access to storage account using the provided deployment storage: the container does not exist."
	}
	if !c.mayStore(s, a, in) {
		// Azure/azure-functions-core-tools#4346, Azure/azure-dev#4439.
		return "[StorageAccessibleCheck] Error while checking access to storage account using Kudu.Legion.Core.Storage.BlobContainerStorage: BlobUploadFailedException: Failed to upload blob to storage account: " +
			"Response status code does not indicate success: 403 (This request is not authorized to perform this operation using this permission.)."
	}
	b := in.blobs["released-package.zip"]
	if b == nil {
		b = &blob{created: time.Now(), header: http.Header{"Content-Type": {"application/zip"}}}
	}
	b.data, b.staged = code, map[string][]byte{}
	in.write("released-package.zip", b)
	s.code = code
	d.log("[UploadPackageStep] completed. Uploaded package to storage successfully.", "[RemoveWorkersStep] completed.", "[SyncTriggerStep] completed.", "Deployment was successful.")
	return ""
}

// mayStore says whether an app may write its own package, by the way that its configuration names.
func (c *Cloud) mayStore(s *site, a *account, in *container) bool {
	const action = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/write"
	scope := a.containerID(in.name)
	switch text(s.config, "deployment", "storage", "authentication", "type") {
	case "UserAssignedIdentity":
		is := c.resources[lower(text(s.config, "deployment", "storage", "authentication", "userAssignedIdentityResourceId"))]
		return is != nil && c.permits(is.state.(*principal), action, scope)
	case "SystemAssignedIdentity":
		return c.permits(c.principals[text(s.is.identity, "principalId")], action, scope)
	}
	allowed, given := a.is.properties["allowSharedKeyAccess"].(bool)
	return !given || allowed
}

func (c *Cloud) deployment(s *site, r *request) (*deployment, error) {
	id := r.vars["deployment"]
	if len(s.deployments) > 0 && id == "latest" {
		return s.deployments[len(s.deployments)-1], nil
	}
	for _, d := range s.deployments {
		if d.id == id {
			return d, nil
		}
	}
	return nil, refuse(404, "FileNotFoundException", "Deployment '%s' not found.", id)
}

func (d *deployment) wire(s *site) object {
	status, words := d.status, map[int]string{building: "Building", deploying: "Deploying", failedCode: "Failed", success: "Success", conflict: "Conflict"}
	complete := d.over()
	if !complete {
		status = deploying
		if d.remote {
			status = building
		}
	}
	out := object{
		"id": d.id, "status": status, "status_text": words[status], "author_email": "N/A", "author": "N/A", "deployer": d.deployer, "remoteBuild": d.remote, "message": d.message, "progress": "",
		"received_time": stamp(d.began), "start_time": stamp(d.began), "end_time": nil, "complete": complete, "active": false, "is_temp": false, "is_readonly": true,
		"url": "https://" + s.scm + "/api/deployments/" + d.id, "log_url": "https://" + s.scm + "/api/deployments/" + d.id + "/log", "site_name": s.is.name,
		"build_summary": object{"errors": []any{}, "warnings": []any{}},
	}
	if complete {
		out["end_time"] = stamp(now())
		out["active"] = d.status == success && s.deployments[len(s.deployments)-1] == d
	}
	return out
}

// getDeployment answers 200 while it runs and when it has ended: it is the body that says.
func (c *Cloud) getDeployment(s *site, r *request) (any, error) {
	d, err := c.deployment(s, r)
	if err != nil {
		return nil, err
	}
	out := d.wire(s)
	d.polls--
	return out, nil
}

func (c *Cloud) listDeployments(s *site, _ *request) (any, error) {
	all := []object{}
	for _, d := range s.deployments {
		all = append([]object{d.wire(s)}, all...)
	}
	return all, nil
}

func (c *Cloud) deploymentLog(s *site, r *request) (any, error) {
	d, err := c.deployment(s, r)
	if err != nil {
		return nil, err
	}
	all := []object{}
	for i, line := range d.lines {
		kind := 0
		if d.status != success && i == len(d.lines)-1 {
			kind = 2
		}
		all = append(all, object{"log_time": stamp(d.began), "id": newID(), "message": line, "type": kind, "details_url": nil})
	}
	return all, nil
}

// oneDeploy is the same through Resource Manager: the service fetches the package itself.
func (c *Cloud) oneDeploy(s *site, r *request) (any, error) {
	body, err := c.decode(r, leaves("id", "name", "type").with("properties", leaves("packageUri", "remoteBuild", "deployer")))
	if err != nil {
		return nil, err
	}
	from, err := c.fetch(text(body, "properties", "packageUri"))
	if err != nil {
		return nil, webRefusal(400, "BadRequest", "51021", "%s", err)
	}
	d := c.deploy(s, from, dig(body, "properties", "remoteBuild") == true)
	return jsonReply(http.StatusAccepted, object{"id": s.is.id + "/extensions/onedeploy", "name": "onedeploy", "type": "Microsoft.Web/sites/extensions", "properties": d.wire(s)}), nil
}

// fetch reads a blob of this cloud by an address.
func (c *Cloud) fetch(address string) ([]byte, error) {
	host, path, _ := strings.Cut(strings.TrimPrefix(address, "https://"), "/")
	path, _, _ = strings.Cut(path, "?")
	name, blob, _ := strings.Cut(path, "/")
	a := c.account(strings.TrimSuffix(host, ".blob.core.windows.net"))
	if a == nil || a.containers[name] == nil {
		return nil, refuse(404, "NotFound", "The package at '%s' could not be found.", host+"/"+path)
	}
	b, err := a.containers[name].find(blob)
	if err != nil {
		return nil, err
	}
	return b.data, nil
}

// hostJSON is what host.json says that a host has to know.
type hostJSON struct {
	Extensions struct {
		HTTP struct {
			RoutePrefix *string `json:"routePrefix"`
		} `json:"http"`
		Queues struct {
			MaxDequeueCount int    `json:"maxDequeueCount"`
			Encoding        string `json:"messageEncoding"`
		} `json:"queues"`
	} `json:"extensions"`
	CustomHandler *struct {
		Description struct {
			Executable string   `json:"defaultExecutablePath"`
			Arguments  []string `json:"arguments"`
			Directory  string   `json:"workingDirectory"`
		} `json:"description"`
		Forwarding bool `json:"enableForwardingHttpRequest"`
		Proxying   bool `json:"enableProxyingHttpRequest"`
	} `json:"customHandler"`
}

// readHost reads the host.json of a package; one without has the defaults.
func readHost(code []byte) hostJSON {
	var h hostJSON
	archive, err := zip.NewReader(bytes.NewReader(code), int64(len(code)))
	if err != nil {
		return h
	}
	f, err := archive.Open("host.json")
	if err != nil {
		return h
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(f)
	if err == nil {
		_ = json.Unmarshal(bytes.TrimPrefix(data, []byte("\ufeff")), &h) // what cannot be read has the defaults; the worker says why it does not start
	}
	return h
}

// prefix is what stands before the routes of an app.
func (s *site) prefix() string {
	if p := readHost(s.code).Extensions.HTTP.RoutePrefix; p != nil {
		return *p
	}
	return "api"
}

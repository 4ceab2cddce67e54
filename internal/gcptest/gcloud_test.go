package gcptest_test

import (
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/api/run/v2"

	"github.com/ferryfn/ferry/internal/gcptest"
)

// gcloud runs Google's own command line against a project.
func (c *cloud) gcloud(args ...string) (string, error) {
	c.t.Helper()
	if testing.Short() {
		c.t.Skip("gcloud takes its time")
	}
	program, err := exec.LookPath("gcloud")
	if err != nil {
		c.t.Skip("gcloud is missing")
	}
	home := c.t.TempDir()
	tokens := filepath.Join(home, "token")
	if err := os.WriteFile(tokens, []byte(c.AccessToken(gcptest.Deployer)), 0o600); err != nil {
		c.t.Fatal(err)
	}
	cmd := exec.CommandContext(c.t.Context(), program, append(args, "--project", gcptest.Project, "--region", gcptest.Region, "--quiet")...)
	cmd.Env = append(os.Environ(), "CLOUDSDK_CONFIG="+home, "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE="+tokens, "CLOUDSDK_CORE_DISABLE_PROMPTS=1",
		"CLOUDSDK_CORE_DISABLE_USAGE_REPORTING=1", "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK=1", "CLOUDSDK_PROXY_TYPE=http", "CLOUDSDK_PROXY_ADDRESS=127.0.0.1",
		"CLOUDSDK_PROXY_PORT="+c.regional())
	cmd.Env = append(cmd.Env, c.Env()...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return errs.String(), err
	}
	return out.String(), nil
}

// regional is the port of a proxy that leads "europe-west1-127.0.0.1", as gcloud makes of an address the region's, to where it is.
func (c *cloud) regional() string {
	proxy := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.Out.URL.Host = strings.TrimPrefix(r.In.URL.Host, gcptest.Region+"-")
		r.Out.Host = r.Out.URL.Host
	}})
	c.t.Cleanup(proxy.Close)
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(proxy.URL, "http://"))
	return port
}

// told is what gcloud says in JSON.
func (c *cloud) told(args ...string) map[string]any {
	c.t.Helper()
	text, err := c.gcloud(append(args, "--format=json")...)
	if err != nil {
		c.t.Fatalf("%v: %v\n%s", args, err, text)
	}
	var is map[string]any
	if err := json.Unmarshal([]byte(text), &is); err != nil {
		c.t.Fatalf("%v: %v\n%s", args, err, text)
	}
	return is
}

func TestGcloudReadsWhatIsThereAndMovesTraffic(t *testing.T) {
	t.Parallel()
	c := answeringFunctions(t)
	c.create(nodeFunction(c.upload("index.js", nodeSource), "one"))
	first := c.latest()
	f := nodeFunction(nil, "two")
	c.well(c.functions.Functions.Patch(greet, f).UpdateMask("serviceConfig.environmentVariables").Do())
	if is := c.told("functions", "describe", "greet", "--v2"); is["state"] != "ACTIVE" {
		t.Errorf("function %v", is)
	}
	before, err := c.run.Services.Get(greeting).Do()
	if err != nil {
		t.Fatal(err)
	}
	if text, err := c.gcloud("run", "services", "update-traffic", "greet", "--to-revisions", first+"=100"); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if text := c.asked(); text != "one hello" {
		t.Errorf("answered %q", text)
	}
	_, err = c.run.Services.Patch(greeting, &run.GoogleCloudRunV2Service{Etag: before.Etag}).UpdateMask("traffic").Do()
	refused(t, err, http.StatusConflict, "Conflict for resource 'greet'")
	is := c.told("run", "services", "describe", "greet")
	status, _ := is["status"].(map[string]any)
	traffic, _ := status["traffic"].([]any)
	target, _ := traffic[0].(map[string]any)
	if len(traffic) != 1 || target["revisionName"] != first {
		t.Errorf("traffic %v", traffic)
	}
}

func TestGcloudDeploysAFunctionForEverybody(t *testing.T) {
	t.Parallel()
	c := answeringFunctions(t)
	source := t.TempDir()
	for name, text := range map[string]string{"index.js": nodeSource, "package.json": "{}"} {
		if err := os.WriteFile(filepath.Join(source, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, says := range []string{"one", "two"} {
		text, err := c.gcloud("functions", "deploy", "greet", "--gen2", "--runtime", "nodejs22", "--trigger-http", "--allow-unauthenticated",
			"--entry-point", "hello", "--source", source, "--set-env-vars", "SAYS="+says)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		is, err := c.run.Services.Get(greeting).Do()
		if err != nil {
			t.Fatal(err)
		}
		if status, text := c.ask(is.Uri, ""); status != 200 || text != says+" hello" {
			t.Errorf("%d %q", status, text)
		}
	}
}

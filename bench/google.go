package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ferryfn/ferry/internal/gcptest"
	"github.com/ferryfn/ferry/internal/standin"
)

// The rate of ferry's limiter for writes of Cloud Run: Google takes 180 in a minute.
const runRate, runBurst = 3, 20

// The calls that must follow one another on Google, by the same rules as those on AWS.
var (
	lookGoogle   = []string{"token", "projects.get", "read lock", "read head", "read record"} // services.get live beside these
	publishOver  = []string{"services.get", "revisions.get", "serviceAccounts.get", "services.patch", "operations.get", "services.get settled", "revisions.get started"}
	probeGoogle  = []string{"services.get", "revisions.get", "probe"}
	switchGoogle = []string{"services.get", "write record", "revisions.get", "services.get", "services.patch", "operations.get", "services.get settled", "revisions.get", "ask the address"}
	imageGoogle  = []string{"HEAD base", "GET base", "HEAD image", "POST layer", "PUT layer", "POST config", "PUT config", "PUT manifest"}
)

// googleSteps are what is done once, and what is repeated.
func googleSteps() (once, round []step) {
	changed := slices.Concat(lookGoogle, begin, publishOver, probeGoogle, switchGoogle, finish)
	once = []step{{"first deploy", []string{"deploy"}, (*sources).stay, 4, slices.Concat(
		lookGoogle[:3], []string{"take lock", "buckets.insert", "take lock", "write package", "write record", "serviceAccounts.create", "registry token"},
		imageGoogle, publishOver, probeGoogle, switchGoogle, []string{"getIamPolicy", "setIamPolicy", "services.patch", "operations.get", "services.get settled"}, finish,
	)}}
	return once, []step{
		{"env of all changed", []string{"deploy"}, (*sources).changeEnv, 2, changed},
		{"code of all changed", []string{"deploy"}, (*sources).changeCode, 2, slices.Concat(changed, []string{"write package"}, imageGoogle)},
		{"no change", []string{"deploy"}, (*sources).stay, 0, lookGoogle},
		{"rollback", []string{"rollback", "--yes"}, (*sources).changeBack, 1, slices.Concat(lookGoogle, begin, []string{"read record", "revisions.get", "HEAD image"}, switchGoogle, finish)},
	}
}

// answering stands for a function: it answers probes as its revision.
func answering(variables map[string]string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/.ferry/probe" && r.Header.Get("Ferry-Instance") == variables["FERRY_INSTANCE"] {
			_ = json.NewEncoder(w).Encode(map[string]string{"digest": variables["FERRY_DIGEST"]})
		}
	})
}

func googleCalls() tally {
	return tally{"Cloud Run and Functions", func(c standin.Call) bool { return c.Service == "run" || c.Service == "cloudfunctions" }}
}

// onGoogle is a project.
func onGoogle(b *bed) (stand, error) {
	project := gcptest.New(b)
	project.AddRepository("ferry")
	project.BaseImage("google-22/runtimes/python313", "1")
	project.Answer(answering)
	once, round := googleSteps()
	return stand{
		sources: sources{target: "gcp: {provider: gcp, region: " + gcptest.Region + ", repository: " + project.Registry() + "/" + gcptest.Project + "/ferry}"},
		env:     project.Env(), control: &project.Control, once: once, round: round, rate: runRate, burst: runBurst,
		tally: googleCalls(),
		peer:  func(w *workshop) (string, error) { return peerOnGoogle(w, project) },
	}, nil
}

// peerOnGoogle counts what Google's own `gcloud functions deploy` asks for to change one function.
func peerOnGoogle(w *workshop, project *gcptest.Server) (string, error) {
	const name = "Google, 1: `gcloud functions deploy` of other code"
	gcloud, err := exec.LookPath("gcloud")
	if err != nil {
		return fmt.Sprintf("| %s | | | | skipped: gcloud is not installed |", name), nil
	}
	proxy := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { // gcloud asks the region's own host
		r.Out.URL.Host = strings.TrimPrefix(r.In.URL.Host, gcptest.Region+"-")
		r.Out.Host = r.Out.URL.Host
	}})
	defer proxy.Close()
	_, port, err := net.SplitHostPort(strings.TrimPrefix(proxy.URL, "http://"))
	if err != nil {
		return "", err
	}
	home := filepath.Join(w.root, "gcloud")
	if err := os.MkdirAll(home, 0o755); err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(home, "token"), []byte(project.AccessToken(gcptest.Deployer)), 0o600); err != nil {
		return "", err
	}
	var took time.Duration
	for i := range 2 {
		if err := w.write(map[string]string{"peer/main.py": fmt.Sprintf("def hello(request):\n    return '%d'\n", i), "peer/requirements.txt": "functions-framework==3.*\n"}); err != nil {
			return "", err
		}
		project.Reset()
		c := exec.Command(gcloud, "functions", "deploy", "peer", "--gen2", "--runtime", "python313", "--trigger-http", "--allow-unauthenticated", "--entry-point", "hello",
			"--source", filepath.Join(w.dir, "peer"), "--project", gcptest.Project, "--region", gcptest.Region, "--quiet")
		c.Env = slices.Concat(os.Environ(), project.Env(), []string{
			"CLOUDSDK_CONFIG=" + home, "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE=" + filepath.Join(home, "token"), "CLOUDSDK_CORE_DISABLE_PROMPTS=1", "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING=1",
			"CLOUDSDK_PROXY_TYPE=http", "CLOUDSDK_PROXY_ADDRESS=127.0.0.1", "CLOUDSDK_PROXY_PORT=" + port,
		})
		began := time.Now()
		if out, err := c.CombinedOutput(); err != nil {
			return "", fmt.Errorf("gcloud functions deploy: %w\n%s", err, out)
		}
		took = time.Since(began)
	}
	return fmt.Sprintf("| %s | | %s | | without the build, which takes a minute or more. %s |", name, short(took), googleCalls().told(project.Calls())), nil
}

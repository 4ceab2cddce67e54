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

// The rates of ferry's limiters: Google takes 180 writes of Cloud Run in a minute, and 60 of Cloud Functions.
const (
	runRate, runBurst     = 3, 20
	buildRate, buildBurst = 1, 5
)

// The calls that must follow one another on Google, by the same rules as those on AWS. Whose the bucket is, is asked beside the lock, and
// services beside the ledger. Who has the lock looks at it before each write to the place and before it says what is live. An operation
// is under way when it is read first, as is the start of a revision; what Google says after it is whether all is settled.
var (
	lookGoogle   = []string{"token", "projects.get", "read lock", "read head", "read record"}
	changeGoogle = []string{"services.patch", "operations.get under way", "operations.get done", "services.get settled"}
	startGoogle  = []string{"revisions.get starting", "revisions.get started"}
	publishOver  = slices.Concat([]string{"look at the lock", "services.get", "revisions.get", "HEAD base", "HEAD image"}, changeGoogle, startGoogle) // serviceAccounts.get beside these
	publishFirst = slices.Concat([]string{"services.create", "operations.get under way", "operations.get done"}, startGoogle)
	probeGoogle  = []string{"services.get", "revisions.get", "probe"}
	markGoogle   = []string{"services.get", "look at the lock", "write record", "look at the lock"} // what serves before anything goes live
	switchGoogle = slices.Concat(markGoogle, []string{"revisions.get", "services.get"}, changeGoogle, []string{"revisions.get", "ask the address"})
	openGoogle   = slices.Concat([]string{"getIamPolicy", "setIamPolicy", "services.get"}, changeGoogle)
	finishGoogle = []string{"services.get", "look at the lock", "write head", "free lock"}
	// The layer and the configuration of an image are sent at once, as are those of the base that is copied.
	sendGoogle  = []string{"HEAD blob", "POST upload", "PATCH upload", "PUT upload", "PUT manifest"}
	imageGoogle = slices.Concat([]string{"GET base", "GET configuration of base", "HEAD image"}, sendGoogle)
	copyGoogle  = slices.Concat([]string{"HEAD copy", "GET base", "GET blob"}, sendGoogle)
)

// googleSteps are what is done once, and what is repeated.
func googleSteps() (once, round []step) {
	changed := slices.Concat(lookGoogle, begin, publishOver, probeGoogle, switchGoogle, finishGoogle)
	once = []step{{"first deploy", []string{"deploy"}, (*sources).stay, 4, slices.Concat(
		lookGoogle[:3], storeGoogle(), []string{"look at the lock", "services.get"}, copyGoogle, []string{"HEAD image"}, imageGoogle,
		publishFirst, probeGoogle, switchGoogle, openGoogle, finishGoogle,
	)}}
	return once, []step{
		{"env of all changed", []string{"deploy"}, (*sources).changeEnv, 2, changed},
		{"code of all changed", []string{"deploy"}, (*sources).changeCode, 2, slices.Concat(changed, []string{"write package"}, imageGoogle)},
		{"no change", []string{"deploy"}, (*sources).stay, 0, lookGoogle},
		{"rollback", []string{"rollback", "--yes"}, (*sources).changeBack, 1, slices.Concat(
			lookGoogle, []string{"read record", "list records"}, begin, []string{"revisions.get", "services.get", "HEAD image"}, probeGoogle, switchGoogle, finishGoogle,
		)},
	}
}

// storeGoogle is how a first deploy comes to have a bucket: the edition of the base is asked for first.
func storeGoogle() []string {
	return []string{"HEAD copy", "GET base", "take lock", "buckets.insert", "take lock", "write package", "write record"}
}

// What Cloud Functions builds: each change of code or environment is a write of its own, and then Cloud Run's of the traffic.
var (
	publishBuilt = []string{
		"look at the lock", "services.get", "operations.list", "testIamPermissions", "serviceAccounts.get", "PUT source", "objects.get", "functions.get", "functions.patch",
		"operations.get under way", "operations.get done", "revisions.list",
	}
	tagBuilt = slices.Concat([]string{"services.get"}, changeGoogle)
)

// builtSteps are those of functions that Cloud Functions builds.
func builtSteps() (once, round []step) {
	changed := slices.Concat(lookGoogle, begin, publishBuilt, tagBuilt, probeGoogle, switchGoogle, finishGoogle)
	once, round = googleSteps()
	once[0].chain = slices.Concat(
		lookGoogle[:3], storeGoogle()[2:], []string{"getIamPolicy of the project", "serviceAccounts.create"},
		publishBuilt, tagBuilt, probeGoogle, switchGoogle, openGoogle, finishGoogle,
	)
	round[0].chain = changed
	round[1].chain = slices.Concat(changed, []string{"write package"})
	return once, round
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

// newProject is a project whose functions go by a way of their own.
func newProject(b *bed, more string) (*gcptest.Server, stand) {
	project := gcptest.New(b)
	project.AddRepository("ferry")
	project.BaseImage("google-22/runtimes/python313", "1")
	project.Answer(answering)
	return project, stand{
		sources: sources{target: "gcp: {provider: gcp, region: " + gcptest.Region + ", repository: " + project.Registry() + "/" + gcptest.Project + "/ferry" + more + "}"},
		env:     project.Env(), control: &project.Control, rate: runRate, burst: runBurst, tally: googleCalls(),
	}
}

// onGoogle is a project whose functions are images.
func onGoogle(b *bed) (stand, error) {
	_, s := newProject(b, "")
	s.once, s.round = googleSteps()
	return s, nil
}

// onCloudFunctions is a project whose functions Cloud Functions builds, where a build takes no time.
func onCloudFunctions(b *bed) (stand, error) {
	project, s := newProject(b, ", via: functions")
	s.once, s.round = builtSteps()
	s.builds = map[string]int{s.once[0].name: 1, s.round[0].name: 1, s.round[1].name: 1}
	s.peer = func(w *workshop) (string, error) { return peerOnGoogle(w, project) }
	return s, nil
}

// peerOnGoogle counts what Google's own `gcloud functions deploy` asks for to change one function.
func peerOnGoogle(w *workshop, project *gcptest.Server) (string, error) {
	const name = "Cloud Functions, 1: `gcloud functions deploy` of other code"
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

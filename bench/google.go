package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ferryfn/ferry/internal/gcptest"
	"github.com/ferryfn/ferry/internal/standin"
)

// services is a case about a number of functions on Google Cloud: the stand-in of the tests is the project, in this process, and
// every call takes 40 ms more than it needs there. Its functions are not started: the stand-in answers for them.
type services struct {
	name              string
	functions, rounds int
	log               io.Writer // how often each call was made
}

func onGoogle(log io.Writer) []services {
	return []services{
		{"Google, 1 function", 1, 3, log},
		{"Google, 10 functions", 10, 2, log},
		{"Google, 100 functions", 100, 1, log},
	}
}

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

// bed is what the stand-in asks of a test, for a bench.
type bed struct {
	testing.TB
	dir     string
	cleanup []func()
	failed  []error
}

func (*bed) Helper()            {}
func (b *bed) TempDir() string  { return b.dir }
func (b *bed) Cleanup(f func()) { b.cleanup = append(b.cleanup, f) }
func (b *bed) Errorf(format string, args ...any) {
	b.failed = append(b.failed, fmt.Errorf(format, args...))
}

func (b *bed) close() error {
	for _, f := range slices.Backward(b.cleanup) {
		f()
	}
	return errors.Join(b.failed...)
}

// answering stands for a function: it answers probes as its revision.
func answering(variables map[string]string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/.ferry/probe" && r.Header.Get("Ferry-Instance") == variables["FERRY_INSTANCE"] {
			_ = json.NewEncoder(w).Encode(map[string]string{"digest": variables["FERRY_DIGEST"]})
		}
	})
}

func (s services) measure(w *workshop) (string, error) {
	if err := w.fresh(); err != nil {
		return "", err
	}
	b := &bed{dir: filepath.Join(w.root, fmt.Sprint(w.count), "google")}
	if err := os.MkdirAll(b.dir, 0o755); err != nil {
		return "", err
	}
	project := gcptest.New(b)
	project.AddRepository("ferry")
	project.BaseImage("google-22/runtimes/python313", "1")
	project.Answer(answering)
	project.Latency(latency)
	files := &sources{functions: s.functions, target: "gcp: {provider: gcp, region: " + gcptest.Region + ", repository: " + project.Registry() + "/" + gcptest.Project + "/ferry}"}
	once, round := googleSteps()
	var rows []string
	for i := range s.rounds + 1 {
		todo := round
		if i == 0 {
			todo = once
		}
		for _, one := range todo {
			row, err := s.take(w, project, files, one)
			if err != nil {
				return "", errors.Join(err, b.close())
			}
			if i < 2 { // the first round of each
				rows = append(rows, row)
			}
		}
	}
	if s.functions == 1 {
		row, err := peerOnGoogle(w, project)
		if err != nil {
			return "", errors.Join(err, b.close())
		}
		rows = append(rows, row)
	}
	return strings.Join(rows, "\n"), b.close()
}

// take runs ferry for a step, and is the line of the table about it.
func (s services) take(w *workshop, project *gcptest.Server, files *sources, one step) (string, error) {
	one.edit(files)
	if err := files.write(w); err != nil {
		return "", err
	}
	project.Reset()
	c := exec.Command(w.ferry, append(one.args, "-t", "gcp")...)
	c.Dir, c.Env = w.dir, slices.Concat(os.Environ(), project.Env(), []string{"FERRY_HOME=" + w.home})
	began := time.Now()
	if out, err := c.CombinedOutput(); err != nil {
		return "", fmt.Errorf("ferry %s: %w\n%s", strings.Join(one.args, " "), err, out)
	}
	took := time.Since(began)
	limit := wait(s.functions*one.writes, runBurst, runRate)
	floor := limit + time.Duration(len(one.chain))*latency
	fmt.Fprintf(s.log, "%s, %s: %s: %v\n", s.name, one.name, short(took), operations(project.Calls()))
	return fmt.Sprintf("| Google, %d: %s | %s | %s | %.2f | %s of rate limit, %d calls in a row of %s. %s |",
		s.functions, one.name, short(took), short(floor), float64(took)/float64(floor), short(limit), len(one.chain), latency, told(project.Calls())), nil
}

// told counts calls.
func told(all []standin.Call) string {
	var writes, reads, others int
	for _, c := range all {
		switch {
		case c.Service != "run" && c.Service != "cloudfunctions":
			others++
		case c.Write:
			writes++
		default:
			reads++
		}
	}
	return fmt.Sprintf("Cloud Run and Functions: %d writes, %d reads; other services: %d", writes, reads, others)
}

// operations are how often each call was made.
func operations(all []standin.Call) map[string]int {
	count := map[string]int{}
	for _, c := range all {
		count[c.Service+" "+c.Operation]++
	}
	return count
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
	return fmt.Sprintf("| %s | | %s | | without the build, which takes a minute or more. %s |", name, short(took), told(project.Calls())), nil
}

package gcptest_test

import (
	"archive/tar"
	"bytes"
	"io"
	"maps"
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"google.golang.org/api/logging/v2"
	"google.golang.org/api/option"
	"google.golang.org/api/run/v2"

	"github.com/ferryfn/ferry/internal/gcptest"
)

// cloud is a project with a client of Google's for Cloud Run.
type cloud struct {
	*gcptest.Server
	t   *testing.T
	run *run.ProjectsLocationsService
}

func runIn(t *testing.T) *cloud {
	t.Helper()
	s := gcptest.New(t)
	client, err := run.NewService(t.Context(), option.WithEndpoint(s.Endpoint("run")),
		option.WithAuthCredentialsFile(option.ServiceAccount, s.KeyFile(gcptest.Deployer)))
	if err != nil {
		t.Fatal(err)
	}
	s.AddRepository("ferry")
	return &cloud{Server: s, t: t, run: client.Projects.Locations}
}

// image pushes an image of one layer with these files, and gives its reference.
func (c *cloud) image(id string, config v1.Config, files map[string]string) string {
	c.t.Helper()
	var layer bytes.Buffer
	archive := tar.NewWriter(&layer)
	for file, content := range files {
		if err := archive.WriteHeader(&tar.Header{Name: file, Mode: 0o755, Size: int64(len(content)), Typeflag: tar.TypeReg}); err != nil {
			c.t.Fatal(err)
		}
		if _, err := io.WriteString(archive, content); err != nil {
			c.t.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		c.t.Fatal(err)
	}
	l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(layer.Bytes())), nil })
	if err != nil {
		c.t.Fatal(err)
	}
	image, err := mutate.AppendLayers(empty.Image, l)
	if err != nil {
		c.t.Fatal(err)
	}
	file, err := image.ConfigFile()
	if err != nil {
		c.t.Fatal(err)
	}
	file = file.DeepCopy()
	file.OS, file.Architecture, file.Config = "linux", "amd64", config
	if image, err = mutate.ConfigFile(image, file); err != nil {
		c.t.Fatal(err)
	}
	ref, err := name.ParseReference(c.Registry() + "/" + gcptest.Project + "/ferry/" + id)
	if err != nil {
		c.t.Fatal(err)
	}
	if err := remote.Write(ref, image, remote.WithAuth(token(c.Server))); err != nil {
		c.t.Fatal(err)
	}
	return ref.String()
}

// server is an image of a Python program that tells of itself.
func (c *cloud) server(id string) string {
	c.t.Helper()
	if _, err := exec.LookPath("python3"); err != nil {
		c.t.Skip("python3 is missing")
	}
	return c.image(id, v1.Config{WorkingDir: "/workspace", Entrypoint: []string{"python3", "/workspace/main.py"}, Env: []string{"BASE=base"}}, map[string]string{
		"workspace/main.py": `
import http.server, os, sys, time
print("starting", os.environ["K_REVISION"], flush=True)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/pid":
            time.sleep(0.3)
            os.environ["SAYS"] = str(os.getpid())
        body = " ".join([os.environ.get("SAYS", "-"), os.environ["BASE"], os.environ["K_SERVICE"], self.headers.get("Authorization", "-")[-30:]]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args):
        pass
if os.environ.get("SAYS") == "broken":
    sys.stderr.write("cannot start")
    sys.exit(1)
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
`,
	})
}

func says(image, text string) *run.GoogleCloudRunV2RevisionTemplate {
	return &run.GoogleCloudRunV2RevisionTemplate{Containers: []*run.GoogleCloudRunV2Container{
		{Image: image, Env: []*run.GoogleCloudRunV2EnvVar{{Name: "SAYS", Value: text}}},
	}}
}

const shop = place + "/services/shop"

// done polls an operation until it is done.
func (c *cloud) done(op *run.GoogleLongrunningOperation, err error) *run.GoogleLongrunningOperation {
	c.t.Helper()
	for i := 0; err == nil && !op.Done; i++ {
		op, err = c.run.Operations.Get(op.Name).Do()
	}
	if err != nil {
		c.t.Fatal(err)
	}
	return op
}

func (c *cloud) fine(op *run.GoogleLongrunningOperation, err error) {
	c.t.Helper()
	if op := c.done(op, err); op.Error != nil {
		c.t.Fatalf("%d %s", op.Error.Code, op.Error.Message)
	}
}

func (c *cloud) get() *run.GoogleCloudRunV2Service {
	c.t.Helper()
	is, err := c.run.Services.Get(shop).Do()
	if err != nil {
		c.t.Fatal(err)
	}
	return is
}

func (c *cloud) ask(url, bearer string) (int, string) {
	c.t.Helper()
	r, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	if bearer != "" {
		r.Header.Set("Authorization", "Bearer "+bearer)
	}
	return do(c.t, r)
}

func to(revision string, percent int64, tag string) *run.GoogleCloudRunV2TrafficTarget {
	return &run.GoogleCloudRunV2TrafficTarget{Type: "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", Revision: revision, Percent: percent, Tag: tag}
}

func TestAServiceRunsItsContainerAndMovesTrafficByRevision(t *testing.T) {
	c := runIn(t)
	image := c.server("shop")
	template := says(image, "one")
	template.Revision = "shop-one"
	c.fine(c.run.Services.Create(place, &run.GoogleCloudRunV2Service{Template: template, Traffic: []*run.GoogleCloudRunV2TrafficTarget{to("shop-one", 100, "")}}).ServiceId("shop").Do())
	is := c.get()
	if is.Reconciling || is.TerminalCondition.State != "CONDITION_SUCCEEDED" || is.LatestReadyRevision != shop+"/revisions/shop-one" || is.TrafficStatuses[0].Percent != 100 {
		t.Errorf("%+v", is)
	}
	if status, _ := c.ask(is.Uri, ""); status != 403 {
		t.Errorf("without a token: %d", status)
	}
	if status, _ := c.ask(is.Uri, c.IDToken(gcptest.Deployer, "https://elsewhere")); status != 401 {
		t.Errorf("a token for another: %d", status)
	}
	status, text := c.ask(is.Uri, c.IDToken(gcptest.Deployer, is.Uri))
	if status != 200 || text != "one base shop .SIGNATURE_REMOVED_BY_GOOGLE"[:14]+text[14:] || !strings.HasSuffix(text, "SIGNATURE_REMOVED_BY_GOOGLE") {
		t.Errorf("%d %q", status, text)
	}
	policy, err := c.run.Services.GetIamPolicy(shop).Do()
	if err != nil {
		t.Fatal(err)
	}
	policy.Bindings = append(policy.Bindings, &run.GoogleIamV1Binding{Role: "roles/run.invoker", Members: []string{"allUsers"}})
	if _, err := c.run.Services.SetIamPolicy(shop, &run.GoogleIamV1SetIamPolicyRequest{Policy: policy}).Do(); err != nil {
		t.Fatal(err)
	}
	template = says(image, "two")
	template.Revision = "shop-two"
	c.fine(c.run.Services.Patch(shop, &run.GoogleCloudRunV2Service{Etag: is.Etag, Template: template, Traffic: []*run.GoogleCloudRunV2TrafficTarget{to("shop-one", 100, ""), to("shop-two", 0, "next")}}).
		UpdateMask("template,traffic").Do())
	_, err = c.run.Services.Patch(shop, &run.GoogleCloudRunV2Service{Etag: is.Etag}).UpdateMask("labels").Do()
	refused(t, err, 409, "Conflict for resource 'shop': version")
	is = c.get()
	if _, text := c.ask(is.Uri, ""); !strings.HasPrefix(text, "one") {
		t.Errorf("after a publish: %q", text)
	}
	if _, text := c.ask(is.TrafficStatuses[1].Uri, ""); !strings.HasPrefix(text, "two") {
		t.Errorf("by the tag: %q", text)
	}
	c.fine(c.run.Services.Patch(shop, &run.GoogleCloudRunV2Service{Traffic: []*run.GoogleCloudRunV2TrafficTarget{to("shop-two", 100, "")}}).UpdateMask("traffic").Do())
	if _, text := c.ask(is.Uri, ""); !strings.HasPrefix(text, "two") {
		t.Errorf("after the traffic moved: %q", text)
	}
	if status, _ := c.ask(is.TrafficStatuses[1].Uri, ""); status != 404 {
		t.Errorf("by a tag that is gone: %d", status)
	}
	_, err = c.run.Services.Revisions.Delete(shop + "/revisions/shop-two").Do()
	refused(t, err, 400, "cannot be deleted because it is receiving traffic")
	c.fine(c.run.Services.Revisions.Delete(shop + "/revisions/shop-one").Do())
	c.fine(c.run.Services.Delete(shop).Do())
	if status, _ := c.ask(is.Uri, ""); status != 404 {
		t.Errorf("after the service is gone: %d", status)
	}
}

func TestARevisionThatDoesNotStartGetsNoTraffic(t *testing.T) {
	c := runIn(t)
	image := c.server("shop")
	c.fine(c.run.Services.Create(place, &run.GoogleCloudRunV2Service{Template: says(image, "one"), InvokerIamDisabled: true}).ServiceId("shop").Do())
	op := c.done(c.run.Services.Patch(shop, &run.GoogleCloudRunV2Service{Template: says(image, "broken")}).UpdateMask("template").Do())
	if op.Error == nil || op.Error.Code != 9 || !strings.Contains(op.Error.Message, "is not ready and cannot serve traffic. The user-provided container failed to start and listen") {
		t.Errorf("%+v", op.Error)
	}
	is := c.get()
	if _, text := c.ask(is.Uri, ""); !strings.HasPrefix(text, "one") {
		t.Errorf("%q", text)
	}
	if is.Reconciling || is.TerminalCondition.State != "CONDITION_FAILED" || is.TerminalCondition.Reason != "REVISION_FAILED" || is.ObservedGeneration != 2 {
		t.Errorf("%+v", is.TerminalCondition)
	}
	logs, err := logging.NewService(t.Context(), as(c.Server, "logging")...)
	if err != nil {
		t.Fatal(err)
	}
	printed, err := logs.Entries.List(&logging.ListLogEntriesRequest{ResourceNames: []string{"projects/" + gcptest.Project}, Filter: `textPayload="cannot start"`}).Do()
	if err != nil || len(printed.Entries) != 1 {
		t.Errorf("%+v %v", printed, err)
	}
	revision, err := c.run.Services.Revisions.Get(is.LatestCreatedRevision).Do()
	if err != nil || revision.Conditions[0].State != "CONDITION_FAILED" {
		t.Errorf("%+v %v", revision, err)
	}
}

// pids are the processes that answer two requests at once.
func (c *cloud) pids(url string) map[string]bool {
	c.t.Helper()
	found := make(chan string)
	for range 2 {
		go func() {
			answer, err := http.Get(url + "/pid")
			if err != nil {
				found <- err.Error()
				return
			}
			defer answer.Body.Close()
			text, _ := io.ReadAll(answer.Body)
			pid, _, _ := strings.Cut(string(text), " ")
			found <- pid
		}()
	}
	return map[string]bool{<-found: true, <-found: true}
}

func TestAnInstanceTakesAsManyRequestsAsItMay(t *testing.T) {
	c := runIn(t)
	template := says(c.server("shop"), "one")
	c.fine(c.run.Services.Create(place, &run.GoogleCloudRunV2Service{Template: template, InvokerIamDisabled: true}).ServiceId("shop").Do())
	first := c.pids(c.get().Uri)
	if len(first) != 1 {
		t.Errorf("80 at once: processes %v", first)
	}
	c.EndInstances()
	if again := c.pids(c.get().Uri); len(again) != 1 || maps.Equal(again, first) {
		t.Errorf("after they ended: %v and %v", first, again)
	}
	template.MaxInstanceRequestConcurrency = 1
	c.fine(c.run.Services.Patch(shop, &run.GoogleCloudRunV2Service{Template: template}).UpdateMask("template").Do())
	if found := c.pids(c.get().Uri); len(found) != 2 {
		t.Errorf("one at once: processes %v", found)
	}
}

func TestWhatAContainerPrintsIsInTheLog(t *testing.T) {
	c := runIn(t)
	c.fine(c.run.Services.Create(place, &run.GoogleCloudRunV2Service{Template: says(c.server("shop"), "one"), InvokerIamDisabled: true}).ServiceId("shop").Do())
	c.ask(c.get().Uri, "")
	logs, err := logging.NewService(t.Context(), as(c.Server, "logging")...)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"stdout": "starting shop-00001-", "requests": ""} {
		found, err := logs.Entries.List(&logging.ListLogEntriesRequest{
			ResourceNames: []string{"projects/" + gcptest.Project},
			Filter:        `resource.labels.service_name="shop" AND logName="projects/` + gcptest.Project + `/logs/run.googleapis.com%2F` + name + `"`,
		}).Do()
		if err != nil || len(found.Entries) != 1 || !strings.HasPrefix(found.Entries[0].TextPayload, want) {
			t.Errorf("%s: %+v %v", name, found, err)
		}
	}
}

func TestTrafficIsSplitByItsPercentages(t *testing.T) {
	c, image := answering(t)
	template := says(image, "one")
	template.Revision = "shop-one"
	c.fine(c.run.Services.Create(place, &run.GoogleCloudRunV2Service{Template: template, InvokerIamDisabled: true}).ServiceId("shop").Do())
	template = says(image, "two")
	template.Revision = "shop-two"
	c.fine(c.run.Services.Patch(shop, &run.GoogleCloudRunV2Service{
		Template: template, Traffic: []*run.GoogleCloudRunV2TrafficTarget{to("shop-one", 90, ""), to("shop-two", 10, "")},
	}).UpdateMask("template,traffic").Do())
	uri, seen := c.get().Uri, map[string]int{}
	for range 500 {
		_, text := c.ask(uri, "")
		seen[text]++
	}
	if seen["two"] < 15 || seen["two"] > 100 || seen["one"]+seen["two"] != 500 {
		t.Errorf("answers %v", seen)
	}
}

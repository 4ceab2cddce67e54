package gcptest_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/api/cloudbuild/v1"
	"google.golang.org/api/cloudfunctions/v2"
	"google.golang.org/api/cloudresourcemanager/v3"
	"google.golang.org/api/logging/v2"
	"google.golang.org/api/run/v2"

	"github.com/ferryfn/ferry/internal/gcptest"
)

func TestAnUploadTakesAZipWithoutCredentials(t *testing.T) {
	c := answeringFunctions(t)
	at, err := c.functions.Functions.GenerateUploadUrl(place, &cloudfunctions.GenerateUploadUrlRequest{}).Do()
	if err != nil {
		t.Fatal(err)
	}
	for name, x := range map[string]struct {
		header http.Header
		want   int
	}{
		"another type":  {http.Header{"Content-Type": {"application/octet-stream"}}, 403},
		"credentials":   {http.Header{"Content-Type": {"application/zip"}, "Authorization": {"Bearer x"}}, 400},
		"quota project": {http.Header{"Content-Type": {"application/zip"}, "X-Goog-User-Project": {"p"}}, 400},
		"a zip":         {http.Header{"Content-Type": {"application/zip"}}, 200},
	} {
		r, _ := http.NewRequest(http.MethodPut, at.UploadUrl, strings.NewReader("PK"))
		r.Header = x.header
		if status, text := do(t, r); status != x.want {
			t.Errorf("%s: %d %s", name, status, text)
		}
	}
}

func TestAFunctionIsAServiceOfCloudRun(t *testing.T) {
	c := answeringFunctions(t)
	is := c.create(nodeFunction(c.upload("index.js", nodeSource), "one"))
	if is.State != "ACTIVE" || is.ServiceConfig.Service != greeting || is.ServiceConfig.AvailableMemory != "256M" || is.ServiceConfig.TimeoutSeconds != 60 ||
		is.ServiceConfig.MaxInstanceRequestConcurrency != 1 || is.Environment != "GEN_2" || !is.ServiceConfig.AllTrafficOnLatestRevision {
		t.Errorf("%+v %+v", is, is.ServiceConfig)
	}
	if p := is.BuildConfig.SourceProvenance.ResolvedStorageSource; p.Bucket != "gcf-v2-sources-123456789012-europe-west1" || p.Generation == 0 {
		t.Errorf("%+v", p)
	}
	if p := is.BuildConfig.Source.StorageSource; p.Bucket != "gcf-v2-sources-123456789012-europe-west1" {
		t.Errorf("source %+v", p)
	}
	v, err := c.run.Services.Get(greeting).Do()
	if err != nil {
		t.Fatal(err)
	}
	if k := v.Template.Containers[0]; v.Labels["goog-managed-by"] != "cloudfunctions" || k.Name != "worker" || v.CustomAudiences[0] != "https://europe-west1-ferry-tests.cloudfunctions.net/greet" {
		t.Errorf("%+v", v)
	}
	if text := c.asked(); text != "one hello" {
		t.Errorf("answered %q", text)
	}
	c.well(c.functions.Functions.Delete(greet).Do())
	_, err = c.run.Services.Get(greeting).Do()
	refused(t, err, 404, "does not exist")
	_, err = c.functions.Functions.Get(greet).Do()
	refused(t, err, 404, "Resource '"+greet+"' was not found")
}

func TestAnOperationTellsOfItsStagesAndItsBuild(t *testing.T) {
	c := answeringFunctions(t)
	op, err := c.functions.Functions.Create(place, nodeFunction(c.upload("index.js", nodeSource), "one")).FunctionId("greet").Do()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"name":"BUILD"`, `"target":"` + greet + `"`, `"verb":"create"`, `"buildName":"projects/123456789012/locations/europe-west1/builds/`} {
		if !strings.Contains(string(op.Metadata), want) {
			t.Errorf("no %s in %s", want, op.Metadata)
		}
	}
	_, err = c.functions.Functions.Patch(greet, nodeFunction(nil, "two")).UpdateMask("labels").Do()
	refused(t, err, 409, "unable to queue the operation")
	if op = c.ended(op, nil); !strings.Contains(string(op.Metadata), `"name":"SERVICE"`) || strings.Contains(string(op.Metadata), "IN_PROGRESS") {
		t.Errorf("%s", op.Metadata)
	}
}

func TestAnUpdateWritesEveryFieldToTheServiceAndLeavesTraffic(t *testing.T) {
	c := answeringFunctions(t)
	c.create(nodeFunction(c.upload("index.js", nodeSource), "one"))
	first := c.latest()
	c.fine(c.run.Services.Patch(greeting, &run.GoogleCloudRunV2Service{
		Traffic: []*run.GoogleCloudRunV2TrafficTarget{to(first, 100, "")}, Ingress: "INGRESS_TRAFFIC_INTERNAL_ONLY",
	}).UpdateMask("traffic,ingress").Do())
	f := nodeFunction(nil, "two")
	c.well(c.functions.Functions.Patch(greet, f).UpdateMask("service_config.environment_variables").Do())
	v, err := c.run.Services.Get(greeting).Do()
	if err != nil {
		t.Fatal(err)
	}
	if v.Ingress != "INGRESS_TRAFFIC_ALL" {
		t.Errorf("ingress %s: the function's own was not written again", v.Ingress)
	}
	if text := c.asked(); text != "one hello" || c.latest() == first {
		t.Errorf("answered %q, latest %s", text, c.latest())
	}
	is, err := c.functions.Functions.Get(greet).Do()
	if err != nil || is.ServiceConfig.AllTrafficOnLatestRevision || is.BuildConfig.Source == nil {
		t.Errorf("%+v %v", is.ServiceConfig, err)
	}
	f.ServiceConfig.AllTrafficOnLatestRevision = true
	c.well(c.functions.Functions.Patch(greet, f).UpdateMask("serviceConfig.allTrafficOnLatestRevision").Do())
	if text := c.asked(); text != "two hello" {
		t.Errorf("answered %q", text)
	}
}

// latest is the name of the service's latest revision.
func (c *functional) latest() string {
	c.t.Helper()
	v, err := c.run.Services.Get(greeting).Do()
	if err != nil {
		c.t.Fatal(err)
	}
	return v.LatestReadyRevision[strings.LastIndex(v.LatestReadyRevision, "/")+1:]
}

func TestAnUpdateWithoutAMaskClearsWhatItLeavesOut(t *testing.T) {
	c := answeringFunctions(t)
	source := c.upload("index.js", nodeSource)
	f := nodeFunction(source, "one")
	f.Labels, f.Description = map[string]string{"a": "b"}, "greets"
	c.create(f)
	c.well(c.functions.Functions.Patch(greet, nodeFunction(source, "two")).Do())
	is, err := c.functions.Functions.Get(greet).Do()
	if err != nil || is.Description != "" || len(is.Labels) != 0 {
		t.Errorf("%+v %v", is, err)
	}
}

func TestABuildKeepsTheRulesOfTheBuildpacks(t *testing.T) {
	for name, x := range map[string]struct {
		runtime   string
		variables map[string]string
		files     []string
		want      string
	}{
		"node without a file":           {"nodejs22", nil, []string{"package.json", "{}"}, "function.js does not exist"},
		"node with another main":        {"nodejs22", nil, []string{"package.json", `{"main": "a.js"}`}, "a.js does not exist"},
		"node with a source file named": {"nodejs22", map[string]string{"GOOGLE_FUNCTION_SOURCE": "a.js"}, []string{"a.js", ""}, "GOOGLE_FUNCTION_SOURCE is not currently supported for Node.js"},
		"python without main.py":        {"python313", nil, []string{"app.py", ""}, "missing main.py and GOOGLE_FUNCTION_SOURCE not specified"},
		"python without what it names":  {"python313", map[string]string{"GOOGLE_FUNCTION_SOURCE": "b.py"}, []string{"main.py", ""}, `GOOGLE_FUNCTION_SOURCE specified file "b.py" but it does not exist`},
		"go without a module":           {"go126", nil, []string{"fn.go", "package fn"}, "function build requires go.mod file"},
	} {
		t.Run(name, func(t *testing.T) {
			c := answeringFunctions(t)
			f := nodeFunction(c.upload(x.files...), "one")
			f.BuildConfig.Runtime, f.BuildConfig.EnvironmentVariables = x.runtime, x.variables
			op, err := c.functions.Functions.Create(place, f).FunctionId("greet").Do()
			c.fails(op, err, "Build failed with status: FAILURE and message: "+x.want)
			is, err := c.functions.Functions.Get(greet).Do()
			if err != nil || is.State != "FAILED" || len(is.StateMessages) == 0 {
				t.Errorf("%+v %v", is, err)
			}
			logs, err := logging.NewService(t.Context(), as(c.Server, "logging")...)
			if err != nil {
				t.Fatal(err)
			}
			found, err := logs.Entries.List(&logging.ListLogEntriesRequest{ResourceNames: []string{"projects/" + gcptest.Project}, Filter: `resource.type="build"`}).Do()
			if err != nil || !strings.Contains(fmt.Sprint(texts(found.Entries)), x.want) {
				t.Errorf("log %v %v", texts(found.Entries), err)
			}
		})
	}
}

func texts(entries []*logging.LogEntry) (all []string) {
	for _, e := range entries {
		all = append(all, e.TextPayload)
	}
	return all
}

func TestABuildNeedsTheRolesOfItsAccount(t *testing.T) {
	c := answeringFunctions(t)
	projects, err := cloudresourcemanager.NewService(t.Context(), as(c.Server, "cloudresourcemanager")...)
	if err != nil {
		t.Fatal(err)
	}
	policy, err := projects.Projects.GetIamPolicy("projects/"+gcptest.Project, &cloudresourcemanager.GetIamPolicyRequest{}).Do()
	if err != nil {
		t.Fatal(err)
	}
	for i, b := range policy.Bindings {
		if b.Role == "roles/editor" {
			policy.Bindings = append(policy.Bindings[:i:i], policy.Bindings[i+1:]...)
			break
		}
	}
	if _, err := projects.Projects.SetIamPolicy("projects/"+gcptest.Project, &cloudresourcemanager.SetIamPolicyRequest{Policy: policy}).Do(); err != nil {
		t.Fatal(err)
	}
	op, err := c.functions.Functions.Create(place, nodeFunction(c.upload("index.js", nodeSource), "one")).FunctionId("greet").Do()
	c.fails(op, err, "Could not build the function due to a missing permission on the build service account.")
	builds, err := cloudbuild.NewService(t.Context(), as(c.Server, "cloudbuild")...)
	if err != nil {
		t.Fatal(err)
	}
	listed, err := builds.Projects.Locations.Builds.List(place).Do()
	if err != nil || len(listed.Builds) != 1 || listed.Builds[0].Status != "FAILURE" {
		t.Errorf("%+v %v", listed, err)
	}
}

func TestAFunctionThatCloudFunctionsDoesNotTakeIsRefused(t *testing.T) {
	c := answeringFunctions(t)
	c.create(nodeFunction(c.upload("index.js", nodeSource), "one"))
	for name, x := range map[string]struct {
		id     string
		change func(*cloudfunctions.Function)
		want   string
	}{
		"a name that begins with a digit": {"1st", nil, "Invalid function name"},
		"a name too long for a service":   {strings.Repeat("a", 50), nil, "must be less than 50 characters"},
		"the same name":                   {"greet", nil, "already exists"},
		"a name that differs in case":     {"Greet", nil, "A Cloud Run service with this name already exists."},
		"a runtime that is over":          {"fn", func(f *cloudfunctions.Function) { f.BuildConfig.Runtime = "nodejs20" }, "Runtime nodejs20 is decommissioned and no longer allowed"},
		"a runtime that there is not":     {"fn", func(f *cloudfunctions.Function) { f.BuildConfig.Runtime = "cobol85" }, "Invalid runtime: cobol85"},
		"a source that is not there": {"fn", func(f *cloudfunctions.Function) {
			f.BuildConfig.Source = &cloudfunctions.Source{StorageSource: &cloudfunctions.StorageSource{Bucket: "b", Object: "o"}}
		}, "gs://b/o was not found"},
		"too much time": {"fn", func(f *cloudfunctions.Function) { f.ServiceConfig.TimeoutSeconds = 3601 }, "Timeout must be between 1 and 3600 seconds"},
		"too much for an event": {"fn", func(f *cloudfunctions.Function) {
			f.EventTrigger, f.ServiceConfig.TimeoutSeconds = &cloudfunctions.EventTrigger{EventType: "x"}, 541
		}, "between 1 and 540 seconds"},
		"concurrency":          {"fn", func(f *cloudfunctions.Function) { f.ServiceConfig.MaxInstanceRequestConcurrency = 2 }, "Total cpu < 1 is not supported with concurrency > 1"},
		"a reserved variable":  {"fn", func(f *cloudfunctions.Function) { f.ServiceConfig.EnvironmentVariables["K_SERVICE"] = "x" }, "Reserved environment variable: K_SERVICE"},
		"an account of nobody": {"fn", func(f *cloudfunctions.Function) { f.ServiceConfig.ServiceAccountEmail = "no@body" }, "missing permission 'iam.serviceaccounts.actAs' on service account no@body"},
	} {
		t.Run(name, func(t *testing.T) {
			f := nodeFunction(c.upload("index.js", nodeSource), "one")
			if x.change != nil {
				x.change(f)
			}
			_, err := c.functions.Functions.Create(place, f).FunctionId(x.id).Do()
			if err == nil || !strings.Contains(err.Error(), x.want) {
				t.Errorf("got %v, want %s", err, x.want)
			}
		})
	}
	c.DecommissionRuntime("nodejs22")
	_, err := c.functions.Functions.Patch(greet, nodeFunction(nil, "two")).UpdateMask("serviceConfig.environmentVariables").Do()
	refused(t, err, 400, "Runtime nodejs22 is decommissioned")
}

func TestWritesToCloudFunctionsHaveAQuota(t *testing.T) {
	c := answeringFunctions(t)
	c.FunctionsQuota(2)
	source := c.upload("index.js", nodeSource)
	for n, want := range []int{0, 0, 429} {
		_, err := c.functions.Functions.Create(place, nodeFunction(source, "one")).FunctionId(fmt.Sprintf("fn%d", n)).Do()
		if want == 0 && err != nil {
			t.Fatal(err)
		}
		if want != 0 {
			refused(t, err, want, "Quota exceeded for quota metric")
		}
	}
	if _, err := c.functions.Functions.List(place).Do(); err != nil {
		t.Errorf("a read: %v", err)
	}
}

func TestADetachedFunctionIsAServiceOnly(t *testing.T) {
	c := answeringFunctions(t)
	c.create(nodeFunction(c.upload("index.js", nodeSource), "one"))
	c.well(c.functions.Functions.DetachFunction(greet, &cloudfunctions.DetachFunctionRequest{}).Do())
	_, err := c.functions.Functions.Get(greet).Do()
	refused(t, err, 404, "was not found")
	v, err := c.run.Services.Get(greeting).Do()
	if err != nil || v.Labels["goog-managed-by"] != "" {
		t.Errorf("%+v %v", v, err)
	}
	if text := c.asked(); text != "one hello" {
		t.Errorf("answered %q", text)
	}
}

func TestASourceIsDownloadedAsItWasUploaded(t *testing.T) {
	c := answeringFunctions(t)
	c.create(nodeFunction(c.upload("index.js", nodeSource), "one"))
	at, err := c.functions.Functions.GenerateDownloadUrl(greet, &cloudfunctions.GenerateDownloadUrlRequest{}).Do()
	if err != nil {
		t.Fatal(err)
	}
	if status, text := c.ask(at.DownloadUrl, ""); status != 200 || !strings.HasPrefix(text, "PK") {
		t.Errorf("%d %.20q", status, text)
	}
}

func TestTheRuntimesSayHowLongTheyLive(t *testing.T) {
	c := answeringFunctions(t)
	listed, err := c.functions.Runtimes.List(place).Do()
	if err != nil {
		t.Fatal(err)
	}
	stages := map[string]string{}
	for _, r := range listed.Runtimes {
		stages[r.Name] = r.Stage
	}
	if stages["nodejs22"] != "GA" || stages["nodejs20"] != "DECOMMISSIONED" || stages["python310"] != "DEPRECATED" {
		t.Error(stages)
	}
}

func TestHowOftenAnOperationIsReadDoesNotDependOnTheWork(t *testing.T) {
	for range 5 {
		c := answeringFunctions(t)
		source := c.upload("index.js", nodeSource)
		c.Reset()
		c.create(nodeFunction(source, "one"))
		if n := len(c.Calls()); n != 5 { // create, three reads of the operation, one of the function
			t.Errorf("%d calls", n)
		}
	}
}

package azure

import (
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/until"
)

func TestTrap11And12StorageGoesByIdentityAndNothingByAnAddressThatExpires(t *testing.T) {
	s := newScene(t)
	goLive(t, s.a, s.spec("one"))
	has := s.settings()
	if has["AzureWebJobsStorage__credential"] != "managedidentity" || has["AzureWebJobsStorage__clientId"] == "" || has["AzureWebJobsStorage__blobServiceUri"] == "" {
		t.Errorf("the host has no storage by an identity of its own: %v", has)
	}
	for name, value := range has {
		if strings.Contains(value, "sig=") || strings.Contains(value, "AccountKey=") {
			t.Errorf("%s is %s", name, value)
		}
	}
	is, err := s.app().site(t.Context(), s.app().name)
	if err != nil {
		t.Fatal(err)
	}
	if by := is.Properties.FunctionAppConfig.Deployment.Storage; by.Authentication.Type != "UserAssignedIdentity" || strings.Contains(by.Value, "?") {
		t.Errorf("packages are taken from %s by %s", by.Value, by.Authentication.Type)
	}
	withoutKey := slices.DeleteFunc(injected(), func(name string) bool { return has[name] == "" })
	if len(withoutKey) > 0 {
		t.Errorf("it has %v, too", withoutKey)
	}
}

func TestTrap4OnlyWarmUpIsNotTheFunctionsOfAnApp(t *testing.T) {
	for names, want := range map[string]bool{"": false, "WarmUp": false, "WarmUp http": true, "http": true} {
		if got := (record{}).complete(strings.Fields(names)); got != want {
			t.Errorf("of an app that registers its functions by itself Azure lists [%s], which is taken for all: %v", names, got)
		}
	}
	own := record{Marker: "ferry-two"}
	if own.complete([]string{"ferry-one", "http"}) || own.complete([]string{"ferry-two"}) || !own.complete([]string{"ferry-two", "http"}) {
		t.Error("what Azure lists of an app that registers its functions by itself is of another package, or not all, or not believed")
	}
	if (record{Names: []string{"http", "queue0"}}).complete([]string{"http"}) {
		t.Error("one of two functions is taken for all")
	}
}

func TestTrap20SettingsOfOtherPlansAreRefusedBeforeAnythingIsSent(t *testing.T) {
	a := nowhere(t)
	for _, name := range []string{
		"WEBSITE_RUN_FROM_PACKAGE", "FUNCTIONS_WORKER_RUNTIME", "FUNCTIONS_EXTENSION_VERSION", "WEBSITE_NODE_DEFAULT_VERSION",
		"WEBSITE_CONTENTSHARE", "WEBSITE_TIME_ZONE", "ENABLE_ORYX_BUILD", "SCM_DO_BUILD_DURING_DEPLOYMENT",
	} {
		fn := plain()
		fn.Env[name] = "1"
		if !slices.ContainsFunc(a.Check(fn), func(i providers.Issue) bool { return i.Field == "env."+name && i.Severity == providers.Blocker }) {
			t.Errorf("%s is not refused", name)
		}
	}
}

func TestTrap22PackagesAreKeptOnceByWhatIsInThemAndNothingIsLeftBesideThem(t *testing.T) {
	s := newScene(t)
	one := s.spec("one")
	goLive(t, s.a, one)
	goLive(t, s.a, s.spec("two"))
	goLive(t, s.a, one) // a rollback
	s.says("one")
	stored, err := s.app().box.list(t.Context(), "packages/")
	if err != nil || len(stored) != 2 {
		t.Errorf("two versions and a rollback left the packages %v, %v", stored, err)
	}
	made, err := s.a.pack(specOf(one))
	if err != nil {
		t.Fatal(err)
	}
	name := made.file.Name()
	made.close()
	if _, err := os.Stat(name); !os.IsNotExist(err) {
		t.Errorf("%s is left: %v", name, err)
	}
}

func TestTrap26WhatIsReadyIsNotWaitedFor(t *testing.T) {
	s := newScene(t)
	goLive(t, s.a, s.spec("one"))
	spec := s.spec("two")
	r, err := s.a.Publish(t.Context(), spec, 0)
	if err != nil {
		t.Fatal(err)
	}
	from, err := s.a.Status(t.Context(), "api")
	if err != nil {
		t.Fatal(err)
	}
	s.cloud.Reset()
	ctx := until.Hasten(t.Context(), 200)
	if _, err := s.a.Activate(ctx, providers.Change{Spec: spec, From: from, To: &r}); err != nil {
		t.Fatal(err)
	}
	for operation, most := range map[string]int{"Deployments_Get": 2, "WebApps_SyncFunctions": 2, "WebApps_ListFunctions": 2} {
		if n := s.called(operation); n > most {
			t.Errorf("what was done at once was asked for %d times: %s", n, operation)
		}
	}
}

func TestTrap28AllRequestsOfARunHaveOneIDInTheFormOfAGUIDAndEachItsOwn(t *testing.T) {
	s := newScene(t)
	conn, err := s.a.connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	seen := &seen{}
	o := conn.options.ClientOptions
	o.Transport = seen
	p := runtime.NewPipeline("test", "v1.0.0", runtime.PipelineOptions{}, &o)
	for range 2 {
		req, err := runtime.NewRequest(t.Context(), http.MethodGet, "https://management.azure.com/")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Do(req); err != nil {
			t.Fatal(err)
		}
	}
	runs, requests := seen.values("x-ms-correlation-request-id"), seen.values("x-ms-client-request-id")
	if runs[0] != runs[1] || requests[0] == requests[1] || !guid().MatchString(runs[0]) || !guid().MatchString(requests[0]) {
		t.Errorf("the ids of the run are %v, those of the requests %v", runs, requests)
	}
	if a, b := guidFor("a", "bc"), guidFor("ab", "c"); !guid().MatchString(a) || a == b || a != guidFor("a", "bc") {
		t.Errorf("names of assignments: %q, %q", a, b)
	}
}

// seen answers all requests and remembers them.
type seen struct{ headers []http.Header }

func (s *seen) Do(r *http.Request) (*http.Response, error) {
	s.headers = append(s.headers, r.Header)
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("{}")), Request: r}, nil
}

func (s *seen) values(name string) []string {
	var all []string
	for _, h := range s.headers {
		all = append(all, h.Get(name))
	}
	return all
}

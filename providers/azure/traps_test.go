package azure

import (
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/ferryfn/ferry/internal/azuretest"
	"github.com/ferryfn/ferry/internal/standin"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/providertest"
	"github.com/ferryfn/ferry/providers/until"
)

// scene is a function in a cloud of its own.
type scene struct {
	*testing.T
	cloud *azuretest.Cloud
	a     *Adapter
}

func newScene(t *testing.T) *scene {
	t.Parallel()
	c := azuretest.Start(t)
	c.Polls(0)
	return &scene{t, c, adapterOf(t, c)}
}

func (s *scene) spec(version string, events ...manifest.Event) providers.Spec {
	return programSpec(s, s.a, "api", version, version, events...)
}

func (s *scene) app() *app {
	s.Helper()
	conn, err := s.a.connect(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	at, err := conn.app("api")
	if err != nil {
		s.Fatal(err)
	}
	return at
}

// activate publishes a spec and makes it live, if it can.
func (s *scene) activate(spec providers.Spec) (providers.State, error) {
	s.Helper()
	ctx := until.Hasten(s.Context(), 200)
	r, err := s.a.Publish(ctx, spec, 0)
	if err != nil {
		s.Fatal(err)
	}
	from, err := s.a.Status(ctx, "api")
	if err != nil {
		s.Fatal(err)
	}
	return s.a.Activate(ctx, providers.Change{Spec: spec, From: from, To: &r})
}

func (s *scene) settings() map[string]string {
	s.Helper()
	at := s.app()
	has, err := at.appSettings(s.Context(), at.name)
	if err != nil {
		s.Fatal(err)
	}
	return has
}

// called counts the calls of an operation.
func (s *scene) called(operation string) int {
	return len(slices.DeleteFunc(s.cloud.Calls(), func(c standin.Call) bool { return c.Operation != operation }))
}

func (s *scene) says(version string) {
	s.Helper()
	if said := ask(s, s.cloud, s.app()); said.Code != version {
		s.Errorf("want %q, got %q", version, said.Code)
	}
}

func schedule() manifest.Event {
	return manifest.Event{Schedule: &manifest.ScheduleEvent{Cron: "0 3 * * *", Timezone: "UTC"}}
}

func TestTrap1And2And51021OnlyWhatThePlanTakesIsSent(t *testing.T) {
	s := newScene(t) // whose Azure refuses all else, also when it is null
	goLive(t, s.a, s.spec("one"))
	bigger := s.spec("one")
	bigger.Function.Memory = 2048 * manifest.MB
	goLive(t, s.a, providertest.Digested(bigger))
	s.says("one")
}

func TestTrap3And5AFailedDeploymentIsAnErrorWithItsLog(t *testing.T) {
	s := newScene(t)
	goLive(t, s.a, s.spec("one"))
	at := s.app()
	has := s.settings()
	has["WEBSITE_RUN_FROM_PACKAGE"] = "1" // trap 20: deployments fail with it
	if err := at.putSettings(t.Context(), has); err != nil {
		t.Fatal(err)
	}
	_, err := s.activate(s.spec("two"))
	var e *providers.Error
	if !errors.As(err, &e) || !strings.Contains(e.Error(), "WEBSITE_RUN_FROM_PACKAGE") || e.Log == "" {
		t.Errorf("got %v", err)
	}
	s.says("one")
}

func TestTrap4And21UnsyncedTriggersAreSyncedUntilTheyAreThoseOfTheRevision(t *testing.T) {
	s := newScene(t)
	s.cloud.SyncLag(3)
	goLive(t, s.a, s.spec("one", schedule()))
	if n := s.called("WebApps_SyncFunctions"); n < 4 {
		t.Errorf("triggers were synced %d times", n)
	}
	if all := s.cloud.Triggers(s.app().name); !slices.ContainsFunc(all, func(one string) bool { return strings.HasPrefix(one, "schedule0 ") }) {
		t.Errorf("Azure knows the triggers %v", all)
	}
}

func TestTrap6And404NoSuccessIsTakenFromADeploymentThatIsForgotten(t *testing.T) {
	s := newScene(t)
	goLive(t, s.a, s.spec("one"))
	s.cloud.Intercept(func(c standin.Call) standin.Fault {
		switch c.Operation {
		case "Publish", "Deployments_Get", "Deployments_List":
			return standin.Fail(http.StatusNotFound, "NotFound", "no such deployment")
		}
		return standin.Fault{}
	})
	st, err := s.activate(s.spec("two"))
	if err == nil {
		t.Errorf("it was taken for done: %+v", st)
	}
	s.cloud.Intercept(nil)
	s.says("one")
}

func TestTrap6ADeploymentWhoseHostWasMadeAnewIsDoneWhenItsPackageIsThere(t *testing.T) {
	s := newScene(t)
	goLive(t, s.a, s.spec("one"))
	s.cloud.Intercept(func(c standin.Call) standin.Fault {
		if c.Operation == "Deployments_Get" || c.Operation == "Deployments_List" {
			return standin.Fail(http.StatusNotFound, "NotFound", "no such deployment")
		}
		return standin.Fault{}
	})
	if _, err := s.activate(s.spec("two")); err != nil {
		t.Error(err)
	}
	s.cloud.Intercept(nil)
	s.says("two")
}

func TestTrap7And503AHostOfDeploymentsThatIsGoneIsAskedSomeTimesAndThenNamed(t *testing.T) {
	s := newScene(t)
	goLive(t, s.a, s.spec("one"))
	var tries atomic.Int64
	s.cloud.Intercept(func(c standin.Call) standin.Fault {
		if c.Operation == "Publish" {
			tries.Add(1)
			return standin.Fail(http.StatusServiceUnavailable, "ServiceUnavailable", "The service is unavailable.")
		}
		return standin.Fault{}
	})
	_, err := s.activate(s.spec("two"))
	if !errors.Is(err, providers.Unavailable) || !strings.Contains(hint(err), "deploy it again") {
		t.Errorf("%v, %q", err, hint(err))
	}
	if n := tries.Load(); n < 3 || n > 20 {
		t.Errorf("it was asked %d times", n)
	}
	s.cloud.Intercept(nil)
	s.says("one")
}

func TestTrap8RoleLagRolesThatAreNotKnownYetAreWaitedFor(t *testing.T) {
	s := newScene(t)
	s.cloud.RoleLag(4)
	goLive(t, s.a, s.spec("one"))
	s.says("one")
}

func TestTrap9ContainersAreMadeThroughResourceManagerAndKeysAreOff(t *testing.T) {
	s := newScene(t)
	goLive(t, s.a, s.spec("one"))
	if s.called("BlobContainers_Create") < 1 || s.called("Container_Create") > 0 {
		t.Error("a container was made by its own address")
	}
	at := s.app()
	is, err := at.storage.GetProperties(t.Context(), at.target.ResourceGroup, at.storageName(), nil)
	if err != nil || value(is.Properties.AllowSharedKeyAccess) || value(is.Properties.AllowBlobPublicAccess) {
		t.Errorf("%+v, %v", is.Properties, err)
	}
}

func TestTrap10AzureWebJobsStorageThatAzureInjectsIsTakenAway(t *testing.T) {
	s := newScene(t)
	s.cloud.InjectStorage()
	goLive(t, s.a, s.spec("one"))
	has := s.settings()
	if value, there := has["AzureWebJobsStorage"]; there {
		t.Errorf("the new app has the connection string %q, which its host prefers to its identity", value)
	}
	for _, name := range injected() {
		has[name] = "DefaultEndpointsProtocol=https;AccountName=x;AccountKey=y"
	}
	at := s.app()
	if err := at.putSettings(t.Context(), has); err != nil {
		t.Fatal(err)
	}
	bigger := s.spec("two")
	bigger.Function.Memory = 2048 * manifest.MB
	goLive(t, s.a, providertest.Digested(bigger))
	for _, name := range injected() {
		if _, there := s.settings()[name]; there {
			t.Errorf("%s is there", name)
		}
	}
}

func TestTrap13And14SettingsAndTagsAreNotReplacedWholesale(t *testing.T) {
	s := newScene(t)
	goLive(t, s.a, s.spec("one"))
	at := s.app()
	is, err := at.site(t.Context(), at.name)
	if err != nil {
		t.Fatal(err)
	}
	has := s.settings()
	has["THEIRS"] = "stays"
	if err := at.putSettings(t.Context(), has); err != nil {
		t.Fatal(err)
	}
	tags := maps.Clone(is.Tags)
	tags["cost-center"] = "42"
	if err := at.call(t.Context(), http.MethodPatch, at.siteID(at.name), webVersion, map[string]any{"tags": tags}, nil); err != nil {
		t.Fatal(err)
	}
	bigger := s.spec("two")
	bigger.Function.Memory = 2048 * manifest.MB
	goLive(t, s.a, providertest.Digested(bigger))
	now, err := at.site(t.Context(), at.name)
	if err != nil || now.Tags["cost-center"] != "42" || s.settings()["THEIRS"] != "stays" {
		t.Errorf("%v %v %v", now.Tags, s.settings(), err)
	}
}

func TestTrap19HostsAreThoseThatAzureSays(t *testing.T) {
	s := site{}
	s.Properties.HostNames = []sslState{{"api-a1b2.westeurope-01.azurewebsites.net", "Standard"}, {"api-a1b2.scm.westeurope-01.azurewebsites.net", "Repository"}}
	if got := s.scmHost(); got != "api-a1b2.scm.westeurope-01.azurewebsites.net" {
		t.Errorf("got %q", got)
	}
}

func TestTrap23And24WhatThePlanHasNotIsSaid(t *testing.T) {
	a := nowhere(t)
	if able := a.Capabilities(); able.Splits || able.Probes {
		t.Errorf("%+v", able)
	}
	if _, splits := providers.Adapter(a).(providers.Splitter); splits {
		t.Error("it is a splitter")
	}
}

func TestTrap25KeysGoInHeadersOnly(t *testing.T) {
	s := newScene(t)
	spec := s.spec("one")
	spec.Function.Events = []manifest.Event{{HTTP: &manifest.HTTPEvent{Auth: "private"}}}
	st := goLive(t, s.a, providertest.Digested(spec))
	if status, _ := requested(t, s.cloud, st.URL+"/", nil); status != http.StatusUnauthorized {
		t.Errorf("a stranger gets %d", status)
	}
	conn, err := s.a.connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	at := s.app()
	keys, err := conn.hostKeys(t.Context(), at.name)
	if err != nil {
		t.Fatal(err)
	}
	req, err := at.request(t.Context(), "host", providers.Request{Method: "GET", Path: "/a?b=c"}, keys)
	if err != nil || strings.Contains(req.URL.String(), keys.FunctionKeys["default"]) || req.Header.Get(keyHeader) != keys.FunctionKeys["default"] {
		t.Errorf("%v, %v", req, err)
	}
}

func TestTrap29OfTwoWritersOneHasTheLease(t *testing.T) {
	s := newScene(t)
	goLive(t, s.a, s.spec("one"))
	at := s.app()
	is, tag, err := at.claim(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	h, _, err := at.take(t.Context(), is, tag, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.activate(s.spec("two")); !errors.Is(err, providers.Conflict) {
		t.Errorf("while another holds it: %v", err)
	}
	h.release(t.Context())
	if _, err := s.activate(s.spec("two")); err != nil {
		t.Error(err)
	}
	s.says("two")
}

func TestTrapOfAStopThatDoesNotStopDisablesTheTriggersToo(t *testing.T) {
	s := newScene(t)
	spec := s.spec("one", schedule())
	st := goLive(t, s.a, spec)
	if _, err := s.a.Activate(t.Context(), providers.Change{Spec: spec, From: st}); err != nil {
		t.Fatal(err)
	}
	if all := s.cloud.Triggers(s.app().name); slices.ContainsFunc(all, func(one string) bool { return strings.HasPrefix(one, "schedule0 ") }) {
		t.Errorf("what was taken down is called by %v", all)
	}
	if err := s.cloud.Fire(t.Context(), s.app().name, "schedule0"); err == nil {
		t.Error("the timer of what was taken down fires")
	}
	again := goLive(t, s.a, spec)
	if again.Bindings != providers.BindEnabled {
		t.Errorf("%+v", again)
	}
	if err := s.cloud.Fire(t.Context(), s.app().name, "schedule0"); err != nil {
		t.Error(err)
	}
}

func TestTrapOfARestartBetweenSettingsAndCodeItIsSaidBefore(t *testing.T) {
	a := nowhere(t)
	one := programSpec(t, a, "api", "one", "a")
	code := programSpec(t, a, "api", "two", "b")
	if a.Apart(one, code) {
		t.Error("code and environment go live together, and it is said that they do not")
	}
	secret, bigger := one, one
	secret.Secrets = map[string]string{"KEY": "https://v.vault.azure.net/secrets/k/1"}
	bigger.Function.Memory = 2048 * manifest.MB
	for what, to := range map[string]providers.Spec{"a secret": secret, "memory": bigger} {
		if !a.Apart(one, to) {
			t.Errorf("%s goes live apart from the code, and it is not said", what)
		}
	}
}

func TestTrapOfReferencesThatStayLiteralTheyAreNoSuccess(t *testing.T) {
	s := newScene(t)
	makeVault(t, s.cloud)
	if err := s.a.SetSecret(t.Context(), "key", []byte("value")); err != nil {
		t.Fatal(err)
	}
	spec := s.spec("one")
	spec.Function.Secrets = map[string]string{"KEY": "key"}
	pinned, err := s.a.Pin(t.Context(), spec.Function)
	if err != nil {
		t.Fatal(err)
	}
	spec.Secrets = pinned
	spec = providertest.Digested(spec)
	ctx := until.Hasten(t.Context(), 200)
	r, err := s.a.Publish(ctx, spec, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.a.RemoveSecret(t.Context(), "key"); err != nil {
		t.Fatal(err)
	}
	_, err = s.a.Activate(ctx, providers.Change{Spec: spec, To: &r})
	if !errors.Is(err, providers.Unhealthy) || !strings.Contains(err.Error(), "KEY") {
		t.Errorf("the app has the text of the reference, and activate says %v", err)
	}
	if strings.Contains(err.Error(), "value") {
		t.Error("the value is in the error")
	}
}

package gcptest_test

import (
	"net/http"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"google.golang.org/api/run/v2"

	"github.com/ferryfn/ferry/internal/gcptest"
	"github.com/ferryfn/ferry/internal/standin"
)

// answering is a project in which services answer with the variable SAYS, without containers.
func answering(t *testing.T) (*cloud, string) {
	t.Helper()
	c := runIn(t)
	c.Answer(func(variables map[string]string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(variables["SAYS"])) })
	})
	return c, c.image("app", v1.Config{}, map[string]string{"a": "b"})
}

func TestAServiceThatCloudRunDoesNotTakeIsRefused(t *testing.T) {
	c, image := answering(t)
	for name, x := range map[string]struct {
		id     string
		change func(*run.GoogleCloudRunV2Service)
		want   string
	}{
		"a long name":                {strings.Repeat("a", 50), nil, "must be less than 50 characters"},
		"an upper case name":         {"Shop", nil, "only lowercase, digits, and hyphens"},
		"no container":               {"shop", func(s *run.GoogleCloudRunV2Service) { s.Template.Containers = nil }, "must not be empty"},
		"a revision of another name": {"shop", func(s *run.GoogleCloudRunV2Service) { s.Template.Revision = "other-1" }, "must begin with the service's name and a hyphen"},
		"traffic of 70 %": {"shop", func(s *run.GoogleCloudRunV2Service) {
			s.Traffic = []*run.GoogleCloudRunV2TrafficTarget{to("shop-1", 70, "")}
		}, "Traffic targets sum to 70, want 100"},
		"an annotation of Knative's":   {"shop", func(s *run.GoogleCloudRunV2Service) { s.Annotations = map[string]string{"serving.knative.dev/x": "y"} }, "are not supported"},
		"a label with a colon":         {"shop", func(s *run.GoogleCloudRunV2Service) { s.Labels = map[string]string{"a": "b:c"} }, "Label values may only contain"},
		"a label with a capital":       {"shop", func(s *run.GoogleCloudRunV2Service) { s.Labels = map[string]string{"A": "b"} }, "Label keys must start"},
		"a reserved variable":          {"shop", env("PORT", "1"), "The following reserved env names were provided: PORT"},
		"too much time":                {"shop", func(s *run.GoogleCloudRunV2Service) { s.Template.Timeout = "3601s" }, "must be between 1 second and 3600 seconds"},
		"concurrency with little CPU":  {"shop", limits("0.5", "256Mi", 5), "Total cpu < 1 is not supported with concurrency > 1"},
		"too much memory":              {"shop", limits("1", "8Gi", 0), "For 1.0 CPU, memory must be between 128Mi and 4Gi inclusive."},
		"too little memory":            {"shop", limits("4", "1Gi", 0), "For 4.0 CPU, memory must be between 2Gi and 16Gi inclusive."},
		"three CPUs":                   {"shop", limits("3", "1Gi", 0), "Invalid value specified for cpu"},
		"an account that there is not": {"shop", func(s *run.GoogleCloudRunV2Service) { s.Template.ServiceAccount = "x@y" }, "Permission 'iam.serviceaccounts.actAs' denied on service account x@y"},
	} {
		t.Run(name, func(t *testing.T) {
			is := &run.GoogleCloudRunV2Service{Template: says(image, "hi")}
			if x.change != nil {
				x.change(is)
			}
			_, err := c.run.Services.Create(place, is).ServiceId(x.id).Do()
			if err == nil || !strings.Contains(err.Error(), x.want) {
				t.Errorf("got %v, want %s", err, x.want)
			}
		})
	}
}

func env(name, value string) func(*run.GoogleCloudRunV2Service) {
	return func(s *run.GoogleCloudRunV2Service) {
		s.Template.Containers[0].Env = []*run.GoogleCloudRunV2EnvVar{{Name: name, Value: value}}
	}
}

func limits(cpu, memory string, concurrency int64) func(*run.GoogleCloudRunV2Service) {
	return func(s *run.GoogleCloudRunV2Service) {
		s.Template.MaxInstanceRequestConcurrency = concurrency
		s.Template.Containers[0].Resources = &run.GoogleCloudRunV2ResourceRequirements{CpuIdle: true, Limits: map[string]string{"cpu": cpu, "memory": memory}}
	}
}

func TestAServiceReconcilesUntilItsOperationIsDone(t *testing.T) {
	c, image := answering(t)
	c.fine(c.run.Services.Create(place, &run.GoogleCloudRunV2Service{Template: says(image, "one"), InvokerIamDisabled: true}).ServiceId("shop").Do())
	released := make(chan struct{})
	c.HoldOperations(released)
	op, err := c.run.Services.Patch(shop, &run.GoogleCloudRunV2Service{Template: says(image, "two")}).UpdateMask("template.containers").Do()
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		if is := c.get(); !is.Reconciling || is.ObservedGeneration != 1 || is.Generation != 2 || is.LatestReadyRevision == is.LatestCreatedRevision {
			t.Errorf("reads as done: %+v", is)
		}
	}
	if _, text := c.ask(c.get().Uri, ""); text != "one" {
		t.Errorf("serves %q", text)
	}
	listed, err := c.run.Operations.List(place).Filter("done:false").Do()
	if err != nil || len(listed.Operations) != 1 || listed.Operations[0].Name != op.Name {
		t.Errorf("%+v %v", listed, err)
	}
	close(released)
	c.fine(op, nil)
	if is := c.get(); is.Reconciling || is.ObservedGeneration != 2 {
		t.Errorf("%+v", is)
	}
	if _, text := c.ask(c.get().Uri, ""); text != "two" {
		t.Errorf("serves %q", text)
	}
}

func TestAnUpdateWritesTheFieldsOfItsMaskOnly(t *testing.T) {
	c, image := answering(t)
	c.fine(c.run.Services.Create(place, &run.GoogleCloudRunV2Service{
		Template: says(image, "one"), Labels: map[string]string{"a": "1", "b": "2"}, Description: "what it is",
	}).ServiceId("shop").Do())
	before := c.get()
	c.fine(c.run.Services.Patch(shop, &run.GoogleCloudRunV2Service{Labels: map[string]string{"a": "3"}}).UpdateMask("labels.a,description").Do())
	is := c.get()
	if is.Labels["a"] != "3" || is.Labels["b"] != "2" || is.Description != "" || is.LatestCreatedRevision != before.LatestCreatedRevision || is.Etag == before.Etag {
		t.Errorf("%+v", is)
	}
	_, err := c.run.Services.Patch(shop, &run.GoogleCloudRunV2Service{}).UpdateMask("template.nonsense").Do()
	refused(t, err, 400, "Invalid field mask: no field 'template.nonsense'")
	op, err := c.run.Services.Patch(shop, &run.GoogleCloudRunV2Service{Template: says(image, "two")}).UpdateMask("template").ValidateOnly(true).Do()
	if err != nil || !op.Done {
		t.Fatalf("%+v %v", op, err)
	}
	if is := c.get(); is.LatestCreatedRevision != before.LatestCreatedRevision || is.Reconciling {
		t.Errorf("a validation changed %+v", is)
	}
}

func TestTheNameOfARevisionIsGivenOnce(t *testing.T) {
	c, image := answering(t)
	template := says(image, "one")
	template.Revision = "shop-a"
	c.fine(c.run.Services.Create(place, &run.GoogleCloudRunV2Service{Template: template}).ServiceId("shop").Do())
	template = says(image, "two")
	template.Revision = "shop-a"
	_, err := c.run.Services.Patch(shop, &run.GoogleCloudRunV2Service{Template: template}).UpdateMask("template").Do()
	refused(t, err, 409, "Revision named 'shop-a' with different configuration already exists.")
}

func TestTrafficToARevisionThatThereIsNotStaysWhereItIs(t *testing.T) {
	c, image := answering(t)
	c.fine(c.run.Services.Create(place, &run.GoogleCloudRunV2Service{Template: says(image, "one"), InvokerIamDisabled: true}).ServiceId("shop").Do())
	op := c.done(c.run.Services.Patch(shop, &run.GoogleCloudRunV2Service{Traffic: []*run.GoogleCloudRunV2TrafficTarget{to("shop-none", 100, "")}}).UpdateMask("traffic").Do())
	if op.Error == nil || op.Error.Code != 5 {
		t.Errorf("%+v", op)
	}
	if _, text := c.ask(c.get().Uri, ""); text != "one" {
		t.Errorf("serves %q", text)
	}
}

func TestAnImageThatIsGoneKeepsTrafficFromARevisionThatHadNone(t *testing.T) {
	c, image := answering(t)
	other := c.image("other", v1.Config{}, map[string]string{"c": "d"})
	template := says(other, "one")
	template.Revision = "shop-one"
	c.fine(c.run.Services.Create(place, &run.GoogleCloudRunV2Service{Template: template, InvokerIamDisabled: true}).ServiceId("shop").Do())
	c.fine(c.run.Services.Patch(shop, &run.GoogleCloudRunV2Service{Template: says(image, "two")}).UpdateMask("template").Do())
	if _, err := artifacts(t, c.Server).Repositories.Packages.Delete(place + "/repositories/ferry/packages/other").Do(); err != nil {
		t.Fatal(err)
	}
	op := c.done(c.run.Services.Patch(shop, &run.GoogleCloudRunV2Service{Traffic: []*run.GoogleCloudRunV2TrafficTarget{to("shop-one", 100, "")}}).UpdateMask("traffic").Do())
	if op.Error == nil || !strings.Contains(op.Error.Message, "not found") {
		t.Errorf("%+v", op.Error)
	}
	if _, text := c.ask(c.get().Uri, ""); text != "two" {
		t.Errorf("serves %q", text)
	}
}

func TestIngressAndManualScalingKeepRequestsOut(t *testing.T) {
	c, image := answering(t)
	c.fine(c.run.Services.Create(place, &run.GoogleCloudRunV2Service{Template: says(image, "one"), InvokerIamDisabled: true}).ServiceId("shop").Do())
	for _, x := range []struct {
		ingress string
		want    int
	}{{"INGRESS_TRAFFIC_INTERNAL_ONLY", 404}, {"INGRESS_TRAFFIC_NONE", 404}, {"INGRESS_TRAFFIC_ALL", 200}} {
		c.fine(c.run.Services.Patch(shop, &run.GoogleCloudRunV2Service{Ingress: x.ingress}).UpdateMask("ingress").Do())
		if status, _ := c.ask(c.get().Uri, ""); status != x.want {
			t.Errorf("%s: %d", x.ingress, status)
		}
	}
	none := &run.GoogleCloudRunV2ServiceScaling{ScalingMode: "MANUAL", ForceSendFields: []string{"ManualInstanceCount"}}
	c.fine(c.run.Services.Patch(shop, &run.GoogleCloudRunV2Service{Scaling: none}).UpdateMask("scaling").Do())
	if status, _ := c.ask(c.get().Uri, ""); status != 503 {
		t.Errorf("without instances: %d", status)
	}
}

func TestANewPolicyCountsAfterSomeRequests(t *testing.T) {
	c, image := answering(t)
	c.PolicyRequests(2)
	c.fine(c.run.Services.Create(place, &run.GoogleCloudRunV2Service{Template: says(image, "one")}).ServiceId("shop").Do())
	open := &run.GoogleIamV1Policy{Bindings: []*run.GoogleIamV1Binding{{Role: "roles/run.invoker", Members: []string{"allUsers"}}}}
	if _, err := c.run.Services.SetIamPolicy(shop, &run.GoogleIamV1SetIamPolicyRequest{Policy: open}).Do(); err != nil {
		t.Fatal(err)
	}
	for n, want := range []int{403, 403, 200} {
		if status, _ := c.ask(c.get().Uri, ""); status != want {
			t.Errorf("request %d: %d", n, status)
		}
	}
	open.Etag = "c3RhbGU="
	_, err := c.run.Services.SetIamPolicy(shop, &run.GoogleIamV1SetIamPolicyRequest{Policy: open}).Do()
	refused(t, err, 409, "There were concurrent policy changes.")
}

func TestAnOperationEndsWithTheErrorThatATestWants(t *testing.T) {
	c, image := answering(t)
	c.FailOperations(func(w gcptest.Work) (int, string) {
		if w.Verb == "create" && w.Target == shop {
			return 13, "An internal error has occurred."
		}
		return 0, ""
	})
	op := c.done(c.run.Services.Create(place, &run.GoogleCloudRunV2Service{Template: says(image, "one")}).ServiceId("shop").Do())
	if op.Error == nil || op.Error.Code != 13 {
		t.Errorf("%+v", op)
	}
	if is := c.get(); is.Reconciling || is.TerminalCondition.State != "CONDITION_FAILED" {
		t.Errorf("%+v", is)
	}
}

func TestASnapshotHoldsServicesAndRevisions(t *testing.T) {
	c, image := answering(t)
	empty := c.Snapshot()
	c.fine(c.run.Services.Create(place, &run.GoogleCloudRunV2Service{Template: says(image, "one")}).ServiceId("shop").Do())
	if text := c.Snapshot(); !strings.Contains(text, "service "+shop) || !strings.Contains(text, "revision "+shop+"/shop-00001 ") || strings.Contains(text, "127.0.0.1") {
		t.Error(text)
	}
	c.fine(c.run.Services.Delete(shop).Do())
	if text := c.Snapshot(); text != empty {
		t.Error(text)
	}
}

func TestAnOrganisationMayForbidToLetEverybodyIn(t *testing.T) {
	c, image := answering(t)
	c.RestrictDomains()
	c.fine(c.run.Services.Create(place, &run.GoogleCloudRunV2Service{Template: says(image, "one")}).ServiceId("shop").Do())
	open := &run.GoogleIamV1Policy{Bindings: []*run.GoogleIamV1Binding{{Role: "roles/run.invoker", Members: []string{"allUsers"}}}}
	_, err := c.run.Services.SetIamPolicy(shop, &run.GoogleIamV1SetIamPolicyRequest{Policy: open}).Do()
	refused(t, err, 400, "do not belong to a permitted customer")
}

func TestACallSaysWhichPermissionItNeeds(t *testing.T) {
	s := gcptest.New(t)
	for _, x := range []struct {
		call standin.Call
		want string
	}{
		{standin.Call{Service: "run", Operation: "projects.locations.services.patch"}, "run.services.update"},
		{standin.Call{Service: "cloudfunctions", Operation: "projects.locations.functions.generateUploadUrl"}, "cloudfunctions.functions.sourceCodeSet"},
		{standin.Call{Service: "artifactregistry", Operation: "projects.locations.repositories.get"}, "artifactregistry.repositories.get"},
		{standin.Call{Service: "docker", Operation: "putManifest", Write: true}, "artifactregistry.repositories.uploadArtifacts"},
	} {
		if got := s.Permission(x.call); got != x.want {
			t.Errorf("%s: %s", x.call.Operation, got)
		}
	}
}

func TestAllWhoAreKnownAreNotEverybody(t *testing.T) {
	c, image := answering(t)
	c.fine(c.run.Services.Create(place, &run.GoogleCloudRunV2Service{Template: says(image, "one")}).ServiceId("shop").Do())
	known := &run.GoogleIamV1Policy{Bindings: []*run.GoogleIamV1Binding{{Role: "roles/run.invoker", Members: []string{"allAuthenticatedUsers"}}}}
	if _, err := c.run.Services.SetIamPolicy(shop, &run.GoogleIamV1SetIamPolicyRequest{Policy: known}).Do(); err != nil {
		t.Fatal(err)
	}
	uri := c.get().Uri
	if status, _ := c.ask(uri, ""); status != 403 {
		t.Errorf("nobody: %d", status)
	}
	if status, _ := c.ask(uri, c.IDToken("somebody@example.com", uri)); status != 200 {
		t.Errorf("somebody: %d", status)
	}
}

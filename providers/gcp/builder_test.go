package gcp

import (
	"errors"
	"testing"

	"google.golang.org/api/cloudresourcemanager/v3"

	"github.com/ferryfn/ferry/internal/gcptest"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
)

func TestABuildIsNotBegunByAnAccountWithoutTheRolesForIt(t *testing.T) {
	p := newProject(t)
	a := p.adapter(t)
	c, err := a.connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	fn := functionOf(manifest.Function{Name: "api"})
	if err := c.checkBuilder(t.Context(), fn); err != nil {
		t.Errorf("an editor: %v", err)
	}
	if _, err := c.makeAccount(t.Context(), "api"); err != nil {
		t.Fatal(err)
	}
	builder := c.ownAccount("api")
	fn.own.BuildServiceAccount = builder
	err = c.checkBuilder(t.Context(), fn)
	var e *providers.Error
	if !errors.As(err, &e) || e.Kind != providers.Denied ||
		e.Hint != "run `gcloud projects add-iam-policy-binding "+gcptest.Project+" --member=serviceAccount:"+builder+" --role=roles/cloudbuild.builds.builder`" {
		t.Errorf("an account without roles: %v", err)
	}
	policy, err := c.projects.Projects.GetIamPolicy("projects/"+gcptest.Project, &cloudresourcemanager.GetIamPolicyRequest{}).Do()
	if err != nil {
		t.Fatal(err)
	}
	for _, role := range buildParts() {
		policy.Bindings = append(policy.Bindings, &cloudresourcemanager.Binding{Role: role, Members: []string{"serviceAccount:" + builder}})
	}
	if _, err := c.projects.Projects.SetIamPolicy("projects/"+gcptest.Project, &cloudresourcemanager.SetIamPolicyRequest{Policy: policy}).Do(); err != nil {
		t.Fatal(err)
	}
	if err := c.checkBuilder(t.Context(), fn); err != nil {
		t.Errorf("an account with the roles one by one: %v", err)
	}
	fn.own.BuildServiceAccount = "none@" + gcptest.Project + ".iam.gserviceaccount.com"
	if err := c.checkBuilder(t.Context(), fn); !errors.Is(err, providers.Denied) {
		t.Errorf("an account that is not there: %v", err)
	}
}

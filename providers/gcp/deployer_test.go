package gcp

import (
	"errors"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"google.golang.org/api/cloudresourcemanager/v3"
	"google.golang.org/api/iam/v1"

	"github.com/ferryfn/ferry/internal/gcptest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/until"
)

// deployerRoles are what the account needs that deploys, as docs/gcp.md lists them.
func deployerRoles() []string {
	return []string{
		"roles/artifactregistry.admin", "roles/cloudscheduler.admin", "roles/iam.serviceAccountAdmin", "roles/iam.serviceAccountUser", "roles/logging.viewer",
		"roles/pubsub.admin", "roles/run.admin", "roles/secretmanager.admin", "roles/storage.admin",
	}
}

func TestThePageListsTheRolesOfTheDeployer(t *testing.T) {
	page, err := os.ReadFile("../../docs/gcp.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "## What a deployer may do")
	table, _, _ = strings.Cut(table, "\n## ")
	for _, role := range deployerRoles() {
		if !strings.Contains(table, "`"+role+"`") {
			t.Errorf("docs/gcp.md does not list %s", role)
		}
	}
}

func TestTheRolesOfTheDeployerAreEnoughAndEachIsNeeded(t *testing.T) {
	t.Parallel()
	if err := lifeWith(t, deployerRoles()); err != nil {
		t.Errorf("with all of the roles: %v", err)
	}
	for _, role := range deployerRoles() {
		t.Run("without "+role, func(t *testing.T) {
			t.Parallel()
			fewer := slices.DeleteFunc(deployerRoles(), func(r string) bool { return r == role })
			if err := lifeWith(t, fewer); !errors.Is(err, providers.Denied) {
				t.Errorf("want a permission that is missing, got %v", err)
			}
		})
	}
}

// lifeWith takes a function through its life by an account with these roles in the project.
func lifeWith(t *testing.T, roles []string) error {
	t.Helper()
	b := newBench(t)
	b.Answer(imitated)
	account, err := b.iam.Projects.ServiceAccounts.Create("projects/"+gcptest.Project, &iam.CreateServiceAccountRequest{AccountId: "ferry-deployer"}).Do()
	if err != nil {
		t.Fatal(err)
	}
	is, err := b.projects.Projects.GetIamPolicy("projects/"+gcptest.Project, &cloudresourcemanager.GetIamPolicyRequest{}).Do()
	if err != nil {
		t.Fatal(err)
	}
	for _, role := range roles {
		is.Bindings = append(is.Bindings, &cloudresourcemanager.Binding{Role: role, Members: []string{"serviceAccount:" + account.Email}})
	}
	if _, err := b.projects.Projects.SetIamPolicy("projects/"+gcptest.Project, &cloudresourcemanager.SetIamPolicyRequest{Policy: is}).Do(); err != nil {
		t.Fatal(err)
	}
	made, err := New(providers.Config{Service: "shop", Stage: "dev", Target: "gcp", Block: b.block(), Env: func(name string) (string, bool) {
		if name == "GOOGLE_APPLICATION_CREDENTIALS" {
			return b.KeyFile(account.Email), true
		}
		return b.Lookup(name)
	}})
	if err != nil {
		t.Fatal(err)
	}
	b.a = made.(*Adapter)
	b.a.target.Repository = b.Registry() + "/" + gcptest.Project + "/ferry"
	return b.lives(t)
}

// lives does all that a deployer does, as long as it goes well.
func (b bench) lives(t *testing.T) error {
	t.Helper()
	ctx := until.Hasten(t.Context(), haste)
	s := b.listening(t, "worker", everyEvent("private")...)
	var r providers.Revision
	for _, step := range []func() error{
		func() error {
			store, err := b.a.Store(ctx)
			if err == nil {
				_, err = store.Put(ctx, "shop/dev/gcp/live.json", strings.NewReader("{}"), providers.IfAbsent())
			}
			return err
		},
		func() error { return b.a.SetSecret(ctx, "stripe-key", []byte("x")) },
		func() (err error) {
			s.Function.Secrets = map[string]string{"STRIPE_KEY": "stripe-key"}
			s.Secrets, err = b.a.Pin(ctx, s.Function)
			return err
		},
		func() (err error) { r, err = b.a.Publish(ctx, s, 1); return err },
		func() error { return b.a.Bind(ctx, s, providers.BindPaused, 1) },
		func() error { return b.a.Probe(ctx, s, r) },
		func() error {
			_, err := b.a.Activate(ctx, providers.Change{Spec: s, To: &r, Epoch: 1})
			return err
		},
		func() error { return b.a.Bind(ctx, s, providers.BindEnabled, 1) },
		func() error { _, err := b.a.Status(ctx, "worker"); return err },
		func() error {
			_, err := b.a.Invoke(ctx, "worker", providers.Request{Method: http.MethodGet, Path: "/"})
			return err
		},
		func() error {
			return b.a.Tail(ctx, "worker", providers.TailOptions{Lines: 1}, func(providers.LogLine) error { return nil })
		},
		func() error { return b.a.Remove(ctx, "worker", 1) },
		func() error { return b.a.RemoveSecret(ctx, "stripe-key") },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

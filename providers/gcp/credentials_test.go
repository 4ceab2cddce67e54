package gcp

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/ferryfn/ferry/internal/gcptest"
	"github.com/ferryfn/ferry/internal/standin"
	"github.com/ferryfn/ferry/providers"
)

// with is an adapter in an environment of which some variables are others.
func (p project) with(t testing.TB, env map[string]string, more ...map[string]any) *Adapter {
	t.Helper()
	a, err := New(providers.Config{Service: "shop", Stage: "dev", Target: "gcp", Block: p.block(more...), Env: func(name string) (string, bool) {
		if value, ok := env[name]; ok {
			return value, value != ""
		}
		return p.Lookup(name)
	}})
	if err != nil {
		t.Fatal(err)
	}
	return a.(*Adapter)
}

// callers are who called a service.
func (p project) callers(service string) []string {
	var all []string
	for _, c := range p.Calls() {
		if c.Service == service {
			all = append(all, c.Caller)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func TestFerryActsAsTheAccountThatTheTargetImpersonates(t *testing.T) {
	p := newProject(t)
	for name, a := range map[string]*Adapter{
		"the target":      p.adapter(t, map[string]any{"impersonate": gcptest.Compute}),
		"the environment": p.with(t, map[string]string{"CLOUDSDK_AUTH_IMPERSONATE_SERVICE_ACCOUNT": gcptest.Compute}),
	} {
		p.Reset()
		_, _ = a.Status(t.Context(), "api") // which the account may or may not do
		if got := p.callers("iamcredentials"); !slices.Equal(got, []string{gcptest.Deployer}) {
			t.Errorf("by %s: a token was asked for by %v", name, got)
		}
		if got := p.callers("cloudresourcemanager"); !slices.Equal(got, []string{gcptest.Compute}) {
			t.Errorf("by %s: the project was looked up by %v", name, got)
		}
	}
}

func TestWhoMayNotImpersonateIsToldWhatIsMissing(t *testing.T) {
	p := newProject(t)
	p.Intercept(func(c standin.Call) standin.Fault {
		if c.Service == "iamcredentials" {
			return standin.Deny()
		}
		return standin.Fault{}
	})
	_, err := p.adapter(t, map[string]any{"impersonate": gcptest.Compute}).Status(t.Context(), "api")
	var e *providers.Error
	if !errors.As(err, &e) || e.Kind != providers.Denied || !strings.Contains(e.Hint, "roles/iam.serviceAccountTokenCreator") {
		t.Errorf("it fails with %v and the hint %q", err, e.Hint)
	}
}

func TestAPersonsCredentialsGetNoTokenForAFunctionAndAreToldWhatHelps(t *testing.T) {
	p := newProject(t)
	a := p.with(t, map[string]string{"GOOGLE_APPLICATION_CREDENTIALS": p.UserFile("me@example.com")})
	c, err := a.clients(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.idToken(t.Context(), "https://shop.example.com")
	var e *providers.Error
	if !errors.As(err, &e) || e.Kind != providers.Unsupported || !strings.Contains(e.Hint, "impersonate") || !strings.Contains(e.Hint, "gcloud iam service-accounts add-iam-policy-binding") {
		t.Errorf("it fails with %v", err)
	}
	a.target.Impersonate = gcptest.Compute
	a.env = p.Lookup
	if c, err = a.clients(t.Context()); err != nil {
		t.Fatal(err)
	}
	if token, err := c.idToken(t.Context(), "https://shop.example.com"); err != nil || token == "" {
		t.Errorf("an account that is impersonated gets %q, %v", token, err)
	}
}

func TestAFileThatHoldsNoCredentialsIsNamed(t *testing.T) {
	p := newProject(t)
	_, err := p.with(t, map[string]string{"GOOGLE_APPLICATION_CREDENTIALS": "/nowhere/key.json"}).Status(t.Context(), "api")
	var e *providers.Error
	if !errors.As(err, &e) || e.Kind != providers.Unauthenticated || !strings.Contains(err.Error(), "/nowhere/key.json") || e.Hint == "" {
		t.Errorf("it fails with %v", err)
	}
}

func TestATokenIsSentUnencryptedToThisMachineAlone(t *testing.T) {
	p := newProject(t)
	_, err := p.with(t, map[string]string{"CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDRESOURCEMANAGER": "http://192.0.2.1/"}).Status(t.Context(), "api")
	if !errors.Is(err, providers.Invalid) || !strings.Contains(err.Error(), "unencrypted") {
		t.Errorf("it fails with %v", err)
	}
}

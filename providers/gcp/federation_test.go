package gcp

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	iam "google.golang.org/api/iam/v1"

	"github.com/ferryfn/ferry/internal/gcptest"
	"github.com/ferryfn/ferry/providers"
)

// credentialFile writes credentials as Google's tools do.
func credentialFile(t *testing.T, content map[string]any) string {
	t.Helper()
	data, err := json.Marshal(content)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "credentials.json")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const pool = "//iam.googleapis.com/projects/" + gcptest.Number + "/locations/global/workloadIdentityPools/ci/providers/github"

// federated is a file of workload identity federation as google-github-actions/auth writes it: the token of another issuer lies in
// a file, or is got from a URL.
func (p project) federated(source, more map[string]any) map[string]any {
	all := map[string]any{
		"type": "external_account", "universe_domain": "googleapis.com", "audience": pool, "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
		"token_url": p.URL + "/v1/token", "credential_source": source,
	}
	maps.Copy(all, more)
	return all
}

// let gives somebody a role on a service account.
func (p project) let(t *testing.T, account, role, member string) {
	t.Helper()
	c, err := p.adapter(t).connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.iam.Projects.ServiceAccounts.SetIamPolicy("projects/-/serviceAccounts/"+account, &iam.SetIamPolicyRequest{
		Policy: &iam.Policy{Bindings: []*iam.Binding{{Role: role, Members: []string{member}}}},
	}).Do()
	if err != nil {
		t.Fatal(err)
	}
}

func TestFerryTakesEveryKindOfCredentialsThatGooglesToolsTake(t *testing.T) {
	p := newProject(t)
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("a.b.c"), 0o600); err != nil {
		t.Fatal(err)
	}
	issuer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer of-the-job" {
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		_, _ = w.Write([]byte(`{"value": "a.b.c"}`))
	}))
	t.Cleanup(issuer.Close)
	principal := "principal:" + pool
	p.let(t, gcptest.Compute, "roles/iam.workloadIdentityUser", principal)
	compute := p.Endpoint("iamcredentials") + "v1/projects/-/serviceAccounts/" + gcptest.Compute + ":generateAccessToken"
	for name, c := range map[string]struct {
		file   map[string]any
		caller string
	}{
		"federation with a file": {p.federated(map[string]any{"file": token}, nil), principal},
		"federation with a URL": {p.federated(map[string]any{
			"url": issuer.URL, "headers": map[string]string{"Authorization": "Bearer of-the-job"},
			"format": map[string]string{"type": "json", "subject_token_field_name": "value"},
		}, nil), principal},
		"federation that impersonates": {p.federated(map[string]any{"file": token}, map[string]any{"service_account_impersonation_url": compute}), gcptest.Compute},
		"impersonation of gcloud": {map[string]any{
			"type": "impersonated_service_account", "service_account_impersonation_url": compute, "delegates": []string{},
			"source_credentials": map[string]any{
				"type": "authorized_user", "client_id": "1", "client_secret": "2", "refresh_token": "1//" + gcptest.Deployer,
			},
		}, gcptest.Compute},
	} {
		p.Reset()
		a := p.with(t, map[string]string{"GOOGLE_APPLICATION_CREDENTIALS": credentialFile(t, c.file)})
		if _, err := a.Status(t.Context(), "api"); err != nil && !errors.Is(err, providers.Denied) {
			t.Errorf("%s: %v", name, err)
		}
		if got := p.callers("cloudresourcemanager"); !slices.Equal(got, []string{c.caller}) {
			t.Errorf("%s: the project was looked up by %v, want %s", name, got, c.caller)
		}
	}
}

func TestOnAMachineOfGoogleFerryActsAsTheMachine(t *testing.T) {
	p := newProject(t)
	t.Setenv("HOME", t.TempDir()) // no gcloud was here
	t.Setenv("GCE_METADATA_HOST", p.MetadataServer(gcptest.Compute))
	a := p.with(t, map[string]string{"GOOGLE_APPLICATION_CREDENTIALS": ""})
	_, _ = a.Status(t.Context(), "api") // which the account may or may not do
	if got := p.callers("cloudresourcemanager"); !slices.Equal(got, []string{gcptest.Compute}) {
		t.Errorf("the project was looked up by %v", got)
	}
	c, err := a.clients(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if token, err := c.idToken(t.Context(), "https://shop.example.com"); err != nil || token == "" {
		t.Errorf("the machine gets the ID token %q: %v", token, err)
	}
}

func TestCallsAreCountedToTheQuotaProject(t *testing.T) {
	p := newProject(t)
	var mu sync.Mutex
	counted := map[string]bool{}
	to, err := url.Parse(p.Endpoint("run"))
	if err != nil {
		t.Fatal(err)
	}
	watch := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to)
		mu.Lock()
		defer mu.Unlock()
		counted[r.In.Header.Get("X-Goog-User-Project")] = true
	}})
	t.Cleanup(watch.Close)
	user := map[string]any{"type": "authorized_user", "client_id": "1", "client_secret": "2", "refresh_token": "1//" + gcptest.Deployer, "quota_project_id": "of-the-file"}
	env := map[string]string{"CLOUDSDK_API_ENDPOINT_OVERRIDES_RUN": watch.URL + "/", "GOOGLE_APPLICATION_CREDENTIALS": credentialFile(t, user)}
	for want, a := range map[string]*Adapter{
		"of-the-file":        p.with(t, env),
		"of-the-target":      p.with(t, env, map[string]any{"quota_project": "of-the-target"}),
		"of-the-environment": p.with(t, merged(env, "GOOGLE_CLOUD_QUOTA_PROJECT", "of-the-environment")),
	} {
		clear(counted)
		if _, err := a.Status(t.Context(), "api"); err != nil && !errors.Is(err, providers.Denied) {
			t.Errorf("%s: %v", want, err)
		}
		if !counted[want] || len(counted) != 1 {
			t.Errorf("calls are counted to %v, want %s", counted, want)
		}
	}
}

func merged(env map[string]string, name, value string) map[string]string {
	all := maps.Clone(env)
	all[name] = value
	return all
}

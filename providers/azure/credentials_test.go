package azure

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ferryfn/ferry/internal/azuretest"
	"github.com/ferryfn/ferry/providers"
)

// with is an environment with some variables changed; "" takes one away.
func with(env environment, changed map[string]string) environment {
	return func(name string) (string, bool) {
		if value, ok := changed[name]; ok {
			return value, value != ""
		}
		return env(name)
	}
}

// signsIn asks for something that only who is known may see.
func signsIn(t *testing.T, env environment) error {
	t.Helper()
	a := newAdapter(t, env, "shop", "dev", block)
	s, err := a.Store(t.Context())
	if err == nil {
		_, err = s.List(t.Context(), "")
	}
	return err
}

func TestTrap17TheTokenOfAGitHubJobIsAskedForAnewEachTime(t *testing.T) {
	const issuer, subject = "https://token.actions.githubusercontent.com", "repo:acme/shop:ref:refs/heads/main"
	c := azuretest.Start(t)
	c.Federate(issuer, subject)
	var asked atomic.Int64
	github := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if r.URL.Query().Get("audience") != "api://AzureADTokenExchange" || r.Header.Get("Authorization") != "Bearer runner" {
			http.Error(w, "no", http.StatusForbidden)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]string{"value": azuretest.Assertion(issuer, subject, time.Minute)})
	}))
	t.Cleanup(github.Close)
	env := with(c.Env, map[string]string{
		"AZURE_CLIENT_SECRET": "", "GITHUB_ACTIONS": "true",
		"ACTIONS_ID_TOKEN_REQUEST_URL": github.URL + "?x=1", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "runner",
	})
	if err := signsIn(t, env); err != nil {
		t.Fatal(err)
	}
	if asked.Load() == 0 {
		t.Fatal("GitHub was not asked")
	}
	first := asked.Load()
	a := newAdapter(t, env, "shop", "dev", block)
	conn, err := a.connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, scope := range []string{"https://management.azure.com/.default", "https://storage.azure.com/.default"} {
		if _, err := conn.credential.GetToken(t.Context(), tokenFor(scope)); err != nil {
			t.Error(err)
		}
	}
	if asked.Load() < first+2 {
		t.Errorf("two tokens were got, and GitHub was asked %d times", asked.Load()-first)
	}
	refused := with(env, map[string]string{"ACTIONS_ID_TOKEN_REQUEST_TOKEN": "another"})
	if err := signsIn(t, refused); !errors.Is(err, providers.Unauthenticated) || !strings.Contains(hint(err), "id-token: write") {
		t.Errorf("without the permission: %v, %q", err, hint(err))
	}
}

func TestATokenOfAFileSignsIn(t *testing.T) {
	const issuer, subject = "https://oidc.example.com", "system:serviceaccount:ci:ferry"
	c := azuretest.Start(t)
	c.Federate(issuer, subject)
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(azuretest.Assertion(issuer, subject, time.Minute)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := signsIn(t, with(c.Env, map[string]string{"AZURE_CLIENT_SECRET": "", "AZURE_FEDERATED_TOKEN_FILE": file})); err != nil {
		t.Error(err)
	}
}

func TestWhoIsNotKnownLearnsHowToSignIn(t *testing.T) {
	c := azuretest.Start(t)
	for name, wrong := range map[string]struct {
		env  map[string]string
		hint string
	}{
		"a wrong secret": {map[string]string{"AZURE_CLIENT_SECRET": "wrong"}, "az ad app credential reset"},
		"nobody":         {map[string]string{"AZURE_CLIENT_ID": "00000000-0000-4000-8000-00000000dead"}, "AZURE_CLIENT_ID"},
	} {
		err := signsIn(t, with(c.Env, wrong.env))
		if !errors.Is(err, providers.Unauthenticated) || !strings.Contains(hint(err), wrong.hint) {
			t.Errorf("%s: %v, hint %q", name, err, hint(err))
		}
		if err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("%s takes several lines: %q", name, err)
		}
	}
}

func TestTheSubscriptionIsFound(t *testing.T) {
	const other = "5b1c4e0a-0000-4000-8000-00000000000b"
	c := azuretest.Start(t)
	found := func(env environment) (string, error) {
		conn, err := newAdapter(t, env, "shop", "dev", block).connect(t.Context())
		if err != nil {
			return "", err
		}
		return conn.subscription, nil
	}
	none := with(c.Env, map[string]string{"AZURE_SUBSCRIPTION_ID": ""})
	if id, err := found(none); id != azuretest.Subscription || err != nil {
		t.Errorf("the only one: %q, %v", id, err)
	}
	if id, err := found(with(none, map[string]string{"ARM_SUBSCRIPTION_ID": other})); id != other || err != nil {
		t.Errorf("of the environment: %q, %v", id, err)
	}
	dir := t.TempDir()
	profile := "\ufeff" + `{"subscriptions": [{"id": "a", "isDefault": false}, {"id": "` + other + `", "isDefault": true}]}`
	if err := os.WriteFile(filepath.Join(dir, "azureProfile.json"), []byte(profile), 0o600); err != nil {
		t.Fatal(err)
	}
	if id, err := found(with(none, map[string]string{"AZURE_CONFIG_DIR": dir})); id != other || err != nil {
		t.Errorf("of the Azure CLI: %q, %v", id, err)
	}
	c.AddSubscription(other, "second")
	c.Grant(azuretest.Caller, "Owner", "/subscriptions/"+other)
	if _, err := found(none); !errors.Is(err, providers.Invalid) || !strings.Contains(err.Error(), "second") {
		t.Errorf("of two: %v", err)
	}
}

func TestWhoLacksARightLearnsWhichRoleGivesIt(t *testing.T) {
	c := azuretest.Start(t)
	id, env := c.Principal("reader")
	c.Grant(id, "Reader", "/subscriptions/"+azuretest.Subscription)
	s, err := newAdapter(t, env, "shop", "dev", block).Store(t.Context())
	if err == nil {
		_, err = s.Put(t.Context(), "a", strings.NewReader("a"), providers.IfAbsent())
	}
	if !errors.Is(err, providers.Denied) || !strings.Contains(hint(err), `the role "Contributor"`) {
		t.Errorf("%v, hint %q", err, hint(err))
	}
}

// hint is the next step of an error.
func hint(err error) string {
	var e *providers.Error
	if errors.As(err, &e) {
		return e.Hint
	}
	return ""
}

package azure

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/ferryfn/ferry/internal/azuretest"
	"github.com/ferryfn/ferry/providers"
)

func TestCredentialsAreTheFirstOfThoseThatTheEnvironmentHas(t *testing.T) {
	env := map[string]string{
		"AZURE_TENANT_ID": azuretest.Tenant, "AZURE_CLIENT_ID": azuretest.ClientID,
		"AZURE_CLIENT_SECRET": "s", "AZURE_CLIENT_CERTIFICATE_PATH": "/c.pem", "ACTIONS_ID_TOKEN_REQUEST_URL": "u", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "t",
		"AZURESUBSCRIPTION_SERVICE_CONNECTION_ID": "c", "SYSTEM_ACCESSTOKEN": "t", "AZURE_FEDERATED_TOKEN_FILE": "/f",
	}
	origin := func() string {
		return newAdapter(t, func(name string) (string, bool) { v, ok := env[name]; return v, ok }, "shop", "dev", block).origin()
	}
	for _, next := range []struct{ says, without string }{
		{"AZURE_CLIENT_SECRET", "AZURE_CLIENT_SECRET"},
		{"AZURE_CLIENT_CERTIFICATE_PATH", "AZURE_CLIENT_CERTIFICATE_PATH"},
		{"token of GitHub", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"},
		{"service connection", "SYSTEM_ACCESSTOKEN"},
		{"AZURE_FEDERATED_TOKEN_FILE", "AZURE_FEDERATED_TOKEN_FILE"},
		{"this machine's identity", ""},
	} {
		if got := origin(); !strings.Contains(got, next.says) {
			t.Errorf("want them %q, got %q", next.says, got)
		}
		delete(env, next.without)
	}
	env["AZURE_CLIENT_SECRET"], env["AZURE_TOKEN_CREDENTIALS"] = "s", "dev"
	if got := origin(); !strings.Contains(got, "this machine's") {
		t.Errorf("AZURE_TOKEN_CREDENTIALS wants those of a developer, got %q", got)
	}
}

func TestAJobOfAzurePipelinesSignsInByItsServiceConnection(t *testing.T) {
	const issuer, subject = "https://vstoken.dev.azure.com/acme", "sc://acme/shop/production"
	c := azuretest.Start(t)
	c.Federate(issuer, subject)
	pipelines := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.URL.Query().Get("serviceConnectionId") != "connection" || r.Header.Get("Authorization") != "Bearer job" {
			http.Error(w, "no", http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]string{"oidcToken": azuretest.Assertion(issuer, subject, time.Minute)})
	}))
	t.Cleanup(pipelines.Close)
	t.Setenv("SYSTEM_OIDCREQUESTURI", pipelines.URL) // where the SDK itself looks
	env := map[string]string{
		"AZURE_CLIENT_ID": "", "AZURE_CLIENT_SECRET": "", "TF_BUILD": "True", "SYSTEM_ACCESSTOKEN": "job",
		"AZURESUBSCRIPTION_CLIENT_ID": azuretest.ClientID, "AZURESUBSCRIPTION_TENANT_ID": azuretest.Tenant, "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID": "connection",
	}
	if err := signsIn(t, with(c.Env, env)); err != nil {
		t.Error(err)
	}
	env["SYSTEM_ACCESSTOKEN"] = "another"
	if err := signsIn(t, with(c.Env, env)); !errors.Is(err, providers.Unauthenticated) || hint(err) == "" {
		t.Errorf("with another job's token: %v, hint %q", err, hint(err))
	}
}

func TestTheSignInOfTheAzureCLIIsUsed(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs a shell")
	}
	c := azuretest.Start(t)
	admin, err := adapterOf(t, c).connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	answer := func(scope string) string {
		token, err := admin.credential.GetToken(t.Context(), tokenFor(scope))
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf(`{"accessToken": %q, "expiresOn": "2099-01-01 00:00:00.000000", "expires_on": 4070908800, "tokenType": "Bearer"}`, token.Token)
	}
	script := "#!/bin/sh\ncase \"$*\" in\n*storage*) echo '" + answer("https://storage.azure.com/.default") + "' ;;\n*) echo '" + answer(admin.cloud.scope()) + "' ;;\nesac\n"
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "az"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	t.Setenv("AZURE_TOKEN_CREDENTIALS", "dev") // where the SDK itself looks
	env := with(c.Env, map[string]string{"AZURE_CLIENT_SECRET": "wrong", "AZURE_TOKEN_CREDENTIALS": "dev"})
	if err := signsIn(t, env); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "az"), []byte("#!/bin/sh\necho 'ERROR: Please run \"az login\" to setup account.' >&2\nexit 1\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AZURE_TOKEN_CREDENTIALS", "AzureCLICredential")
	if err := signsIn(t, env); !errors.Is(err, providers.Unauthenticated) || hint(err) != "run `az login`" {
		t.Errorf("who is not signed in: %v, hint %q", err, hint(err))
	}
}

package azure

import (
	"encoding/json"
	"errors"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/ferryfn/ferry/internal/azuretest"
)

// cli is the Azure CLI as a deployer of a cloud has it.
type cli struct {
	testing.TB
	env []string
}

// runs asks it for something, as JSON.
func (c cli) runs(into any, args ...string) {
	c.Helper()
	cmd := exec.CommandContext(c.Context(), "az", append(args, "--output", "json")...)
	cmd.Env = append(cmd.Environ(), c.env...)
	out, err := cmd.Output()
	if err == nil && into != nil {
		err = json.Unmarshal(out, into)
	}
	if err != nil {
		exit := new(exec.ExitError)
		errors.As(err, &exit)
		c.Fatalf("az %s: %v\n%s%s", strings.Join(args, " "), err, out, exit.Stderr)
	}
}

// signedIn is a CLI that knows the cloud and its deployer.
func signedIn(t testing.TB, cloud *azuretest.Cloud) cli {
	t.Helper()
	ca, _ := cloud.Env("SSL_CERT_FILE")
	c := cli{t, append(cloud.Environ(), "REQUESTS_CA_BUNDLE="+ca, "AZURE_CONFIG_DIR="+t.TempDir(), "AZURE_CORE_INSTANCE_DISCOVERY=false", "AZURE_CORE_COLLECT_TELEMETRY=false", "AZURE_CORE_CHECK_FOR_UPDATES=false")}
	c.runs(nil, "cloud", "register", "-n", "here", "--skip-endpoint-discovery", "--endpoint-resource-manager", cloud.Endpoint(), "--endpoint-management", "https://management.core.windows.net/",
		"--endpoint-active-directory", cloud.Endpoint(), "--endpoint-active-directory-resource-id", "https://management.core.windows.net/",
		"--endpoint-active-directory-graph-resource-id", "https://graph.windows.net/", "--endpoint-microsoft-graph-resource-id", "https://graph.microsoft.com/", "--suffix-storage-endpoint", "core.windows.net", "--suffix-keyvault-dns", ".vault.azure.net")
	c.runs(nil, "cloud", "set", "-n", "here")
	c.runs(nil, "login", "--service-principal", "-u", azuretest.ClientID, "-p", azuretest.ClientSecret, "-t", azuretest.Tenant)
	return c
}

func TestWhatFerryLeavesIsSeen(t *testing.T) {
	t.Run("by the Azure CLI", func(t *testing.T) {
		t.Parallel()
		if _, err := exec.LookPath("az"); err != nil {
			t.Skip("needs the Azure CLI")
		}
		s := newShop(t, newSources(t))
		s.deploys("one")
		c := signedIn(t, s.cloud)
		conn, err := s.judge.connect(s.Context())
		if err != nil {
			t.Fatal(err)
		}
		app, account := conn.appName("api"), conn.storageName()
		var group struct{ Location string }
		c.runs(&group, "group", "show", "-n", "shop")
		var storage struct {
			AllowSharedKeyAccess, AllowBlobPublicAccess bool
			Kind                                        string
		}
		c.runs(&storage, "storage", "account", "show", "-g", "shop", "-n", account)
		var site struct {
			Kind       string
			Tags       map[string]string
			Properties struct{ State string }
		}
		c.runs(&site, "functionapp", "show", "-g", "shop", "-n", app)
		var settings []struct{ Name, Value string }
		c.runs(&settings, "functionapp", "config", "appsettings", "list", "-g", "shop", "-n", app)
		var functions []struct{ Name string }
		c.runs(&functions, "functionapp", "function", "list", "-g", "shop", "-n", app)
		var roles []struct{ RoleDefinitionName, Scope string }
		c.runs(&roles, "role", "assignment", "list", "--all", "--fill-principal-name", "false")
		var identities []struct{ Name string }
		c.runs(&identities, "identity", "list", "-g", "shop")
		if group.Location != "westeurope" || storage.AllowSharedKeyAccess || storage.AllowBlobPublicAccess || storage.Kind != "StorageV2" {
			t.Errorf("the group is %+v, the storage %+v", group, storage)
		}
		if site.Properties.State != "Running" || site.Kind != "functionapp,linux" || site.Tags["ferry:function"] != "api" {
			t.Errorf("the app is %+v", site)
		}
		injected := slices.ContainsFunc(settings, func(s struct{ Name, Value string }) bool { return s.Name == "AzureWebJobsStorage" })
		if len(settings) != len(hostNames()) || injected {
			t.Errorf("its settings are %+v", settings)
		}
		if !slices.ContainsFunc(functions, func(f struct{ Name string }) bool { return f.Name == app+"/http" }) {
			t.Errorf("its functions are %+v", functions)
		}
		given := slices.ContainsFunc(roles, func(r struct{ RoleDefinitionName, Scope string }) bool {
			return r.RoleDefinitionName == "Storage Blob Data Owner" && strings.HasSuffix(r.Scope, account)
		})
		if !given || len(identities) != 1 {
			t.Errorf("the roles are %+v, the identities %+v", roles, identities)
		}
	})
}

package azuretest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/monitor/query/azlogs"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"

	"github.com/ferryfn/ferry/internal/azuretest"
)

const vaultID = group + "/providers/Microsoft.KeyVault/vaults/shopvault"

// insights makes a workspace and a component, and gives the setting that has an app write there.
func (c *client) insights() object {
	c.t.Helper()
	c.group()
	const at = group + "/providers/Microsoft.OperationalInsights/workspaces/shop?api-version=2023-09-01"
	c.send(http.MethodPut, at, object{"location": "westeurope", "properties": object{"sku": object{"name": "PerGB2018"}}}, http.StatusCreated)
	wait(c.t, func() bool {
		return c.send(http.MethodGet, at, nil, http.StatusOK)["properties"].(object)["provisioningState"] == "Succeeded"
	})
	made := c.send(http.MethodPut, group+"/providers/Microsoft.Insights/components/shop?api-version=2020-02-02", object{
		"location": "westeurope", "kind": "web", "properties": object{"Application_Type": "web", "WorkspaceResourceId": strings.TrimSuffix(at, "?api-version=2023-09-01")},
	}, http.StatusOK)
	return object{"name": "APPLICATIONINSIGHTS_CONNECTION_STRING", "value": made["properties"].(object)["ConnectionString"]}
}

// lines are what the app printed, by the official client.
func (c *client) lines() []string {
	c.t.Helper()
	logs, err := azlogs.NewClient(c.cred, &azlogs.ClientOptions{ClientOptions: c.options})
	c.ok(err)
	query := `AppTraces | where AppRoleName =~ "SHOP-API" and TimeGenerated > ago(10m) | where Message contains "" or isnotempty(Message) | order by TimeGenerated asc, _ItemId asc | project TimeGenerated, Line = Message | take 500`
	out, err := logs.QueryResource(c.t.Context(), group+"/providers/Microsoft.Insights/components/shop", azlogs.QueryBody{Query: &query}, nil)
	c.ok(err)
	var lines []string
	for _, row := range out.Tables[0].Rows {
		lines = append(lines, row[1].(string))
	}
	return lines
}

func TestSecretsHaveVersionsAndComeBackFromDeletion(t *testing.T) {
	c := start(t)
	c.vault()
	c.cloud.Grant(azuretest.Caller, "Key Vault Secrets Officer", vaultID)
	vault, err := azsecrets.NewClient("https://shopvault.vault.azure.net", c.cred, &azsecrets.ClientOptions{ClientOptions: c.options})
	c.ok(err)
	first, err := vault.SetSecret(t.Context(), "key", azsecrets.SetSecretParameters{Value: new("one")}, nil)
	c.ok(err)
	_, err = vault.SetSecret(t.Context(), "key", azsecrets.SetSecretParameters{Value: new("two")}, nil)
	c.ok(err)
	for version, want := range map[string]string{"": "two", first.ID.Version(): "one"} {
		got, err := vault.GetSecret(t.Context(), "key", version, nil)
		c.ok(err)
		if *got.Value != want {
			t.Errorf("version %q is %s", version, *got.Value)
		}
	}
	_, err = vault.DeleteSecret(t.Context(), "key", nil)
	c.ok(err)
	_, err = vault.GetSecret(t.Context(), "key", "", nil)
	c.refused(err, 404, "SecretNotFound", "was not found in this key vault")
	_, err = vault.SetSecret(t.Context(), "key", azsecrets.SetSecretParameters{Value: new("three")}, nil)
	c.refused(err, 409, "Conflict", "currently in a deleted but recoverable state")
	_, err = vault.RecoverDeletedSecret(t.Context(), "key", nil)
	c.ok(err)
}

func (c *client) vault() {
	c.t.Helper()
	c.group()
	c.send(http.MethodPut, vaultID+"?api-version=2023-07-01", object{"location": "westeurope", "properties": object{
		"tenantId": azuretest.Tenant, "sku": object{"family": "A", "name": "standard"}, "enableRbacAuthorization": true,
	}}, http.StatusCreated)
}

func TestAReferenceIsSeenAsItStandsUntilItIsResolved(t *testing.T) {
	c := start(t)
	c.vault()
	c.cloud.Grant(azuretest.Caller, "Key Vault Secrets Officer", vaultID)
	vault, err := azsecrets.NewClient("https://shopvault.vault.azure.net", c.cred, &azsecrets.ClientOptions{ClientOptions: c.options})
	c.ok(err)
	made, err := vault.SetSecret(t.Context(), "colour", azsecrets.SetSecretParameters{Value: new("green")}, nil)
	c.ok(err)
	c.cloud.RoleLag(0)
	reference := "@Microsoft.KeyVault(SecretUri=" + string(*made.ID) + ")"
	c.app("custom", "1.0", object{"name": "COLOUR", "value": reference})
	body := siteBody("custom", "1.0", object{"name": "COLOUR", "value": reference})
	body["properties"].(object)["keyVaultReferenceIdentity"] = identityID
	c.send(http.MethodPut, web+"/sites/shop-api"+webVersion, body, http.StatusOK)
	c.publish(zipped(t, shellApp(t)))
	status := func() string {
		all := c.send(http.MethodGet, web+"/sites/shop-api/config/configreferences/appsettings"+webVersion, nil, http.StatusOK)["value"].([]any)
		return all[0].(object)["properties"].(object)["status"].(string)
	}
	if got := status(); got != "AccessToKeyVaultDenied" {
		t.Errorf("got %s", got)
	}
	if _, body, _ := c.get("/colour"); body != reference {
		t.Errorf("the app sees %s", body)
	}
	identity := c.send(http.MethodGet, identityID+"?api-version=2023-01-31", nil, http.StatusOK)
	c.assign(vaultID, secretsUser, identity["properties"].(object)["principalId"].(string))
	if got := status(); got != "Resolved" {
		t.Errorf("got %s", got)
	}
	c.send(http.MethodPost, web+"/sites/shop-api/restart"+webVersion, nil, http.StatusOK)
	wait(t, func() bool {
		_, body, _ := c.get("/colour")
		return body == "green"
	})
}

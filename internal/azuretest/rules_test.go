package azuretest_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/internal/azuretest"
	"github.com/ferryfn/ferry/internal/standin"
)

func TestAnIdentityIsNotFoundAtOnceUnlessItsTypeIsSaid(t *testing.T) {
	c := start(t)
	c.group()
	made := c.send(http.MethodPut, identityID+"?api-version=2023-01-31", object{"location": "westeurope"}, http.StatusCreated)
	principal := made["properties"].(object)["principalId"]
	body := object{"properties": object{"principalId": principal, "roleDefinitionId": "/subscriptions/" + azuretest.Subscription + "/providers/Microsoft.Authorization/roleDefinitions/" + blobOwner}}
	at := func(name string) string {
		return group + "/providers/Microsoft.Authorization/roleAssignments/" + name + "-0000-4000-8000-000000000001?api-version=2022-04-01"
	}
	said := c.send(http.MethodPut, at("11111111"), body, http.StatusBadRequest)
	c.has(said["error"].(object)["message"].(string), "set the role assignment principalType property to a value")
	c.send(http.MethodPut, at("11111111"), body, http.StatusCreated)
	said = c.send(http.MethodPut, at("22222222"), body, http.StatusConflict)
	if code := said["error"].(object)["code"]; code != "RoleAssignmentExists" {
		t.Errorf("got %v", code)
	}
	c.send(http.MethodDelete, identityID+"?api-version=2023-01-31", nil, http.StatusOK)
	c.has(c.cloud.Snapshot(), `role-assignment /resourceGroups/shop "Storage Blob Data Owner" "nobody"`)
}

func TestALockKeepsWhatLiesInIt(t *testing.T) {
	c := start(t)
	c.account()
	c.cloud.Lock(group, "CanNotDelete")
	said := c.send(http.MethodDelete, accountID+"?api-version=2023-05-01", nil, http.StatusConflict)
	c.has(said["error"].(object)["message"].(string), "cannot perform delete operation because following scope(s) are locked: '"+group+"'")
	c.send(http.MethodPatch, accountID+"?api-version=2023-05-01", object{"tags": object{"a": "b"}}, http.StatusOK)
}

func TestResourceManagerKeepsToItsConventions(t *testing.T) {
	c := start(t)
	c.group()
	for path, want := range map[string]string{
		group:                                 "The api-version query parameter (?api-version=) is required for all requests.",
		accountID + "?api-version=2001-01-01": "No registered resource provider found for location",
		accountID + "?api-version=2023-05-01": "The Resource 'Microsoft.Storage/storageAccounts/shopstore' under resource group 'shop' was not found.",
		strings.Replace(accountID, "/shop/", "/no/", 1) + "?api-version=2023-05-01":  "Resource group 'no' could not be found.",
		"/subscriptions/00000000-0000-4000-8000-000000000000?api-version=2022-12-01": "The subscription '00000000-0000-4000-8000-000000000000' could not be found.",
	} {
		status := http.StatusNotFound
		if strings.Contains(want, "api-version") || strings.Contains(want, "No registered") {
			status = http.StatusBadRequest
		}
		c.has(c.send(http.MethodGet, path, nil, status)["error"].(object)["message"].(string), want)
	}
	said := c.send(http.MethodPut, group+"?api-version=2022-09-01", object{"location": "northeurope"}, http.StatusConflict)
	c.has(said["error"].(object)["message"].(string), "already exists in location 'westeurope'")
}

func TestTheRateIsLimitedBySubscription(t *testing.T) {
	c := start(t)
	c.group()
	c.cloud.RateLimit(0.01) // two writes at once
	for range 6 {
		c.raw(http.MethodPut, group+"?api-version=2022-09-01", `{"location": "westeurope"}`)
	}
	if n := c.cloud.Refusals(); n == 0 {
		t.Error("nothing was refused")
	}
}

func TestADeploymentWhileAnotherRunsEndsAsAConflict(t *testing.T) {
	c := start(t)
	c.cloud.RoleLag(0)
	c.app("custom", "1.0")
	c.cloud.Polls(1000)
	pack := zipped(t, shellApp(t))
	first := c.raw(http.MethodPost, publishURL, string(pack))
	c.cloud.Polls(0)
	second := c.publish(pack)
	if first != http.StatusAccepted || second["status"] != 5.0 || second["status_text"] != "Conflict" {
		t.Errorf("got %d and %v", first, second)
	}
}

func TestAPackageThatCannotServeFailsWithItsReasonInTheLog(t *testing.T) {
	c := start(t)
	c.cloud.RoleLag(0)
	c.app("custom", "1.0", object{"name": "WEBSITE_RUN_FROM_PACKAGE", "value": "1"})
	state := c.publish(zipped(t, shellApp(t)))
	if state["status"] != 3.0 {
		t.Errorf("got %v", state)
	}
	said := c.raw(http.MethodGet, deploymentAt+state["id"].(string)+"/log", "")
	if said != http.StatusOK {
		t.Errorf("got %d", said)
	}
}

func TestTheApplicationGetsAConnectionStringThatNobodyAskedFor(t *testing.T) {
	c := start(t)
	c.cloud.InjectStorage()
	c.app("custom", "1.0")
	list := c.send(http.MethodPost, web+"/sites/shop-api/config/appsettings/list"+webVersion, nil, http.StatusOK)["properties"].(object)
	if value, _ := list["AzureWebJobsStorage"].(string); !strings.HasPrefix(value, "DefaultEndpointsProtocol=https;AccountName=shopstore;") {
		t.Errorf("got %q", value)
	}
}

func TestServiceBusRedeliversUntilAMessageIsADeadLetter(t *testing.T) {
	modules := nodeModules(t)
	c := start(t)
	c.cloud.RoleLag(0)
	const bus = group + "/providers/Microsoft.ServiceBus/namespaces/shopbus"
	c.group()
	c.send(http.MethodPut, bus+"?api-version=2024-01-01", object{"location": "westeurope", "sku": object{"name": "Standard"}}, http.StatusOK)
	c.send(http.MethodPut, bus+"/topics/signups?api-version=2024-01-01", object{"properties": object{}}, http.StatusOK)
	c.send(http.MethodPut, bus+"/topics/signups/subscriptions/mailer?api-version=2024-01-01", object{"properties": object{"maxDeliveryCount": 3}}, http.StatusOK)
	c.account()
	settings := []object{{"name": "BUS__fullyQualifiedNamespace", "value": "shopbus.servicebus.windows.net"}, c.insights()}
	c.app("node", "22", settings...)
	made := c.send(http.MethodGet, identityID+"?api-version=2023-01-31", nil, http.StatusOK)
	c.assign(bus, "4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0", made["properties"].(object)["principalId"].(string))
	c.send(http.MethodPost, web+"/sites/shop-api/config/appsettings/list"+webVersion, nil, http.StatusOK)
	list := c.send(http.MethodPost, web+"/sites/shop-api/config/appsettings/list"+webVersion, nil, http.StatusOK)["properties"].(object)
	list["BUS__clientId"] = made["properties"].(object)["clientId"]
	c.send(http.MethodPut, web+"/sites/shop-api/config/appsettings"+webVersion, object{"properties": list}, http.StatusOK)
	c.publish(zipped(t, map[string]string{"host.json": hostFile, "package.json": `{"main": "index.js"}`, "index.js": `
const { app } = require('@azure/functions');
app.serviceBusTopic('mailer', { topicName: 'signups', subscriptionName: 'mailer', connection: 'BUS', handler: (m, ctx) => {
  ctx.log('mail ' + JSON.stringify(m) + ' ' + ctx.triggerMetadata.deliveryCount);
  if (m === 'bad') throw new Error('bad mail');
} });
`}, "node_modules/", modules))
	c.sync("mailer")
	if n := c.cloud.SendBus("shopbus", "signups", azuretest.BusMessage{Body: `{"to": "you"}`}); n != 1 {
		t.Fatalf("%d got it", n)
	}
	c.cloud.SendBus("shopbus", "signups", azuretest.BusMessage{Body: "bad"})
	wait(t, func() bool { return cmp.Diff([]string{"bad"}, c.cloud.DeadLetters("shopbus", "signups/mailer")) == "" })
	for _, want := range []string{`mail {"to":"you"} 1`, `mail "bad" 3`} {
		wait(t, func() bool { return c.logged(want) })
	}
}

func TestAFaultOfPublishingIsOfItsOwnHost(t *testing.T) {
	c := start(t)
	c.cloud.RoleLag(0)
	c.app("custom", "1.0")
	var seen []standin.Call
	c.cloud.Intercept(func(call standin.Call) standin.Fault {
		if call.Service != "scm" {
			return standin.Fault{}
		}
		seen = append(seen, call)
		return standin.Fail(http.StatusServiceUnavailable, "ServiceUnavailable", "The service is unavailable.")
	})
	if got := c.raw(http.MethodPost, publishURL, string(zipped(t, shellApp(t)))); got != http.StatusServiceUnavailable {
		t.Errorf("got %d", got)
	}
	if len(seen) != 1 || seen[0].Operation != "Publish" || seen[0].Resource != "shop-api" || !seen[0].Write {
		t.Errorf("got %+v", seen)
	}
	if strings.Contains(c.cloud.Snapshot(), "released-package") {
		t.Error("a package was stored")
	}
}

// raw sends a request with the caller's token and gives the status.
func (c *client) raw(method, url, body string) int {
	c.t.Helper()
	if strings.HasPrefix(url, "/") {
		url = "https://management.azure.com" + url
	}
	token, err := c.cred.GetToken(c.t.Context(), policy.TokenRequestOptions{Scopes: []string{"https://management.azure.com/.default"}})
	c.ok(err)
	req, err := http.NewRequestWithContext(c.t.Context(), method, url, strings.NewReader(body))
	c.ok(err)
	req.Header.Set("Authorization", "Bearer "+token.Token)
	req.Header.Set("Content-Type", "application/zip")
	if strings.HasPrefix(body, "{") {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := (&http.Client{Transport: c.http.Transport, Timeout: time.Minute}).Do(req)
	c.ok(err)
	c.ok(res.Body.Close())
	return res.StatusCode
}

package azuretest_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/resources/armresources/v3"
	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/internal/azuretest"
	"github.com/ferryfn/ferry/internal/standin"
)

// client is the official clients of one user, as an ordinary configuration makes them: with Azure's own names, a proxy and
// an authority that the environment gives.
type client struct {
	t       *testing.T
	cloud   *azuretest.Cloud
	http    *http.Client
	cred    azcore.TokenCredential
	options policy.ClientOptions
}

func start(t *testing.T) *client {
	t.Helper()
	c := azuretest.Start(t)
	return clientOf(t, c, c.Env)
}

func clientOf(t *testing.T, c *azuretest.Cloud, env func(string) (string, bool)) *client {
	t.Helper()
	look := func(name string) string {
		value, _ := env(name)
		return value
	}
	pem, err := os.ReadFile(look("SSL_CERT_FILE"))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	proxy, err := url.Parse(look("HTTPS_PROXY"))
	if err != nil {
		t.Fatal(err)
	}
	web := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, Proxy: http.ProxyURL(proxy)}}
	options := policy.ClientOptions{Cloud: cloud.AzurePublic, Transport: web, Retry: policy.RetryOptions{MaxRetries: 2, RetryDelay: time.Millisecond}}
	cred, err := azidentity.NewClientSecretCredential(look("AZURE_TENANT_ID"), look("AZURE_CLIENT_ID"), look("AZURE_CLIENT_SECRET"),
		&azidentity.ClientSecretCredentialOptions{ClientOptions: options})
	if err != nil {
		t.Fatal(err)
	}
	return &client{t: t, cloud: c, http: web, cred: cred, options: options}
}

func (c *client) arm() *arm.ClientOptions { return &arm.ClientOptions{ClientOptions: c.options} }

func (c *client) ok(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

// refused wants an error of Azure with a status and a code, and a message that holds the text.
func (c *client) refused(err error, status int, code, message string) {
	c.t.Helper()
	var r *azcore.ResponseError
	if !errors.As(err, &r) {
		c.t.Fatalf("no refusal of Azure: %v", err)
	}
	if r.StatusCode != status || r.ErrorCode != code || !strings.Contains(err.Error(), message) {
		c.t.Errorf("got %d %s: %v, want %d %s: %s", r.StatusCode, r.ErrorCode, err, status, code, message)
	}
}

const group = "/subscriptions/" + azuretest.Subscription + "/resourceGroups/shop"

func (c *client) group() {
	c.t.Helper()
	groups, err := armresources.NewResourceGroupsClient(azuretest.Subscription, c.cred, c.arm())
	c.ok(err)
	_, err = groups.CreateOrUpdate(c.t.Context(), "shop", armresources.ResourceGroup{Location: new("West Europe"), Tags: map[string]*string{"a": new("1")}}, nil)
	c.ok(err)
}

func TestOfficialClientsFindTheCloudByAzuresNames(t *testing.T) {
	c := start(t)
	c.group()
	groups, err := armresources.NewResourceGroupsClient(azuretest.Subscription, c.cred, c.arm())
	c.ok(err)
	got, err := groups.Get(t.Context(), "SHOP", nil)
	c.ok(err)
	if *got.ID != group || *got.Location != "westeurope" || *got.Properties.ProvisioningState != "Succeeded" {
		t.Errorf("got %s in %s", *got.ID, *got.Location)
	}
	_, err = groups.Get(t.Context(), "other", nil)
	c.refused(err, 404, "ResourceGroupNotFound", "Resource group 'other' could not be found.")
	var asked []string
	for _, call := range c.cloud.Calls() {
		asked = append(asked, call.Service+" "+call.Operation+" "+call.Resource)
	}
	if want := "Microsoft.Resources ResourceGroups_CreateOrUpdate shop"; !slices.Contains(asked, want) {
		t.Errorf("no %q in %q", want, asked)
	}
}

func TestADeletedGroupIsGoneWhenTheOperationHasEnded(t *testing.T) {
	c := start(t)
	c.group()
	groups, err := armresources.NewResourceGroupsClient(azuretest.Subscription, c.cred, c.arm())
	c.ok(err)
	poller, err := groups.BeginDelete(t.Context(), "shop", nil)
	c.ok(err)
	if poller.Done() {
		t.Error("the deletion had ended at once")
	}
	_, err = poller.PollUntilDone(t.Context(), &runtime.PollUntilDoneOptions{Frequency: time.Millisecond})
	c.ok(err)
	there, err := groups.CheckExistence(t.Context(), "shop", nil)
	c.ok(err)
	if there.Success {
		t.Error("the group is there")
	}
}

func TestTagsAreMergedByPatchAndLostByPut(t *testing.T) {
	c := start(t)
	c.group()
	tags, err := armresources.NewTagsClient(azuretest.Subscription, c.cred, c.arm())
	c.ok(err)
	patch := func(operation armresources.TagsPatchOperation, pairs map[string]*string) map[string]*string {
		p, err := tags.BeginUpdateAtScope(t.Context(), group, armresources.TagsPatchResource{
			Operation: new(operation), Properties: &armresources.Tags{Tags: pairs},
		}, nil)
		c.ok(err)
		out, err := p.PollUntilDone(t.Context(), nil)
		c.ok(err)
		return out.Properties.Tags
	}
	got := patch(armresources.TagsPatchOperationMerge, map[string]*string{"b": new("2")})
	if diff := cmp.Diff(map[string]*string{"a": new("1"), "b": new("2")}, got); diff != "" {
		t.Error(diff)
	}
	got = patch(armresources.TagsPatchOperationDelete, map[string]*string{"a": new("1"), "b": new("other")})
	if diff := cmp.Diff(map[string]*string{"b": new("2")}, got); diff != "" {
		t.Error(diff)
	}
	groups, err := armresources.NewResourceGroupsClient(azuretest.Subscription, c.cred, c.arm())
	c.ok(err)
	put, err := groups.CreateOrUpdate(t.Context(), "shop", armresources.ResourceGroup{Location: new("westeurope")}, nil)
	c.ok(err)
	if len(put.Tags) != 0 {
		t.Errorf("a PUT without tags left %v", put.Tags)
	}
}

func TestAPrincipalMayOnlyWhatItsRolesAllow(t *testing.T) {
	c := start(t)
	c.group()
	id, env := c.cloud.Principal("ci")
	other := clientOf(t, c.cloud, env)
	groups, err := armresources.NewResourceGroupsClient(azuretest.Subscription, other.cred, other.arm())
	c.ok(err)
	_, err = groups.Get(t.Context(), "shop", nil)
	c.refused(err, 403, "AuthorizationFailed", "does not have authorization to perform action 'Microsoft.Resources/subscriptions/resourceGroups/read' over scope '"+group+"'")
	c.cloud.Grant(id, "Reader", group)
	_, err = groups.Get(t.Context(), "shop", nil)
	c.ok(err)
	_, err = groups.CreateOrUpdate(t.Context(), "shop", armresources.ResourceGroup{Location: new("westeurope")}, nil)
	c.refused(err, 403, "AuthorizationFailed", "resourceGroups/write")
}

func TestFaultsComeBeforeOrAfterTheWork(t *testing.T) {
	c := start(t)
	groups, err := armresources.NewResourceGroupsClient(azuretest.Subscription, c.cred, &arm.ClientOptions{ClientOptions: policy.ClientOptions{
		Cloud: c.options.Cloud, Transport: c.http, Retry: policy.RetryOptions{MaxRetries: -1},
	}})
	c.ok(err)
	var fault standin.Fault
	c.cloud.Intercept(func(call standin.Call) standin.Fault {
		if call.Operation == "ResourceGroups_CreateOrUpdate" {
			return fault
		}
		return standin.Fault{}
	})
	put := func(f standin.Fault) error {
		fault = f
		_, err := groups.CreateOrUpdate(t.Context(), "shop", armresources.ResourceGroup{Location: new("westeurope")}, nil)
		return err
	}
	there := func() bool {
		out, err := groups.CheckExistence(t.Context(), "shop", nil)
		c.ok(err)
		return out.Success
	}
	c.refused(put(standin.Deny()), 403, "AuthorizationFailed", "resourceGroups/write")
	c.refused(put(standin.Throttle()), 429, "SubscriptionRequestsThrottled", "")
	c.refused(put(standin.Fail(409, "Conflict", "busy")), 409, "Conflict", "busy")
	if err := put(standin.Cut()); err == nil || there() {
		t.Errorf("a cut call did its work: %v", err)
	}
	if err := put(standin.LoseReply()); err == nil || !there() {
		t.Errorf("a call whose reply was lost did no work: %v", err)
	}
}

func TestAnUnregisteredProviderIsRegisteredByTheClient(t *testing.T) {
	c := start(t)
	c.cloud.Unregister("Microsoft.Authorization")
	c.group()
	id, _ := c.cloud.Principal("ci")
	name := "/providers/Microsoft.Authorization/roleAssignments/7b1c4e0a-0000-4000-8000-000000000009"
	generic, err := arm.NewClient("azuretest", "v1.0.0", c.cred, c.arm())
	c.ok(err)
	put := func() (*http.Response, error) {
		req, err := runtime.NewRequest(t.Context(), http.MethodPut, generic.Endpoint()+group+name+"?api-version=2022-04-01")
		c.ok(err)
		c.ok(runtime.MarshalAsJSON(req, map[string]any{"properties": map[string]any{
			"roleDefinitionId": group + "/providers/Microsoft.Authorization/roleDefinitions/acdd72a7-3385-48ef-bd42-f606fba81ae7",
			"principalId":      id, "principalType": "ServicePrincipal",
		}}))
		return generic.Pipeline().Do(req)
	}
	res, err := put()
	c.ok(err)
	if res.StatusCode != http.StatusCreated {
		t.Fatalf("got %s", res.Status)
	}
	registered := slices.ContainsFunc(c.cloud.Calls(), func(call standin.Call) bool { return call.Operation == "Providers_Register" })
	if !registered {
		t.Error("nothing was registered")
	}
	if res, err = put(); err != nil || res.StatusCode != http.StatusOK {
		t.Errorf("the same assignment again: %v, %v", res, err)
	}
}

// do sends a request to Resource Manager, wants a status, and gives the body.
func (c *client) do(req *policy.Request, want int) []byte {
	c.t.Helper()
	generic, err := arm.NewClient("azuretest", "v1.0.0", c.cred, c.arm())
	c.ok(err)
	res, err := generic.Pipeline().Do(req)
	c.ok(err)
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	c.ok(err)
	if res.StatusCode != want {
		c.t.Fatalf("%s %s: %s: %s", req.Raw().Method, req.Raw().URL.Path, res.Status, body)
	}
	return body
}

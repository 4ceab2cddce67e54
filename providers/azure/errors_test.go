package azure

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	"github.com/ferryfn/ferry/providers"
)

// said is an error as the SDK has it, of what Azure answers.
func said(t *testing.T, host string, status int, body string) error {
	t.Helper()
	address, err := url.Parse("https://" + host + "/subscriptions/0/x")
	if err != nil {
		t.Fatal(err)
	}
	return runtime.NewResponseError(&http.Response{
		StatusCode: status, Status: fmt.Sprint(status), Header: http.Header{"X-Ms-Request-Id": {"req-1"}}, Body: io.NopCloser(strings.NewReader(body)),
		Request: &http.Request{Method: http.MethodPut, URL: address},
	})
}

func TestWhatAzureAnswersHasItsKindAndItsNextStep(t *testing.T) {
	const arm = "management.azure.com"
	managed := func(code, message string) string {
		return fmt.Sprintf(`{"error": {"code": %q, "message": %q}}`, code, message)
	}
	p := newAdapter(t, func(string) (string, bool) { return "", false }, "shop", "dev", block)
	for _, one := range []struct {
		host   string
		status int
		body   string
		kind   providers.Kind
		hint   string
	}{
		{arm, 401, managed("ExpiredAuthenticationToken", "The access token expiry UTC time '1' is earlier than current UTC time '2'."), providers.Unauthenticated, "az login"},
		{arm, 403, managed("AuthorizationFailed", "The client 'x' does not have authorization to perform action 'Microsoft.Web/sites/write' over scope '/subscriptions/0/resourceGroups/shop'."), providers.Denied, `"Website Contributor" on /subscriptions/0/resourceGroups/shop`},
		{arm, 403, managed("AuthorizationFailed", "The client 'x' does not have authorization to perform action 'Microsoft.Authorization/roleAssignments/write' over scope '/s'."), providers.Denied, "Role Based Access Control Administrator"},
		{arm, 403, managed("LinkedAuthorizationFailed", "The client has permission to perform action 'Microsoft.Web/sites/write' on scope '/a', however the linked action(s) 'Microsoft.ManagedIdentity/userAssignedIdentities/assign/action' on the linked scope(s) '/i'."), providers.Denied, "Managed Identity Operator"},
		{arm, 403, managed("AuthorizationFailed", "The client 'x' does not have authorization to perform action 'Microsoft.Web/register/action' over scope '/subscriptions/0'."), providers.Denied, "az provider register --namespace Microsoft.Web"},
		{arm, 403, managed("RequestDisallowedByPolicy", "Resource 'x' was disallowed by policy."), providers.Denied, "exemption"},
		{arm, 409, managed("ScopeLocked", "The scope '/s' cannot perform write operation because following scope(s) are locked."), providers.Denied, "az lock delete"},
		{arm, 409, managed("ReadOnlyDisabledSubscription", "The subscription '0' is disabled."), providers.Denied, "enabled again"},
		{"shopst.blob.core.windows.net", 403, "<?xml version=\"1.0\"?><Error><Code>AuthorizationPermissionMismatch</Code><Message>This request is not authorized to perform this operation using this permission.\nRequestId:1</Message></Error>", providers.Denied, `"Storage Blob Data Contributor" on the storage account shopst`},
		{"shopst.queue.core.windows.net", 403, "<?xml version=\"1.0\"?><Error><Code>AuthorizationPermissionMismatch</Code><Message>This request is not authorized to perform this operation using this permission.\nRequestId:1</Message></Error>", providers.Denied, `"Storage Queue Data Contributor" on the storage account shopst`},
		{"shopbus.servicebus.windows.net", 401, "<Error><Code>401</Code><Detail>Unauthorized access. 'Send' claim(s) are required to perform this operation. Resource: 'sb://shopbus.servicebus.windows.net/orders'. TrackingId:1</Detail></Error>", providers.Denied, `"Azure Service Bus Data Owner" on the namespace shopbus`},
		{"signups.westeurope-1.eventgrid.azure.net", 401, managed("Unauthorized", "The principal does not have authorization to perform action 'Microsoft.EventGrid/events/send/action' over scope '/s'."), providers.Denied, `"EventGrid Data Sender" on the topic signups`},
		{arm, 200, managed("Endpoint validation", "Destination endpoint not found. Resource details: resourceId: /s. Resource should pre-exist before attempting this operation."), providers.Invalid, ""},
		{"shopvault.vault.azure.net", 403, managed("Forbidden", "Caller is not authorized to perform action on resource."), providers.Denied, `"Key Vault Secrets Officer" on the key vault shopvault`},
		{arm, 404, managed("SubscriptionNotFound", "The subscription '0' could not be found."), providers.NotFound, "az account list"},
		{arm, 404, managed("ResourceGroupNotFound", "Resource group 'shop' could not be found."), providers.NotFound, ""},
		{arm, 404, managed("ResourceNotFound", "The Resource 'Microsoft.Web/sites/x' under resource group 'shop' was not found."), providers.NotFound, ""},
		{arm, 409, managed("AnotherOperationInProgress", "Another operation is in progress."), providers.Conflict, ""},
		{arm, 409, managed("StorageAccountAlreadyTaken", "The storage account named x is already taken."), providers.Foreign, "storage_account"},
		{arm, 200, managed("SkuNotAvailable", "The requested tier for resource '/x' is currently not available in location 'westeurope'."), providers.Limit, "another location"},
		{arm, 409, managed("QuotaExceeded", "Operation would exceed the quota of cores in region westeurope."), providers.Limit, "more cores"},
		{arm, 400, managed("MaxStorageAccountsCountPerSubscriptionExceeded", "The maximum number of storage accounts has been reached."), providers.Limit, "higher quota"},
		{arm, 429, managed("SubscriptionRequestsThrottled", "Number of requests for subscription exceeded the limit."), providers.Throttled, "wait a minute"},
		{arm, 503, managed("ServiceUnavailable", "The service is unavailable."), providers.Unavailable, "repeat it"},
		{arm, 502, "<html>Bad Gateway</html>", providers.Unavailable, "repeat it"},
		{arm, 400, managed("51021", "Site.SiteConfig.LinuxFxVersion for Flex Consumption sites is invalid. Please remove or rename it before retrying."), providers.Invalid, "report this"},
		{arm, 400, managed("LocationNotAvailableForResourceType", "The provided location 'x' is not available."), providers.Invalid, "list-flexconsumption-locations"},
		{arm, 418, managed("Strange", "What nobody has seen."), providers.Invalid, ""},
		{arm, 200, managed("Strange", "A long operation ended so."), providers.Failed, ""},
	} {
		err := p.classify("publish", "api", said(t, one.host, one.status, one.body))
		if !errors.Is(err, one.kind) || !strings.Contains(hint(err), one.hint) || one.hint == "" && hint(err) != "" {
			t.Errorf("%d %s: want %s, hint %q; got %v, hint %q", one.status, one.body, one.kind, one.hint, err, hint(err))
		}
		if text := err.Error(); !strings.Contains(text, "req-1") || !strings.Contains(text, "api") || strings.Contains(text, "\n") {
			t.Errorf("who reads %q lacks the function or the number of the request, or has it in several lines", text)
		}
	}
}

func TestACallThatNeverLeftIsToldFromOneThatMayHaveArrived(t *testing.T) {
	for want, err := range map[bool]error{
		true:  &url.Error{Op: "Post", Err: &net.OpError{Op: "dial", Err: errors.New("connection refused")}},
		false: &url.Error{Op: "Post", Err: &net.OpError{Op: "read", Err: errors.New("connection reset")}},
	} {
		if got := unsent(fmt.Errorf("sending: %w", err)); got != want {
			t.Errorf("%v: %t", err, got)
		}
	}
	if !unsent(errors.New("net/http: TLS handshake timeout")) {
		t.Error("a connection that was never there is taken for a call")
	}
}

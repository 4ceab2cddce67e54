package azure

import (
	"errors"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/ferryfn/ferry/internal/pattern"
	"github.com/ferryfn/ferry/providers"
)

// unidentified reports whether Azure does not know the caller, or there are no credentials to call with.
func unidentified(err error) bool {
	var denied *azidentity.AuthenticationFailedError
	var required *azidentity.AuthenticationRequiredError
	if errors.As(err, &denied) || errors.As(err, &required) {
		return true
	}
	code, status := codeOf(err)
	switch code {
	case "InvalidAuthenticationToken", "ExpiredAuthenticationToken", "AuthenticationFailed", "InvalidAuthenticationInfo", "NoAuthenticationInformation", "InvalidAuthenticationTokenTenant":
		return true
	}
	return status == 401 || strings.Contains(err.Error(), "DefaultAzureCredential: failed to acquire a token")
}

// howToSignIn is the way to credentials from where ferry runs.
func (p *place) howToSignIn(err error) string {
	says := err.Error()
	switch {
	case strings.Contains(says, "AADSTS700024"):
		return "run the job again: its token was too old to be exchanged"
	case strings.Contains(says, "AADSTS70021"), strings.Contains(says, "AADSTS700211"), strings.Contains(says, "AADSTS700213"):
		return "add a federated credential to the application whose subject is the one that the message names"
	case strings.Contains(says, "AADSTS7000215"), strings.Contains(says, "AADSTS7000222"):
		return "make a new secret with `az ad app credential reset --id " + p.variable("AZURE_CLIENT_ID") + "`, and set AZURE_CLIENT_SECRET to it"
	case strings.Contains(says, "AADSTS700016"), strings.Contains(says, "AADSTS90002"):
		return "correct AZURE_TENANT_ID and AZURE_CLIENT_ID"
	case p.variable("GITHUB_ACTIONS") != "":
		return "give the job `permissions: {id-token: write, contents: read}`, and set AZURE_CLIENT_ID and AZURE_TENANT_ID"
	case p.variable("CI") != "" || p.variable("TF_BUILD") != "":
		return "set AZURE_TENANT_ID and AZURE_CLIENT_ID, and AZURE_FEDERATED_TOKEN_FILE or AZURE_CLIENT_SECRET"
	}
	return "run `az login`"
}

var (
	actionSaid = pattern.Of(`(?:perform action|Action:) '([^']+)'`)
	scopeSaid  = pattern.Of(`over scope '([^']+)'`)
	linkedSaid = pattern.Of(`action\(s\) '([^',]+)[^']*' on the linked scope\(s\) '([^',]+)`) // what is used, and lacks the right
)

// howToPermit names the role that the caller lacks.
func (p *place) howToPermit(err error) string {
	var res *azcore.ResponseError
	if !errors.As(err, &res) {
		return ""
	}
	message := messageOf(res)
	host, scope := "", "the resource group "+p.target.ResourceGroup
	if res.RawResponse != nil && res.RawResponse.Request != nil {
		host = res.RawResponse.Request.URL.Host
	}
	if m := scopeSaid().FindStringSubmatch(message); m != nil {
		scope = m[1]
	}
	action := ""
	if m := actionSaid().FindStringSubmatch(message); m != nil {
		action = m[1]
	}
	if m := linkedSaid().FindStringSubmatch(message); m != nil {
		action, scope = m[1], m[2]
	}
	switch code := res.ErrorCode; {
	case code == "RequestDisallowedByPolicy":
		return "ask whoever keeps the policies of the subscription for an exemption: the message names the policy"
	case code == "ScopeLocked":
		return "take the lock that the message names away, as with `az lock delete`"
	case code == "ReadOnlyDisabledSubscription":
		return "have the subscription enabled again"
	case strings.Contains(host, ".blob."):
		return give("Storage Blob Data Contributor", "the storage account "+strings.SplitN(host, ".", 2)[0])
	case strings.Contains(host, ".queue."):
		return give("Storage Queue Data Contributor", "the storage account "+strings.SplitN(host, ".", 2)[0])
	case strings.Contains(host, ".servicebus."):
		return give("Azure Service Bus Data Owner", "the namespace "+strings.SplitN(host, ".", 2)[0])
	case strings.Contains(host, ".eventgrid."):
		return give("EventGrid Data Sender", "the topic "+strings.SplitN(host, ".", 2)[0])
	case strings.Contains(host, ".vault."):
		return give("Key Vault Secrets Officer", "the key vault "+strings.SplitN(host, ".", 2)[0])
	case strings.HasSuffix(action, "/register/action"):
		return "have an owner of the subscription run `az provider register --namespace " + strings.TrimSuffix(action, "/register/action") + "`"
	}
	return give(roleFor(action), scope)
}

func give(role, scope string) string { return `give the caller the role "` + role + `" on ` + scope }

// roleFor is the least of Azure's own roles that a deployer needs for an action.
func roleFor(action string) string {
	kind := strings.ToLower(action)
	switch {
	case strings.HasPrefix(kind, "microsoft.authorization/"):
		return "Role Based Access Control Administrator"
	case strings.HasPrefix(kind, "microsoft.eventgrid/eventsubscriptions/"):
		return "EventGrid EventSubscription Contributor"
	case strings.HasSuffix(kind, "/assign/action"):
		return "Managed Identity Operator"
	case strings.HasPrefix(kind, "microsoft.insights/"), strings.HasPrefix(kind, "microsoft.operationalinsights/"):
		if strings.HasSuffix(kind, "/read") {
			return "Log Analytics Reader"
		}
	case strings.HasPrefix(kind, "microsoft.web/") && !strings.HasPrefix(kind, "microsoft.web/serverfarms"):
		return "Website Contributor"
	}
	return "Contributor"
}

// hintOf is the next step for the other kinds.
func hintOf(k providers.Kind, err error) string {
	var res *azcore.ResponseError
	message := ""
	if errors.As(err, &res) {
		message = messageOf(res)
	}
	switch {
	case is(err, "SubscriptionNotFound"):
		return "correct subscription in the manifest: `az account list` shows those that there are"
	case is(err, "LocationNotAvailableForResourceType", "SkuNotAvailable"):
		return "choose another location: `az functionapp list-flexconsumption-locations` shows those that have Flex Consumption"
	case is(err, "StorageAccountAlreadyTaken"):
		return "write storage_account in the target, with a name that nobody has"
	case is(err, "51021") || strings.Contains(message, "for Flex Consumption sites is invalid"):
		return "report this: ferry sent a setting that the plan does not take"
	case k == providers.Limit && strings.Contains(strings.ToLower(message), "core"):
		return moreCores
	case k == providers.Limit:
		return "ask Azure for a higher quota"
	case k == providers.Throttled:
		return "wait a minute and repeat it"
	case k == providers.Unavailable:
		return "check the connection, and repeat it"
	}
	return ""
}

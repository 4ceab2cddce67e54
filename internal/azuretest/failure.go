package azuretest

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"strings"

	"github.com/ferryfn/ferry/internal/standin"
)

// failure is a refusal: what a service answers instead of a result.
type failure struct {
	status  int
	code    string
	message string
	header  http.Header
	details []object // Resource Manager's
}

func (f *failure) Error() string { return f.code + ": " + f.message }

func refuse(status int, code, format string, args ...any) error {
	return &failure{status: status, code: code, message: fmt.Sprintf(format, args...)}
}

// words is how the service that a request is for says that something went wrong.
type words struct{ r *request }

func (w words) Failure(status int, code, message string) standin.Reply {
	return w.r.surface.word(&failure{status: status, code: code, message: message}, w.r)
}
func (w words) Throttled() standin.Reply { return w.r.surface.word(throttled(w.r), w.r) }
func (w words) Broken() standin.Reply    { return w.r.surface.word(broken(w.r), w.r) }
func (w words) Denied() standin.Reply    { return w.r.surface.word(denied(w.r), w.r) }

// object is a value of JSON as it is sent and answered.
type object = map[string]any

func jsonReply(status int, body any) standin.Reply {
	data, err := json.Marshal(body)
	if err != nil {
		panic(err) // all that is answered encodes
	}
	return standin.Reply{Status: status, Header: http.Header{"Content-Type": {"application/json; charset=utf-8"}}, Body: data}
}

// wordARM is how Resource Manager and its providers word a refusal.
//
// Source: azure-rest-api-specs, common-types/resource-management/v3/types.json, ErrorResponse.
func wordARM(f *failure, r *request) standin.Reply {
	body := object{"code": f.code, "message": f.message}
	if f.details != nil {
		body["details"] = f.details
	}
	out := jsonReply(f.status, object{"error": body})
	if strings.HasPrefix(r.service(), "Microsoft.Web") && f.details != nil {
		// App Service repeats itself in the form of its older interface.
		out = jsonReply(f.status, object{"Code": f.code, "Message": f.message, "Target": nil, "Details": f.details, "Innererror": nil})
	}
	armHeaders(out.Header, r)
	out.Header.Set("X-Ms-Failure-Cause", "gateway")
	for name, values := range f.header {
		out.Header[name] = values
	}
	return out
}

// throttled is how a service says that there are too many requests.
//
// Source: learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling.
func throttled(r *request) *failure {
	switch r.surface.name {
	case "arm":
		return &failure{
			status: 429, code: "SubscriptionRequestsThrottled", header: http.Header{"Retry-After": {"1"}, "Retry-After-Ms": {"20"}},
			message: "Number of requests for subscription '" + Subscription + "' and operation '" + r.http.Method +
				"' exceeded the backend storage limit. Please try again after '1' seconds.",
		}
	case "blob", "queue":
		return &failure{status: 503, code: "ServerBusy", message: "The server is currently unable to receive requests. Please retry your request."}
	}
	return &failure{status: 429, code: "TooManyRequests", message: "Too many requests.", header: http.Header{"Retry-After": {"1"}, "Retry-After-Ms": {"20"}}}
}

// broken is how a service says that it failed itself.
func broken(r *request) *failure {
	switch r.surface.name {
	case "blob", "queue":
		return &failure{status: 500, code: "InternalError", message: "The server encountered an internal error. Please retry the request."}
	}
	return &failure{status: 500, code: "InternalServerError", message: "Encountered internal server error. Diagnostic information: timestamp '" + stamp(now()) + "'."}
}

// denied is how a service says that the caller may not do that.
//
// Sources: learn.microsoft.com/azure/role-based-access-control/troubleshooting; Azure/azure-sdk-for-go's recordings.
func denied(r *request) *failure {
	who, client := "", ""
	if r.caller != nil {
		who, client = r.caller.id, r.caller.client
	}
	switch r.surface.name {
	case "blob", "queue":
		return &failure{
			status: 403, code: "AuthorizationPermissionMismatch",
			message: "This request is not authorized to perform this operation using this permission.",
		}
	case "vault":
		return &failure{status: 403, code: "Forbidden", message: fmt.Sprintf("Caller is not authorized to perform action on resource.\r\n"+
			"If role assignments, deny assignments or role definitions were changed recently, please observe propagation time.\r\n"+
			"Caller: appid=%s;oid=%s;iss=https://sts.windows.net/%s/\r\nAction: '%s'\r\n", client, who, Tenant, strings.TrimPrefix(r.op.action, "data:"))}
	case "arm":
		return &failure{status: 403, code: "AuthorizationFailed", message: fmt.Sprintf("The client '%s' with object id '%s' does not have "+
			"authorization to perform action '%s' over scope '%s' or the scope is invalid. If access was recently granted, please refresh "+
			"your credentials.", client, who, r.op.action, r.scope())}
	}
	return &failure{status: 403, code: "Forbidden", message: "Forbidden"}
}

func escape(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a builder takes all
	return b.String()
}

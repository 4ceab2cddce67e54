package azure

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/ferryfn/ferry/providers"
)

// classify gives every failure its kind and its next step.
func (p *place) classify(op, fn string, err error) error {
	if err == nil {
		return nil
	}
	var done *providers.Error
	if errors.As(err, &done) {
		if done.Function == "" {
			named := *done
			named.Function = fn
			return &named
		}
		return done
	}
	e := &providers.Error{Provider: name, Op: op, Function: fn, Err: brief(err), Kind: kindOf(err)}
	switch e.Kind {
	case providers.Unauthenticated:
		e.Hint = p.howToSignIn(err)
	case providers.Denied:
		e.Hint = p.howToPermit(err)
	default:
		e.Hint = hintOf(e.Kind, err)
	}
	return e
}

// kindOf is the class of an error of the SDK. What Azure says outranks the status that it says it with: a long operation
// that failed has the status 200.
func kindOf(err error) providers.Kind {
	code, status := codeOf(err)
	switch {
	case errors.Is(err, context.Canceled):
		return providers.Failed
	case errors.Is(err, context.DeadlineExceeded):
		return providers.Timeout
	case status == http.StatusUnauthorized && lacksClaim(err):
		return providers.Denied
	case unidentified(err):
		return providers.Unauthenticated
	}
	if kind, ok := kindOfCode(code); ok {
		return kind
	}
	if status == 0 {
		return kindOfTransport(err)
	}
	if status < http.StatusMultipleChoices {
		return providers.Failed
	}
	return providers.KindOfStatus(status)
}

// kindOfCode knows the codes whose status says less, or another thing.
func kindOfCode(code string) (providers.Kind, bool) {
	switch code {
	case "AuthorizationFailed", "LinkedAuthorizationFailed", "AuthorizationPermissionMismatch", "AuthorizationPermissionDenied", "InsufficientAccountPermissions",
		"RequestDisallowedByPolicy", "KeyBasedAuthenticationNotPermitted", "Forbidden", "ForbiddenByRbac", "ForbiddenByPolicy", "ScopeLocked",
		"ReadOnlyDisabledSubscription", "DisallowedProvider":
		return providers.Denied, true
	case "SubscriptionNotFound", "ResourceNotFound", "ResourceGroupNotFound", "ContainerNotFound", "BlobNotFound", "SecretNotFound", "NotFound",
		"ParentResourceNotFound", "PathNotFoundError":
		return providers.NotFound, true
	case "ConditionNotMet", "BlobAlreadyExists", "LeaseAlreadyPresent", "LeaseIdMissing", "LeaseLost", "LeaseIdMismatchWithBlobOperation",
		"LeaseIdMismatchWithLeaseOperation", "LeaseIsBrokenAndCannotBeRenewed", "LeaseNotPresentWithLeaseOperation", "LeaseNotPresentWithBlobOperation", "ContainerBeingDeleted",
		"AnotherOperationInProgress", "RoleAssignmentExists":
		return providers.Conflict, true
	case "StorageAccountAlreadyTaken", "AccountNameInvalid":
		return providers.Foreign, true
	case "QuotaExceeded", "SubscriptionQuotaExceeded", "OperationNotAllowed", "SkuNotAvailable", "MaxStorageAccountsCountPerSubscriptionExceeded",
		"RoleAssignmentLimitExceeded", "ResourceQuotaExceeded":
		return providers.Limit, true
	case "TooManyRequests", "SubscriptionRequestsThrottled", "ServerBusy", "429":
		return providers.Throttled, true
	case "InternalServerError", "InternalError", "ServiceUnavailable", "ServerTimeout", "GatewayTimeout", "OperationTimedOut":
		return providers.Unavailable, true
	case "51021", "Endpoint validation", "Url validation", "URL validation", "Unsupported Azure Function Trigger", "InvalidTemplate", "InvalidRequestContent", "BadRequest", "LocationNotAvailableForResourceType", "InvalidResourceLocation",
		"InvalidAuthenticationTokenTenant":
		return providers.Invalid, true
	}
	return "", false
}

// lacksClaim reports whether a service of messages knows the caller, who may not do that: they say so with the status for strangers.
func lacksClaim(err error) bool {
	return says(err, "claim(s) are required", "does not have authorization to perform action 'Microsoft.EventGrid/")
}

// kindOfTransport is the class of a failure on the way.
func kindOfTransport(err error) providers.Kind {
	var never hopeless
	var transport *url.Error
	if errors.As(err, &never) || errors.As(err, &transport) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return providers.Unavailable
	}
	return providers.Failed
}

// unsent reports whether a call failed before anything of it was on its way.
func unsent(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial" || says(err, "TLS handshake timeout")
}

// codeOf is what Azure calls an error, and its status; 0 is that Azure did not answer.
func codeOf(err error) (code string, status int) {
	var res *azcore.ResponseError
	if !errors.As(err, &res) {
		return "", 0
	}
	return res.ErrorCode, res.StatusCode
}

func isNotFound(err error) bool { return err != nil && kindOf(err) == providers.NotFound }

// unlessMissing is the error, unless it is that something is not there.
func unlessMissing(err error) error {
	if isNotFound(err) {
		return nil
	}
	return err
}

// is reports whether Azure calls an error by one of these codes.
func is(err error, codes ...string) bool {
	code, _ := codeOf(err)
	return code != "" && slices.Contains(codes, code)
}

// brief says which call failed, why, and Azure's number for it.
func brief(err error) error {
	var denied *azidentity.AuthenticationFailedError
	if errors.As(err, &denied) {
		first, _, _ := strings.Cut(messageIn(denied.Error()), "\n")
		return providers.Reword(err, first)
	}
	var res *azcore.ResponseError
	if !errors.As(err, &res) {
		return providers.Reword(err, firstLines(err.Error()))
	}
	text := cmp.Or(messageOf(res), http.StatusText(res.StatusCode))
	if code := res.ErrorCode; code != "" && !strings.Contains(text, code) {
		text += " (" + code + requestOf(res) + ")"
	} else if id := requestOf(res); id != "" {
		text += " (" + strings.TrimPrefix(id, ", ") + ")"
	}
	if r := res.RawResponse; r != nil && r.Request != nil {
		text = fmt.Sprintf("%s %s: %s", r.Request.Method, r.Request.URL.Path, text)
	}
	return providers.Reword(err, strings.Replace(err.Error(), res.Error(), text, 1))
}

func firstLines(s string) string {
	lines := strings.SplitN(s, "\n", 4)
	return strings.TrimSpace(strings.Join(lines[:min(len(lines), 3)], " "))
}

// messageOf is what Azure says, in the forms that its services have.
func messageOf(res *azcore.ResponseError) string {
	if res.RawResponse == nil || res.RawResponse.Body == nil {
		return ""
	}
	data, err := io.ReadAll(res.RawResponse.Body)
	if err != nil {
		return ""
	}
	res.RawResponse.Body = io.NopCloser(strings.NewReader(string(data))) // who asks again reads it again
	var body struct {
		Message string
		Error   struct{ Message string }
	}
	if json.Unmarshal(data, &body) == nil {
		return strings.TrimSpace(cmp.Or(body.Error.Message, body.Message))
	}
	for _, element := range []string{"Message", "Detail"} { // the services of storage, and Service Bus
		if _, after, ok := strings.Cut(string(data), "<"+element+">"); ok {
			text, _, _ := strings.Cut(after, "</"+element+">")
			text, _, _ = strings.Cut(text, "\n")
			return strings.TrimSpace(text)
		}
	}
	return ""
}

// messageIn is what Entra says, out of the SDK's report of the exchange.
func messageIn(report string) string {
	if _, after, ok := strings.Cut(report, `"error_description": "`); ok {
		text, _, _ := strings.Cut(after, `\r\n`)
		text, _, _ = strings.Cut(text, `"`)
		return text
	}
	return report
}

// requestOf is the number by which Azure's support finds the call.
func requestOf(res *azcore.ResponseError) string {
	if res.RawResponse == nil {
		return ""
	}
	id := cmp.Or(res.RawResponse.Header.Get("x-ms-request-id"), res.RawResponse.Header.Get("x-ms-correlation-request-id"))
	if id == "" {
		return ""
	}
	return ", request " + id
}

// fail is an error of ferry's own about a function.
func fail(k providers.Kind, op, fn, hint, format string, args ...any) *providers.Error {
	return &providers.Error{Kind: k, Op: op, Provider: name, Function: fn, Hint: hint, Err: fmt.Errorf(format, args...)}
}

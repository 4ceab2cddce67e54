package gcptest

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/ferryfn/ferry/internal/standin"
)

// failure is a refusal: what Google answers instead of a result.
type failure struct {
	rpc     int    // of google.rpc.Code
	http    int    // where it is not that of the code
	reason  string // Cloud Storage's, which has no code: "conditionNotMet"
	message string
	details []any
	// condition is the reason that a status of Cloud Run has of it.
	condition string
}

func (f *failure) Error() string { return f.name() + ": " + f.message }

// The codes of google.rpc.Code that refusals have.
const (
	codeUnknown            = 2
	codeInvalidArgument    = 3
	codeDeadlineExceeded   = 4
	codeNotFound           = 5
	codeAlreadyExists      = 6
	codePermissionDenied   = 7
	codeResourceExhausted  = 8
	codeFailedPrecondition = 9
	codeAborted            = 10
	codeUnimplemented      = 12
	codeInternal           = 13
	codeUnavailable        = 14
	codeUnauthenticated    = 16
)

type code struct {
	name   string
	status int
}

// codes is the table of google/rpc/code.proto.
func codes() map[int]code {
	return map[int]code{
		codeUnknown:            {"UNKNOWN", 500},
		codeInvalidArgument:    {"INVALID_ARGUMENT", 400},
		codeDeadlineExceeded:   {"DEADLINE_EXCEEDED", 504},
		codeNotFound:           {"NOT_FOUND", 404},
		codeAlreadyExists:      {"ALREADY_EXISTS", 409},
		codePermissionDenied:   {"PERMISSION_DENIED", 403},
		codeResourceExhausted:  {"RESOURCE_EXHAUSTED", 429},
		codeFailedPrecondition: {"FAILED_PRECONDITION", 400},
		codeAborted:            {"ABORTED", 409},
		codeUnimplemented:      {"UNIMPLEMENTED", 501},
		codeInternal:           {"INTERNAL", 500},
		codeUnavailable:        {"UNAVAILABLE", 503},
		codeUnauthenticated:    {"UNAUTHENTICATED", 401},
	}
}

func (f *failure) name() string {
	if f.reason != "" {
		return f.reason
	}
	return codes()[f.rpc].name
}

func (f *failure) status() int {
	if f.http != 0 {
		return f.http
	}
	if c, ok := codes()[f.rpc]; ok {
		return c.status
	}
	return http.StatusInternalServerError
}

func refuse(rpc int, format string, args ...any) *failure {
	return &failure{rpc: rpc, message: fmt.Sprintf(format, args...)}
}

// missing is the refusal of what is not there.
func missing(name string) *failure { return refuse(codeNotFound, "Resource '%s' was not found", name) }

// badField is the refusal of a request that cannot be read, or of a value that a field cannot have.
func badField(field, message string) *failure {
	return &failure{rpc: codeInvalidArgument, message: message, details: []any{map[string]any{
		"@type":           "type.googleapis.com/google.rpc.BadRequest",
		"fieldViolations": []any{map[string]string{"field": field, "description": message}},
	}}}
}

// info is a google.rpc.ErrorInfo.
func info(reason, domain string, metadata map[string]string) any {
	return map[string]any{
		"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": domain, "metadata": metadata,
	}
}

// reply is the failure as it is sent (https://cloud.google.com/apis/design/errors#http_mapping; Cloud Storage has
// a list of errors with reasons instead of a status, https://cloud.google.com/storage/docs/json_api/v1/status-codes).
func (f *failure) reply() standin.Reply {
	body := map[string]any{"code": f.status(), "message": f.message}
	if f.reason != "" {
		body["errors"] = []any{map[string]string{"domain": "global", "reason": f.reason, "message": f.message}}
	} else {
		body["status"] = f.name()
		if len(f.details) > 0 {
			body["details"] = f.details
		}
	}
	return answer(f.status(), map[string]any{"error": body})
}

func answer(status int, body any) standin.Reply {
	data, err := json.Marshal(body)
	if err != nil {
		return refuse(codeInternal, "%v", err).reply()
	}
	return standin.Reply{Status: status, Header: http.Header{"Content-Type": {"application/json; charset=UTF-8"}}, Body: data}
}

// words is how the API that a call was for says that something went wrong.
type words struct{ c *call }

var _ standin.Words = words{}

func (w words) Failure(status int, code, message string) standin.Reply {
	f := &failure{http: status, rpc: codeUnknown, message: message}
	for number, c := range codes() {
		if c.name == code {
			f.rpc = number
		}
	}
	if w.c.api.name == "storage" {
		f.reason = code
	}
	return f.reply()
}

// Throttled is worded as the quota of the API's writes (https://cloud.google.com/docs/quotas/troubleshoot).
func (w words) Throttled() standin.Reply {
	f := refuse(codeResourceExhausted, "Quota exceeded for quota metric 'Write requests' and limit 'Write requests per minute' "+
		"of service '%s' for consumer 'project_number:%s'.", w.c.api.host, Number)
	f.details = []any{info("RATE_LIMIT_EXCEEDED", "googleapis.com", map[string]string{
		"service": w.c.api.host, "consumer": "projects/" + Number, "quota_limit": "WriteRequestsPerMinutePerProject",
	})}
	if w.c.api.name == "storage" {
		f = &failure{http: http.StatusTooManyRequests, reason: "rateLimitExceeded", message: "The project exceeded the rate limit for creating and deleting buckets."}
	}
	return f.reply()
}

func (w words) Broken() standin.Reply {
	f := refuse(codeInternal, "Internal error encountered.")
	if w.c.api.name == "storage" {
		f = &failure{http: http.StatusInternalServerError, reason: "backendError", message: "Backend Error"}
	}
	return f.reply()
}

func (w words) Denied() standin.Reply { return w.c.denied().reply() }

// denied is the refusal of a caller who lacks the permission.
func (c *call) denied() *failure {
	if c.api.name == "storage" {
		return &failure{http: http.StatusForbidden, reason: "forbidden", message: fmt.Sprintf("%s does not have %s access to the "+
			"Google Cloud Storage resource. Permission '%s' denied on resource (or it may not exist).", c.caller, c.permission(), c.permission())}
	}
	f := refuse(codePermissionDenied, "Permission '%s' denied on resource '//%s/%s' (or it may not exist).", c.permission(), c.api.host, c.resource)
	f.details = []any{info("IAM_PERMISSION_DENIED", c.api.host, map[string]string{"permission": c.permission(), "resource": c.resource})}
	return f
}

// disabled is the refusal of an API that the project has not enabled.
func (a *api) disabled() *failure {
	title, address := a.title(), "https://console.developers.google.com/apis/api/"+a.host+"/overview?project="+Number
	f := refuse(codePermissionDenied, "%s has not been used in project %s before or it is disabled. Enable it by visiting %s then retry. "+
		"If you enabled this API recently, wait a few minutes for the action to propagate to our systems and retry.", title, Number, address)
	f.details = []any{info("SERVICE_DISABLED", "googleapis.com", map[string]string{
		"service": a.host, "serviceTitle": title, "consumer": "projects/" + Number, "containerInfo": Number, "activationUrl": address,
	})}
	if a.name == "storage" {
		f.reason, f.http = "accessNotConfigured", http.StatusForbidden
	}
	return f
}

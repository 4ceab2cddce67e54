package awstest

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
	reason  string // Lambda's, for a rate
}

func (f *failure) Error() string { return f.code + ": " + f.message }

func refuse(status int, code, format string, args ...any) error {
	return &failure{status: status, code: code, message: fmt.Sprintf(format, args...)}
}

// constraint is the refusal of a value that a service's model does not allow.
func constraint(value, member, rule string) error {
	return refuse(400, "ValidationException",
		"1 validation error detected: Value '%s' at '%s' failed to satisfy constraint: %s", value, member, rule)
}

func (p protocol) failure(f *failure, id string) standin.Reply {
	header := http.Header{"X-Amzn-Requestid": {id}}
	switch p {
	case query:
		header.Set("Content-Type", "text/xml")
		return standin.Reply{Status: f.status, Header: header, Body: fmt.Appendf(nil, "<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code>"+
			"<Message>%s</Message></Error><RequestId>%s</RequestId></ErrorResponse>", f.code, escape(f.message), id)}
	case restXML:
		header.Set("Content-Type", "application/xml")
		header.Set("X-Amz-Request-Id", id)
		return standin.Reply{Status: f.status, Header: header, Body: fmt.Appendf(nil, "<Error><Code>%s</Code><Message>%s</Message>"+
			"<RequestId>%s</RequestId></Error>", f.code, escape(f.message), id)}
	}
	body := map[string]string{"Type": "User", "message": f.message}
	if f.reason != "" {
		body["Reason"] = f.reason
	}
	header.Set("Content-Type", "application/x-amz-json-1.1")
	if p == restJSON {
		header.Set("Content-Type", "application/json")
		header.Set("X-Amzn-Errortype", f.code)
	} else {
		body = map[string]string{"__type": f.code, "message": f.message}
	}
	data, _ := json.Marshal(body) // strings always encode
	return standin.Reply{Status: f.status, Header: header, Body: data}
}

func escape(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a builder takes all
	return b.String()
}

// throttled is how a service says that there are too many requests.
func throttled(service string) *failure {
	switch service {
	case "lambda":
		return &failure{429, "TooManyRequestsException", "Rate exceeded", "CallerRateLimitExceeded"}
	case "s3":
		return &failure{503, "SlowDown", "Please reduce your request rate.", ""}
	case "iam", "sts", "sns":
		return &failure{400, "Throttling", "Rate exceeded", ""}
	case "scheduler":
		return &failure{429, "ThrottlingException", "Rate exceeded", ""}
	default:
		return &failure{400, "ThrottlingException", "Rate exceeded", ""}
	}
}

// broken is how a service says that it failed itself.
func broken(service string) *failure {
	switch service {
	case "lambda":
		return &failure{500, "ServiceException", "An error occurred and the request cannot be processed.", ""}
	case "iam":
		return &failure{500, "ServiceFailure", "The request processing has failed because of an unknown error, exception or failure.", ""}
	case "logs":
		return &failure{500, "ServiceUnavailableException", "The service cannot complete the request.", ""}
	case "scheduler":
		return &failure{500, "InternalServerException", "Unexpected error encountered while processing the request.", ""}
	case "s3":
		return &failure{500, "InternalError", "We encountered an internal error. Please try again.", ""}
	case "ssm":
		return &failure{500, "InternalServerError", "An error occurred on the server side.", ""}
	case "secretsmanager":
		return &failure{500, "InternalServiceError", "An error occurred on the server side.", ""}
	default:
		return &failure{500, "InternalFailure", "The request processing has failed because of an unknown error, exception or failure.", ""}
	}
}

// denied is how a service says that the caller may not do that.
func denied(r *request) *failure {
	code := "AccessDeniedException"
	switch r.op.service.name {
	case "iam", "sts", "s3":
		code = "AccessDenied"
	case "sns":
		code = "AuthorizationError"
	}
	action := permission(r.op)
	resource := resourceARN(r)
	if r.op.service.name == "s3" {
		resource = `"` + resource + `"`
	}
	message := fmt.Sprintf("User: %s is not authorized to perform: %s on resource: %s because no identity-based policy allows the %s action",
		r.caller.arn, action, resource, action)
	return &failure{status: http.StatusForbidden, code: code, message: message}
}

// permission is the action that allows an operation.
func permission(op *operation) string {
	name := op.name
	switch {
	case op.service.name == "lambda" && name == "Invoke":
		name = "InvokeFunction"
	case op.service.name == "s3":
		if action, ok := s3Actions[name]; ok {
			name = action
		}
	}
	return op.service.name + ":" + name
}

func resourceARN(r *request) string {
	name := r.resource
	if strings.HasPrefix(name, "arn:") || name == "" {
		if name == "" {
			return "*"
		}
		return name
	}
	switch r.op.service.name {
	case "lambda":
		return arn("lambda", "function:"+name)
	case "iam":
		return arn("iam", "role/"+name)
	case "logs":
		return arn("logs", "log-group:"+name+":log-stream:")
	case "scheduler":
		return arn("scheduler", "schedule/default/"+name)
	case "secretsmanager":
		return arn("secretsmanager", "secret:"+name)
	case "ssm":
		return arn("ssm", "parameter/"+strings.TrimPrefix(name, "/"))
	default:
		return arn(r.op.service.name, name)
	}
}

// words is how the service that a request was for says that something went wrong.
type words struct {
	r  *request
	id string
}

var _ standin.Words = words{}

func (w words) say(f *failure) standin.Reply { return w.r.op.service.protocol.failure(f, w.id) }

func (w words) Failure(status int, code, message string) standin.Reply {
	return w.say(&failure{status: status, code: code, message: message})
}
func (w words) Throttled() standin.Reply { return w.say(throttled(w.r.op.service.name)) }
func (w words) Broken() standin.Reply    { return w.say(broken(w.r.op.service.name)) }
func (w words) Denied() standin.Reply    { return w.say(denied(w.r)) }

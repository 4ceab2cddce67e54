package gcp

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strings"

	"cloud.google.com/go/auth"
	"google.golang.org/api/googleapi"
	run "google.golang.org/api/run/v2"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/image"
)

// serviceDisabled is the reason of a refusal by an API that is off.
const serviceDisabled = "SERVICE_DISABLED"

// classify gives every failure its kind and its next step.
func (p *place) classify(op, fn string, err error) error {
	if err == nil {
		return nil
	}
	var done *providers.Error
	if errors.As(err, &done) {
		return done
	}
	kind := kindOf(err)
	e := &providers.Error{Provider: name, Op: op, Function: fn, Kind: kind, Err: brief(err)}
	switch {
	case reasonOf(err) == serviceDisabled:
		e.Kind, e.Hint = providers.Denied, p.howToEnable(cmp.Or(detailOf(err, "service"), "storage.googleapis.com"))
	case kind == providers.Unauthenticated:
		e.Hint = p.howToSignIn()
	case kind == providers.Denied:
		e.Hint = cmp.Or(hintOfMessage(messageOf(err)), p.howToPermit(permissionOf(err)))
	default:
		e.Hint = cmp.Or(hintOfMessage(messageOf(err)), hintOf(kind))
	}
	return e
}

// kindOf is the class of an error. What Google says outranks the status that it says it with.
func kindOf(err error) providers.Kind {
	var token *auth.Error
	switch {
	case errors.Is(err, context.Canceled):
		return providers.Failed
	case errors.Is(err, context.DeadlineExceeded), strings.Contains(err.Error(), "would exceed context deadline"):
		return providers.Timeout
	case errors.As(err, &token) && token.Response != nil && token.Response.StatusCode < http.StatusInternalServerError:
		return providers.Unauthenticated
	}
	status := statusOf(err)
	if kind, ok := kindOfCode(codeOf(err)); ok {
		if kind == providers.Denied && status == http.StatusUnauthorized {
			return providers.Unauthenticated
		}
		return kind
	}
	if status > 0 {
		return providers.KindOfStatus(status)
	}
	var sent net.Error
	if errors.As(err, &sent) {
		return providers.Unavailable
	}
	return providers.Failed
}

// kindOfCode knows Google's canonical codes.
func kindOfCode(code string) (providers.Kind, bool) {
	kind, known := map[string]providers.Kind{
		"NOT_FOUND": providers.NotFound, "ALREADY_EXISTS": providers.Conflict, "ABORTED": providers.Conflict,
		"FAILED_PRECONDITION": providers.Invalid, "INVALID_ARGUMENT": providers.Invalid, "OUT_OF_RANGE": providers.Invalid,
		"PERMISSION_DENIED": providers.Denied, "UNAUTHENTICATED": providers.Unauthenticated, "UNIMPLEMENTED": providers.Unsupported,
		"UNAVAILABLE": providers.Unavailable, "INTERNAL": providers.Unavailable, "UNKNOWN": providers.Unavailable,
		"DATA_LOSS": providers.Unavailable, "DEADLINE_EXCEEDED": providers.Timeout, "CANCELLED": providers.Failed,
		"RESOURCE_EXHAUSTED": providers.Throttled,
	}[code]
	return kind, known
}

// failure is what an operation ended with.
type failure struct {
	code    int64
	message string
}

func (f *failure) Error() string { return f.message }

// codes are Google's canonical codes by their numbers.
func codes() []string {
	return []string{
		"OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED",
		"RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
	}
}

// failed is the error of an operation, nil of one that went well.
func failed(e *run.GoogleRpcStatus) error {
	if e == nil {
		return nil
	}
	return &failure{e.Code, e.Message}
}

// answer is the body of an error as all of Google's newer services write it; Cloud Storage leaves the status out.
type answer struct {
	Error struct {
		Status  string
		Message string
		Details []struct {
			Reason   string
			Metadata map[string]string
		}
	}
}

// answerOf is what Google answered, nothing when it did not.
func answerOf(err error) (a answer) {
	var api *googleapi.Error
	if errors.As(err, &api) {
		_ = json.Unmarshal([]byte(api.Body), &a) // an answer of another form says nothing
	}
	return a
}

// codeOf is Google's canonical code of an error, "" when it says none.
func codeOf(err error) string {
	var ended *failure
	if errors.As(err, &ended) && ended.code >= 0 && int(ended.code) < len(codes()) {
		return codes()[ended.code]
	}
	return answerOf(err).Error.Status
}

func messageOf(err error) string {
	var ended *failure
	if errors.As(err, &ended) {
		return ended.message
	}
	return answerOf(err).Error.Message
}

// reasonOf is the reason that Google details, "" for none. Cloud Storage has another word for an API that is off.
func reasonOf(err error) string {
	var api *googleapi.Error
	if errors.As(err, &api) && len(api.Errors) > 0 && api.Errors[0].Reason == "accessNotConfigured" {
		return serviceDisabled
	}
	for _, d := range answerOf(err).Error.Details {
		if d.Reason != "" {
			return d.Reason
		}
	}
	return ""
}

// unlessOff is an error but one that an API is off: nothing is asked of it, and what it may keep from before calls nobody.
func unlessOff(err error) error {
	if err != nil && reasonOf(err) == serviceDisabled {
		return nil
	}
	return err
}

// detailOf is a word of the details, "" for none.
func detailOf(err error, key string) string {
	for _, d := range answerOf(err).Error.Details {
		if value := d.Metadata[key]; value != "" {
			return value
		}
	}
	return ""
}

// permissionOf is the permission that is missing, "" when Google does not say.
func permissionOf(err error) string {
	if permission := detailOf(err, "permission"); permission != "" {
		return permission
	}
	found := regexp.MustCompile(`(?i)(?:permission '?|does not have )([a-z]+\.[a-zA-Z.]+[a-zA-Z])`).FindStringSubmatch(messageOf(err))
	if found == nil {
		return ""
	}
	return found[1]
}

// statusOf is the HTTP status of the answer, 0 when there was none.
func statusOf(err error) int {
	var api *googleapi.Error
	if !errors.As(err, &api) {
		return image.StatusOf(err)
	}
	return api.Code
}

func isNotFound(err error) bool { return err != nil && kindOf(err) == providers.NotFound }

// isAlreadyExists reports whether what was to be made is there. Cloud Storage says no more than that there is a conflict.
func isAlreadyExists(err error) bool {
	return codeOf(err) == "ALREADY_EXISTS" || codeOf(err) == "" && statusOf(err) == http.StatusConflict
}

// isStale reports whether a condition of a write did not hold, or another write was under way.
func isStale(err error) bool {
	return codeOf(err) == "ABORTED" || statusOf(err) == http.StatusPreconditionFailed || statusOf(err) == http.StatusConflict && codeOf(err) != "ALREADY_EXISTS"
}

// brief says why a call failed, in Google's words and with its code.
func brief(err error) error {
	var api *googleapi.Error
	if !errors.As(err, &api) {
		return err
	}
	text := cmp.Or(messageOf(err), strings.TrimSpace(api.Message), http.StatusText(api.Code))
	text = fmt.Sprintf("%s (%s)", strings.TrimSuffix(strings.TrimSpace(text), "."), cmp.Or(codeOf(err), fmt.Sprint(api.Code)))
	return providers.Reword(err, strings.Replace(err.Error(), api.Error(), text, 1))
}

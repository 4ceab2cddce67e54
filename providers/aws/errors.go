package aws

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/ferryfn/ferry/providers"
)

// classify gives every failure its kind and its next step.
func (p *place) classify(op, fn string, err error) error {
	if err == nil {
		return nil
	}
	var done *providers.Error
	if errors.As(err, &done) {
		return done
	}
	e := &providers.Error{Provider: name, Op: op, Function: fn, Err: brief(err)}
	switch kind := kindOf(err); kind {
	case providers.Unauthenticated:
		e.Kind, e.Hint = kind, p.howToSignIn(err)
	case providers.Denied:
		code, message := codeOf(err)
		e.Kind, e.Hint = kind, cmp.Or(hintOfMessage(code, message), howToPermit(err))
	default:
		e.Kind, e.Hint = kind, hintOf(kind, err)
	}
	return e
}

// kindOf is the class of an error of the SDK. What AWS says outranks the status that it says it with.
func kindOf(err error) providers.Kind {
	code, _ := codeOf(err)
	switch {
	case errors.Is(err, context.Canceled):
		return providers.Failed
	case errors.Is(err, context.DeadlineExceeded), strings.Contains(err.Error(), "would exceed context deadline"):
		return providers.Timeout
	case unidentified(err):
		return providers.Unauthenticated
	case limited(err):
		return providers.Limit
	case throttled(err):
		return providers.Throttled
	case code == "":
		return kindOfTransport(err)
	}
	if kind, ok := kindOfCode(code); ok {
		return kind
	}
	return providers.KindOfStatus(statusOf(err))
}

// kindOfCode knows the codes whose status says less, or another thing.
func kindOfCode(code string) (providers.Kind, bool) {
	switch strings.TrimSuffix(code, "Exception") {
	case "ResourceNotFound", "NotFound", "NoSuchEntity", "NoSuchBucket", "NoSuchKey", "NoSuchTagSet", "ParameterNotFound",
		"ParameterVersionNotFound", "QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue",
		"ProvisionedConcurrencyConfigNotFound":
		return providers.NotFound, true
	case "ResourceConflict", "PreconditionFailed", "ConditionalRequestConflict", "Conflict", "ConcurrentModification",
		"OperationAborted", "EntityAlreadyExists", "ResourceAlreadyExists", "ResourceExists", "ParameterAlreadyExists",
		"BucketAlreadyOwnedByYou", "BucketNotEmpty", "DeleteConflict", "ResourceInUse":
		return providers.Conflict, true
	case "BucketAlreadyExists":
		return providers.Foreign, true
	case "AccessDenied", "AuthorizationError", "UnauthorizedOperation", "OptInRequired", "KMSAccessDenied", "KMSDisabled", "KMSInvalidState", "KMSNotFound":
		return providers.Denied, true
	case "Service", "InternalFailure", "InternalError", "InternalServerError", "InternalServiceError", "ServiceUnavailable",
		"RequestTimeout":
		return providers.Unavailable, true
	case "InvalidParameterValue", "Validation", "ValidationError", "InvalidParameter", "InvalidRequest",
		"InvalidRequestContent", "MalformedPolicyDocument", "InvalidArgument", "InvalidBucketName", "PermanentRedirect",
		"MovedPermanently", "IllegalLocationConstraint", "AuthorizationHeaderMalformed", "UnsupportedMediaType":
		return providers.Invalid, true
	}
	return "", false
}

// kindOfTransport is for a call that AWS did not answer in its own words.
func kindOfTransport(err error) providers.Kind {
	var sending *smithyhttp.RequestSendError
	var reading *smithy.DeserializationError
	switch {
	case statusOf(err) >= http.StatusMultipleChoices:
		return providers.KindOfStatus(statusOf(err))
	case errors.As(err, &sending), errors.As(err, &reading):
		return providers.Unavailable
	}
	var op *smithy.OperationError
	if errors.As(err, &op) && statusOf(err) == 0 { // it never left: the SDK itself refused its input
		return providers.Invalid
	}
	return providers.Failed
}

func throttled(err error) bool {
	code, message := codeOf(err)
	_, known := retry.DefaultThrottleErrorCodes[code]
	return known || statusOf(err) == http.StatusTooManyRequests || strings.HasPrefix(strings.ToLower(message), "rate exceeded")
}

// limited reports whether a size or quota is used up; what AWS limits in time is throttled.
func limited(err error) bool {
	code, message := codeOf(err)
	switch strings.TrimSuffix(code, "Exception") {
	case "CodeStorageExceeded", "RequestEntityTooLarge", "RequestTooLarge", "EntityTooLarge", "ServiceQuotaExceeded",
		"PolicyLengthExceeded", "TooManyTags", "TooManyBuckets", "ParameterLimitExceeded", "SubscriptionLimitExceeded",
		"FilterPolicyLimitExceeded":
		return true
	case "LimitExceeded":
		return !strings.Contains(strings.ToLower(message), "rate")
	case "InvalidParameterValue", "Validation":
		return contains(message, "Unzipped size must be smaller", "exceeded the 4KB limit", "Cannot reference more than",
			"Number of tags exceeds", "UnreservedConcurrentExecution below its minimum", "account's unreserved concurrency")
	}
	return statusOf(err) == http.StatusRequestEntityTooLarge
}

// codeOf is what AWS calls an error, "" when AWS did not answer.
func codeOf(err error) (code, message string) {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return "", ""
	}
	return api.ErrorCode(), api.ErrorMessage()
}

// statusOf is the HTTP status of the answer, 0 when there was none.
func statusOf(err error) int {
	var res *smithyhttp.ResponseError
	if !errors.As(err, &res) {
		return 0
	}
	return res.HTTPStatusCode()
}

func isNotFound(err error) bool {
	return err != nil && kindOf(err) == providers.NotFound
}

// isDenied reports whether the caller has no right to it.
func isDenied(err error) bool {
	return err != nil && kindOf(err) == providers.Denied
}

// isAlreadyExists reports whether what was to be made is there.
func isAlreadyExists(err error) bool {
	code, message := codeOf(err)
	switch strings.TrimSuffix(code, "Exception") {
	case "EntityAlreadyExists", "ResourceAlreadyExists", "ResourceExists", "BucketAlreadyOwnedByYou":
		return true
	case "ResourceConflict", "Conflict":
		return contains(message, "already exist", "exists for this Lambda function")
	}
	return false
}

// isInProgress reports whether a function is being changed or made: repeating the call later helps.
func isInProgress(err error) bool {
	code, message := codeOf(err)
	return code == "ResourceConflictException" && contains(message, "in progress", "Pending")
}

func isPreconditionFailed(err error) bool {
	code, _ := codeOf(err)
	return code == "PreconditionFailedException" || code == "PreconditionFailed"
}

// roleNotReady reports whether a service does not know yet what a role may do: new roles take some seconds.
func roleNotReady(err error) bool {
	code, message := codeOf(err)
	switch code {
	case "InvalidParameterValueException", "ValidationException":
		return contains(message, "cannot be assumed by Lambda", "The provided execution role does not have permissions",
			"KMS key is invalid for CreateGrant", "EventBridge Scheduler to assume the role")
	}
	return false
}

// contains reports whether one of the parts is in s.
func contains(s string, parts ...string) bool {
	return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(s, part) })
}

// brief says which call failed, why, and AWS's number for it.
func brief(err error) error {
	if strings.Contains(err.Error(), "no EC2 IMDS role found") { // the last place where the SDK looks
		return providers.Reword(err, "no credentials were found: not in the environment, not in the AWS configuration files, and this machine has no role")
	}
	var op *smithy.OperationError
	if !errors.As(err, &op) {
		return err
	}
	text := op.Err.Error()
	var sending *smithyhttp.RequestSendError
	if errors.As(op.Err, &sending) {
		text = sending.Err.Error()
	}
	if code, message := codeOf(op.Err); code != "" {
		text = code
		if message = mask(strings.TrimSpace(message)); message != "" {
			text = message + " (" + code + requestOf(op.Err) + ")"
		}
	}
	short := op.ServiceID + " " + op.OperationName + ": " + text
	return providers.Reword(err, strings.Replace(err.Error(), op.Error(), short, 1))
}

// requestOf is the number by which AWS's support finds the call.
func requestOf(err error) string {
	var res interface{ ServiceRequestID() string }
	if !errors.As(err, &res) || res.ServiceRequestID() == "" {
		return ""
	}
	return ", request " + res.ServiceRequestID()
}

// mask takes out what a message repeats of the values that were sent: environments and secrets.
func mask(message string) string {
	message, _, _ = strings.Cut(message, " String measured:")
	values := regexp.MustCompile(`(?s)Value '.*?' at '(environment|secret|value|clientRequestToken)`)
	return values.ReplaceAllString(message, "Value '•••' at '$1")
}

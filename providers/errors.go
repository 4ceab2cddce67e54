package providers

import (
	"fmt"
	"net/http"
)

// Kind is the class of a failure. It is an error itself, so that errors.Is(err, providers.NotFound) works.
type Kind string

func (k Kind) Error() string { return string(k) }

// The kinds.
const (
	NotFound        Kind = "not_found"
	Conflict        Kind = "conflict"        // what serves changed under us, or a condition failed
	Held            Kind = "held"            // it was rolled away from, and is not deployed again unasked
	Superseded      Kind = "superseded"      // what went live meanwhile is newer
	Foreign         Kind = "foreign"         // a resource of that name is not ferry's
	Unauthenticated Kind = "unauthenticated" // credentials are missing or expired
	Denied          Kind = "denied"
	Invalid         Kind = "invalid" // the provider refuses the request; repeating it does not help
	Limit           Kind = "limit"   // a quota or size limit
	Throttled       Kind = "throttled"
	Unavailable     Kind = "unavailable" // may work when repeated
	Crashed         Kind = "crashed"     // the handler does not start or died
	Unhealthy       Kind = "unhealthy"   // it starts but does not answer as it must
	Timeout         Kind = "timeout"
	Unsupported     Kind = "unsupported"
	Failed          Kind = "failed" // none of the above
)

// KindOfStatus is the class of an HTTP answer of which only the status is known. If the provider says more in its own words,
// that counts instead.
func KindOfStatus(status int) Kind {
	switch {
	case status == http.StatusUnauthorized:
		return Unauthenticated
	case status == http.StatusForbidden:
		return Denied
	case status == http.StatusNotFound, status == http.StatusGone:
		return NotFound
	case status == http.StatusConflict, status == http.StatusPreconditionFailed:
		return Conflict
	case status == http.StatusRequestEntityTooLarge:
		return Limit
	case status == http.StatusTooManyRequests:
		return Throttled
	case status == http.StatusNotImplemented:
		return Unsupported
	case status == http.StatusRequestTimeout, status >= http.StatusInternalServerError:
		return Unavailable
	case status >= http.StatusMultipleChoices:
		return Invalid
	}
	return Failed
}

// Error is a failure of a provider.
type Error struct {
	Kind     Kind
	Op       string // what was being done: "publish", "activate", "store put"
	Provider string // "" when ferry itself found it
	Function string // "" when it is not about one function
	Hint     string // one imperative line, may be empty
	Log      string // the end of the function's log where that explains the failure
	Err      error
}

func (e *Error) Error() string {
	s := e.Op
	if e.Provider != "" {
		s = e.Provider + ": " + s
	}
	if e.Function != "" {
		s += " " + e.Function
	}
	if e.Err == nil {
		return s + ": " + string(e.Kind)
	}
	return fmt.Sprintf("%s: %v", s, e.Err)
}

// Unwrap gives both the kind and the cause to errors.Is and errors.As.
func (e *Error) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Err}
}

// Reword says an error in other words, in fewer or without values that nobody needs. It unwraps to the one that it is about.
func Reword(err error, text string) error { return &reworded{text, err} }

type reworded struct {
	text string
	err  error
}

func (r *reworded) Error() string { return r.text }

func (r *reworded) Unwrap() error { return r.err }

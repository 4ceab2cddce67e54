package standin

// Fault is what goes wrong with a call. The zero Fault is nothing.
type Fault struct {
	kind    faultKind
	status  int
	code    string
	message string
	until   <-chan struct{}
}

type faultKind int

const (
	noFault faultKind = iota
	failBefore
	loseReply
	cutBefore
	hold
	late
	throttle
	serverError
	deny
)

// Fail answers with an error and does nothing.
func Fail(status int, code, message string) Fault {
	return Fault{kind: failBefore, status: status, code: code, message: message}
}

// LoseReply does the work and cuts the connection.
func LoseReply() Fault { return Fault{kind: loseReply} }

// Cut cuts the connection and does nothing.
func Cut() Fault { return Fault{kind: cutBefore} }

// Hold does the work when released is closed or the caller has gone; in the second case the work is not done.
func Hold(released <-chan struct{}) Fault { return Fault{kind: hold, until: released} }

// Late does the work when released is closed, whether the caller still waits for it or not: as a request that was on its
// way all the time.
func Late(released <-chan struct{}) Fault { return Fault{kind: late, until: released} }

// Throttle answers, in the words of the service, that the rate is exceeded.
func Throttle() Fault { return Fault{kind: throttle} }

// ServerError answers with the service's own failure, status 500.
func ServerError() Fault { return Fault{kind: serverError} }

// Deny answers that the caller lacks the permission for the operation on the resource.
func Deny() Fault { return Fault{kind: deny} }

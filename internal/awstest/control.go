package awstest

import (
	"net/http"
	"slices"
	"sync"
	"time"
)

// Call is one request.
type Call struct {
	Number    int    // from 1 in the order of arrival
	Service   string // as in a signature: "lambda", "logs"
	Operation string
	Resource  string // the name that the request is about; "bucket/key" in S3
	Caller    string // the ARN of who calls: Caller, or the assumed role of a function
	Write     bool   // whether it may change something
	Status    int    // of the reply; 0 while there is none, and when the connection was cut before the work
}

// Fault is what goes wrong with a call. The zero Fault is nothing.
type Fault struct {
	kind    faultKind
	failure failure
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
	return Fault{kind: failBefore, failure: failure{status: status, code: code, message: message}}
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

// control is what tests set and read.
type control struct {
	mu            sync.Mutex
	calls         []Call
	intercept     func(Call) Fault
	answer        func(event []byte, variables map[string]string) []byte
	pendingPolls  int
	updatingPolls int
	unassumable   int
	s3Conflicts   int
	latency       time.Duration
	lambdaRate    bucketRate
	getRate       bucketRate
	refusals      int
}

func (k *control) reset() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.calls, k.refusals = nil, 0
}

// Calls is what was asked since the start or the last Reset, in the order of arrival.
func (c *Cloud) Calls() []Call {
	c.control.mu.Lock()
	defer c.control.mu.Unlock()
	return slices.Clone(c.control.calls)
}

// Reset empties the log of calls and the count of refusals; numbers start at 1 again. Resources stay.
func (c *Cloud) Reset() { c.control.reset() }

// Intercept asks ask before each call what shall go wrong. A nil ask ends that.
func (c *Cloud) Intercept(ask func(Call) Fault) {
	c.control.mu.Lock()
	defer c.control.mu.Unlock()
	c.control.intercept = ask
}

// Answer has invocations answered by this function, which gets the event and the variables of the version's environment:
// for tests of many deployments, where starting functions would take all the time.
func (c *Cloud) Answer(by func(event []byte, variables map[string]string) []byte) {
	c.set(func(k *control) { k.answer = by })
}

// PendingPolls sets how often a new function or version reads as Pending before it is Active. It starts as 1.
func (c *Cloud) PendingPolls(n int) { c.set(func(k *control) { k.pendingPolls = n }) }

// UpdatingPolls sets how often a function reads as InProgress after an update, and an event source mapping or provisioned
// concurrency as under way. It starts as 1.
func (c *Cloud) UpdatingPolls(n int) { c.set(func(k *control) { k.updatingPolls = n }) }

// RoleNotAssumable makes the next tries to give a function a role fail, as with a role that is some seconds old.
func (c *Cloud) RoleNotAssumable(tries int) { c.set(func(k *control) { k.unassumable = tries }) }

// ObjectConflicts makes the next conditional writes of S3 objects fail with ConditionalRequestConflict.
func (c *Cloud) ObjectConflicts(n int) { c.set(func(k *control) { k.s3Conflicts = n }) }

// Latency makes each call take at least d.
func (c *Cloud) Latency(d time.Duration) { c.set(func(k *control) { k.latency = d }) }

// RateLimit enforces Lambda's limits: the given rate of requests a second for all of the control plane, and 100 for
// GetFunction apart. Zero ends that. What is over it is refused, and counted in Refusals.
func (c *Cloud) RateLimit(perSecond float64) {
	c.set(func(k *control) {
		k.lambdaRate, k.getRate = bucketRate{perSecond: perSecond, tokens: perSecond}, bucketRate{perSecond: 100, tokens: 100}
	})
}

// Refusals counts the calls over the RateLimit since the last Reset.
func (c *Cloud) Refusals() int {
	c.control.mu.Lock()
	defer c.control.mu.Unlock()
	return c.control.refusals
}

// DeprecateRuntime makes Lambda refuse to create and update functions of a runtime.
func (c *Cloud) DeprecateRuntime(runtime string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deprecated[runtime] = true
}

func (c *Cloud) set(change func(*control)) {
	c.control.mu.Lock()
	defer c.control.mu.Unlock()
	change(&c.control)
}

func (c *Cloud) polls(of func(*control) int) int {
	c.control.mu.Lock()
	defer c.control.mu.Unlock()
	return of(&c.control)
}

func pending(k *control) int  { return k.pendingPolls }
func updating(k *control) int { return k.updatingPolls }

// take counts one down, and says whether there was one.
func (c *Cloud) take(counter func(*control) *int) bool {
	c.control.mu.Lock()
	defer c.control.mu.Unlock()
	n := counter(&c.control)
	if *n == 0 {
		return false
	}
	*n--
	return true
}

// begin logs a call, and says what shall go wrong with it and how long it must take.
func (k *control) begin(call Call) (Call, Fault, time.Duration) {
	k.mu.Lock()
	call.Number = len(k.calls) + 1
	k.calls = append(k.calls, call)
	ask, latency := k.intercept, k.latency
	k.mu.Unlock()
	if ask == nil {
		return call, Fault{}, latency
	}
	return call, ask(call), latency
}

func (k *control) end(call Call) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if i := call.Number - 1; i < len(k.calls) && k.calls[i].Operation == call.Operation {
		k.calls[i].Status = call.Status
	}
}

// over says whether a call exceeds the rate limit.
func (k *control) over(call Call) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if call.Service != "lambda" || call.Operation == "Invoke" || k.lambdaRate.perSecond == 0 {
		return false
	}
	limit := &k.lambdaRate
	if call.Operation == "GetFunction" {
		limit = &k.getRate
	}
	if limit.take(time.Now()) {
		return false
	}
	k.refusals++
	return true
}

// bucketRate is a token bucket that holds what one second gives.
type bucketRate struct {
	perSecond float64
	tokens    float64
	at        time.Time
}

func (b *bucketRate) take(at time.Time) bool {
	if !b.at.IsZero() {
		b.tokens = min(b.perSecond, b.tokens+at.Sub(b.at).Seconds()*b.perSecond)
	}
	b.at = at
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

// wait pauses for d, or says that the caller has gone.
func wait(r *http.Request, d time.Duration, released <-chan struct{}) bool {
	var timer <-chan time.Time
	if released == nil {
		t := time.NewTimer(d)
		defer t.Stop()
		timer = t.C
	}
	select {
	case <-timer:
	case <-released:
	case <-r.Context().Done():
		return false
	}
	return true
}

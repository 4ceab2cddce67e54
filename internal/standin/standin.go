// Package standin is what stand-ins for clouds share: the log of the calls that they got, how packages are unpacked, and what goes wrong with a
// call when a test says so. What a cloud is and how it words its refusals is the stand-in's own.
package standin

import (
	"net/http"
	"slices"
	"sync"
	"time"
)

// Call is one request.
type Call struct {
	Number    int    // from 1 in the order of arrival
	Service   string // as the cloud abbreviates it: "lambda", "run"
	Operation string
	Resource  string // the name that the request is about
	Caller    string // who calls, as the cloud calls them
	Write     bool   // whether it may change something
	Status    int    // of the reply; 0 while there is none, and when the connection was cut before the work
}

// Reply is what is answered to a call.
type Reply struct {
	Status int
	Header http.Header
	Body   []byte
}

// Words is how the service that was called says that something went wrong.
type Words interface {
	Failure(status int, code, message string) Reply
	Throttled() Reply // the rate is exceeded
	Broken() Reply    // the service failed itself
	Denied() Reply    // the caller lacks the permission
}

// Control logs the calls of a stand-in and lets them fail. Its zero value lets all be. All methods are safe for use by
// several goroutines.
type Control struct {
	mu        sync.Mutex
	calls     []Call
	intercept func(Call) Fault
	latency   time.Duration
	limits    []*Limit
	refusals  int
	under     int             // how many calls are under way
	waiting   []chan struct{} // closed when none is
}

// Calls is what was asked since the start or the last Reset, in the order of arrival.
func (k *Control) Calls() []Call {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.calls)
}

// Reset empties the log of calls and the count of refusals; numbers start at 1 again. Resources stay.
func (k *Control) Reset() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.calls, k.refusals = nil, 0
}

// Intercept asks ask before each call what shall go wrong. A nil ask ends that.
func (k *Control) Intercept(ask func(Call) Fault) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.intercept = ask
}

// Quiet is closed as soon as no call is under way: what callers that have gone asked for is done, or never will be.
func (k *Control) Quiet() <-chan struct{} {
	k.mu.Lock()
	defer k.mu.Unlock()
	quiet := make(chan struct{})
	if k.under == 0 {
		close(quiet)
		return quiet
	}
	k.waiting = append(k.waiting, quiet)
	return quiet
}

// Latency makes each call take at least d.
func (k *Control) Latency(d time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.latency = d
}

// Serve logs a call and answers it: with what work gives, or with what shall go wrong.
func (k *Control) Serve(w http.ResponseWriter, r *http.Request, call Call, words Words, work func() Reply) {
	call, fault, latency := k.begin(call)
	defer k.leave()
	out, cut := k.faulty(r, call, fault, words, func() Reply {
		if latency > 0 && !wait(r, latency, nil) {
			panic(http.ErrAbortHandler)
		}
		return work()
	})
	call.Status = out.Status
	k.end(call)
	if cut {
		panic(http.ErrAbortHandler)
	}
	out.Send(w)
}

// Send writes the reply.
func (r Reply) Send(w http.ResponseWriter) {
	for name, values := range r.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(r.Status)
	_, _ = w.Write(r.Body) // a caller that has gone is no concern
}

// faulty does the work unless the fault forbids it, and says whether the connection must be cut instead of a reply.
func (k *Control) faulty(r *http.Request, call Call, fault Fault, words Words, work func() Reply) (Reply, bool) {
	switch fault.kind {
	case failBefore:
		return words.Failure(fault.status, fault.code, fault.message), false
	case cutBefore:
		return Reply{}, true
	case throttle:
		return words.Throttled(), false
	case serverError:
		return words.Broken(), false
	case deny:
		return words.Denied(), false
	case hold:
		if !wait(r, 0, fault.until) {
			return Reply{}, true
		}
	case late:
		<-fault.until
	}
	if k.over(call) {
		return words.Throttled(), false
	}
	return work(), fault.kind == loseReply
}

// begin logs a call, and says what shall go wrong with it and how long it must take.
func (k *Control) begin(call Call) (Call, Fault, time.Duration) {
	k.mu.Lock()
	call.Number = len(k.calls) + 1
	k.calls = append(k.calls, call)
	k.under++
	ask, latency := k.intercept, k.latency
	k.mu.Unlock()
	if ask == nil {
		return call, Fault{}, latency
	}
	return call, ask(call), latency
}

func (k *Control) end(call Call) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if i := call.Number - 1; i < len(k.calls) && k.calls[i].Operation == call.Operation {
		k.calls[i].Status = call.Status
	}
}

// leave counts a call as no longer under way.
func (k *Control) leave() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.under--; k.under > 0 {
		return
	}
	for _, quiet := range k.waiting {
		close(quiet)
	}
	k.waiting = nil
}

// wait pauses for d, or until released is closed where there is such; false says that the caller has gone.
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

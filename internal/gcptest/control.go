package gcptest

import (
	"net/http"
	"sync"

	"github.com/ferryfn/ferry/internal/standin"
)

// control is what tests set.
type control struct {
	mu sync.Mutex
	settings
}

type settings struct {
	operationPolls int
	policyRequests int
	held           <-chan struct{}
	fail           func(Work) *failure
	answer         func(variables map[string]string) http.Handler
	restricted     bool
}

// OperationPolls sets how often an operation, or what it is about, is read before it is done. It starts as 1.
func (s *Server) OperationPolls(n int) {
	s.set(func(k *control) { k.operationPolls = n })
}

// PolicyRequests sets for how many requests more a service is invoked by the policy that it had before: a new one takes a while
// to count everywhere. It starts as 0.
func (s *Server) PolicyRequests(n int) {
	s.set(func(k *control) { k.policyRequests = n })
}

// RestrictDomains forbids to name allUsers and allAuthenticatedUsers in policies, as the constraint iam.allowedPolicyMemberDomains of an
// organisation does.
func (s *Server) RestrictDomains() { s.set(func(k *control) { k.restricted = true }) }

// Answer has requests to services answered by this function, which gets the variables of the revision's container: for tests of
// many deployments, where starting containers would take all the time. Their images must be there all the same. A container that
// it has no handler for does not start.
func (s *Server) Answer(by func(variables map[string]string) http.Handler) {
	s.set(func(k *control) { k.answer = by })
}

// HoldOperations keeps operations from being done until released is closed.
func (s *Server) HoldOperations(released <-chan struct{}) {
	s.set(func(k *control) { k.held = released })
}

// Work is an operation that begins.
type Work struct {
	API    string // "run"
	Verb   string // "create", "update", "delete"
	Target string // the full name of what it is about
}

// FailOperations asks ask at the start of each operation whether it shall end with an error: a code of google.rpc.Code (0
// is none) and its message. A nil ask ends that.
func (s *Server) FailOperations(ask func(Work) (code int, message string)) {
	s.set(func(k *control) {
		k.fail = func(w Work) *failure {
			if ask == nil {
				return nil
			}
			code, message := ask(w)
			if code == 0 {
				return nil
			}
			return &failure{rpc: code, message: message}
		}
	})
}

func (s *Server) set(change func(*control)) {
	s.control.mu.Lock()
	defer s.control.mu.Unlock()
	change(&s.control)
}

// controls is what is set now.
func (s *Server) controls() settings {
	s.control.mu.Lock()
	defer s.control.mu.Unlock()
	return s.control.settings
}

// FunctionsQuota lets Cloud Functions take as many writes a minute, and no more: at Google 60
// (https://cloud.google.com/functions/quotas#rate_limits). None ends that.
func (s *Server) FunctionsQuota(perMinute int) {
	if perMinute == 0 {
		s.Limits()
		return
	}
	s.Limits(standin.Limit{
		Of:        func(c standin.Call) bool { return c.Service == "cloudfunctions" && c.Write },
		PerSecond: float64(perMinute) / 60, Burst: float64(perMinute),
	})
}

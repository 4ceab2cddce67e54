package gcptest

import (
	"maps"
	"slices"
	"strings"
)

// operation is work that takes its time (google.longrunning.Operation). It is done when it, or what it is about, has been
// read often enough, the work beside has ended, and no test holds it.
type operation struct {
	name     string // "projects/P/locations/L/operations/ID"
	work     Work
	metadata func(*operation) any
	finish   func() (any, *failure) // does what is to be done, under the lock
	beside   <-chan struct{}        // closed when what goes on beside has ended; nil for nothing
	polls    int

	done     bool
	response any
	fail     *failure
}

// begin starts an operation in a location ("projects/P/locations/L").
func (s *Server) begin(parent, id string, op *operation) *operation {
	polls, _, fail := s.controls()
	op.name, op.polls = parent+"/operations/"+id, polls
	if fail != nil {
		op.fail = fail(op.work)
	}
	s.operations[op.name] = op
	return op
}

// settle counts a read of an operation, and ends it when it is time.
func (s *Server) settle(op *operation) {
	if op.done {
		return
	}
	if op.polls > 0 {
		op.polls--
		return
	}
	_, held, _ := s.controls()
	if !closed(held) || !closed(op.beside) {
		return
	}
	op.done = true
	if op.fail == nil {
		op.response, op.fail = op.finish()
	}
}

// closed says whether a channel is closed; one that is not there is.
func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return c == nil
	}
}

// settleAbout counts a read of what operations are about, or are below of.
func (s *Server) settleAbout(target string) {
	for _, name := range slices.Sorted(maps.Keys(s.operations)) {
		if op := s.operations[name]; op.work.Target == target || strings.HasPrefix(op.work.Target, target+"/") {
			s.settle(op)
		}
	}
}

// body is the operation as the APIs write it.
func (op *operation) body() map[string]any {
	b := map[string]any{"name": op.name}
	if op.metadata != nil {
		b["metadata"] = op.metadata(op)
	}
	if !op.done {
		return b
	}
	b["done"] = true
	if op.fail != nil {
		b["error"] = map[string]any{"code": op.fail.rpc, "message": op.fail.message, "details": op.fail.details}
	} else {
		b["response"] = op.response
	}
	return b
}

// getOperation reads an operation.
func (s *Server) getOperation(c *call) (any, error) {
	op := s.operations[c.vars["name"]]
	if op == nil || op.work.API != c.api.name {
		return nil, missing(c.vars["name"])
	}
	s.settle(op)
	return op.body(), nil
}

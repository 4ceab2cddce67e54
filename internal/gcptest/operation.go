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
	// steps come before finish, each when what goes on beside has ended.
	steps []func() *failure
	// failed is told of an error that ends the operation; it may be nil.
	failed func(*failure)

	build string // that belongs to it
	stage string // that is under way

	done     bool
	response any
	fail     *failure
}

// begin starts an operation in a location ("projects/P/locations/L").
func (s *Server) begin(parent, id string, op *operation) *operation {
	now := s.controls()
	op.name, op.polls = parent+"/operations/"+id, now.operationPolls
	if now.fail != nil {
		op.fail = now.fail(op.work)
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
	if !closed(s.controls().held) || !closed(op.beside) {
		return
	}
	for op.fail == nil && len(op.steps) > 0 {
		step := op.steps[0]
		op.steps = op.steps[1:]
		if op.fail = step(); op.fail == nil && !closed(op.beside) {
			return
		}
	}
	op.done = true
	if op.fail == nil {
		op.response, op.fail = op.finish()
	}
	if op.fail != nil && op.failed != nil {
		op.failed(op.fail)
	}
}

// awaitBeside waits, before a read that is to find operations done, for what goes on beside them: how often clients read does
// not depend on how long builds and starts take.
func (s *Server) awaitBeside(c *call) {
	if c.write() {
		return
	}
	for _, beside := range s.due(c) {
		select {
		case <-beside:
		case <-c.http.Context().Done():
		}
	}
}

// due is what goes on beside the operations that a read of a resource is to find done.
func (s *Server) due(c *call) []<-chan struct{} {
	name := strings.TrimSuffix(c.resource, "/-")
	held := s.controls().held
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []<-chan struct{}
	for _, op := range s.operations {
		target := op.work.Target
		about := op.name == name || target == name || strings.HasPrefix(target, name+"/") || strings.HasPrefix(name, target+"/")
		if about && !op.done && op.polls == 0 && op.beside != nil && closed(held) {
			all = append(all, op.beside)
		}
	}
	return all
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

// listOperations lists those of a location, the latest first. A filter may ask for those that are (not) done.
func (s *Server) listOperations(c *call) (any, error) {
	list := []any{}
	for _, name := range slices.Backward(slices.Sorted(maps.Keys(s.operations))) {
		op := s.operations[name]
		if op.work.API != c.api.name || !strings.HasPrefix(name, c.vars["name"]+"/operations/") {
			continue
		}
		s.settle(op)
		if op.matches(c.query.Get("filter")) {
			list = append(list, op.body())
		}
	}
	return map[string]any{"operations": list}, nil
}

// matches knows the filters that clients use: "done:false", "done=true", and "target:NAME" of operations' metadata.
func (op *operation) matches(filter string) bool {
	for term := range strings.SplitSeq(filter, " AND ") {
		field, value, ok := strings.Cut(strings.TrimSpace(term), ":")
		if !ok {
			field, value, _ = strings.Cut(strings.TrimSpace(term), "=")
		}
		value = strings.Trim(value, `"`)
		switch {
		case field == "done" && (value == "true") != op.done:
			return false
		case strings.HasSuffix(field, "target") && value != op.work.Target:
			return false
		}
	}
	return true
}

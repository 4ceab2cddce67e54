package platform

import (
	"context"
	"sync"
	"time"
)

// keptHot is how long an instance that was started ahead is kept for its revision to become live.
const keptHot = time.Minute

// early is an instance of a revision that is not live yet, or a start of one that is under way.
type early struct {
	revision string
	grace    time.Duration
	begun    chan struct{} // closed when the start has come to an end
	stop     context.CancelFunc

	mu     sync.Mutex
	ended  bool
	in     *instance // once begun: nil where it does not start
	failed error
}

// end ends the instance, also one that is still to start.
func (e *early) end() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.ended = true
	e.stop()
	if e.in != nil {
		e.in.end(e.grace)
	}
}

// over reports whether it does not start, or has ended.
func (e *early) over() bool {
	select {
	case <-e.begun:
		return e.failed != nil || e.in.dead()
	default:
		return false
	}
}

// gone waits until an instance that was ended has no process.
func (e *early) gone() {
	<-e.begun
	if e.in != nil {
		<-e.in.exited
	}
}

// warm starts an instance of a revision that is not live ahead of its probe, which finds it at that. It does not wait.
func (s *service) warm(function string, r Revision) error {
	if err := s.lock(); err != nil {
		return err
	}
	defer s.mu.Unlock()
	if had := s.hot[function]; had != nil && had.revision == r.ID && !had.over() {
		return nil
	}
	ctx, stop := context.WithCancel(context.Background())
	e := &early{revision: r.ID, grace: s.host.options.Grace, begun: make(chan struct{}), stop: stop}
	s.heat(function, e)
	j := s.journal(function)
	s.retired.Go(func() {
		in, err := s.host.launch(ctx, s.scope, function, r, j)
		e.mu.Lock()
		e.in, e.failed = in, err
		if in != nil && e.ended {
			in.end(e.grace)
		}
		e.mu.Unlock()
		close(e.begun)
	})
	return nil
}

// started is an instance of a revision that need not be live: the one that was started ahead of this, else a new one. The caller ends it.
func (s *service) started(ctx context.Context, function string, r Revision) (*instance, error) {
	s.mu.Lock()
	j, e := s.journal(function), s.hot[function]
	if e == nil || e.revision != r.ID {
		s.mu.Unlock()
		return s.host.launch(ctx, s.scope, function, r, j)
	}
	delete(s.hot, function)
	s.mu.Unlock()
	select {
	case <-e.begun:
	case <-ctx.Done():
		e.end()
		return nil, ctx.Err()
	}
	if e.failed == nil && e.in.dead() {
		return s.host.launch(ctx, s.scope, function, r, j)
	}
	return e.in, e.failed
}

// keep keeps an instance that was probed until its revision becomes live, where the function has work at present: then its
// first request after the swap meets an instance that has started. It is false where the instance is not kept.
func (s *service) keep(function string, in *instance) bool {
	if s.lock() != nil {
		return false
	}
	defer s.mu.Unlock()
	r := (*s.routes.Load())[function]
	for _, p := range r.pools() {
		if p.revision.ID == in.revision.ID {
			return false // it would be one more than the revision may have
		}
	}
	if !r.works() {
		return false
	}
	e := &early{revision: in.revision.ID, grace: s.host.options.Grace, begun: make(chan struct{}), stop: func() {}, in: in}
	close(e.begun)
	s.heat(function, e)
	return true
}

// heat keeps an instance, or its start, for a function, in place of the one before. The lock is held.
func (s *service) heat(function string, e *early) {
	s.cool(function)
	s.hot[function] = e
	time.AfterFunc(keptHot, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.hot[function] == e {
			s.cool(function)
		}
	})
}

// works reports whether a function has instances.
func (r route) works() bool {
	for _, p := range r.pools() {
		p.mu.Lock()
		n := len(p.instances)
		p.mu.Unlock()
		if n > 0 {
			return true
		}
	}
	return false
}

// cool ends the instance that is kept for a function, if there is one. The lock is held.
func (s *service) cool(function string) {
	if e := s.hot[function]; e != nil {
		e.end()
		delete(s.hot, function)
	}
}

// handOver gives a pool that becomes live the instance that is kept for it. The lock is held.
func (s *service) handOver(p *pool) {
	e := s.hot[p.function]
	if e == nil || e.revision != p.revision.ID {
		return
	}
	delete(s.hot, p.function)
	e.mu.Lock()
	in := e.in
	e.mu.Unlock()
	if in == nil || !p.adopt(in) {
		e.end()
	}
}

// adopt takes in an instance that has started, where there is room for it.
func (p *pool) adopt(in *instance) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.retired || in.dead() || len(p.instances)+p.starting >= p.revision.Max {
		return false
	}
	p.processes[in] = true
	p.instances = append(p.instances, in)
	p.serve(in, false)
	p.settle(in)
	p.running.Go(func() {
		<-in.exited
		p.gone(in)
	})
	return true
}

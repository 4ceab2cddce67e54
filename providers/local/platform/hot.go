package platform

import "time"

// keptHot is how long an instance that was started to see whether it does is kept for its revision to become live.
const keptHot = time.Minute

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
	s.cool(function)
	s.hot[function] = in
	time.AfterFunc(keptHot, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.hot[function] == in {
			s.cool(function)
		}
	})
	return true
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
	if in := s.hot[function]; in != nil {
		in.end(s.host.options.Grace)
		delete(s.hot, function)
	}
}

// handOver gives a pool that becomes live the instance that is kept for it. The lock is held.
func (s *service) handOver(p *pool) {
	in := s.hot[p.function]
	if in == nil || in.revision.ID != p.revision.ID {
		return
	}
	delete(s.hot, p.function)
	if !p.adopt(in) {
		in.end(s.host.options.Grace)
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

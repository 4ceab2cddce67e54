package gcptest

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/ferryfn/ferry/internal/container"
)

// pool is the instances of a revision: as many as its requests need.
type pool struct {
	s        *Server
	revision *runRevision
	service  string

	mu        sync.Mutex
	container *container.Container // nil until the image is unpacked
	instances []*instance
	freed     chan struct{} // closed when an instance may have become free
	closed    bool
	count     int
}

func newPool(s *Server, service string, r *runRevision) *pool {
	return &pool{s: s, service: service, revision: r, freed: make(chan struct{})}
}

// boot finds out beside whether the container of a revision starts. It is called with the lock held.
func (s *Server) boot(r *runRevision) {
	if fail := s.secretsOf(r); fail != nil {
		r.fail = fail
		close(r.booted)
		return
	}
	answer := s.controls().answer
	s.work.Go(func() {
		defer close(r.booted)
		if answer != nil {
			if _, r.fail = s.pull(s.alive, r.is.Containers[0].Image); r.fail != nil {
				return
			}
			if variables, err := s.variables(r); err == nil && answer(variables) == nil {
				s.place.logged(regionOf(r.is.Name), r.is.Service, r.id(), r.is.Uid, "stderr", "the container has ended")
				r.fail = r.pool.unready()
			}
			return
		}
		r.fail = r.pool.boot()
	})
}

// boot unpacks the image and starts the first instance.
func (p *pool) boot() *failure {
	spec := p.revision.is.Containers[0]
	image, fail := p.s.pull(p.s.alive, spec.Image)
	if fail != nil {
		return fail
	}
	root := filepath.Join(p.s.dir, "run", p.revision.is.Uid)
	if err := os.MkdirAll(root, 0o755); err != nil {
		return refuse(codeInternal, "%v", err)
	}
	config, err := container.Unpack(image, root)
	if err != nil {
		return refuse(codeInternal, "%v", err)
	}
	p.mu.Lock()
	p.container = &container.Container{Root: root, Config: config, Command: spec.Command, Args: spec.Args, WorkingDir: spec.WorkingDir}
	p.mu.Unlock()
	i, err := p.acquire(p.s.alive)
	if err != nil {
		return p.unready()
	}
	p.release(i)
	return nil
}

// unready is how Cloud Run says that a container does not start.
func (p *pool) unready() *failure {
	spec := p.revision.is.Containers[0]
	return refuse(codeFailedPrecondition, "The user-provided container failed to start and listen on the port defined provided by the PORT=%d environment variable "+
		"within the allocated timeout. This can happen when the container port is misconfigured or if the timeout is too short. The health check timeout can be extended. "+
		"Logs for this revision might contain more information.\n\nLogs URL: %s", spec.Ports[0].ContainerPort, p.revision.is.LogUri)
}

// acquire gives an instance that takes one more request, and starts one if none does.
func (p *pool) acquire(ctx context.Context) (*instance, error) {
	for {
		p.mu.Lock()
		if p.closed {
			p.mu.Unlock()
			return nil, fmt.Errorf("%s has ended", p.revision.id())
		}
		i, freed := p.find(), p.freed
		p.mu.Unlock()
		if i == nil {
			select {
			case <-freed:
				continue
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		select {
		case <-i.started:
		case <-ctx.Done():
			p.release(i)
			return nil, ctx.Err()
		}
		if i.err != nil {
			p.release(i)
			return nil, i.err
		}
		return i, nil
	}
}

// find takes a place in an instance; nil is none, and no more may be started.
func (p *pool) find() *instance {
	alive := 0
	for _, i := range p.instances {
		if i.draining || i.over() {
			continue
		}
		alive++
		if int64(i.serving) < p.revision.is.MaxInstanceRequestConcurrency {
			i.serving++
			return i
		}
	}
	if int64(alive) >= p.revision.is.Scaling.MaxInstanceCount {
		return nil
	}
	p.count++
	i := &instance{id: fmt.Sprintf("%s-%d", p.revision.is.Uid, p.count), serving: 1, started: make(chan struct{})}
	p.instances = append(p.instances, i)
	k := p.container
	p.s.work.Go(func() {
		i.err = p.s.launch(p.s.alive, p.revision, k, i)
		close(i.started)
	})
	return i
}

// over says whether an instance has not started, or has ended.
func (i *instance) over() bool { return closed(i.started) && (i.err != nil || closed(i.ended)) }

func (p *pool) release(i *instance) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i.serving--
	close(p.freed)
	p.freed = make(chan struct{})
	if i.draining && i.serving == 0 {
		p.end(i)
	}
}

// EndInstances ends what runs when it has answered, as services without requests are scaled to none.
func (s *Server) EndInstances() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range s.services {
		for _, r := range v.revisions {
			r.pool.drain()
		}
	}
}

// drain ends all instances when they have answered what they are answering.
func (p *pool) drain() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, i := range p.instances {
		if !i.draining {
			i.draining = true
			if i.serving == 0 {
				p.end(i)
			}
		}
	}
}

// end stops an instance, and takes it off the list.
func (p *pool) end(i *instance) {
	for at, other := range p.instances {
		if other == i {
			p.instances = append(p.instances[:at:at], p.instances[at+1:]...)
			break
		}
	}
	p.s.work.Go(func() {
		<-i.started
		i.stop()
	})
}

// stop ends the pool, whatever it answers.
func (p *pool) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for len(p.instances) > 0 {
		p.end(p.instances[0])
	}
}

// serve lets an instance answer.
func (p *pool) serve(w http.ResponseWriter, r *http.Request, timeout time.Duration) {
	ctx, cancel := context.WithTimeout(r.Context(), timeout)
	defer cancel()
	if answer := p.s.controls().answer; answer != nil {
		variables, err := p.s.variables(p.revision)
		if err != nil {
			errorPage(w, http.StatusServiceUnavailable, "Service Unavailable")
			return
		}
		answer(variables).ServeHTTP(w, r.WithContext(ctx))
		return
	}
	i, err := p.acquire(ctx)
	if err != nil {
		errorPage(w, http.StatusServiceUnavailable, "Service Unavailable")
		return
	}
	defer p.release(i)
	i.proxy.ServeHTTP(w, r.WithContext(ctx))
}

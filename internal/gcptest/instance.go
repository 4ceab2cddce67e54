package gcptest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"time"

	"github.com/ferryfn/ferry/internal/child"
	"github.com/ferryfn/ferry/internal/container"
)

// instance is a running container.
type instance struct {
	id       string
	serving  int // requests
	started  chan struct{}
	err      error           // why it did not start; valid when started
	ended    <-chan struct{} // closed when its process has ended
	process  *child.Process  // nil when none was started
	proxy    http.Handler
	draining bool
}

// launch starts the container of a revision, and waits until it listens.
func (s *Server) launch(ctx context.Context, r *runRevision, k *container.Container, i *instance) error {
	variables, err := s.environment(r, k)
	if err != nil {
		return err
	}
	out, errs := &printed{s: s, r: r, i: i, stream: "stdout"}, &printed{s: s, r: r, i: i, stream: "stderr"}
	var address string
	if i.process, address, err = k.Start(ctx, variables, out, errs); err != nil {
		return err
	}
	ended := make(chan struct{})
	i.ended = ended
	s.work.Go(func() {
		<-i.process.Done()
		out.keep(out.begun) // what ended without the end of a line
		errs.keep(errs.begun)
		close(ended)
	})
	i.proxy = proxy(address)
	if err := i.await(ctx, r, address); err != nil {
		i.process.Kill()
		return err
	}
	return nil
}

// environment is what the container finds (https://cloud.google.com/run/docs/container-contract#env-vars).
func (s *Server) environment(r *runRevision, k *container.Container) (map[string]string, error) {
	all := map[string]string{}
	for _, variable := range k.Config.Env {
		for at := range variable {
			if variable[at] == '=' {
				all[variable[:at]] = k.Here(variable[at+1:])
				break
			}
		}
	}
	values, err := s.variables(r)
	if err != nil {
		return nil, err
	}
	for name, value := range values {
		all[name] = k.Here(value)
	}
	delete(all, "PATH") // which are this machine's
	delete(all, "HOME")
	all["GCE_METADATA_HOST"] = s.metadataHost(r.is.ServiceAccount)
	return all, nil
}

// variables are those that the revision's template names, with the values of secrets as they are now, and those of the system.
func (s *Server) variables(r *runRevision) (map[string]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := map[string]string{}
	for _, e := range r.is.Containers[0].Env {
		all[e.Name] = e.Value
		if e.ValueSource == nil {
			continue
		}
		value, fail := s.secretOf(r, e.ValueSource.SecretKeyRef)
		if fail != nil {
			return nil, fail
		}
		all[e.Name] = string(value)
	}
	all["K_SERVICE"], all["K_REVISION"], all["K_CONFIGURATION"] = r.is.Service, r.id(), r.is.Service
	return all, nil
}

// await looks until the startup probe is content.
func (i *instance) await(ctx context.Context, r *runRevision, address string) error {
	p := r.is.Containers[0].StartupProbe
	limit := time.Duration(p.InitialDelaySeconds+p.PeriodSeconds*p.FailureThreshold) * time.Second
	ctx, cancel := context.WithTimeout(ctx, min(limit, startLimit))
	defer cancel()
	return container.Await(ctx, i.ended, func(ctx context.Context) bool { return i.probed(ctx, address, r) })
}

// startLimit is how long a container may take to listen: less than at Google, as nobody wants to wait for what does not.
const startLimit = 30 * time.Second

func (i *instance) probed(ctx context.Context, address string, r *runRevision) bool {
	p := r.is.Containers[0].StartupProbe
	if p.HttpGet == nil {
		return container.Listens(ctx, address)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+p.HttpGet.Path, nil)
	if err != nil {
		return false
	}
	for _, h := range p.HttpGet.HttpHeaders {
		request.Header.Set(h.Name, h.Value)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	_ = answer.Body.Close()
	return answer.StatusCode >= 200 && answer.StatusCode < 400
}

// stop ends the process: it is asked, and then made to.
func (i *instance) stop() {
	if i.process == nil {
		return
	}
	i.process.Ask()
	timer := time.NewTimer(2 * time.Second)
	defer timer.Stop()
	select {
	case <-i.ended:
	case <-timer.C:
		i.process.Kill()
		<-i.ended
	}
}

// printed keeps what a container writes into a stream, line by line.
type printed struct {
	s      *Server
	r      *runRevision
	i      *instance
	stream string
	begun  []byte // of a line
}

func (p *printed) Write(data []byte) (int, error) {
	p.begun = append(p.begun, data...)
	for {
		line, rest, whole := bytes.Cut(p.begun, []byte("\n"))
		if !whole {
			return len(data), nil
		}
		p.begun = rest
		p.keep(line)
	}
}

func (p *printed) keep(line []byte) {
	if len(line) > 0 {
		p.s.place.logged(regionOf(p.r.is.Name), p.r.is.Service, p.r.id(), p.i.id, p.stream, string(line))
	}
}

// proxy hands requests to a container as Google's front end does.
func proxy(address string) http.Handler {
	p := container.Proxy(address)
	plain := p.Rewrite
	p.Rewrite = func(r *httputil.ProxyRequest) {
		plain(r)
		r.Out.Header.Set("X-Forwarded-Proto", "https")
		r.Out.Header.Set("X-Cloud-Trace-Context", "0123456789abcdef0123456789abcdef/1;o=1")
		r.Out.Header.Set("Forwarded", fmt.Sprintf(`for="%s";proto=https`, r.Out.Header.Get("X-Forwarded-For")))
	}
	p.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, err error) {
		w.Header().Set("Content-Type", "text/plain")
		if errors.Is(err, context.DeadlineExceeded) {
			w.WriteHeader(http.StatusGatewayTimeout)
			_, _ = io.WriteString(w, "upstream request timeout")
			return
		}
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, "upstream connect error or disconnect/reset before headers. reset reason: connection termination")
	}
	return container.Duplex(p)
}

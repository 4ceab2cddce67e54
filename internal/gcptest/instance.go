package gcptest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
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
	argv, err := k.Argv(ctx)
	if err != nil {
		return err
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	env, err := s.environment(r, k, port)
	if err != nil {
		return err
	}
	for _, dir := range []string{k.Dir(), filepath.Join(k.Root, "home")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir, cmd.Env, cmd.WaitDelay = k.Dir(), env, time.Second
	out, errs := &printed{s: s, r: r, i: i, stream: "stdout"}, &printed{s: s, r: r, i: i, stream: "stderr"}
	cmd.Stdout, cmd.Stderr = out, errs
	if i.process, err = child.Start(cmd); err != nil {
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
	address := "127.0.0.1:" + strconv.Itoa(port)
	i.proxy = proxy(address)
	if err := i.await(ctx, r, address); err != nil {
		i.process.Kill()
		return err
	}
	return nil
}

// environment is what the container finds (https://cloud.google.com/run/docs/container-contract#env-vars).
func (s *Server) environment(r *runRevision, k *container.Container, port int) ([]string, error) {
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
	all["PATH"] = "/usr/local/bin:/usr/bin:/bin"
	all["HOME"] = filepath.Join(k.Root, "home")
	all["PORT"] = strconv.Itoa(port)
	all["GCE_METADATA_HOST"] = s.metadataHost(r.is.ServiceAccount)
	out := make([]string, 0, len(all))
	for name, value := range all {
		out = append(out, name+"="+value)
	}
	return out, nil
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
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if i.probed(ctx, address, r) {
			return nil
		}
		select {
		case <-i.ended:
			return errors.New("the container has ended")
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// startLimit is how long a container may take to listen: less than at Google, as nobody wants to wait for what does not.
const startLimit = 30 * time.Second

func (i *instance) probed(ctx context.Context, address string, r *runRevision) bool {
	p := r.is.Containers[0].StartupProbe
	if p.HttpGet == nil {
		connection, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err != nil {
			return false
		}
		return connection.Close() == nil
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
	to := &url.URL{Scheme: "http", Host: address}
	return &httputil.ReverseProxy{
		FlushInterval: -1,
		Transport:     &http.Transport{DisableCompression: true, DisableKeepAlives: true},
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.Out.Host, r.Out.URL.RawQuery = r.In.Host, r.In.URL.RawQuery
			r.SetXForwarded()
			r.Out.Header.Set("X-Forwarded-Proto", "https")
			r.Out.Header.Set("X-Cloud-Trace-Context", "0123456789abcdef0123456789abcdef/1;o=1")
			r.Out.Header.Set("Forwarded", fmt.Sprintf(`for="%s";proto=https`, r.Out.Header.Get("X-Forwarded-For")))
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			w.Header().Set("Content-Type", "text/plain")
			if errors.Is(err, context.DeadlineExceeded) {
				w.WriteHeader(http.StatusGatewayTimeout)
				_, _ = io.WriteString(w, "upstream request timeout")
				return
			}
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, "upstream connect error or disconnect/reset before headers. reset reason: connection termination")
		},
	}
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	_, text, err := net.SplitHostPort(l.Addr().String())
	if err := errors.Join(err, l.Close()); err != nil {
		return 0, err
	}
	return strconv.Atoi(text)
}

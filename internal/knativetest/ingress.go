package knativetest

import (
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"time"

	"github.com/ferryfn/ferry/internal/standin"
)

// visibility is who reaches a route at a gateway.
type visibility string

const (
	external visibility = "ExternalIP"
	internal visibility = "ClusterLocal"
)

// gateway chooses the route by the host of a request, and one of its revisions by its shares.
func (s *Server) gateway(v visibility) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handler := s.choose(r.Host, v)
		if handler == nil {
			http.NotFound(w, r)
			return
		}
		handler.ServeHTTP(w, r)
	})
}

// address is that of a route at a gateway, "" where it has none.
func (v visibility) address(route object) string {
	switch {
	case v == internal:
		return text(route, "status", "address", "url")
	case text(route, "metadata", "labels", "networking.knative.dev/visibility") == "cluster-local":
		return ""
	}
	return text(route, "status", "url")
}

func (s *Server) choose(host string, v visibility) http.Handler {
	if name, _, err := net.SplitHostPort(host); err == nil && name != "127.0.0.1" {
		host = name // on loopback the port tells routes apart
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.plane != nil {
		return s.handlerOf(s.chosen(host, v))
	}
	for _, o := range s.of(routes) {
		if u, err := url.Parse(v.address(o)); err != nil || u.Host != host || at(o, "metadata", "deletionTimestamp") != nil {
			continue
		}
		chance := rand.IntN(100)
		for _, t := range items(o, "status", "traffic") {
			if chance -= number(t, "percent"); chance < 0 {
				return s.handlerOf(text(t, "revisionName"))
			}
		}
	}
	return nil
}

// OnLoopback gives routes that are public an address of 127.0.0.1 of their own in place of a name of the cluster's domain, for callers
// that no DNS tells of that.
func (s *Server) OnLoopback() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.addresses = map[string]*httptest.Server{}
}

// public is the address of a route for the world.
func (s *Server) public(route string) string {
	switch {
	case s.addresses == nil:
		return "http://" + route + "." + s.Namespace + ".example.com"
	case s.addresses[route] == nil:
		s.addresses[route] = httptest.NewServer(s.gateway(external))
	}
	return s.addresses[route].URL
}

// handlerOf is what answers as a revision. It is called with the lock held.
func (s *Server) handlerOf(revision string) http.Handler {
	for _, w := range s.running {
		if w.name == revision {
			return w.handler
		}
	}
	return nil
}

func podName(revision, uid string) string { return revision + "-deployment-" + uid[:8] }

// pods are those of the revisions that run.
func (s *Server) pods() []object {
	var all []object
	for _, uid := range sorted(s.running) {
		w := s.running[uid]
		state := object{}
		if waits := w.waiting(); waits != nil {
			state["waiting"] = waits
		}
		all = append(all, object{"metadata": object{"name": podName(w.name, uid), "labels": object{
			"serving.knative.dev/revision": w.name, "serving.knative.dev/configuration": w.configuration,
		}}, "status": object{"containerStatuses": []any{object{"name": "user-container", "state": state}}}})
	}
	return all
}

// podLog is what a pod wrote.
func (s *Server) podLog(q *request) (standin.Reply, *status) {
	for _, uid := range sorted(s.running) {
		w := s.running[uid]
		if podName(w.name, uid) != q.name {
			continue
		}
		if k := q.query.Get("container"); k != "user-container" {
			return standin.Reply{}, refuse(http.StatusBadRequest, "BadRequest", "container %s is not valid for pod %s", k, q.name)
		}
		from, err := time.Parse(time.RFC3339, q.query.Get("sinceTime"))
		if err != nil || q.query.Get("timestamps") != "true" {
			return standin.Reply{}, refuse(http.StatusBadRequest, "BadRequest", "sinceTime: %v", err)
		}
		return standin.Reply{Status: http.StatusOK, Header: http.Header{"Content-Type": {"text/plain"}}, Body: w.output.since(from)}, nil
	}
	return standin.Reply{}, refuse(http.StatusNotFound, "NotFound", "pods %q not found", q.name)
}

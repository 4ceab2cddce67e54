// Package knativetest is a cluster with Knative Serving for tests: an API server that refuses what Kubernetes and Knative's
// webhook refuse, in their words; Knative's controllers, which make revisions and send requests; a registry, from which the
// layers of images are run; and an ingress. It fails as it is told.
package knativetest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/ferryfn/ferry/internal/standin"
)

// token is who may call the API server.
const token = "knativetest"

// Server is a cluster.
type Server struct {
	standin.Control
	URL      string // of the API server
	Ingress  string // of the ingress, which chooses by the name of the host
	Local    string // of the cluster-local gateway
	Registry string // host and path of a repository
	// Namespace is where functions are deployed to.
	Namespace string

	plane    *Plane              // nil where the cluster is an imitation
	rules    map[string][]object // of ingresses of a real cluster, by name
	t        testing.TB
	dir      string
	alive    context.Context
	work     sync.WaitGroup
	wake     chan struct{}
	registry *httptest.Server

	mu      sync.Mutex
	objects map[string]object // by resource and name
	version int
	running map[string]*workload // by the uid of the revision
	answer  func(variables map[string]string) http.Handler
	forbids []string
	cpu     string // that a revision gets which asks for none; "" is none
	// noEventing is that the cluster has no Knative Eventing.
	noEventing bool
	// addresses of routes on loopback, by their names; nil where they have names of the cluster's domain
	addresses map[string]*httptest.Server
	lag       int            // how often a route is looked at before the controller follows what was written
	looks     map[string]int // by route and generation
}

// New starts an imitation of a cluster, which ends with the test.
func New(t testing.TB) *Server {
	t.Helper()
	s := begin(t, "default")
	s.work.Go(s.control)
	return s
}

// begin starts what an imitation and a real cluster have in common: registry and gateways.
func begin(t testing.TB, namespace string) *Server {
	t.Helper()
	alive, end := context.WithCancel(context.WithoutCancel(t.Context()))
	s := &Server{
		t: t, dir: t.TempDir(), alive: alive, wake: make(chan struct{}, 1),
		Namespace: namespace, rules: map[string][]object{}, objects: map[string]object{}, running: map[string]*workload{}, looks: map[string]int{},
	}
	s.registry = httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	s.Registry = strings.TrimPrefix(s.registry.URL, "http://") + "/ferry"
	api, ingress, local := httptest.NewServer(http.HandlerFunc(s.serveAPI)), httptest.NewServer(s.gateway(external)), httptest.NewServer(s.gateway(internal))
	s.URL, s.Ingress, s.Local = api.URL, ingress.URL, local.URL
	t.Cleanup(func() {
		for _, l := range []*httptest.Server{api, ingress, local} {
			l.CloseClientConnections()
			l.Close()
		}
		end()
		s.mu.Lock()
		for _, w := range s.running {
			w.stop()
		}
		for _, l := range s.addresses {
			defer l.Close()
		}
		s.mu.Unlock()
		s.work.Wait()
		s.registry.Close()
	})
	return s
}

// Kubeconfig writes one for a deployer, and gives its path.
func (s *Server) Kubeconfig(t testing.TB) string { return s.signedIn(t, token) }

// Owner writes one for who may do everything, and gives its path.
func (s *Server) Owner(t testing.TB) string { return s.signedIn(t, ownerToken) }

func (s *Server) signedIn(t testing.TB, as string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "kubeconfig")
	must(t, os.WriteFile(file, []byte(kubeconfig(s.URL, as, s.Namespace)), 0o600))
	return file
}

// BaseImage puts an image into the registry that holds next to nothing: what is laid over it runs in the interpreters of this
// machine. It gives its name.
func (s *Server) BaseImage(path string) string {
	file, err := empty.Image.ConfigFile()
	if err == nil {
		file = file.DeepCopy()
		file.OS, file.Architecture = "linux", "amd64"
		file.Config = v1.Config{Env: []string{"PATH=/usr/local/bin:/usr/bin:/bin"}}
	}
	var image v1.Image
	if err == nil {
		image, err = mutate.ConfigFile(empty.Image, file)
	}
	reference := strings.TrimSuffix(s.Registry, "/ferry") + "/" + path
	var ref name.Reference
	if err == nil {
		ref, err = name.ParseReference(reference)
	}
	if err == nil {
		err = remote.Write(ref, image, remote.WithContext(s.alive))
	}
	if err != nil {
		s.t.Errorf("knativetest: %v", err)
	}
	return reference
}

// Answer has revisions answered for in place of running their images. It is given the variables of the revision.
func (s *Server) Answer(with func(variables map[string]string) http.Handler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = with
}

// Snapshot names all objects of the namespace, sorted.
func (s *Server) Snapshot() []string {
	if s.plane != nil {
		return s.names()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return sorted(s.objects)
}

// status is what the API server says in place of what was asked for.
type status struct {
	code            int
	reason, message string
}

func refuse(code int, reason, format string, args ...any) *status {
	return &status{code, reason, fmt.Sprintf(format, args...)}
}

func (s *status) reply() standin.Reply {
	return reply(s.code, object{"kind": "Status", "apiVersion": "v1", "metadata": object{}, "status": "Failure", "message": s.message, "reason": s.reason, "code": s.code})
}

func reply(code int, body any) standin.Reply {
	return standin.Reply{Status: code, Header: http.Header{"Content-Type": {"application/json"}}, Body: encode(body)}
}

// words are those of the API server for a call.
type words struct{ q *request }

func (words) Failure(code int, reason, message string) standin.Reply {
	return refuse(code, reason, "%s", message).reply()
}

func (words) Throttled() standin.Reply {
	return refuse(http.StatusTooManyRequests, "TooManyRequests", "The apiserver has received too many requests and has asked us to try again later.").reply()
}

func (words) Broken() standin.Reply {
	return refuse(http.StatusInternalServerError, "InternalError", "Internal error occurred: etcdserver: request timed out").reply()
}

func (w words) Denied() standin.Reply {
	return refuse(http.StatusForbidden, "Forbidden", "%s is forbidden: User \"ferry\" cannot %s resource %q in API group %q in the namespace %q", w.q.qualified(), w.q.verb, w.q.plural, w.q.group, w.q.namespace).reply()
}

func readAll(r io.Reader) []byte {
	var b bytes.Buffer
	_, _ = b.ReadFrom(r) // a caller that has gone is no concern
	return b.Bytes()
}
